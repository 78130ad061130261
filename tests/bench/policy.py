"""A configuration of an office that writes everything down: 1,000 rules, 10,000 networks."""

import random
import statistics
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Final

from rtcguard.policy.decide import decide
from rtcguard.policy.load import load
from rtcguard.policy.rule import Network, Subject
from rtcguard.policy.rules import Rules
from tests.bench.process import MEASURED_CORE, on_core
from tests.bench.servers import Servers
from tests.bench.table import Line, compare, single

_RULES: Final = 1000
_NETWORKS: Final = 10  # of a rule
_QUESTIONS: Final = 2000


def run(servers: Servers) -> Iterator[Line]:
    chance = random.Random(1)
    networks = [_network(chance) for _ in range(_RULES * _NETWORKS)]
    text = _written(networks)
    with on_core(MEASURED_CORE):
        began = time.perf_counter()
        config = load(text, "bench.yaml")
        took = time.perf_counter() - began
        began = time.perf_counter()
        Rules(config.rules)
        indexed = time.perf_counter() - began
        questions = [_question(chance, networks, number) for number in range(_QUESTIONS)]
        times = []
        for subject in questions:
            began = time.perf_counter()
            decide(config, subject)
            times.append(time.perf_counter() - began)
    what = f"an unseen decision among {_RULES} rules with {len(networks)} networks, µs"
    yield single(what, 1e6 * statistics.median(times), "{:.1f}", None, 5)
    yield single("  load of the file, ms", 1e3 * took, "{:.0f}", None, 200)
    yield compare("  of which making the index, ms", 1e3 * indexed, None, "{:.0f}")


def _network(chance: random.Random) -> Network:
    length = chance.choice((16, 20, 24, 28))
    return ip_network((chance.getrandbits(32) >> 32 - length << 32 - length, length))


def _written(networks: list[Network]) -> str:
    """Most rules are of sites and clients; every tenth names more."""
    lines = ["version: 1", "rules:"]
    for place in range(_RULES):
        own = networks[place * _NETWORKS : (place + 1) * _NETWORKS]
        more = ""
        if place % 10 == 0:
            more = f", port: {1000 + place}-65535, time: 'mon-fri 08:00-18:00', address: public"
        lines += [
            f"  - name: rule {place}",
            f'    match: {{site: ["s{place}.example.org", "*.d{place}.example"], '
            f"client: [{', '.join(map(str, own))}], candidate: host{more}}}",
            "    action: keep",
        ]
    return "\n".join(lines) + "\n"


def _question(chance: random.Random, networks: list[Network], number: int) -> Subject:
    """Half of the clients and sites are in some rule; none was asked about before."""
    place = chance.randrange(2 * _RULES)
    client = chance.choice(networks)[1] if chance.random() < 0.5 else chance.getrandbits(32)
    sites = (f"s{number}.example.org", f"a{number}.b.d{place}.example")
    bits = 32 if chance.random() < 0.7 else 128
    return Subject(
        site=chance.choice(sites),
        client=str(ip_address(client)),
        direction="outbound",
        candidate="host",
        address=str(ip_address(chance.getrandbits(bits))),
        port=443,
        minute=chance.randrange(7 * 24 * 60),
    )
