"""The presets of configs/, each in a real run with that very file: only what is a place's own is
put in, the relay, the addresses and names of this lab, and its authority.

What makes the claims mean something is the control: the same page without rtcguard leaks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from .claims import (
    NOT_PASSED,
    assert_call_went_direct,
    assert_connected_over_relay,
    assert_guarded,
    assert_hidden_hosts_told,
    assert_nothing_reached_the_site,
    assert_only_proxy_and_relay,
    assert_page_learned_nothing,
)
from .guard import PROXY, Configuration, Guard, running_guard
from .leaks import addresses_in, local_names_in
from .net import APPROVED_TURN, CLIENT, GATEWAY, SINK, SITE, SITE_NAME, SITE_TURN, STUN_ONLY
from .servers import PORT
from .transparent.claims import assert_nothing_leaves, assert_site_told_nothing
from .world import BROWSERS, ROOT, Browser, Outcome, World

pytestmark = pytest.mark.lab

PAGE = "data.html"
RELAY = f'"turn:{APPROVED_TURN.v4}:{PORT}?transport=udp"'
RESPONDER = ('listen: ["127.0.0.1:3478"]', f'listen: ["{GATEWAY.v4}:3478"]')
SECRET, CA = "/etc/rtcguard/turn.secret", "/etc/rtcguard/ca.pem"


@dataclass(frozen=True)
class Preset:
    """A preset, and what of it is put in place of its own, once each. SECRET stands for the file
    of the relay's secret, CA for the lab's authority."""

    name: str
    places: tuple[tuple[str, str], ...]
    gateway: bool = False
    end: str = f"upstream: {{trusted_ca: {CA}}}\n"

    def configuration(self) -> Configuration:
        def written(world: World, secret: Path) -> str:
            text = (ROOT / "configs" / f"{self.name}.yaml").read_text()
            for there, here in self.places:
                assert text.count(there) == 1, (self.name, there)
                text = text.replace(there, here)
            text += self.end
            assert SECRET in text and CA in text
            return text.replace(SECRET, str(secret)).replace(CA, str(world.ca.certificate))

        return written


PERSONAL = Preset(
    "personal",
    (
        (
            "\n  servers: []\n",
            f"\n  servers: [{{urls: [{RELAY}], shared_secret_file: {SECRET}}}]\n",
        ),
        ("\nlisten: 127.0.0.1:8080\n", f"\nlisten: {PROXY}\n"),
        RESPONDER,
        ("trusted_ca: null", f"trusted_ca: {CA}"),
    ),
    end="",
)
STRICT = Preset(
    "strict",
    (
        ('"turns:turn.example.org:443?transport=tcp"', RELAY),
        ("site: [meet.example.org]", f"site: [{SITE_NAME}]"),
        RESPONDER,
    ),
)
GATEWAY_PRESET = Preset(
    "gateway",
    (
        ('"turns:turn.example.org:443?transport=tcp"', RELAY),
        ('"turn:turn.example.org:3478?transport=udp", ', ""),
        ('"tls://9.9.9.9#dns.quad9.net", ', ""),
        ('"tls://149.112.112.112#dns.quad9.net"', f'"{SINK.v4}"'),
    ),
    gateway=True,
)
MONITOR = Preset(
    "monitor",
    (
        ('"turn:turn.example.org:3478?transport=udp"', RELAY),
        ("client: [10.9.0.0/16]", f"client: [{CLIENT.v4}]"),
    ),
)


def _call(world: World, preset: Preset, browser: Browser) -> tuple[Outcome, Guard]:
    with running_guard(
        world, gateway=preset.gateway, configuration=preset.configuration()
    ) as guard:
        proxy = None if preset.gateway else PROXY
        outcome = world.call(PAGE, [guard.ca], proxy=proxy, browser=browser)
    return outcome, guard


@pytest.fixture(scope="module")
def bare(world: World) -> dict[Browser, Outcome]:
    """The control."""
    return {one: world.call(PAGE, [world.ca.certificate], browser=one) for one in BROWSERS}


@pytest.mark.parametrize("browser", BROWSERS)
def test_without_rtcguard_the_call_leaks(bare: dict[Browser, Outcome], browser: Browser) -> None:
    assert_call_went_direct(bare[browser])
    assert_hidden_hosts_told(bare[browser])


@pytest.mark.parametrize("browser", BROWSERS)
def test_personal(
    world: World,
    bare: dict[Browser, Outcome],
    browser: Browser,
    verdict: Callable[[str], None],
) -> None:
    outcome, guard = _call(world, PERSONAL, browser)
    verdict(outcome.verdict(f"{browser}: personal.yaml"))
    assert_guarded(outcome, guard)


@pytest.mark.parametrize("browser", BROWSERS)
def test_strict(
    world: World,
    bare: dict[Browser, Outcome],
    browser: Browser,
    verdict: Callable[[str], None],
) -> None:
    """The call connects on the site that is named; by its address it is another site."""
    with running_guard(world, configuration=STRICT.configuration()) as guard:
        with world.session([guard.ca], proxy=PROXY, browser=browser) as session:
            page, elsewhere = session.open_all([PAGE, f"https://{SITE.v4}/{PAGE}"])
        outcome, other = session.outcome(page), session.outcome(elsewhere)
    verdict(outcome.verdict(f"{browser}: strict.yaml"))
    assert_connected_over_relay(outcome)
    assert_page_learned_nothing(outcome)
    assert not elsewhere["connected"]
    assert any("NotAllowed" in error for error in elsewhere["errors"]), elsewhere["errors"]
    assert_page_learned_nothing(other)
    assert_nothing_reached_the_site(outcome)
    assert_only_proxy_and_relay(outcome)
    records = guard.records()
    assert {(r.site, r.action, r.rule) for r in records if r.kind == "connection"} == {
        (SITE_NAME, "scrubbed", "default:page"),
        (SITE.v4, "blocked", "calls on named sites only"),
    }
    told = [record for record in records if addresses_in(str(record), outcome.client_addresses)]
    assert not told, "the ledger is not to name the client"


@pytest.mark.parametrize("browser", BROWSERS)
def test_gateway(
    world: World,
    bare: dict[Browser, Outcome],
    browser: Browser,
    verdict: Callable[[str], None],
) -> None:
    outcome, guard = _call(world, GATEWAY_PRESET, browser)
    verdict(outcome.verdict(f"{browser}: gateway.yaml"))
    assert_connected_over_relay(outcome)
    assert_page_learned_nothing(outcome)
    assert_nothing_leaves(outcome, relay=True)
    assert_site_told_nothing(outcome)
    assert "Traceback" not in guard.log, guard.log


@pytest.mark.parametrize("browser", BROWSERS)
def test_monitor(
    world: World,
    bare: dict[Browser, Outcome],
    browser: Browser,
    verdict: Callable[[str], None],
) -> None:
    """All is as it is without rtcguard, and the ledger tells of each leak what would have been."""
    outcome, guard = _call(world, MONITOR, browser)
    verdict(outcome.verdict(f"{browser}: monitor.yaml"))
    assert_call_went_direct(outcome)
    assert_hidden_hosts_told(outcome)
    records = guard.records()
    assert {record.action for record in records} == {"observed"}
    leaked = addresses_in(outcome.signaled_text, outcome.client_addresses)
    leaked += local_names_in(outcome.signaled_text)
    for address in leaked:
        for ring in ("page", "signaling"):
            would = {r.would for r in records if r.address == address and r.ring == ring}
            assert would and would <= NOT_PASSED | {"scrubbed"}, (address, ring, would)
    for server in (STUN_ONLY.v4, SITE_TURN.v4):
        would = {r.would for r in records if r.kind == "server" and server in r.destination}
        assert would and would <= NOT_PASSED, (server, would)
    connections = {(r.rule, r.would) for r in records if r.kind == "connection"}
    assert connections == {("no WebRTC for guests", "blocked"), ("default:page", "scrubbed")}
    assert "Traceback" not in guard.log, guard.log
