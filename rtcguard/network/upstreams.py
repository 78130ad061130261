"""The DNS servers that the sinkhole asks: over UDP, TCP and TLS, one after the other.

Each UDP query has a socket of its own, so a port that nobody can guess, and only an answer from the
server's address, with the query's id and question, counts. TCP and TLS connections are used again
(RFC 7766, RFC 7858). A server that fails is asked last for a while.
"""

import asyncio
import logging
import socket
import ssl
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.rcode

from rtcguard.errors import StartError
from rtcguard.ice.address import host_port
from rtcguard.network.cache import Question
from rtcguard.network.exchange import PAYLOAD
from rtcguard.policy.model import Resolver

_PATIENCE: Final = (1.0, 2.0)  # seconds of the first round of all servers, and of the second
_STREAM_PATIENCE: Final = 2.0  # times as long, for there are round trips before the question
_AVOIDED: Final = 10.0  # seconds that a server that failed is asked last
_STREAMS: Final = 16  # connections to one server at a time; further queries wait for one
_PADDING: Final = 128  # RFC 8467: over TLS the length of a query tells nothing

_log = logging.getLogger(__name__)

# What a server that is down, broken or hostile makes of a query.
FAILURES = (OSError, EOFError, dns.exception.DNSException, ValueError, struct.error)


class NoAnswer(Exception):
    """No upstream server gave an answer; the text says why of the last one."""


@dataclass(slots=True)
class _Stream:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def exchange(self, wire: bytes) -> bytes:
        self.writer.write(struct.pack("!H", len(wire)) + wire)
        await self.writer.drain()
        (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        return await self.reader.readexactly(length)


@dataclass(slots=True)
class Upstream:
    """One server. `tls`: how its certificate is checked, for one that is asked over TLS."""

    resolver: Resolver
    tls: ssl.SSLContext | None = None
    avoided_until: float = 0.0
    _idle: list[_Stream] = field(default_factory=list)
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_STREAMS))

    def __str__(self) -> str:
        name = f"#{self.resolver.name}" if self.resolver.name else ""
        where = host_port(self.resolver.host, self.resolver.port)
        return f"{self.resolver.transport}://{where}{name}"

    async def ask(self, question: Question, seconds: float) -> dns.message.Message:
        """Its response, whatever that says. Raises OSError (TimeoutError too), EOFError, ValueError
        or DNSException."""
        secure = self.resolver.transport == "tls"
        query = dns.message.make_query(
            question.name,
            question.rdtype,
            use_edns=0,
            payload=PAYLOAD,
            want_dnssec=question.dnssec,
            flags=dns.flags.RD | dns.flags.AD | (dns.flags.CD if question.unchecked else 0),
            pad=_PADDING if secure else 0,
        )
        if self.resolver.transport == "udp":
            async with asyncio.timeout(seconds):
                response = await self._by_datagram(query)
            if not response.flags & dns.flags.TC:
                return response
        async with asyncio.timeout(seconds * _STREAM_PATIENCE), self._free:
            return await self._by_stream(query)

    async def _by_datagram(self, query: dns.message.Message) -> dns.message.Message:
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self.resolver.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as own:
            own.setblocking(False)
            own.connect((self.resolver.host, self.resolver.port))
            own.send(query.to_wire())
            while True:
                wire = await loop.sock_recv(own, 65535)
                try:
                    response = dns.message.from_wire(wire)
                except (dns.exception.DNSException, ValueError, struct.error):
                    continue  # a forger's, perhaps: the true one may still come
                if query.is_response(response):
                    return response

    async def _by_stream(self, query: dns.message.Message) -> dns.message.Message:
        wire = query.to_wire()
        while self._idle:
            stream = self._idle.pop()
            if stream.reader.at_eof():
                stream.writer.close()
                continue
            try:
                return await self._exchange(stream, query, wire)
            except (OSError, EOFError):
                break  # it was closed at the other end meanwhile
        reader, writer = await asyncio.open_connection(
            self.resolver.host,
            self.resolver.port,
            ssl=self.tls,
            server_hostname=(self.resolver.name or self.resolver.host) if self.tls else None,
        )
        return await self._exchange(_Stream(reader, writer), query, wire)

    async def _exchange(
        self, stream: _Stream, query: dns.message.Message, wire: bytes
    ) -> dns.message.Message:
        """Asks on a connection, and keeps it, unless anything is wrong with it."""
        try:
            response = dns.message.from_wire(await stream.exchange(wire))
            if not query.is_response(response):
                raise ValueError("an answer to another question")
        except BaseException:
            stream.writer.close()
            raise
        self._idle.append(stream)
        return response

    def close(self) -> None:
        """At once: nothing is under way any more, and TLS would wait for the other end's word."""
        for stream in self._idle:
            stream.writer.transport.abort()
        self._idle = []


class Upstreams:
    """All servers. Raises StartError where `trusted_ca`, a PEM file, cannot be used."""

    def __init__(self, resolvers: Iterable[Resolver], trusted_ca: str | None = None) -> None:
        resolvers = tuple(resolvers)
        secure = any(resolver.transport == "tls" for resolver in resolvers)
        tls = _tls(trusted_ca) if secure else None
        self._all = [
            Upstream(resolver, tls if resolver.transport == "tls" else None)
            for resolver in resolvers
        ]

    async def ask(self, question: Question) -> dns.message.Message:
        """The first answer: records, or that there are none. Raises NoAnswer."""
        problem = "there is none"
        for seconds in _PATIENCE:
            now = time.monotonic()
            # The order of the configuration, the failing ones last.
            for upstream in sorted(self._all, key=lambda one: one.avoided_until > now):
                try:
                    response = await upstream.ask(question, seconds)
                except FAILURES as error:
                    problem = f"{upstream}: {_words(error)}"
                    self._avoid(upstream, problem)
                    continue
                if response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                    if upstream.avoided_until:
                        upstream.avoided_until = 0.0
                        _log.warning("DNS: %s answers again", upstream)
                    return response
                # It is there, and cannot answer this: another one may.
                problem = f"{upstream}: {dns.rcode.to_text(response.rcode())}"
        raise NoAnswer(problem)

    def _avoid(self, upstream: Upstream, problem: str) -> None:
        if not upstream.avoided_until:
            _log.warning("DNS: no answer of %s", problem)
        upstream.avoided_until = time.monotonic() + _AVOIDED

    def close(self) -> None:
        for upstream in self._all:
            upstream.close()


def _tls(trusted_ca: str | None) -> ssl.SSLContext:
    """Certificates are checked, against the system's authorities and a further one."""
    context = ssl.create_default_context()
    if trusted_ca is not None:
        try:
            context.load_verify_locations(trusted_ca)
        except (OSError, ssl.SSLError) as error:
            raise StartError(
                f"{trusted_ca}: upstream.trusted_ca cannot be used: {error}"
            ) from error
    return context


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    return str(error) or type(error).__name__
