"""Which page a STUN packet is told to come from, and by what evidence."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtcguard.ledger import attribution as module
from rtcguard.ledger.attribution import Attribution
from rtcguard.ledger.event import Event, timestamp
from rtcguard.ledger.store import Store
from rtcguard.ledger.writer import stamped
from rtcguard.network import responder, stun
from rtcguard.policy.model import Config, Policy
from rtcguard.policy.record import Record

CLIENT, SITE = "10.0.0.1", "a.example"
PACKET = {"ring": "network", "kind": "stun", "action": "refused", "client": CLIENT,
          "destination": "192.0.2.3:3478", "reason": "refused"}  # fmt: skip


def event(ago: float = 1.0, **of: object) -> Event:
    values = {"ring": "page", "kind": "guard", "action": "observed", "client": CLIENT, **of}
    moment = timestamp(time.time() - ago)
    name = f"{sorted(values.items())} {ago}"
    return Event(moment, name, "n", Record(**values), moment)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "ledger.sqlite")
    yield made
    made.close()


def completed(store: Store, *known: Event, **of: object) -> Record:
    store.add(known)
    (made,) = Attribution(store).complete([event(**{**PACKET, **of})])
    return made.record


def told(record: Record) -> tuple[str, str, str, str]:
    return (record.site, record.name, record.page, record.evidence)


def test_nothing_is_known(store: Store) -> None:
    assert completed(store) == event(**PACKET).record


def test_another_client_is_nobodys_page(store: Store) -> None:
    others = {"client": "10.0.0.2", "site": SITE}
    server = event(kind="server", destination="192.0.2.3:3478", **others)
    found = completed(store, event(**others), server, event(ufrag="abcd", **others), ufrag="abcd")
    assert told(found) == ("", "", "", "")


def test_by_user_name_fragment(store: Store) -> None:
    signaled = event(kind="candidate", ring="signaling", ufrag="abcd", site=SITE)
    later = event(0.5, site="last.example")
    assert told(completed(store, signaled, later, ufrag="abcd")) == (SITE, "", "unguarded", "ufrag")


@pytest.mark.parametrize("username", ["FARU:abcd", "abcd:FARU"])
@pytest.mark.parametrize("known", ["abcd", "FARU"])
def test_by_either_fragment_of_a_packet(store: Store, username: str, known: str) -> None:
    """As the responder reads it; also where the signaling of one direction could not be read."""
    store.add([event(kind="candidate", ring="signaling", ufrag=known, site=SITE)])
    attributes = ((stun.USERNAME, username.encode()),)
    packet = stun.encode(stun.BINDING, stun.REQUEST, bytes(12), attributes)
    policy = Policy(Config(), ())
    records = responder.answer(packet, (CLIENT, 5000), ("192.0.2.3", 5), policy).records
    (made,) = Attribution(store).complete(list(stamped(records, "n")))
    assert (made.record.site, made.record.evidence) == (SITE, "ufrag")
    assert made.record.ufrag == username.partition(":")[2]


def test_the_own_fragment_goes_before_the_far_sides(store: Store) -> None:
    own = event(kind="candidate", ufrag="abcd", site=SITE)
    far = event(0.5, kind="candidate", ufrag="FARU", site="far.example")
    found = completed(store, own, far, ufrag="abcd", far_ufrag="FARU")
    assert told(found) == (SITE, "", "unguarded", "ufrag")
    assert told(completed(store, ufrag="none", far_ufrag="FARU"))[0] == "far.example"


def test_the_stronger_evidence_goes_first(store: Store) -> None:
    """A fragment before a list of servers, that before a name, and time last of all."""
    by_time = event(3, site="time.example")
    asked = event(kind="name", name="stun.example", destination="192.0.2.3")
    listed = event(2, kind="server", destination="stun.example:3478", site="list.example")
    signaled = event(50, kind="candidate", ufrag="abcd", site="fragment.example")
    packet = {"ufrag": "abcd"}
    sites = []
    for known in (by_time, listed, asked, signaled):
        record = completed(store, known, **packet)
        sites.append((record.site, record.evidence))
    assert sites == [
        ("time.example", "time"),
        ("time.example", "time"),
        ("list.example", "server"),
        ("fragment.example", "ufrag"),
    ]


def test_a_page_whose_guard_only_watched_is_no_bypass(store: Store) -> None:
    listed = event(kind="server", destination="192.0.2.3:3478", site=SITE)
    watched = event(10, site=SITE, would="observed")
    assert told(completed(store, listed, watched)) == (SITE, "", "unguarded", "server")


def test_by_server(store: Store) -> None:
    listed = event(kind="server", destination="192.0.2.3:3478", site=SITE)
    assert told(completed(store, listed)) == (SITE, "", "unguarded", "server")


def test_by_name_and_server(store: Store) -> None:
    """The list has the name, DNS ties the name to the address."""
    listed = event(kind="server", destination="stun.example:3478", site=SITE)
    asked = event(kind="name", name="stun.example", destination="192.0.2.3")
    assert told(completed(store, listed, asked)) == (SITE, "stun.example", "unguarded", "server")


def test_by_name_alone(store: Store) -> None:
    asked = event(kind="name", name="stun.example", destination="2001:db8::3")
    found = completed(store, asked, destination="[2001:db8::3]:3478")
    assert told(found) == ("", "stun.example", "", "name")


def test_a_bypass(store: Store) -> None:
    listed = event(kind="server", destination="192.0.2.3:3478", site=SITE)
    found = completed(store, listed, event(7200, site=SITE))
    assert told(found) == (SITE, "", "guarded", "server")
    assert found.reason == f"refused; a bypass: the guard of {SITE} had reported in"


def test_by_time_is_a_guess(store: Store) -> None:
    found = completed(store, event(30, site=SITE), event(20, site="last.example"))
    assert told(found) == ("last.example", "", "guarded", "time")
    assert "perhaps" in found.reason and "bypass" not in found.reason


def test_a_while_ago_is_no_evidence(store: Store) -> None:
    old = [
        event(90, site=SITE),
        event(4000, kind="server", destination="192.0.2.3:3478", site=SITE),
    ]
    assert told(completed(store, *old)) == ("", "", "", "")


def test_other_events_stay(store: Store) -> None:
    store.add([event(site=SITE)])
    for other in (
        event(**{**PACKET, "kind": "name"}),
        event(**{**PACKET, "site": "known.example"}),
    ):
        assert Attribution(store).complete([other]) == [other]


def test_a_flood(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not asked for is written all the same."""
    monkeypatch.setattr(module, "MOST", 3)
    store.add([event(site=SITE)])
    made = Attribution(store).complete([event(n / 100, **PACKET) for n in range(5)])
    assert [one.record.site for one in made] == [SITE, SITE, SITE, "", ""]


def test_a_packet_of_a_recording_is_tied_to_what_was_told_then(store: Store) -> None:
    year = 365 * 86400.0
    signaled = event(year, kind="candidate", ring="signaling", ufrag="abcd", site=SITE)
    then = time.time() - year + 5
    assert told(completed(store, signaled, ufrag="abcd")) == ("", "", "", "")
    assert told(completed(store, signaled, ufrag="abcd", began=then)) == (
        SITE,
        "",
        "unguarded",
        "ufrag",
    )


def test_the_leak_test_s_packets_are_no_bypass(store: Store) -> None:
    """One of its frames has a guard that reports in, the other has none."""
    own = {"site": "rtcguard.test"}
    signaled = event(kind="candidate", ring="signaling", ufrag="abcd", **own)
    for found in (completed(store, event(**own), signaled, ufrag="abcd"), completed(store)):
        assert told(found)[::2] == ("rtcguard.test", "unguarded")
        assert "of the leak test" in found.reason
        assert "bypass" not in found.reason
