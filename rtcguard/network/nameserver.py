"""The DNS sinkhole's sockets, UDP and TCP: queries in, judged by sinkhole.py, answers out.

Only clients of `sinkhole.clients` are answered; others, and who asks too much, are dropped without
a word and counted. What one query breaks is counted, logged once a second at most, and answered
with SERVFAIL: it is never passed on unjudged.
"""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import lru_cache
from typing import Any, Final

import dns.edns
import dns.rcode

from rtcguard.errors import StartError
from rtcguard.ice import address as addresses
from rtcguard.network import exchange, sinkhole
from rtcguard.network.clock import minute_of_week
from rtcguard.network.failures import Failures
from rtcguard.network.forwarding import Forwarding
from rtcguard.network.limits import Budget
from rtcguard.network.names import names_of
from rtcguard.network.query_sockets import Datagrams, SocketAddress
from rtcguard.network.sockets import bind_both
from rtcguard.network.upstreams import NoAnswer, Upstreams
from rtcguard.policy.model import HostPort, Policy
from rtcguard.policy.record import Record, decided_by
from rtcguard.policy.rule import Network, within

_RATE: Final = 1000.0  # queries a second and client; a page with a thousand names stays below
_BURST: Final = 2000.0
_MOST_QUERIES: Final = 1000  # that wait for an upstream, of all clients
_MOST_CONNECTIONS: Final = 128
_MOST_OF_ONE: Final = 32  # connections of one client
_MOST_PIPELINED: Final = 16  # queries of one connection (RFC 7766 section 6.2.1)
_IDLE: Final = 10.0  # seconds that a connection may say nothing
_LEARN_EVERY: Final = 20.0  # seconds

Recorder = Callable[[list[Record]], object]


class NameServer:
    """Binds every (host, port) of `sinkhole.listen` at once; `serve` answers until told to stop.

    `record` and `learned` must not block for long; `learned` gives the names that pages were seen
    to have in their lists of ICE servers, and is asked in a thread of its own. Raises StartError
    where an address cannot be bound.
    """

    def __init__(
        self,
        policy: Policy,
        record: Recorder,
        learned: Callable[[], frozenset[str]] = frozenset,
        held: Callable[[], tuple[Network, ...]] = tuple,
    ) -> None:
        config = policy.config
        self._record = record
        self._learned = learned
        self._ask_held, self._held = held, held()
        self._names = names_of(config)
        self._budget = Budget(_RATE, _BURST)
        self._failures = Failures("DNS")
        self._tasks: set[asyncio.Task[None]] = set()
        self._conversations: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}
        self._connections: dict[str, int] = {}  # by client
        upstreams = Upstreams(config.sinkhole.upstream, config.upstream.trusted_ca)
        self._forwarding = Forwarding(
            upstreams, lambda response: sinkhole.read(response, self._names, self._policy)
        )
        self.use(policy)
        self._datagrams: list[Datagrams] = []
        self._listeners: list[socket.socket] = []
        try:
            for host, port in config.sinkhole.listen:
                bound, listening = bind_both("sinkhole.listen", host, port)
                self._datagrams.append(Datagrams(bound))
                self._listeners.append(listening)
        except StartError:
            self.close()
            raise

    def use(self, policy: Policy) -> None:
        """From the next query on, this policy decides; where is listened, and who is asked, stays
        as it is. A query that waits for an upstream is judged anew when its answer comes."""
        self._policy = policy
        self._names = self._names.under(policy.config)
        networks = policy.config.sinkhole.clients
        self._is_client = lru_cache(maxsize=4096)(lambda host: within(host, networks))
        self._forwarding.forget()

    @property
    def addresses(self) -> tuple[HostPort, ...]:
        """What is bound, in the order of `sinkhole.listen`."""
        return tuple(datagrams.local for datagrams in self._datagrams)

    async def serve(self, stop: asyncio.Event) -> None:
        """Answers until `stop` is set."""
        loop = asyncio.get_running_loop()
        learning = loop.create_task(self._learn())
        servers = [
            await asyncio.start_server(self._connected, sock=listener)
            for listener in self._listeners
        ]
        for datagrams in self._datagrams:
            loop.add_reader(datagrams.socket, self._drain, datagrams)
        try:
            await stop.wait()
        finally:
            for datagrams in self._datagrams:
                loop.remove_reader(datagrams.socket)
            for server in servers:
                server.close()
            tasks = [learning, *self._tasks]
            for task in tasks:
                task.cancel()
            # Conversations end by themselves: Python 3.12.1 logs those that are cancelled.
            for writer in self._conversations.values():
                writer.transport.abort()
            await self._forwarding.close()
            await asyncio.gather(*tasks, *self._conversations, return_exceptions=True)
            await asyncio.sleep(0)  # connections are closed by the loop's next round
            self._failures.flush()

    def close(self) -> None:
        """Unbinds."""
        for bound in (*self._listeners, *(one.socket for one in self._datagrams)):
            bound.close()

    # Who may ask ----------------------------------------------------------------------------

    def _admits(self, client: str) -> bool:
        if not (self._is_client(client) or within(client, self._held)):
            self._failures.add(None, "queries of others than sinkhole.clients were dropped")
        elif not self._budget.spend(client, time.monotonic()):
            self._failures.add(
                None, f"queries were dropped: more than {_RATE:.0f} a second of a client"
            )
        else:
            return True
        return False

    # UDP ------------------------------------------------------------------------------------

    def _drain(self, datagrams: Datagrams) -> None:
        """Takes what waits at one socket, a batch of it at most."""
        for wire, source, local in datagrams.receive():
            client = addresses.canonical(source[0])
            if source[1] == 0 or not self._admits(client):
                continue
            if len(self._tasks) >= _MOST_QUERIES:
                self._failures.add(None, "queries were dropped: too many wait for an upstream")
                continue
            self._start(self._by_datagram(datagrams, wire, source, client, local))

    async def _by_datagram(
        self, datagrams: Datagrams, wire: bytes, source: SocketAddress, client: str, local: str
    ) -> None:
        answer = await self._answer(wire, client, local, udp=True)
        if answer is not None:
            try:
                datagrams.send(answer, source, local)
            except OSError as error:  # the client's network is gone, or its buffer full
                self._failures.add(error, "answers could not be sent")

    # TCP ------------------------------------------------------------------------------------

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = addresses.canonical(writer.get_extra_info("peername")[0])
        of_one = self._connections.get(client, 0)
        try:
            if not self._admits(client):
                return
            if of_one >= _MOST_OF_ONE or len(self._conversations) >= _MOST_CONNECTIONS:
                self._failures.add(None, "connections were closed: too many are open")
                return
            with self._counted(client, writer):
                await self._converse(reader, writer, client)
        finally:
            writer.close()

    @contextlib.contextmanager
    def _counted(self, client: str, writer: asyncio.StreamWriter) -> Iterator[None]:
        """A connection is one of its client's, and one of all, for the time of a `with` block."""
        task = asyncio.current_task()
        assert task is not None
        self._conversations[task] = writer
        self._connections[client] = self._connections.get(client, 0) + 1
        try:
            yield
        finally:
            del self._conversations[task]
            self._connections[client] -= 1
            if not self._connections[client]:
                del self._connections[client]

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: str
    ) -> None:
        """Answers the queries of a connection, several at a time, each when it is ready."""
        local = writer.get_extra_info("sockname")[0]
        free = asyncio.Semaphore(_MOST_PIPELINED)

        async def answer(wire: bytes) -> None:
            try:
                made = await self._answer(wire, client, local, udp=False)
                if made is not None:
                    writer.write(struct.pack("!H", len(made)) + made)
                    await writer.drain()
            except OSError:
                pass  # the client is gone
            finally:
                free.release()

        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    async with asyncio.timeout(_IDLE):
                        (length,) = struct.unpack("!H", await reader.readexactly(2))
                        wire = await reader.readexactly(length)
                except (OSError, EOFError):
                    return  # gone, or said nothing for too long
                await free.acquire()
                if not self._admits(client):
                    return
                group.create_task(answer(wire))

    # Answering ------------------------------------------------------------------------------

    def _start(self, answering: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(answering)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, wire: bytes, client: str, local: str, *, udp: bool) -> bytes | None:
        """What goes back; None: nothing."""
        try:
            return await self._judged(wire, client, local, udp=udp)
        except Exception as error:
            self._failures.add(error, "queries could not be judged")
            return exchange.failure(wire, dns.rcode.SERVFAIL)

    async def _judged(self, wire: bytes, client: str, local: str, *, udp: bool) -> bytes | None:
        query = exchange.parse(wire)
        if query is None or isinstance(query, bytes):
            return query
        policy, minute = self._policy, minute_of_week()
        judged = sinkhole.judge(query, client, local, self._names, policy, minute)
        if judged.response is None:
            question = exchange.question_of(query)
            try:
                answer = self._forwarding.known(question) or await self._forwarding.ask(question)
            except NoAnswer:  # logged where it was found
                code = dns.edns.EDECode.NETWORK_ERROR
                response = exchange.failed(query, code, "no upstream server answers")
                return exchange.to_wire(query, response, udp=udp)
            if policy is not self._policy:  # replaced meanwhile: the whole query is judged by it
                return await self._judged(wire, client, local, udp=udp)
            if judged.decision is not None and judged.decision.rule == "relay:servers":
                self._names = self._names.leading(answer.targets())
            judged = sinkhole.conclude(
                query, client, local, judged, answer, self._names, policy, minute
            )
        if judged.records:
            self._record(decided_by(policy.version, judged.records))
        assert judged.response is not None
        return exchange.to_wire(query, judged.response, udp=udp)

    async def _learn(self) -> None:
        """Asks now and then for the names that pages had in their lists of ICE servers, and for
        the networks behind the gateway's firewall."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                learned = await loop.run_in_executor(None, self._learned)
                self._names = self._names.learning(learned)
                self._held = await loop.run_in_executor(None, self._ask_held)
            except Exception as error:
                self._failures.add(error, "what the ledger knows could not be read")
            await asyncio.sleep(_LEARN_EVERY)
