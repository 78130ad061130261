"""Between a packet and its answer: who may have one (`admission`), which (`responder`), and what is
told of it (`folding`). Pure: the sockets bring the packets and the time, and take the records.

A Binding request without attributes, as browsers send to STUN servers, is answered alike each time
but for its transaction id. What was decided for one source and destination is therefore *known*,
and holds for the next such request until the minute, or the policy, ends.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from rtcguard.ice.server import ServerUri
from rtcguard.network import responder
from rtcguard.network.admission import STRANGER, Admission
from rtcguard.network.folding import Folding, Tally
from rtcguard.policy.decide import flow_rule
from rtcguard.policy.model import HostPort, Policy
from rtcguard.policy.record import Record, decided_by
from rtcguard.policy.rule import Subject

# What the responder does is done in monitor mode too, and told as such.
_NOTHING_TO_PASS_ON: Final = "in monitor mode too, for a responder has nothing to pass on"
_LED_HERE: Final = "it was led to the responder: the firewall opens to relay.servers alone"


@dataclass(frozen=True, slots=True)
class Known:
    """A source that was answered: where its next request is counted, for ledger and rate."""

    tally: Tally
    place: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """`datagram` goes back; None: silence. `known` is set where the packet was answered."""

    datagram: bytes | None
    known: Known | None


class Reception:
    """One for all sockets of a thread. `now` is in seconds since 1970 in every call."""

    def __init__(self, policy: Policy, minute: Callable[[], int] = lambda: -1) -> None:
        """`minute` tells the minute of the week, for rules that name a time."""
        self._minute = minute
        self._folding = Folding()
        self._before: list[Record] = []  # of the policies before this one, and not told yet
        self._turns = 0
        self.policy = policy
        self.use(policy)

    def use(self, policy: Policy) -> None:
        """From the next packet on, this policy decides. What was counted until now is told as what
        the one before decided."""
        self._before = self.rest()
        self.policy = policy
        self._admission = Admission(policy.config.stun.clients, policy.config.stun.rate)
        self._turns += 1

    @property
    def generation(self) -> int:
        """What is known holds while this stays the same."""
        return self._turns + self._folding.rounds

    @property
    def due(self) -> float:
        """When `records` is to be asked, though nothing came."""
        return self._folding.due

    def judge(
        self,
        packet: bytes,
        source: HostPort,
        destination: HostPort,
        now: float,
        *,
        vouched: Callable[[], bool] = lambda: False,
        carrier: str = "",
    ) -> Judgement:
        """Decides one packet, by all rules.

        `vouched` says whether it came by an interface that the gateway's clients are behind, and
        is asked only of a source in none of the networks. `carrier` goes before the event's words.
        """
        admission = self._admission
        place = admission.place(source[0])
        hindrance = None
        if not admission.is_client(source[0]) and not vouched():
            hindrance = STRANGER
        elif not admission.left(place, now):
            hindrance = admission.too_many
        reply = responder.answer(packet, source, destination, self.policy, hindrance)
        if reply.datagram is not None:
            admission.grant(place, 1, now)
        known = None
        for record in reply.records:
            if hindrance is None and reply.protocol and self.policy.config.index.has("flow"):
                transport = "tcp" if carrier == "TCP" else "udp"
                uri = ServerUri(reply.protocol, *destination, transport)
                record = self._by_rule(record, uri)
            if self.policy.config.mode == "monitor" and record.action != "observed":
                record = replace(record, reason=f"{record.reason}; {_NOTHING_TO_PASS_ON}")
            tally = self.record(record, now, carrier)
            known = None if reply.datagram is None else Known(tally, place)
        return Judgement(reply.datagram, known)

    def _by_rule(self, record: Record, to: ServerUri) -> Record:
        """The record with the rule that speaks of such a packet. What is answered stays the same:
        silence would only make clients wait, and what came here cannot be passed on."""
        subject = Subject(
            site="",
            client=record.client,
            direction="outbound",
            ring="network",
            server=str(to),
            destination=to.host,
            port=to.port,
            protocol=to.scheme,
            minute=self._minute(),
        )
        decision = flow_rule(self.policy.config, subject)
        if decision is None:
            return record
        if decision.action in ("keep", "observe"):
            reason = f"{record.reason}; {decision.reason}, but {_LED_HERE}"
            return replace(record, reason=reason)
        return replace(record, rule=decision.rule, reason=f"{record.reason}; {decision.reason}")

    def again(self, known: Known, count: int, now: float) -> bool:
        """Whether `count` more of the same are answered too; each is to be judged where not."""
        if now >= self._folding.due or not self._admission.grant(known.place, count, now):
            return False
        known.tally.add(count, now)
        return True

    def record(self, record: Record, now: float, carrier: str = "") -> Tally:
        if carrier:
            record = replace(record, reason=f"{carrier}: {record.reason}")
        return self._folding.add(record, now)

    def records(self, now: float) -> list[Record]:
        """What is to be told now."""
        if now >= self._folding.due:
            self._folding.settle()
        return self._taken()

    def rest(self) -> list[Record]:
        """All that was counted, at the end."""
        self._folding.settle()
        return self._taken()

    def _taken(self) -> list[Record]:
        before, self._before = self._before, []
        return before + decided_by(self.policy.version, self._folding.take())
