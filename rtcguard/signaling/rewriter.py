"""The walk of ring 2: views on a message, findings in them, decisions, edits of equal length.

Strategy: one `_Walk` a message. It gathers edits and records; nothing is written before the whole
message is judged. In `monitor` mode the walk is the same, and its edits are not made. Any defect
raises, and the caller blocks: no message passes half judged.
"""

import re

from rtcguard.errors import ParseError
from rtcguard.ice import address as addresses
from rtcguard.ice import candidate as candidates
from rtcguard.policy.decide import Decision, Subject, decide
from rtcguard.policy.model import Config
from rtcguard.policy.record import Record
from rtcguard.signaling import edits, sdp
from rtcguard.signaling.message import Message, Rewrite
from rtcguard.signaling.views import View, views

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
    walk = _Walk(message, config)
    for view in views(message.content):
        walk.look(view)
    records = tuple(walk.records.values())
    if config.mode == "monitor" or not (walk.blocked or walk.edits):
        return Rewrite(message.content, records)
    if walk.blocked:
        return Rewrite(b"", records, walk.blocked)
    return Rewrite(edits.apply(message.content, walk.edits.values()), records)


class _Walk:
    """What has been found in one message so far."""

    def __init__(self, message: Message, config: Config) -> None:
        self.message = message
        self.config = config
        self.edits: dict[int, edits.Edit] = {}  # by start: two views of one place agree
        # By what they tell, so that a candidate repeated in each section is one event.
        self.records: dict[tuple[object, ...], Record] = {}
        self.blocked = ""

    def look(self, view: View) -> None:
        """Judges one view: a single candidate, or SDP with its candidates and addresses."""
        single = sdp.single_candidate(view.text)
        if single is not None:
            self._candidate(view, single)
        elif sdp.is_sdp(view.text):
            self._description(view)

    def _description(self, view: View) -> None:
        kept: set[str] = set()  # relay addresses that may show in c= (RFC 8839 section 5.1.1.2)
        gone: set[str] = set()
        for found in sdp.candidates(view.text):
            judged = self._candidate(view, found)
            if judged is not None:
                address, action = judged
                if action == "strip":
                    gone.add(address)
                else:
                    kept.add(addresses.canonical(address))
        if self.message.direction == "inbound":
            return  # the far side's default address says nothing of the client
        for at in sdp.addresses(view.text):
            text = view.text[at.start : at.end].decode("latin-1")
            if not _is_harmless(text) and addresses.canonical(text) not in kept:
                gone.add(text)
                self._scrub(view, at.start, at.end, text, at.line)
        if not _is_harmless(self.message.client):
            gone.add(self.message.client)
        for address in gone - kept - {""}:
            # A vendor's own line may repeat an address that has just been taken out.
            for start, end in sdp.occurrences(view.text, address.encode("latin-1", "replace")):
                self._scrub(view, start, end, address, "a line")

    def _candidate(self, view: View, at: sdp.CandidateAt) -> tuple[str, str] | None:
        """Decides one candidate and edits it; its address and the action, None where it is none."""
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
        if decision.action == "strip":
            self._strip(view, at, kind, text)
        elif decision.action == "scrub" and not self._scrub_related(view, at, parsed):
            # The related address is written with escapes and cannot be overwritten in place.
            self._strip(view, at, kind, text)
            decision = Decision("strip", decision.rule, "its related address cannot be taken out")
        self._record("candidate", decision, parsed.address, parsed.port, kind, ufrag)
        return parsed.address, decision.action

    def _unreadable(
        self, view: View, at: sdp.CandidateAt, text: str, error: str
    ) -> tuple[str, str] | None:
        """A candidate that no strict parser reads counts as not relay: some browser may read it."""
        if not text.lstrip().lower().startswith("a=") and not candidates.has_type(text):
            return None  # prose that begins with the word
        address = candidates.loose_address(text)
        decision = self._decide("unknown", address)
        if decision.action in ("strip", "scrub"):
            decision = Decision("strip", decision.rule, f"not a readable candidate: {error}")
            self._strip(view, at, "unreadable", text)
        self._record("candidate", decision, address, 0, "unknown", at.ufrag)
        return address, decision.action

    def _decide(self, kind: str, address: str) -> Decision:
        message = self.message
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
        made: list[edits.Edit] = []
        for start, end in parsed.others:
            raw_start, raw_end = view.raw(at.start + start, at.start + end)
            like = addresses.unroutable_like(parsed.text[start:end], raw_end - raw_start)
            if like is None:
                return False
            made.append(edits.Edit(raw_start, like.encode()))
        if parsed.related_port_span is not None:
            start, end = parsed.related_port_span
            raw_start, raw_end = view.raw(at.start + start, at.start + end)
            made.append(edits.Edit(raw_start, edits.port_like(raw_end - raw_start)))
        for edit in made:
            self._edit(edit.start, edit.replacement)
        return True

    def _scrub(self, view: View, start: int, end: int, text: str, line: str) -> None:
        """Overwrites an address that stands outside candidates."""
        raw_start, raw_end = view.raw(start, end)
        if any(edit.start <= raw_start < edit.end for edit in self.edits.values()):
            return  # within a line that is gone already
        like = addresses.unroutable_like(text, raw_end - raw_start)
        if like is None:
            self.blocked = self.blocked or f"the address in {line} cannot be taken out in place"
            return
        self._edit(raw_start, like.encode())
        decision = Decision("scrub", "default:outbound", f"an address of the client in {line}")
        self._record("description", decision, text, 0, "", "")

    def _edit(self, start: int, replacement: bytes) -> None:
        self.edits[start] = edits.Edit(start, replacement)

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


def _is_harmless(address: str) -> bool:
    """Addresses that tell of nobody; browsers write 127.0.0.1 and 0.0.0.0 by themselves."""
    return (
        not address
        or addresses.is_unroutable(address)
        or addresses.scope(address) in ("loopback", "unspecified", "multicast")
        or address.lower() == "localhost"
    )
