"""What the tests claim of clients behind the gateway."""

from __future__ import annotations

from collections.abc import Iterable

from ..capture import Packet, flows
from ..leaks import addresses_in, beyond_relay, packets_to
from ..net import APPROVED_TURN
from ..world import Outcome, Sights


def assert_nothing_leaves(seen: Sights | Outcome, *, relay: bool = False) -> None:
    """No packet of the client's passed the gateway but to the approved relay, and the gateway
    itself took no STUN further, in whoever's name. `relay`: it was used."""
    arrived = beyond_relay(seen.arrived)
    assert not arrived, f"the client reached more than the relay:\n{flows(arrived)}"
    stun = stun_of(seen.carried)
    assert not stun, f"the gateway took STUN further:\n{flows(stun)}"
    assert not relay or packets_to(seen.arrived, APPROVED_TURN.addresses) > 0, flows(seen.arrived)


def stun_of(packets: Iterable[Packet]) -> list[Packet]:
    return [packet for packet in packets if packet.is_stun]


def assert_site_told_nothing(seen: Sights | Outcome) -> None:
    """Nothing that reached the site names the client: no text, no packet's source, no ICE check."""
    told = [item for item in seen.received if addresses_in(str(item), seen.client_addresses)]
    assert not told, told
