"""What the responder answers, and what it tells the ledger."""

from typing import Literal

import pytest
from aioice import stun as aioice
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.network import stun
from rtcguard.network.responder import MAX_GROWTH, Hindrance, Reply, answer
from rtcguard.policy.model import Config, Policy, Stun
from rtcguard.policy.record import ACTIONS

SOURCE = ("192.168.1.5", 50123)
SERVER = ("127.0.0.1", 3478)
SOURCE6 = ("2001:db8::5", 50123)
SERVER6 = ("::1", 3478)
TRANSACTION = bytes(range(12))
EMPTY = stun.encode(stun.BINDING, stun.REQUEST, TRANSACTION)


def policy(mode: Literal["refuse", "decoy", "silent"] = "refuse") -> Policy:
    return Policy(Config(stun=Stun(answer=mode)))


def ask(packet: bytes, mode: Literal["refuse", "decoy", "silent"] = "refuse") -> Reply:
    return answer(packet, SOURCE, SERVER, policy(mode))


def test_a_binding_request_is_refused_and_recorded() -> None:
    request = aioice.Message(
        aioice.Method.BINDING,
        aioice.Class.REQUEST,
        attributes={"USERNAME": "theirs:ours", "PRIORITY": 1, "USE-CANDIDATE": None},
    )
    request.add_message_integrity(b"password")
    reply = answer(bytes(request), SOURCE, SERVER, policy())
    assert reply.datagram is not None
    response = aioice.parse_message(reply.datagram)
    assert response.transaction_id == request.transaction_id
    assert (response.message_method, response.message_class) == (
        aioice.Method.BINDING,
        aioice.Class.ERROR,
    )
    assert response.attributes["ERROR-CODE"] == (403, "Forbidden")
    assert "FINGERPRINT" in response.attributes  # aioice has checked it
    (record,) = reply.records
    assert (record.ring, record.kind, record.action) == ("network", "stun", "refused")
    assert record.direction == "outbound"
    assert (record.client, record.address, record.port) == (SOURCE[0], *SOURCE)
    assert record.scope == "private"
    assert record.destination == "127.0.0.1:3478"
    assert record.ufrag == "ours"
    assert record.rule == "stun:refuse"
    assert record.reason == "Binding request: refused with 403 Forbidden"


def test_ipv6_is_told_with_brackets() -> None:
    reply = answer(EMPTY, SOURCE6, SERVER6, policy())
    (record,) = reply.records
    assert record.destination == "[::1]:3478"
    assert (record.client, record.scope) == ("2001:db8::5", "public")


@pytest.mark.parametrize("method", [*stun.METHOD_NAMES, 0x040, 0xFFF])
@pytest.mark.parametrize("mode", ["refuse", "decoy"])
def test_every_other_request_is_refused(
    method: int, mode: Literal["refuse", "decoy", "silent"]
) -> None:
    if method == stun.BINDING:
        return
    reply = ask(stun.encode(method, stun.REQUEST, TRANSACTION, [(0x19, b"\x11\0\0\0")]), mode)
    assert reply.datagram is not None
    response = stun.parse(reply.datagram)
    assert (response.method, response.message_class) == (method, stun.ERROR)
    assert response.transaction_id == TRANSACTION
    code = b"\0\0\x03\0" if method == stun.ALLOCATE else b"\0\0\x04\x03"
    assert response.attributes == ((stun.ERROR_CODE, code + b"Forbidden"),)
    assert stun.parse(reply.datagram).method_name in reply.records[0].reason
    assert reply.records[0].action == "refused"


@pytest.mark.parametrize("classic", [False, True])
@pytest.mark.parametrize("mode", ["refuse", "decoy"])
@pytest.mark.parametrize("fingerprint", [False, True])
def test_unknown_attributes_that_must_be_understood_are_named(
    classic: bool, mode: Literal["refuse", "decoy", "silent"], fingerprint: bool
) -> None:
    identity = bytes(range(16 if classic else 12))
    odd = [(0x7FFF, b""), (0x0024, b"\0\0\0\1"), (0x8FFF, b"abc"), (0x7FFF, b""), (0x7FFE, b"")]
    for sent, listed in ((odd, (0x7FFF, 0x7FFE)), (odd[:2], (0x7FFF,))):
        request = stun.encode(
            stun.BINDING, stun.REQUEST, identity, sent, fingerprint=fingerprint and not classic
        )
        reply = ask(request, mode)
        assert reply.datagram is not None
        response = stun.parse(reply.datagram)
        assert response.message_class == stun.ERROR
        assert (response.attribute(stun.ERROR_CODE) or b"")[:4] == b"\0\0\x04\x14"
        value = response.attribute(stun.UNKNOWN_ATTRIBUTES) or b""
        numbers = tuple(int.from_bytes(value[at : at + 2]) for at in range(0, len(value), 2))
        # RFC 3489 section 11.2.10: an odd number of them is made even by repeating one
        assert numbers == (listed * 2 if classic and len(listed) == 1 else listed)
        assert len(reply.datagram) <= len(request) + MAX_GROWTH
        assert reply.records[0].reason == "Binding request: refused with 420 Unknown Attribute"
        assert reply.records[0].action == "refused"


def test_one_unknown_attribute_alone_keeps_to_the_growth() -> None:
    request = stun.encode(stun.BINDING, stun.REQUEST, TRANSACTION, [(0x7FFF, b"")])
    answered = ask(request).datagram
    assert answered is not None and len(answered) - len(request) == 20


def test_silence_is_not_broken_by_an_unknown_attribute() -> None:
    request = stun.encode(stun.BINDING, stun.REQUEST, TRANSACTION, [(0x7FFF, b"")])
    assert ask(request, "silent").datagram is None


def test_what_stands_behind_the_integrity_does_not_count() -> None:
    """RFC 8489 sections 14.5 and 14.6."""
    for integrity in ((0x0008, bytes(20)), (0x001C, bytes(32))):
        behind = [integrity, (0x7FFF, b"")]
        request = stun.encode(stun.BINDING, stun.REQUEST, TRANSACTION, behind)
        assert ask(request).records[0].reason == "Binding request: refused with 403 Forbidden"


@pytest.mark.parametrize("attributes", [[], [(stun.USERNAME, b"a:b")], [(0x7FFF, b"")]])
@pytest.mark.parametrize("mode", ["refuse", "decoy"])
def test_nobody_is_sent_elsewhere_or_asked_for_a_password(
    attributes: list[stun.Attribute], mode: Literal["refuse", "decoy", "silent"]
) -> None:
    """ALTERNATE-SERVER (0x8023), REALM and NONCE are never in an answer, nor 401; and 300, which
    would go with the first, is only said to who would not hear a 403."""
    for method in stun.METHOD_NAMES:
        answered = ask(stun.encode(method, stun.REQUEST, TRANSACTION, attributes), mode).datagram
        assert answered is not None
        response = stun.parse(answered)
        assert not {0x8023, 0x0014, 0x0015} & {number for number, _ in response.attributes}
        code = (response.attribute(stun.ERROR_CODE) or b"\0\0\4\3")[2:4]
        assert code in (b"\3\0" if method == stun.ALLOCATE else b"\4\3", b"\4\x14")


def test_a_hindrance_is_told_in_place_of_an_answer() -> None:
    hindrance = Hindrance("stun:clients", "no answer: a stranger")
    reply = answer(EMPTY, SOURCE, SERVER, policy(), hindrance)
    assert reply.datagram is None
    (record,) = reply.records
    assert (record.action, record.rule) == ("blocked", "stun:clients")
    assert record.reason == "Binding request: no answer: a stranger"


def test_googles_ping_is_refused() -> None:
    """Type 0x0200, as libwebrtc's GOOG_PING_REQUEST."""
    ping = b"\x02\x00\x00\x00\x21\x12\xa4\x42" + TRANSACTION
    reply = ask(ping)
    assert reply.datagram is not None
    assert reply.datagram[:2] == b"\x03\x10"  # libwebrtc's GOOG_PING_ERROR_RESPONSE
    assert reply.records[0].reason == "GOOG-PING request: refused with 403 Forbidden"


def test_an_allocation_is_refused_as_browsers_take_it() -> None:
    """By 300 without another server; a 403 there both Chromium and Firefox do not hear."""
    reply = ask(stun.encode(stun.ALLOCATE, stun.REQUEST, TRANSACTION))
    assert reply.datagram is not None
    response = stun.parse(reply.datagram)
    assert response.attributes == ((stun.ERROR_CODE, stun.error_code(300, "Forbidden")),)
    assert (reply.records[0].action, reply.records[0].rule) == ("refused", "stun:refuse")
    assert reply.records[0].reason == (
        "Allocate request: refused with 300, and no other server named"
    )


def test_a_turn_user_name_is_not_an_ice_fragment() -> None:
    username = (stun.USERNAME, b"1700000000:alice")
    reply = ask(stun.encode(stun.ALLOCATE, stun.REQUEST, TRANSACTION, [username]))
    assert reply.records[0].ufrag == ""


@pytest.mark.parametrize(
    ("source", "server", "decoy"),
    [(SOURCE, SERVER, ("0.0.0.0", 9)), (SOURCE6, SERVER6, ("100::", 9))],
)
@pytest.mark.parametrize("fingerprint", [True, False])
def test_decoy(
    source: tuple[str, int], server: tuple[str, int], decoy: tuple[str, int], fingerprint: bool
) -> None:
    request = stun.encode(stun.BINDING, stun.REQUEST, TRANSACTION, fingerprint=fingerprint)
    reply = answer(request, source, server, policy("decoy"))
    assert reply.datagram is not None
    response = aioice.parse_message(reply.datagram)
    assert response.message_class == aioice.Class.RESPONSE
    assert response.attributes["XOR-MAPPED-ADDRESS"] == decoy
    assert ("FINGERPRINT" in response.attributes) == fingerprint
    assert (reply.records[0].action, reply.records[0].rule) == ("refused", "stun:decoy")


@pytest.mark.parametrize("mode", ["refuse", "decoy"])
def test_a_classic_client_is_answered_in_its_own_tongue(
    mode: Literal["refuse", "decoy", "silent"],
) -> None:
    transaction = bytes(range(16))
    reply = ask(stun.encode(stun.BINDING, stun.REQUEST, transaction), mode)
    assert reply.datagram is not None
    response = stun.parse(reply.datagram)
    assert response.classic and response.transaction_id == transaction
    if mode == "decoy":
        assert response.attributes == ((stun.MAPPED_ADDRESS, b"\0\x01\0\x09" + bytes(4)),)
    else:
        assert response.attribute(stun.ERROR_CODE) == b"\0\0\x04\x03Forbidden"


def test_silent_answers_nothing_and_records_all() -> None:
    reply = ask(EMPTY, "silent")
    assert reply.datagram is None
    assert (reply.records[0].action, reply.records[0].rule) == ("blocked", "stun:silent")
    assert reply.records[0].reason.startswith("Binding request")


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x40\x00\x00\x04data",
        b"GET / HTTP/1.1\r\n\r\n",
        stun.encode(stun.BINDING, stun.INDICATION, TRANSACTION),
        stun.encode(0x006, stun.INDICATION, TRANSACTION),
        stun.encode(stun.BINDING, stun.SUCCESS, TRANSACTION),
        stun.encode(stun.BINDING, stun.ERROR, TRANSACTION),
        EMPTY[:3] + b"\x08" + EMPTY[4:] + b"\x80\x28\x00\x04oops",  # a wrong FINGERPRINT
    ],
)
@pytest.mark.parametrize("mode", ["refuse", "decoy", "silent"])
def test_what_is_no_request_is_observed_in_silence(
    packet: bytes, mode: Literal["refuse", "decoy", "silent"]
) -> None:
    reply = ask(packet, mode)
    assert reply.datagram is None
    (record,) = reply.records
    assert record.action == "observed"
    assert record.client == SOURCE[0]


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        (("192.168.1.5", 0), SERVER),
        (("0.0.0.0", 5), SERVER),
        (("::", 5), SERVER6),
        (("224.0.0.251", 5353), SERVER),
        (("ff02::fb", 5353), SERVER6),
        (("255.255.255.255", 9), SERVER),
        (SOURCE, ("224.0.0.251", 3478)),
        (SOURCE, ("255.255.255.255", 3478)),
        (SOURCE6, ("ff02::1", 3478)),
    ],
)
@pytest.mark.parametrize("mode", ["refuse", "decoy"])
def test_no_answer_to_addresses_of_many_or_nobody(
    source: tuple[str, int],
    destination: tuple[str, int],
    mode: Literal["refuse", "decoy", "silent"],
) -> None:
    reply = answer(EMPTY, source, destination, policy(mode))
    assert reply.datagram is None
    assert reply.records[0].action == "blocked"


def test_the_smallest_request() -> None:
    refused = answer(EMPTY, SOURCE, SERVER, policy()).datagram
    decoy = answer(EMPTY, SOURCE, SERVER, policy("decoy")).datagram
    decoy6 = answer(EMPTY, SOURCE6, SERVER6, policy("decoy")).datagram
    assert [len(datagram or b"") for datagram in (EMPTY, refused, decoy, decoy6)] == [
        20,
        40,
        32,
        44,
    ]


requests = st.builds(
    stun.encode,
    st.one_of(st.sampled_from(list(stun.METHOD_NAMES)), st.integers(0, 0xFFF)),
    st.integers(0, 3),
    st.one_of(st.binary(min_size=12, max_size=12), st.binary(min_size=16, max_size=16)),
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=70)), max_size=5),
    fingerprint=st.booleans(),
)


@given(
    st.one_of(requests, st.binary(max_size=200)),
    st.sampled_from([(SOURCE, SERVER), (SOURCE6, SERVER6)]),
    st.sampled_from(["refuse", "decoy", "silent"]),
)
def test_total_bounded_and_never_answering_an_answer(
    packet: bytes,
    ends: tuple[tuple[str, int], tuple[str, int]],
    mode: Literal["refuse", "decoy", "silent"],
) -> None:
    reply = answer(packet, *ends, policy(mode))
    (record,) = reply.records
    assert record.action in ACTIONS
    assert record.reason and record.reason.isprintable()
    if reply.datagram is not None:
        assert len(reply.datagram) <= len(packet) + MAX_GROWTH
        assert answer(reply.datagram, *ends, policy(mode)).datagram is None
        # No address of either end is told back: not even a NAT's.
        assert b"\xc0\xa8\x01\x05" not in reply.datagram[20:]
