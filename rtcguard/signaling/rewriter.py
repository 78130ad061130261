"""The walk of ring 2: views on a message, findings in them, decisions, edits of equal length.

Strategy: one `_Walk` a message. It gathers edits and records; nothing is written before the whole
message is judged. In `monitor` mode the walk is the same, and its edits are not made. Any defect
raises, and the caller blocks: no message passes half judged.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.ice import address as addresses
from rtcguard.ice import candidate as candidates
from rtcguard.policy.decide import Decision, Subject, decide
from rtcguard.policy.model import Config
from rtcguard.policy.record import Record
from rtcguard.signaling import edits, sdp
from rtcguard.signaling.edits import Edits
from rtcguard.signaling.message import Message, Rewrite
from rtcguard.signaling.views import View, views

# No call has as many. The bound keeps the time that one message can take, in a proxy that serves
# others too.
MAX_FINDINGS: Final = 5000
_PASSES: Final = 4

_PREFIX = re.compile(r"\s*(?:a=)?(?:candidate:)?", re.IGNORECASE)
_DONE = {
    "keep": "kept",
    "scrub": "scrubbed",
    "strip": "stripped",
    "block": "blocked",
    "observe": "observed",
}


def rewrite(message: Message, config: Config) -> Rewrite:
    """The message as it may go on. Idempotent; every byte outside an edit stays as it was."""
    return _rewrite(message, config, _PASSES)


def _rewrite(message: Message, config: Config, passes: int) -> Rewrite:
    walk = _Walk(message, config)
    for view in views(message.content):
        walk.look(view)
    records = tuple(walk.records.values())
    if config.mode == "monitor" or not (walk.blocked or walk.edits):
        return Rewrite(message.content, records)
    if walk.blocked:
        return Rewrite(b"", records, walk.blocked)
    made = walk.edits.apply(message.content)
    if not walk.unescaped:
        return Rewrite(made, records)
    # Where an escape went, what stands around may read otherwise: it is looked at once more.
    if passes == 1:
        return Rewrite(b"", records, "it reads otherwise each time that it is looked at")
    again = _rewrite(replace(message, content=made), config, passes - 1)
    return Rewrite(again.content, records + again.records, again.blocked)


class _Walk:
    """What has been found in one message so far."""

    def __init__(self, message: Message, config: Config) -> None:
        self.message = message
        self.config = config
        self.edits = Edits()
        # By what they tell, so that a candidate repeated in each section is one event.
        self.records: dict[tuple[object, ...], Record] = {}
        self.blocked = ""
        self.unescaped = False  # an edit went over escapes
        self._findings = 0

    def look(self, view: View) -> None:
        """Judges one view: a single candidate, or text with candidate lines and address lines."""
        if self._findings > MAX_FINDINGS:
            return
        single = sdp.single_candidate(view.text)
        if single is not None:
            self._candidate(view, single)
        else:
            self._description(view)

    def _description(self, view: View) -> None:
        kept: set[str] = set()  # relay addresses that may show in c= (RFC 8839 section 5.1.1.2)
        gone: set[str] = set()
        is_description = False
        for found in sdp.candidates(view.text):
            if self._findings > MAX_FINDINGS:
                return
            judged = self._candidate(view, found)
            if judged is not None:
                is_description = True
                kept |= judged.kept
                gone |= judged.gone
        if self.message.direction == "inbound":
            return  # the far side's default address says nothing of the client
        for at in sdp.addresses(view.text):
            if self._findings > MAX_FINDINGS:
                return
            is_description = True
            text = view.text[at.start : at.end].decode("latin-1")
            if not _is_harmless(text) and addresses.canonical(text) not in kept:
                gone.add(addresses.canonical(text))
                self._scrub(view, at.start, at.end, text, at.line)
        if is_description:
            gone.add(addresses.canonical(self.message.client))
            self._repeated(view, {one for one in gone - kept if not _is_harmless(one)})

    def _repeated(self, view: View, gone: set[str]) -> None:
        """Takes out what a vendor's own lines repeat of the addresses that are gone."""
        text = view.text.decode("latin-1")
        for start, end in addresses.spans(text) if gone else ():
            if addresses.canonical(text[start:end]) in gone:
                self._scrub(view, start, end, text[start:end], "another line")

    def _candidate(self, view: View, at: sdp.CandidateAt) -> "_Judged | None":
        """Decides one candidate and edits it; None where it is none, or inert already."""
        text = view.text[at.start : at.end].decode("latin-1")
        try:
            parsed = candidates.parse(text)
        except ParseError as error:
            return self._unreadable(view, at, text, str(error))
        if candidates.is_inert(parsed):
            return None
        kind = parsed.type if parsed.type in candidates.TYPES else "unknown"
        decision = self._decide(kind, parsed.address)
        ufrag = at.ufrag or next((v for n, v in parsed.extensions if n == "ufrag"), "")
        related = {addresses.canonical(text[start:end]) for start, end in parsed.others}
        if decision.action == "scrub" and not self._scrub_related(view, at, parsed):
            # The related address is written with escapes that nothing else can be written with.
            decision = Decision("strip", decision.rule, "its related address cannot be taken out")
        if decision.action == "strip":
            self._strip(view, at, kind, text)
        self._record("candidate", decision, parsed.address, parsed.port, kind, ufrag)
        own = {addresses.canonical(parsed.address)}
        if decision.action == "strip":
            return _Judged(set(), own | related)
        return _Judged(own, related if decision.action == "scrub" else set())

    def _unreadable(
        self, view: View, at: sdp.CandidateAt, text: str, error: str
    ) -> "_Judged | None":
        """A candidate that no strict parser reads counts as not relay: some browser may read it."""
        if not text.lstrip().lower().startswith("a=") and not candidates.has_type(text):
            return None  # prose that begins with the word
        address = candidates.loose_address(text)
        if not address and any(addresses.is_unroutable(word) for word in text.split()):
            return None  # reaches nobody: one of ours, with what stood behind it
        decision = self._decide("unknown", address)
        stays = decision.action in ("keep", "observe")
        if not stays:
            decision = Decision(decision.action, decision.rule, f"not readable: {error}")
            self._strip(view, at, "unreadable", text)
        self._record("candidate", decision, address, 0, "unknown", at.ufrag)
        own = {addresses.canonical(address)}
        return _Judged(own, set()) if stays else _Judged(set(), own)

    def _decide(self, kind: str, address: str) -> Decision:
        message = self.message
        self._count()
        subject = Subject(
            site=message.site,
            client=message.client,
            direction=message.direction,
            candidate=kind,
            address=address,
            confirmed=message.confirmed,
        )
        decision = decide(self.config, subject)
        if decision.action == "block":
            self.blocked = self.blocked or decision.reason
        return decision

    def _count(self) -> None:
        self._findings += 1
        if self._findings > MAX_FINDINGS:
            self.blocked = self.blocked or f"more than {MAX_FINDINGS} candidates and addresses"

    def _strip(self, view: View, at: sdp.CandidateAt, kind: str, text: str) -> None:
        start, end = view.raw(at.start, at.end)
        if at.line:
            self._edit(start, edits.tombstone(kind, end - start))
            return
        prefix = _PREFIX.match(text)
        made = edits.inert(prefix.group() if prefix else "", end - start)
        # Too short for an inert candidate: zeros are no candidate to any parser.
        self._edit(start, b"0" * (end - start) if made is None else made)

    def _scrub_related(self, view: View, at: sdp.CandidateAt, parsed: candidates.Candidate) -> bool:
        """Overwrites raddr, rport and every other address beside the candidate's own."""
        if not parsed.others:
            return True
        made: list[tuple[int, bytes] | None] = []
        for start, end in parsed.others:
            like = addresses.unroutable_like(parsed.text[start:end])
            made.append(view.write(at.start + start, like.encode()))
        if parsed.related_port_span is not None:
            start, end = parsed.related_port_span
            made.append(view.write(at.start + start, edits.port_like(end - start)))
        written = [edit for edit in made if edit is not None]
        if len(written) != len(made):
            return False
        for edit in written:
            self._edit(*edit)
        return True

    def _scrub(self, view: View, start: int, end: int, text: str, line: str) -> None:
        """Overwrites an address that stands outside candidates."""
        if self.edits.covers(view.raw(start, end)[0]):
            return  # within a line that is gone already
        self._count()
        written = view.write(start, addresses.unroutable_like(text).encode())
        decision = Decision("scrub", "default:outbound", f"an address of the client in {line}")
        if written is None:
            reason = f"the address in {line} cannot be taken out in place"
            decision = Decision("block", "default:outbound", reason)
            self.blocked = self.blocked or reason
        else:
            self._edit(*written)
        self._record("description", decision, text, 0, "", "")

    def _edit(self, start: int, text: bytes) -> None:
        if b"\\" in self.message.content[start : start + len(text)]:
            self.unescaped = True
        try:
            self.edits.add(start, text)
        except ValueError:  # two readings of the same bytes that cannot both be served
            self.blocked = self.blocked or "candidates that overlap"

    def _record(
        self, what: str, decision: Decision, address: str, port: int, kind: str, ufrag: str
    ) -> None:
        message, action, reason = self.message, _DONE[decision.action], decision.reason
        if self.config.mode == "monitor":
            action, reason = "observed", f"would be {action}: {reason}"
        record = Record(
            ring="signaling",
            kind=what,
            action=action,
            direction=message.direction,
            site=message.site,
            client=message.client,
            address=address,
            port=port,
            scope=addresses.scope(address) if address else "",
            candidate_type=kind,
            destination=message.destination,
            ufrag=ufrag,
            rule=decision.rule,
            reason=reason,
        )
        self.records.setdefault((what, action, address, port, kind, reason), record)


@dataclass(frozen=True, slots=True)
class _Judged:
    """The addresses (canonical) that one candidate may go on with, and those taken from it."""

    kept: set[str]
    gone: set[str]


def _is_harmless(address: str) -> bool:
    """Addresses that tell of nobody; browsers write 127.0.0.1 and 0.0.0.0 by themselves."""
    return (
        not address
        or addresses.is_unroutable(address)
        or addresses.scope(address) in ("loopback", "unspecified", "multicast")
        or address.lower() == "localhost"
    )
