"""What became of a call, and what is to be changed: one plain sentence each.

A row of OUTCOMES is a short word for lists, a condition on the call's events, and the two
sentences; the first row that holds is told. To add one: a function and a row. The ledger sees what
is said in signaling and what packets reach rtcguard, not the media; no sentence says more.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rtcguard.ledger.calls import Call
from rtcguard.policy.decide import CONFIRMED
from rtcguard.policy.record import Record
from rtcguard.policy.told import NO_RELAY

HELD: Final = ("stripped", "scrubbed", "refused", "blocked")
_DEFAULTS: Final = ("default:", "relay:", "inbound:", "stun:")

# What the sentences name; None where the condition does not hold.
type Words = Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`sentence` says what happened, `change` what to do about it."""

    name: str
    sentence: str
    change: str


def outcome(call: Call, places: Mapping[str, str]) -> Outcome:
    """What became of a call. `places`: file and line of the rules that are known, by their name."""
    records = [event.record for event in call.events]
    for name, condition, sentence, change in OUTCOMES:
        words = condition(records)
        if words is not None:
            told = {"site": call.site or "a program", "client": call.client, **words}
            rule = told.get("rule", "")
            told["rule"] = f"{rule!r} ({places[rule]})" if rule in places else repr(rule)
            return Outcome(name, sentence.format_map(told), change.format_map(told))
    raise AssertionError("the last row holds always")


def _watched(records: list[Record]) -> Words:
    would = Counter[str]()
    for record in records:
        if record.would in HELD and record.kind != "guard":
            would[record.would] += record.count
    if not would or any(record.action in HELD for record in records):
        return None
    listed = ", ".join(f"{action} {count}" for action, count in sorted(would.items()))
    return {"would": listed}


def _bypass(records: list[Record]) -> Words:
    """Of a page whose guard had reported in; what is tied to it by time alone is a guess."""
    for record in _stun(records, "refused", "blocked"):
        if record.page == "guarded" and record.evidence != "time":
            done = "answered with an error" if record.action == "refused" else "blocked"
            return {"done": done, "destination": record.destination}
    return None


def _seen(records: list[Record]) -> Words:
    found = [
        record.address or record.candidate_type
        for record in records
        if (record.ring, record.kind, record.would) == ("page", "candidate", "")
    ]
    return {"addresses": _listed(found)} if found else None


def _forbidden(records: list[Record]) -> Words:
    for record in records:
        if (record.ring, record.kind, record.action) == ("page", "connection", "blocked"):
            return {"rule": record.rule}
    return None


def _blocked_by_rule(records: list[Record]) -> Words:
    for record in _blocked(records):
        if not record.rule.startswith(_DEFAULTS):
            return {"rule": record.rule}
    return None


def _blocked_by_fault(records: list[Record]) -> Words:
    return next(({"reason": record.reason} for record in _blocked(records)), None)


def _blocked(records: list[Record]) -> Iterable[Record]:
    return (r for r in records if r.ring == "signaling" and r.action == "blocked")


def _no_relay(records: list[Record]) -> Words:
    return {} if any(record.reason.endswith(NO_RELAY) for record in records) else None


def _let_out(records: list[Record]) -> Words:
    for record in _candidates(records, "outbound"):
        if record.action in ("kept", "observed") and record.candidate_type != "relay":
            return {"address": record.address, "rule": record.rule}
    return None


def _far_side_stripped(records: list[Record]) -> Words:
    far = _candidates(records, "inbound")
    if not far or any(record.action != "stripped" for record in far):
        return None
    return {"reason": far[0].reason, "rule": far[0].rule}


def _unconfirmed(records: list[Record]) -> Words:
    words = _far_side_stripped(records)
    return words if words and words["rule"] == "inbound:auto" else None


def _relayed(records: list[Record]) -> Words:
    relays = [r.address for r in _candidates(records, "outbound") if _passes_as_relay(r)]
    return {"relay": _listed(relays)} if relays else None


def _relayed_by_any(records: list[Record]) -> Words:
    """The same where nothing kept the client to approved servers: no guard, and no firewall."""
    guarded = any((r.ring, r.kind, r.action) == ("page", "connection", "scrubbed") for r in records)
    held = any(r.reason == CONFIRMED["network"] for r in records)
    return None if guarded or held else _relayed(records)


def _passes_as_relay(record: Record) -> bool:
    return record.candidate_type == "relay" and record.action in ("kept", "scrubbed")


def _tunneled(records: list[Record]) -> Words:
    kept = [record.destination for record in _stun(records, "kept")]
    return {"relay": _listed(kept)} if kept else None


def _all_stripped(records: list[Record]) -> Words:
    own = _candidates(records, "outbound")
    return {"count": str(sum(record.count for record in own))} if own else None


def _all_stripped_turn(records: list[Record]) -> Words:
    words, turn = _all_stripped(records), _site_turn(records)
    return {**words, "turn": turn} if words and turn else None


def _site_turn(records: list[Record]) -> str:
    """TURN servers of the site that were taken out of its lists."""
    return _listed(
        record.destination
        for record in records
        if record.kind == "server"
        and record.action == "stripped"
        and "TURN server" in record.reason
    )


def _unseen(records: list[Record]) -> Words:
    """A page's connection, and no candidate of it."""
    made = any(record.ring == "page" and record.kind == "connection" for record in records)
    return {} if made else None


def _opaque(records: list[Record]) -> Words:
    return {} if any(record.candidate_type == "opaque" for record in records) else None


def _allocate(records: list[Record]) -> Words:
    for record in _stun(records, "refused", "blocked"):
        if "Allocate" in record.reason:
            return {"destination": record.name or record.destination}
    return None


def _packets(records: list[Record]) -> Words:
    asked = [record.name or record.destination for record in _stun(records, "refused", "blocked")]
    return {"destination": _listed(asked)} if asked else None


def _servers(records: list[Record]) -> Words:
    taken = [r.destination for r in records if r.kind == "server" and r.action in HELD]
    return {"destination": _listed(taken)} if taken else None


def _always(records: list[Record]) -> Words:
    return {}


def _stun(records: list[Record], *actions: str) -> Iterable[Record]:
    return (record for record in records if record.kind == "stun" and record.action in actions)


def _candidates(records: list[Record], direction: str) -> list[Record]:
    """Candidates in signaling; what only a rule in monitor mode says of them is left out."""
    return [
        record
        for record in records
        if (record.ring, record.kind, record.direction) == ("signaling", "candidate", direction)
        and not record.would
    ]


def _listed(values: Iterable[str]) -> str:
    """Each one once, and not too many of them."""
    different = list(dict.fromkeys(value for value in values if value))
    more = f" and {len(different) - 3} more" if len(different) > 3 else ""
    return ", ".join(different[:3]) + more


_GUARD_IT: Final = (
    "Let the page load through rtcguard (clear its cache, load it again), so that its guard is "
    "there; or run `rtcguard gateway up`"
)

OUTCOMES: Final[tuple[tuple[str, Callable[[list[Record]], Words], str, str], ...]] = (
    ("only watched", _watched,
     "Nothing was held back, for rtcguard only watched; in force it would have: {would}.",
     "Set `mode: enforce`, or that of the rule, when you want this held back."),
    ("bypass", _bypass,
     "A packet of {site} went past the page's guard to {destination}; ring 3 held it: {done}.",
     "Keep `rtcguard gateway up`, which holds such packets; report how the page did it, and block "
     "the site by a rule until that is known."),
    ("seen by the page", _seen,
     "The page of {site} saw {addresses}, past its guard.",
     "Block the site by a rule, and report how the page did it."),
    ("blocked", _forbidden,
     "The page was allowed no connection, by rule {rule}.",
     "Nothing, if that is meant; else change rule {rule}, or put one for {site} above it."),
    ("blocked", _blocked_by_rule,
     "A message of the call was blocked by rule {rule}.",
     "Nothing, if that is meant; else change rule {rule}, or put one for {site} above it."),
    ("blocked", _blocked_by_fault,
     "A message of the call was blocked, as it could not be judged: {reason}.",
     "Report it, with the site; a rule with `action: observe` for {site} lets such calls pass."),
    ("let out", _let_out,
     "An address of the client was let out, {address}, by {rule}.",
     "Nothing, if that is meant; else change that rule."),
    ("no relay", _no_relay,
     "The page was made relay-only, and there is no relay: the call cannot have connected.",
     "No relay: add a TURN server under relay.servers."),
    ("far side stripped", _unconfirmed,
     "The far side's candidates were taken out, for nothing confirmed that this client is "
     "relay-only: the call cannot have connected.",
     f"{_GUARD_IT}, or set `inbound: keep`."),
    ("far side stripped", _far_side_stripped,
     "The far side's candidates were taken out, by {rule}: the call cannot have connected.",
     "Nothing, if that is meant; else set `inbound: auto`, or change that rule."),
    ("over a relay", _relayed_by_any,
     "The call had the relay {relay}; nothing tells whether it is an approved one, for no page "
     "guard reported a connection.",
     "Nothing, if it is one of relay.servers; another has seen the client's address. "
     f"{_GUARD_IT}."),
    ("over the relay", _relayed,
     "Nothing went wrong: the call had the relay {relay}, and of the client's own addresses none "
     "was told.",
     "Nothing."),
    ("over the relay", _tunneled,
     "Nothing went wrong: the client reached the approved TURN server {relay}.",
     "Nothing."),
    ("nothing connected", _all_stripped_turn,
     "All {count} candidates of the client were taken out, and none was a relay's: nothing "
     "connected.",
     f"{_GUARD_IT}. Should {{turn}} be a relay that you trust: write it under relay.servers."),
    ("nothing connected", _all_stripped,
     "All {count} candidates of the client were taken out, and none was a relay's: nothing "
     "connected.",
     f"{_GUARD_IT}; a program needs a TURN server of relay.servers in its own settings."),
    ("not seen", _opaque,
     "What was said of the call is encrypted: whether it had a relay cannot be told.",
     "Nothing, while the guard or the firewall holds; a rule with `candidate: opaque` and "
     "`action: block` stops such calls."),
    ("no answer of a relay", _unseen,
     "The page was made relay-only, and no relay candidate was seen: no approved TURN server "
     "answered, or it refused the credentials, or the page called nobody.",
     "Run `rtcguard doctor`: it asks each server of relay.servers, and says what is wrong."),
    ("refused", _allocate,
     "A TURN server that is not approved was asked for, {destination}, and nothing was let through "
     "to it.",
     "Should it be a relay that you trust: write it under relay.servers."),
    ("refused", _packets,
     "A server was asked for the client's address, {destination}; nothing was let through to it.",
     "Nothing: calls need a TURN server of relay.servers, and no STUN server."),
    ("no call", _servers,
     "Servers were taken out of the page's list, {destination}; no call was seen.",
     "Nothing."),
    ("nothing held back", _always,
     "Nothing of it was held back, and no address of the client was seen in it.",
     "Nothing."),
)  # fmt: skip
