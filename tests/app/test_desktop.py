"""What a run says of the desktop's proxy, and does with it at its end, with GNOME's real settings;
whole runs are in tests/cli/test_proxy.py."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtcguard.app.desktop import describe, left, let_go
from rtcguard.app.settings import State
from rtcguard.desktop import memory
from rtcguard.desktop.proxy import DESKTOPS, on
from tests.desktop.session import command, machine, session

OURS = ("127.0.0.1", 8080)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    with session(tmp_path, "GNOME") as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield State(tmp_path)


def led_here(state: State, stay: bool = False) -> None:
    here = machine(state.folder, dict(os.environ))
    assert all(one.good for one in on(here, state.folder, [DESKTOPS["gnome"]], OURS, stay))


def mode() -> str:
    return command(dict(os.environ), "gsettings", "get", "org.gnome.system.proxy", "mode").strip()


def test_nothing_is_said_or_done_where_nothing_was_set(state: State) -> None:
    said: list[str] = []
    assert not list(describe(state, OURS))
    assert let_go(state, said.append) and not said


def test_put_back_at_the_end(state: State) -> None:
    led_here(state)
    assert list(describe(state, ("0.0.0.0", 8080))) == ["desktop gnome leads here until the end"]
    said: list[str] = []
    assert let_go(state, said.append)
    assert said == ["desktop gnome: as before: no proxy"]
    assert mode() == "'none'"


def test_what_is_to_stay_stays(state: State) -> None:
    led_here(state, stay=True)
    assert list(describe(state, OURS)) == ["desktop gnome leads here"]
    said: list[str] = []
    assert let_go(state, said.append) and not said
    assert mode() == "'manual'"


def test_a_run_that_listens_elsewhere_says_so(state: State) -> None:
    led_here(state)
    (line,) = describe(state, ("127.0.0.1", 9))
    assert "gnome leads to 127.0.0.1:8080, where this does not listen" in line


def test_after_another_end_it_stays_and_is_said(state: State) -> None:
    assert not list(left(state))
    led_here(state)
    (line,) = left(state)
    assert line.startswith("desktop gnome still leads here") and "`rtcguard proxy off`" in line
    (state.folder / memory.NAME).write_text("{}")
    assert not list(left(state))


def test_nobody_listens_to_what_is_said(state: State) -> None:
    """The desktop is put back before the first word."""
    led_here(state)

    def gone(line: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        let_go(state, gone)
    assert mode() == "'none'"


def test_a_damaged_memory_is_said_and_nothing_guessed(state: State) -> None:
    led_here(state)
    (state.folder / memory.NAME).write_text("{}")
    (line,) = describe(state, OURS)
    assert "desktop.json: is not what rtcguard wrote" in line
    said: list[str] = []
    assert not let_go(state, said.append)
    assert said == [line]
    assert mode() == "'manual'"
