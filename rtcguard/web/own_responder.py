"""A STUN responder for the leak test of a browser on this machine itself.

Browsers send nothing to a loopback address from their other addresses, so the responder that
listens there alone (as `stun.listen` does unless told otherwise) never sees them. This one is the
same code on a port of its own, at the addresses that this machine has towards other networks; it
lives as long as a test, answers this machine only, and what it sees goes to the test alone.
"""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network
from socket import socket, socketpair
from typing import Final

from rtcguard.ledger.event import Event
from rtcguard.ledger.writer import stamped
from rtcguard.network.server import StunServer
from rtcguard.policy.model import HostPort, Policy
from rtcguard.policy.record import Record
from rtcguard.web.responders import outward

_MOST: Final = 2_000  # events
_LASTS: Final = 120.0  # seconds


class OwnResponder:
    """At most one at a time. `start` and `end` are for one thread, `events` for any."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._stop: socket | None = None

    def start(self, policy: Policy) -> list[HostPort]:
        """Ends the one before; where this one listens: nowhere, if this machine has no network.
        Raises StartError."""
        self.end()
        hosts = outward()
        if not hosts:
            return []
        own = tuple(ip_network(host) for host in hosts)
        stun = replace(policy.config.stun, clients=own)
        # One for each: the one before still tells what it had counted when it ends.
        events: deque[Event] = deque(maxlen=_MOST)

        def take(records: Iterable[Record]) -> None:
            events.extend(stamped(records, ""))

        answering = replace(policy, config=replace(policy.config, stun=stun))
        server = StunServer([(host, 0) for host in hosts], answering, take)
        self._events = events
        self._stop, stopped = socketpair()
        threading.Thread(target=self._serve, args=(server, stopped), daemon=True).start()
        ending = threading.Timer(_LASTS, self._stop.close)
        ending.daemon = True
        ending.start()
        return list(server.addresses)

    def end(self) -> None:
        if self._stop is not None:
            self._stop.close()
            self._stop = None
        self._events = deque()

    def events(self, since: str) -> list[Event]:
        """What it saw from then on, in the order of time."""
        return [event for event in tuple(self._events) if event.time >= since]

    @staticmethod
    def _serve(server: StunServer, stopped: socket) -> None:
        with server, stopped:
            server.serve(stopped)
