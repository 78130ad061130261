"""What nobody should send to the responder, and much of it: does it stay up, does it grow? With
FLOOD=500000 in the environment it is a million of each.

Each flood comes twice: what the first one fills (the ledger's queue, caches) has a bound, so the
second must not add to it.
"""

import contextlib
import os
import random
import socket
import sqlite3
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from rtcguard.network import stun
from tests.bench.process import LOAD_CORE, on_core
from tests.bench.servers import Server, Servers, free_port
from tests.bench.stun_load import StunLoad, binding_request
from tests.bench.table import BenchError, Line

_DATAGRAMS: Final = int(os.environ.get("FLOOD", "50000"))  # of each flood, twice
_STREAMS: Final = _DATAGRAMS // 100
_SLICE: Final = 200  # sent, then the responder has a moment: what a full queue loses, tests nothing
_PKTINFO: Final = struct.Struct("=I4s4s")


def run(servers: Servers) -> Iterator[Line]:
    port = free_port(socket.SOCK_DGRAM)
    server = servers.rtcguard(stun=port)
    floods: dict[str, Callable[[int, random.Random], None]] = {
        "random datagrams": _datagrams,
        "datagrams, each from another source": _sources,
        "TCP connections with halves and garbage": _streams,
    }
    with server.process, on_core(LOAD_CORE):
        for name, flood in floods.items():
            number = _STREAMS if flood is _streams else _DATAGRAMS
            resident = [_resident(server, port)]
            for chance in (random.Random(1), random.Random(2)):
                flood(port, chance)
                server.process.settle(60)
                resident.append(_resident(server, port))
            before, first, second = resident
            yield Line(
                f"2 times {number} {name}: MB resident",
                f"{second:.1f}",
                f"{before:.1f}, {first:.1f}",
                budget="the second adds nothing",
            )
            with StunLoad(port) as load:
                rate = load.run(0.3, 100_000).rate
            yield Line("  Binding answers/s after it", f"{rate:.0f}")
        server.process.stop()
        yield from _told(server)


def _datagrams(port: int, chance: random.Random) -> None:
    """Bytes, messages with any attributes, and messages with a byte changed, cut, or too long."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        for _ in _slices(port):
            for _ in range(_SLICE):
                with contextlib.suppress(ConnectionError):
                    sender.send(_packet(chance))


def _packet(chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return chance.randbytes(chance.randrange(100))
    attributes = [
        (chance.randrange(1 << 16), chance.randbytes(chance.randrange(24)))
        for _ in range(chance.randrange(4))
    ]
    method, kind = chance.randrange(1 << 12), chance.randrange(4)
    identity = chance.randbytes(chance.choice((12, 16)))
    packet = bytearray(stun.encode(method, kind, identity, attributes))
    match chance.randrange(4):
        case 0:
            packet[chance.randrange(len(packet))] ^= 1 << chance.randrange(8)
        case 1:
            del packet[chance.randrange(len(packet)) :]
        case 2:
            packet += chance.randbytes(chance.randrange(9))
    return bytes(packet)


def _sources(port: int, chance: random.Random) -> None:
    """Requests from as many addresses of 127.0.0.0/8, each once."""
    request = binding_request()
    number = chance.randrange(1 << 22)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in _slices(port):
            for _ in range(_SLICE):
                number += 1
                source = (0x7F000000 | number).to_bytes(4)
                own = _PKTINFO.pack(0, source, bytes(4))
                control = [(socket.IPPROTO_IP, socket.IP_PKTINFO, own)]
                sender.sendmsg((request,), control, 0, ("127.0.0.1", port))


def _slices(port: int) -> Iterator[None]:
    """So many slices; between them an answer is waited for, which comes when all was read."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5)
        asking.connect(("127.0.0.1", port))
        for _ in range(_DATAGRAMS // _SLICE):
            yield
            asking.send(binding_request())
            try:
                asking.recv(100)
            except TimeoutError as error:
                raise BenchError("the responder does not answer any more") from error


def _streams(port: int, chance: random.Random) -> None:
    for _ in range(_STREAMS):
        with contextlib.suppress(ConnectionError):
            client = socket.create_connection(("127.0.0.1", port), timeout=5)
            with client:
                client.sendall(_packet(chance) + chance.randbytes(chance.randrange(40)))


def _resident(server: Server, port: int) -> float:
    """MB of the process that holds the responder's port."""
    local = f" 0100007F:{port:04X} "
    lines = Path("/proc/net/udp").read_text().splitlines()
    held = {f"socket:[{line.split()[9]}]" for line in lines if local in line}
    for pid in server.process.members():
        files = Path(f"/proc/{pid}/fd").iterdir()
        if held & {os.readlink(file) for file in files if file.is_symlink()}:
            return _rss(pid)
    raise BenchError("the responder is gone")


def _rss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _told(server: Server) -> Iterator[Line]:
    with contextlib.closing(sqlite3.connect(server.state / "ledger.sqlite3")) as ledger:
        count, rows = ledger.execute(
            "SELECT SUM(count), COUNT(*) FROM events WHERE kind = 'stun'"
        ).fetchone()
        (lost,) = ledger.execute(
            "SELECT COUNT(*) FROM events WHERE reason LIKE '%could not be written%'"
        ).fetchone()
    yield Line("packets in the ledger, in lines", f"{count}, {rows}", f"losses told: {lost}")
    log = server.process.log.read_text(errors="replace")
    yield Line("  failures in the log", str(log.count("failures")), budget="0")
