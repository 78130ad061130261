"""The STUN load: Binding requests from one UDP socket, a window of them on the way at a time.

recvmmsg(2) and sendmmsg(2) by ctypes, as a load in plain Python would be slower than the servers.
Linux only.
"""

import ctypes
import os
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from tests.bench.table import BenchError

WINDOW: Final = 64
# So many answers are read, and so many requests sent, by one call. With one at a time the load is
# slower than coturn; a quarter of the window leaves the server enough to do meanwhile.
_AT_ONCE: Final = 16
_ANSWERS: Final = (b"\x01\x01", b"\x01\x11")  # Binding success and error response
_SIZE: Final = 512  # bytes of the longest answer
_TIMEOUT: Final = 0.1  # seconds until what has not been answered counts as lost

_libc = ctypes.CDLL(None, use_errno=True)


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("iov", ctypes.POINTER(_Iovec)),
        ("iov_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Mmsghdr(ctypes.Structure):
    _fields_ = (("header", _Msghdr), ("length", ctypes.c_uint))


class _Batch:
    """Up to WINDOW datagrams in memory, for one of the two calls."""

    def __init__(self, datagrams: Sequence[bytes]) -> None:
        self.buffers = [ctypes.create_string_buffer(one, len(one)) for one in datagrams]
        self._iovecs = [
            _Iovec(ctypes.addressof(buffer), len(buffer.raw)) for buffer in self.buffers
        ]
        self.headers = (_Mmsghdr * len(datagrams))()
        for header, iovec in zip(self.headers, self._iovecs, strict=True):
            header.header.iov = ctypes.pointer(iovec)
            header.header.iov_length = 1


@dataclass(frozen=True, slots=True)
class Answers:
    """What one round of load got."""

    sent: int
    count: int  # of answers, in `seconds`
    late: int  # answers that came when the time was up
    seconds: float

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    @property
    def unanswered(self) -> int:
        return self.sent - self.count - self.late


def binding_request() -> bytes:
    """A Binding request without attributes, as browsers send to `stun:` servers."""
    return struct.pack("!HHI", 0x0001, 0, 0x2112A442) + os.urandom(12)


class StunLoad:
    """A socket connected to a server, from this source address."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((source, 0))
        self._socket.connect(("127.0.0.1", port))
        seconds = struct.pack("ll", 0, int(_TIMEOUT * 1e6))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
        self._requests = _Batch([binding_request() for _ in range(WINDOW)])
        self._answers = _Batch([bytes(_SIZE)] * WINDOW)

    def run(self, seconds: float, most: int, strangers: Sequence[str] = ()) -> Answers:
        """Keeps WINDOW requests on the way, for so long, and no more than `most` in all.

        Meanwhile each of the `strangers`, other addresses of this machine, sends one request.
        """
        waiting = list(strangers)
        count, sent = 0, self._send(WINDOW)
        started = now = time.perf_counter()
        until = started + seconds
        while now < until and count < most:
            got = self._receive()
            count += got
            if got and self._answers.buffers[0].raw[:2] not in _ANSWERS:
                raise BenchError(f"no Binding answer: {self._answers.buffers[0].raw[:32]!r}")
            sent += self._send(got if got == _AT_ONCE else WINDOW)  # the others are lost
            now = time.perf_counter()
            if waiting and len(waiting) > len(strangers) * (until - now) / seconds:
                self._send_from(waiting.pop())
        for stranger in waiting:
            self._send_from(stranger)
        late = 0
        while got := self._receive():
            late += got
        if not count:
            raise BenchError("the STUN server answered nothing")
        return Answers(sent, count, late, now - started)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send_from(self, source: str) -> None:
        """One request, whose answer nobody waits for."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((source, 0))
            stranger.sendto(binding_request(), self._socket.getpeername())

    def _send(self, count: int) -> int:
        sent: int = _libc.sendmmsg(self._socket.fileno(), self._requests.headers, count, 0)
        if sent < 0:
            raise BenchError(f"sendmmsg: {os.strerror(ctypes.get_errno())}")
        return sent

    def _receive(self) -> int:
        """How many answers came: _AT_ONCE, or fewer where some did not come in time."""
        file = self._socket.fileno()
        got: int = _libc.recvmmsg(file, self._answers.headers, _AT_ONCE, 0, None)
        return max(0, got)
