"""Which events are one call, whoever asks."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtcguard.ledger.calls import PAUSE, Call, split
from rtcguard.ledger.query import Filter
from rtcguard.policy.record import Record
from tests.calls import FAR, HOST, RELAYED, SITE, Scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "ledger.sqlite")
    yield made
    made.close()


def calls(scene: Scene) -> list[Call]:
    return split(scene.store.events(Filter(), 1000))


def call(scene: Scene, ufrag: str) -> None:
    scene.loads()
    scene.connects("stun:stun.example")
    scene.offers(HOST, RELAYED, ufrag=ufrag)
    scene.hears(FAR, "page")


def test_all_of_one_page(scene: Scene) -> None:
    scene.is_told_of("stun:192.0.2.3:3478")
    call(scene, "aaaa")
    scene.asks(ufrag="aaaa")
    scene.asks()  # known by the list of servers
    (found,) = calls(scene)
    assert (found.site, found.client, found.ufrags) == (SITE, "10.0.0.5", ["aaaa"])
    assert len(found.events) == len(scene.events)
    assert found.id == found.events[0].id  # the list came first
    assert {event.record.evidence for event in found.events} == {"", "ufrag", "server"}


def test_the_page_loaded_again_makes_another(scene: Scene) -> None:
    call(scene, "aaaa")
    call(scene, "bbbb")
    first, second = calls(scene)
    assert (first.ufrags, second.ufrags) == (["aaaa"], ["bbbb"])
    assert second.events[0].record.kind == "guard"
    assert second.id in {event.id for event in second.events[1:3]}  # of the same report


def test_what_has_a_fragment_stays_with_it(scene: Scene) -> None:
    """A packet that comes late, or the far side's candidate of an ICE restart."""
    call(scene, "aaaa")
    call(scene, "bbbb")
    scene.asks(ufrag="aaaa")
    first, second = calls(scene)
    late = scene.events[-1].id
    assert first.events[-1].id == late != second.events[-1].id


def test_the_connections_of_one_page_are_one(scene: Scene) -> None:
    call(scene, "aaaa")
    scene.connects("stun:stun.example")
    scene.offers(RELAYED, ufrag="bbbb")
    assert [found.ufrags for found in calls(scene)] == [["aaaa", "bbbb"]]


@pytest.mark.parametrize(("pause", "count"), [(PAUSE - 1, 1), (PAUSE + 1, 2)])
def test_a_pause(scene: Scene, pause: float, count: int) -> None:
    call(scene, "aaaa")
    scene.now += pause
    scene.offers(RELAYED, ufrag="bbbb")
    assert len(calls(scene)) == count


def test_of_others(scene: Scene) -> None:
    call(scene, "aaaa")
    scene.site = "other.example"
    call(scene, "bbbb")
    scene.client = "10.0.0.6"
    call(scene, "cccc")
    scene.site = ""
    scene.asks(to="192.0.2.200", ufrag="dddd")  # a program's
    assert [(found.client, found.site, found.ufrags) for found in calls(scene)] == [
        ("10.0.0.5", SITE, ["aaaa"]),
        ("10.0.0.5", "other.example", ["bbbb"]),
        ("10.0.0.6", "other.example", ["cccc", "dddd"]),  # the guard had just reported in
    ]


def test_a_program_has_calls_too(scene: Scene) -> None:
    scene.asks(ufrag="dddd")
    (found,) = calls(scene)
    assert (found.site, found.ufrags) == ("", ["dddd"])


def test_names_and_other_packets(scene: Scene) -> None:
    name = Record("network", "name", "refused", client=scene.client, name="stun.example")
    scene.tell([name])
    call(scene, "aaaa")
    scene.tell([name])
    udp = Record("network", "udp", "blocked", client=scene.client, destination="203.0.113.99:5000")
    scene.tell([udp, Record("network", "udp", "blocked", client=scene.client, destination="x:1")])
    (found,) = calls(scene)
    kinds = [event.record.kind for event in found.events]
    assert kinds[0] == "name" and kinds[-2:] == ["name", "udp"]
    assert found.id != found.events[0].id  # a name alone makes no call


def test_what_is_no_call(scene: Scene) -> None:
    scene.loads()
    scene.tell([Record("network", "name", "refused", client=scene.client, name="stun.example")])
    scene.tell([Record("signaling", "payload", "blocked", client=scene.client, site=SITE)])
    scene.tell([Record("ledger", "rtcguard", "observed")])
    assert calls(scene) == []


def test_every_part_of_the_ledger_says_the_same(scene: Scene) -> None:
    """Calls are found by their events alone: in a part of them too, and whoever wrote them when."""
    for ufrag in ("aaaa", "bbbb", "cccc"):
        call(scene, ufrag)
        scene.now += 3 * PAUSE
    everything = {found.id: found.ufrags for found in calls(scene)}
    assert len(everything) == 3
    for call_ in calls(scene):
        since = Filter(call_.events[0].time)
        later = {found.id: found.ufrags for found in split(scene.store.events(since, 1000))}
        assert later.items() <= everything.items() and call_.id in later
    mixed = scene.events.copy()
    random.Random(1).shuffle(mixed)
    mixed.sort(key=lambda event: event.time)
    assert {found.id: found.ufrags for found in split(mixed)} == everything
