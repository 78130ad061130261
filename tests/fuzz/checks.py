"""The invariants of one rewriting, and a case as a file that stays the same when strategies change.

No atheris here: what was found is judged again on every platform.
"""

import base64
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rtcguard.policy.model import Config
from rtcguard.policy.record import ACTIONS
from rtcguard.signaling import Message, Rewrite, rewrite
from tests.signaling.searcher import addresses, canonical, nodes
from tests.signaling.searching import binary


class Broken(AssertionError):
    """An invariant that does not hold; `str` of it is stable for one cause, as far as that goes."""


@dataclass(frozen=True)
class Case:
    content: bytes
    direction: str = "outbound"
    mode: str = "enforce"
    client: tuple[str, ...] = ()  # addresses that may not be left, where they are known
    relays: tuple[str, ...] = ()  # and those that must stay, unless it is blocked
    layers: tuple[str, ...] = field(default=())

    def write(self, path: Path, problem: str) -> None:
        told = asdict(self) | {"content": base64.b64encode(self.content).decode()}
        path.write_text(json.dumps({"problem": problem} | told, indent=1) + "\n")


def read(path: Path) -> Case:
    told = json.loads(path.read_text())
    told.pop("problem")
    content = base64.b64decode(told.pop("content"))
    lists = {key: tuple(told.pop(key)) for key in ("client", "relays", "layers")}
    return Case(content, **told, **lists)


def judge(case: Case) -> None:
    """Raises `Broken`, or whatever the rewriter raises, which it may not."""
    config = Config(mode=case.mode)  # type: ignore[arg-type]
    made = _rewrite(case.content, case, config)
    if {record.action for record in made.records} - set(ACTIONS):
        raise Broken("a record with an unknown action")
    if case.mode == "monitor":
        if made.content != case.content or made.blocked:
            raise Broken("monitor changed the message")
        return
    if made.blocked:
        if made.content:
            raise Broken("blocked, with content")
        return
    if len(made.content) != len(case.content) and not _holds_compressed(case.content):
        raise Broken("another length")
    again = _rewrite(made.content, case, config)
    if again.blocked or again.content != made.content:
        raise Broken("judged twice is not judged once")
    if case.client or case.relays:
        found = addresses(made.content)
        if found & {canonical(one) or one for one in case.client}:
            raise Broken("an address of the client is left")
        # Inbound relays are the far side's: whether they stay hangs on the client's own side.
        if case.direction == "outbound" and {canonical(one) for one in case.relays} - found:
            raise Broken("a relay is gone")


def _rewrite(content: bytes, case: Case, config: Config) -> Rewrite:
    message = Message(content, case.direction, client="10.0.0.1")  # type: ignore[arg-type]
    return rewrite(message, config)


def _holds_compressed(content: bytes) -> bool:
    return any(True for node in nodes(content) for _ in binary.inflated(node, thorough=True))
