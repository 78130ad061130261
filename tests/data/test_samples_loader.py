"""The samples and their manifest belong together, and independent readers read every one."""

from __future__ import annotations

import re
from collections import Counter
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import yaml

from . import samples
from .readers import ReadError, says, texts
from .samples import ManifestError, Sample, load

ALL = load()
# Documentation and private networks, loopback, and what is no one's address.
FREE = [
    ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "192.0.2.0/24", "192.168.0.0/16",
        "198.51.100.0/24", "203.0.113.0/24",
    )
]  # fmt: skip
# Version numbers, element ids and the like, which only look like addresses.
NO_ADDRESS = re.compile(rb"(?:urn:|OID |Chrome/|Chromium/|rv:)[^\s\"]*")
DOTTED = re.compile(rb"(?<![0-9.])(?:\d{1,3}\.){3}\d{1,3}(?![0-9.])")


def named(sample: Sample) -> str:
    return sample.file


@pytest.mark.parametrize("sample", ALL, ids=named)
def test_every_address_of_the_manifest_is_read_back_by_an_independent_reader(
    sample: Sample,
) -> None:
    sample.check()


@pytest.mark.parametrize("sample", ALL, ids=named)
def test_no_sample_names_a_place_on_the_machine_that_made_it(sample: Sample) -> None:
    assert not re.search(rb"/(?:tmp|root|work|home|Users)/", sample.content)
    assert not re.search(rb"registry\.|node_modules|_authToken", sample.content)


@pytest.mark.parametrize("sample", ALL, ids=named)
def test_samples_hold_no_address_of_anybody(sample: Sample) -> None:
    for match in DOTTED.findall(NO_ADDRESS.sub(b"", sample.content)):
        if all(int(part) < 256 for part in match.split(b".")):
            address = ip_address(match.decode())
            assert any(address in network for network in FREE), match


@pytest.mark.parametrize("sample", ALL, ids=named)
def test_what_is_not_the_clients_is_not_in_its_list(sample: Sample) -> None:
    assert not set(sample.client) & set(sample.relays)
    assert sample.unchanged or sample.client or sample.relays or sample.note or sample.servers


def test_there_are_enough_of_every_family_and_they_are_small() -> None:
    assert len(ALL) >= 120
    assert sum(len(sample.content) for sample in ALL) < 1_500_000
    assert max(len(sample.content) for sample in ALL) < 40_000
    assert sum(len(sample.content) < 10_000 for sample in ALL) > 0.9 * len(ALL)
    families = Counter(sample.family for sample in ALL)
    for family in ("browser", "peers", "clients", "framings", "binary", "http", "services"):
        assert families[family] >= 8, family
    assert families["unchanged"] >= 20
    assert {sample.direction for sample in ALL} == {"inbound", "outbound"}


def test_what_must_come_back_unchanged_goes_out_and_is_no_ones_list() -> None:
    for sample in ALL:
        if sample.family == "unchanged":
            assert sample.unchanged
            assert sample.direction == "outbound"
            assert sample.client == ()


def test_a_sample_with_its_addresses_overwritten_has_none_of_them_left() -> None:
    (sample,) = (one for one in ALL if one.file == "browser/chromium-data-offer.json")
    assert sample.remaining(sample.content) == list(sample.client)
    clean = sample.content
    for address in sample.client:
        clean = clean.replace(address.encode(), b"0" * len(address))
    assert sample.remaining(clean) == []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(samples, "FOLDER", tmp_path)
    monkeypatch.setattr(samples, "MANIFEST", tmp_path / "manifest.yaml")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.json").write_text('{"ip":"192.168.1.20"}')
    return tmp_path


ENTRY = {
    "file": "a/one.json",
    "family": "a",
    "format": "json",
    "direction": "outbound",
    "kind": "body",
    "source": "by hand",
    "reader": "json",
    "client": ["192.168.1.20"],
    "relays": [],
}


def written(folder: Path, *entries: dict[str, object]) -> list[Sample]:
    (folder / "manifest.yaml").write_text(yaml.safe_dump(list(entries)))
    return load()


def test_a_manifest_that_fits_is_loaded(folder: Path) -> None:
    (sample,) = written(folder, ENTRY)
    sample.check()
    assert sample.client == ("192.168.1.20",)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"file": "a/two.json"}, "listed or there"),
        ({"direction": "sideways"}, "direction"),
        ({"kind": "letter"}, "kind"),
        ({"reader": "tea leaves"}, "reader"),
        ({"colour": "red"}, "unknown"),
        ({"unchanged": True}, "unchanged"),
    ],
)
def test_a_manifest_with_a_mistake_is_refused(
    folder: Path, change: dict[str, object], why: str
) -> None:
    with pytest.raises(ManifestError, match=why):
        written(folder, ENTRY | change)


def test_a_file_that_is_listed_twice_or_not_at_all_is_refused(folder: Path) -> None:
    with pytest.raises(ManifestError, match="twice"):
        written(folder, ENTRY, ENTRY)
    (folder / "a" / "other.json").write_text("{}")
    with pytest.raises(ManifestError, match=r"other\.json"):
        written(folder, ENTRY)


def test_an_address_that_does_not_occur_is_refused(folder: Path) -> None:
    (sample,) = written(folder, ENTRY | {"client": ["192.168.1.2"]})
    with pytest.raises(ManifestError, match="does not occur"):
        sample.check()


def test_a_part_of_a_longer_address_is_not_that_address() -> None:
    assert says("10.0.0.1", ["ip 10.0.0.1 port"])
    assert says("10.0.0.1", ["::ffff:10.0.0.1"])
    assert not says("10.0.0.1", ["10.0.0.12", "110.0.0.1", "10.0.0.1.5"])
    assert not says("2001:db8::1", ["2001:db8::1:5", "2001:db8::1f"])


@pytest.mark.parametrize(
    ("reader", "content"),
    [
        ("json", b'{"a":'),
        ("protobuf", b"\x0a\x05ab"),
        ("signalr", b"{}"),
        ("stomp", b"SEND\ncontent-length:9\n\nab\0"),
        ("mqtt", b"\x30\x09\x00\x01a"),
        ("sip", b"INFO sip:a SIP/2.0\r\nContent-Length: 3\r\n\r\nab"),
        ("engine.io-3", b"9:42[]"),
        ("cbor", b"\x01\x02"),
        ("msgpack", b"\x01\x02"),
    ],
)
def test_a_reader_says_when_a_message_is_broken(reader: str, content: bytes) -> None:
    with pytest.raises(ReadError):
        texts(reader, content)
