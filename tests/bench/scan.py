"""`rtcguard scan` on a capture of calls: megabytes and packets a second, and its memory.

The capture is made here, of real packets' layout: mostly RTP, then TLS, QUIC, DTLS, ICE's checks
(each with its own transaction id and integrity), DNS, and one page's signaling over plain HTTP.
RTCGUARD_BENCH_SCAN_MB says how large it is (64); the memory must not depend on it.
"""

import os
import random
import struct
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from rtcguard.network import stun
from tests.bench.process import MEASURED_CORE
from tests.bench.servers import Servers
from tests.bench.table import BenchError, Line, compare, single

_MEGABYTES: Final = int(os.environ.get("RTCGUARD_BENCH_SCAN_MB", "64"))
_RATE: Final = 50  # MB/s, at least
_MEMORY: Final = 160  # MB, at most
_MAC: Final = bytes.fromhex("02000000000102000000000208 00")
_CALLS: Final = 64
_ROUND: Final = 1000  # packets that are made once, and then repeated with other bytes in them


def run(servers: Servers) -> Iterator[Line]:
    capture = servers.folder / "bench.pcap"
    try:
        packets = write(capture, _MEGABYTES << 20)
        seconds, memory = measure(capture, servers.folder)
    finally:
        capture.unlink(missing_ok=True)
    rate = _MEGABYTES / seconds
    met = "met" if rate >= _RATE else "MISSED"
    yield Line(
        f"scan of a capture of {_MEGABYTES} MB, MB/s",
        f"{rate:.0f}",
        budget=f"at least {_RATE}: {met}",
    )
    yield compare("  packets/s", packets / seconds, None, "{:.0f}")
    yield single("  memory at its most, MB", memory, "{:.0f}", None, _MEMORY)


def measure(capture: Path, folder: Path) -> tuple[float, float]:
    """Seconds of a core that the command took, with its start, and MB that it held at its most."""
    argv = [sys.executable, "-m", "rtcguard", "scan", str(capture), "--format", "json"]
    pid = os.posix_spawn(
        sys.executable,
        argv,
        {**os.environ, "RTCGUARD_STATE_DIR": str(folder)},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    os.sched_setaffinity(pid, {MEASURED_CORE})
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise BenchError(f"rtcguard scan ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def write(path: Path, size: int) -> int:
    """Writes a capture of about so many bytes; how many packets it has."""
    made, written, packets = list(_packets(random.Random(1))), 24, 0
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        while written < size:
            for frame in made:
                stamp = 1_700_000_000_000_000 + packets * 100
                seconds, micros = divmod(stamp, 1_000_000)
                head = struct.pack("<IIII", seconds, micros, len(frame), len(frame))
                file.write(head)
                file.write(frame)
                written += 16 + len(frame)
                packets += 1
    return packets


def _packets(chance: random.Random) -> Iterator[bytes]:
    for number in range(_ROUND):
        call = chance.randrange(_CALLS)
        client, far = f"192.168.1.{call + 1}", f"203.0.113.{call + 1}"
        port, kind = 40_000 + call, chance.random()
        if kind < 0.80:
            rtp = struct.pack("!BBHII", 0x80, 96, number, number, call)
            yield _udp(client, port, far, port, rtp + chance.randbytes(chance.randrange(80, 1180)))
        elif kind < 0.92:
            record = b"\x17\x03\x03" + chance.randbytes(chance.randrange(200, 1400))
            first = b"\x16\x03\x01" if number % 7 == 0 else b""
            yield _tcp(client, port, "198.51.100.9", 443, number * 1500, first + record)
        elif kind < 0.96:
            yield _udp(client, port, "198.51.100.9", 443, b"\x43" + chance.randbytes(1200))
        elif kind < 0.98:
            yield _udp(client, port, far, port, b"\x17\xfe\xfd" + chance.randbytes(100))
        elif kind < 0.998:
            yield _udp(client, port, far, port, _check(chance, call))
        else:
            query = bytes.fromhex(
                "0001010000010000000000000377777707657861 6d706c65036f72670000010001"
            )
            yield _udp(client, port, "198.51.100.53", 53, query)


def _check(chance: random.Random, call: int) -> bytes:
    attributes = (
        (stun.USERNAME, f"far{call:03}:near{call:03}".encode()),
        (0x0024, bytes(4)),
        (0x0008, chance.randbytes(20)),
    )
    return stun.encode(
        stun.BINDING, stun.REQUEST, chance.randbytes(12), attributes, fingerprint=True
    )


def _udp(source: str, sport: int, destination: str, dport: int, payload: bytes) -> bytes:
    head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    return _ip(17, source, destination, head + payload)


def _tcp(
    source: str, sport: int, destination: str, dport: int, sequence: int, payload: bytes
) -> bytes:
    head = struct.pack("!HHIIBBHHH", sport, dport, sequence, 0, 0x50, 0x18, 0xFFFF, 0, 0)
    return _ip(6, source, destination, head + payload)


def _ip(protocol: int, source: str, destination: str, body: bytes) -> bytes:
    ends = ip_address(source).packed + ip_address(destination).packed
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, 64, protocol, 0)
    return _MAC + head + ends + body
