"""The walk of ring 2: views on a message, findings in them, decisions, edits of equal length.

Strategy: one `_Walk` a message. It gathers edits and records; nothing is written before the whole
message is judged. In `monitor` mode all is the same, and what was made is thrown away. Any defect
raises, and the caller blocks: no message passes half judged.
"""

from bisect import bisect_right
from dataclasses import replace
from typing import Final

from rtcguard.errors import PayloadBlocked
from rtcguard.policy.model import Config
from rtcguard.policy.told import in_mode
from rtcguard.signaling import chime, livekit, offers, sdp
from rtcguard.signaling.edits import Overlap
from rtcguard.signaling.escapes import json_string
from rtcguard.signaling.judge import Judge
from rtcguard.signaling.message import Message, Rewrite
from rtcguard.signaling.opening import MAX_DEPTH, Budget, opened, strings
from rtcguard.signaling.scan import (
    FIRST_ONLY,
    IPV4,
    LOCAL_NAME,
    Kind,
    Points,
    address_ends,
    points,
)
from rtcguard.signaling.servers import servers
from rtcguard.signaling.structured import structured
from rtcguard.signaling.views import Slice, View, Whole

_PASSES: Final = 4
_LONGEST_CANDIDATE: Final = 4096  # that is a whole text; SDP's lines may be longer
_CAN_BEGIN: Final = (Kind.CANDIDATE, Kind.TYPE)


# Schemas that something is put into: what makes the client of a product relay-only by itself.
_REBUILT: Final = (livekit.relay_only, chime.relay_only)


def rewrite(message: Message, config: Config) -> Rewrite:
    """The message as it may go on. Idempotent; every byte outside an edit stays as it was, and its
    length too, but where approved servers are put into a list (`offers`, `livekit`, `chime`)."""
    made = _enforced(message, config)
    if config.mode == "enforce":
        return made
    records = tuple(in_mode(record, config.mode) for record in made.records)
    return Rewrite(message.content, records, would_block=made.blocked)


def _enforced(message: Message, config: Config) -> Rewrite:
    try:
        for rebuilt in _REBUILT:
            content = rebuilt(message)
            if content is not None:
                message = replace(message, content=content)
    except PayloadBlocked as error:
        judge = Judge(message, config)
        judge.refuse(str(error))
        return Rewrite(b"", judge.records(), judge.blocked)
    return _rewrite(message, config, _PASSES)


def _rewrite(message: Message, config: Config, passes: int) -> Rewrite:
    walk = _Walk(message, config, is_first=passes == _PASSES)
    if not walk.explore():
        return Rewrite(message.content)
    records = walk.judge.records()
    made = walk.made()
    if message.direction == "inbound" and walk.judge.has_servers and offers.is_free(made):
        made = offers.with_servers(made, () if walk.judge.drops_servers else message.servers)
    if walk.judge.blocked:
        return Rewrite(b"", records, walk.judge.blocked)
    if not (walk.unsettled or walk.judge.unsettled) or made == message.content:
        return Rewrite(made, records)
    # What stands around an edit may read otherwise then, so it is looked at once more: but where
    # nothing but plain candidates was edited, in the clear, as in nearly all messages.
    if passes == 1:
        return Rewrite(b"", records, "it reads otherwise each time that it is looked at")
    again = _rewrite(replace(message, content=made), config, passes - 1)
    known = {(one.kind, one.address, one.port, one.candidate_type) for one in records}
    records += tuple(
        one
        for one in again.records
        if (one.kind, one.address, one.port, one.candidate_type) not in known
    )
    return Rewrite(again.content, records, again.blocked)


class _Walk:
    """One look at one message."""

    def __init__(self, message: Message, config: Config, *, is_first: bool) -> None:
        self.judge = Judge(message, config)
        self.unsettled = False  # an edit may have changed how what is around it reads
        self._outbound = message.direction == "outbound"
        self._opaque = False  # a description was seen that does not begin as one
        self._is_first = is_first
        self._whole = Whole(message.content)
        self._budget = Budget(len(message.content))
        self._views: list[View] = []  # those that hold a point, parents first

    def explore(self) -> bool:
        """Looks at everything; whether there was anything to look at."""
        try:
            self._explore(self._whole, 0)
            if self._outbound and self.judge.has_findings and not self.judge.blocked:
                self._repeated()
            elif self._opaque and self._is_first and not self.judge.has_findings:
                self.judge.opaque()
        except PayloadBlocked as error:
            self.judge.block(str(error))
        return bool(self._views) or bool(self.judge.blocked)

    def made(self) -> bytes:
        """The message with every edit."""
        for view in reversed(self._views):
            try:
                if not view.flush():
                    self.judge.block("what is hidden in it cannot be written anew in its length")
            except Overlap:
                self.unsettled = True
        return self._whole.edits.apply(self._whole.text)

    def _unsettle(self) -> None:
        self.unsettled = True

    def _explore(self, view: View, depth: int, found: Points | None = None) -> bool:
        """Looks at a view and what it hides; whether there was anything to look at."""
        if self.judge.is_full:
            return False
        if found is None:
            found = points(view.text)
        if not found and not view.is_binary:
            return False
        if depth > MAX_DEPTH:
            if found:
                raise PayloadBlocked("it is nested deeper than can be looked at")
            return False
        self._views.append(view)
        inside = list(strings(view, found)) if found else []
        firsts = [point for point in found if point[1] in FIRST_ONLY] if inside else []
        for start, end in inside:
            child = json_string(view, start, end, self._unsettle)
            # What stands there as it stands here need not be searched again.
            known = _within(found, firsts, start, end) if isinstance(child, Slice) else None
            self._explore(child, depth + 1, known)
        for child in opened(view, found, inside, self._budget, self._unsettle):
            # What is read in two ways may be edited in both, and then read in yet another.
            self.unsettled = self._explore(child, depth + 1) or self.unsettled
        if found:
            self._look(view, _outside(found, inside))
        return bool(found)

    def _look(self, view: View, found: Points) -> None:
        """Judges what stands in the view itself: one candidate, or candidates and addresses."""
        judge = self.judge
        if not found or judge.is_full:
            return
        text = view.text
        kinds = {kind for _, kind in found}
        if len(text) <= _LONGEST_CANDIDATE and not kinds.isdisjoint(_CAN_BEGIN):
            single = sdp.single_candidate(text)
            if single is not None:
                judge.candidate(view, single)
                return
        for candidate in sdp.candidates(text, found):
            if isinstance(candidate, sdp.Within):
                judge.candidate_within(view, candidate)
            else:
                judge.candidate(view, candidate)
            if judge.is_full:
                return
        self._opaque = self._opaque or Kind.OPAQUE in kinds
        if Kind.FIELD in kinds:
            for fields in structured(view):
                judge.candidate_fields(view, fields)
                if judge.is_full:
                    return
        judge.has_servers = judge.has_servers or Kind.SERVICE in kinds
        if not self._outbound and (Kind.SERVER in kinds or Kind.SERVICE in kinds):
            for server in servers(text, found):
                judge.server(view, server)
                if judge.is_full:
                    return
        if self._outbound:  # the far side's default address says nothing of the client
            for address in sdp.addresses(text, found):
                judge.default_address(view, address)
                if judge.is_full:
                    return

    def _repeated(self) -> None:
        """Takes out what anything else in the message repeats of the addresses that are gone."""
        judge = self.judge
        views = [
            view for view in self._views if not isinstance(view, Slice)
        ]  # those stand in these
        for view in views:
            for end, family in address_ends(view.text):
                if view.covers(end - 2):
                    if len(views) > 1 and not view.covers(max(0, end - 8)):
                        self.unsettled = True  # only its end is gone: the rest may be another
                    continue
                if judge.is_full:
                    return
                judge.repeated_address(view, end, is_ipv4=family == IPV4)
                if family == LOCAL_NAME:
                    judge.repeated_name(view, end)


def _within(found: Points, firsts: Points, start: int, end: int) -> Points:
    """The points of a piece, as it counts. Where only the first of a kind is told (`firsts`), and
    stands in front of the piece, one more may stand anywhere in it."""
    first, last = bisect_right(found, (start, len(Kind))), bisect_right(found, (end, len(Kind)))
    before = [(0, kind) for point, kind in firsts if point <= start]
    return before + [(point - start, kind) for point, kind in found[first:last]]


def _outside(found: Points, inside: list[tuple[int, int]]) -> Points:
    """The points that stand in no span of `inside`."""
    if not inside:
        return found
    rest: Points = []
    spans = iter(inside)
    start, end = next(spans)
    for point in found:
        while point[0] > end:
            start, end = next(spans, (len(found) + (1 << 62), 1 << 62))
        if point[0] <= start:
            rest.append(point)
    return rest
