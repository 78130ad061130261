"""OpenTelemetry over HTTP: to a receiver that reads requests by the protocol's own definition."""

import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from rtcguard.ledger.exports import opentelemetry
from rtcguard.ledger.exports.opentelemetry import OpenTelemetrySink
from rtcguard.ledger.exports.sink import Outage, explained
from rtcguard.ledger.exports.table import tls_context
from rtcguard.policy.export import OpenTelemetry
from tests.lab.ca import LabCA
from tests.ledger.exports.events import BAD, event
from tests.origin import free_port

PLAIN = ssl.create_default_context()


@dataclass
class Collector:
    """Takes what it can parse; `answers` are given first, then 200."""

    port: int = 0
    ids: list[str] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)  # requests with these events are answered 400
    connections: int = 0
    hang_up: bool = False

    def url(self, path: str = "/v1/logs") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextlib.contextmanager
def collector(tls: ssl.SSLContext | None = None) -> Iterator[Collector]:
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            made.connections += 1

        def do_POST(self) -> None:
            made.asked.append((self.path, dict(self.headers)))
            body = gzip.decompress(self.rfile.read(int(self.headers["content-length"])))
            status, headers, answer = made.answers.pop(0) if made.answers else (200, {}, b"{}")
            request = Parse(body, ExportLogsServiceRequest())
            ids = [
                attribute.value.string_value
                for resource in request.resource_logs
                for scope in resource.scope_logs
                for record in scope.log_records
                for attribute in record.attributes
                if attribute.key == "log.record.uid"
            ]
            if made.refuses & set(ids):
                status, answer = 400, b"bad record"
            if status == 200:
                made.ids += ids
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            self.close_connection = made.hang_up

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def sink_to(url: str, headers: dict[str, str] | None = None, tls: Any = PLAIN) -> Iterator[Any]:
    made = OpenTelemetrySink(OpenTelemetry(url, tuple((headers or {}).items())), tls)
    try:
        yield made
    finally:
        made.close()


def ids(*numbers: int) -> list[str]:
    return [event(n).id for n in numbers]


def test_every_event_is_taken() -> None:
    with collector() as at, sink_to(at.url("/v1/logs?k=v"), {"Authorization": "Bearer t"}) as sink:
        assert sink.send([BAD, event(1)]) == sink.send([event(2)]) == 0
        assert at.ids == [BAD.id, *ids(1, 2)]
        assert at.connections == 1
        path, headers = at.asked[0]
        assert path == "/v1/logs?k=v" and headers["Authorization"] == "Bearer t"
        assert headers["Content-Type"] == "application/json"


def test_a_connection_that_was_closed_meanwhile() -> None:
    with collector() as at, sink_to(at.url()) as sink:
        at.hang_up = True
        at.answers = [(202, {}, b"")]
        for number in range(3):
            sink.send([event(number)])
        assert at.ids == ids(1, 2) and at.connections == 3  # the first one was taken without a 200


@pytest.mark.parametrize(
    ("status", "headers", "body", "said", "wait"),
    [
        (503, {"Retry-After": "7"}, b"busy", "it answers 503 (busy)", 7),
        (429, {"Retry-After": "99999"}, b"", "it answers 429", 600),
        (429, {"Retry-After": "nan"}, b"", "it answers 429", 0),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"", "it answers 429", 0),
        (500, {}, b"a\x1b[2J\nb", "it answers 500 (a\ufffd[2J\ufffdb)", 0),
        (401, {}, b"", "it answers 401; check `headers`", 0),
        (404, {}, b"", "it answers 404; check the path of `endpoint`", 0),
        (302, {"Location": "http://127.0.0.1/"}, b"", "write that place as `endpoint`", 0),
        (400, {}, b"not OTLP", "it answers 400 (not OTLP)", 0),
    ],
)
def test_what_loses_nothing(
    status: int, headers: dict[str, str], body: bytes, said: str, wait: float
) -> None:
    with collector() as at, sink_to(at.url()) as sink:
        at.answers = [(status, headers, body)]
        with pytest.raises(Outage) as raised:
            sink.send([event(1)])
        assert said in str(raised.value) and raised.value.wait == wait
        sink.send([event(1)])
        assert at.ids == ids(1)


def test_one_bad_event_does_not_hold_the_others_back() -> None:
    with collector() as at, sink_to(at.url()) as sink:
        at.refuses = set(ids(5, 61))
        assert sink.send([event(n) for n in range(100)]) == 2
        assert at.ids == ids(*(n for n in range(100) if n not in (5, 61)))


@pytest.mark.parametrize("bad", [[0], [0, 1, 2], [99], list(range(100))])
def test_bad_events_at_the_ends(bad: list[int]) -> None:
    """Only where something else was taken is an event given up."""
    with collector() as at, sink_to(at.url()) as sink:
        at.refuses = set(ids(*bad))
        if len(bad) in (3, 100):  # the first two are bad: it could be the receiver
            with pytest.raises(Outage, match="it answers 400"):
                sink.send([event(n) for n in range(100)])
            assert len(at.asked) < 20 and not at.ids
        else:
            assert sink.send([event(n) for n in range(100)]) == len(bad)
            assert len(at.ids) == 99


def test_what_the_receiver_says_it_dropped() -> None:
    with collector() as at, sink_to(at.url()) as sink:
        at.answers = [(200, {}, b'{"partialSuccess":{"rejectedLogRecords":"2"}}')]
        assert sink.send([event(n) for n in range(5)]) == 2


def test_tls(tmp_path: Path) -> None:
    ca = LabCA(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(*ca.issue("localhost", ()))
    trusted = tls_context(str(ca.certificate))
    with collector(server) as at:
        with sink_to(f"https://localhost:{at.port}/v1/logs", tls=trusted) as sink:
            sink.send([event(1)])
        for url, tls, said in (
            (f"https://127.0.0.1:{at.port}/v1/logs", trusted, "not valid for '127.0.0.1'"),
            (f"https://localhost:{at.port}/v1/logs", PLAIN, "is upstream.trusted_ca right?"),
        ):
            with sink_to(url, tls=tls) as sink, pytest.raises(OSError) as raised:
                sink.send([event(2)])
            assert said in explained(raised.value)
        assert at.ids == ids(1)
    with collector() as plain, sink_to(f"https://localhost:{plain.port}/", tls=trusted) as sink:
        with pytest.raises(OSError) as raised:
            sink.send([event(1)])
        assert "does it speak TLS" in explained(raised.value)


def test_nobody_is_there() -> None:
    with sink_to(f"http://127.0.0.1:{free_port()}/") as sink, pytest.raises(ConnectionRefusedError):
        sink.send([event(1)])
    with sink_to("http://no.such.name.invalid/") as sink, pytest.raises(OSError) as raised:
        sink.send([event(1)])
    assert "its host name leads nowhere" in explained(raised.value)


def test_what_does_not_speak_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with sink_to(url) as sink, pytest.raises(Outage, match="it does not answer as HTTP"):
            sink.send([event(1)])
        thread.join()


def test_one_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opentelemetry, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with sink_to(url) as sink, pytest.raises(TimeoutError):
            sink.send([event(1)])
