"""How raw senders send, and what they got back, as a word.

Every function here makes a `Send`: called with a server's address and a mark, it sends what it was
made of, waits a little for an answer, and returns what came: `success`, `403` (or another code of a
STUN error), `answered` (something else), `reset`, `closed`, `refused` or `unreachable` (ICMP), or
`silence`. UDP sockets are connected, so that only answers in the server's own name count.
"""

from __future__ import annotations

import contextlib
import errno
import random
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator, Sequence

from rtcguard.errors import ParseError
from rtcguard.network import stun

Message = Callable[[bytes], bytes]  # from a mark
Send = Callable[[str, bytes], str]  # from a server's address and a mark

WAIT = 1.0  # seconds for an answer
BETWEEN = 0.005  # seconds between two single bytes
UDPLITE = 136
SCTP = 132
ERRORS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EACCES: "unreachable",  # ICMP: administratively prohibited, IPv6
    errno.EPERM: "unreachable",
}


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def word(answer: bytes) -> str:
    """What an answer is, bare or framed (RFC 4571)."""
    for skipped in (0, 2):
        with contextlib.suppress(ParseError):
            message = stun.parse(answer[skipped:])
            code = message.attribute(stun.ERROR_CODE)
            if message.message_class == stun.ERROR and code is not None:
                return str(code[2] * 100 + code[3])
            return "success"
    return "answered"


@contextlib.contextmanager
def _words(said: list[str]) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        said.append("silence")
    except ssl.SSLError:
        said.append("no TLS")
    except OSError as error:
        said.append(ERRORS.get(error.errno or 0, f"{error}"))


def udp(
    port: int,
    *messages: Message,
    source: str = "",
    to: dict[int, str] | None = None,
    protocol: int = 0,
    options: Sequence[tuple[int, int, int | bytes]] = (),
) -> Send:
    """These datagrams from one socket, each when the one before was answered, or has waited long
    enough. `source`: an IPv6 address of the client's; `to`: a group by IP version, in the server's
    place; `options`: of the socket."""

    def send(host: str, mark: bytes) -> str:
        family, said = _family(host), list[str]()
        with _words(said), socket.socket(family, socket.SOCK_DGRAM, protocol) as sender:
            sender.settimeout(WAIT)
            for level, name, value in options:
                sender.setsockopt(level, name, value)
            if source:
                sender.bind((source, 0))
            if to is not None:
                host = to[6 if family == socket.AF_INET6 else 4]
                sender.sendto(messages[0](mark), (host, port))
                return "sent"
            sender.connect((host, port))
            for message in messages:
                said.clear()  # what the one before was answered with tells nothing of this one
                with _words(said):
                    sender.send(message(mark))
                    said.append(word(sender.recv(4096)))
        return said[0]

    return send


def _talk(connection: socket.socket, messages: Sequence[bytes], bytewise: bool = False) -> str:
    """Each message when the one before was answered, so that no two travel as one piece."""
    answer = b""
    for message in messages:
        if bytewise:
            for byte in message:
                connection.sendall(bytes([byte]))
                time.sleep(BETWEEN)
        else:
            connection.sendall(message)
        answer = connection.recv(4096)
    return word(answer) if answer else "closed"


def tcp(port: int, *messages: Message, bytewise: bool = False) -> Send:
    """These messages on one connection, whole or byte by byte."""

    def send(host: str, mark: bytes) -> str:
        said = list[str]()
        with _words(said), socket.create_connection((host, port), WAIT) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            said.append(_talk(connection, [message(mark) for message in messages], bytewise))
        return said[0]

    return send


def tls(port: int, *messages: Message, name: str | None = None) -> Send:
    """The same in a session of TLS with whoever answers: a sender need not look at certificates."""

    def send(host: str, mark: bytes) -> str:
        context, said = ssl.create_default_context(), list[str]()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            _words(said),
            socket.create_connection((host, port), WAIT) as connection,
            context.wrap_socket(connection, server_hostname=name) as session,
        ):
            said.append(_talk(session, [message(mark) for message in messages]))
        return said[0]

    return send


def http(port: int, request: Callable[[bytes, str], bytes]) -> Send:
    """One request, made of a mark and the server's address."""

    def send(host: str, mark: bytes) -> str:
        return tcp(port, lambda mark: request(mark, host))(host, mark)

    return send


def _own_address(host: str) -> str:
    """Which of the client's addresses the kernel would send from."""
    with socket.socket(_family(host), socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        return str(probe.getsockname()[0])


def _udp_packet(own: str, host: str, port: int, data: bytes) -> bytes:
    """A UDP datagram with its checksum (RFC 768; RFC 8200 section 8.1)."""
    head = struct.pack("!HHHH", random.randrange(40000, 60000), port, 8 + len(data), 0)
    packed = [socket.inet_pton(_family(host), item) for item in (own, host)]
    pseudo = b"".join(packed) + struct.pack("!IHH", 8 + len(data), 0, socket.IPPROTO_UDP)
    text = pseudo + head + data + bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(text) // 2}H", text))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return head[:6] + (~total & 0xFFFF or 0xFFFF).to_bytes(2) + data


def _ipv4(own: str, host: str, identity: int, flags: int, data: bytes) -> bytes:
    sides = socket.inet_aton(own) + socket.inet_aton(host)  # the kernel makes the checksum
    fixed = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), identity, flags, 64, 17, 0)
    return fixed + sides + data


def _ipv6(own: str, host: str, identity: int, flags: int, data: bytes) -> bytes:
    fragment = struct.pack("!BBHI", socket.IPPROTO_UDP, 0, flags, identity)
    head = struct.pack("!IHBB", 6 << 28, len(fragment) + len(data), 44, 64)
    sides = b"".join(socket.inet_pton(socket.AF_INET6, item) for item in (own, host))
    return head + sides + fragment + data


def fragments(port: int, message: Message, *, cut: int = 8) -> Send:
    """One datagram in two fragments: the first ends before what a filter would look at.

    `cut`: bytes of the first, a multiple of eight; 8 is the header of UDP alone. Not waited for.
    """

    def send(host: str, mark: bytes) -> str:
        own, identity = _own_address(host), random.randrange(1, 0xFFFF)
        packet = _udp_packet(own, host, port, message(mark))
        make, more, at = (_ipv6, 1, cut) if ":" in host else (_ipv4, 0x2000, cut // 8)
        said = list[str]()
        with _words(said), socket.socket(_family(host), socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            for flags, part in ((more, packet[:cut]), (at, packet[cut:])):
                raw.sendto(make(own, host, identity, flags, part), (host, 0))
            said.append("sent")
        return said[0]

    return send


def protocol(number: int, message: Message) -> Send:
    """A packet of another protocol over IP. Not waited for."""

    def send(host: str, mark: bytes) -> str:
        said = list[str]()
        with _words(said), socket.socket(_family(host), socket.SOCK_RAW, number) as raw:
            raw.sendto(message(mark), (host, 0))
            said.append("sent")
        return said[0]

    return send
