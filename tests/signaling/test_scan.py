"""The one search: what is a point, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.signaling.scan import SHORTEST_RUN, Kind, address_ends, points

from .offers import HOST, OFFER
from .strategies import CLIENT_V4, Structured, Written, descriptions, jingle, structured

HIDING = (Kind.PERCENT, Kind.RUN, Kind.SLASHED, Kind.WIDE, Kind.REFERENCE)  # of these one is enough


def kinds(text: bytes) -> set[int]:
    return {kind for _, kind in points(text)}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.CANDIDATE, b"a=candidate:|1 1 udp"),
        (Kind.CANDIDATE, b"A=CANDIDATE:|1 1 udp"),
        (Kind.CANDIDATE, rb"\r\ncandidate:|1"),
        (Kind.TYPE, b"9 typ |host"),
        (Kind.TYPE, b"9\tTYP\t|host"),
        (Kind.CONNECTION, b"c=IN IP4 |192.0.2.1"),
        (Kind.CONNECTION, b"c=in\t  ip6\t|2001:db8::1"),
        (Kind.UFRAG, b"a=ice-ufrag:|F7gI"),
        (Kind.SECTION, b"\r\nm=audio 9| UDP"),
        (Kind.REMOTE, b"a=remote-candidates:|1"),
        (Kind.FIELD, b'{"foundation|":"0"'),
        (Kind.FIELD, b'"candidateType|":"host"'),
        (Kind.FIELD, b'"candidate_type|":"host"'),
        (Kind.FIELD, b'"relatedAddress|":'),
        (Kind.FIELD, b"rel-addr|='"),
        (Kind.FIELD, b'"from_stun|":true'),
        (Kind.FIELD, b'"googLocalCandidate|Type"'),
        (Kind.FIELD, b'"type":"local-candidate|"'),
        (Kind.FIELD, b"<candidate |ip="),
        (Kind.FIELD, b'"candidates":[|{'),
        (Kind.FIELD, b'"type":"srflx|"'),
        (Kind.FIELD, b"\xa4type\xa5prflx|"),
        (Kind.SERVER, b'"stun:s|tun.example.org"'),
        (Kind.SERVER, b'"turns:[|2001:db8::1]:443"'),
        (Kind.SERVER, b'"TURN:1|92.0.2.1"'),
        (Kind.SERVICE, b"<service| type="),
        (Kind.SERVICE, b'"services"|:['),
        (Kind.JSON_ESCAPE, rb'"\u0063|andidate'),
        (Kind.JSON_ESCAPE, rb'"\u0031|92.168'),
        (Kind.JSON_ESCAPE, rb'"\u004A|"'),
        (Kind.PERCENT, b"a%3d|candidate"),
        (Kind.GZIP, b"x\x1f\x8b\x08|\0"),
        (Kind.REFERENCE, b"&#10;|a=candidate"),
        (Kind.REFERENCE, b"&#x0A;|"),
        (Kind.RUN, b"A" * SHORTEST_RUN + b"|"),
        (Kind.SLASHED, rb"AB\/" * (SHORTEST_RUN // 2) + b"|"),
        (Kind.RUN, b"-_" * (SHORTEST_RUN // 2) + b"|"),
        (Kind.WIDE, b"c\0a\0n\0d\0i\0d\0a\0t\0|e\0"),
        (Kind.WIDE, b"\0c\0a\0n\0d\0i\0d\0a\0t|\0e"),
    ],
)
def test_a_point(kind: Kind, text: bytes) -> None:
    """The bar is where it ends."""
    before, after = text.split(b"|")
    found = [end for end, one in points(before + after) if one == kind]
    assert found and (found[0] == len(before) or kind in HIDING)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"hello, typo: candidates are here\n",
        b'{"type":"host","address":"10.0.0.1"}',
        b"in turn: saturn is a planet",
        rb'{"html":"\u003cb\u003e \u0026 \u00e9 \u0022"}',  # hides no word
        b"100% 5%zz",
        b"&amp;&lt;&#;&#x;",
        b"A" * (SHORTEST_RUN - 1),
        b"c\0a\0n\0d\0",
        b"\x1f\x8b",
        b"m=audio x",
        b"in ip5 x",
    ],
)
def test_no_point(text: bytes) -> None:
    assert points(text) == []


@given(descriptions())
def test_every_word_of_a_description(written: Written) -> None:
    text = written.text.encode()
    ends = {(end, kind) for end, kind in points(text)}
    for kind, word in (
        (Kind.CANDIDATE, b"a=candidate:"),
        (Kind.UFRAG, b"a=ice-ufrag:"),
        (Kind.CONNECTION, b" IN IP4 "),
        (Kind.CONNECTION, b" IN IP6 "),
    ):
        position = 0
        while (position := text.find(word, position) + 1) > 0:
            assert (position - 1 + len(word), kind) in ends


@given(structured().map(Structured.written) | jingle())
def test_every_structured_candidate_has_a_field(written: Written) -> None:
    assert Kind.FIELD in kinds(written.text.encode())


@given(
    st.binary(max_size=300) | st.text("candte:typ IN46\\u0063%&#;\0", max_size=99).map(str.encode)
)
def test_in_order_and_within(text: bytes) -> None:
    for found in (points(text), address_ends(text)):
        assert [end for end, _ in found] == sorted(end for end, _ in found)
        assert all(0 < end <= len(text) for end, _ in found)


def test_a_point_is_not_told_twice() -> None:
    found = points(OFFER.encode())
    assert len(found) == len(set(found))
    assert [end for end, kind in points(HOST.encode()) if kind == Kind.CANDIDATE] == [10]


# Addresses


@pytest.mark.parametrize(
    "word",
    [
        *CLIENT_V4,
        "2001:db8:1::5",
        "2001:DB8:1::BEEF",
        "fe80::1c2d:3e4f:5a6b:7c8d",
        "fd00:aaaa:0:0:0:0:0:17",
        "::1",
        "::ffff:192.168.1.5",
        "1f4712db-ea17-4bcf-a596-105139dfd8bf.local",
        "printer.LOCAL",
    ],
)
@pytest.mark.parametrize("around", ["%s", "x %s,", '"%s"', "\n%s\r\n", "=%s&", "\x00%s\x00"])
def test_the_end_of_an_address(word: str, around: str) -> None:
    """It is told, with one byte more at the most."""
    before, _ = around.split("%s")
    end = len(before) + len(word)
    found = {at for at, _ in address_ends((around % word).encode())}
    assert found & {end, end + 1}


@pytest.mark.parametrize("text", [b"", b"1.2.3", b"version 1.2", b"10:30", b"local"])
def test_no_address(text: bytes) -> None:
    assert address_ends(text) == []


real_addresses = st.one_of(
    st.ip_addresses(v=4),
    *(st.ip_addresses(network=one) for one in ("2000::/3", "fc00::/7", "fe80::/10")),
)


@given(
    real_addresses.map(str).filter(lambda text: not text.endswith("::")),
    st.sampled_from(" \n\"'/,;<[\0"),
)
def test_every_address_is_told(text: str, around: str) -> None:
    ends = {at - 1 for at, _ in address_ends(f"{around}{text}{around}".encode())}
    assert ends & {len(text), len(text) + 1}
