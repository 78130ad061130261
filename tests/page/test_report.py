"""Reports read into records: strictly, and bound to a client and a site."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.errors import ParseError
from rtcguard.page.guard import GuardSettings
from rtcguard.page.report import Terms, mint_token, read_report, read_token
from rtcguard.policy.decide import PAGES_BY_DEFAULT, Decision
from rtcguard.policy.record import ACTIONS, Record

KEY = b"key"
CLIENT = "10.0.0.7"
SITE = "meet.example.org"
TERMS = Terms("relay", "drop", "0123456789ab")
TOKEN = mint_token(KEY, CLIENT, SITE, TERMS)
SETTINGS = GuardSettings(
    mode="relay",
    servers=({"urls": ["turn:turn.ours.example"], "username": "u", "credential": "c"},),
    site_servers="drop",
    report_path="/r",
    token=TOKEN,
)


def read(
    settings: GuardSettings = SETTINGS, decision: Decision = PAGES_BY_DEFAULT, /, **members: Any
) -> list[Record]:
    token = mint_token(KEY, CLIENT, SITE, Terms(settings.mode, settings.site_servers))
    body = json.dumps({"token": token, **members}).encode()
    return read_report(
        body, key=KEY, site=SITE, client=CLIENT, settings=settings, decision=decision
    ).records


def connection(settings: GuardSettings, *urls: str) -> list[Record]:
    members = {"kind": "connection", "policy": "all", "urls": urls, "via": "constructor"}
    return read(settings, **members)


def test_a_token_is_good_for_one_client_on_one_site() -> None:
    assert read_token(TOKEN, key=KEY, client=CLIENT, site=SITE.upper()) == TERMS
    assert read_token(TOKEN, key=KEY, client="::ffff:10.0.0.7", site=SITE) == TERMS
    assert mint_token(KEY, CLIENT, SITE, TERMS) == TOKEN


@pytest.mark.parametrize(
    ("token", "key", "client", "site"),
    [
        (TOKEN, KEY, "10.0.0.8", SITE),
        (TOKEN, KEY, CLIENT, "example.org"),
        (TOKEN, b"other", CLIENT, SITE),
        (TOKEN.replace("drop", "keep"), KEY, CLIENT, SITE),
        (TOKEN.replace("relay", "block"), KEY, CLIENT, SITE),
        (TOKEN.replace("0123456789ab", "0123456789ac"), KEY, CLIENT, SITE),
        (TOKEN.replace("relay", "none"), KEY, CLIENT, SITE),
        ("ü", KEY, CLIENT, SITE),
        ("", KEY, CLIENT, SITE),
    ],
)
def test_any_other_is_refused(token: str, key: bytes, client: str, site: str) -> None:
    with pytest.raises(ParseError):
        read_token(token, key=key, client=client, site=site)


@pytest.mark.parametrize(
    ("mode", "site_servers", "now", "servers_now", "holds"),
    [
        ("relay", "drop", "relay", "drop", True),
        ("block", "drop", "relay", "drop", True),
        ("relay", "drop", "relay", "keep", True),
        ("relay", "keep", "relay", "keep", True),
        ("relay", "keep", "relay", "drop", False),  # it may ask servers that are not approved
        ("relay", "drop", "block", "drop", False),
        ("observe", "drop", "relay", "drop", False),  # loaded under `mode: monitor`
        ("observe", "drop", "observe", "drop", False),
    ],
)
def test_a_laxer_guard_does_not_hold(
    mode: Any, site_servers: Any, now: Any, servers_now: Any, holds: bool
) -> None:
    settings = replace(SETTINGS, mode=now, site_servers=servers_now)
    assert Terms(mode, site_servers).hold(settings) == holds


def test_a_page_is_told_of_as_what_it_was_loaded_as() -> None:
    """A guard that watches changed nothing, though one that is loaded now would."""
    body = json.dumps({**ASKED, "token": mint_token(KEY, CLIENT, SITE, Terms("observe", "drop"))})
    report = read_report(body.encode(), key=KEY, site=SITE, client=CLIENT, settings=SETTINGS)
    assert {record.action for record in report.records} == {"observed"}
    assert report.terms.mode == "observe"


def test_a_guard_reports_in() -> None:
    (record,) = read(kind="guard")
    assert (record.ring, record.kind, record.action) == ("page", "guard", "observed")
    assert (record.site, record.client) == (SITE, CLIENT)


@pytest.mark.parametrize(
    ("changes", "actions"),
    [
        ({}, ["scrubbed", "stripped", "stripped", "kept", "refused"]),
        ({"site_servers": "keep"}, ["scrubbed", "stripped", "kept", "kept", "refused"]),
        ({"mode": "block"}, ["blocked"] * 5),
        ({"mode": "observe"}, ["observed"] * 5),
    ],
)
def test_a_connection_makes_a_record_and_one_for_each_server(
    changes: dict[str, Any], actions: list[str]
) -> None:
    urls = ("stun:192.0.2.1", "turns:x.example:443", "TURN:turn.ours.example:3478", "foo:\x1b[1m")
    records = connection(replace(SETTINGS, **changes), *urls)
    assert [record.action for record in records] == actions
    assert [record.kind for record in records] == ["connection", *["server"] * 4]
    assert [record.destination for record in records] == [
        *("", "192.0.2.1:3478", "x.example:443", "turn.ours.example:3478", "")
    ]
    assert [record.name for record in records] == ["", "", "x.example", "turn.ours.example", ""]
    assert [record.scope for record in records] == ["", "public", "name", "name", ""]
    assert all(record.reason and "\x1b" not in record.reason for record in records)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"servers": ()}, True),
        ({}, False),
        ({"servers": (), "site_servers": "keep"}, False),
        ({"servers": (), "mode": "block"}, False),
        ({"servers": (), "mode": "observe"}, True),
    ],
)
def test_a_connection_without_a_relay_tells_which_setting_to_add(
    changes: dict[str, Any], told: bool
) -> None:
    record = connection(replace(SETTINGS, **changes), "stun:192.0.2.1")[0]
    advice = "no approved TURN server is configured: add one under relay.servers"
    assert (advice in record.reason) is told


BLOCK = Decision("block", "guests", "rule 'guests' says block")


@pytest.mark.parametrize(
    ("decision", "would"),
    [
        (PAGES_BY_DEFAULT, ["scrubbed", "stripped", "kept", "refused"]),
        (BLOCK, ["blocked"] * 4),
    ],
)
def test_a_guard_that_watches_tells_what_it_would_do(decision: Decision, would: list[str]) -> None:
    settings = replace(SETTINGS, mode="observe")
    urls = ("stun:192.0.2.1", "turn:turn.ours.example:3478", "foo:")
    members = {"kind": "connection", "policy": "all", "urls": urls, "via": "constructor"}
    records = read(settings, decision, **members)
    assert [record.action for record in records] == ["observed"] * 4
    assert [record.would for record in records] == would
    (guard,) = read(settings, decision, kind="guard")
    assert (guard.action, guard.would) == ("observed", would[0])
    seen = "candidate:1 1 udp 2113937151 192.168.1.5 50123 typ host"
    (candidate,) = read(settings, decision, kind="candidate", candidate=seen)
    assert (candidate.action, candidate.would) == ("observed", would[1])


def test_a_rule_in_monitor_mode_is_told_beside_the_connection() -> None:
    decision = replace(PAGES_BY_DEFAULT, monitored=(BLOCK,))
    members = {"kind": "connection", "policy": "all", "urls": [], "via": "constructor"}
    would, done = read(SETTINGS, decision, **members)
    assert (would.action, would.would, would.rule) == ("observed", "blocked", "guests")
    assert (done.action, done.would, done.rule) == ("scrubbed", "", "default:page")


def test_a_candidate_that_reached_the_page() -> None:
    text = "candidate:1 1 udp 2113937151 192.168.1.5 50123 typ host generation 0 ufrag aB/+"
    (record,) = read(kind="candidate", candidate=text)
    assert (record.address, record.port, record.scope) == ("192.168.1.5", 50123, "private")
    assert (record.candidate_type, record.ufrag, record.action) == ("host", "aB/+", "observed")


def test_an_unreadable_candidate_tells_what_it_can() -> None:
    (record,) = read(kind="candidate", candidate="x 10.1.2.3 \x1b[0m")
    assert (record.address, record.candidate_type, record.port) == ("10.1.2.3", "unknown", 0)
    (record,) = read(kind="candidate", candidate="")
    assert record.address == ""


GUARD = {"token": TOKEN, "kind": "guard"}
ASKED = {"token": TOKEN, "kind": "connection", "policy": "all", "urls": [], "via": "constructor"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"5",
        b"[]",
        b"[" * 60000,
        b'{"token":' + b"9" * 5000 + b"}",
        json.dumps({**GUARD, "pad": "x" * 70000}).encode(),
        *(
            json.dumps(report).encode()
            for report in (
                {"kind": "guard"},
                {**GUARD, "token": "0" * 32},
                {**GUARD, "token": mint_token(KEY, CLIENT, "other.example", TERMS)},
                {**GUARD, "token": mint_token(KEY, "10.0.0.8", SITE, TERMS)},
                {**GUARD, "token": 5},
                {**GUARD, "token": None},
                {**GUARD, "kind": "other"},
                {**GUARD, "kind": ["guard"]},
                {**GUARD, "more": 1},
                {**ASKED, "policy": 5},
                {**ASKED, "policy": "x" * 65},
                {**ASKED, "urls": "stun:x"},
                {**ASKED, "urls": [5]},
                {**ASKED, "urls": ["stun:x"] * 65},
                {**ASKED, "urls": ["x" * 513]},
                {**ASKED, "via": "elsewhere"},
                {"token": TOKEN, "kind": "candidate", "candidate": "x", "type": "host"},
                {"token": TOKEN, "kind": "candidate", "candidate": 1},
            )
        ),
    ],
)
def test_what_the_guard_does_not_send_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        read_report(body, key=KEY, site=SITE, client=CLIENT, settings=SETTINGS)


TEXTS = st.text(max_size=80)
REPORTS = st.one_of(
    st.builds(
        lambda urls, policy: {**ASKED, "urls": urls, "policy": policy[:64]},
        st.lists(TEXTS | st.from_regex(r"(stun|turn)s?:[a-z.:0-9\[\]]{1,20}", fullmatch=True)),
        TEXTS,
    ),
    st.builds(
        lambda candidate: {"token": TOKEN, "kind": "candidate", "candidate": candidate},
        TEXTS | st.just("candidate:1 1 udp 1 \ud800 5 typ host ufrag \ud800"),
    ),
)


@given(REPORTS)
def test_whatever_a_page_writes_makes_records_that_can_be_stored(written: dict[str, Any]) -> None:
    body = json.dumps(written).encode()
    try:
        report = read_report(body, key=KEY, site=SITE, client=CLIENT, settings=SETTINGS)
    except ParseError:
        return
    for record in report.records:
        assert record.action in ACTIONS
        told = (record.address, record.destination, record.name, record.ufrag, record.reason)
        assert all(text.encode() is not None and "\x1b" not in text for text in told)
