"""The applications by name: what runs beside the site, and what the site itself serves of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from ..net import Lab
from ..process import Process
from ..witness import Witness
from . import janus, peerjs, sip, socketio


@dataclass(frozen=True)
class Application:
    """What the lab needs to know of one."""

    # Adds routes, and a far party, to the site.
    mount: Callable[[web.Application, Witness], None]
    # Starts its own server, anew for every call; the Path is node_modules.
    start: Callable[[Lab, Path], Process] | None = None
    # Where that listens, on the loopback of the internet namespace.
    ports: tuple[int, ...] = ()


APPLICATIONS = {
    "janus": Application(janus.mount, janus.start, (janus.HTTP, janus.WEBSOCKET)),
    "peerjs": Application(peerjs.mount, peerjs.start, (peerjs.PORT,)),
    "sip": Application(sip.mount),
    "socketio": Application(socketio.mount, socketio.start, (socketio.PORT,)),
}
