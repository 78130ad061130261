"""The responder on a gateway: STUN to any server and port is answered in that server's name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from .net import CLIENT, GATEWAY, LAN, SITE, WAN, Lab, Role
from .process import LabError, Process

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces are made by root"),
]

PORT = 3478
MARK = 0x7C
ODD_PORTS = (19302, 53, 443, PORT)
RULES = f"""
table inet divert {{
  chain prerouting {{
    type filter hook prerouting priority mangle
    iifname "{LAN}" meta l4proto udp @th,96,32 0x2112a442 meta nfproto ipv4 tproxy ip to :{PORT} \
meta mark set {MARK} accept
    iifname "{LAN}" meta l4proto udp @th,96,32 0x2112a442 meta nfproto ipv6 tproxy ip6 to :{PORT} \
meta mark set {MARK} accept
  }}
}}
"""
# What is left of root's rights.
NONE = ("setpriv", "--bounding-set=-all")
ONLY_RAW = ("setpriv", "--bounding-set=-all,+net_raw")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as built:
        for family in ("-4", "-6"):
            ip = ("ip", family)
            built.run(built.gateway, *ip, "rule", "add", "fwmark", str(MARK), "lookup", "124")
            route = ("route", "add", "local", "default", "dev", "lo", "table", "124")
            built.run(built.gateway, *ip, *route)
        yield built


def responder(lab: Lab, events: Path, *rights: str, interfaces: Sequence[str] = (LAN,)) -> Process:
    module = ["-m", "tests.lab.stun_gateway"]
    argv = [*rights, sys.executable, *module, str(events), str(PORT), *interfaces]
    return lab.start(lab.gateway, "responder", argv, cwd=Path(__file__).parents[2])


def divert(lab: Lab) -> None:
    rules = lab.directory / "divert.nft"
    rules.write_text(RULES)
    lab.run(lab.gateway, "nft", "-f", str(rules))


def ask(lab: Lab, host: str, *ports: int) -> list[dict[str, object]]:
    argv = [sys.executable, "-m", "tests.lab.stun_client", host, *map(str, ports)]
    done = subprocess.run(
        ["ip", "netns", "exec", lab.client, *argv],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("server", [SITE, Role("203.0.113.5", "2001:db8:ffff::5")])
@pytest.mark.parametrize("version", [4, 6])
def test_answers_come_from_whom_was_asked(lab: Lab, server: Role, version: int) -> None:
    host = server.v4 if version == 4 else server.v6
    client = CLIENT.v4 if version == 4 else CLIENT.v6
    events = lab.directory / f"events-{host}.jsonl"
    running = responder(lab, events, *ONLY_RAW)
    try:
        running.wait_log("ready")
        unruled = ask(lab, host, 19302)
        divert(lab)
        answers = ask(lab, host, *ODD_PORTS)
    finally:
        running.stop()
        subprocess.run(["ip", "netns", "exec", lab.gateway, "nft", "delete table inet divert"])
    assert unruled and all("error" in one for one in unruled), (
        "nothing but the rules brings it here"
    )
    assert len(answers) == 4 * len(ODD_PORTS)
    for answer in answers:
        assert answer["from"] == [host, answer["port"]], answer
        assert (
            answer["same"] and answer["class"] == 3 and str(answer["code"]).startswith("00000403")
        )
    told = [json.loads(line) for line in events.read_text().splitlines()]
    shown = f"[{host}]" if version == 6 else host
    assert {one["destination"] for one in told} == {f"{shown}:{port}" for port in ODD_PORTS}
    assert {(one["client"], one["action"]) for one in told} == {(client, "refused")}


@pytest.mark.parametrize("interfaces", [(LAN,), (WAN,)])
def test_a_public_source_is_answered_where_clients_are(
    lab: Lab, interfaces: tuple[str, ...]
) -> None:
    """The client's IPv6 address is a public one, in none of stun.clients; it asks the gateway."""
    events = lab.directory / f"events-{interfaces[0]}.jsonl"
    running = responder(lab, events, *ONLY_RAW, interfaces=interfaces)
    try:
        running.wait_log("ready")
        answers = ask(lab, GATEWAY.v6, PORT)
    finally:
        running.stop()
    known = interfaces == (LAN,)
    assert all(("error" in answer) != known for answer in answers), answers
    told = [json.loads(line) for line in events.read_text().splitlines()]
    assert {one["rule"] for one in told} == {"stun:refuse" if known else "stun:clients"}


def test_the_missing_right_is_told_in_one_line(lab: Lab) -> None:
    running = responder(lab, lab.directory / "events-none.jsonl", *NONE)
    with pytest.raises(LabError) as caught:
        running.wait_log("ready")
    (line,) = running.log.read_text().splitlines()
    assert line.startswith("cannot start: gateway: ") and "CAP_NET_RAW" in line
    assert "ended with 1" in str(caught.value)
