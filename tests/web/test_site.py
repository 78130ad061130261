"""The site's first page, through a real proxy and on its own port, and the plain page that the
proxy has where there is no site."""

import ssl
from http.client import HTTPConnection
from pathlib import Path

from tests.origin import free_port
from tests.process import running


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
