"""http://rtcguard.test/ through a real proxy: what gets to the site's process, and as whose."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rtcguard.web.hand_over import HEADER, LASTS, Handed, key_of, read, sign
from tests import raw
from tests.app.test_run import children, eventually
from tests.netns import inside, namespace
from tests.origin import free_port
from tests.process import Running, running
from tests.proxy.far_sides import connect_through, connect_through_socks, read_until
from tests.web.asking import HOST, ask, ask_securely, exchange

PROXIED = "This browser comes through rtcguard"
GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Both:
    """rtcguard with its site; `socks` is a port of the proxy's too."""

    run: Running
    port: int
    socks: int

    @property
    def ca(self) -> Path:
        return self.run.state / "ca" / "mitmproxy-ca-cert.pem"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    port, socks = free_port(), free_port()
    config = f"web: {{listen: '127.0.0.1:{port}'}}\n"
    modes = ("--mode", "regular", "--mode", f"socks5@127.0.0.1:{socks}")
    with running(tmp_path_factory.mktemp("both"), config, *modes) as run:
        yield Both(run, port, socks)


def test_signed_for_one_request_and_a_while() -> None:
    key, handed = key_of(b"k" * 32), Handed("192.0.2.7", True)
    said = sign(key, handed, "GET", "/page?a", 1000.0)
    assert read(key, said, "GET", "/page?a", 1000.0 + LASTS) == handed
    assert read(key, said, "GET", "/page?a", 1000.1 + LASTS) is None
    assert read(key, said, "GET", "/page?b", 1000.0) is None
    assert read(key, said, "POST", "/page?a", 1000.0) is None
    assert read(key_of(b"other"), said, "GET", "/page?a", 1000.0) is None
    for wrong in (
        "",
        "a b c d",
        said.replace(".7 ", ".8 "),
        said.replace("https", "http"),
        "é " + said,
    ):
        assert read(key, wrong, "GET", "/page?a", 1000.0) is None, wrong
    assert read(key, sign(key, Handed("", True), "GET", "/", 1.0), "GET", "/", 1.0) is None


def test_by_http(both: Both) -> None:
    answer = ask(both.run.port, f"http://{HOST}/")
    assert (answer.status, answer.client) == (200, "127.0.0.1")
    assert PROXIED in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert ask(both.run.port, f"http://{HOST}/static/style.css").headers["content-type"] == (
        "text/css; charset=utf-8"
    )
    assert ask(both.run.port, f"http://{HOST}/none?").status == 404
    assert PROXIED not in ask(both.port).text


@pytest.mark.parametrize("alpn", ["", "http/1.1"])
def test_by_https(both: Both, alpn: str) -> None:
    assert PROXIED in ask_securely(both.run.port, both.ca, alpn=alpn).text


def test_nobody_else_says_whose_a_request_is(both: Both) -> None:
    """A header of the client's is replaced on the way, and refused without it."""
    key = (both.run.state / "guard.key").read_bytes()
    for wrong in (
        "",
        "1 http 192.0.2.7 00",
        sign(b"wrong", Handed("192.0.2.7", False), "GET", "/", time.time()),
    ):
        answer = ask(both.run.port, f"http://{HOST}/", {HEADER: wrong})
        assert answer.client == "127.0.0.1"
        assert ask(both.port, "/", {HEADER: wrong, "host": HOST}).status == 403
    right = sign(key_of(key), Handed("192.0.2.7", False), "GET", "/", time.time())
    assert ask(both.port, "/", {HEADER: right, "host": HOST}).client == "192.0.2.7"
    assert ask(both.run.port, f"http://{HOST}/", {HEADER: right}).client == "127.0.0.1"


def test_nothing_of_it_goes_to_an_upstream_proxy(tmp_path: Path) -> None:
    """Neither a request, nor what a tunnel to the name holds that is no request; others do."""
    port = free_port()
    with raw.serve() as upstream:
        upstream.put("/", "from upstream", "text/plain")
        config = f"web: {{listen: '127.0.0.1:{port}'}}\nupstream: {{proxy: 'http://127.0.0.1:{upstream.port}'}}\n"
        with running(tmp_path, config) as run:
            ca = run.state / "ca" / "mitmproxy-ca-cert.pem"
            ask(run.port, "http://other.example/")
            assert [one.method for one in upstream.asked] == ["GET"]
            upstream.asked.clear()
            assert PROXIED in ask(run.port, f"http://{HOST}/").text
            assert PROXIED in ask_securely(run.port, ca).text
            assert PROXIED in ask_securely(run.port, ca, alpn="http/1.1").text
            tunnel = connect_through(run.port, HOST, 80)
            assert PROXIED.encode() in exchange(
                tunnel, f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
            )
            assert (
                exchange(connect_through(run.port, HOST, 443), b"\x00\x01 no HTTP \r\n\r\n") == b""
            )
            silent = connect_through(run.port, HOST, 443)
            time.sleep(1)  # after 0.5 s, a tunnel's server is connected to
            silent.close()
            assert upstream.asked == []


@contextlib.contextmanager
def without_site(run: Running, port: int) -> Iterator[None]:
    """Its process is dead meanwhile, and nobody starts it again."""
    site = listening(port, run.process.pid)
    os.kill(run.process.pid, signal.SIGSTOP)
    try:
        os.kill(site, signal.SIGKILL)
        assert eventually(lambda: not is_open(port))
        yield
    finally:
        os.kill(run.process.pid, signal.SIGCONT)


def test_without_the_site(tmp_path: Path) -> None:
    """The plain page while it is dead; and in its place a server of the test's, which sees that
    both directions go on piece by piece."""
    port = free_port()
    with running(tmp_path, f"web: {{listen: '127.0.0.1:{port}'}}\n") as run:
        assert "stylesheet" in ask(run.port, f"http://{HOST}/").text
        with without_site(run, port):
            answer = ask(run.port, f"http://{HOST}/")
            assert answer.status == 200 and PROXIED in answer.text
            assert "stylesheet" not in answer.text
            with socket.create_server(("127.0.0.1", port)) as server:
                _streams(run, server)
        assert eventually(lambda: "stylesheet" in ask(run.port, f"http://{HOST}/").text)


def _streams(run: Running, server: socket.socket) -> None:
    head = f"POST /a HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n{HEADER}: wrong\r\n\r\n"
    with socket.create_connection(("127.0.0.1", run.port), timeout=30) as client:
        client.sendall(head.encode() + b"first")
        server.accept()[0].close()  # whether it lives
        site, _ = server.accept()
        site.settimeout(30)
        with site:
            received = read_until(site, b"first").decode()
            assert received.count(HEADER) == 1 and "wrong" not in received
            client.sendall(b"other")
            assert read_until(site, b"other") == b"other"
            site.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            # Our own pages tell of addresses: nothing is edited.
            for event in (b"data: 1\n\n", b"data: candidate:1 1 udp 1 10.0.0.5 9 typ host\n\n"):
                site.sendall(b"%x\r\n%s\r\n" % (len(event), event))
                read_until(client, event)


def is_open(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def listening(port: int, above: int) -> int:
    """The process below `above` that listens at a port."""
    wanted = f"0100007F:{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    (inode,) = [line.split()[9] for line in lines if line.split()[1] == wanted and " 0A " in line]
    for pid in children(above).values():
        for file in Path(f"/proc/{pid}/fd").iterdir():
            if os.readlink(file) == f"socket:[{inode}]":
                return pid
    raise AssertionError(f"nothing listens at {port}")


# The site's own port, by way of the proxy ---------------------------------------------------------

NAMES = ["127.0.0.1", "localhost", "127.1", "2130706433", "0", "0.0.0.0", "[::ffff:127.0.0.1]"]


@pytest.mark.parametrize("name", NAMES)
def test_its_own_port_is_not_reached_by_a_request(both: Both, name: str) -> None:
    with raw.serve() as other:  # the control: any other server on the machine is reached so
        other.put("/", "reached", "text/plain")
        assert ask(both.run.port, f"http://{name}:{other.port}/").body == b"reached"
        assert len(other.asked) == 1
    answer = ask(both.run.port, f"http://{name}:{both.port}/")
    assert (answer.status, b"<html" in answer.body) == (403, False)
    assert f"http://{HOST}/" in answer.text


@pytest.mark.parametrize("name", NAMES[:-1])
def test_its_own_port_is_not_reached_by_a_tunnel(both: Both, name: str) -> None:
    with raw.serve() as other:
        other.put("/", "reached", "text/plain")
        tunnel = connect_through(both.run.port, name, other.port)
        assert exchange(tunnel, GET % other.port).endswith(b"reached")
        tunnel = connect_through_socks(both.socks, name, other.port)
        assert exchange(tunnel, GET % other.port).endswith(b"reached")
    with socket.create_connection(("127.0.0.1", both.run.port), timeout=30) as tunnel:
        tunnel.sendall(f"CONNECT {name}:{both.port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert tunnel.recv(100).startswith(b"HTTP/1.1 403")
    tunnel = connect_through_socks(both.socks, name, both.port)
    assert b"<html" not in exchange(tunnel, GET % both.port)
    # Bytes that are no HTTP to the proxy would be relayed unread.
    tunnel = connect_through_socks(both.socks, name, both.port)
    assert b"HTTP/1.1" not in exchange(tunnel, b"\x00\x01 no HTTP \r\n\r\n")


def test_the_connection_of_a_hand_over_serves_nobody_else(both: Both) -> None:
    """Two requests on one connection to the proxy: the second must not find the first's."""
    first = f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    own = f"127.0.0.1:{both.port}"
    second = f"GET http://{own}/ HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"
    channel = socket.create_connection(("127.0.0.1", both.run.port))
    received = exchange(channel, (first + second).encode())
    assert received.count(b"<html") == 1
    assert received.count(b"HTTP/1.1 403") == 1


def test_no_address_of_the_machine_leads_there(tmp_path: Path) -> None:
    """Where the site listens at every address, and a client is on another machine's."""
    port, addresses = free_port(), ("10.9.8.7", "2001:db8:9::7")
    with namespace("site", f"{addresses[0]}/24", f"{addresses[1]}/64") as name:
        within = ["ip", "netns", "exec", name]
        config = f"web: {{listen: '0.0.0.0:{port}'}}\n"
        with running(tmp_path, config, within=within) as run:

            def looks(target: str, via: int = run.port, host: str = "127.0.0.1") -> tuple[int, str]:
                answer = inside(name, lambda: ask(via, target, host=host))
                return answer.status, answer.client

            # The control: it does listen there, and a neighbour is none of this machine.
            assert looks("/", port, addresses[0]) == (200, addresses[0])
            for own in (addresses[0], "127.0.0.1", "127.9.9.9", "0.0.0.0"):
                assert looks(f"http://{own}:{port}/") == (403, ""), own
