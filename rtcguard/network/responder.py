"""What a STUN packet that reached rtcguard is answered with, and what the ledger is told of it.

Silence is the wrong answer to a request: browsers then gather for more than 25 seconds, after an
error response they are done in 0.13. So requests are refused with 403 Forbidden, or fed a decoy;
nothing else is answered (indications, responses, other protocols), for RFC 8489 has no answer to
them, and two responders would talk to each other for ever.

A request with an attribute that must be understood and is not gets 420 in place of 403 (and of a
decoy): RFC 8489 section 6.3.1 asks that before anything that a method or its use decides, and 403
is such a decision (RFC 8656 section 7.2). Clients end on either. Never 401, on which clients ask
again with their user name, nor an ALTERNATE-SERVER, which sends them elsewhere.

TURN's Allocate is the exception: browsers take no 403 to it before they have been asked for
credentials (both went on for ten seconds and more), but give up at once on 300 Try Alternate that
names no other server. So that is what it gets; other clients end on it as on any error.

No amplifier: an answer is never more than MAX_GROWTH bytes longer than its request.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.ice import address as addresses
from rtcguard.network import attributes, stun
from rtcguard.policy.model import HostPort, Policy
from rtcguard.policy.record import Record

# ERROR-CODE 403 takes 20 bytes (4 header, 4 code, 9 "Forbidden", 3 padding), a decoy 12 (IPv4) or
# 24 (IPv6). 420 takes 16, and 8 for one unknown attribute, which had 4 in the request; more of them
# only narrow it. A FINGERPRINT is answered only to one in the request, which is as long. Nothing
# else of the request is given back but its header; so the smallest, of 20 bytes, gets 40, or 44 by
# a decoy.
MAX_GROWTH: Final = 24

_FORBIDDEN = (stun.ERROR_CODE, stun.error_code(403, "Forbidden"))
_NOWHERE_ELSE = (stun.ERROR_CODE, stun.error_code(300, "Forbidden"))
# Shorter than RFC 8489's "Unknown Attribute", for the sake of MAX_GROWTH.
_UNKNOWN = (stun.ERROR_CODE, stun.error_code(420, "Unknown"))
# Port 9 is discard; 0.0.0.0 and 0100::/64 (RFC 6666) reach nobody.
_DECOYS = {4: ("0.0.0.0", 9), 6: ("100::", 9)}
_BROADCAST = "255.255.255.255"


@dataclass(frozen=True, slots=True)
class Reply:
    """`datagram` goes back to the source, from the destination; None: silence. `protocol` is what
    was refused, in the word that rules have for it (`rule.FLOWS`)."""

    datagram: bytes | None
    records: tuple[Record, ...]
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why no answer may go to a source, whatever it asks: the event's rule, and its words."""

    rule: str
    reason: str


def answer(
    packet: bytes,
    source: HostPort,
    destination: HostPort,
    policy: Policy,
    hindrance: Hindrance | None = None,
) -> Reply:
    """Judges one datagram; total: no packet makes it raise.

    `source` and `destination` are the packet's own, as numeric addresses without brackets.
    """
    try:
        message = stun.parse(packet)
    except ParseError as error:
        return _observed(source, destination, f"not STUN: {error}")
    what = f"{message.method_name} {stun.CLASS_NAMES[message.message_class]}"
    if message.message_class != stun.REQUEST:
        return _observed(source, destination, f"{what}: never answered")
    fingerprint = message.fingerprint_ok
    if fingerprint is False:  # RFC 8489 section 6.3: discarded silently
        return _observed(source, destination, f"{what}: its FINGERPRINT does not match")
    answerable = (
        source[1] != 0
        and addresses.scope(source[0]) != "unspecified"
        and _is_one_host(source[0])
        and _is_one_host(destination[0])
    )
    mode = policy.config.stun.answer
    rule = f"stun:{mode}"
    unknown = attributes.unknown(number for number, _ in message.attributes)
    datagram: bytes | None
    if not answerable:
        datagram, action, outcome = None, "blocked", "no answer to an address of many or of nobody"
    elif hindrance is not None:
        datagram, action, outcome, rule = None, "blocked", hindrance.reason, hindrance.rule
    elif mode == "silent":
        datagram, action, outcome = None, "blocked", "swallowed without an answer"
    elif unknown:
        listed = stun.unknown_attributes(unknown, classic=message.classic)
        datagram = _error(message, fingerprint, _UNKNOWN, (stun.UNKNOWN_ATTRIBUTES, listed))
        action, outcome = "refused", "refused with 420 Unknown Attribute"
    elif mode == "decoy" and message.method == stun.BINDING:
        datagram = _decoy(message, 6 if ":" in source[0] else 4, fingerprint is not None)
        action, outcome = "refused", "answered with an address that reaches nobody"
    elif message.method == stun.ALLOCATE and not message.classic:
        datagram = _error(message, fingerprint, _NOWHERE_ELSE)
        action, outcome = "refused", "refused with 300, and no other server named"
    else:
        datagram = _error(message, fingerprint, _FORBIDDEN)
        action, outcome = "refused", "refused with 403 Forbidden"
    far, own = _ufrags(message)
    record = record_of(action, source, destination, f"{what}: {outcome}", rule, own, far)
    return Reply(datagram, (record,), "stun" if message.method == stun.BINDING else "turn")


def template(source: HostPort, destination: HostPort, policy: Policy) -> tuple[bytes, bytes] | None:
    """What stands before and behind the transaction id in each answer to a Binding request without
    attributes; None where it gets none, or one that holds more of the id (an IPv6 decoy).

    It is found by asking `answer`, with ids that differ in every bit: there is no second judgement.
    """
    parts = set()
    for identity in (bytes(12), b"\xff" * 12):
        request = stun.encode(stun.BINDING, stun.REQUEST, identity)
        datagram = answer(request, source, destination, policy).datagram
        if datagram is None or datagram[8:20] != identity:
            return None
        parts.add((datagram[:8], datagram[20:]))
    return parts.pop() if len(parts) == 1 else None


def _error(request: stun.Message, fingerprint: bool | None, *parts: stun.Attribute) -> bytes:
    """An error response, with a FINGERPRINT where the request had one."""
    return stun.encode(
        request.method,
        stun.ERROR,
        request.transaction_id,
        parts,
        fingerprint=fingerprint is not None,
    )


def _decoy(request: stun.Message, version: int, fingerprint: bool) -> bytes:
    """A Binding success response; RFC 3489 knows no XOR-MAPPED-ADDRESS."""
    host, port = _DECOYS[version]
    identity = request.transaction_id
    if request.classic:
        attribute = (stun.MAPPED_ADDRESS, stun.encode_address(host, port))
    else:
        attribute = (stun.XOR_MAPPED_ADDRESS, stun.encode_xor_address(host, port, identity))
    return stun.encode(stun.BINDING, stun.SUCCESS, identity, (attribute,), fingerprint=fingerprint)


def _is_one_host(host: str) -> bool:
    """Whether an address is not one of many hosts at once."""
    return host != _BROADCAST and addresses.scope(host) != "multicast"


def _ufrags(message: stun.Message) -> tuple[str, str]:
    """The far side's fragment and the client's own. Only Binding requests are ICE checks: the
    USERNAME of a TURN request is a user's name, which often has a colon too."""
    fragments = stun.ice_ufrags(message.username) if message.method == stun.BINDING else None
    return fragments or ("", "")


def _observed(source: HostPort, destination: HostPort, reason: str) -> Reply:
    return Reply(None, (record_of("observed", source, destination, reason),))


def record_of(
    action: str,
    source: HostPort,
    destination: HostPort,
    reason: str,
    rule: str = "",
    ufrag: str = "",
    far_ufrag: str = "",
) -> Record:
    """What the ledger is told of one STUN packet, or of a connection that should carry some."""
    host, port = source
    return Record(
        ring="network",
        kind="stun",
        action=action,
        direction="outbound",
        client=host,
        address=host,
        port=port,
        scope=addresses.scope(host),
        destination=_host_port(*destination),
        ufrag=ufrag,
        rule=rule,
        reason=reason,
        far_ufrag=far_ufrag,
    )


# On the path of every packet. Bounded: a million destinations do not make it grow.
_host_port = lru_cache(maxsize=256)(addresses.host_port)
