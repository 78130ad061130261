"""addons/rtcguard_addon.py under a plain mitmdump: all rings, and no start without its settings."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import dns.message
import dns.query
import dns.rcode

from rtcguard.network import stun
from tests.origin import free_port, serve
from tests.process import environment, free_udp_port
from tests.proxy.far_sides import connect_through, hearing, listening

ROOT = Path(__file__).parent.parent
MITMDUMP = Path(sys.executable).parent / "mitmdump"
BINDING = stun.encode(stun.BINDING, stun.REQUEST, b"transactions")
BODY = b'{"candidate":"candidate:1 1 udp 2113937151 192.168.7.5 54400 typ host"}'


@contextlib.contextmanager
def mitmdump(
    folder: Path, config: str, *more: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """mitmdump with the addon, listening or dead."""
    port, file = free_port(), folder / "rtcguard.yaml"
    file.write_text(config)
    addon = str(ROOT / "addons" / "rtcguard_addon.py")
    options = ["--set", f"rtcguard_config={file}", "--set", f"confdir={folder / 'ca'}"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [MITMDUMP, "-s", addon, "--listen-host", "127.0.0.1", "-p", str(port), *options, *more],
            stdout=log,
            stderr=log,
            env=environment(folder / "state"),
        )
    try:
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield process, port
    finally:
        process.terminate()
        process.wait(60)


def test_it_does_the_same(tmp_path: Path) -> None:
    at, names = free_udp_port(), free_udp_port()
    config = (
        f'version: 1\nstun: {{listen: ["127.0.0.1:{at}"]}}\n'
        f"sinkhole: {{listen: '127.0.0.1:{names}', upstream: '127.0.0.1:9'}}\n"
    )
    with serve() as origin, mitmdump(tmp_path, config) as (_, port):
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", f"{origin.url}/echo", BODY)
            connection.getresponse().read()
            assert b"192.168.7.5" not in origin.bodies("/echo")[0]
            connection.request("GET", f"{origin.url}/document", headers={"accept": "text/html"})
            assert b"<script>" in connection.getresponse().read()
            connection.request("GET", "http://rtcguard.test/ca.pem")
            assert b"BEGIN CERTIFICATE" in connection.getresponse().read()
        with listening() as far, connect_through(port, "127.0.0.1", far.port) as tunnel:
            tunnel.sendall(stun.encode(stun.ALLOCATE, stun.REQUEST, b"transactions"))
            assert stun.parse(tunnel.recv(2048)).message_class == stun.ERROR
            assert far.connections == 0
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.settimeout(60)
            request = stun.encode(stun.BINDING, stun.REQUEST, b"transactions")
            client.sendto(request, ("127.0.0.1", at))
            answer = stun.parse(client.recv(2048))
        assert answer.message_class == stun.ERROR
        query = dns.message.make_query("stun.example.org", "A")
        response = dns.query.udp(query, "127.0.0.1", port=names, timeout=60)
        assert response.rcode() == dns.rcode.NXDOMAIN


def test_it_does_not_start_without_its_configuration(tmp_path: Path) -> None:
    with mitmdump(tmp_path, "version: 2\n") as (process, _):
        assert process.wait(60) != 0
        assert "version is 1" in (tmp_path / "log").read_text()


def test_its_udp_flows_are_judged_too(tmp_path: Path) -> None:
    """mitmdump chooses after the addon here, and must not undo it."""
    at = free_udp_port()
    with hearing() as far:
        modes = ["--mode", "regular", "--mode", f"reverse:udp://127.0.0.1:{far.port}@{at}"]
        config = "version: 1\nstun: {listen: []}\n"
        with (
            mitmdump(tmp_path, config, *modes),
            socket.socket(type=socket.SOCK_DGRAM) as client,
        ):
            client.settimeout(0.2)
            answer = b""
            for _ in range(100):  # it listens for TCP, which says nothing of UDP yet
                if answer:
                    break
                client.sendto(b"hello", ("127.0.0.1", at))
                client.sendto(BINDING, ("127.0.0.1", at))
                with contextlib.suppress(TimeoutError):
                    answer = client.recv(2048)
            assert stun.parse(answer).message_class == stun.ERROR
    assert far.received == []
