"""What a person is told of a call: every row of the table, by what the rings really say."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rtcguard.ledger.calls import split
from rtcguard.ledger.outcome import OUTCOMES, Outcome, outcome
from rtcguard.ledger.query import Filter
from rtcguard.ledger.story import sentence, story
from rtcguard.network import stun
from rtcguard.policy.record import ACTIONS, KINDS, Record
from tests.calls import FAR, HOST, RELAYED, SRFLX, Scene

MONITOR = "mode: monitor\n"
BLOCKED = "rules: [{name: no calls, match: {site: meet.example.org}, action: block}]\n"
BLOCKED_RELAYS = "rules: [{name: none, match: {candidate: relay}, action: block}]\n"
KEPT = "rules: [{name: in house, match: {candidate: host}, action: keep}]\n"
KEEPING = "inbound: keep\n"
STRIPPED = "inbound: strip\n"
WATCHED = (
    "rules: [{name: try, match: {candidate: relay}, action: strip, mode: monitor}]\n"
)  # fmt: skip


def relayed(scene: Scene) -> None:
    scene.loads()
    scene.connects("stun:stun.example", "turn:turn.site.example")
    scene.offers(RELAYED, ufrag="aaaa")
    scene.hears(FAR, "page")


def bypassing(scene: Scene) -> None:
    relayed(scene)
    scene.asks(ufrag="aaaa")


def seeing(scene: Scene) -> None:
    relayed(scene)
    scene.sees(HOST.format(ufrag="aaaa"))


def unguarded(scene: Scene) -> None:
    scene.offers(HOST, SRFLX, ufrag="aaaa")


def with_site_turn(scene: Scene) -> None:
    scene.is_told_of("turn:turn.site.example")
    unguarded(scene)


def unconfirmed(scene: Scene) -> None:
    scene.offers(HOST, RELAYED, ufrag="aaaa")
    scene.hears(FAR)


def unguarded_relay(scene: Scene) -> None:
    scene.offers(HOST, RELAYED, ufrag="aaaa")
    scene.hears(FAR)


def behind_the_firewall(scene: Scene) -> None:
    scene.offers(HOST, RELAYED, ufrag="aaaa")
    scene.hears(FAR, "network")


def connecting(scene: Scene) -> None:
    scene.loads()
    scene.connects("turn:turn.site.example")


def silent(scene: Scene) -> None:
    connecting(scene)
    scene.hears(FAR, "page")


def opaque(scene: Scene) -> None:
    connecting(scene)
    scene.tell(
        [Record("signaling", "payload", "observed", "outbound", site=scene.site,
                client=scene.client, candidate_type="opaque", rule="default:opaque")]
    )  # fmt: skip


def failing(scene: Scene) -> None:
    connecting(scene)
    scene.tell(
        [Record("signaling", "payload", "blocked", "outbound", site=scene.site,
                client=scene.client, rule="default:on_error", reason="it is damaged")]
    )  # fmt: skip


def allocating(scene: Scene) -> None:
    scene.asks(method=stun.ALLOCATE)


def packets(scene: Scene) -> None:
    scene.asks()


def tunneled(scene: Scene) -> None:
    scene.tell(
        [Record("network", "stun", "kept", "outbound", client=scene.client,
                destination="turn.ours.example:3478", rule="relay:servers",
                reason="Allocate request: this TURN server is approved")]
    )  # fmt: skip


def listed(scene: Scene) -> None:
    scene.is_told_of("stun:stun.example")


def described(scene: Scene) -> None:
    scene._says("outbound", {"type": "offer", "sdp": "v=0\r\nc=IN IP4 192.168.7.5\r\n"})


# What happened, under what policy, with a relay or without; the word for lists; what has to be in
# the two sentences.
TOLD: list[tuple[Callable[[Scene], None], str, bool, str, str, str]] = [
    (relayed, "", True, "over the relay", "relay 203.0.113.50", "Nothing."),
    (
        unguarded_relay,
        "inbound: keep\n",
        True,
        "over a relay",
        "203.0.113.50",
        "has seen the client",
    ),
    (behind_the_firewall, "", True, "over the relay", "relay 203.0.113.50", "Nothing."),
    (relayed, WATCHED, True, "over the relay", "relay 203.0.113.50", "Nothing."),
    (relayed, "", False, "no relay", "there is no relay", "add a TURN server under relay.servers"),
    (relayed, MONITOR, True, "only watched", "scrubbed 2, stripped 2", "`mode: enforce`"),
    (bypassing, "", True, "bypass", "to 192.0.2.3:3478; ring 3 held it: answered", "gateway up"),
    (seeing, "", True, "seen by the page", "saw 192.168.7.5", "Block the site"),
    (connecting, BLOCKED, True, "blocked", "'no calls' (rules.yaml:3)", "change rule 'no calls'"),
    (unconfirmed, BLOCKED_RELAYS, True, "blocked", "'none' (rules.yaml:3)", "change rule 'none'"),
    (failing, "", True, "blocked", "it is damaged", "meet.example.org"),
    (unguarded, KEPT, True, "let out", "192.168.7.5, by 'in house' (rules.yaml:3)", "change"),
    (unconfirmed, "", True, "far side stripped", "cannot have connected", "`inbound: keep`"),
    (unconfirmed, STRIPPED, True, "far side stripped", "inbound:strip", "`inbound: auto`"),
    (unguarded, "", True, "nothing connected", "All 2 candidates", "through rtcguard"),
    (with_site_turn, "", True, "nothing connected", "All 2", "turn.site.example:3478"),
    (silent, "", True, "no answer of a relay", "credentials", "rtcguard doctor"),
    (opaque, "", True, "not seen", "encrypted", "candidate: opaque"),
    (allocating, "", True, "refused", "192.0.2.3:3478", "write it under relay.servers"),
    (packets, "", True, "refused", "192.0.2.3:3478", "no STUN server"),
    (tunneled, "", True, "over the relay", "turn.ours.example:3478", "Nothing."),
    (listed, "", True, "no call", "stun.example:3478", "Nothing."),
    (described, "", True, "nothing held back", "Nothing of it", "Nothing."),
]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[Callable[[Scene], None], str, bool], Scene]]:
    made: list[Scene] = []

    def scene(happens: Callable[[Scene], None], config: str, relay: bool) -> Scene:
        made.append(Scene(tmp_path / "ledger.sqlite", config, relay))
        happens(made[0])
        return made[0]

    yield scene
    for one in made:
        one.close()


def told(scene: Scene) -> Outcome:
    (call,) = split(scene.store.events(Filter(), 1000))
    places = {rule.name: f"{rule.file}:{rule.line}" for rule in scene.config.rules}
    assert story(call)
    return outcome(call, places)


@pytest.mark.parametrize(("happens", "config", "relay", "name", "what", "change"), TOLD)
def test_outcomes(
    make: Callable[..., Scene],
    happens: Callable[[Scene], None], config: str, relay: bool, name: str, what: str, change: str,
) -> None:  # fmt: skip
    made = told(make(happens, config, relay))
    assert made.name == name
    assert what in made.sentence and change in made.change
    assert made.sentence.endswith(".") and made.change.endswith(".")


def test_every_row_was_told() -> None:
    assert {name for _, _, _, name, _, _ in TOLD} == {row[0] for row in OUTCOMES}
    assert len(TOLD) > len(OUTCOMES)


def test_a_guess_is_no_bypass(make: Callable[..., Scene]) -> None:
    """What is tied to a page by time alone may be another program's."""
    scene = make(relayed, "", True)
    scene.asks(to="192.0.2.200")
    assert scene.events[-1].record.evidence == "time"
    assert told(scene).name == "over the relay"


def test_a_story(make: Callable[..., Scene]) -> None:
    scene = make(bypassing, "", True)
    scene.asks(ufrag="aaaa")
    (call,) = split(scene.store.events(Filter(), 1000))
    lines = story(call)
    assert [line.text for line in lines[:2]] == [
        "The page guard is in force.",
        "The page asked for policy 'all' and 2 server URLs by constructor; made relay-only.",
    ]
    assert {line.text for line in lines[2:4]} == {
        "The page named the server stun.example: taken out (a stun server is told the client's "
        "address).",
        "The page named the server turn.site.example: taken out (the site's own TURN server is "
        "told the client's address).",
    }
    assert [line.text for line in lines[4:]] == [
        "The client offered a relay candidate 203.0.113.50: passed, without the related address.",
        "The far side offered a host candidate 203.0.113.99: passed (the page is confirmed to be "
        "relay-only).",
        "A STUN packet went to 192.0.2.3:3478: answered with an error (Binding request: refused "
        "with 403 Forbidden; a bypass: the guard of meet.example.org had reported in); tied to "
        "the page by its ICE user name fragment.",
    ]
    assert (lines[-1].count, len(lines[-1].events), lines[-1].evidence) == (2, 2, "ufrag")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("action", ACTIONS)
def test_every_event_has_a_sentence(kind: str, action: str) -> None:
    record = Record("network", kind, action, name="n", destination="d", would="stripped")
    assert sentence(record).endswith(".") and sentence(record)[0].isupper()
