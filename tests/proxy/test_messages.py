"""Ring 2 on real flows: what a client sends through the proxy, and what reaches the origin."""

import contextlib
import gzip
import json
from pathlib import Path

import pytest
from websockets.sync.client import connect

from rtcguard.ledger.store import Store
from tests.origin import Origin
from tests.process import Running, running

HOST = "candidate:1 1 udp 2113937151 192.168.7.5 54400 typ host generation 0"
RELAY = "candidate:3 1 udp 33562623 192.0.2.10 50001 typ relay raddr 203.0.113.7 rport 46154"
SDP = (
    "v=0\r\no=- 4 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    "m=application 54400 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 192.168.7.5\r\n"
    f"a=ice-ufrag:abcd\r\na={HOST}\r\na={RELAY}\r\n"
)
OFFER = json.dumps({"type": "offer", "sdp": SDP}).encode()
REAL = (b"192.168.7.5", b"203.0.113.7")


def clean(body: bytes) -> bool:
    return not any(address in body for address in REAL)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", OFFER),
        ("application/sdp", SDP.encode()),
        ("text/plain;charset=UTF-8", OFFER),  # sendBeacon, fetch with a string
        ("image/png", OFFER),  # a page may write any type
        ("", OFFER),
    ],
)
def test_what_leaves_by_http(origin: Origin, proxy: Running, kind: str, body: bytes) -> None:
    headers = {"content-type": kind} if kind else {}
    _, echoed = proxy.request("POST", f"{origin.url}/echo", body, headers)
    (arrived,) = origin.bodies("/echo")
    assert clean(arrived)
    assert len(arrived) == len(body)
    assert b"typ relay" in arrived
    assert clean(echoed)


def test_a_body_of_unknown_length_is_judged(origin: Origin, proxy: Running) -> None:
    pieces = iter([OFFER[:200], OFFER[200:]])  # http.client sends an iterator in chunks
    headers = {"content-type": "application/json"}
    proxy.request("POST", f"{origin.url}/echo", pieces, headers)
    (arrived,) = origin.bodies("/echo")
    assert clean(arrived)
    assert len(arrived) == len(OFFER)


def test_a_compressed_body_is_judged(origin: Origin, proxy: Running) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    proxy.request("POST", f"{origin.url}/echo", gzip.compress(OFFER), headers)
    (arrived,) = origin.bodies("/echo")
    assert clean(gzip.decompress(arrived))


@pytest.mark.parametrize("encoding", ["gzip, br", "dcb", "gzip"])
def test_a_body_that_cannot_be_decoded_is_stopped(
    origin: Origin, proxy: Running, encoding: str
) -> None:
    headers = {"content-type": "application/json", "content-encoding": encoding}
    response, _ = proxy.request("POST", f"{origin.url}/echo", b"not compressed", headers)
    assert response.status == 403
    assert origin.seen == []


def test_a_large_description_is_stopped(origin: Origin, proxy: Running) -> None:
    body = SDP.encode() + b"a=x:" + b"0" * (1 << 20) + b"\r\n"
    response, _ = proxy.request(
        "POST", f"{origin.url}/echo", body, {"content-type": "application/sdp"}
    )
    assert response.status == 403
    assert origin.seen == []


def test_other_bodies_come_through_unchanged(origin: Origin, proxy: Running) -> None:
    text = json.dumps({"text": "candidate: Alice lives at 192.168.7.5", "n": 1.0}).encode()
    headers = {"content-type": "application/json"}
    _, echoed = proxy.request("POST", f"{origin.url}/echo", text, headers)
    assert origin.bodies("/echo") == [text]
    assert echoed == text


def test_what_leaves_by_websocket(origin: Origin, proxy: Running) -> None:
    trickle = json.dumps({"candidate": {"candidate": HOST, "sdpMid": "0"}})
    with connect(
        f"ws://127.0.0.1:{origin.port}/ws", proxy=f"http://127.0.0.1:{proxy.port}"
    ) as channel:
        for message in (OFFER.decode(), trickle, trickle.encode(), '{"candidate":""}', "hello"):
            channel.send(message)
            echoed = channel.recv(timeout=60)
            assert len(echoed) == len(message)
    offer, text, binary, end, hello = origin.bodies("message")
    assert clean(offer) and clean(text) and clean(binary)
    assert b"typ relay" in offer
    assert b"0.0.0.0 9 typ host" in text  # inert, never dropped
    assert (end, hello) == (b'{"candidate":""}', b"hello")


def test_the_far_side_is_stripped_while_no_guard_reported(origin: Origin, proxy: Running) -> None:
    with connect(
        f"ws://127.0.0.1:{origin.port}/ws",
        proxy=f"http://127.0.0.1:{proxy.port}",
        origin="https://unguarded.example",
    ) as channel:
        channel.send(json.dumps({"candidate": RELAY}))
        assert "typ host" in str(channel.recv(timeout=60))  # inert: the relay's line came back
    assert b"typ relay" in origin.bodies("message")[0]


def test_monitor_changes_nothing_and_records(origin: Origin, tmp_path: Path) -> None:
    with running(tmp_path, "mode: monitor\n") as run:
        headers = {"content-type": "application/json"}
        run.request("POST", f"{origin.url}/echo", OFFER, headers)
        run.stop()
        assert origin.bodies("/echo") == [OFFER]
        rows = {row["key"]: row for row in run.report("address")}
    row = rows["192.168.7.5"]  # the candidate, and c=
    assert row["actions"] == {"observed": 2}
    assert row["would"] == {"scrubbed": 1, "stripped": 1}


def test_a_rule_that_would_block_is_told_in_monitor_mode(origin: Origin, tmp_path: Path) -> None:
    """In monitor mode throughout, and of one rule: nothing is stopped by it."""
    rule = "{name: none, match: {candidate: host}, action: block, mode: monitor}"
    for config, would in (
        ("mode: monitor\nrules: [{name: none, match: {candidate: host}, action: block}]\n",
         {("candidate", "none", "observed", "blocked"),
          ("payload", "default:on_error", "observed", "blocked")}),
        (f"rules: [{rule}]\n",
         {("candidate", "none", "observed", "blocked"),
          ("candidate", "default:outbound", "stripped", "")}),
    ):  # fmt: skip
        folder = tmp_path / str(len(config))
        with running(folder, config) as run:
            headers = {"content-type": "application/json"}
            response, _ = run.request("POST", f"{origin.url}/echo", OFFER, headers)
            assert response.status == 200
            run.stop()
        with contextlib.closing(Store(run.state / "ledger.sqlite3")) as store:
            found = [event.record for _, event in store.after(0, 1000)]
        told = {(one.kind, one.rule, one.action, one.would) for one in found}
        assert told >= would
        assert not any(action == "blocked" for *_, action, _ in told)


def test_a_rule_that_blocks_stops_the_message(origin: Origin, tmp_path: Path) -> None:
    rule = "rules: [{name: none, match: {candidate: host}, action: block}]\n"
    with running(tmp_path, rule) as run:
        headers = {"content-type": "application/json"}
        response, _ = run.request("POST", f"{origin.url}/echo", OFFER, headers)
        assert response.status == 403
        with connect(
            f"ws://127.0.0.1:{origin.port}/ws", proxy=f"http://127.0.0.1:{run.port}"
        ) as channel:
            channel.send(OFFER.decode())
            channel.send("hello")
            assert channel.recv(timeout=60) == "hello"
        run.stop()
        assert origin.bodies("/echo") == []
        assert origin.bodies("message") == [b"hello"]
        assert any(row["actions"].get("blocked") for row in run.report("address"))


def test_it_goes_out_through_another_proxy(origin: Origin, tmp_path: Path) -> None:
    with running(tmp_path / "outer") as outer:
        upstream = f"upstream: {{proxy: 'http://127.0.0.1:{outer.port}'}}\n"
        with running(tmp_path / "inner", upstream) as inner:
            inner.request("POST", f"{origin.url}/echo", OFFER)
            (arrived,) = origin.bodies("/echo")
            assert clean(arrived)
            outer.stop()
            response, _ = inner.request("POST", f"{origin.url}/echo", OFFER)
            assert response.status == 502
    assert len(origin.seen) == 1


def test_a_large_description_of_unknown_length_is_withheld(origin: Origin, proxy: Running) -> None:
    pieces = iter([SDP.encode(), b"a=x:" + b"0" * (1 << 20) + b"\r\n"])
    headers = {"content-type": "application/sdp"}
    proxy.request("POST", f"{origin.url}/echo", pieces, headers)
    assert origin.bodies("/echo") == [b""]
