"""Real applications: each one leaks without rtcguard, and works behind it without giving away.

One table for all: a row is an application's page, and every claim is made of it in both browsers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..claims import (
    ALONE,
    assert_call_went_direct,
    assert_guarded,
    assert_hidden_hosts_told,
    assert_signaling_alone,
    assert_told,
)
from ..guard import PROXY, running_guard
from ..net import CLIENT, CLIENT_PUBLIC
from ..world import BROWSERS, Browser, Outcome, World


@dataclass(frozen=True)
class Row:
    """An application as one of its pages uses it."""

    name: str
    application: str  # its name in table.py
    page: str  # with a query, to be continued
    camera: bool = False  # whether the page asks for camera or microphone


ROWS = (
    Row("PeerJS", "peerjs", "peerjs.html?"),
    Row("Socket.IO", "socketio", "socketio.html?"),
    Row("Socket.IO by polling", "socketio", "socketio.html?transports=polling"),
    Row("SIP", "sip", "sip.html?", camera=True),
    Row("Janus", "janus", "janus.html?", camera=True),
    Row("Janus by polling", "janus", "janus.html?transport=http", camera=True),
)

pytestmark = [
    pytest.mark.lab,
    pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name),
    pytest.mark.parametrize("browser", BROWSERS),
]


def call(world: World, row: Row, authorities: list[Path], query: str = "", **how: Any) -> Outcome:
    """Open the row's page."""
    how = {"camera": row.camera, "application": row.application, **how}
    return world.call(f"applications/{row.page}{query}", authorities, **how)


def test_it_leaks_without_rtcguard(
    world: World, row: Row, browser: Browser, verdict: Callable[[str], None]
) -> None:
    outcome = call(world, row, [world.ca.certificate], browser=browser)
    verdict(outcome.verdict(f"{browser}: control {row.name}"))
    assert_call_went_direct(outcome)
    if row.camera:
        assert_told(outcome, {CLIENT.v4, CLIENT.v6})
    else:
        assert_hidden_hosts_told(outcome)


def test_it_works_behind_rtcguard(
    world: World, row: Row, browser: Browser, verdict: Callable[[str], None]
) -> None:
    with running_guard(world) as guard:
        outcome = call(world, row, [guard.ca], browser=browser, proxy=PROXY)
    verdict(outcome.verdict(f"{browser}: guarded {row.name}"))
    assert_guarded(outcome, guard)
    assert (outcome.page["packetsSent"] > 0) is row.camera


def test_signaling_alone_keeps_addresses_from_its_server(
    world: World, row: Row, browser: Browser, verdict: Callable[[str], None]
) -> None:
    with running_guard(world, page_guard=False) as guard:
        how = {"browser": browser, "camera": True, "proxy": PROXY}
        outcome = call(world, row, [guard.ca], f"&{ALONE}", **how)
    verdict(outcome.verdict(f"{browser}: {row.name}, signaling alone"))
    assert_signaling_alone(outcome, guard, {CLIENT.v4, CLIENT.v6, CLIENT_PUBLIC})
