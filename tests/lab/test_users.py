"""A proxy that asks who its clients are: pages, guards and calls work as they do without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest

from .claims import assert_guarded
from .guard import PROXY, running_guard
from .net import SITE_NAME
from .world import BROWSERS, Browser, World

pytestmark = [pytest.mark.lab, pytest.mark.parametrize("browser", BROWSERS)]
CREDENTIALS = ("alice", "secret")


def _users(folder: Path) -> str:
    name, password = CREDENTIALS
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode()
    file = folder / "users"
    file.touch(mode=0o600)
    file.write_text(f"{name}:{hashed}\n")
    return f"users: {{file: {file}}}\n"


def test_a_call_of_somebody_who_has_signed_in(
    world: World, browser: Browser, tmp_path: Path, verdict: Callable[[str], None]
) -> None:
    with (
        running_guard(world, more=_users(tmp_path)) as guard,
        world.session([guard.ca], proxy=PROXY, browser=browser, credentials=CREDENTIALS) as session,
    ):
        page = session.open("data.html")
        with session.tabs.open() as tab:
            tab.goto("http://rtcguard.test/")
            shown = tab.evaluate("() => document.body.textContent")
    outcome = session.outcome(page)
    verdict(outcome.verdict(f"{browser}: guarded, signed in"))
    assert_guarded(outcome, guard)
    assert "rtcguard" in shown and "password" not in shown
    of_page = [record for record in guard.records() if record.ring == "page"]
    assert {record.user for record in of_page} == {CREDENTIALS[0]}
    assert any(record.kind == "guard" and record.site == SITE_NAME for record in of_page)
