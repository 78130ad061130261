"""What the rings ask the rules about, and which rules speak of it.

    candidate  one candidate on its way (ring 2)
    opaque     a description that cannot be read
    page       whether a page may use WebRTC at all (ring 1)
    server     an entry of a list of ICE servers (rings 1 and 2)
    flow       STUN, TURN or other UDP through the proxy (ring 3)
    name       the name of a STUN or TURN server that DNS is asked for
    tls        a TLS connection at the proxy, before it is opened

A rule that names, or excludes by `not`, what cannot be known where a question is asked does not
speak of it: nobody knows which page a packet is from, so a rule on sites decides no packet.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Final, Literal, get_args

from rtcguard.policy.rule import (
    CANDIDATE_TYPES,
    CARRIERS,
    DIRECTIONS,
    FLOWS,
    OF_SERVERS,
    OF_TLS,
    OPAQUE,
    RINGS,
    Match,
    Rule,
    RuleAction,
)

Question = Literal["candidate", "opaque", "page", "server", "flow", "name", "tls"]
QUESTIONS: Final[tuple[Question, ...]] = get_args(Question)

_ALWAYS: Final = frozenset(("client", "direction", "ring", "time"))
_PAGE: Final = _ALWAYS | {"site", "user"}
_SENT: Final = frozenset(("path", "destination", "port", "protocol"))  # of a message
_FLOW: Final = _ALWAYS | {"user", "server", "destination", "port", "protocol"}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is known where a question is asked; and of some keys the words that they can have."""

    keys: frozenset[str]
    ring: tuple[str, ...] = RINGS
    direction: tuple[str, ...] = DIRECTIONS
    protocol: tuple[str, ...] = CARRIERS
    candidate: tuple[str, ...] = CANDIDATE_TYPES


_ASKED: Final[dict[Question, _Asked]] = {
    "candidate": _Asked(_PAGE | _SENT | {"candidate", "address", "transport"}, ring=("signaling",)),
    "opaque": _Asked(_PAGE | _SENT | {"candidate"}, ring=("signaling",), candidate=(OPAQUE,)),
    "page": _Asked(_PAGE, ring=("page",), direction=("outbound",)),
    "server": _Asked(_PAGE | _SENT | {"server"}, ring=("page", "signaling")),
    "flow": _Asked(_FLOW, ring=("network",), direction=("outbound",), protocol=FLOWS),
    "name": _Asked(
        _FLOW - {"user", "port"}, ring=("network",), direction=("outbound",), protocol=("dns",)
    ),
    "tls": _Asked(frozenset(("site", "client", "user", "time", "destination", "port"))),
}
# A page and a flow are asked about as a whole, whatever they may carry: other keys do not count.
# That no site is known of a flow does count.
WHOLE: Final[dict[Question, frozenset[str]]] = {"page": _PAGE, "flow": _FLOW | {"site"}}
# By one of these a rule says which flows it means; another lets none pass by itself.
_OPENS_FLOWS: Final = frozenset(("server", "destination", "protocol"))
_OF_CANDIDATES: Final = frozenset(("candidate", "address", "transport"))
_WORDED: Final = ("ring", "direction", "protocol", "candidate")  # as `_Words` has them
_KEYS: Final = tuple(field.name for field in fields(Match) if field.name != "negated")


def named(match: Match) -> frozenset[str]:
    """The keys that a match has, `not` apart."""
    return frozenset([key for key in _KEYS if getattr(match, key)])


def asked(match: Match) -> frozenset[str]:
    """The keys that have to be known: those of `not` too."""
    return named(match) if match.negated is None else named(match) | named(match.negated)


def unknown(match: Match, question: Question) -> frozenset[str]:
    """The keys that do not count where a question is asked, for nobody knows what they are."""
    return asked(match) - WHOLE.get(question, _ASKED[question].keys)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What one rule speaks of. `settles` are the questions that it decides where it matches; pages
    and flows, as a whole, it may also only keep from being blocked by later rules."""

    questions: frozenset[Question]
    settles: frozenset[Question]


def spoken(rule: Rule) -> Spoken:
    match = rule.match
    words = (match.ring, match.direction, match.protocol, match.candidate)
    return _spoken(rule.action, named(match), asked(match), words)


_Words = tuple[tuple[str, ...], ...]


@lru_cache(maxsize=256)  # many rules are of few kinds
def _spoken(
    action: RuleAction, names: frozenset[str], keys: frozenset[str], words: _Words
) -> Spoken:
    possible = frozenset([one for one in QUESTIONS if _is_possible(action, keys, words, one)])
    settles = set(possible)
    if action != "block":
        settles.discard("page")
        if action not in OF_SERVERS and (
            action not in ("keep", "observe") or _OPENS_FLOWS.isdisjoint(names)
        ):
            settles.discard("flow")
    wholes: set[Question] = set()
    if possible and action not in ("block", *OF_SERVERS, *OF_TLS):
        wholes = {one for one, whole in WHOLE.items() if _fits(words, one, whole)}
        if "site" in names:
            wholes.discard("flow")
    return Spoken(possible | wholes, frozenset(settles))


def _is_possible(
    action: RuleAction, keys: frozenset[str], words: _Words, question: Question
) -> bool:
    """Whether there can be such a question that a rule is about."""
    known = _ASKED[question]
    if not keys <= known.keys or (action in OF_TLS) != (question == "tls"):
        return False
    if action in OF_SERVERS:
        if question not in ("server", "flow", "name"):
            return False
    elif question == "server" and "server" not in keys:
        return False
    if question == "opaque" and OPAQUE not in words[_WORDED.index("candidate")]:
        return False
    return _fits(words, question, known.keys)


def _fits(words: _Words, question: Question, keys: frozenset[str]) -> bool:
    """Whether the words of these keys can be those of such a question."""
    known = _ASKED[question]
    for key, named in zip(_WORDED, words, strict=True):
        if key in keys and named and not any(word in getattr(known, key) for word in named):
            return False
    return True


def settles(rule: Rule, question: Question) -> bool:
    return question in spoken(rule).settles


def misuse(rule: Rule) -> str:
    """Why a rule's action cannot be done to what it names, for people; empty where it can."""
    match, action = rule.match, rule.action
    keys = asked(match)
    if action in OF_TLS:
        unknown = sorted(keys - _ASKED["tls"].keys)
        if unknown:
            return (
                f"{action} is decided before a connection is opened, when {' and '.join(unknown)} "
                "cannot be known; it can name site, client, user, destination, port and time"
            )
    if action in OF_SERVERS:
        if keys & _OF_CANDIDATES:
            return (
                f"{action} is for ICE servers in lists, and {min(keys & _OF_CANDIDATES)} is a "
                "candidate's; candidates are stripped"
            )
        if match.ring == ("network",):
            return f"{action} is for ICE servers in lists, which ring network has none of; block it"
    if "server" in keys:
        if action in _DONE:
            return f"an ICE server is not {_DONE[action]}; drop it, or replace it"
        if keys & _OF_CANDIDATES:
            return (
                f"server is of ICE servers, and {min(keys & _OF_CANDIDATES)} of candidates; "
                "nothing has both, so write two rules"
            )
    if action in _DONE and OPAQUE in match.candidate:
        return (
            f"what cannot be read (candidate: opaque) cannot be {_DONE[action]}; keep or block it"
        )
    if action == "scrub" and match.ring and "signaling" not in match.ring:
        return "only candidates in signaling can be scrubbed, and ring leaves it out"
    if action == "strip" and match.ring == ("page",):
        return "only candidates can be stripped, and ring page has none; block it"
    return ""


_DONE: Final = {"scrub": "scrubbed", "strip": "stripped"}
