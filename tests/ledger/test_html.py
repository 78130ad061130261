"""The report's page: sound HTML that says what the ledger says, and does nothing else."""

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element

import html5lib
import pytest
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from rtcguard.app import report
from rtcguard.ledger import charts
from rtcguard.ledger.query import Filter
from rtcguard.ledger.series import Count
from rtcguard.ledger.span import Span
from rtcguard.policy.record import Record
from tests.browsers.environment import environment
from tests.calls import HOST, RELAYED, Scene
from tests.page.conftest import CHROMIUM

HTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"
# What pages may call themselves, and what must not come of it.
EVIL = [
    "<script>document.title='owned'</script>.example",
    "\"><img src=http://127.0.0.1:9/x onerror=document.title='owned'>",
    "</title></style></svg></script><h1 id=owned>x</h1>",
    "'onmouseover='document.title=\"owned\"",
    "\u202egro.elpmaxe\u202c\u200f\u2066",
    "שלום.example",
    "&lt;b&gt;&#60;",
    "\x00\x1b[2J\ud800",
    "a" * 300 + ".example",
]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """An afternoon of a client, with sites of evil names, in a ledger."""
    made = Scene(tmp_path_factory.mktemp("page") / "ledger.sqlite3")
    made.now = time.time() - 5 * 3600
    made.loads()
    made.connects("stun:stun.example", "turn:turn.site.example")
    made.offers(RELAYED, ufrag="aaaa")
    for number, evil in enumerate(EVIL):
        made.now += 1500
        values = {"site": evil, "address": evil, "destination": evil, "rule": evil, "reason": evil}
        made.tell(
            [
                Record("signaling", "candidate", "stripped", "outbound", client="10.0.0.6",
                       candidate_type="host", scope="private", ufrag=f"u{number}", user=evil,
                       name=evil, count=number + 1, **values),
                Record("network", "stun", "observed", "outbound", client=evil, would="refused",
                       **values),
            ]
        )  # fmt: skip
    made.offers(HOST, ufrag="zzzz")
    yield made
    made.close()


def text_of(scene: Scene, hours: float = 24.0, top: int = 20, **asked: str) -> str:
    span = Span(datetime.now().astimezone() - timedelta(hours=hours), None)
    return report.page(scene.store, span, span.asked(asked, str), top, {})


@pytest.fixture(scope="module")
def text(scene: Scene) -> str:
    return text_of(scene)


@pytest.fixture(scope="module")
def document(text: str) -> Element:
    parser = html5lib.HTMLParser(strict=True)  # the first mistake raises
    made: Element = parser.parse(text)
    return made


def words(element: Element) -> str:
    return "".join(element.itertext())


def rows(document: Element, heading: str) -> list[list[str]]:
    for section in document.iter(f"{HTML}section"):
        (title,) = section.findall(f"{HTML}h2")
        if words(title).startswith(heading):
            body = next(section.iter(f"{HTML}tbody"))
            return [[words(cell) for cell in row] for row in body]
    raise AssertionError(f"nothing is called {heading!r}")


def test_the_same_as_the_ledger(document: Element, scene: Scene) -> None:
    for by, heading in (("address", "Addresses that"), ("site", "Sites"), ("client", "Clients")):
        groups = scene.store.grouped(by, Filter())
        shown = rows(document, heading)
        at = 2 if by == "address" else 1
        assert [row[at] for row in shown] == [str(group.count) for group in groups]
    everything = sum(group.count for group in scene.store.grouped("ring", Filter()))
    for heading, count in (("Events over time, by ring", everything), ("What monitor", len(EVIL))):
        numbers = rows(document, heading)
        assert sum(int(cell) for row in numbers for cell in row[1:]) == count
    assert rows(document, "Addresses by scope")[0][0] == "private"


def test_only_what_reads(document: Element) -> None:
    """No script, no link, no picture, no font, no form; and only text in attributes of ours."""
    tags = {element.tag.rpartition("}")[2] for element in document.iter()}
    assert tags <= {
        *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "div"),
        *("h1", "h2", "p", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "bdi"),
        *("strong", "span", "time", "details", "summary", "figure"),
        *("svg", "rect", "line", "desc"),
    }
    for element in document.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on") and name not in ("style", "src", "href", "srcset")
            assert "example" not in value and "owned" not in value
    (style,) = document.iter(f"{HTML}style")
    assert not re.search(r"url\(|@import|@font-face|expression|javascript", words(style))


def test_its_own_policy(document: Element) -> None:
    (policy,) = [
        element.attrib["content"]
        for element in document.iter(f"{HTML}meta")
        if element.attrib.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy and "form-action 'none'" in policy and "base-uri 'none'" in policy


def test_what_cannot_be_seen_is_not_there(document: Element, text: str) -> None:
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\x00-\x08\x0b-\x1f\ud800]", text)
    shown = [words(element) for element in document.iter(f"{HTML}bdi")]
    for evil in EVIL:
        seen = "".join(c if c.isprintable() else "\ufffd" for c in evil.replace("\ud800", "?"))
        assert seen in shown, seen


def test_for_those_who_listen(document: Element) -> None:
    plots = [one for one in document.iter(f"{SVG}svg") if one.attrib.get("class") == "plot"]
    assert len(plots) == 3
    for plot in plots:
        by = plot.attrib["aria-labelledby"].split()
        ids = {one.attrib["id"]: words(one) for one in plot if "id" in one.attrib}
        assert plot.attrib["role"] == "img" and set(by) == set(ids) and all(ids.values())
    others = [one for one in document.iter(f"{SVG}svg") if one not in plots]
    assert others and all(one.attrib["aria-hidden"] == "true" for one in others)
    ids = [one.attrib["id"] for one in document.iter() if "id" in one.attrib]
    assert len(ids) == len(set(ids))
    for head in document.iter(f"{HTML}th"):
        assert head.attrib["scope"] in ("row", "col")
    (root,) = [one for one in document.iter(f"{HTML}html")]
    assert root.attrib["lang"] == "en"


def test_of_nothing(scene: Scene) -> None:
    html5lib.HTMLParser(strict=True).parse(text_of(scene, node="nobody"))


def test_of_few(scene: Scene) -> None:
    made = html5lib.HTMLParser(strict=True).parse(text_of(scene, top=2, client="10.0.0.6"))
    assert len(rows(made, "Addresses that tried to get out, the first 2 of")) == 2
    assert "Only events with client 10.0.0.6." in words(made)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    home = environment(tmp_path_factory.mktemp("home"))
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], env=home
        )
        yield running
        running.close()


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser(
    browser: Browser, text: str, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    """Nothing is asked for, nothing runs, nothing is wider than the window, and it can be read."""
    file = tmp_path / "report.html"
    file.write_bytes(text.encode())
    asked: list[str] = []
    said: list[str] = []
    viewport: ViewportSize = {"width": width, "height": 900}
    context = browser.new_context(color_scheme=scheme, viewport=viewport)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    seen = page.evaluate(
        """() => ({
            title: document.title,
            owned: document.getElementById('owned') !== null,
            wide: document.documentElement.scrollWidth,
            height: document.querySelector('.plot').getBoundingClientRect().height,
            paper: getComputedStyle(document.body).backgroundColor,
            bar: getComputedStyle(document.querySelector('.plot rect')).fill,
        })"""
    )
    context.close()
    assert asked == [file.as_uri()] and said == []
    assert seen["title"].startswith("rtcguard: ") and not seen["owned"]
    assert seen["wide"] <= width and seen["height"] > 100
    paper = [int(part) for part in re.findall(r"\d+", seen["paper"])]
    assert (sum(paper) > 600) == (scheme == "light")
    assert seen["bar"] != "rgb(0, 0, 0)", "the style sheet is not in force"


def test_bars_have_the_hours_in_which_nothing_was() -> None:
    found = [Count("2026-01-01T22", "page", 3), Count("2026-01-02T01", "network", 1)]
    made = charts.bars(found, ("network", "page"), "2026-01-01T21:30", "2026-01-02T01:30")
    assert made.at == [f"2026-01-0{at}" for at in ("1T21", "1T22", "1T23", "2T00", "2T01")]
    assert made.keys == ["network", "page"] and made.unit == "hour" and made.most == 3
    assert made.counts == [[0, 0], [0, 3], [0, 0], [0, 0], [1, 0]]


def test_bars_of_years_are_months() -> None:
    found = [Count("2024-01-31", "page", 3), Count("2026-02-01", "odd", 40)]
    made = charts.bars(found, ("page",), "2024-01-01", "2026-02-02")
    assert (len(made.at), made.unit, made.most, made.keys) == (26, "month", 40, ["page", "odd"])
    assert 'class="c-other"' in charts.drawn(made, "x", "title")
    heights = [float(one) for one in re.findall(r'height="([\d.]+)"', charts.drawn(made, "x", "t"))]
    assert max(heights) == 100
