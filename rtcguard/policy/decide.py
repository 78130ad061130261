"""Deciding: which rule speaks for what the rings ask about, and what it says.

For each question (`questions.py`) the first rule that matches wins; what no rule names follows the
defaults, which carry names of their own (`default:…`), so that every event can tell why it was
decided as it was.

A rule in monitor mode decides nothing: what it would have changed is told beside the decision.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.ice.server import ServerUri, parse_uri
from rtcguard.policy.model import Config, Relay
from rtcguard.policy.questions import Question, settles
from rtcguard.policy.rule import OF_SERVERS, OPAQUE, Rule, RuleAction, Subject

CONFIRMED: Final = {
    "page": "the page is confirmed to be relay-only",
    "network": "the firewall is up, which lets the client reach approved relays only",
}


@dataclass(frozen=True, slots=True)
class Decision:
    action: RuleAction
    rule: str
    reason: str
    monitored: tuple["Decision", ...] = ()
    """What rules in monitor mode would have decided, in their order."""


PAGES_BY_DEFAULT: Final = Decision(
    "scrub", "default:page", "WebRTC goes through approved relays only"
)


def _ask(
    config: Config,
    question: Question,
    subject: Subject,
    decide: Callable[[Iterable[Rule]], Decision],
) -> Decision:
    """Decides by the rules that match. Each one in monitor mode is tried as if it were in force
    with those that are; what comes out is told where it is the rule's doing."""
    if not config.index.monitors:
        return decide(config.index.all(question, subject))
    matching = list(config.index.all(question, subject))
    decision = decide(rule for rule in matching if rule.mode == "enforce")
    monitored = []
    for tried in matching:
        if tried.mode == "monitor":
            would = decide(rule for rule in matching if rule.mode == "enforce" or rule is tried)
            if would.rule == tried.name or would.action != decision.action:
                reason = f"rule {tried.name!r}, in monitor mode, says {tried.action}"
                monitored.append(replace(would, rule=tried.name, reason=reason))
    return replace(decision, monitored=tuple(monitored)) if monitored else decision


def decide(config: Config, subject: Subject) -> Decision:
    """What happens to one candidate."""
    question: Question = "opaque" if subject.candidate == OPAQUE else "candidate"
    if not config.index.monitors:  # on the path of every candidate: without more ado
        rule = config.index.first(question, subject)
        return _by_default(config, subject) if rule is None else _by_rule(rule)

    def by(rules: Iterable[Rule]) -> Decision:
        return _first(rules) or _by_default(config, subject)

    return _ask(config, question, subject, by)


def _by_default(config: Config, subject: Subject) -> Decision:
    if subject.candidate == OPAQUE:
        return Decision("observe", "default:opaque", "a description that cannot be read")
    if subject.direction == "inbound":
        return _inbound(config, subject)
    if subject.candidate != "relay":
        return _stripped(subject.candidate)
    if addresses.canonical(subject.address) == addresses.canonical(subject.client):
        # A page can write any type beside any address; its own is none of a relay's.
        return Decision("strip", "default:outbound", "this 'relay' is the client's own address")
    if addresses.scope(subject.address) in ("mdns", "loopback", "link-local"):
        return Decision("strip", "default:outbound", "no relay has an address of this scope")
    return Decision("scrub", "default:relay", "relay candidates pass without the related address")


@lru_cache(maxsize=16)
def _stripped(candidate: str) -> Decision:
    reason = f"a {candidate} candidate tells an address of the client"
    return Decision("strip", "default:outbound", reason)


def decide_page(config: Config, subject: Subject) -> Decision:
    """What a page of this site may do with WebRTC for this client: `block`, or relay only.

    The first rule for this site and client that lets anything pass keeps the page from being
    blocked, even one on some candidates only; which ones pass is then for ring 2, which sees them.
    """

    def by(rules: Iterable[Rule]) -> Decision:
        for rule in rules:
            return _by_rule(rule) if rule.action == "block" else PAGES_BY_DEFAULT
        return PAGES_BY_DEFAULT

    return _ask(config, "page", subject, by)


def decide_server(config: Config, subject: Subject, uri: ServerUri) -> Decision:
    """Whether a client may be told of an ICE server in a list. What `keep` and `observe` do not
    speak for goes: by `drop` nothing comes in its place, by `replace` and the defaults (`strip`)
    the approved servers do; by `block` the whole message goes."""
    approved = _key(uri) in _approved(config.relay)

    def by(rules: Iterable[Rule]) -> Decision:
        decision = _first(rules) or _server_by_default(config, uri, approved=approved)
        if decision.action in OF_SERVERS and uri.is_turn and approved:
            return Decision("keep", decision.rule, "this TURN server is an approved one itself")
        return decision

    if not config.index.has("server"):
        return by(())
    return _ask(config, "server", replace(subject, server=str(uri)), by)


def _server_by_default(config: Config, uri: ServerUri, *, approved: bool) -> Decision:
    if not uri.is_turn:
        return Decision("strip", "default:servers", "a STUN server would see the client's address")
    if approved:
        return Decision("keep", "relay:servers", "this TURN server is approved")
    if config.relay.site_servers == "keep":
        return Decision(
            "keep", "relay:site_servers", "the configuration keeps TURN servers of sites"
        )
    reason = "a TURN server that is not approved would see the client's address"
    return Decision("strip", "relay:site_servers", reason)


def server_rule(config: Config, subject: Subject, uri: ServerUri) -> Decision | None:
    """The same where any rule speaks of it; else None. `drop` and `replace` leave approved servers
    in a list."""
    asked = replace(subject, server=str(uri))
    if not config.index.has("server") or config.index.first("server", asked) is None:
        return None
    return decide_server(config, subject, uri)


def decide_tunnel(config: Config, subject: Subject, uri: ServerUri, *, approved: bool) -> Decision:
    """Whether a connection through the proxy on which a client speaks STUN may go on: `keep` and
    `observe`, or `block`. Which page it is for, nobody says. `approved`: the server is in
    `approved_hosts`."""

    def by(rules: Iterable[Rule]) -> Decision:
        return _of_flow(rules, approved=approved) or _tunnel_by_default(config, uri)

    return _ask(config, "flow", subject, by)


def flow_rule(config: Config, subject: Subject) -> Decision | None:
    """What rules say of a flow; None where none settles it."""
    rules = config.index.all("flow", subject)
    return _of_flow((rule for rule in rules if rule.mode == "enforce"), approved=False)


def _tunnel_by_default(config: Config, uri: ServerUri) -> Decision:
    if uri.is_turn and config.relay.site_servers == "keep":
        return Decision(
            "keep", "relay:site_servers", "the configuration keeps TURN servers of sites"
        )
    if uri.is_turn:
        reason = f"relay.servers does not name {uri}: to approve this server, write it there"
        return Decision("block", "relay:servers", reason)
    over = uri.transport.upper()
    reason = f"only TURN servers that relay.servers names are let through, for TURN over {over}"
    return Decision("block", "default:servers", reason)


def decide_udp(config: Config, subject: Subject, what: str, *, approved: bool) -> Decision:
    """The same for UDP that is neither STUN nor DNS; `what` it is, for people. To an approved
    server it passes (ChannelData, DTLS), to no other: nothing of it can be judged."""
    reason = f"{what}: UDP goes to TURN servers that relay.servers names, and nowhere else"
    default = Decision("block", "default:udp", reason)

    def by(rules: Iterable[Rule]) -> Decision:
        return _of_flow(rules, approved=approved) or default

    return _ask(config, "flow", subject, by)


def _of_flow(rules: Iterable[Rule], *, approved: bool) -> Decision | None:
    """What rules say of a flow, and that approved servers are; None: a default decides.

    As with pages, the first rule that lets anything pass keeps later ones from blocking the flow as
    a whole. `drop` and `replace` are of lists: the approved servers, which come in the place of
    others, can be reached all the same."""
    for rule in rules:
        if rule.action in OF_SERVERS and approved:
            continue
        if settles(rule, "flow"):
            action: RuleAction = "block" if rule.action in OF_SERVERS else rule.action
            return Decision(action, rule.name, f"rule {rule.name!r} says {rule.action}")
        break
    return Decision("keep", "relay:servers", "this TURN server is approved") if approved else None


def decide_name(config: Config, subject: Subject) -> Decision:
    """What becomes of a STUN or TURN server's name that a client asks for: it goes on by `keep` and
    `observe` alone. Which page asks, nobody says; so rules on sites do not speak of it, and rules
    on candidates neither."""
    default = Decision("strip", "default:names", "a STUN server would see the client's address")
    return _ask(config, "name", subject, lambda rules: _first(rules) or default)


def decide_tls(config: Config, subject: Subject) -> Decision:
    """Whether a TLS connection at the proxy is opened (`intercept`) or goes on untouched (`pass`).
    Its `site` is the host name that the client asked for, as is `destination`."""
    reason = "TLS is opened, so that what it carries is judged"
    default = Decision("intercept", "default:tls", reason)
    return _ask(config, "tls", subject, lambda rules: _first(rules) or default)


def approved_names(relay: Relay) -> frozenset[str]:
    """The host of each approved server, an address in its one spelling."""
    return frozenset(host for host, _ in _approved(relay))


def _key(uri: ServerUri) -> tuple[str, int]:
    return addresses.canonical(uri.host), uri.port


@lru_cache(maxsize=16)
def _approved(relay: Relay) -> frozenset[tuple[str, int]]:
    return frozenset(_key(parse_uri(url)) for server in relay.servers for url in server.urls)


@lru_cache(maxsize=32)
def approved_hosts(relay: Relay, transport: str) -> frozenset[tuple[str, int]]:
    """Host (an address in its one spelling) and port of each server approved for `udp` (DTLS too)
    or for `tcp` (TLS too)."""
    uris = [parse_uri(url) for server in relay.servers for url in server.urls]
    return frozenset(_key(uri) for uri in uris if uri.transport == transport)


def _first(rules: Iterable[Rule]) -> Decision | None:
    """What the first rule says; None where there is none."""
    return next(map(_by_rule, rules), None)


def _by_rule(rule: Rule) -> Decision:
    return Decision(rule.action, rule.name, f"rule {rule.name!r} says {rule.action}")


def _inbound(config: Config, subject: Subject) -> Decision:
    rule = f"inbound:{config.inbound}"
    if config.inbound == "keep":
        return Decision("keep", rule, "the configuration keeps the far side's candidates")
    if config.inbound == "strip":
        return Decision("strip", rule, "the configuration strips the far side's candidates")
    if subject.confirmed:
        return Decision("keep", rule, CONFIRMED[subject.confirmed])
    return Decision(
        "strip",
        rule,
        "no page guard has reported in for this client and site, and no firewall holds the client, "
        "so its host sockets could answer the far side: let the page load through rtcguard, run "
        "`rtcguard gateway up`, or set `inbound: keep`",
    )
