"""What a ring saw and what it did: an event of the ledger before it has a time, an id and a node.

The pure parts return records; the edge stamps them (`ledger/event.py`). The fields are those of
every event, in the same words.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

ACTIONS: Final = ("kept", "scrubbed", "stripped", "refused", "blocked", "observed")
RINGS: Final = ("page", "signaling", "network", "ledger")
KINDS: Final = (
    *("candidate", "description", "server", "connection", "guard", "stun", "udp", "name"),
    *("payload", "rtcguard"),
)

Ring = Literal["page", "signaling", "network", "ledger"]


@dataclass(frozen=True, slots=True)
class Record:
    """One attempt, or several equal ones. What is not known stays empty; `port` 0 is unknown.

    `kind` says what it was: candidate, description (an SDP line outside candidates), server (an
    ICE server that a page asked for), connection (a page made an RTCPeerConnection), guard (a
    page's guard reported in), stun (a STUN packet), udp (other
    UDP), name (a DNS query), payload (a whole message), rtcguard (itself).

    `page` is what is known of ring 1 where something reached the network: `guarded` (the site's
    guard has reported in for this client), `unguarded`, or nothing. `evidence` says what tied the
    attempt to `site`, where it was not seen there: `ufrag`, `server`, `name`, `time`.
    `user` has signed in at the proxy. In monitor mode `action` is `observed`, as nothing was held
    back, and `would` is the action that would have been. `policy` is the version of the
    policy that decided; who hands the record over writes it.
    `began` and `ended` are seconds since 1970, of the first and the last of `count`; 0: now.
    `far_ufrag` is the far side's fragment beside the client's own: it ties a packet to a page, and
    is not kept.
    """

    ring: Ring
    kind: str
    action: str
    direction: str = ""
    site: str = ""
    client: str = ""
    address: str = ""
    port: int = 0
    scope: str = ""
    candidate_type: str = ""
    destination: str = ""
    name: str = ""
    ufrag: str = ""
    rule: str = ""
    reason: str = ""
    page: str = ""
    evidence: str = ""
    user: str = ""
    would: str = ""
    policy: str = ""
    count: int = 1
    began: float = 0.0
    ended: float = 0.0
    far_ufrag: str = ""


def decided_by(version: str, records: Iterable[Record]) -> list[Record]:
    """The records, each naming the policy that decided it."""
    return [replace(record, policy=version) for record in records]
