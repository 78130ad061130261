"""The packets that arrive on a link of a namespace, from a packet socket, counted by who sent them
to whom."""

import contextlib
import socket
import struct
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Final, NamedTuple, Self

from rtcguard.demo.network import inside
from rtcguard.demo.process import NetworkError
from rtcguard.recordings.internet import TCP, UDP, Internet, host

_ALL: Final = 3  # ETH_P_ALL
_ETHERNET: Final = 14  # bytes
_IP: Final = (b"\x08\x00", b"\x86\xdd")
_BUFFER: Final = 16 << 20  # bytes
_NAMES: Final = {TCP: "tcp", UDP: "udp"}
# What the socket module has not: linux/socket.h, linux/if_packet.h, asm-generic/socket.h.
_SOL_PACKET: Final = 263
_PACKET_STATISTICS: Final = 6
_SO_RCVBUFFORCE: Final = 33
_SETTLE: Final = 0.2  # seconds until what was sent has arrived


class Flow(NamedTuple):
    """Packets of one protocol, `udp` or `tcp`."""

    protocol: str
    source: str
    destination: str
    port: int  # the destination's


class Capture:
    """`with Capture(...) as capture: ...`, then `capture.flows`. Raises NetworkError at the end
    where packets were lost: what is missing could be the one that counts."""

    def __init__(self, namespace: str, link: str) -> None:
        self.flows: Counter[Flow] = Counter()
        self._internet = Internet()
        self._socket = inside(namespace, lambda: _opened(link))
        self._thread = threading.Thread(target=self._read, daemon=True)  # as in site.py
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        time.sleep(_SETTLE)
        self._ended.set()
        self._thread.join()
        told = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        self._socket.close()
        lost: int = struct.unpack("II", told)[1]
        if lost and error is None:
            raise NetworkError(f"{lost} packets were lost to the capture: is the machine busy?")

    def _read(self) -> None:
        """Until it is to end and nothing waits any more."""
        while True:
            ended = self._ended.is_set()
            with contextlib.suppress(TimeoutError):
                while True:
                    frame, link = self._socket.recvfrom(65535)
                    if link[2] != socket.PACKET_OUTGOING:
                        self._count(frame)
            if ended:
                return

    def _count(self, frame: bytes) -> None:
        if frame[12:14] not in _IP:
            return
        packet = self._internet.open(frame, _ETHERNET)
        if packet is None:  # no UDP and no TCP
            return
        ports = packet.data[packet.start + 2 : packet.start + 4]
        source, destination = host(packet.source), host(packet.destination)
        self.flows[Flow(_NAMES[packet.protocol], source, destination, int.from_bytes(ports))] += 1


def _opened(link: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    made.bind((link, 0))
    made.settimeout(0.1)
    return made
