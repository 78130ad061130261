"""A responder on a free port of loopback, in a thread of its own; and what it recorded."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rtcguard.network.server import StunServer
from rtcguard.network.tcp import Limits
from rtcguard.policy.model import Policy
from rtcguard.policy.record import Record


class Serving:
    def __init__(self, server: StunServer) -> None:
        self.address = server.addresses[0]
        self.records: list[Record] = []

    def connect(self) -> socket.socket:
        made = socket.create_connection(self.address, timeout=60)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    @property
    def reasons(self) -> list[str]:
        return [record.reason for record in self.records]


@contextmanager
def serving(
    host: str = "127.0.0.1", limits: Limits | None = None, policy: Policy | None = None
) -> Iterator[Serving]:
    """What it recorded is whole when the block has ended."""
    wake, stop = socket.socketpair()
    made: list[Serving] = []

    def record(records: list[Record]) -> None:
        made[0].records.extend(records)

    server = StunServer([(host, 0)], policy or Policy(), record, limits=limits or Limits())
    made.append(Serving(server))
    with wake, stop, server:
        thread = threading.Thread(target=server.serve, args=(stop,))
        thread.start()
        try:
            yield made[0]
        finally:
            wake.send(b"x")
            thread.join(60)
            assert not thread.is_alive()
