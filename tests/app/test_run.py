"""The processes of `rtcguard run`: watched, started again, ended together."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.origin import serve
from tests.process import Running, free_udp_port, rtcguard, running
from tests.zone import Zone


def children(pid: int) -> dict[str, int]:
    """The processes below `pid`, by what their command line names them as."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == pid and b"spawn_main" in command:
            found[entry.name] = int(entry.name)
    return found


def eventually(check: Callable[[], bool]) -> bool:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.05)
    return False


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_says_where_everything_is(tmp_path: Path) -> None:
    port = free_udp_port()
    relay = 'relay: {servers: [{urls: ["turn:192.0.2.1"], username: u, credential: p}]}\n'
    with running(tmp_path, f'{relay}stun: {{listen: ["127.0.0.1:{port}"]}}\n') as run:
        assert run.lines == [
            f"proxy   127.0.0.1:{run.port} (HTTP and HTTPS)",
            f"STUN    127.0.0.1:{port} (udp and tcp), answers: refuse",
            f"CA      {run.state}/ca/mitmproxy-ca-cert.pem",
            f"ledger  {run.state}/ledger.sqlite3",
            "relay   turn:192.0.2.1",
            run.lines[5],
            "ready",
        ]
        assert re.fullmatch("policy  [0-9a-f]{12}", run.lines[5])
        assert (run.state / "ca" / "mitmproxy-ca-cert.pem").is_file()
        assert (run.state / "guard.key").stat().st_mode & 0o077 == 0
        assert run.state.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_asked(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as run:
        below = children(run.process.pid)
        assert below
        run.process.send_signal(number)
        assert run.process.wait(60) == 0
        assert all(gone(pid) for pid in below.values())
        assert run.log.read_text() == ""


def test_connections_that_are_open_end_with_it(tmp_path: Path) -> None:
    """A browser's are: that it stops is nothing to complain of."""
    with contextlib.ExitStack() as opened, running(tmp_path) as run:

        def connected(sent: bytes) -> socket.socket:
            made = socket.create_connection(("127.0.0.1", run.port), timeout=60)
            made.sendall(sent)
            return opened.enter_context(made)

        far = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        far.settimeout(60)
        at = b"127.0.0.1:%d" % far.getsockname()[1]
        page = b"GET http://rtcguard.test/ HTTP/1.1\r\nHost: rtcguard.test\r\n"
        silent = connected(b"")
        kept = connected(page + b"\r\n")
        assert kept.recv(12) == b"HTTP/1.1 200"
        begun = connected(page)
        asking = connected(b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\n\r\n" % (at, at))
        tunnel = connected(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (at, at))
        assert tunnel.recv(12) == b"HTTP/1.1 200"
        tunnel.sendall(bytes(8))
        for _ in range(2):  # the request that is not answered, and the tunnel
            opened.enter_context(far.accept()[0]).recv(1)
        assert run.stop() == 0
        for one in (silent, kept, begun, asking, tunnel):
            with contextlib.suppress(ConnectionResetError):
                while one.recv(65536):
                    pass
        assert run.log.read_text() == ""


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        below = children(run.process.pid)
        run.process.kill()
        run.process.wait(60)
        assert eventually(lambda: all(gone(pid) for pid in below.values()))
        assert not listens(run.port)


def test_a_dead_process_is_started_again(tmp_path: Path) -> None:
    with serve() as origin, running(tmp_path) as run:
        (before,) = children(run.process.pid).values()
        os.kill(before, signal.SIGKILL)
        assert eventually(lambda: gone(before) and listens(run.port))
        response, _ = run.request("POST", f"{origin.url}/echo", b"hello")
        assert response.status == 200
        assert "the proxy process runs again" in run.log.read_text()


def test_several_workers_share_the_port(tmp_path: Path) -> None:
    with serve() as origin, running(tmp_path, "", "--workers", "2") as run:
        below = children(run.process.pid)
        assert len(below) == 2
        for _ in range(20):
            assert run.request("POST", f"{origin.url}/echo", b"hello")[0].status == 200
        for pid in below.values():  # either one alone serves
            other = next(p for p in below.values() if p != pid)
            os.kill(other, signal.SIGSTOP)
            try:
                assert _any_answer(run, origin.url)
            finally:
                os.kill(other, signal.SIGCONT)


def _any_answer(run: Running, url: str) -> bool:
    """Whether one of many connections is answered: the kernel deals them out to both workers."""
    for _ in range(40):
        with socket.create_connection(("127.0.0.1", run.port), timeout=0.5) as client:
            client.sendall(
                f"POST {url}/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
            )
            try:
                if client.recv(100).startswith(b"HTTP/1.1 200"):
                    return True
            except TimeoutError:
                continue
    return False


def test_the_sinkhole_is_a_process_of_its_own(tmp_path: Path) -> None:
    """Its names, its ledger, its end and its return."""
    port = free_udp_port()
    zone = Zone()
    zone.add("a.example A 192.0.2.1")
    with zone.serving():
        upstream = f"127.0.0.1:{zone.port}"
        config = f'sinkhole: {{listen: "127.0.0.1:{port}", upstream: "{upstream}"}}\n'
        with running(tmp_path, config) as run:
            assert f"DNS     127.0.0.1:{port} (udp and tcp), STUN names: refuse" in run.lines
            assert _ask(port, "a.example") == dns.rcode.NOERROR
            assert _ask(port, "stun.a.example") == dns.rcode.NXDOMAIN
            assert len(children(run.process.pid)) == 2
            sinkhole = _of_port(port)
            os.kill(sinkhole, signal.SIGKILL)
            assert eventually(lambda: _ask(port, "stun.a.example") == dns.rcode.NXDOMAIN)
            assert "the sinkhole process runs again" in run.log.read_text()
            run.stop()
            (row,) = run.report("client")
            assert row["key"] == "127.0.0.1" and row["actions"]["refused"] >= 1


def _ask(port: int, name: str) -> dns.rcode.Rcode | None:
    query = dns.message.make_query(name, "A")
    try:
        return dns.query.udp(query, "127.0.0.1", port=port, timeout=1).rcode()
    except (dns.exception.Timeout, OSError):
        return None


def _of_port(port: int) -> int:
    """The process that has a UDP socket on this port."""
    shown = subprocess.run(
        ["ss", "-Hulnp", f"sport = :{port}"], capture_output=True, text=True, check=True
    ).stdout
    return int(shown.partition("pid=")[2].partition(",")[0])


@pytest.mark.parametrize(
    ("sinkhole", "problem"),
    [
        ("{listen: '192.0.2.9:5300', upstream: 127.0.0.1}", "sinkhole.listen: cannot bind udp "
         "192.0.2.9:5300: Cannot assign requested address; no interface has this address: write "
         "one of this machine's there"),
        ("{listen: '127.0.0.1:5300'}", "sinkhole listens, but has no upstream"),
        ("{listen: '127.0.0.1:5300', upstream: dns.example}", "is not an IP address"),
    ],
)  # fmt: skip
def test_a_sinkhole_that_cannot_start_says_why(tmp_path: Path, sinkhole: str, problem: str) -> None:
    file = tmp_path / "rtcguard.yaml"
    file.write_text(
        f"version: 1\nstun: {{listen: []}}\nweb: {{listen: null}}\nsinkhole: {sinkhole}\n"
    )
    done = rtcguard(["run", "--config", str(file)], tmp_path / "state")
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert problem in line
