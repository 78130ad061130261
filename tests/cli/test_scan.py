"""`rtcguard scan` as a user calls it: reports, events, a kept ledger, exit codes, clear lines."""

import csv
import io
import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.process import environment, rtcguard
from tests.recordings.reading import SAMPLES, sample

CAPTURE, HAR = str(SAMPLES / "call.pcap.gz"), str(SAMPLES / "call.har.gz")
LAN, V6 = "10.77.0.2", "2001:db8:77::2"


def events(text: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_report_as_of_the_ledger(tmp_path: Path) -> None:
    made = rtcguard(["scan", CAPTURE, "--format", "json"], tmp_path)
    assert (made.returncode, made.stderr) == (0, b"")
    rows = {row["key"]: row for row in json.loads(made.stdout)["rows"]}
    assert rows[LAN]["scope"] == "private"
    assert (rows[LAN]["actions"], rows[LAN]["would"]) == ({"observed": 5}, {"refused": 5})
    assert rows[V6]["sites"] == ["site.lab.test"]
    assert "198.51.100.50" not in rows  # the far side's
    assert not list(tmp_path.iterdir())  # no ledger of this machine was touched
    made = rtcguard(["scan", CAPTURE, "--by", "site", "--format", "csv"], tmp_path)
    assert [row["site"] for row in csv.DictReader(io.StringIO(made.stdout.decode()))] == [
        "site.lab.test"
    ]
    shown = rtcguard(["scan", CAPTURE], tmp_path).stdout
    assert b"events by address" in shown and b"refused" in shown


def test_a_har_and_a_capture_explain_one_another(tmp_path: Path) -> None:
    """The capture without its plain signaling has packets only; whose page they are of, the HAR
    of the same call tells."""
    folder = tmp_path / "files"
    folder.mkdir()
    packets = folder / "stun.pcap"
    packets.write_bytes(_only_udp(sample("call.pcap")))
    made = rtcguard(["scan", str(packets), HAR, "--client", V6, "--events", "-"], tmp_path)
    stun = [event for event in events(made.stdout) if event["kind"] == "stun"]
    assert {(event["evidence"], event["site"]) for event in stun} == {
        ("ufrag", "site.lab.test"),
        ("server", "site.lab.test"),
    }
    alone = rtcguard(["scan", str(packets), "--client", V6, "--events", "-"], tmp_path)
    assert {event["site"] for event in events(alone.stdout)} == {""}


def _only_udp(capture: bytes) -> bytes:
    made, at = capture[:24], 24
    while at < len(capture):
        end = at + 16 + int.from_bytes(capture[at + 8 : at + 12], "little")
        frame = capture[at + 16 : end]
        if frame[20 + 6] == 17 or frame[20 + 9] == 17:  # behind LINUX_SLL2's header
            made += capture[at:end]
        at = end
    return made


def test_events_and_a_ledger_are_kept(tmp_path: Path) -> None:
    kept, lines = tmp_path / "kept.sqlite3", tmp_path / "events"
    made = rtcguard(["scan", CAPTURE, "--save", str(kept), "--events", str(lines)], tmp_path)
    assert made.returncode == 0
    told = events(lines.read_bytes())
    assert {event["node"] for event in told} == {"call.pcap.gz"}
    assert {event["action"] for event in told} == {"observed"}
    # Where RTCGUARD_STATE_DIR says, the report reads it as any ledger.
    state = tmp_path / "state"
    state.mkdir()
    shutil.copy(kept, state / "ledger.sqlite3")
    made = rtcguard(["report", "--since", "36500d", "--format", "json"], state)
    assert {row["key"] for row in json.loads(made.stdout)["rows"]} >= {LAN, V6}
    again = rtcguard(["scan", CAPTURE, "--save", str(kept)], tmp_path)
    assert again.returncode == 2
    assert again.stderr.decode() == (
        f"rtcguard: {kept}: exists already, and nothing is overwritten; name another file\n"
    )


@pytest.mark.parametrize(("direction", "code"), [("local", 1), ("remote", 0)])
def test_fail_on_leak(tmp_path: Path, direction: str, code: int) -> None:
    log = tmp_path / "log"
    log.write_text(f"{direction} candidate:1 1 udp 2113937151 192.168.7.5 54400 typ host\n")
    assert rtcguard(["scan", str(log), "--fail-on-leak"], tmp_path).returncode == code


def test_what_cannot_be_read_is_told_and_the_rest_reported(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(sample("call.pcap")[:-7])
    empty = tmp_path / "empty"
    empty.touch()
    made = rtcguard(["scan", str(cut), str(empty), "--format", "json"], tmp_path)
    assert made.returncode == 1
    first, second = made.stderr.decode().splitlines()
    assert first.startswith(f"rtcguard: {cut}: pcap: packet ") and " is cut off; what " in first
    assert second == f"rtcguard: {empty}: no recording: it is empty"
    assert LAN in {row["key"] for row in json.loads(made.stdout)["rows"]}
    made = rtcguard(["scan", "none", str(tmp_path), CAPTURE, "--format", "json"], tmp_path)
    assert made.returncode == 2
    assert made.stderr.decode() == (
        "rtcguard: none: cannot be read: No such file or directory\n"
        f"rtcguard: {tmp_path}: cannot be read: Is a directory\n"
    )
    assert LAN in {row["key"] for row in json.loads(made.stdout)["rows"]}


def test_mistakes_of_use(tmp_path: Path) -> None:
    made = rtcguard(["scan", "--client", "10.0.0", CAPTURE], tmp_path)
    assert made.returncode == 2 and b"'10.0.0' is not an IP address" in made.stderr
    assert rtcguard(["scan"], tmp_path).returncode == 2


def test_nothing_leaked(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("nothing of interest\n")
    made = rtcguard(["scan", str(log), "--fail-on-leak"], tmp_path)
    assert (made.returncode, made.stdout) == (0, b"nothing leaked in what could be read\n")


def test_a_bar_on_a_terminal_only(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    argv = [sys.executable, "-m", "rtcguard", "scan", CAPTURE, "--format", "json"]
    with os.fdopen(leader, "rb", buffering=0) as shown:
        made = subprocess.run(
            argv, stdout=subprocess.PIPE, stderr=follower, env=environment(tmp_path), check=True
        )
        os.close(follower)
        drawn = b""
        try:
            while piece := shown.read(65536):
                drawn += piece
        except OSError:  # Linux: the other end is closed
            pass
    assert b"call.pcap.gz" in drawn and b"kB" in drawn
    json.loads(made.stdout)
