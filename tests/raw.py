"""An origin on loopback that sends what a test wrote: any header, any pace, any framing."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

Pieces = Iterable[bytes]
Answer = bytes | Callable[["Asked"], Pieces]  # all of a response, or what makes its pieces


@dataclass(frozen=True)
class Asked:
    """One request as it came; `headers` by their names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class RawOrigin:
    """Answers by path (without its query); each connection carries one answer, and ends with it."""

    port: int = 0
    host: str = "127.0.0.1"
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def put(
        self,
        path: str,
        body: str | bytes,
        kind: str | None = "text/html; charset=utf-8",
        headers: Mapping[str, str] | None = None,
        status: str = "200 OK",
    ) -> str:
        """Publishes one body, `kind` None without a Content-Type; returns its URL."""
        data = body.encode() if isinstance(body, str) else body
        self.answers[path] = response(data, kind, headers, status)
        return self.url + path

    def paths(self) -> list[str]:
        return [one.path for one in self.asked]


def response(
    body: bytes,
    kind: str | None = "text/html; charset=utf-8",
    headers: Mapping[str, str] | None = None,
    status: str = "200 OK",
) -> bytes:
    """A response of HTTP/1.1 that ends its connection."""
    sent = {"content-length": str(len(body)), "connection": "close", **(headers or {})}
    if kind is not None:
        sent["content-type"] = kind
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@contextlib.contextmanager
def serve(host: str = "127.0.0.1") -> Iterator[RawOrigin]:
    origin = RawOrigin(host=host)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):
                asked = self._read()
                if asked is not None:
                    origin.asked.append(asked)
                    self._send(asked)

        def _read(self) -> Asked | None:
            line = self.rfile.readline().split()
            if len(line) != 3:
                return None
            headers: dict[str, str] = {}
            while text := self.rfile.readline().strip().decode("latin-1"):
                name, _, value = text.partition(":")
                headers[name.lower()] = value.strip()
            body = self.rfile.read(int(headers.get("content-length", "0")))
            return Asked(line[0].decode(), line[1].decode(), headers, body)

        def _send(self, asked: Asked) -> None:
            missing = response(b"", None, status="404 Not Found")
            answer = origin.answers.get(asked.path.partition("?")[0], missing)
            for piece in [answer] if isinstance(answer, bytes) else answer(asked):
                self.wfile.write(piece)
                self.wfile.flush()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    with Server((host, 0), Handler) as server:
        origin.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield origin
        finally:
            server.shutdown()
            thread.join()
