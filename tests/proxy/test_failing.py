"""An exception inside the addon stops the message; mitmproxy alone would log it and forward."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.origin import CANDIDATE, Origin, free_port
from tests.process import Running

BODY = json.dumps({"candidate": CANDIDATE}).encode()


@contextlib.contextmanager
def broken(folder: Path, config: str = "", *modes: str) -> Iterator[Running]:
    """A proxy that fails whenever it has to record a candidate."""
    port, log = free_port(), folder / "log"
    command = [sys.executable, "-m", "tests.proxy.broken", str(port), str(folder)]
    with (
        open(log, "w") as errors,
        subprocess.Popen(
            [*command, f"version: 1\n{config}", *modes],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", log.read_text()
            yield Running(process, port, folder, log)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with broken(tmp_path_factory.mktemp("broken")) as run:
        yield run


def test_what_does_not_meet_the_fault_passes(origin: Origin, failing: Running) -> None:
    response, body = failing.request("POST", f"{origin.url}/echo", b"hello")
    assert (response.status, body) == (200, b"hello")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_request_is_stopped(origin: Origin, failing: Running, chunked: bool) -> None:
    headers = {"content-type": "application/json"}
    body = iter([BODY]) if chunked else BODY
    failing.request("POST", f"{origin.url}/echo", body, headers)
    assert b"".join(origin.bodies("/echo")) == b""
    assert "RuntimeError: broken" in failing.log.read_text()


def test_a_response_is_stopped(origin: Origin, failing: Running) -> None:
    response, body = failing.request("GET", f"{origin.url}/offer")
    assert response.status == 403
    assert b"192.168.7.5" not in body


def test_a_websocket_message_is_stopped_and_the_next_one_passes(
    origin: Origin, failing: Running
) -> None:
    with connect(
        f"ws://127.0.0.1:{origin.port}/ws", proxy=f"http://127.0.0.1:{failing.port}"
    ) as channel:
        channel.send(BODY.decode())
        channel.send("hello")
        assert channel.recv(timeout=60) == "hello"
    assert origin.bodies("message") == [b"hello"]


def test_the_configuration_may_let_it_pass(origin: Origin, tmp_path: Path) -> None:
    with broken(tmp_path, "on_error: pass\n") as run:
        run.request("POST", f"{origin.url}/echo", BODY, {"content-type": "application/json"})
    assert origin.bodies("/echo") == [BODY]
