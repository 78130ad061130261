"""The endpoint that Prometheus asks: http://HOST:PORT/metrics, in its text formats.

It tells counts, times and versions, and nothing of anybody; who may ask is who can reach the port.
"""

import socket
import socketserver
from collections.abc import Iterable
from typing import Any, Final, override
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.registry import Collector

from rtcguard.policy.model import HostPort

_SLOWEST_CLIENT: Final = 10.0  # seconds


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

    @override
    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the DNS for the machine's name, and waits for it.
        socketserver.TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)
        self.setup_environ()

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that went away are nobody's concern."""


class _Handler(WSGIRequestHandler):
    timeout = _SLOWEST_CLIENT

    @override
    def log_message(self, *_: Any) -> None:
        pass


def server(listen: HostPort, figures: Iterable[Collector]) -> WSGIServer:
    """The server, bound; `serve_forever` answers. Raises OSError."""
    registry = CollectorRegistry(auto_describe=False)
    for one in figures:
        registry.register(one)
    family, _, _, _, address = socket.getaddrinfo(*listen, type=socket.SOCK_STREAM)[0]

    class Bound(_Server):
        address_family = family

    return make_server(str(address[0]), int(address[1]), make_wsgi_app(registry), Bound, _Handler)
