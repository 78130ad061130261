"""The site's first page, through a real proxy and on its own port, and the plain page that the
proxy has where there is no site."""

import select
import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.origin import free_port
from tests.process import running
from tests.web.asking import exchange


def test_the_plain_page_is_answered_by_the_proxy(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        response, body = run.request("GET", "http://rtcguard.test/")
        assert response.status == 200
        assert b"comes through rtcguard" in body
        assert b"127.0.0.1" in body
        response, certificate = run.request("GET", "http://rtcguard.test/ca.pem")
        assert response.headers["content-type"] == "application/x-x509-ca-cert"
        assert certificate == (run.state / "ca" / "mitmproxy-ca-cert.pem").read_bytes()
        assert ssl.PEM_cert_to_DER_cert(certificate.decode())
        assert run.request("GET", "http://rtcguard.test/other")[0].status == 404


def test_the_site_on_its_own_port(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, f"web: {{listen: '127.0.0.1:{port}'}}\n") as run:
        assert f"site    http://127.0.0.1:{port}/" in run.lines
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert (response.status, b"<h1>" in response.read()) == (200, True)
        assert "default-src 'none'" in response.headers["content-security-policy"]
        connection.request("GET", "/", headers={"host": "rebound.example"})
        response = connection.getresponse()
        assert (response.status, b"rebound" in response.read()) == (421, False)
        connection.close()


@pytest.fixture(scope="module")
def own_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    more = f"web: {{listen: '127.0.0.1:{port}'}}\n"
    with running(tmp_path_factory.mktemp("site"), more):
        yield port


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/leaktest/begin", "localhost", b"200"),  # it needs nothing of the body
        ("/leaktest/begin", "rebound.example", b"421"),
        ("/nothing", "localhost", b"404"),
        ("/", "localhost", b"405"),
    ],
)
def test_there_is_no_answer_before_the_whole_request(
    own_port: int, path: str, host: str, status: bytes
) -> None:
    """Else it ends the connection while the rest is on its way, and the answer is lost with it."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}:{own_port}\r\n"
        f"origin: http://{host}:{own_port}\r\n"
        "connection: close\r\ncontent-length: 2\r\n\r\n"
    ).encode()
    channel = socket.create_connection(("127.0.0.1", own_port), timeout=30)
    channel.sendall(head + b"{")
    assert select.select([channel], [], [], 0.5)[0] == []
    assert exchange(channel, b"}").startswith(b"HTTP/1.1 " + status)


def test_a_body_without_end_is_not_waited_for(own_port: int) -> None:
    head = (
        b"POST /nothing HTTP/1.1\r\nhost: rebound.example\r\n"
        b"connection: close\r\ncontent-length: 99000000\r\n\r\n"
    )
    channel = socket.create_connection(("127.0.0.1", own_port), timeout=30)
    channel.sendall(head + bytes(4 * 1024 * 1024 + 1))
    assert channel.recv(12) == b"HTTP/1.1 421"
    channel.close()
