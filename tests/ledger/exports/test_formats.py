"""Events as bytes: each format read back by its own grammar."""

import json
import re
from dataclasses import fields, replace

import pytest
from google.protobuf.json_format import Parse
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from rtcguard import __version__
from rtcguard.ledger.event import RECORD_FIELDS, Event
from rtcguard.ledger.exports import cef, jsonl, otlp, rfc5424
from rtcguard.policy.record import Record
from tests.ledger.exports.events import BAD, STRIPPED, event

# RFC 5424 section 6, as far as rtcguard writes it.
_MESSAGE = re.compile(
    rb"<(?P<pri>[0-9]{1,3})>1 (?P<time>[^ ]+) (?P<host>[!-~]{1,255}) rtcguard - "
    rb"(?P<msgid>[!-~]{1,32}) "
    rb"\[rtcguard@32473(?P<data>( [!-~]{1,32}=\"([^\"\\\]]|\\[\"\\\]])*\")*)\]"
    rb"( (?P<msg>.*))?",
    re.DOTALL,
)
_PARAMETER = re.compile(r' ([a-z_]+)="((?:[^"\\\]]|\\["\\\]])*)"')
_EVENT_TEXT = st.text(max_size=12) | st.sampled_from(("\\" * 300, "漢" * 200, '"]|=' * 50))


def parsed(message: bytes) -> tuple[dict[str, str], str]:
    """The parameters and the message, by the grammar."""
    found = _MESSAGE.fullmatch(message)
    assert found, message
    data = found["data"].decode()
    assert "".join(m[0] for m in _PARAMETER.finditer(data)) == data
    return (
        {name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in _PARAMETER.findall(data)},
        (found["msg"] or b"").decode("utf-8-sig"),
    )


@st.composite
def events(draw: st.DrawFn) -> Event:
    texts = {
        f.name: draw(_EVENT_TEXT)
        for f in fields(Record)
        if isinstance(getattr(STRIPPED.record, f.name), str) and f.name in RECORD_FIELDS
    }
    numbers = {"port": draw(st.integers(0, 65535)), "count": draw(st.integers(1, 10**9))}
    made = event(draw(st.integers(0, 2**64)), **texts, **numbers)
    return replace(made, node=draw(_EVENT_TEXT))


def test_syslog_message() -> None:
    assert rfc5424.message(STRIPPED, 8192).decode() == (
        "<133>1 2026-11-23T04:15:05.120Z gw1.example rtcguard - candidate "
        '[rtcguard@32473 id="0193a1b2c3d4aabbccddeeff0011" ring="signaling" kind="candidate" '
        'action="stripped" client="192.168.1.20" address="203.0.113.7" site="app.example.org" '
        'destination="signal.example.org:443" scope="public" direction="outbound" port="53142" '
        'candidate_type="srflx" ufrag="ZxLm" rule="default:outbound" policy="4f2a"] '
        "candidate stripped: only relay candidates pass"
    )


@pytest.mark.parametrize(
    ("of", "severity"),
    [
        ({"action": "blocked"}, 5),
        ({"action": "kept"}, 6),
        ({"action": "observed", "would": "stripped"}, 4),
        ({"action": "observed", "would": "kept"}, 6),
        ({"kind": "rtcguard", "ring": "ledger", "action": "observed"}, 4),
    ],
)
def test_severity(of: dict[str, str], severity: int) -> None:
    assert rfc5424.priority(event(**of)) == 16 * 8 + severity


def test_what_a_page_chose_ends_nothing_early() -> None:
    data, said = parsed(rfc5424.message(BAD, 8192))
    assert data["site"] == 'a"b]c\\d|e=f'
    assert data["user"] == "jürgen"
    assert said.startswith("candidate stripped: line\ufffdbreak\ufffd\ufffd[31m\ufffd ")
    assert said.endswith("ü漢\U0001f600")


@settings(max_examples=40)
@given(events(), st.integers(200, 3000))
def test_every_event_is_a_message_of_the_size(made: Event, most: int) -> None:
    host_and_kind = 2 * 300  # the header is not cut further
    message = rfc5424.message(made, most + host_and_kind)
    assert len(message) <= most + host_and_kind
    data, _ = parsed(message)
    assert data["id"] == made.id
    assert not any(c < 32 or c == 127 for c in message)


def test_the_sentence_is_cut_first() -> None:
    whole, _ = parsed(rfc5424.message(BAD, 8192))
    shorter = event(7, reason="ü" * 5000)
    for most in range(600, 700):
        message = rfc5424.message(shorter, most)
        data, said = parsed(message)
        assert most - 1 <= len(message) <= most
        assert "cut" not in data and said.endswith("ü")
    assert set(whole) - {"user"} == set(data) - {"rule"}


def test_parameters_that_do_not_fit_are_left_out_as_a_whole() -> None:
    data, said = parsed(rfc5424.message(event(7, destination="d" * 400), 480))
    assert data["cut"] == "yes" and "destination" not in data and said
    assert data["client"] == "192.168.1.20" and data["policy"] == "4f2a"


def test_local_socket() -> None:
    made = rfc5424.local(STRIPPED, 42, b"text")
    assert re.fullmatch(rb"<133>Nov 2[23] \d\d:15:05 rtcguard\[42\]: text", made)
    assert rfc5424.local(replace(STRIPPED, time=""), 42, b"x").endswith(b" rtcguard[42]: x")


def extension(message: str) -> dict[str, str]:
    """CEF's pairs: a value goes on to the next ` name=` whose `=` has no backslash."""
    pairs = re.split(
        r"(?:^| )([A-Za-z0-9]+)=", re.sub(r"\\(.)", lambda m: f"\x00{ord(m[1])};", message)
    )
    values = [re.sub(r"\x00(\d+);", lambda m: chr(int(m[1])), one) for one in pairs[1:]]
    return dict(zip(values[::2], values[1::2], strict=True))


def test_cef() -> None:
    made = cef.message(STRIPPED, 8192).decode()
    head = f"CEF:0|rtcguard|rtcguard|{__version__}|signaling.candidate|candidate stripped|5|"
    assert made.startswith(head)
    assert extension(made.removeprefix(head)) == {
        "externalId": STRIPPED.id,
        "rt": "1795407305120",
        "act": "stripped",
        "cat": "signaling",
        "dvchost": "gw1.example",
        "src": "192.168.1.20",
        "dhost": "signal.example.org",
        "dpt": "443",
        "deviceDirection": "1",
        "cnt": "1",
        "cs1": "203.0.113.7", "cs1Label": "address",
        "cs2": "app.example.org", "cs2Label": "site",
        "cs3": "default:outbound", "cs3Label": "rule",
        "cs4": "public", "cs4Label": "scope",
        "cs5": "srflx", "cs5Label": "candidate_type",
        "flexString2": "4f2a", "flexString2Label": "policy",
        "cn1": "53142", "cn1Label": "port",
        "msg": "only relay candidates pass",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("of", "found"),
    [
        ({"client": "2001:db8::1"}, {"c6a2": "2001:db8::1", "c6a2Label": "Source IPv6 Address"}),
        ({"destination": "198.51.100.4:3478"}, {"dst": "198.51.100.4", "dpt": "3478"}),
        ({"destination": "198.51.100.4:3478", "name": "stun.example"}, {"dhost": "stun.example"}),
        ({"destination": "[2001:db8::2]:3478"}, {"c6a3": "2001:db8::2", "dpt": "3478"}),
        ({"destination": "2001:db8::2"}, {"c6a3": "2001:db8::2"}),
        ({"destination": "", "name": "stun.example"}, {"dhost": "stun.example"}),
        ({"client": "fe80::1%eth0"}, {"c6a2": "fe80::1"}),
        ({"client": "phone.local"}, {"shost": "phone.local"}),
    ],
)  # fmt: skip
def test_both_ends_in_cef(of: dict[str, str], found: dict[str, str]) -> None:
    made = extension(cef.message(event(**of), 8192).decode().rpartition("|")[2])
    assert found.items() <= made.items()


def test_cef_escapes() -> None:
    made = cef.message(replace(BAD, record=replace(BAD.record, kind="a|b\\c=d")), 8192).decode()
    parts = re.split(r"(?<!\\)\|", made, maxsplit=7)
    assert parts[4] == "signaling.a\\|b\\\\c=d" and len(parts) == 8
    assert extension(parts[7])["cs2"] == 'a"b]c\\d|e=f'
    assert "equals= back\\slash" in extension(parts[7])["msg"]


@settings(max_examples=40)
@given(events(), st.integers(2000, 4000))
def test_every_event_is_cef_of_the_size(made: Event, most: int) -> None:
    message = cef.message(made, most)
    assert len(message) <= most
    parts = re.split(r"(?<!\\)(?:\\\\)*\|", message.decode(), maxsplit=7)
    assert len(parts) == 8
    assert extension(parts[7])["externalId"] == made.id
    assert made.record.action == "" or len(message) > 100


@pytest.mark.parametrize("text", ["\\" * 4000, "|" * 4000, "\U0001f600" * 4000])
def test_a_long_word_leaves_the_header_whole(text: str) -> None:
    """What is cut within an escape would escape what follows."""
    for words in ({"action": text}, {"kind": text}):
        message = cef.message(event(**words), 1232)
        parts = re.split(r"(?<!\\)(?:\\\\)*\|", message.decode(), maxsplit=7)
        assert len(message) <= 1232 and len(parts) == 8
        assert extension(parts[-1])["externalId"] == event().id


@settings(max_examples=40)
@given(events())
def test_every_event_is_an_open_telemetry_record(made: Event) -> None:
    stored = Event(made.time, made.id, made.node, Record(**_stored(made)), made.last)
    request = Parse(otlp.request([stored, STRIPPED], 1.5), ExportLogsServiceRequest())
    records = [r for one in request.resource_logs for s in one.scope_logs for r in s.log_records]
    assert len(records) == 2
    (record,) = [r for r in records if _attributes(r)["log.record.uid"] == made.id]
    assert record.event_name == f"rtcguard.{stored.record.kind}"
    assert record.time_unix_nano == 1795407305120 * 10**6
    assert record.observed_time_unix_nano == 15 * 10**8
    if stored.record.port:
        assert _attributes(record)["rtcguard.port"] == stored.record.port


def _stored(made: Event) -> dict[str, object]:
    """A record as the store gives it back: without lone surrogates."""
    columns = dict(zip(made.to_dict(), made.to_row(), strict=True))
    return {f.name: columns[f.name] for f in fields(Record) if f.name in columns}


def _attributes(record: object) -> dict[str, str | int]:
    found = {}
    for one in record.attributes:  # type: ignore[attr-defined]
        found[one.key] = getattr(one.value, one.value.WhichOneof("value"))
    return found


def test_open_telemetry_by_node() -> None:
    other = replace(event(9), node="gw2")
    request = Parse(otlp.request([STRIPPED, other, event(8)], 0.0), ExportLogsServiceRequest())
    nodes = {
        _attributes(one.resource)["host.name"]: len(one.scope_logs[0].log_records)
        for one in request.resource_logs
    }
    assert nodes == {"gw1.example": 2, "gw2": 1}
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    assert record.severity_text == "NOTICE" and record.severity_number == 11
    assert record.body.string_value == "candidate stripped: only relay candidates pass"
    assert _attributes(record)["client.address"] == "192.168.1.20"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"{}", (0, "")),
        (b"", (0, "")),
        (b"null", (0, "")),
        (b'{"partialSuccess": {}}', (0, "")),
        (b'{"partialSuccess": null}', (0, "")),
        (b'{"partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "old"}}', (3, "old")),
        (b'{"partialSuccess": {"rejectedLogRecords": -3}}', (0, "")),
        (b"[" * 100_000, (0, "")),
    ],
)
def test_partial_success(answer: bytes, expected: tuple[int, str]) -> None:
    assert otlp.rejected(answer) == expected


@settings(max_examples=40)
@given(events())
def test_json_lines(made: Event) -> None:
    line = jsonl.line(made)
    assert line.count(b"\n") == 1 and line.endswith(b"\n") and line.isascii()
    assert json.loads(line) == made.to_dict()
