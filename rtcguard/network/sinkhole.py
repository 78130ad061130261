"""What a DNS query that reached rtcguard is answered with, and what the ledger is told of it.

The names of STUN and TURN servers are refused with NXDOMAIN, which ends a browser's gathering at
once; a silent server, or REFUSED, would make it ask others or wait. Or they are answered with the
address of the STUN responder (`sinkhole.answer: responder`): then the packets can be seen too, but
a page could be asked for leave to speak to the local network. All else goes to an upstream server.

No amplifier, no open resolver: who may ask is the socket's business (nameserver.py), ANY and zone
transfers are refused, and no UDP answer is longer than its asker said it takes.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename

from rtcguard.ice import address as addresses
from rtcguard.network import answers, firewall
from rtcguard.network.answers import Answer, plain
from rtcguard.network.exchange import addressed, bare, denied, respond
from rtcguard.network.names import SITE, SITE_ADDRESS, Known, Names, decide, subject_of
from rtcguard.policy.decide import Decision
from rtcguard.policy.model import Policy
from rtcguard.policy.record import Record
from rtcguard.policy.told import DONE_TO_NAMES, told

_MOST_TOLD: Final = 16  # addresses of one answer that the ledger is told

_REFUSED: Final = frozenset(
    (dns.rdatatype.ANY, dns.rdatatype.AXFR, dns.rdatatype.IXFR, dns.rdatatype.MAILA,
     dns.rdatatype.MAILB, dns.rdatatype.OPT, dns.rdatatype.TSIG, dns.rdatatype.TKEY)
)  # fmt: skip
# RFC 6761 and 7686: nobody has these. The names that Chromium and Firefox give their own addresses
# are asked for by multicast (draft-ietf-mmusic-mdns-ice-candidates); upstream is not to know them.
_NOWHERE: Final = re.compile(
    r"(?:.*\.)?(?:invalid|onion)|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.local"
)
# RFC 9462: where an encrypted DNS server is told that would be asked in this one's place.
_RESOLVER: Final = re.compile(r"(?:.*\.)?resolver\.arpa")


@dataclass(frozen=True, slots=True)
class Judged:
    """`response` goes back; None: an upstream is asked, and `conclude` judges what it says.

    `known` and `decision` are set for a name that matters to the ledger and goes on."""

    response: dns.message.Message | None
    records: tuple[Record, ...] = ()
    known: Known | None = None
    decision: Decision | None = None
    name: str = ""


def judge(
    query: dns.message.Message,
    client: str,
    local: str,
    names: Names,
    policy: Policy,
    minute: int,
    *,
    led: bool = False,
) -> Judged:
    """Judges one query of `client`, which was sent to the address `local`, in a minute of the
    week (`Subject`). `led`: whatever the client connects to, it comes to the proxy."""
    asked = query.question[0]
    if query.edns > 0:
        return Judged(bare(query, dns.rcode.BADVERS))
    if asked.rdclass != dns.rdataclass.IN or asked.rdtype in _REFUSED:
        return Judged(bare(query, dns.rcode.REFUSED))
    name, config = plain(asked.name), policy.config
    if config.mode == "enforce" and _RESOLVER.fullmatch(name):
        return Judged(denied(query, dns.rcode.NOERROR))
    if name == SITE and (led or (firewall.wanted(config) and config.gateway.transparent)):
        return Judged(addressed(query, [SITE_ADDRESS]))
    if name == SITE or _NOWHERE.fullmatch(name) or _is_of_this_network(name, policy):
        return Judged(denied(query, dns.rcode.NXDOMAIN))
    known = names.known(name)
    if known is None:
        return Judged(None, name=name)
    decision = decide(known, subject_of(name, client, minute), config)
    judged = Judged(None, (), known, decision, name)
    if decision.action in ("keep", "observe") or config.mode == "monitor":
        return judged
    return _sunk(query, client, local, judged, policy)


def read(response: dns.message.Message, names: Names, policy: Policy) -> Answer:
    """An upstream's response as what clients may have of it. TURN servers that it names stay where
    the name asked for is an approved one's, or those of sites are kept."""
    known = names.known(plain(response.question[0].name))
    relays = names.site_servers or (known is not None and known.kind == "relay")
    return answers.read(response, edit=policy.config.mode == "enforce", relays=relays)


def conclude(
    query: dns.message.Message,
    client: str,
    local: str,
    judged: Judged,
    answer: Answer,
    names: Names,
    policy: Policy,
    minute: int,
) -> Judged:
    """Judges what an upstream answered to a query that `judge` let go on."""
    if (judged.known is None or judged.known.kind == "seen") and not names.keeps(judged.name):
        # The name itself says nothing, but it may stand for one that does.
        for alias in answer.aliases():
            known = names.known(alias)
            if known is None or known.kind != "stun":
                continue
            decision = decide(known, subject_of(alias, client, minute), policy.config)
            decision = replace(decision, reason=f"{decision.reason}; it stands for {alias}")
            judged = Judged(None, (), known, decision, judged.name)
            if decision.action not in ("keep", "observe") and policy.config.mode != "monitor":
                return _sunk(query, client, local, judged, policy)
            break
    response = respond(query, answer)
    return Judged(response, tuple(_told(query, client, judged, answer.addresses(), policy)))


def _is_of_this_network(name: str, policy: Policy) -> bool:
    """Whether the question tells an address of the clients' network, and only public servers would
    be asked (RFC 6303): who has which one is nobody's business there, and nobody there knows."""
    upstream = policy.config.sinkhole.upstream
    if not (name.endswith(".arpa") and upstream):
        return False
    if any(addresses.scope(one.host) != "public" for one in upstream):
        return False  # an office's own server knows them
    try:
        address = dns.reversename.to_address(dns.name.from_text(name))
    except (dns.exception.DNSException, ValueError):
        return False
    return addresses.scope(address) in ("private", "cgnat", "ula", "link-local", "loopback")


def _sunk(
    query: dns.message.Message, client: str, local: str, judged: Judged, policy: Policy
) -> Judged:
    """A name taken away from the client: the responder's address in its place, or nothing."""
    hosts: list[str] = []
    if (
        policy.config.sinkhole.answer == "responder"
        and judged.known is not None
        and judged.known.kind == "stun"
        and not judged.name.startswith("_")
    ):
        hosts = responders(policy, client, local)
    if hosts:
        response = addressed(query, hosts)
        given = [rdata.to_text() for rrset in response.answer for rdata in rrset]
        return Judged(response, tuple(_told(query, client, judged, given, policy, sunk=True)))
    response = denied(query, dns.rcode.NXDOMAIN, dns.edns.EDECode.BLOCKED)
    return Judged(response, tuple(_told(query, client, judged, [], policy, sunk=True)))


def responders(policy: Policy, client: str, local: str) -> list[str]:
    """Where a client finds the STUN responder: the addresses that it listens on, and for every
    address the one that the query came to. A loopback address is told only to this machine."""
    found = []
    for host, _ in policy.config.stun.listen:
        address = addresses.parse(host)
        if address is None:
            continue
        if address.is_unspecified:
            ours = addresses.parse(local)
            if ours is None or ours.version != address.version:
                continue
            address = ours
        near = addresses.scope(client) == "loopback"
        if not address.is_link_local and (near or not address.is_loopback):
            found.append(str(address))
    return list(dict.fromkeys(found))


def _told(
    query: dns.message.Message,
    client: str,
    judged: Judged,
    hosts: list[str],
    policy: Policy,
    *,
    sunk: bool = False,
) -> list[Record]:
    """What the ledger is told of a name that matters: one record for each address that the client
    was given, so that a STUN packet to it can be tied to the name."""
    if judged.known is None or judged.decision is None:
        return []
    decision = judged.decision
    rdtype = dns.rdatatype.to_text(query.question[0].rdtype)
    reason = f"{rdtype}: {decision.reason}"
    if sunk:
        done = f"answered with {', '.join(hosts)}" if hosts else "answered without an address"
        reason = f"{rdtype}: {done}; {decision.reason}"
    if decision.action == "keep" and not (hosts or decision.monitored):
        return []
    records = (
        Record(
            ring="network",
            kind="name",
            action=DONE_TO_NAMES[decision.action],
            direction="outbound",
            client=client,
            destination=host,
            name=judged.name,
            rule=decision.rule,
            reason=reason,
        )
        for host in (hosts[:_MOST_TOLD] or [""])
    )
    mode = policy.config.mode
    return [one for record in records for one in told(record, decision, mode, DONE_TO_NAMES)]
