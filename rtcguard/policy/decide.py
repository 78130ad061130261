"""Deciding: which rule speaks for what the rings ask about, and what it says.

For each question (`questions.py`) the first rule that matches wins; what no rule names follows the
defaults, which carry names of their own (`default:…`), so that every event can tell why it was
decided as it was.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.ice.server import ServerUri, parse_uri
from rtcguard.policy.model import Config, Relay
from rtcguard.policy.questions import decides_flows, decides_pages
from rtcguard.policy.rule import OF_SERVERS, OPAQUE, Rule, RuleAction, Subject

_CONFIRMED: Final = {
    "page": "the page is confirmed to be relay-only",
    "network": "the firewall is up, which lets the client reach approved relays only",
}


@dataclass(frozen=True, slots=True)
class Decision:
    action: RuleAction
    rule: str
    reason: str


def decide(config: Config, subject: Subject) -> Decision:
    """What happens to one candidate."""
    opaque = subject.candidate == OPAQUE
    rule = config.index.first("opaque" if opaque else "candidate", subject)
    if rule is not None:
        return _by_rule(rule)
    if opaque:
        return Decision("observe", "default:opaque", "a description that cannot be read")
    if subject.direction == "inbound":
        return _inbound(config, subject)
    if subject.candidate != "relay":
        reason = f"a {subject.candidate} candidate tells an address of the client"
        return Decision("strip", "default:outbound", reason)
    if addresses.canonical(subject.address) == addresses.canonical(subject.client):
        # A page can write any type beside any address; its own is none of a relay's.
        return Decision("strip", "default:outbound", "this 'relay' is the client's own address")
    if addresses.scope(subject.address) in ("mdns", "loopback", "link-local"):
        return Decision("strip", "default:outbound", "no relay has an address of this scope")
    return Decision("scrub", "default:relay", "relay candidates pass without the related address")


def decide_page(config: Config, subject: Subject) -> Decision:
    """What a page of this site may do with WebRTC for this client: `block`, or relay only.

    The first rule for this site and client that lets anything pass keeps the page from being
    blocked, even one on some candidates only; which ones pass is then for ring 2, which sees them.
    """
    for rule in config.index.all("page", subject):
        if rule.action != "block":
            break
        if decides_pages(rule):
            return _by_rule(rule)
    return Decision("scrub", "default:page", "WebRTC goes through approved relays only")


def decide_server(config: Config, subject: Subject, uri: ServerUri) -> Decision:
    """Whether a client may be told of an ICE server in a list. What `keep` and `observe` do not
    speak for goes: by `drop` nothing comes in its place, by `replace` and the defaults (`strip`)
    the approved servers do; by `block` the whole message goes."""
    approved = _key(uri) in _approved(config.relay)
    if config.index.has("server"):
        rule = config.index.first("server", replace(subject, server=str(uri)))
        if rule is not None and rule.action == "replace" and approved:
            return Decision("keep", rule.name, "this TURN server is an approved one itself")
        if rule is not None:
            return _by_rule(rule)
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


def decide_tunnel(config: Config, subject: Subject, uri: ServerUri, *, approved: bool) -> Decision:
    """Whether a connection through the proxy on which a client speaks STUN may go on: `keep` and
    `observe`, or `block`. Which page it is for, nobody says. `approved`: the server is in
    `approved_hosts`."""
    decision = _of_flow(config, subject, approved=approved)
    if decision is not None:
        return decision
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
    decision = _of_flow(config, subject, approved=approved)
    if decision is not None:
        return decision
    reason = f"{what}: UDP goes to TURN servers that relay.servers names, and nowhere else"
    return Decision("block", "default:udp", reason)


def _of_flow(config: Config, subject: Subject, *, approved: bool) -> Decision | None:
    """What rules say of a flow, and that approved servers are; None: a default decides.

    As with pages, the first rule that lets anything pass keeps later ones from blocking the flow as
    a whole. `drop` and `replace` are of lists: the approved servers, which come in the place of
    others, can be reached all the same."""
    for rule in config.index.all("flow", subject):
        if decides_flows(rule) and rule.action not in OF_SERVERS:
            return _by_rule(rule)
        if decides_flows(rule) and not approved:
            return Decision("block", rule.name, f"rule {rule.name!r} says {rule.action}")
        if rule.action not in ("block", *OF_SERVERS):
            break
    return Decision("keep", "relay:servers", "this TURN server is approved") if approved else None


def decide_name(config: Config, subject: Subject) -> Decision:
    """What becomes of a STUN or TURN server's name that a client asks for: it goes on by `keep` and
    `observe` alone. Which page asks, nobody says; so rules on sites do not speak of it, and rules
    on candidates neither."""
    rule = config.index.first("name", subject)
    if rule is not None:
        return _by_rule(rule)
    return Decision("strip", "default:names", "a STUN server would see the client's address")


def decide_tls(config: Config, subject: Subject) -> Decision:
    """Whether a TLS connection at the proxy is opened (`intercept`) or goes on untouched (`pass`).
    Its `site` is the host name that the client asked for, as is `destination`."""
    rule = config.index.first("tls", subject)
    if rule is not None:
        return _by_rule(rule)
    return Decision("intercept", "default:tls", "TLS is opened, so that what it carries is judged")


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


def _by_rule(rule: Rule) -> Decision:
    return Decision(rule.action, rule.name, f"rule {rule.name!r} says {rule.action}")


def _inbound(config: Config, subject: Subject) -> Decision:
    rule = f"inbound:{config.inbound}"
    if config.inbound == "keep":
        return Decision("keep", rule, "the configuration keeps the far side's candidates")
    if config.inbound == "strip":
        return Decision("strip", rule, "the configuration strips the far side's candidates")
    if subject.confirmed:
        return Decision("keep", rule, _CONFIRMED[subject.confirmed])
    return Decision(
        "strip",
        rule,
        "no page guard has reported in for this client and site, and no firewall holds the client, "
        "so its host sockets could answer the far side: let the page load through rtcguard, run "
        "`rtcguard gateway up`, or set `inbound: keep`",
    )
