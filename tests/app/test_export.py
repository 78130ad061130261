"""The `export` process of `rtcguard run`: what it sends on, and that it holds nobody up."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.app.test_run import children
from tests.origin import free_port
from tests.process import Running, free_udp_port, rtcguard, running

PATIENCE = 60.0  # seconds


def eventually(check: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.1)
    return False


BINDING = bytes.fromhex("000100002112a442")


def ask(port: int, source: str = "127.0.0.1") -> bool:
    """One STUN Binding; whether it is answered."""
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.bind((source, 0))
        client.sendto(BINDING + os.urandom(12), ("127.0.0.1", port))
        with contextlib.suppress(TimeoutError):
            return len(client.recv(2048)) >= 20
    return False


def stored(run: Running) -> set[str]:
    """The ids in the ledger."""
    with contextlib.closing(sqlite3.connect(run.state / "ledger.sqlite3")) as ledger:
        return {row[0] for row in ledger.execute("SELECT id FROM events")}


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def export_of(run: Running) -> int:
    """The process that is not there without exports: the one that holds the metrics' port."""
    port = (
        next(line for line in run.lines if line.startswith("metrics")).split(":")[2].split("/")[0]
    )
    for pid in children(run.process.pid).values():
        names = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
        sockets = {name[8:-1] for name in names if name.startswith("socket:[")}
        for entry in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = entry.split()
            if int(fields[1].split(":")[1], 16) == int(port) and fields[9] in sockets:
                return pid
    raise AssertionError("no export process")


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        text: str = response.read().decode()
        return text


def resident(pid: int) -> int:
    """Bytes in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Receiver:
    """Takes one connection after the other; reads only when it is told to."""

    def __init__(self) -> None:
        self.server = socket.socket()
        # What comes before it reads is not to fit into the kernel's buffers.
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.server.bind(("127.0.0.1", 0))
        self.server.listen()
        self.port = self.server.getsockname()[1]
        self.reads = threading.Event()
        self.connections = 0
        self.content = b""
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ended:
                connection, _ = self.server.accept()
                self.connections += 1
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        self.reads.wait()
        with connection, contextlib.suppress(OSError):
            while part := connection.recv(65536):
                self.content += part

    def ids(self) -> set[str]:
        return {part[:32].decode() for part in self.content.split(b' id="')[1:]}

    def close(self) -> None:
        self._ended = True
        self.reads.set()
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self._thread.join(10)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_a_receiver_that_never_reads_holds_nobody_up(tmp_path: Path, receiver: Receiver) -> None:
    """While it does not: every packet is answered and in the ledger, another export is complete,
    and memory stays as it was. When it does: it has all of them."""
    stun, asked, file = free_udp_port(), free_port(), tmp_path / "events.jsonl"
    config = f"""
stun: {{listen: ["127.0.0.1:{stun}"]}}
exports:
  - {{to: syslog, address: "tcp://127.0.0.1:{receiver.port}"}}
  - {{to: jsonl, file: {file}}}
metrics: {{listen: "127.0.0.1:{asked}"}}
"""
    with running(tmp_path, config) as run:
        for line in (
            f"export  syslog tcp://127.0.0.1:{receiver.port}",
            f"export  jsonl {file}",
            f"metrics http://127.0.0.1:{asked}/metrics",
        ):
            assert line in run.lines
        export, before = export_of(run), 0
        for part in range(1, 17):  # each source is an event
            assert all(ask(stun, f"127.9.{part}.{last}") for last in range(1, 251))
            if part == 4:
                before = resident(export)
        assert eventually(lambda: len(stored(run)) >= 4000)
        assert eventually(lambda: len(lines(file)) >= 4000)
        assert resident(export) < before + 20_000_000
        assert receiver.connections >= 1 and receiver.content == b""
        assert export_of(run) == export
        assert os.getpriority(os.PRIO_PROCESS, export) == 10
        found = metrics(asked)
        assert 'rtcguard_ring_up{ring="network"} 1.0' in found
        receiver.reads.set()
        assert eventually(lambda: stored(run) <= receiver.ids())
        run.stop()
        assert stored(run) >= {one["id"] for one in lines(file)}


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed, and in the next run: nothing is missing, and little comes twice."""
    stun, file = free_udp_port(), tmp_path / "events.jsonl"
    config = f"""
stun: {{listen: ["127.0.0.1:{stun}"]}}
exports: {{to: jsonl, file: {file}}}
metrics: {{listen: "127.0.0.1:{free_port()}"}}
"""
    with running(tmp_path, config) as run:
        assert all(ask(stun, f"127.9.1.{last}") for last in range(1, 100))
        export = export_of(run)
        os.kill(export, signal.SIGSTOP)
        assert all(ask(stun, f"127.9.2.{last}") for last in range(1, 100))
        os.kill(export, signal.SIGKILL)
        assert all(ask(stun, f"127.9.3.{last}") for last in range(1, 100))
        assert eventually(lambda: len(stored(run)) >= 297)
        assert eventually(lambda: stored(run) <= {str(one["id"]) for one in lines(file)})
        run.stop()
        assert "the export process runs again" in run.log.read_text()
    with running(tmp_path, config) as run:
        assert ask(stun, "127.9.4.1")
        assert eventually(lambda: len(stored(run)) >= 298)
        assert eventually(lambda: stored(run) <= {str(one["id"]) for one in lines(file)})
        assert len(lines(file)) <= 298 + 99 + 10


def test_an_outage_is_in_the_log_and_in_the_ledger(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "events.jsonl"
    config = f"""
exports:
  - {{to: opentelemetry, endpoint: "http://127.0.0.1:{port}"}}
  - {{to: syslog, address: "tls://no.such.name.invalid:6514"}}
  - {{to: jsonl, file: {file}}}
"""
    stun = free_udp_port()
    with running(tmp_path, f'stun: {{listen: ["127.0.0.1:{stun}"]}}\n{config}') as run:
        assert ask(stun)
        name = f"opentelemetry http://127.0.0.1:{port}/v1/logs"

        def reasons() -> list[str]:
            return [str(one["reason"]) for one in lines(file) if one["kind"] == "rtcguard"]

        assert eventually(lambda: len(reasons()) >= 2)
        first, second = sorted(reasons())
        assert first.startswith(f"export {name}: it refuses the connection; is it running")
        assert second.startswith("export syslog tls://no.such.name.invalid:6514: its host name")
        assert run.log.read_text().count(name) == 1


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("exports: {to: jsonl, file: /no/such/folder/e.jsonl}",
         "/no/such/folder/e.jsonl: exports[0].file cannot be written: No such file or directory"),
        ("exports: {to: jsonl, file: /dev/null}", "cannot be written: it is not a file"),
        ("metrics: {listen: '192.0.2.9:9101'}",
         "metrics.listen: cannot bind 192.0.2.9:9101: Cannot assign requested address"),
        ("metrics: {listen: '127.0.0.1:BUSY'}", "Address already in use"),
        ("upstream: {trusted_ca: NOT_PEM}\nexports: {to: syslog, address: 'tls://h:1'}",
         "upstream.trusted_ca cannot be used: [X509"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_at_the_start(tmp_path: Path, config: str, said: str) -> None:
    not_pem = tmp_path / "ca.pem"
    not_pem.write_text("nothing\n")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        config = config.replace("BUSY", str(busy.getsockname()[1])).replace("NOT_PEM", str(not_pem))
        file = tmp_path / "rtcguard.yaml"
        file.write_text(f"version: 1\nstun: {{listen: []}}\nweb: {{listen: null}}\n{config}\n")
        done = rtcguard(["run", "--config", str(file)], tmp_path / "state")
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert said in line and "Traceback" not in line
