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

from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from typing import Final, Literal, get_args

from rtcguard.policy.index import Index
from rtcguard.policy.rule import OF_SERVERS, OF_TLS, OPAQUE, Match, Rule, Subject

Question = Literal["candidate", "opaque", "page", "server", "flow", "name", "tls"]
QUESTIONS: Final[tuple[Question, ...]] = get_args(Question)

_PAGE: Final = frozenset(("site", "client", "user", "direction", "ring", "time"))
_SENT: Final = frozenset(("path", "destination", "port", "protocol"))  # of a message
_FLOW: Final = frozenset(
    ("client", "user", "direction", "ring", "time", "server", "destination", "port", "protocol")
)
KNOWN: Final[dict[Question, frozenset[str]]] = {
    "candidate": _PAGE | _SENT | {"candidate", "address", "transport"},
    "opaque": _PAGE | _SENT | {"candidate"},
    "page": _PAGE,
    "server": _PAGE | _SENT | {"server"},
    "flow": _FLOW,
    "name": _FLOW - {"user", "port"},
    "tls": frozenset(("site", "client", "user", "time", "destination", "port")),
}
# A page and a flow are asked about as a whole, whatever they may carry: other keys do not count.
# That no site is known of a flow does count.
_WHOLE: Final = {"page": _PAGE, "flow": _FLOW | {"site"}}
# By one of these a rule says which flows it means; another lets none pass by itself.
_OPENS_FLOWS: Final = frozenset(("server", "destination", "protocol"))
_KEYS: Final = tuple(field.name for field in fields(Match) if field.name != "negated")


@lru_cache(maxsize=4096)
def named(match: Match) -> frozenset[str]:
    """The keys that a match has, `not` apart."""
    return frozenset(key for key in _KEYS if getattr(match, key))


def asked(match: Match) -> frozenset[str]:
    """The keys that have to be known: those of `not` too."""
    return named(match) if match.negated is None else named(match) | named(match.negated)


def speaks(rule: Rule, question: Question) -> bool:
    """Whether a rule is asked this question; whether it matches is another."""
    keys = asked(rule.match)
    if rule.action in OF_TLS or question == "tls":
        return rule.action in OF_TLS and question == "tls" and keys <= KNOWN["tls"]
    if rule.action in OF_SERVERS:
        return question in ("server", "flow", "name") and keys <= KNOWN[question]
    match question:
        case "page":
            return True
        case "flow":
            return rule.action != "block" or decides_flows(rule)
        case "server":
            return "server" in keys and keys <= KNOWN["server"]
        case "opaque":
            return OPAQUE in rule.match.candidate and keys <= KNOWN["opaque"]
        case _:
            return keys <= KNOWN[question]


def decides_pages(rule: Rule) -> bool:
    """Whether a rule blocks pages as a whole, not something that they may send; any other that
    speaks of a page only keeps later ones from blocking it."""
    return rule.action == "block" and asked(rule.match) <= KNOWN["page"]


def decides_flows(rule: Rule) -> bool:
    """The same for flows, which rules may also let pass."""
    keys = asked(rule.match)
    if not keys <= KNOWN["flow"]:
        return False
    if rule.action in ("keep", "observe"):
        return not _OPENS_FLOWS.isdisjoint(named(rule.match))
    return rule.action == "block" or rule.action in OF_SERVERS


class Rules:
    """The rules, indexed for each question; of each the rules that speak of it, in their order."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = rules
        index = Index([rule.match for rule in rules])
        self._of: dict[Question, Index] = {}
        for question in QUESTIONS:
            places = [place for place, rule in enumerate(rules) if speaks(rule, question)]
            self._of[question] = index.part(places, _WHOLE.get(question))
        keys = frozenset[str]().union(*(asked(rule.match) for rule in rules))
        self.monitors = any(rule.mode == "monitor" for rule in rules)
        self.names_paths = "path" in keys
        self.names_times = "time" in keys

    def __reduce__(self) -> tuple[type["Rules"], tuple[tuple[Rule, ...]]]:
        """Tables are made anew in the process that it is sent to."""
        return Rules, (self._rules,)

    def first(self, question: Question, subject: Subject) -> Rule | None:
        """The first rule that matches; None where none does."""
        place = self._of[question].first(subject)
        return None if place is None else self._rules[place]

    def all(self, question: Question, subject: Subject) -> Iterator[Rule]:
        """Every rule that matches, in their order."""
        return (self._rules[place] for place in self._of[question].all(subject))

    def has(self, question: Question) -> bool:
        """Whether any rule speaks of it."""
        return bool(self._of[question])
