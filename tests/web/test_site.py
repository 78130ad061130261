"""The page that tells a browser that it comes through rtcguard, asked for through a real proxy."""

import ssl
from pathlib import Path

from tests.process import running


def test_the_site_is_answered_by_the_proxy(tmp_path: Path) -> None:
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
