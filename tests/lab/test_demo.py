"""`rtcguard demo` as a person runs it: for real once, disturbed, and where it cannot be."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rtcguard.demo import browser, demo
from rtcguard.demo.demo import Outcome
from rtcguard.demo.network import CLIENT, CLIENT_PUBLIC, Network
from rtcguard.demo.sights import RELAY, Sight
from rtcguard.errors import StartError

from .requirements import cannot_run, missing

pytestmark = pytest.mark.lab

DEMO = [sys.executable, "-m", "rtcguard", "demo"]
PREFIX = Network.PREFIX


@pytest.fixture(scope="module", autouse=True)
def able() -> None:
    if reasons := missing():
        cannot_run(f"THE DEMO DID NOT RUN: {'; '.join(reasons)}")


def left_of(pid: int) -> list[str]:
    """What a demo has made that is still there."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    stem = f"{PREFIX}-{pid}-"
    found = [line.split()[0] for line in listed.stdout.splitlines() if line.startswith(stem)]
    found += [str(path) for path in Path(tempfile.gettempdir()).glob(f"{stem}*")]
    return found + [str(path) for path in Path("/etc/netns").glob(f"{stem}*")]


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*DEMO, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_before_it_leaks_and_after_it_does_not(verdict: Callable[[str], None]) -> None:
    with started("--json") as process:
        stdout, stderr = process.communicate(timeout=180)
    assert process.returncode == 0, stdout + stderr
    told: dict[str, Any] = json.loads(stdout)
    before, after = told["before"], told["after"]
    verdict(
        f"demo: before over {before['local']}, {before['arrived']}; after over {after['local']}, "
        f"{after['arrived']}"
    )
    assert told["passed"] and told["defects"] == []
    assert set(told["client"]) >= {CLIENT.v4, CLIENT.v6, CLIENT_PUBLIC}
    # The control: the same call leaks, and is told to.
    for who in ("page", "site"):
        assert CLIENT_PUBLIC in before[who]
        assert after[who] == []
    for where in ("the peer", "the site's STUN server"):
        assert before["arrived"][where] > 0
        assert after["arrived"][where] == 0
    assert set(before["at_peer"]) & {CLIENT.v6, CLIENT_PUBLIC}
    assert len(before["leaks"]) >= 4 and after["leaks"] == []
    for sight in (before, after):
        assert sight["works"] and sight["errors"] == []
    assert before["local"] in ("host", "srflx", "prflx") and after["local"] == "relay"
    assert after["arrived"][RELAY] > 0 and before["arrived"][RELAY] == 0
    assert told["ledger"]["server stripped"] > 0
    assert left_of(process.pid) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_by_hand_it_leaves_nothing(number: signal.Signals) -> None:
    with started() as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "a call without" in line:  # the network is there, and its servers
                break
        assert left_of(process.pid)
        process.send_signal(number)
        assert process.wait(60) != 0
        assert left_of(process.pid) == []


def test_what_a_killed_one_left_goes_with_the_next() -> None:
    with started() as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "a call without" in line:
                break
        process.kill()
        process.wait(60)
        assert left_of(process.pid)
    with Network():
        assert left_of(process.pid) == []
        assert left_of(os.getpid())
    assert left_of(os.getpid()) == []


def test_a_machine_without_its_programs(tmp_path: Path) -> None:
    """One clear line. What /usr/sbin has is there always."""
    environment = {**os.environ, "PATH": str(tmp_path)}
    made = subprocess.run(
        DEMO, capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert made.returncode == 2
    (line,) = made.stderr.splitlines()
    assert "turnserver (Debian: apt install coturn)" in line
    assert "a browser (Debian: apt install chromium" in line


def test_nobody_but_root_and_no_other_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a process that says it is another's, and a system that says so."""
    with monkeypatch.context() as patch, pytest.raises(StartError, match="run it with sudo"):
        patch.setattr(os, "geteuid", lambda: 1000)
        demo.check()
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(StartError, match="network namespaces of Linux"):
        demo.check()


SEEN = Sight(
    connected=True,
    echo=True,
    local="relay",
    remote="host",
    gathering_ms=100,
    page=(),
    site=(),
    site_seen=("198.51.100.1",),
    arrived={"the peer": 0, "the site's STUN server": 0, "the site": 0, RELAY: 20, "others": 0},
    at_peer={"198.51.100.10": 20},
    errors=(),
)
LEAKS = replace(SEEN, local="host", page=(CLIENT_PUBLIC,), arrived={**SEEN.arrived, "the peer": 9})


@pytest.mark.parametrize(
    ("before", "after", "defect"),
    [
        (LEAKS, replace(SEEN, page=(CLIENT.v4,)), f"the page read {CLIENT.v4}"),
        (LEAKS, replace(SEEN, site=("a-b.local",)), "the site was told a-b.local"),
        (LEAKS, replace(SEEN, arrived={**SEEN.arrived, "others": 1}), "1 packets straight"),
        (LEAKS, replace(SEEN, echo=False, errors=("no",)), "did not connect (no)"),
        (LEAKS, replace(SEEN, local="host"), "goes over a host candidate"),
        (SEEN, SEEN, "the comparison shows nothing"),
        (replace(LEAKS, connected=False), SEEN, "the comparison shows nothing"),
    ],
)
def test_each_defect_is_told(before: Sight, after: Sight, defect: str) -> None:
    assert Outcome((), LEAKS, SEEN, {}).defects() == []
    (told,) = Outcome((), before, after, {}).defects()
    assert defect in told


def test_a_browser_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says at its end is told."""
    script = tmp_path / "chromium"
    script.write_text("#!/bin/sh\necho it cannot start\n")
    script.chmod(0o700)
    monkeypatch.setattr(browser, "PROGRAMS", (str(script),))
    with (
        Network() as network,
        pytest.raises(StartError, match="the browser has ended:\nit cannot start"),
        browser.running(network, network.client, "browser") as ours,
    ):
        ours.open("http://site.lab.test/")
