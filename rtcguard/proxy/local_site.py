"""The way to the local site, and every other way there closed. A child of the addon in `addon.py`.

A request for http://rtcguard.test/ goes to the site's process, and nowhere else, with the client's
address under a signature (web/hand_over.py). The site's own port believes that who comes from this
machine is on it; what the proxy connects to comes from this machine. So no client's request, tunnel
or flow gets there by any name or address: what is refused early says why, and what is seen only
when the connection stands (a name that resolves otherwise the second time) is cut before it carries
a byte.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from typing import Final
from weakref import WeakSet

from mitmproxy import connection, ctx, http
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from rtcguard.ice import address as addresses
from rtcguard.ice.address import host_port
from rtcguard.network.machine import is_own
from rtcguard.policy.model import HostPort
from rtcguard.proxy import flows
from rtcguard.proxy.resolved import Resolved
from rtcguard.web.hand_over import AS_OTHERS, HEADER, HOST, Handed, key_of, sign

logger = logging.getLogger(__name__)

_PATIENCE: Final = 1.0  # seconds; the site is on this machine
# In the metadata of a flow that goes to the site: what its client said of the connection.
_HANDED: Final = "rtcguard.handed"
_REFUSED: Final = b"rtcguard: this is the proxy's own machine; open http://rtcguard.test/ instead\n"


class LocalSite:
    name = "rtcguard-site"

    def __init__(self, listen: HostPort | None, key: bytes) -> None:
        """`listen` is where the site listens; None: there is none. `key` as in `RtcGuard`."""
        self._port = listen[1] if listen else 0
        self._at = (addresses.near(listen[0]), listen[1]) if listen else None
        self._key = key_of(key)
        # Nobody else knows it: what is connected to by this name is a hand-over.
        self._name = f"{secrets.token_hex(16)}.invalid"
        self._handed: WeakSet[connection.Server] = WeakSet()
        self._resolved = Resolved()

    async def hand_over(self, flow: http.HTTPFlow) -> bool:
        """Sends a request to the site, its body as it comes; False where there is none that lives.
        What is asked for, and by whom, is in the flow's `Parties` already."""
        if self._at is None or not await self._lives():
            return False
        request, client = flow.request, flows.parties_of(flow).client
        path, _, query = request.path.partition("?")
        target = f"{path}?{query}" if query else path
        handed = Handed(client, request.scheme == "https")
        signed = sign(self._key, handed, request.method, target, time.time())
        flow.server_conn = connection.Server(address=(self._name, self._port))  # by no `via`
        request.scheme, request.host, request.port = "http", self._name, self._port
        request.authority, request.host_header = "", HOST  # not as to an upstream proxy
        request.headers[HEADER] = signed
        # No pool of the client's connections keeps it.
        flow.metadata[_HANDED] = request.headers.get("connection", "keep-alive")
        request.headers["connection"] = "close"
        request.stream = not is_as_others(flow)
        return True

    async def _lives(self) -> bool:
        assert self._at is not None
        try:
            async with asyncio.timeout(_PATIENCE):
                _, writer = await asyncio.open_connection(*self._at)
        except OSError as error:  # TimeoutError is one
            logger.error("the local site cannot be reached: %s", error or "no answer")
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        if flow.response is None and await self.is_reached_by(flow):
            flow.response = refused()

    async def is_reached_by(self, flow: http.HTTPFlow) -> bool:
        """Whether a client's request or CONNECT leads to the site's own port. A name is looked up
        only where the port is the site's, through an upstream proxy too: it may be on this machine,
        and would be let in there."""
        if not self._port or flow.request.port != self._port:
            return False
        host = flow.request.host
        if addresses.parse(host) is not None:
            return is_own(host)
        return any(map(is_own, await self._resolved.addresses(host)))

    def server_connect(self, data: ServerConnectionHookData) -> None:
        server = data.server
        if server.address is None:
            return
        host = server.address[0].lower().rstrip(".")
        if host == self._name and self._at is not None:
            server.address = self._at
            self._handed.add(server)
        elif host == HOST:
            server.error = f"{HOST} is answered here, to HTTP"

    def server_connected(self, data: ServerConnectionHookData) -> None:
        server = data.server
        peer, own = server.peername, server.sockname
        if server in self._handed or peer is None or peer[1] != self._port:
            return
        same = own is not None and addresses.canonical(peer[0]) == addresses.canonical(own[0])
        if same or is_own(peer[0]):
            logger.warning("a client was kept from %s, the site's own port", host_port(*peer[:2]))
            _cut(data)


def is_handed(flow: http.HTTPFlow) -> bool:
    """Whether this flow goes to the site."""
    return _HANDED in flow.metadata


def keep_open(flow: http.HTTPFlow, response: http.Response) -> None:
    """That the site's connection ends with its answer is not the end of the client's."""
    response.headers.pop("connection", None)
    flow.request.headers["connection"] = flow.metadata[_HANDED]


def is_as_others(flow: http.HTTPFlow) -> bool:
    """Whether this page or message of the site is treated as any other site's."""
    return flow.request.path.partition("?")[0] in AS_OTHERS


def refused() -> http.Response:
    headers = {"content-type": "text/plain", "cache-control": "no-store"}
    return http.Response.make(403, _REFUSED, headers)


def _cut(data: ServerConnectionHookData) -> None:
    """Ends a connection that stands, before its layers learn of it: nothing they send goes out."""
    handler = ctx.master.addons.get("proxyserver").connections.get(data.client.id)
    writer = handler.transports[data.server].writer if handler else None
    if isinstance(writer, asyncio.StreamWriter):
        writer.transport.abort()
