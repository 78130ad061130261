"""The STUN responder: its sockets for UDP and TCP, in one thread, and its records.

No asyncio: a loop of plain system calls answers several times as many packets. What one packet
breaks, an answer that cannot be sent or a fault of our own, is counted and logged once a second at
most; the loop goes on.
"""

import selectors
import socket
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Self

from rtcguard.network import batch
from rtcguard.network.batched import BatchedPort
from rtcguard.network.clock import minute_of_week
from rtcguard.network.failures import Failures
from rtcguard.network.reception import Reception
from rtcguard.network.sockets import bind_both
from rtcguard.network.tcp import Connection, Connections, Limits, TcpPort
from rtcguard.network.transparent import TransparentPort
from rtcguard.network.udp import WILDCARDS, UdpPort
from rtcguard.policy.model import HostPort, Policy
from rtcguard.policy.record import Record

_SOONEST: Final = 0.05  # seconds; a deadline that has just passed must not make the loop spin


type _Turn = UdpPort | TcpPort | Connection


class StunServer:
    """Binds every (host, port) at once, for UDP and TCP; `serve` answers until told to stop;
    `close` unbinds.

    `record` is called with the records of a turn, in the thread of `serve`: it must not block.
    `policy` may be replaced at any time; the next turn goes by it. `transparent`: what is bound
    to every address also answers packets to other machines that a TPROXY rule brings there, in
    their name. `timed` is given the seconds of each turn of a socket. Raises StartError where an
    address cannot be bound, or the right to is missing.
    """

    def __init__(
        self,
        listen: Iterable[HostPort],
        policy: Policy,
        record: Callable[[list[Record]], object],
        *,
        transparent: bool = False,
        limits: Limits | None = None,
        timed: Callable[[float], object] | None = None,
    ) -> None:
        self.policy = policy
        self._timed = timed
        self._record = record
        self._reception = Reception(policy, minute_of_week)
        self._failures = Failures("STUN")
        self._selector = selectors.DefaultSelector()
        self._connections = Connections(self._selector, limits or Limits())
        self._udp: list[UdpPort] = []
        self._tcp: list[TcpPort] = []
        try:
            for host, port in listen:
                self._bind(host, port, transparent and host in WILDCARDS)
        except BaseException:
            self.close()
            raise

    def _bind(self, host: str, port: int, transparent: bool) -> None:
        bound, listening = bind_both("stun.listen", host, port, transparent=transparent)
        self._tcp.append(TcpPort(listening, self._connections))
        make = BatchedPort if batch.AVAILABLE else UdpPort
        try:
            clients = self.policy.config.gateway.interfaces
            self._udp.append(TransparentPort(bound, clients) if transparent else make(bound))
        except BaseException:
            bound.close()
            raise

    @property
    def addresses(self) -> tuple[HostPort, ...]:
        """What is bound, in the order of `listen`; with the port that a port of 0 became."""
        return tuple(port.local for port in self._udp)

    def serve(self, stop: socket.socket | int) -> None:
        """Answers until `stop` becomes readable: a byte was written to it, or its far end closed,
        as it is when the process that holds it dies. Reads nothing from it."""
        self._selector.register(stop, selectors.EVENT_READ, None)
        ports: list[UdpPort | TcpPort] = [*self._udp, *self._tcp]
        for port in ports:
            self._selector.register(port.socket, selectors.EVENT_READ, port)
        try:
            while True:
                ready = [key.data for key, _ in self._selector.select(self._patience())]
                if None in ready:
                    return
                self._turns(ready)
        finally:
            self._tell(self._reception.rest())

    def _patience(self) -> float | None:
        """Seconds until something is due though nothing comes."""
        due = min(self._reception.due, self._connections.due)
        return None if due == float("inf") else max(_SOONEST, due - time.time())

    def _turns(self, ready: list[_Turn]) -> None:
        now = time.time()
        if self._reception.policy is not self.policy:
            self._reception.use(self.policy)
        for port in ready:
            began = time.perf_counter()
            try:
                port.turn(self._reception, self._failures, now)
            except Exception as error:
                self._failures.add(error)
            if self._timed is not None:
                self._timed(time.perf_counter() - began)
        if self._connections.due <= now:
            self._connections.expire(self._reception, now)
        self._tell(self._reception.records(now))

    def _tell(self, records: list[Record]) -> None:
        if records:
            try:
                self._record(records)
            except Exception as error:
                self._failures.add(error)

    def close(self) -> None:
        self._connections.close()
        ports: list[UdpPort | TcpPort] = [*self._udp, *self._tcp]
        for port in ports:
            port.close()
        self._udp, self._tcp = [], []
        self._selector.close()
        self._failures.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
