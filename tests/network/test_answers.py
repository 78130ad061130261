"""What is kept of upstream answers: edited records, and times."""

from dataclasses import replace

import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from dns.rdtypes.svcbbase import ParamKey
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.network.answers import LONGEST, LONGEST_NEGATIVE, Answer, read, stripped
from rtcguard.network.cache import Cache, Question

# Of the right length; nobody reads more of it here.
ECH = "ACL+DQAeAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"


def https(text: str) -> dns.rdata.Rdata:
    return dns.rdata.from_text("IN", "HTTPS", text)


def response(*lines: str, asked: str = "a.example A", rcode: str = "NOERROR", flags: str = ""):  # type: ignore[no-untyped-def]
    """A message with these answers; a line that begins with `!` is in the authority section."""
    name, rdtype = asked.split()
    query = dns.message.make_query(name, rdtype, want_dnssec=True)
    made = dns.message.make_response(query)
    made.set_rcode(dns.rcode.from_text(rcode))
    made.flags |= dns.flags.from_text(flags)
    for line in lines:
        section = made.authority if line[0] == "!" else made.answer
        owner, ttl, kind, text = line.lstrip("!").split(None, 3)
        section.append(dns.rrset.from_text(owner, int(ttl), "IN", kind, text))
    return dns.message.from_wire(made.to_wire())


def answer(*lines: str, edit: bool = True, relays: bool = False, **how: str) -> Answer:
    return read(response(*lines, **how), edit=edit, relays=relays)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # Nothing to take out.
        ("1 . alpn=h2", "1 . alpn=h2"),
        ("0 b.example.", "0 b.example."),
        ("1 . ipv4hint=192.0.2.1 port=8443", "1 . ipv4hint=192.0.2.1 port=8443"),
        # HTTP/3 in all its names.
        ("1 . alpn=h3,h2", "1 . alpn=h2"),
        ("1 . alpn=h2,h3-29,h3,hq-29,quic", "1 . alpn=h2"),
        ("1 . alpn=h3 ipv6hint=2001:db8::1", "1 . ipv6hint=2001:db8::1"),
        ("1 . alpn=http/1.1,h3 no-default-alpn", "1 . alpn=http/1.1 no-default-alpn"),
        # A server that is only there for HTTP/3.
        ("1 alt.example. alpn=h3 no-default-alpn", None),
        # ECH.
        (f"1 . alpn=h2 ech={ECH}", "1 . alpn=h2"),
        (f"1 . alpn=h3 ech={ECH}", "1 ."),
        (f"1 . mandatory=ech ech={ECH}", None),
        # What is mandatory has to stand there (RFC 9460 section 8).
        ("1 . mandatory=alpn alpn=h3,h2", "1 . mandatory=alpn alpn=h2"),
        ("1 . mandatory=alpn alpn=h3", "1 ."),
        ("1 . mandatory=alpn,port alpn=h3 port=1", "1 . mandatory=port port=1"),
        # Others stay as they are.
        ("1 . alpn=h3 key65280=abc dohpath=/q{?dns}", "1 . dohpath=/q{?dns} key65280=abc"),
    ],
)
def test_services_without_http3_and_ech(before: str, after: str | None) -> None:
    made = stripped(https(before))  # type: ignore[arg-type]
    assert made == (https(after) if after else None)


PROTOCOLS = st.lists(
    st.sampled_from([b"h2", b"h3", b"h3-29", b"http/1.1", b"hq-1", b"dot", b"\x00h3", b"h30"]),
    min_size=1,
    max_size=5,
    unique=True,
)


@st.composite
def services(draw: st.DrawFn) -> dns.rdata.Rdata:
    """HTTPS records as they may come over the wire."""
    parts = []
    keys = []
    if draw(st.booleans()):
        names = [name.decode("latin-1") for name in draw(PROTOCOLS)]
        parts.append("alpn=" + ",".join(name.replace("\x00", "\\000") for name in names))
        keys.append("alpn")
        if draw(st.booleans()):
            parts.append("no-default-alpn")
    for key, text in (("port", "8443"), ("ipv4hint", "192.0.2.1"), ("ech", ECH),
                      ("ipv6hint", "2001:db8::1"), ("key65400", "x")):  # fmt: skip
        if draw(st.booleans()):
            parts.append(f"{key}={text}")
            keys.append(key)
    required = draw(st.lists(st.sampled_from(keys), unique=True, max_size=3)) if keys else []
    if required:
        parts.append("mandatory=" + ",".join(required))
    return https(f"{draw(st.integers(1, 9))} {draw(st.sampled_from(['.', 'b.example.']))} "
                 + " ".join(parts))  # fmt: skip


@given(services())
def test_stripped_records_go_over_the_wire(record: dns.rdata.Rdata) -> None:
    made = stripped(record)  # type: ignore[arg-type]
    if made is None:
        return
    wire = made.to_wire()
    assert wire is not None
    again = dns.rdata.from_wire("IN", "HTTPS", wire, 0, len(wire))
    assert again == made
    assert stripped(made) == made, "once is enough"
    assert ParamKey.ECH not in made.params
    ids = getattr(made.params.get(ParamKey.ALPN), "ids", ())
    assert not [one for one in ids if one == b"h3" or one.startswith(b"h3-")]
    # Nothing but these three has changed.
    ours = (ParamKey.ECH, ParamKey.ALPN, ParamKey.MANDATORY)
    before = {key: value for key, value in record.params.items() if key not in ours}  # type: ignore[attr-defined]
    after = {key: value for key, value in made.params.items() if key not in ours}
    assert str(before.keys()) == str(after.keys())
    assert (made.priority, made.target) == (record.priority, record.target)  # type: ignore[attr-defined]


SIGNED = "HTTPS 13 2 300 20300101000000 20200101000000 1 a.example. AAAA"
HTTPS = {"asked": "a.example HTTPS", "flags": "AD"}


def test_an_edited_answer_is_not_signed_any_more() -> None:
    lines = ("a.example. 300 HTTPS 1 . alpn=h3,h2", f"a.example. 300 RRSIG {SIGNED}")
    edited = answer(*lines, **HTTPS)
    assert [dns.rdatatype.to_text(one.rdtype) for one in edited.answer] == ["HTTPS"]
    assert not edited.authentic
    untouched = answer(*lines, edit=False, **HTTPS)
    assert len(untouched.answer) == 2 and untouched.authentic


def test_an_answer_that_needs_no_edit_keeps_its_signature() -> None:
    lines = ("a.example. 300 HTTPS 1 . alpn=h2", f"a.example. 300 RRSIG {SIGNED}")
    kept = answer(*lines, **HTTPS)
    assert len(kept.answer) == 2 and kept.authentic


def test_a_record_that_nobody_can_use_is_gone() -> None:
    made = answer("a.example. 300 HTTPS 1 alt.example. alpn=h3 no-default-alpn", **HTTPS)
    assert made.answer == () and made.rcode == dns.rcode.NOERROR


def test_relays_in_naptr_records() -> None:
    """RFC 5928: how a client finds a TURN server of a domain. SIP's stay."""
    relay = 'a.example. 300 NAPTR 100 10 "" "RELAY:turn.udp" "" b.example.'
    sip = 'a.example. 300 NAPTR 100 20 "s" "SIP+D2U" "" _sip._udp.a.example.'
    made = answer(relay, sip, asked="a.example NAPTR")
    assert [rdata.service for rrset in made.answer for rdata in rrset] == [b"SIP+D2U"]
    assert made.targets() == {"_sip._udp.a.example"}
    assert answer(relay, asked="a.example NAPTR", relays=True).targets() == {"b.example"}


SOA = "!example. 3600 SOA ns.example. x.example. 1 2 3 4 {}"


@pytest.mark.parametrize(
    ("made", "ttl"),
    [
        (answer("a.example. 300 A 192.0.2.1"), 300),
        (answer("a.example. 0 A 192.0.2.1"), 0),
        (answer("a.example. 999999 A 192.0.2.1"), LONGEST),
        (answer("a.example. 300 CNAME b.example.", "b.example. 7 A 192.0.2.1"), 7),
        # RFC 2308: denied with a SOA, or not to be kept.
        (answer(SOA.format(60), rcode="NXDOMAIN"), 60),
        (answer(SOA.format(60)), 60),
        (answer(SOA.format(999999), rcode="NXDOMAIN"), LONGEST_NEGATIVE),
        (answer(rcode="NXDOMAIN"), 0),
        (answer("a.example. 300 CNAME b.example.", SOA.format(60), rcode="NXDOMAIN"), 60),
        (answer("a.example. 300 CNAME b.example."), 0),
        (answer("a.example. 300 CNAME b.example.", asked="a.example CNAME"), 300),
    ],
)
def test_how_long_an_answer_holds(made: Answer, ttl: int) -> None:
    assert made.ttl == ttl


def test_what_an_answer_names() -> None:
    made = answer("a.example. 9 CNAME B.Example.", "b.example. 9 A 192.0.2.1")
    assert made.aliases() == ["b.example"]
    assert made.addresses() == ["192.0.2.1"]
    assert answer("a.example. 9 AAAA 2001:DB8:0::1", asked="a.example AAAA").addresses() == [
        "2001:db8::1"
    ]
    srv = answer(
        "_turn._udp.a.example. 9 SRV 1 1 3478 T.example.", asked="_turn._udp.a.example SRV"
    )
    assert srv.targets() == {"t.example"}


def question(name: str = "a.example.", **how: bool) -> Question:
    return Question(dns.name.from_text(name), dns.rdatatype.A, **how)


def test_the_cache_counts_down() -> None:
    cache = Cache()
    cache.put(question(), answer("a.example. 300 A 192.0.2.1"), 1000.0)
    found = cache.get(question(), 1100.5)
    assert found is not None and found.answer[0].ttl == 200
    again = cache.get(question(), 1299.9)
    assert again is not None and again.answer[0].ttl == 1
    assert cache.get(question(), 1300.0) is None and len(cache) == 0


def test_the_cache_parts_what_is_not_the_same_question() -> None:
    cache = Cache()
    cache.put(question(), answer("a.example. 300 A 192.0.2.1"), 0.0)
    for other in (question("b.example."), question(dnssec=True), question(unchecked=True)):
        assert cache.get(other, 0.0) is None
    assert cache.get(question(), 0.0) is not None


def test_the_cache_is_bounded() -> None:
    cache = Cache(most=100)
    kept = answer("a.example. 300 A 192.0.2.1")
    for number in range(10_000):
        cache.put(question(f"{number}.example."), kept, 0.0)
        assert cache.get(question("0.example."), 0.0) is not None, "in use, so it stays"
    assert len(cache) == 100


def test_the_cache_is_bounded_in_bytes() -> None:
    """Whoever owns a domain may give it answers of 64 KB."""
    cache = Cache(most_bytes=10_000)
    kept = answer("a.example. 300 A 192.0.2.1")
    assert 40 < kept.size < 100
    for number in range(1000):
        cache.put(question(f"{number}.example."), replace(kept, size=1000), 0.0)
        cache.put(question("0.example."), replace(kept, size=900), 0.0)
    assert len(cache) == 10
    cache.put(question("huge.example."), replace(kept, size=20_000), 0.0)
    assert len(cache) == 0
    cache.put(question(), kept, 0.0)
    assert cache.get(question(), 0.0) is not None


def test_the_cache_takes_nothing_that_may_not_be_kept() -> None:
    cache = Cache()
    cache.put(question(), answer("a.example. 0 A 192.0.2.1"), 0.0)
    assert len(cache) == 0
