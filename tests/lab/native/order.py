"""What a native client is told to do, and how it says what came of it: JSON, both ways."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict, dataclass
from typing import Any

GREETING = "hello from a program"
CANDIDATE_LINE = re.compile(r"a=candidate:[^\r\n]*\r?\n")
END = "a=end-of-candidates"  # what the lab's peer ends its candidates with


@dataclass(frozen=True)
class Order:
    """One call by WHIP to `url`."""

    url: str
    ice_servers: tuple[dict[str, Any], ...] = ()
    authority: str | None = None  # whom it trusts, a file; None: whom the machine trusts
    policy: str = "all"  # or relay
    silent: bool = False  # it tells no candidate: the far side only learns it by its checks
    remote: tuple[str, ...] = ()  # candidates of the far side's in place of its own
    hold: bool = False  # go on talking until SIGTERM, with a line for every ten echoes
    limit: float = 3.0  # seconds from the answer until a call that does not connect is given up

    def __str__(self) -> str:
        return json.dumps(asdict(self))


def as_told(order: Order, offer: str) -> str:
    """The offer as it is sent. It never says that there are no more candidates: told of none, the
    lab's peer would give up at once."""
    offer = re.sub(f"{END}\r?\n", "", offer)
    return CANDIDATE_LINE.sub("", offer) if order.silent else offer


def as_heard(order: Order, answer: str) -> str:
    """The answer with the order's candidates, if it has any."""
    if not order.remote:
        return answer
    lines = "".join(f"a={line}\r\n" for line in order.remote)
    return CANDIDATE_LINE.sub("", answer).replace(END, f"{lines}{END}")


def say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()
