"""A client whose TCP is led to the proxy without its doing: it reaches the site by an address that
nobody has, and never the site's own port as though it were on the machine."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.lab.net import CLIENT, GATEWAY, Lab
from tests.lab.requirements import cannot_run, missing
from tests.netns import inside
from tests.origin import free_port
from tests.process import Running
from tests.proxy.ways_in import tcp, transparent
from tests.web.asking import HOST, ask, exchange

NOBODYS = "192.0.2.80"
GET = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
PROXIED = b"This browser comes through rtcguard"


@dataclass(frozen=True)
class Led:
    lab: Lab
    run: Running
    port: int  # of the site


@pytest.fixture(scope="module")
def led(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Led]:
    if reasons := missing():
        cannot_run(f"without these nothing shows it: {'; '.join(reasons)}")
    port = free_port()
    config = f"web: {{listen: '0.0.0.0:{port}'}}\n"
    with Lab() as lab, transparent(lab, tmp_path_factory.mktemp("led"), config) as run:
        yield Led(lab, run, port)


def test_the_site(led: Led) -> None:
    answer = exchange(tcp(led.lab, NOBODYS, 80), GET)
    assert PROXIED in answer
    assert f"<code>{CLIENT.v4}</code>".encode() in answer


def test_the_site_by_https(led: Led) -> None:
    trusting = ssl.create_default_context(
        cafile=str(led.run.state / "ca" / "mitmproxy-ca-cert.pem")
    )
    trusting.set_alpn_protocols(["http/1.1"])
    channel = trusting.wrap_socket(tcp(led.lab, NOBODYS, 443), server_hostname=HOST)
    assert PROXIED in exchange(channel, GET)


@pytest.mark.parametrize("host", [GATEWAY.v4, "127.0.0.1"])
def test_the_own_port(led: Led, host: str) -> None:
    """On the gateway it answers there: as the machine's own at its loopback."""
    own = inside(led.lab.gateway, lambda: ask(led.port, host=host))
    assert (own.status, own.client) == (200, host)
    if host == GATEWAY.v4:
        asked = GET.replace(HOST.encode(), f"{host}:{led.port}".encode())
        assert b"<html" not in exchange(tcp(led.lab, host, led.port), asked)
        assert b"HTTP" not in exchange(tcp(led.lab, host, led.port), b"\x00\x01 no HTTP\r\n\r\n")
