"""`rtcguard gateway`: all or nothing on the way up, nothing left behind, what is missing said."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rtcguard.app import gateway
from rtcguard.app.gateway_status import Status, status
from rtcguard.errors import StartError
from rtcguard.ledger.store import Store
from rtcguard.network import firewall_status, netfilter
from rtcguard.network.keeper import Keeper
from rtcguard.network.resolving import Names
from rtcguard.policy.model import Config, Relay, RelayServer, Sinkhole, Stun
from tests.nameserver import NameServer, loopback
from tests.network.wires import CONFIG, Wires, config, within


def kernel(wires: Wires) -> str:
    """Everything that the firewall could touch."""
    run = wires.lab.run
    asked = [["nft", "-s", "list", "ruleset"]]
    for family in ("-4", "-6"):
        asked += [["ip", family, "rule"], ["ip", family, "route", "show", "table", "all"]]
    return "\n".join(run(wires.lab.gateway, *command) for command in asked)


def command(wires: Wires, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ip", "netns", "exec", wires.lab.gateway, sys.executable, "-m", "rtcguard", "gateway",
         *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **({"PATH": path} if path else {})},
    )  # fmt: skip


@pytest.fixture
def file(wires: Wires) -> Path:
    made = wires.lab.directory / "rtcguard.yaml"
    made.write_text(CONFIG % "transparent: true, own: true, users: [root]")
    return made


def test_down_leaves_nothing_behind(wires: Wires, file: Path) -> None:
    before = kernel(wires)
    made = command(wires, "up", "--config", str(file))
    assert (made.returncode, made.stdout) == (0, "the firewall is up\n")
    once = kernel(wires)
    assert "table inet rtcguard" in once and "lookup 3478" in once
    assert command(wires, "up", "--config", str(file)).returncode == 0
    assert kernel(wires) == once
    made = command(wires, "down")
    assert (made.returncode, made.stdout) == (0, "the firewall is down\n")
    assert kernel(wires) == before
    made = command(wires, "down")
    assert (made.returncode, made.stdout) == (0, "there was no firewall\n")
    assert kernel(wires) == before


def test_another_configuration_takes_the_place_of_the_first(wires: Wires) -> None:
    before = kernel(wires)
    with wires.firewall(config("own: true, users: [root]")):
        within(wires.lab.gateway, lambda: gateway.up(config()))
        alone = kernel(wires)
    assert kernel(wires) == before
    with wires.firewall(config()):
        assert kernel(wires) == alone


def test_down_after_ipv6_was_turned_off(wires: Wires) -> None:
    def turn(off: int) -> None:
        key = f"net.ipv6.conf.lo.disable_ipv6={off}"
        wires.lab.run(wires.lab.gateway, "sysctl", "-qw", key)

    with wires.firewall():
        turn(1)
    try:
        assert within(wires.lab.gateway, lambda: netfilter.routed("6")) == []
        with wires.firewall() as made:  # without IPv6 there is nothing to route, and none missing
            assert not [line for line in look(wires, made).missing if "-6" in line]
    finally:
        turn(0)


FAILING = """#!/bin/sh
# Fails where the real table would be loaded, after the trial and the routes.
case "$*" in
-f*) text=$(cat)
     case "$text" in *"counter applied"*) echo "Error: No space left" >&2; exit 1;; esac
     echo "$text" | {nft} "$@";;
*) exec {nft} "$@";;
esac
"""


@pytest.mark.parametrize("before_it", [False, True])
def test_a_failure_takes_everything_back(
    wires: Wires, file: Path, tmp_path: Path, before_it: bool
) -> None:
    """Also where a firewall of another configuration was up: it stays as it is."""
    (tmp_path / "nft").write_text(FAILING.format(nft=shutil.which("nft")))
    (tmp_path / "nft").chmod(0o755)
    if before_it:
        within(wires.lab.gateway, lambda: gateway.up(config()))
    try:
        before = kernel(wires)
        path = f"{tmp_path}:{os.environ['PATH']}"
        made = command(wires, "up", "--config", str(file), path=path)
        assert made.returncode == 2
        assert made.stderr == "rtcguard: nft -f - failed (1): Error: No space left\n"
        assert kernel(wires) == before
    finally:
        within(wires.lab.gateway, gateway.down)


def test_a_routing_table_of_somebody_else_is_left_alone(wires: Wires, file: Path) -> None:
    route = ["blackhole", "192.0.2.0/24", "table", "3478"]
    wires.lab.run(wires.lab.gateway, "ip", "route", "add", *route)
    try:
        before = kernel(wires)
        made = command(wires, "up", "--config", str(file))
        assert made.returncode == 2
        assert made.stderr == (
            "rtcguard: routing table 3478 (IPv4) holds routes that are not rtcguard's\n"
        )
        assert kernel(wires) == before
    finally:
        wires.lab.run(wires.lab.gateway, "ip", "route", "delete", *route)


def test_what_cannot_be_put_up_is_said_in_one_line(
    wires: Wires, file: Path, tmp_path: Path
) -> None:
    nothing = tmp_path / "nothing.yaml"
    nothing.write_text("version: 1\n")
    made = command(wires, "up", "--config", str(nothing))
    assert (made.returncode, made.stderr.count("\n")) == (2, 1)
    assert "gateway.interfaces" in made.stderr
    nobody = tmp_path / "nobody.yaml"
    nobody.write_text(CONFIG % "own: true, users: [no-such-user]")
    made = command(wires, "up", "--config", str(nobody))
    assert (made.returncode, made.stderr.count("\n")) == (2, 1)
    assert "no user 'no-such-user'" in made.stderr
    # Without the right to do it: a namespace of users that may not touch this network.
    made = subprocess.run(
        ["unshare", "--user", sys.executable, "-m", "rtcguard", "gateway", "up",
         "--config", str(file)], capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (made.returncode, made.stderr) == (
        2,
        "rtcguard: nft may not be used by this user; run it as root, or with CAP_NET_ADMIN\n",
    )


def test_show_needs_no_rights_and_no_nft(file: Path) -> None:
    made = subprocess.run(
        ["unshare", "--user", sys.executable, "-m", "rtcguard", "gateway", "show",
         "--config", str(file)], capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert made.returncode == 0
    assert made.stdout.startswith("table inet rtcguard\n")
    assert made.stdout.endswith("# ip -6 rule add pref 3478 fwmark 0x2000000/0x2000000 iif lo "
                                "lookup 3478\n")  # fmt: skip


def look(wires: Wires, made: Config) -> Status:
    return within(wires.lab.gateway, lambda: status(made))


def test_status(wires: Wires, file: Path) -> None:
    made = config("transparent: true, own: true, users: [root]")
    assert look(wires, made).missing[0].startswith("the table is not there")
    with (
        wires.responder(4),
        wires.responder(6),
        wires.listen("gateway", 4, 8082),
        wires.listen("gateway", 6, 8082),
        wires.firewall(made),
    ):
        assert look(wires, made).missing == ()
        shown = command(wires, "status", "--config", str(file))
        assert shown.returncode == 0
        assert "QUIC" in shown.stdout
        assert shown.stdout.endswith("the firewall is up and complete\n")
        other = replace(made, gateway=replace(made.gateway, transparent=False))
        assert "another configuration" in " ".join(look(wires, other).missing)
    with wires.firewall(made):
        shown = command(wires, "status", "--json", "--config", str(file))
        assert shown.returncode == 1
        told = json.loads(shown.stdout)
        assert told["ok"] is False
        assert len(told["missing"]) == 4  # neither responder nor proxy, in two families
        assert told["counters"]["quic"] == {
            "packets": 0, "bytes": 0, "what": "QUIC, refused so that pages come over TCP",
        }  # fmt: skip
        assert {one["name"] for one in told["approved"]} == {"198.51.100.10", "2001:db8:100::10"}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (["nft", "flush", "chain", "inet", "rtcguard", "judge"], "changed by hand"),
        (["nft", "insert", "rule", "inet", "rtcguard", "forwarded", "accept"], "changed by hand"),
        (["nft", "add", "table", "inet", "rtcguard", "{", "flags", "dormant;", "}"],
         "changed by hand"),
        (["nft", "add", "element", "inet", "rtcguard", "approved4", "{", "192.0.2.1", ".", "udp",
          ".", "443", "}"], "changed by hand"),
        (["nft", "add", "element", "inet", "rtcguard", "direct4", "{", "0.0.0.0/0", "}"],
         "changed by hand"),
        (["nft", "delete", "table", "inet", "rtcguard"], "not there"),
        (["ip", "rule", "delete", "pref", "3478"], "routing rule: ip -4 rule add pref 3478"),
        (["ip", "-6", "route", "flush", "table", "3478"], "route: ip -6 route add local"),
        (["sysctl", "-qw", "net.ipv4.ip_forward=0"], "IPv4 is not forwarded"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(wires: Wires, change: list[str], word: str) -> None:
    with wires.firewall() as made:
        before = look(wires, made).missing
        wires.lab.run(wires.lab.gateway, *change)
        try:
            missing = set(look(wires, made).missing) - set(before)
            assert word in " ".join(missing)
            assert len(missing) == 1
        finally:
            wires.lab.run(wires.lab.gateway, "sysctl", "-qw", "net.ipv4.ip_forward=1")


def test_interfaces_that_no_packet_comes_from(wires: Wires) -> None:
    def run(*arguments: str) -> None:
        wires.lab.run(wires.lab.gateway, "ip", "link", *arguments)

    run("add", "br9", "type", "bridge")
    run("add", "port9", "master", "br9", "type", "veth", "peer", "down9")
    try:
        names = ("port9", "none9", "down9")
        made = replace(config(), gateway=replace(config().gateway, interfaces=names))
        missing = look(wires, made).missing
        assert "interface port9: it is a port of the bridge br9; name the bridge in its place" in (
            missing
        )
        assert "interface none9: there is no such interface" in missing
        assert "interface down9: it is down" in missing
    finally:
        run("delete", "port9")
        run("delete", "br9")


def test_what_the_configuration_leaves_closed_is_noted(wires: Wires) -> None:
    made = replace(
        config("own: true, users: [root], resolvers: [192.0.2.53]"),
        stun=Stun(listen=(("127.0.0.1", 3478), ("::", 3478))),
    )
    told = " ".join(gateway.notes(made))
    assert "STUN over IPv4 is dropped" in told and "STUN over IPv6" not in told
    assert "DNS of this machine to other machines over IPv6" in told
    assert "DNS of the clients to other machines over IPv6" in told
    assert "other machines over IPv4" not in told
    sunk = replace(made, sinkhole=Sinkhole(listen=(("127.0.0.1", 5353),)))
    told = " ".join(gateway.notes(sunk))
    assert "DNS of the clients to other machines over IPv4" in told
    assert "DNS of this machine to other machines over IPv4" not in told


UNITS = Path(__file__).parents[2] / "configs" / "deploy" / "systemd"


def confined(unit: str) -> list[str]:
    """A command's beginning that leaves it the user and the capabilities that a unit has."""
    (line,) = [
        line for line in (UNITS / unit).read_text().splitlines() if line.startswith("AmbientCap")
    ]
    names = [name.removeprefix("CAP_").lower() for name in line.partition("=")[2].split()]
    names.append("dac_read_search")  # Python itself may lie where only root reads
    held = ",".join(["-all", *(f"+{name}" for name in names)])
    sets = [f"--{kind}={held}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    user = ["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
    return ["setpriv", *user, *sets, sys.executable, "-m", "rtcguard"]


def test_the_capabilities_of_the_units_are_enough(wires: Wires, file: Path) -> None:
    """And the user needs none of root's files."""
    file.write_text(CONFIG % "transparent: true")
    lab, state = wires.lab, wires.lab.directory / "state"
    lab.directory.chmod(0o755)
    state.mkdir()
    os.chown(state, 65534, 65534)
    environment = {**os.environ, "RTCGUARD_STATE_DIR": str(state), "HOME": "/nonexistent"}
    firewall = confined("rtcguard-gateway.service")

    def said(*arguments: str) -> str:
        argv = ["ip", "netns", "exec", lab.gateway, *firewall, "gateway", *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environment)
        return done.stdout + done.stderr

    assert "the firewall is up\n" in said("up", "--config", str(file))
    argv = [*confined("rtcguard.service"), "run", "--config", str(file)]
    run = lab.start(lab.gateway, "run", argv, environment)
    try:
        run.wait_log("ready", 60)
        assert said("status", "--config", str(file)).endswith("is up and complete\n")
        store = Store(state / "ledger.sqlite3")
        run.wait_until("a heartbeat", lambda: bool(store.rings_up("")), 60)
        ((_, ring, name, detail),) = store.rings_up("")
        store.close()
        assert (ring, name, detail) == ("network", "gateway", "10.77.0.0/24 2001:db8:77::/64")
    finally:
        run.stop()
        assert said("down") == "the firewall is down\n"


# Names of approved servers, asked of a name server in the gateway's namespace.

NAMED = ("turn:turn.example:3478", "turn:192.0.2.9")


@pytest.fixture
def named() -> Config:
    return replace(config(), relay=Relay(servers=(RelayServer(NAMED, "u", "c"),)))


def answering(wires: Wires) -> NameServer:
    return within(wires.lab.gateway, loopback)


def asking(server: NameServer) -> Names:
    return Names(["127.0.0.1"], server.port, lifetime=0.3, hosts=Path("/dev/null"))


def let_through(wires: Wires) -> dict[str, int]:
    listing = within(wires.lab.gateway, netfilter.listing)
    assert listing is not None
    loaded = firewall_status.read(listing, frozenset({"turn.example", "192.0.2.9"}))
    return {endpoint.key: endpoint.seconds for endpoint in loaded.approved}


def test_up_resolves_and_keeps_what_it_cannot_resolve_again(wires: Wires, named: Config) -> None:
    with answering(wires) as server, wires.firewall(config()):
        put_up = lambda: gateway.up(named, asking(server))  # noqa: E731
        server.silent = True
        notes = within(wires.lab.gateway, put_up)
        assert notes[-1].startswith("turn.example cannot be resolved (no name server answered)")
        assert set(let_through(wires)) == {"192.0.2.9 . udp . 3478"}
        server.silent = False
        server.records = {("turn.example", "A"): (60, ["192.0.2.1"])}
        assert not [n for n in within(wires.lab.gateway, put_up) if "be resolved" in n]
        server.silent = True
        within(wires.lab.gateway, put_up)
        found = let_through(wires)
        assert set(found) == {"192.0.2.9 . udp . 3478", "192.0.2.1 . udp . 3478"}
        assert 0 < found["192.0.2.1 . udp . 3478"] <= 4 * 3600
        assert found["192.0.2.9 . udp . 3478"] == 0
        server.silent = False
        server.records = {("turn.example", "A"): (60, ["192.0.2.9"])}  # what has an address too
        within(wires.lab.gateway, put_up)
        assert let_through(wires)["192.0.2.9 . udp . 3478"] == 0
        within(wires.lab.gateway, lambda: gateway.up(config()))
        assert "192.0.2.1 . udp . 3478" not in let_through(wires)  # no longer approved


def test_the_keeper(
    wires: Wires, named: Config, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fills the sets, follows the name, says that clients are held only while they are."""
    monkeypatch.setattr("rtcguard.network.approved.ASK_SOONEST", 0)
    reports: list[list[str]] = []
    with answering(wires) as server:
        server.records = {("turn.example", "A"): (0, ["192.0.2.1"])}
        keeper = Keeper(named, gateway.text(named), reports.append, asking(server))

        def look() -> None:
            within(wires.lab.gateway, lambda: asyncio.run(keeper.look()))

        look()
        assert reports == []
        assert "the table is not there" in caplog.text
        server.silent = True
        within(wires.lab.gateway, lambda: gateway.up(named, asking(server)))
        try:
            server.silent = False
            look()
            assert "the firewall holds again" in caplog.text
            (held,) = reports
            assert {"10.77.0.0/24", "2001:db8:77::/64"} <= set(held)
            assert "192.0.2.1 . udp . 3478" in let_through(wires)
            server.records = {("turn.example", "AAAA"): (0, ["2001:db8::1"])}
            look()
            assert {"192.0.2.1 . udp . 3478", "2001:db8::1 . udp . 3478"} <= set(let_through(wires))
            server.records = {("turn.example", "A"): (0, ["192.0.2.9"])}
            look()
            assert let_through(wires)["192.0.2.9 . udp . 3478"] == 0  # still for good
            server.records = {}
            look()
            assert "turn.example cannot be resolved (no such name)" in caplog.text
            assert "2001:db8::1 . udp . 3478" in let_through(wires)  # until its time ends
            other = replace(named, relay=replace(named.relay, servers=()))
            fresh = Keeper(other, gateway.text(other), reports.append, asking(server))
            within(wires.lab.gateway, lambda: asyncio.run(fresh.look()))
            assert not let_through(wires)  # what another configuration approved is closed
            told = len(reports)
            wires.lab.run(wires.lab.gateway, "nft", "flush", "chain", "inet", "rtcguard", "judge")
            look()
            assert "changed by hand" in caplog.text
            assert len(reports) == told
        finally:
            within(wires.lab.gateway, gateway.down)


def test_nothing_is_up_without_a_firewall(wires: Wires) -> None:
    with pytest.raises(StartError, match="asks for no firewall"):
        gateway.up(Config())
