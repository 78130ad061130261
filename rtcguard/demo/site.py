"""The demo's web site: two pages, and the way that the offer of one takes to the other. All that
its visitors send is written down."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from socket import socket
from typing import Any, Final

from rtcguard.ice import address as addresses

_PAGES: Final = {
    "/": ("client.html", "text/html; charset=utf-8"),
    "/client.js": ("client.js", "text/javascript"),
    "/peer": ("peer.html", "text/html; charset=utf-8"),
    "/peer.js": ("peer.js", "text/javascript"),
}
_POLL: Final = 5.0  # seconds that the peer's request waits for an offer
_ANSWER: Final = 20.0  # seconds that the client's waits for an answer
_MOST: Final = 1 << 20  # bytes of a body


@dataclass
class Site:
    """`told` is what clients sent: the bodies, and the heads. `seen`: where their requests came
    from."""

    ice_servers: list[dict[str, Any]]
    told: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    offers: queue.Queue[bytes] = field(default_factory=queue.Queue)
    answers: queue.Queue[bytes] = field(default_factory=queue.Queue)


@contextmanager
def serving(listening: socket, site: Site) -> Iterator[None]:
    """Answers at a socket that listens already, and closes it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_GET(self) -> None:
            if self.path == "/next":
                self._say(*_taken(site.offers, _POLL))
                return
            if self.path in ("/", "/config.json"):
                site.seen.add(addresses.canonical(self.client_address[0]))
            if self.path == "/config.json":
                made = json.dumps({"iceServers": site.ice_servers}).encode()
                self._say(200, made, "application/json")
            elif self.path in _PAGES:
                name, kind = _PAGES[self.path]
                self._say(
                    200, resources.files(__package__).joinpath("pages", name).read_bytes(), kind
                )
            else:
                self._say(404, b"")

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            body = self.rfile.read(min(length, _MOST))
            if self.path == "/answer":
                site.answers.put(body)
                self._say(204, b"")
            else:
                site.seen.add(addresses.canonical(self.client_address[0]))
                site.told += [f"{self.requestline}\n{self.headers}", body.decode(errors="replace")]
                site.offers.put(body)
                self._say(*_taken(site.answers, _ANSWER))

        def _say(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = _Server(listening.getsockname(), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    # A signal may come before the next line: what is then not ended must not keep the demo from it.
    serve = partial(server.serve_forever, poll_interval=0.05)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that ends leaves its connections as they are."""


def _taken(waiting: queue.Queue[bytes], seconds: float) -> tuple[int, bytes]:
    try:
        return 200, waiting.get(timeout=seconds)
    except queue.Empty:
        return 204, b""
