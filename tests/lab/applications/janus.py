"""Janus, Debian's, with its echo test plugin: a media server instead of a peer.

Janus speaks its JSON over WebSocket and over HTTP with long polling; every message is acknowledged.
What its ICE agent learns of the other side it tells an event handler, which posts it to the site.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

from ..net import PEER, Lab
from ..process import LabError, Process
from ..witness import Witness
from .front import Front

HTTP, WEBSOCKET, EVENTS = 8088, 8188, 8090
# Janus loads every library of these folders; the lab needs so many.
LIBRARIES = {
    "plugins": ("echotest",),
    "transports": ("http", "websockets"),
    "events": ("sampleevh",),
    "loggers": (),
}
FILES = {
    "janus.jcfg": """\
general: {{
  plugins_folder = "{folder}/plugins"
  transports_folder = "{folder}/transports"
  events_folder = "{folder}/events"
  loggers_folder = "{folder}/loggers"
}}
media: {{ ipv6 = true }}
nat: {{
  ice_enforce_list = "{addresses}"
  ignore_mdns = true  # a media server does not resolve other people's names
}}
events: {{ broadcast = true }}
""",
    "janus.plugin.echotest.jcfg": "general: {{ }}\n",
    "janus.transport.http.jcfg": """\
general: {{ base_path = "/janus"; http = true; port = {http}; ip = "127.0.0.1"; https = false }}
""",
    "janus.transport.websockets.jcfg": """\
general: {{ ws = true; ws_port = {websocket}; ws_ip = "127.0.0.1"; wss = false }}
""",
    "janus.eventhandler.sampleevh.jcfg": """\
general: {{ enabled = true; events = "webrtc"; backend = "http://127.0.0.1:{events}/" }}
""",
}


def _libraries() -> Path:
    """Where Debian has them: the folder is named after the machine's architecture."""
    for plugins in Path("/usr/lib").glob("*/janus/plugins"):
        return plugins.parent
    raise LabError("no /usr/lib/*/janus/plugins (Debian package janus)")


def start(lab: Lab, modules: Path) -> Process:
    """Janus with a folder of its own; nothing of the machine's /etc/janus is read."""
    folder = lab.directory / f"janus-{len(list(lab.directory.glob('janus-*/')))}"
    folder.mkdir()
    settings = {
        "folder": folder,
        "addresses": ",".join(PEER.addresses),
        "http": HTTP,
        "websocket": WEBSOCKET,
        "events": EVENTS,
    }
    for name, text in FILES.items():
        (folder / name).write_text(text.format(**settings))
    for kind, names in LIBRARIES.items():
        (folder / kind).mkdir()
        for name in names:
            library = f"libjanus_{name}.so"
            (folder / kind / library).symlink_to(_libraries() / kind / library)
    argv = ["janus", f"--configs-folder={folder}", "--disable-colors"]
    return lab.start(lab.internet, "janus", argv)


def mount(app: web.Application, witness: Witness) -> None:
    Front(witness, HTTP, WEBSOCKET).mount(app, "/janus", "/janus/{tail:.*}")
    app.cleanup_ctx.append(Events(witness).run)


def _learned(event: dict[str, Any]) -> Iterator[str]:
    for key in ("remote-candidate", "new-remote-candidate", "selected-pair"):
        if key in event:
            yield str(event[key])


class Events:
    """What Janus tells of its ICE agent, put down as the lab's own peer puts it down."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post("/", self._take)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", EVENTS).start()
        yield
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        told = await request.json()
        for entry in told if isinstance(told, list) else [told]:
            remotes = list(_learned(entry.get("event", {})))
            if remotes:
                self._witness.write({"event": "ice", "remotes": remotes})
        return web.Response()
