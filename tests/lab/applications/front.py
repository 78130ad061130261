"""The site's front: TLS and its own name before an application's server, as nginx stands in life.

Every request has been written down by the site before it comes here; WebSocket messages are written
down here, on their way to the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import ClientSession, ClientWebSocketResponse, WSMessage, WSMsgType, web

from ..witness import Witness, is_websocket

# RFC 9110, 7.6.1; the rest is the affair of each connection too.
ONE_CONNECTION = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding"})
OURS = ONE_CONNECTION | {"content-length", "host", "upgrade"}


async def forward(to: ClientWebSocketResponse | web.WebSocketResponse, message: WSMessage) -> None:
    if message.type is WSMsgType.TEXT:
        await to.send_str(message.data)
    else:
        await to.send_bytes(message.data)


class Front:
    """Forwards to a server on the loopback, HTTP and WebSocket alike."""

    def __init__(self, witness: Witness, http_port: int, websocket_port: int | None = None) -> None:
        self._witness = witness
        self._http = f"http://127.0.0.1:{http_port}"
        self._websocket = f"http://127.0.0.1:{websocket_port or http_port}"

    def mount(self, app: web.Application, *paths: str) -> None:
        app.cleanup_ctx.append(self._session)
        for path in paths:
            app.router.add_route("*", path, self.handle)

    async def _session(self, _: web.Application) -> AsyncIterator[None]:
        # Bodies go through as they are, compressed or not.
        async with ClientSession(auto_decompress=False) as self._client:
            yield

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if is_websocket(request):
            return await self._forward_websocket(request)
        headers = [(key, item) for key, item in request.headers.items() if key.lower() not in OURS]
        async with self._client.request(
            request.method,
            self._http + request.path_qs,
            headers=headers,
            data=await request.read(),
            allow_redirects=False,
        ) as answer:
            body = await answer.read()
            response = web.Response(status=answer.status, body=body)
            for key, item in answer.headers.items():
                if key.lower() not in OURS:
                    response.headers.add(key, item)
            return response

    async def _forward_websocket(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Sec-WebSocket-Protocol", "")
        protocols = [item.strip() for item in asked.split(",") if item.strip()]
        page = web.WebSocketResponse(protocols=protocols)
        async with self._client.ws_connect(
            self._websocket + request.path_qs, protocols=protocols
        ) as server:
            await page.prepare(request)
            answers = asyncio.ensure_future(self._answers(server, page))
            try:
                async for message in page:
                    if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                        self._witness.message(request, message.data)
                        await forward(server, message)
            finally:
                answers.cancel()
        return page

    async def _answers(self, server: ClientWebSocketResponse, page: web.WebSocketResponse) -> None:
        async for message in server:
            await forward(page, message)
        await page.close()
