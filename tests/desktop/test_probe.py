"""Who answers: an rtcguard that asks for a password, others, nobody; one that asks for none is in
tests/cli/test_proxy.py."""

from pathlib import Path

import pytest

from rtcguard.desktop.probe import probe
from tests.origin import free_port
from tests.process import running
from tests.proxy.test_users import users
from tests.raw import response, serve


def test_one_that_asks_for_a_password(tmp_path: Path) -> None:
    with running(tmp_path / "run", users(tmp_path)) as run:
        assert probe(("127.0.0.1", run.port)) == "rtcguard"


@pytest.mark.parametrize(
    "answer",
    [
        # A proxy that cannot find the name, and says so.
        response(b"Unable to find the address of rtcguard.test", status="503 Unavailable"),
        response(b"-----BEGIN CERTIFICATE-----", status="404 Not Found"),
        response(b"", headers={"Proxy-Authenticate": 'Basic realm="corp"'}, status="407 Who"),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
)
def test_others(answer: bytes) -> None:
    with serve() as raw:
        raw.answers["http://rtcguard.test/ca.pem"] = answer
        assert probe(("127.0.0.1", raw.port)) == "something else"
        assert raw.paths() == ["http://rtcguard.test/ca.pem"]


def test_nobody() -> None:
    assert probe(("127.0.0.1", free_port())) == "nothing"
