"""The ledger's pages and its stream, by real processes: what they show, and to whom what."""

import contextlib
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest

from rtcguard.policy.record import Record
from rtcguard.web.live import MOST_OF_ONE
from tests.origin import free_port
from tests.process import running
from tests.web.ledgers import ADDRESS, OTHER, OWN, Shown, guard, shown

MINE, THEIRS = OWN[ADDRESS], OWN[OTHER]
PAGES = [
    "/ledger", "/ledger?since=all", "/ledger?ring=signaling", "/ledger/calls", "/ledger/sites",
    "/ledger/addresses?days=7", "/ledger/sites?days=all&kind=candidate",
]  # fmt: skip
LOCAL_PAGES = ["/ledger/clients", "/ledger/clients?days=30", "/turn"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with shown(tmp_path_factory.mktemp("ledger"), "ledger") as made:
        yield made


def test_on_the_machine_everything(site: Shown) -> None:
    """The control: without a token, both clients' events, in every page."""
    for page in PAGES:
        answer = site.here(page)
        assert answer.status == 200, page
        for own in (MINE, THEIRS):
            assert own[1 if "addresses" in page else 0] in answer.text, page
    clients = site.here("/ledger/clients").text
    assert ADDRESS in clients and OTHER in clients
    for client, own in OWN.items():
        call = site.here(f"/ledger/calls/{site.calls[client]}").text
        assert own[0] in call and own[2] in call
        assert "none was told" in call and "What to change: <bdi>Nothing" in call
        assert call.index("relay-only") < call.index("relay candidate")  # in order


@pytest.mark.parametrize("page", [*PAGES, *LOCAL_PAGES, "/ledger/stream", "/ledger/calls/x"])
def test_without_the_token_nothing(site: Shown, page: str) -> None:
    answer = site.there(page, token=False)
    assert answer.status in (401, 403)
    assert not any(word in answer.text for own in OWN.values() for word in own)


@pytest.mark.parametrize("page", PAGES)
def test_with_the_token_ones_own_alone(site: Shown, page: str) -> None:
    answer = site.there(page)
    assert answer.status == 200
    assert MINE[1 if "addresses" in page else 0] in answer.text
    assert not any(word in answer.text for word in (OTHER, *THEIRS))
    assert "rtcguard.yaml" not in answer.text and "/rules" not in answer.text


def test_the_counts_are_ones_own(site: Shown) -> None:
    """Of a site that both have been at, one is told how often it was oneself."""
    both = [guard("both.example"), *(guard("both.example", OTHER, name=f"n{n}") for n in range(5))]
    site.record(*both)
    for answer, count in ((site.here("/ledger/sites?kind=guard"), 6),
                          (site.there("/ledger/sites?kind=guard"), 1)):  # fmt: skip
        row = answer.text.partition("both.example</bdi>")[2].partition("</tr>")[0]
        assert re.search(rf'data-label="events">{count}<', row), row


@pytest.mark.parametrize("query", [
    f"client={OTHER}", "client=*", "client=10.9.8.*", f"client=%20{OTHER}", "client=10.9.8.8%00",
])  # fmt: skip
def test_nobody_asks_for_another(site: Shown, query: str) -> None:
    for page in ("/ledger", "/ledger/calls", "/ledger/sites", "/ledger/stream"):
        answer = site.there(f"{page}?{query}")
        assert answer.status == 403, page
        assert THEIRS[0] not in answer.text
    assert site.there(f"/ledger?client={ADDRESS}").status == 200


def test_filters_do_not_show_anothers(site: Shown) -> None:
    for name, value in (("site", THEIRS[0]), ("address", THEIRS[1]), ("site", "*"), ("rule", "*")):
        for page in ("/ledger", "/ledger/calls"):
            here, there = site.here(f"{page}?{name}={value}"), site.there(f"{page}?{name}={value}")
            rows = [there.text.partition("<table")[2], there.text.partition('class="calls"')[2]]
            assert there.status == 200
            assert not any(THEIRS[0] in row for row in rows)
            if name != "rule":  # the control
                assert f"<bdi>{THEIRS[0]}</bdi>" in here.text


def test_anothers_call_is_not_found(site: Shown) -> None:
    for name in (site.calls[OTHER], THEIRS[2]):
        assert site.here(f"/ledger/calls/{name}").status == 200  # the control
        answer = site.there(f"/ledger/calls/{name}")
        assert answer.status == 404
        assert not any(word in answer.text for word in (OTHER, THEIRS[0], THEIRS[1]))
    for name in (site.calls[ADDRESS], MINE[2]):
        assert site.there(f"/ledger/calls/{name}").status == 200


def test_the_machines_own_pages(site: Shown) -> None:
    for page in LOCAL_PAGES:
        assert site.there(page).status == 403
        assert site.here(page).status == 200
    assert site.there("/turn", method="POST").status == 403
    turn = site.here("/turn").text
    assert "No TURN server is approved" in turn and "<form" not in turn


def test_where_a_rule_stands(site: Shown) -> None:
    """An event of a rule leads to its line, on the machine."""
    site.record(Record("signaling", "candidate", "kept", "outbound", "a.ruled.example", ADDRESS,
                       "192.0.2.9", rule="a rule here"))  # fmt: skip
    page = site.here("/ledger?rule=a%20rule*").text
    (link,) = re.findall(r'href="(/rules#[^"]+)"', page)
    assert link.endswith("%3A5")
    rules = site.here("/rules").text
    assert 'id="rtcguard.yaml:5"' in rules
    assert "/rules#" not in site.there("/ledger?rule=a%20rule*").text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("sit=x", "did you mean site?"),
        ("%3Cscript%3E=x", "There is no filter"),
        ("ring=pag", "ring is none of page, signaling, network, ledger"),
        ("since=banana", "is not like 24h"),
        ("since=9999999999d", "is not like 24h"),
        ("since=2026-11-26&until=2026-11-25", "until is not after since"),
        ("site=a&site=b", "site is given twice"),
        (f"site={'a' * 257}", "more than 256 letters"),
        ("before=zzz", "before is no id of an event"),
    ],
)
def test_what_cannot_be_asked(site: Shown, query: str, told: str) -> None:
    for page in ("/ledger", "/ledger/calls", "/ledger/stream"):
        answer = site.here(f"{page}?{query}")
        assert answer.status == 400, page
        assert told in answer.text
        assert "<script>" not in answer.text


def test_what_is_not_there(site: Shown) -> None:
    assert site.here(f"/ledger?before={'f' * 32}").status == 404
    for name in ("nobody", "f" * 32, "%00", "%F0%9F%98%80", "a" * 300, "*"):
        answer = site.here(f"/ledger/calls/{name}")
        assert answer.status == 404, name
        assert "<h1>" in answer.text
    assert site.here(f"/ledger?site={'a' * 9000}").status == 414
    assert site.here("/ledger/sites?site=x").status == 400
    assert site.here("/ledger/sites?days=x").status == 400
    assert site.here("/ledger", method="POST").status in (403, 405)


def test_a_page_after_the_other(site: Shown) -> None:
    site.record(*(guard(f"page{number}.example", name=str(number)) for number in range(250)))
    seen: list[str] = []
    target = "/ledger?site=page*"
    while target:
        page = site.here(target).text
        seen += re.findall(r"<bdi>(page\d+\.example)</bdi>", page)
        later = re.search(r'rel="next" href="([^"]+)"', page)
        target = later[1].replace("&amp;", "&") if later else ""
    assert len(seen) == len(set(seen)) == 250


def test_events_as_they_come(site: Shown) -> None:
    """To each what is its own, as soon as it is committed."""
    with site.streamed() as whole, site.streamed(there=True) as own:
        assert whole.response.headers["content-type"].startswith("text/event-stream")
        number = 0
        for stream in (whole, own):  # until both have begun
            stream.response.readline()
        for number in range(20):
            site.record(guard(f"live{number}.example"), guard(f"hidden{number}.example", OTHER))
        last = f"live{number}.example"
        rows = own.rows(lambda found: any(row["site"] == last for row in found))
        assert {row["client"] for row in rows} == {ADDRESS}
        assert not any("hidden" in row["site"] or row["link"] for row in rows)
        rows = whole.rows(lambda found: any(row["site"].startswith("hidden19") for row in found))
        assert {row["client"] for row in rows} == {ADDRESS, OTHER}


def test_a_filter_of_the_stream(site: Shown) -> None:
    with site.streamed("?site=wanted*") as stream:
        stream.response.readline()
        for number in range(10):
            site.record(guard(f"other{number}.example"), guard(f"wanted{number}.example"))
        rows = stream.rows(lambda found: any(row["site"] == "wanted9.example" for row in found))
    assert all(row["site"].startswith("wanted") for row in rows)


def test_going_on_after_a_break(site: Shown) -> None:
    """What was committed meanwhile comes, and nothing twice; not another's either."""
    site.record(guard("first.example"))
    page = site.there("/ledger")
    (last,) = re.findall(r'data-after="(\w+)"', page.text)
    for number in range(30):
        site.record(guard(f"meanwhile{number}.example"), guard("hidden.example", OTHER))
    for there, count in ((False, 60), (True, 30)):
        with site.streamed(there=there, last=last) as stream:
            rows = stream.rows(lambda found, count=count: len(found) >= count)
        names = [row["site"] for row in rows]
        assert [name for name in names if "hidden" not in name] == [
            f"meanwhile{number}.example" for number in range(30)
        ]
        assert names.count("hidden.example") == (0 if there else 30)
        assert stream.missed == []
    with site.streamed(f"?after={last}", last=stream.last) as stream:  # the later one counts
        stream.response.readline()
        site.record(guard("after.example"))
        names = [row["site"] for row in stream.rows(lambda found: len(found) >= 2)]
        assert names == ["hidden.example", "after.example"]


def test_an_event_that_is_no_more(site: Shown) -> None:
    with site.streamed(last="f" * 32) as stream:
        stream.response.readline()
        site.record(guard("known.example"))
        assert [row["site"] for row in stream.rows(bool)] == ["known.example"]
        assert stream.missed == [{"count": 0, "some": True}]
    for last in ("x", "f" * 31, "F" * 32, "' OR 1=1"):
        with site.streamed(last=last) as stream:
            assert stream.response.status == 400


def test_so_many_pages_and_no_more(site: Shown) -> None:
    with ExitStack() as open_ones:
        statuses = [
            open_ones.enter_context(site.streamed(there=True)).response.status
            for _ in range(MOST_OF_ONE + 1)
        ]
        assert statuses == [200] * MOST_OF_ONE + [503]
    until = time.monotonic() + 20
    while time.monotonic() < until:  # those that are gone make room
        with site.streamed(there=True) as stream:
            if stream.response.status == 200:
                return
        time.sleep(0.05)
    raise AssertionError("nobody could look on any longer")


def test_without_a_ledger(site: Shown) -> None:
    away = site.ledger.rename(site.ledger.with_name("away"))
    try:
        answer = site.here("/ledger")
        assert answer.status == 503 and "there is no ledger yet" in answer.text
        assert str(site.ledger) not in site.there("/ledger").text
        with site.streamed() as stream:
            stream.response.readline()
            time.sleep(3)  # the reader looks several times a second, and finds none
            away.rename(site.ledger)
            stream.rows(lambda found: stream.missed != [])  # it can be read again
            site.record(guard("again.example"))
            rows = stream.rows(lambda found: any(row["site"] == "again.example" for row in found))
    finally:
        if away.exists():
            away.rename(site.ledger)
    assert rows and stream.missed == [{"count": 0, "some": True}]


def test_stopped_while_somebody_looks_on(tmp_path: Path) -> None:
    """The stream comes to its end, and nothing is complained of."""
    port = free_port()
    with running(tmp_path, f"web: {{listen: '127.0.0.1:{port}'}}\n") as run:
        with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("GET", "/ledger/stream")
            response = connection.getresponse()
            assert response.readline().startswith(b"retry")
            assert run.stop() == 0
            response.read()  # raises where it was cut off
        assert run.log.read_text() == ""
