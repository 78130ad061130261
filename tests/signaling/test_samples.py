"""What real clients write, rewritten: read back by decoders that share nothing with rtcguard."""

import re
from typing import Final

import pytest

from rtcguard.ice import address
from rtcguard.policy.model import Config
from rtcguard.signaling import Message, Rewrite, rewrite

from ..data.samples import UNREADABLE, Sample, load

SAMPLES: Final = load()
# Nothing in these bytes marks an address as a candidate's.
NOT_TOLD: Final = {"bare-address"}
# What is put into them on purpose: switches and servers (`offers`, `livekit`, `chime`).
GROWING: Final = {"ice-servers", "livekit", "chime", "jingle", "home-assistant", "janus"}
HOST: Final = re.compile(
    r"candidate:\S+\s+\d+\s+\S+\s+\d+\s+(\S+)\s+\d+\s+typ\s+(?:host|srflx|prflx)", re.IGNORECASE
)


def of(sample: Sample) -> Rewrite:
    message = Message(sample.content, sample.direction, path="/rtc")
    return rewrite(message, Config())


def ids(sample: Sample) -> str:
    return sample.file


outbound = [one for one in SAMPLES if one.direction == "outbound"]
readable = [
    one
    for one in outbound
    if one.format not in UNREADABLE | NOT_TOLD and one.file != "binary/python-cbor-chunks.bin"
]


@pytest.mark.parametrize("sample", readable, ids=ids)
def test_no_address_of_the_client_is_left(sample: Sample) -> None:
    made = of(sample)
    if "compressed" in sample.file and sample.format == "chime":
        assert made.blocked  # by the one before it, which nobody has
        return
    assert not made.blocked
    assert not sample.remaining(made.content)


@pytest.mark.parametrize("sample", readable, ids=ids)
def test_relays_stay(sample: Sample) -> None:
    made = of(sample)
    if not made.blocked and made.content != sample.content:
        said = " ".join(sample.texts(made.content))
        assert all(relay in said for relay in sample.relays)


@pytest.mark.parametrize("sample", SAMPLES, ids=ids)
def test_length_stays_and_twice_is_once(sample: Sample) -> None:
    made = of(sample)
    if made.blocked:
        return
    if sample.direction == "outbound" or sample.format not in GROWING:
        assert len(made.content) == len(sample.content)
    again = rewrite(Message(made.content, sample.direction, path="/rtc"), Config())
    assert again.content == made.content


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.unchanged], ids=ids)
def test_what_is_no_signaling_comes_back(sample: Sample) -> None:
    if sample.format != "chime":  # whose wish for compressed descriptions is taken away
        assert of(sample).content == sample.content


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.direction == "inbound"], ids=ids)
def test_the_far_sides_candidates_are_stripped(sample: Sample) -> None:
    """Nobody has confirmed that this client is relay-only."""
    for text in sample.texts(of(sample).content):
        for told in HOST.findall(text):
            assert address.is_unroutable(told), text


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.servers], ids=ids)
def test_servers_of_the_site_are_gone(sample: Sample) -> None:
    texts = sample.texts(of(sample).content)
    assert not [url for url in sample.servers if any(url in text for text in texts)]


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.format == "opaque"], ids=ids)
def test_what_nobody_can_read_is_told(sample: Sample) -> None:
    made = of(sample)
    assert made.content == sample.content
    assert [record.rule for record in made.records] in ([], ["default:opaque"])


def test_an_address_that_a_header_cuts() -> None:
    """A CBOR string in chunks, one of which begins within an address: it goes with the header in
    it, so the message is broken. No client writes such strings; nothing is told."""
    (sample,) = [one for one in SAMPLES if one.file == "binary/python-cbor-chunks.bin"]
    assert b"192.16" in sample.content
    made = of(sample)
    assert b"192.16" not in made.content and b"8.1.20" not in made.content
