"""Syslog messages (RFC 5424), with the event in structured data and a sentence as the message.

The SD-ID is `rtcguard@32473`: rtcguard has no enterprise number of its own, and this one is for
examples (RFC 5612). PRI is facility local0 with notice (something was held back), warning
(something got out in monitor mode, or rtcguard tells of itself) or informational.
"""

import re
from datetime import UTC, datetime
from typing import Final

from rtcguard.ledger.event import Event
from rtcguard.ledger.exports.fields import clean, cut, is_notice, is_warning, sentence, values

SD_ID: Final = "rtcguard@32473"
APP_NAME: Final = "rtcguard"

_LOCAL0: Final = 16
_WARNING, _NOTICE, _INFORMATIONAL = 4, 5, 6
_NOT_PRINTABLE_ASCII: Final = re.compile(r"[^\x21-\x7e]+")
_TO_ESCAPE: Final = re.compile(r'(["\\\]])')  # section 6.3.3
_BOM: Final = b"\xef\xbb\xbf"
# Not strftime, which speaks the locale's language.
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)


def message(event: Event, most: int) -> bytes:
    """One SYSLOG-MSG of `most` bytes at most: the sentence is cut first, then whole parameters."""
    head = header(event).encode()
    return head + b" " + content(event, most - len(head) - 1, _BOM)


def content(event: Event, most: int, mark: bytes = b"") -> bytes:
    """Structured data and the sentence, in `most` bytes at most. `mark` goes before a sentence that
    is not ASCII: MSG-UTF8 begins with one (section 6.4)."""
    data = structured(event, most)
    left = most - len(data) - 1
    text = sentence(event)
    if text.isascii():
        mark = b""
    said = cut(text, left - len(mark)) if left > len(mark) else b""
    return data + (b" " + mark + said if said else b"")


def header(event: Event) -> str:
    """`<133>1 TIME HOST rtcguard - KIND`."""
    host, kind = _name(event.node, 255), _name(event.record.kind, 32)
    return f"<{priority(event)}>1 {event.time or '-'} {host} {APP_NAME} - {kind}"


def structured(event: Event, most: int) -> bytes:
    """STRUCTURED-DATA (section 6.3) of `most` bytes at most; what does not fit is left out, and
    `cut="yes"` says so."""
    parameters = [
        f' {name}="{_TO_ESCAPE.sub(r"\\\1", clean(value))}"'.encode("utf-8", "replace")
        for name, value in values(event).items()
    ]
    whole = b"".join(parameters)
    frame = len(SD_ID) + 2
    if frame + len(whole) > most:
        marked = b' cut="yes"'
        left, kept = most - frame - len(marked), b""
        for one in parameters:
            if len(one) <= left:
                kept += one
                left -= len(one)
        whole = kept + marked
    return b"[" + SD_ID.encode() + whole + b"]"


def local(event: Event, pid: int, content: bytes) -> bytes:
    """What syslog(3) writes to the local socket, which no receiver there reads as RFC 5424:
    `<133>Nov 26 13:45:00 rtcguard[PID]: CONTENT`, in local time (RFC 3164 section 4.1)."""
    try:
        at = datetime.fromisoformat(event.time).astimezone()
    except ValueError:
        at = datetime.now(UTC).astimezone()
    when = f"{_MONTHS[at.month - 1]} {at.day:2d} {at:%H:%M:%S}"
    return f"<{priority(event)}>{when} {APP_NAME}[{pid}]: ".encode() + content


def priority(event: Event) -> int:
    severity = _INFORMATIONAL
    if is_warning(event):
        severity = _WARNING
    elif is_notice(event):
        severity = _NOTICE
    return _LOCAL0 * 8 + severity


def _name(text: str, most: int) -> str:
    """PRINTUSASCII without spaces, or the NILVALUE."""
    return _NOT_PRINTABLE_ASCII.sub("_", text)[:most] or "-"
