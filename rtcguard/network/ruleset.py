"""The gateway's firewall as nftables text: what the configuration means for packets.

One table of its own. Every datagram is judged by itself, not once for its flow: a flow that begins
with something harmless may go on with STUN. A verdict `drop` of this table is final, whatever other
tables accept; its `accept` leaves the packet to them. So nothing of the administrator's own rules
is opened here.

STUN over UDP is known by its magic cookie on any port, and led to the responder by TPROXY, which
keeps its destination; this machine's own is marked for it, so that it is routed to `lo` first. What
no responder listens for is not diverted and so meets the last chain, which drops it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from rtcguard.network import firewall
from rtcguard.network.firewall import CLIENT_MARK, OWN_MARK, TABLE, Endpoint
from rtcguard.policy.model import Config

_STUN: Final = "@th,96,32 0x2112a442"  # RFC 8489 section 5: the magic cookie, in a datagram
_STUN_TCP: Final = ("@ih,32,32 0x2112a442", "@ih,48,32 0x2112a442")  # bare, and RFC 4571 framed
_ERRORS: Final = "{ destination-unreachable, time-exceeded, parameter-problem }"
_RESET: Final = "reject with tcp reset"
_NFPROTO: Final = {"ip": "ipv4", "ip6": "ipv6"}


def ruleset(
    config: Config,
    uids: Iterable[int] = (),
    approved: Iterable[Endpoint] = (),
    *,
    table: str = TABLE,
    head: str = "",
) -> str:
    """The whole ruleset, for one transaction of `nft -f`: in the place of what there is.

    `uids` are the numbers of `gateway.users`; `head` is put into the table first. Under
    `mode: monitor` everything is counted and nothing is stopped or diverted; TCP still comes to the
    proxy, which only watches then.
    """
    lines = _Writer(config, sorted(set(uids))).table(sorted(approved, key=_order))
    body = "".join(f"\t{line}\n" if line else "\n" for line in (*([head] if head else []), *lines))
    return f"{removal(table)}table inet {table} {{\n{body}}}\n"


def removal(table: str = TABLE) -> str:
    """What takes the ruleset away, whether or not it is there."""
    return f"table inet {table}\ndelete table inet {table}\n"


def refreshed(endpoints: Iterable[Endpoint]) -> str:
    """A transaction that puts these addresses into the sets, each with its whole time before it."""
    lines = []
    for endpoint in endpoints:
        where = f"element inet {TABLE} {endpoint.set_name}"
        # `add` leaves the time of an element alone that is there; `delete` fails where none is.
        lines += [
            f"add {where} {{ {endpoint.key} }}",
            f"delete {where} {{ {endpoint.key} }}",
            f"add {where} {{ {endpoint.element} }}",
        ]
    return "".join(line + "\n" for line in lines)


def closed(endpoints: Iterable[Endpoint]) -> str:
    """A transaction that takes these addresses out of the sets, whether or not they are there."""
    lines = []
    for endpoint in endpoints:
        element = f"element inet {TABLE} {endpoint.set_name} {{ {endpoint.key} }}"
        lines += [f"add {element}", f"delete {element}"]
    return "".join(line + "\n" for line in lines)


def _order(endpoint: Endpoint) -> tuple[str, int, str]:
    return endpoint.name, endpoint.port, endpoint.address


class _Writer:
    """Writes the table's parts; every method yields lines."""

    def __init__(self, config: Config, uids: list[int]) -> None:
        self._gateway = config.gateway
        self._config = config
        self._enforce = config.mode == "enforce"
        self._clients = _names(self._gateway.interfaces)
        self._uids = "{ " + ", ".join(map(str, uids)) + " }"

    def table(self, approved: list[Endpoint]) -> Iterator[str]:
        for name, meaning in firewall.counters(self._config).items():
            yield f'counter {name} {{ comment "{meaning}"; }}'
        yield from self._sets(approved)
        yield from self._judge()
        if self._gateway.interfaces:
            yield from self._clients_chains()
        if self._gateway.own:
            yield from self._own_chains()
        yield from self._answers()
        yield from self._guard()

    def _sets(self, approved: list[Endpoint]) -> Iterator[str]:
        lists = (("direct", self._gateway.direct), ("resolvers", self._gateway.resolvers))
        for family in (4, 6):
            elements = [e.element for e in approved if e.set_name == f"approved{family}"]
            shape = f"type ipv{family}_addr . inet_proto . inet_service; flags timeout;"
            yield from _set(f"approved{family}", shape, elements)
            for name, networks in lists:
                shape = f"type ipv{family}_addr; flags interval; auto-merge;"
                own = [str(network) for network in networks if network.version == family]
                yield from _set(f"{name}{family}", shape, own)

    def _judge(self) -> Iterator[str]:
        """What may pass, for clients and for this machine alike."""
        yield from _chain(
            "judge",
            "",
            *_to_direct("counter name direct accept"),
            *_to_approved("counter name approved accept"),
            "# Each datagram by itself. STUN that comes here was not diverted.",
            self._stop(f"meta l4proto udp {_STUN}", "stun_unanswered"),
            self._stop("udp dport { 5353, 5355 }", "mdns"),
            "ip daddr @resolvers4 meta l4proto { tcp, udp } th dport 53 counter name dns accept",
            "ip6 daddr @resolvers6 meta l4proto { tcp, udp } th dport 53 counter name dns accept",
            self._stop("udp dport 53", "dns_refused"),
            self._stop("tcp dport 53", "dns_refused", _RESET),
            "# An error at once: browsers then fetch the page over TCP.",
            self._stop("udp dport 443", "quic", "reject with icmpx port-unreachable"),
            self._stop("meta l4proto udp", "other_udp"),
            "# Over TCP, piece by piece; whoever cuts STUN into smaller ones is met by the proxy.",
            *(self._stop(f"meta l4proto tcp {stun}", "stun_tcp", _RESET) for stun in _STUN_TCP),
            "# Answers on connections that somebody else opened: servers stay reachable.",
            "meta l4proto tcp ct direction reply accept",
            *self._tcp(),
            "# A host's own errors, as a closed socket sends them about an answer of the",
            "# responder's, would go to the server in whose name it was given. Nobody needs them.",
            self._stop(f"icmp type {_ERRORS} icmp code != frag-needed", "errors"),
            self._stop(f"icmpv6 type {_ERRORS}", "errors"),
            self._stop("meta l4proto { icmp, icmpv6 } ct state invalid", "errors"),
            "meta l4proto { icmp, icmpv6 } accept",
            self._stop("", "other_transport"),
        )

    def _tcp(self) -> Iterator[str]:
        if self._gateway.transparent:
            yield "# All TCP was led to the proxy, but for connections older than these rules."
            yield self._stop("meta l4proto tcp", "tcp_past", _RESET)
        else:
            yield "# TURN over TLS cannot be told from other TLS but by its port (RFC 8656)."
            yield self._stop("tcp dport { 3478, 5349 }", "stun_tcp", _RESET)
            yield "meta l4proto tcp accept"

    def _clients_chains(self) -> Iterator[str]:
        yield from _chain(
            "divert",
            "filter hook prerouting priority raw",
            f"iifname != {self._clients} accept",
            "fib daddr type { local, broadcast, anycast, multicast } accept",
            *_to_direct("accept"),
            *_to_approved("accept"),
            *self._diverted(CLIENT_MARK),
        )
        if self._gateway.transparent or firewall.sinkhole(self._config):
            yield from _chain(
                "redirected",
                "nat hook prerouting priority -105",
                f"iifname != {self._clients} accept",
                *self._redirected(own=False),
            )
        late = "meta l4proto tcp ct state new tcp flags & (fin | syn | rst | ack) != syn"
        yield from _chain(
            "forwarded",
            "filter hook forward priority -10",
            f"iifname {self._clients} jump judge",
            "# A connection older than these rules is followed from a packet of the client's on:",
            "# else it would count as one that the far side opened.",
            self._stop(f"oifname {self._clients} {late}", "tcp_past"),
        )

    def _own_chains(self) -> Iterator[str]:
        own = f"meta mark & {OWN_MARK:#x} == {OWN_MARK:#x}"
        others = ('oifname "lo" accept', f"meta skuid {self._uids} accept")
        if self._enforce:
            yield from _chain(
                "own_divert",
                "route hook output priority raw",
                *others,
                "fib daddr type { local, broadcast, anycast, multicast } accept",
                *_to_direct("accept"),
                *_to_approved("accept"),
                *(
                    f"meta nfproto {_NFPROTO[family]} meta l4proto udp {_STUN} notrack "
                    f"meta mark set meta mark | {OWN_MARK:#x} accept"
                    for family in firewall.responder_ports(self._config)
                ),
            )
            yield from _chain(
                "own_diverted",
                "filter hook prerouting priority raw",
                'iifname != "lo" accept',
                *(f"{own} {line}" for line in self._diverted(OWN_MARK)),
            )
            yield from _chain(
                "own_leaving",
                "filter hook postrouting priority filter",
                "# Not routed to `lo`, as of a socket that is bound to an interface.",
                self._stop(f'{own} oifname != "lo"', "stun_unanswered"),
            )
        if self._gateway.transparent or firewall.sinkhole(self._config):
            yield from _chain(
                "own_redirected",
                "nat hook output priority -105",
                *others,
                *self._redirected(own=True),
            )
        yield from _chain(
            "own_sent",
            "filter hook output priority -10",
            *others,
            f"{own} accept",
            "fib daddr type local accept",
            *([f"oifname {self._clients} accept"] if self._gateway.interfaces else []),
            "# This machine's own address (DHCP, RFC 2131, RFC 8415) and its groups.",
            "udp sport 68 udp dport 67 accept",
            "udp sport 546 udp dport 547 accept",
            "meta l4proto igmp accept",
            "jump judge",
        )

    def _diverted(self, mark: int) -> Iterator[str]:
        """Without connection tracking: a flood of sources fills no table of the kernel."""
        if not self._enforce:
            yield f"meta l4proto udp {_STUN} counter name stun accept"
            return
        for family, port in firewall.responder_ports(self._config).items():
            yield (
                f"meta nfproto {_NFPROTO[family]} meta l4proto udp {_STUN} "
                f"tproxy {family} to :{port} notrack meta mark set meta mark | {mark:#x} "
                "counter name stun accept"
            )

    def _redirected(self, *, own: bool) -> Iterator[str]:
        yield from _to_approved("accept")
        for family, lead in firewall.sinkhole_rules(self._config, own=own).items():
            yield (
                f"meta nfproto {_NFPROTO[family]} meta l4proto {{ tcp, udp }} th dport 53 "
                f"counter name dns {lead}"
            )
        yield "fib daddr type local accept"
        yield from _to_direct("accept")
        if self._gateway.transparent:
            port = self._gateway.transparent_port
            yield "tcp dport 53 accept"
            yield f"meta l4proto tcp counter name proxied redirect to :{port}"

    def _answers(self) -> Iterator[str]:
        yield from _chain(
            "answers",
            "filter hook output priority raw",
            "# The responder's, in the names of others.",
            f"meta l4proto udp {_STUN} fib saddr type != local notrack",
        )

    def _guard(self) -> Iterator[str]:
        """Nobody but the clients may use the proxy, the local site and the responder."""
        config, transparent = self._config, self._gateway.transparent_port
        tcp = {port for _, port in config.stun.listen}
        udp = set(tcp)
        for _, port in firewall.sinkhole(config):
            tcp.add(port)
            udp.add(port)
        if self._gateway.interfaces:
            tcp.add(config.listen[1])
            if config.web.listen is not None:
                tcp.add(config.web.listen[1])
        if self._gateway.transparent:
            tcp.add(transparent)
        inside = f"iifname != {_names(('lo', *self._gateway.interfaces))}"
        lines = [
            self._stop(f"{inside} {protocol} dport {_ports(ports)}", "outside")
            for protocol, ports in (("tcp", tcp), ("udp", udp))
            if ports
        ]
        if self._gateway.transparent:
            lines += [
                "# It asks the kernel where a connection was meant to go: only led ones may come.",
                f"tcp dport {transparent} ct status & dnat == dnat accept",
                self._stop(f"tcp dport {transparent}", "outside"),
            ]
        yield from _chain("guard", "filter hook input priority -10", *lines)

    def _stop(self, match: str, counter: str, how: str = "drop") -> str:
        verdict = how if self._enforce else "accept"
        return f"{match} counter name {counter} {verdict}".lstrip()


def _to_direct(then: str) -> Iterator[str]:
    yield f"ip daddr @direct4 {then}"
    yield f"ip6 daddr @direct6 {then}"


def _to_approved(then: str) -> Iterator[str]:
    yield f"ip daddr . meta l4proto . th dport @approved4 {then}"
    yield f"ip6 daddr . meta l4proto . th dport @approved6 {then}"


def _chain(name: str, hook: str, *lines: str) -> Iterator[str]:
    yield ""
    yield f"chain {name} {{"
    if hook:
        yield f"\ttype {hook}; policy accept;"
    for line in lines:
        yield f"\t{line}"
    yield "}"


def _set(name: str, shape: str, elements: list[str]) -> Iterator[str]:
    yield ""
    yield f"set {name} {{"
    yield f"\t{shape}"
    if elements:
        yield "\telements = {"
        for element in elements:
            yield f"\t\t{element},"
        yield "\t}"
    yield "}"


def _names(names: Iterable[str]) -> str:
    return "{ " + ", ".join(f'"{name}"' for name in names) + " }"


def _ports(ports: Iterable[int]) -> str:
    return "{ " + ", ".join(map(str, sorted(ports))) + " }"
