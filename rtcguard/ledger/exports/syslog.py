"""Syslog over UDP (RFC 5426), TCP (RFC 6587), TLS (RFC 5425) and local sockets.

Syslog has no acknowledgement. Over TCP and TLS a batch counts as delivered when the receiver's
system has confirmed every byte of it (Linux), and the last batch is sent again after a connection
that broke; what a receiver had taken and not yet read when it died is lost all the same. Over UDP
nothing is known but that a port is closed.
"""

import contextlib
import os
import select
import socket
import ssl
import struct
import sys
import time
from collections.abc import Sequence
from typing import Final

from rtcguard.ledger.event import Event
from rtcguard.ledger.exports import cef, rfc5424
from rtcguard.ledger.exports.sink import TIMEOUT, Outage
from rtcguard.policy.export import Syslog

# Datagrams that need no fragments wherever IPv6 goes (RFC 8200 section 5: 1280 bytes, less the
# headers of IPv6 and UDP); RFC 5426 section 3.2 asks for what fits the path.
MOST_UDP: Final = 1232
MOST: Final = 8192  # what receivers take without being told otherwise
_OLDEST_UDP: Final = 300.0  # seconds until a UDP receiver's name is asked for again
_READ_WITHIN: Final = 60.0  # seconds in which a receiver reads what its system has
_SIOCOUTQ: Final = 0x5411
_LOOK_EVERY: Final = 0.002  # seconds


class SyslogSink:
    """A `Sink`. `tls` has the certificates that are trusted."""

    def __init__(self, to: Syslog, tls: ssl.SSLContext) -> None:
        self._to, self._tls = to, tls
        self._socket: socket.socket | None = None
        self._since = 0.0
        self._last: list[bytes] = []  # what was sent last, and when
        self._sent = 0.0

    def send(self, events: Sequence[Event]) -> int:
        made = [self._made(event) for event in events]
        try:
            if self._to.transport in ("udp", "unix"):
                self._send_datagrams(made)
            else:
                self._send_stream(made)
        except (OSError, Outage):
            self.close()
            raise
        return 0

    def _made(self, event: Event) -> bytes:
        most = MOST_UDP if self._to.transport == "udp" else MOST
        if self._to.transport == "unix":
            head = rfc5424.local(event, os.getpid(), b"")
            room = most - len(head)
            is_cef = self._to.format == "cef"
            return head + (cef.message if is_cef else rfc5424.content)(event, room)
        if self._to.format == "cef":
            # No structured data, and no byte order mark before `CEF:`.
            head = f"{rfc5424.header(event)} - ".encode()
            return head + cef.message(event, most - len(head))
        return rfc5424.message(event, most)

    def _send_datagrams(self, made: list[bytes]) -> None:
        if self._to.transport == "udp" and time.monotonic() - self._since > _OLDEST_UDP:
            self.close()
        connected = self._socket or self._connect()
        for datagram in made:
            connected.send(datagram)
        # A closed port is told of by ICMP, after the datagram that came to it.
        _raise_error_of(connected)

    def _send_stream(self, made: list[bytes]) -> None:
        frames = [b"%d %b" % (len(one), one) for one in made]  # RFC 6587 section 3.4.1
        if self._socket is not None and _is_over(self._socket):
            self.close()
        if self._socket is None:
            connected = self._connect()
            if time.monotonic() - self._sent < _READ_WITHIN:
                frames = [*self._last, *frames]
        else:
            connected = self._socket
        connected.sendall(b"".join(frames))
        _wait_confirmed(connected)
        self._last, self._sent = frames[-len(made) :], time.monotonic()

    def _connect(self) -> socket.socket:
        to = self._to
        if to.transport == "unix":
            made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            made.settimeout(TIMEOUT)
            self._socket = made
            made.connect(to.path)
        elif to.transport == "udp":
            made = self._socket = _udp(to.host, to.port)
        else:
            made = self._socket = socket.create_connection((to.host, to.port), TIMEOUT)
            if to.transport == "tls":
                made = self._socket = self._tls.wrap_socket(made, server_hostname=to.host)
        self._since = time.monotonic()
        return made

    def close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None


def _udp(host: str, port: int) -> socket.socket:
    """A socket connected to the first of the host's addresses that there is a way to."""
    failed: OSError | None = None
    for family, kind, protocol, _, at in socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM):
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(TIMEOUT)
            made.connect(at)
            return made
        except OSError as error:
            made.close()
            failed = error
    raise failed or OSError(f"{host} has no address")


def _is_over(connected: socket.socket) -> bool:
    """Whether the receiver has closed, or said anything: no syslog receiver speaks."""
    while select.select([connected], [], [], 0)[0]:
        # TLS 1.3 brings session tickets, which are not for us.
        if not isinstance(connected, ssl.SSLSocket):
            return True
        connected.setblocking(False)
        try:
            if not connected.recv(1):
                return True
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True
        finally:
            connected.settimeout(TIMEOUT)
    return False


def _wait_confirmed(connected: socket.socket) -> None:
    """Returns when the receiver's system has all that was sent."""
    if sys.platform != "linux":
        return
    import fcntl

    until = time.monotonic() + TIMEOUT
    while True:
        (left,) = struct.unpack("i", fcntl.ioctl(connected.fileno(), _SIOCOUTQ, bytes(4)))
        # First the queue, then the error: a reset empties the one and sets the other.
        _raise_error_of(connected)
        if not left:
            return
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(_LOOK_EVERY)


def _raise_error_of(connected: socket.socket) -> None:
    """Raises what the network has told of since."""
    if failed := connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(failed, os.strerror(failed))
