"""One allocation on a TURN server (RFC 8656), held by aioice's client: to see that a relay works.

aioice's endpoint hides why something fails, so its protocols are used by themselves: connections
are opened here, with the server's name for TLS, and what breaks them is raised at once.
"""

import asyncio
import contextlib
import ssl
import struct
from collections.abc import Coroutine
from typing import Any, Final, Self

from aioice import stun
from aioice.turn import (
    DEFAULT_CHANNEL_REFRESH_TIME,
    UDP_TRANSPORT,
    TurnClientProtocol,
    TurnClientTcpProtocol,
    TurnClientUdpProtocol,
)

from rtcguard.ice.server import ServerUri
from rtcguard.policy.model import HostPort

LIFETIME: Final = 600  # seconds, should nobody be able to delete it
_DELETE_TIMEOUT: Final = 2.0
_FAMILIES: Final = {4: 1, 6: 2}  # RFC 8656 section 18.8


class Allocation:
    """A connection to a TURN server, and after `allocate` a relayed address there.

    What goes wrong is raised as it came: OSError and ssl.SSLError of the connection,
    aioice.stun.TransactionFailed with the server's error response. Nothing here waits for long by
    itself; bound it with asyncio.timeout.
    """

    def __init__(self, client: TurnClientProtocol, lost: asyncio.Future[None]) -> None:
        self._client = client
        self._lost = lost
        self._received: asyncio.Queue[tuple[bytes, HostPort]] = asyncio.Queue()
        self.relayed: HostPort = ("", 0)
        client.receiver = _Receiver(self._received)

    @classmethod
    async def open(
        cls,
        uri: ServerUri,
        address: str,
        username: str,
        password: str,
        context: ssl.SSLContext,
    ) -> Self:
        """Connects to `uri` at one of its host's addresses. `context` is used for turns: only."""
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[None] = loop.create_future()
        server = (address, uri.port)
        arguments = (server, username, password, LIFETIME, DEFAULT_CHANNEL_REFRESH_TIME)
        client: TurnClientProtocol
        if uri.transport == "udp":
            _, client = await loop.create_datagram_endpoint(
                lambda: _Udp(lost, *arguments), remote_addr=server
            )
        else:
            tls = uri.scheme == "turns"
            _, client = await loop.create_connection(
                lambda: _Tcp(lost, *arguments),
                *server,
                ssl=context if tls else None,
                server_hostname=uri.host if tls else None,
            )
        return cls(client, lost)

    async def allocate(self, version: int | None = None) -> HostPort:
        """Asks for a relayed address, of IPv4 or IPv6 (4, 6), or as the server likes."""
        family = None if version is None else _FAMILIES[version]
        request = _Allocate(stun.Method.ALLOCATE, stun.Class.REQUEST, family)
        request.attributes["LIFETIME"] = LIFETIME
        request.attributes["REQUESTED-TRANSPORT"] = UDP_TRANSPORT
        response = await self._ask(request)
        relayed = response.attributes.get("XOR-RELAYED-ADDRESS")
        if relayed is None:
            raise ConnectionError("its answer to Allocate has no relayed address")
        self.relayed = relayed
        return self.relayed

    async def permit(self, peer: str) -> None:
        """Asks for a permission; no packet is sent to the peer by that."""
        request = stun.Message(stun.Method.CREATE_PERMISSION, stun.Class.REQUEST)
        request.attributes["XOR-PEER-ADDRESS"] = (peer, 0)
        await self._ask(request)

    async def send(self, data: bytes, peer: HostPort) -> None:
        """Sends to a peer, by a channel that is bound first where there is none."""
        await self._or_lost(self._client.send_data(data, peer))

    async def receive(self) -> tuple[bytes, HostPort]:
        """The next datagram of a peer to which was sent before, and who it is from."""
        return await self._or_lost(self._received.get())

    async def close(self) -> None:
        """Gives the allocation back, so that it does not count for a quota any longer."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(_DELETE_TIMEOUT):
                if self.relayed[1]:
                    await self._client.delete()
        self._client.transport.abort()  # close() would wait for the far side's end of TLS
        self._lost.cancel()
        await asyncio.sleep(0)  # the socket is closed in the loop's next round

    async def _ask(self, request: stun.Message) -> stun.Message:
        response, _ = await self._or_lost(self._client.request_with_retry(request))
        return response

    async def _or_lost[T](self, waited: Coroutine[Any, Any, T]) -> T:
        """The result, or the error of the connection: aioice would go on and ask again."""
        task = asyncio.ensure_future(waited)
        try:
            both: set[asyncio.Future[Any]] = {task, self._lost}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                self._lost.result()
            return await task
        finally:
            task.cancel()


class _Allocate(stun.Message):
    """With REQUESTED-ADDRESS-FAMILY (0x0017), which aioice does not know, as first attribute."""

    def __init__(self, method: stun.Method, kind: stun.Class, family: int | None) -> None:
        super().__init__(method, kind)
        self._family = family

    def __bytes__(self) -> bytes:
        whole = super().__bytes__()
        if self._family is None:
            return whole
        (length,) = struct.unpack_from("!H", whole, 2)
        attribute = struct.pack("!HHB3x", 0x0017, 4, self._family)
        return whole[:2] + struct.pack("!H", length + 8) + whole[4:20] + attribute + whole[20:]


class _Udp(TurnClientUdpProtocol):
    def __init__(self, lost: asyncio.Future[None], *arguments: Any) -> None:
        super().__init__(*arguments)
        self._lost = lost

    def error_received(self, exc: Exception) -> None:
        """An ICMP error: mostly that nobody listens at the port."""
        _fail(self._lost, exc)


class _Tcp(TurnClientTcpProtocol):
    def __init__(self, lost: asyncio.Future[None], *arguments: Any) -> None:
        super().__init__(*arguments)
        self._lost = lost

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        _fail(self._lost, exc or ConnectionResetError("it closed the connection"))


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, queue: asyncio.Queue[tuple[bytes, HostPort]]) -> None:
        self._queue = queue

    def datagram_received(self, data: bytes, addr: HostPort) -> None:
        self._queue.put_nowait((data, addr))


def _fail(lost: asyncio.Future[None], error: Exception) -> None:
    if not lost.done():
        lost.set_exception(error)
        lost.exception()  # looked at: nobody may be waiting for it
