"""What several formats say of an event in the same way."""

from datetime import datetime
from typing import Final

from rtcguard.ledger.event import RECORD_FIELDS, Event

# An event's fields beside its time, by their names; those that identify it come first, what a
# short message may lose comes last. `reason` is the message itself.
FIRST: Final = ("ring", "kind", "action", "client", "address", "site", "destination", "scope")
FIELDS: Final = FIRST + tuple(f for f in RECORD_FIELDS if f not in (*FIRST, "reason"))


def values(event: Event) -> dict[str, str]:
    """The fields that say something, as text: `{"id": …, "ring": …, …}`."""
    found = {"id": event.id}
    for name in FIELDS:
        value = getattr(event.record, name)
        if value and not (name == "count" and value == 1):
            found[name] = str(value)
    if event.last != event.time:
        found["last"] = event.last
    return found


def is_warning(event: Event) -> bool:
    """Whether a person should look: something got out that should not, or the ledger has gaps.

    That is: monitor mode let pass what would have been held back, or rtcguard tells of itself.
    """
    return event.record.would not in ("", "kept", "observed") or event.record.kind == "rtcguard"


def is_notice(event: Event) -> bool:
    """Whether something was held back."""
    return event.record.action in ("stripped", "refused", "blocked")


def sentence(event: Event) -> str:
    """What happened, in one line: `candidate stripped: host candidates do not pass`."""
    record = event.record
    reason = f": {record.reason}" if record.reason else ""
    return clean(f"{record.kind} {record.action}{reason}")


def clean(text: str) -> str:
    """Text that breaks no line and gives no order to a terminal, whatever a page put there."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def milliseconds(time: str) -> int:
    """An event's time as milliseconds since 1970; 0 where it is none."""
    try:
        return round(datetime.fromisoformat(time).timestamp() * 1000)
    except ValueError:
        return 0


def cut(text: str, most: int) -> bytes:
    """Text as UTF-8 in no more than `most` bytes, cut between characters."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore").encode()
