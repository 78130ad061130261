"""A running rtcguard whose configuration is changed: files, answers, events."""

import contextlib
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rtcguard.app import control
from rtcguard.app.reload import Outcome
from rtcguard.network import stun
from tests.origin import free_port
from tests.process import Running

BINDING = stun.encode(stun.BINDING, stun.REQUEST, b"transactions")


def free_for_both() -> int:
    """A port that nothing has for UDP, nor for TCP."""
    while True:
        port = free_port()
        with socket.socket(type=socket.SOCK_DGRAM) as held, contextlib.suppress(OSError):
            held.bind(("127.0.0.1", port))
            return port


def eventually(check: Callable[[], object], seconds: float = 60) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.02)
    return False


def written(run: Running, config: str) -> Path:
    """Puts another configuration into the place of the one that is, as editors do."""
    file = run.log.with_name("rtcguard.yaml")
    new = file.with_name(".rtcguard.yaml.swp")
    web = "" if "web:" in config else "web: {listen: null}\n"
    new.write_text(f"version: 1\n{config}\n{web}")
    os.replace(new, file)
    return file


def asked(run: Running) -> Outcome:
    """What `rtcguard reload` is told."""
    outcome = control.ask(run.state)
    assert outcome is not None
    return outcome


def taken(run: Running, config: str) -> Outcome:
    """Another configuration, in force; whether `rtcguard reload` or the look at the file, which may
    have been sooner, took it."""
    written(run, config)
    outcome = asked(run)
    assert not outcome.mistakes, outcome
    return outcome


@dataclass
class Told:
    """The lines that `rtcguard run` prints after `ready`."""

    lines: list[str] = field(default_factory=list)

    def has(self, *words: str) -> bool:
        return any(all(word in line for word in words) for line in self.lines)


def told(run: Running) -> Told:
    heard = Told()
    assert run.process.stdout is not None
    stream = run.process.stdout

    def read() -> None:
        with contextlib.suppress(ValueError):
            for line in stream:
                heard.lines.append(line.strip())

    threading.Thread(target=read, daemon=True).start()
    return heard


def rows(run: Running, query: str) -> list[tuple[object, ...]]:
    """What the ledger answers."""
    with contextlib.closing(sqlite3.connect(run.state / "ledger.sqlite3")) as store:
        return store.execute(query).fetchall()


def answer(port: int, transport: socket.SocketKind = socket.SOCK_DGRAM) -> str:
    """How the responder answers a Binding request: `error`, `success`, or nothing at all."""
    with socket.socket(type=transport) as client:
        client.settimeout(5)
        try:
            client.connect(("127.0.0.1", port))
            client.send(BINDING)
            message = stun.parse(client.recv(2048))
        except OSError:
            return ""
    return {stun.ERROR: "error", stun.SUCCESS: "success"}[message.message_class]


def children(pid: int) -> list[int]:
    """The processes that `pid` supervises."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid and b"spawn_main" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def memory(pid: int) -> int:
    """Bytes that are the process's alone, and there."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
