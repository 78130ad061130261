"""The ruleset's text: what is in it for which configuration, and that nft takes all of it."""

import subprocess
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rtcguard.app import gateway as gateway_command
from rtcguard.network import firewall, ruleset
from rtcguard.network.firewall import Endpoint, Route
from rtcguard.policy.load import load
from rtcguard.policy.model import Config, Gateway, Sinkhole, Stun
from tests.network.wires import require

STUN = Stun(listen=(("0.0.0.0", 3478), ("::", 3479)))


def gateway(**keys: object) -> Config:
    return Config(stun=STUN, gateway=Gateway(interfaces=("lan0",), **keys))  # type: ignore[arg-type]


def chain(text: str, name: str) -> list[str]:
    """The lines of one chain, without its comments."""
    _, _, rest = text.partition(f"chain {name} {{\n")
    body, _, _ = rest.partition("\t}\n")
    return [line.strip() for line in body.splitlines() if "#" not in line]


def test_the_clients_stun_is_diverted() -> None:
    assert chain(ruleset.ruleset(gateway()), "divert") == [
        "type filter hook prerouting priority raw; policy accept;",
        'iifname != { "lan0" } accept',
        "fib daddr type { local, broadcast, anycast, multicast } accept",
        "ip daddr @direct4 accept",
        "ip6 daddr @direct6 accept",
        "ip daddr . meta l4proto . th dport @approved4 accept",
        "ip6 daddr . meta l4proto . th dport @approved6 accept",
        "meta nfproto ipv4 meta l4proto udp @th,96,32 0x2112a442 tproxy ip to :3478 notrack "
        "meta mark set meta mark | 0x1000000 counter name stun accept",
        "meta nfproto ipv6 meta l4proto udp @th,96,32 0x2112a442 tproxy ip6 to :3479 notrack "
        "meta mark set meta mark | 0x1000000 counter name stun accept",
    ]


def test_the_last_word_is_drop() -> None:
    lines = chain(ruleset.ruleset(gateway()), "judge")
    assert lines[-1] == "counter name other_transport drop"
    assert lines.index("meta l4proto udp counter name other_udp drop") > lines.index(
        "udp dport 443 counter name quic reject with icmpx port-unreachable"
    )


def test_monitoring_stops_nothing() -> None:
    config = replace(gateway(own=True, users=("0",), transparent=True), mode="monitor")
    text = ruleset.ruleset(config, [0])
    rules = [line for line in text.splitlines() if "#" not in line and "comment" not in line]
    assert not [line for line in rules if "drop" in line or "reject" in line or "tproxy" in line]


def test_monitoring_says_that_packets_are_only_counted() -> None:
    """In status and in the kernel, which takes comments of 127 bytes."""
    watching = replace(gateway(), mode="monitor")
    for name, what in firewall.counters(watching).items():
        stops = name not in ("approved", "direct", "proxied", "dns")
        assert what.endswith("; in monitor mode: counted, and let through") == stops
        assert len(what) < 128
        assert f'counter {name} {{ comment "{what}"; }}' in ruleset.ruleset(watching)
    assert firewall.counters(gateway()) == firewall.COUNTERS


def test_a_replacement_is_one_transaction() -> None:
    text = ruleset.ruleset(gateway())
    assert text.startswith("table inet rtcguard\ndelete table inet rtcguard\ntable inet rtcguard {")
    assert ruleset.ruleset(gateway()) == text


def test_policy_routing() -> None:
    assert firewall.routes(gateway()) == [
        Route("4", "lan0", firewall.CLIENT_MARK),
        Route("6", "lan0", firewall.CLIENT_MARK),
    ]
    only4 = replace(gateway(own=True), stun=Stun(listen=(("0.0.0.0", 3478), ("::1", 3478))))
    assert firewall.routes(only4) == [
        Route("4", "lan0", firewall.CLIENT_MARK),
        Route("4", "lo", firewall.OWN_MARK),
    ]
    assert firewall.routes(replace(gateway(), stun=Stun(listen=()))) == []
    assert firewall.routes(gateway())[0].rule == (
        "pref 3478 fwmark 0x1000000/0x1000000 iif lan0 lookup 3478"
    )


def test_an_element_is_renewed_whether_or_not_it_is_there() -> None:
    endpoint = Endpoint("2001:db8::1", "tcp", 443, "turn.example", 600)
    assert ruleset.refreshed([endpoint]).splitlines() == [
        "add element inet rtcguard approved6 { 2001:db8::1 . tcp . 443 }",
        "delete element inet rtcguard approved6 { 2001:db8::1 . tcp . 443 }",
        "add element inet rtcguard approved6 "
        '{ 2001:db8::1 . tcp . 443 timeout 600s comment "turn.example" }',
    ]


def test_the_shipped_gateway_leaves_nothing_closed_by_mistake() -> None:
    shipped = Path(__file__).parents[2] / "configs" / "gateway.yaml"
    config = load(shipped.read_text(), "gateway.yaml")
    assert list(gateway_command.notes(config)) == []
    text = ruleset.ruleset(config)
    assert "redirect to :8082" in text
    assert "redirect to :5300" in text
    assert {route.family for route in firewall.routes(config)} == {"4", "6"}


ports = st.integers(1, 65535)
hosts = st.sampled_from(["0.0.0.0", "::", "127.0.0.1", "192.0.2.1", "2001:db8::1"])
listens = st.tuples(hosts, ports)
networks = st.one_of(
    st.ip_addresses().map(ip_network),
    st.builds(
        lambda address, length: ip_network((address, min(length, address.max_prefixlen)), False),
        st.ip_addresses(),
        st.integers(0, 128),
    ),
)
names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,14}", fullmatch=True)
configs = st.builds(
    Config,
    mode=st.sampled_from(["enforce", "monitor"]),
    listen=listens,
    stun=st.builds(Stun, listen=st.lists(listens, max_size=3).map(tuple)),
    sinkhole=st.builds(Sinkhole, listen=st.lists(listens, max_size=2).map(tuple)),
    gateway=st.builds(
        Gateway,
        interfaces=st.lists(names, max_size=3, unique=True).map(tuple),
        own=st.booleans(),
        transparent=st.booleans(),
        transparent_port=ports,
        resolvers=st.lists(networks, max_size=3).map(tuple),
        direct=st.lists(networks, max_size=3).map(tuple),
    ),
)
endpoints = st.builds(
    Endpoint,
    address=st.ip_addresses().map(str),
    transport=st.sampled_from(["udp", "tcp"]),
    port=ports,
    name=st.from_regex(r"[A-Za-z0-9_.:%-]{1,255}", fullmatch=True),
    seconds=st.integers(0, 86400),
)


@settings(max_examples=8)  # of twenty each
@given(st.lists(st.tuples(configs, st.lists(endpoints, max_size=3, unique_by=lambda e: e.key)),
                min_size=20, max_size=20))  # fmt: skip
def test_nft_takes_every_ruleset(made: list[tuple[Config, list[Endpoint]]]) -> None:
    """Checked in a namespace that ends with it, several in one call."""
    require()
    text = "".join(
        ruleset.ruleset(config, [0, 4294967294], approved, table=f"rtcguard{index}")
        for index, (config, approved) in enumerate(made)
    )
    done = subprocess.run(
        ["unshare", "--net", "nft", "-c", "-f", "-"], input=text, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr + text
