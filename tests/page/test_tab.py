"""The surface that page tests have for both browsers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browsers.environment import BrowserError
from tests.browsers.tab import Tab, Tabs

VALUE = {"a": [1, -2.5, None, True, "ü\u2028"], "b": {"c": {"d": []}}, "": False}


@pytest.fixture
def bare(site: Any, tab: Tab) -> Tab:
    tab.goto(site.put("/", "<!doctype html><title>x</title>", guarded=False))
    return tab


def test_values_go_there_and_come_back(bare: Tab) -> None:
    assert bare.evaluate("(value) => value", VALUE) == VALUE
    assert bare.evaluate("async (value) => { await null; return value }", VALUE) == VALUE
    assert bare.evaluate("() => undefined") is None
    assert bare.evaluate("() => { const x = [1]; return { x, y: x, z: [x] } }") == {
        **{"x": [1], "y": [1], "z": [[1]]}
    }


@pytest.mark.parametrize("how", ["throw", "return Promise.reject(", "await null; throw"])
def test_what_the_page_throws_is_an_error_here(bare: Tab, how: str) -> None:
    end = ")" if how.endswith("(") else ""
    with pytest.raises(BrowserError, match="RangeError: of mine"):
        bare.evaluate(f"async () => {{ {how} new RangeError('of mine'){end} }}")


def test_a_page_that_replaces_what_it_can_is_read_all_the_same(bare: Tab) -> None:
    bare.evaluate("() => { JSON.stringify = JSON.parse = () => 'mine'; Array.prototype.map = 0 }")
    assert bare.evaluate("(value) => value", VALUE) == VALUE


def test_a_reload_is_a_new_document_with_the_same_storage(bare: Tab) -> None:
    bare.evaluate("() => { window.mine = 1; localStorage.mine = 'kept' }")
    bare.reload()
    assert bare.evaluate("() => [typeof mine, localStorage.mine]") == ["undefined", "kept"]


def test_tabs_know_nothing_of_each_other(site: Any, bare: Tab, tabs: Tabs) -> None:
    bare.evaluate("() => { localStorage.mine = 1; document.cookie = 'mine=1' }")
    with tabs.open() as other:
        other.goto(site.origin + "/")
        assert other.evaluate("() => [localStorage.length, document.cookie]") == [0, ""]


def test_a_page_that_does_not_open_is_an_error(tab: Tab) -> None:
    with pytest.raises(BrowserError):
        tab.goto("http://127.0.0.1:9/")


def test_a_page_may_open_windows(bare: Tab) -> None:
    assert bare.evaluate("() => { const w = open(); const had = !!w; w.close(); return had }")
