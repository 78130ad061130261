"""Which page a STUN packet came from: asked of the store before the packet's event is written.

Nothing in the packet names a page. In this order: a page or its signaling had one of the packet's
two ICE user name fragments; a page's list of ICE servers named the server, by its address or by a
name that the client asked for; the client's last page with a guard, if it reported in a moment ago.
What was found is told with its kind of evidence, for the last one is a guess.
"""

import time
from dataclasses import replace
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.ledger.event import Event, timestamp
from rtcguard.ledger.store import Store
from rtcguard.network.names import SITE
from rtcguard.policy.record import Record

MOST: Final = 500  # events of a batch that are asked for: a flood must not hold the writer up
_GUARD_HOLDS: Final = 24 * 3600.0  # seconds that a page may stay open after its guard's report
_TOLD_HOLDS: Final = 3600.0  # between a list of servers, or a name, and the packet
_MOMENT: Final = 60.0


class Attribution:
    """Completes events by what the store has; use it in the store's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def complete(self, batch: list[Event]) -> list[Event]:
        """The events, those of STUN packets with `site`, `name`, `page` and `evidence` if known."""
        left = MOST
        done = []
        for event in batch:
            record = event.record
            if left and record.kind == "stun" and record.client and not record.site:
                left -= 1
                event = replace(event, record=self._completed(record))
            done.append(event)
        return done

    def _completed(self, record: Record) -> Record:
        now = record.began or time.time()  # of a recording, what was before it counts
        name = record.name or self._asked_for(record, now)
        site, evidence = self._site(record, name, now)
        if not site:
            return replace(record, name=name, evidence="name" if name and not record.name else "")
        guarded = self._store.guard_seen(record.client, site, timestamp(now - _GUARD_HOLDS))
        reason = record.reason
        if site == SITE:
            guarded = False
            reason += "; of the leak test, which has a frame without a guard to compare with"
        elif evidence == "time":
            reason += f"; perhaps of a page of {site}, whose guard was the last to report in"
        elif guarded:
            reason += f"; a bypass: the guard of {site} had reported in"
        page = "guarded" if guarded else "unguarded"
        return replace(record, site=site, name=name, page=page, evidence=evidence, reason=reason)

    def _asked_for(self, record: Record, now: float) -> str:
        """The host name that led the client to the packet's destination."""
        host, _ = addresses.host_and_port(record.destination)
        told = self._store.told_of(record.client, host, timestamp(now - _TOLD_HOLDS))
        return told[2] if told else ""

    def _site(self, record: Record, name: str, now: float) -> tuple[str, str]:
        """The site and what ties the packet to it; two empty texts where nothing does."""
        client = record.client
        since = timestamp(now - _TOLD_HOLDS)
        # The client's own fragment stands behind the far side's in a packet, which some turn about;
        # and where only the far side's candidates were read, theirs alone is known.
        for ufrag in filter(None, (record.ufrag, record.far_ufrag)):
            if site := self._store.site_of_ufrag(client, ufrag, since):
                return site, "ufrag"
        _, port = addresses.host_and_port(record.destination)
        for destination in (record.destination, f"{name}:{port}" if name else ""):
            told = self._store.told_of(client, destination, since) if destination else None
            if told and told[1]:
                return told[1], "server"
        site = self._store.last_guarded(client, timestamp(now - _MOMENT))
        return (site, "time") if site else ("", "")
