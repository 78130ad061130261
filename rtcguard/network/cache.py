"""What upstream servers answered, for as long as they said. Time comes in: seconds of any clock."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import dns.message
import dns.name
import dns.rdatatype

from rtcguard.network.answers import Answer

# The answer not asked for longest goes first. In memory one takes some ten times its bytes.
MOST: Final = 10_000  # answers
MOST_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer is for. `dnssec`: with signatures (DO); `unchecked`: not validated (CD)."""

    name: dns.name.Name  # in lower case
    rdtype: dns.rdatatype.RdataType
    dnssec: bool = False
    unchecked: bool = False


class Cache:
    """Bounded; holds nothing past its time, and nothing that may not be kept."""

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Question, tuple[float, Answer]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, question: Question, now: float) -> Answer | None:
        """The answer as it is now, its times counted down."""
        found = self._kept.get(question)
        if found is None:
            return None
        since, answer = found
        if now - since >= answer.ttl:
            self._drop(question)
            return None
        self._kept.move_to_end(question)
        return answer.aged(int(now - since))

    def put(self, question: Question, answer: Answer, now: float) -> None:
        if answer.ttl <= 0:
            return
        self._drop(question)
        self._kept[question] = (now, answer)
        self._bytes += answer.size
        while len(self._kept) > self._most or self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, question: Question) -> None:
        found = self._kept.pop(question, None)
        if found is not None:
            self._bytes -= found[1].size
