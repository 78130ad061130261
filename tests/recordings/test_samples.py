"""What one real call told, read from each of its recordings (`make.py`): the same leak in each."""

import gzip
from collections.abc import Iterable
from pathlib import Path

import pytest

from rtcguard.policy.load import load
from tests.recordings.reading import SAMPLES, Read, read, sample, sample_names

LAN, V6, PUBLIC = "10.77.0.2", "2001:db8:77::2", "198.51.100.2"
SITE = "site.lab.test"
FORMATS = {
    "call.pcap": "pcap",
    "call.har": "HAR",
    "call.flows": "mitmproxy",
    "internals.json": "webrtc-internals",
    "rtcstats.jsonl": "text",
}


def read_sample(name: str, *clients: str) -> Read:
    return read(SAMPLES / f"{name}.gz", *clients)


def outbound(made: Read) -> Iterable[tuple[object, ...]]:
    return {
        (record.candidate_type, record.scope, record.would)
        for record in made.records
        if record.kind == "candidate" and record.direction == "outbound"
    }


def test_there_is_a_sample_of_each_format() -> None:
    assert set(sample_names()) == set(FORMATS)
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < 200_000


@pytest.mark.parametrize("name", FORMATS)
def test_candidates_of_the_call(name: str) -> None:
    made = read_sample(name)
    assert (made.name, made.damage) == (FORMATS[name], "")
    assert outbound(made) == {
        ("host", "mdns", "stripped"),
        ("srflx", "public", "stripped"),
        ("relay", "public", "scrubbed"),
    }
    told = made.told("address", "direction")
    assert {(PUBLIC, "outbound"), (V6, "outbound")} <= told
    # The far side's, which are no leak of the client's.
    assert ("198.51.100.50", "inbound") in told and ("198.51.100.50", "outbound") not in told
    assert {record.action for record in made.records} == {"observed"}
    assert all(
        1_700_000_000 < record.began < 1_900_000_000
        for record in made.records
        if name != "rtcstats.jsonl"
    )


@pytest.mark.parametrize("name", ["call.pcap", "call.har", "call.flows", "internals.json"])
def test_servers_that_the_page_named(name: str) -> None:
    made = read_sample(name)
    servers = {
        (record.destination, record.would, record.site)
        for record in made.records
        if record.kind == "server"
    }
    assert servers == {
        ("198.51.100.30:3478", "stripped", SITE),
        ("[2001:db8:100::30]:3478", "stripped", SITE),
        ("198.51.100.20:3478", "stripped", SITE),
    }
    assert {record.site for record in made.records} - {""} == {SITE}


@pytest.mark.parametrize("name", ["call.har", "internals.json", "rtcstats.jsonl"])
def test_whose_it_is_says_the_user_where_the_recording_does_not(name: str) -> None:
    assert {record.client for record in read_sample(name).records} == {""}
    assert {record.client for record in read_sample(name, LAN).records} == {LAN}


def test_packets_of_the_call() -> None:
    made = read_sample("call.pcap")
    stun = [record for record in made.records if record.kind == "stun"]
    assert {(record.client, record.destination) for record in stun if record.address == LAN} == {
        (LAN, "198.51.100.30:3478"),
        (LAN, "198.51.100.20:3478"),
    }
    # What servers said that they saw: the public address behind the NAT.
    assert {(record.client, record.scope) for record in stun if record.address == PUBLIC} == {
        (LAN, "public")
    }
    # Checks of the peer have the fragment that the page told in its signaling.
    told = {record.ufrag for record in made.records if record.kind == "candidate"}
    (fragment,) = {record.ufrag for record in stun} - {""}
    assert fragment in told
    assert all(record.direction == "outbound" and record.would == "refused" for record in stun)


def test_named_clients_are_the_only_ones() -> None:
    made = read_sample("call.pcap", LAN)
    assert {record.client for record in made.records} == {LAN}
    assert not read_sample("call.pcap", "192.0.2.77").records


def test_the_far_side_may_be_the_one_that_is_looked_at() -> None:
    made = read_sample("call.pcap", "2001:db8:100::40", "2001:db8:100::50", "198.51.100.50")
    told = made.told("kind", "direction", "address")
    assert ("candidate", "outbound", "198.51.100.50") in told
    assert ("candidate", "inbound", V6) in told


def test_the_policy_decides_as_live() -> None:
    config = load(
        """
version: 1
mode: monitor
relay: {servers: [{urls: ["turn:198.51.100.20:3478"], username: u, credential: c}]}
rules:
  - {name: ours, match: {site: [site.lab.test], candidate: [srflx]}, action: keep}
""",
        "scan.yaml",
    )
    made = read(SAMPLES / "call.pcap.gz", config=config)
    assert ("candidate", "srflx", "kept", "ours") in made.told(
        "kind", "candidate_type", "would", "rule"
    )
    told = made.told("kind", "destination", "would")
    assert ("server", "198.51.100.20:3478", "kept") in told
    assert ("stun", "198.51.100.20:3478", "kept") in told
    assert ("stun", "198.51.100.20:3478", "refused") not in told
    assert ("stun", "198.51.100.30:3478", "refused") in told


@pytest.mark.parametrize("name", FORMATS)
def test_packed_in_two_members_or_not_at_all(name: str, tmp_path: Path) -> None:
    content = sample(name)
    expected = read_sample(name).told("kind", "address", "would")
    half = len(content) // 2
    for packed in (content, gzip.compress(content[:half]) + gzip.compress(content[half:])):
        path = tmp_path / "recording"
        path.write_bytes(packed)
        made = read(path)
        assert (made.name, made.damage) == (FORMATS[name], "")
        assert made.told("kind", "address", "would") == expected
