"""The threads of the `export` process: what goes wrong later ends none of them."""

import logging
import socket
import urllib.request
from pathlib import Path

import pytest

from rtcguard.app import exporting
from rtcguard.app.exporting import Exporting
from rtcguard.app.settings import State
from rtcguard.ledger.store import Store
from rtcguard.policy.export import JsonLines
from rtcguard.policy.model import Config, Gateway, Metrics, Page, Sinkhole, Stun, Upstream
from tests.app.test_export import eventually
from tests.ledger.exports.events import event


def test_a_port_that_somebody_else_has_for_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_TRY_AGAIN", 0.05)
    with caplog.at_level(logging.ERROR):
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            config = Config(metrics=Metrics(("127.0.0.1", port)))
            running = Exporting(config, State(tmp_path), 1, lambda records: None)
            assert eventually(lambda: bool(caplog.records))

        def answers() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as got:
                    return b"rtcguard_build_info" in got.read()
            except OSError:
                return False

        assert eventually(answers)
        running.stop()
    (said,) = caplog.records
    assert said.getMessage().startswith(f"metrics: metrics.listen: cannot bind 127.0.0.1:{port}")
    assert said.exc_info in (None, False)


def test_a_ledger_and_a_ca_that_are_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_TRY_AGAIN", 0.05)
    ledger, file = State(tmp_path).ledger, tmp_path / "events.jsonl"
    ledger.write_text("no database, for now; a file of this length is none\n" * 20)
    config = Config(
        exports=(JsonLines(str(file)),), upstream=Upstream(trusted_ca=str(tmp_path / "none.pem"))
    )
    running = Exporting(config, State(tmp_path), 1, lambda records: None)
    assert eventually(lambda: len(caplog.records) >= 2)
    ledger.unlink()
    store = Store(ledger)
    store.add([event(1)])
    store.close()
    assert eventually(lambda: file.exists() and event(1).id in file.read_text())
    running.stop()
    assert len(caplog.records) == 2  # each once


def test_what_each_ring_needs() -> None:
    config = Config(
        page=Page(guard=False),
        stun=Stun(listen=()),
        sinkhole=Sinkhole(listen=(("127.0.0.1", 53),)),
        gateway=Gateway(interfaces=("lan0",)),
    )
    assert exporting.parts(config, 3) == {
        "signaling": {"proxy": 3},
        "network": {"sinkhole": 1, "gateway": 1},
    }
    only = exporting.parts(Config(stun=Stun(listen=())), 1)
    assert only == {"page": {"proxy": 1}, "signaling": {"proxy": 1}}
