"""Binding what the configuration names; what cannot be bound is told in one line."""

import errno
import socket
from typing import Final

from rtcguard.errors import StartError
from rtcguard.ice.address import host_port

# Python has no names for these (linux/in.h, linux/in6.h); IP_TRANSPARENT it has from 3.14 on.
IP_TRANSPARENT: Final = 19
IP_RECVORIGDSTADDR: Final = 20
IPV6_RECVORIGDSTADDR: Final = 74
IPV6_TRANSPARENT: Final = 75

_BACKLOG = 128
_TRIES = 10  # to find a port that is free for both
_RECEIVE_BUFFER = 4 << 20  # bytes; the kernel cuts it down to what it allows
_HINTS = {
    errno.EADDRINUSE: "stop the program that uses it, or write another port there",
    errno.EACCES: "run rtcguard with the right to do so, or write a port above 1023 there",
    errno.EADDRNOTAVAIL: "no interface has this address: write one of this machine's there",
    errno.EAFNOSUPPORT: "this machine has no such protocol (IPv6 off?): take the address out",
}
_NAMES = {socket.SOCK_DGRAM: "udp", socket.SOCK_STREAM: "tcp"}


def bind_both(
    key: str, host: str, port: int, *, transparent: bool = False
) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket with the same port; `key` is where the configuration names them.

    Port 0 is any port that is free for both. Raises StartError.
    """
    tries = 1 if port else _TRIES
    while True:
        bound = _bind(key, host, port, socket.SOCK_DGRAM, transparent=transparent)
        try:
            return bound, _bind(key, host, bound.getsockname()[1], socket.SOCK_STREAM)
        except StartError:
            bound.close()
            tries -= 1
            if not tries:
                raise


def _bind(
    key: str, host: str, port: int, kind: socket.SocketKind, *, transparent: bool = False
) -> socket.socket:
    """A non-blocking UDP socket, or a TCP socket that listens; a host name is bound at its first
    address. `transparent`: for packets on their way to others, which a rule brings here.

    Raises StartError.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        bound = socket.socket(family, kind)
        try:
            if family == socket.AF_INET6:  # IPv4 has sockets of its own, and addresses of its own
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if transparent:
                _make_transparent(bound)
            if kind == socket.SOCK_DGRAM:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            else:  # connections of a process that died would hold the port for a minute
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setblocking(False)
            bound.bind(address)
            if kind == socket.SOCK_STREAM:
                bound.listen(_BACKLOG)
        except BaseException:
            bound.close()
            raise
    except (OSError, UnicodeError) as error:  # the latter for what cannot be a host name
        problem = getattr(error, "strerror", None) or error
        hint = _HINTS.get(getattr(error, "errno", 0), "write another address there")
        shown = f"{_NAMES[kind]} {host_port(host, port)}"
        raise StartError(f"{key}: cannot bind {shown}: {problem}; {hint}") from error
    return bound


def _make_transparent(bound: socket.socket) -> None:
    """Raises StartError where the process has not the right to."""
    options = (
        ((socket.IPPROTO_IPV6, IPV6_TRANSPARENT), (socket.IPPROTO_IPV6, IPV6_RECVORIGDSTADDR))
        if bound.family == socket.AF_INET6
        else ((socket.IPPROTO_IP, IP_TRANSPARENT), (socket.IPPROTO_IP, IP_RECVORIGDSTADDR))
    )
    try:
        for level, option in options:
            bound.setsockopt(level, option, 1)
    except PermissionError as error:
        raise StartError(RIGHTS) from error


RIGHTS: Final = (
    "gateway: to answer clients in the name of other servers needs the right CAP_NET_RAW; run "
    "rtcguard as root or by its systemd unit, which has it, or take the gateway's keys out"
)
