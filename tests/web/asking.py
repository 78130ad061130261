"""Asks the local site as browsers and others do."""

import contextlib
import socket
import ssl
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from tests.proxy.far_sides import connect_through

HOST = "rtcguard.test"


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def client(self) -> str:
        """As whom a page says that it was asked."""
        return self.text.partition("seen here as <code>")[2].partition("<")[0]


def ask(
    port: int,
    target: str = "/",
    headers: dict[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes | str | None = None,
    host: str = "127.0.0.1",
) -> Answered:
    """One request to a port: of the site itself, or of the proxy with a whole URL for a target."""
    with contextlib.closing(HTTPConnection(host, port, timeout=30)) as connection:
        connection.request(method, target, body, headers or {})
        return _read(connection)


def ask_securely(proxy: int, ca: Path, target: str = "/", *, alpn: str = "") -> Answered:
    """One to https://rtcguard.test/ in a tunnel; `alpn` is what a browser would say."""
    context = ssl.create_default_context(cafile=str(ca))
    if alpn:
        context.set_alpn_protocols([alpn])
    tunnel = connect_through(proxy, HOST, 443)
    with context.wrap_socket(tunnel, server_hostname=HOST) as secure:
        connection = HTTPConnection(HOST)
        connection.sock = secure
        connection.request("GET", target)
        return _read(connection)


def exchange(channel: socket.socket, sent: bytes) -> bytes:
    """What comes back on a connection until it ends."""
    channel.settimeout(30)
    received = b""
    with channel, contextlib.suppress(ConnectionError):
        channel.sendall(sent)
        while more := channel.recv(65536):
            received += more
    return received


def _read(connection: HTTPConnection) -> Answered:
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answered(response.status, headers, response.read())
