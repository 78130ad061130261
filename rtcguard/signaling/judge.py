"""What is decided about each finding of a message, what is written over it, what is recorded."""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.ice import address as addresses
from rtcguard.ice import candidate as candidates
from rtcguard.policy.decide import Decision, decide, decide_server
from rtcguard.policy.model import Config
from rtcguard.policy.record import Record
from rtcguard.policy.rule import OPAQUE, RuleAction, Subject
from rtcguard.policy.told import DONE, monitored
from rtcguard.signaling import edits, making, sdp
from rtcguard.signaling.message import Message
from rtcguard.signaling.servers import ServerAt
from rtcguard.signaling.structured import Fields
from rtcguard.signaling.views import Make, View

# No call has as many. The bound keeps the time that one message can take, in a proxy that serves
# others too.
MAX_FINDINGS: Final = 5000

# What percent-encoding and XML write for a character: as `scan` looks for it.
_HIDDEN: Final = re.compile(rb"%(?:[2-7][0-9A-Fa-f]|0[9ADad])|&(?:#x?[0-9A-Fa-f]{1,5}|quot);")
_MARK: Final = re.compile(r"[.:]")  # one is in every address, and in every whole host name
_IPV4: Final = re.compile(rb"([0-9]{1,3}(?:\.[0-9]{1,3}){3})[^0-9]?$", re.DOTALL)
_LOCAL_NAME: Final = re.compile(rb"([0-9a-z.-]*[0-9a-z-]\.local).?$", re.IGNORECASE | re.DOTALL)
# What stands around a value: quotes, or bytes of a binary message.
_ENDS: Final = frozenset("\"'") | frozenset(map(chr, (*range(32), *range(127, 256))))

_Key = tuple[object, ...]  # what a record tells; the same twice is one event
_Records = tuple[tuple[_Key, Record], ...]


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What becomes of one candidate, wherever it stands."""

    decision: Decision
    tombstone: Make  # for a line of SDP
    told: _Records
    kept: frozenset[str]  # canonical addresses that go on with it
    gone: frozenset[str]  # and those taken out
    others: tuple[candidates.Span, ...] = ()
    related_port: candidates.Span | None = None
    plain: bool = False  # readable, and called a candidate


class _Same:
    """A value that is told from others by what it is, not by what it holds: that takes long."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __hash__(self) -> int:
        return id(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._value is self._value


# A client sends the same candidates again: one by one, in its offer, in the next offer.
_MOST_REMEMBERED: Final = 200


@dataclass(frozen=True, slots=True)
class _Memory:
    """What was decided between two parties; it depends on nothing else."""

    verdicts: dict[tuple[bytes, str], _Verdict | None] = field(default_factory=dict)
    scrubbed: dict[tuple[str, str], _Records] = field(default_factory=dict)

    def trim(self) -> None:
        for known in (self.verdicts, self.scrubbed):
            if len(known) > _MOST_REMEMBERED:
                known.clear()


@lru_cache(maxsize=64)
def _remembered(_config: _Same, _parties: tuple[str, ...], _confirmed: str) -> _Memory:
    return _Memory()


def forget() -> None:
    """Lets go of what was decided by configurations that are replaced, and of these themselves."""
    _remembered.cache_clear()


class Judge:
    """The findings of one message so far."""

    def __init__(self, message: Message, config: Config) -> None:
        self.blocked = ""
        self.has_findings = False
        self.has_servers = False
        self._names_servers = self._replaces_servers = False  # any; any that is not just dropped
        self.is_full = False
        self.unsettled = False  # what was edited is no plain candidate: it is to be seen again
        self._message, self._config = message, config
        self._findings = 0
        self._kept: set[str] = set()  # canonical addresses that go on
        self._gone: set[str] = {addresses.canonical(message.client)} - {""}
        self._memory = _remembered(
            _Same(config),
            (
                message.site,
                message.client,
                message.direction,
                message.destination,
                message.path if config.index.names_paths else "",
                message.protocol,
                message.user,
                str(message.minute) if config.index.names_times else "",
            ),
            message.confirmed,
        )
        self._memory.trim()
        self._subject = subject_of(message)
        # By what they tell, so that a candidate repeated in each section is one event.
        self._records: dict[_Key, Record] = {}

    def records(self) -> tuple[Record, ...]:
        return tuple(self._records.values())

    def block(self, reason: str) -> None:
        self.blocked = self.blocked or reason

    def refuse(self, reason: str) -> None:
        """Blocks a message for what it is as a whole."""
        self.block(reason)
        self._add(
            self._recorded("payload", Decision("block", "default:opaque", reason), "", 0, "", "")
        )

    # Candidates -----------------------------------------------------------------------------

    def candidate(self, view: View, at: sdp.CandidateAt) -> None:
        """Decides one candidate and edits it, unless it is none, or inert already."""
        written = view.text[at.start : at.end]
        known = (written, at.ufrag)
        verdicts = self._memory.verdicts
        if known not in verdicts:
            verdicts[known] = self._verdict(written, at.ufrag)
        verdict = verdicts[known]
        if verdict is None:
            return
        self.has_findings = True
        self._count()
        self._kept |= verdict.kept
        self._gone |= verdict.gone
        self._add(verdict.told)
        if verdict.decision.action == "block":
            self.block(verdict.decision.reason)
        elif verdict.decision.action == "strip":
            made = verdict.tombstone if at.line else making.inert(written)
            if not self._replace(view, at.start, at.end, made):
                self.block("a candidate in it cannot be overwritten in place")
            self.unsettled = self.unsettled or not verdict.plain
        elif verdict.decision.action == "scrub":
            self._scrub_related(view, at.start, verdict)

    def candidate_within(self, view: View, at: sdp.Within) -> None:
        """Decides a candidate in the midst of other text: its addresses alone are overwritten."""
        if self._message.direction == "inbound" and not at.glued:
            return  # nobody takes a candidate out of prose; what a server tells is not the client's
        if _HIDDEN.search(view.text, at.start, at.end):
            return
        address = view.text[slice(*at.address)].decode("latin-1")
        kind = at.type if at.type in candidates.TYPES else "unknown"
        if addresses.is_unroutable(address) or view.covers(at.address[0]):
            return
        self.has_findings = self.unsettled = True
        self._count()
        decision = self._decide(kind, address)
        if decision.action == "strip":
            self._gone.add(addresses.canonical(address))
            self._overwrite(view, *at.address)
        else:
            self._kept.add(addresses.canonical(address))
        if decision.action in ("strip", "scrub"):
            # What tells an end may be a letter by chance, so both readings count.
            for end in sorted({at.told, at.end}):
                self._overwrite_all(view, at.address[1], end)
        self._add(self._recorded("candidate", decision, address, at.port, kind, ""))

    def _overwrite_all(self, view: View, first: int, last: int) -> None:
        """Overwrites every address in a stretch of text."""
        text = view.text[first:last].decode("latin-1")
        for start, end in addresses.spans(text):
            if not addresses.is_unroutable(text[start:end]) and not view.covers(first + start):
                self._gone.add(addresses.canonical(text[start:end]))
                self._overwrite(view, first + start, first + end)

    def candidate_fields(self, view: View, at: Fields) -> None:
        """Decides a candidate that is written field by field: its addresses are overwritten."""
        address = view.text[slice(*at.address)].decode("latin-1")
        if addresses.is_unroutable(address):
            return
        self.has_findings = self.unsettled = True
        self._count()
        decision = self._decide(at.type, address)
        gone = list(at.others) if decision.action in ("strip", "scrub") else []
        if decision.action == "strip":
            gone.append(at.address)
        else:
            self._kept.add(addresses.canonical(address))
        for start, end in gone:
            told = view.text[start:end].decode("latin-1")
            if addresses.canonical(told) in self._kept or addresses.is_unroutable(told):
                continue
            if not view.covers(start):
                self._gone.add(addresses.canonical(told))
                self._overwrite(view, start, end)
        self._add(self._recorded("candidate", decision, address, at.port, at.type, ""))

    def opaque(self) -> None:
        """Decides a message with a description that no view shows: encrypted, or compressed in a
        way of its own. Rings 1 and 3 hold what it may tell."""
        self._add(self._recorded("payload", self._decide(OPAQUE, ""), "", 0, OPAQUE, ""))

    def _verdict(self, written: bytes, ufrag: str) -> _Verdict | None:
        if _HIDDEN.search(written):
            return None  # another view shows what is meant
        text = written.decode("latin-1")
        try:
            parsed = candidates.parse(text)
        except ParseError as error:
            return self._unreadable(text, ufrag, str(error))
        if candidates.is_inert(parsed):
            return None
        kind = parsed.type if parsed.type in candidates.TYPES else "unknown"
        decision = self._decide(kind, parsed.address, parsed.transport)
        if not ufrag:
            ufrag = next((value for name, value in parsed.extensions if name == "ufrag"), "")
        told = self._recorded("candidate", decision, parsed.address, parsed.port, kind, ufrag)
        own = {addresses.canonical(parsed.address)}
        related = {addresses.canonical(text[a:b]) for a, b in parsed.others}
        return _Verdict(
            decision=decision,
            tombstone=making.tombstone(kind),
            told=told,
            kept=frozenset() if decision.action == "strip" else frozenset(own),
            gone=frozenset(
                own | related
                if decision.action == "strip"
                else related
                if decision.action == "scrub"
                else ()
            ),
            others=parsed.others,
            related_port=parsed.related_port_span,
            plain="andidate:" in text.lower(),
        )

    def _unreadable(self, text: str, ufrag: str, error: str) -> _Verdict | None:
        """A candidate that no strict parser reads counts as not relay: some browser may read it."""
        if not text.lstrip().lower().startswith("a=") and not candidates.has_type(text):
            return None  # prose that begins with the word
        if not any(len(word) > 2 and _MARK.search(word) for word in text.split()[1:]):
            return None  # nothing in it could be an address: a template, say
        address = candidates.loose_address(text)
        if not address and any(addresses.is_unroutable(word) for word in text.split()):
            return None  # reaches nobody: one of ours, with what stood behind it
        decision = self._decide("unknown", address)
        stays = decision.action in ("keep", "observe")
        if not stays:
            action: RuleAction = "block" if decision.action == "block" else "strip"
            decision = replace(decision, action=action, reason=f"not readable: {error}")
        told = self._recorded("candidate", decision, address, 0, "unknown", ufrag)
        own = frozenset((addresses.canonical(address),))
        return _Verdict(
            decision=decision,
            tombstone=making.tombstone("unreadable"),
            told=told,
            kept=own if stays else frozenset(),
            gone=frozenset() if stays else own,
        )

    def _scrub_related(self, view: View, start: int, verdict: _Verdict) -> None:
        """Overwrites raddr, rport and every other address beside the candidate's own."""
        for span in verdict.others:
            self._overwrite(view, start + span[0], start + span[1])
        port = verdict.related_port
        if not verdict.others or port is None:
            return
        if not self._replace(view, start + port[0], start + port[1], edits.port):
            self.block("a related port in it cannot be overwritten in place")

    # Addresses outside of candidates ----------------------------------------------------------

    def default_address(self, view: View, at: sdp.AddressAt) -> None:
        """Takes out an address on one of SDP's own lines, unless it is a relay's that goes on."""
        self.has_findings = True
        self.unsettled = self.unsettled or at.line == "a=remote-candidates"
        text = view.text[at.start : at.end].decode("latin-1")
        canonical = addresses.canonical(text)
        if not _is_harmless(text) and canonical not in self._kept and not view.covers(at.start):
            self._gone.add(canonical)
            self._scrub(view, at.start, at.end, text, at.line)

    def repeated_address(self, view: View, end: int, *, is_ipv4: bool) -> None:
        """Takes out an address that ends about `end`, if it is one that must not be told: one that
        was taken out elsewhere, or a private one that is a value by itself."""
        if is_ipv4:  # it has one spelling only
            word, is_own = _ipv4_at_end(view.text[max(0, end - 16) : end])
            if not is_own and word not in self._gone:
                return
        first = max(0, end - 64)
        text = view.text[first : end + 64].decode("latin-1")
        for start, stop in addresses.spans(text):
            word = text[start:stop]
            canonical = addresses.canonical(word)
            if canonical in self._kept or _is_harmless(word) or view.covers(first + start):
                continue
            alone = text[start - 1 : start] in _ENDS and text[stop : stop + 1] in _ENDS
            if canonical in self._gone or (alone and addresses.scope(word) in addresses.OWN_SCOPES):
                self._scrub(view, first + start, first + stop, word, "another line")

    def repeated_name(self, view: View, end: int) -> None:
        """Takes out a `.local` name that ends about `end` and was taken out elsewhere, also where
        the next field of a binary message looks like more of it."""
        found = _LOCAL_NAME.search(view.text, max(0, end - 256), end)
        word = found[1].decode().lower() if found else ""
        name = next(
            (one for one in self._gone if one.endswith(".local") and word.endswith(one)), ""
        )
        if found is not None and name:
            start = found.end(1) - len(name)
            if not view.covers(start):
                self._scrub(view, start, found.end(1), name, "another line")

    def _scrub(self, view: View, start: int, end: int, text: str, line: str) -> None:
        self._count()
        if self._replace(view, start, end, making.unroutable(text)):
            known = (text, line)
            if known not in self._memory.scrubbed:
                self._memory.scrubbed[known] = self._described(
                    "scrub", f"an address of the client in {line}", text
                )
            self._add(self._memory.scrubbed[known])
        else:
            reason = f"the address in {line} cannot be taken out in place"
            self.block(reason)
            self._add(self._described("block", reason, text))

    def _described(self, action: RuleAction, reason: str, address: str) -> _Records:
        decision = Decision(action, "default:outbound", reason)
        return self._recorded("description", decision, address, 0, "", "")

    def _overwrite(self, view: View, start: int, end: int) -> None:
        text = view.text[start:end].decode("latin-1")
        if not self._replace(view, start, end, making.unroutable(text)):
            self.block("an address beside a candidate cannot be overwritten in place")

    # Servers -----------------------------------------------------------------------------------

    @property
    def drops_servers(self) -> bool:
        """Whether rules have every server in the message go, and nothing come in its place."""
        if not self._config.index.has("server"):
            return False
        return self._names_servers and not self._replaces_servers

    def server(self, view: View, at: ServerAt) -> None:
        """Decides an ICE server that a site tells its client of; it is overwritten by a name that
        nobody has."""
        self.has_servers = self._names_servers = True
        if addresses.is_unroutable(at.uri.host) or view.covers(at.start):
            return
        self._count()
        decision = decide_server(self._config, self._subject, at.uri)
        self._replaces_servers = self._replaces_servers or decision.action != "drop"
        if decision.action == "block":
            self.block(decision.reason)
        elif decision.action not in ("keep", "observe") and not self._replace(
            view, at.start, at.end, making.nowhere
        ):
            self.block("an ICE server in it cannot be overwritten in place")
        destination = addresses.host_port(at.uri.host, at.uri.port)
        self._add(self._recorded("server", decision, "", 0, "", "", destination))

    def _replace(self, view: View, start: int, end: int, make: Make) -> bool:
        try:
            return view.replace(start, end, make)
        except edits.Overlap:
            self.unsettled = True
            return True

    # Deciding and recording -------------------------------------------------------------------

    def _decide(self, kind: str, address: str, transport: str = "") -> Decision:
        subject = replace(self._subject, candidate=kind, address=address, transport=transport)
        decision = decide(self._config, subject)
        if decision.action == "block":
            self.block(decision.reason)
        return decision

    def _count(self) -> None:
        self._findings += 1
        if self._findings > MAX_FINDINGS:
            self.is_full = True
            self.block(f"more than {MAX_FINDINGS} candidates and addresses")

    def _add(self, records: _Records) -> None:
        for key, record in records:
            self._records.setdefault(key, record)

    def _recorded(
        self,
        what: str,
        decision: Decision,
        address: str,
        port: int,
        kind: str,
        ufrag: str,
        destination: str = "",
    ) -> _Records:
        """What is told of a decision, rules in monitor mode first."""
        message = self._message
        record = Record(
            ring="signaling",
            kind=what,
            action=DONE[decision.action],
            direction=message.direction,
            site=message.site,
            client=message.client,
            address=address,
            port=port,
            scope=addresses.scope(address) if address else "",
            candidate_type=kind,
            destination=destination or message.destination,
            ufrag=ufrag,
            rule=decision.rule,
            reason=decision.reason,
        )
        return tuple(
            ((what, one.action, address, port, kind, one.rule, one.reason, destination), one)
            for one in (*monitored(record, decision), record)
        )


def subject_of(message: Message) -> Subject:
    """What rules see of a message as a whole."""
    host, port = addresses.host_and_port(message.destination)
    return Subject(
        site=message.site,
        client=message.client,
        direction=message.direction,
        path=message.path,
        confirmed=message.confirmed,
        user=message.user,
        destination=host,
        port=int(port) if port.isascii() and port.isdigit() else 0,
        protocol=message.protocol,
        minute=message.minute,
    )


@lru_cache(maxsize=1024)
def _ipv4_at_end(text: bytes) -> tuple[str, bool]:
    """The IPv4 address that ends a text, but for one byte, and whether only hosts have such."""
    found = _IPV4.search(text)
    word = found[1].decode() if found else ""
    return word, addresses.scope(word) in addresses.OWN_SCOPES


@lru_cache(maxsize=1024)
def _is_harmless(address: str) -> bool:
    """Addresses that tell of nobody; browsers write 127.0.0.1 and 0.0.0.0 by themselves."""
    return (
        not address
        or addresses.is_unroutable(address)
        or addresses.scope(address) in ("loopback", "unspecified", "multicast")
        or address.lower() == "localhost"
    )
