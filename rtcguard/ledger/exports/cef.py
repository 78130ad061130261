"""Common Event Format, version 0: a header of seven fields, and an extension of named values.

What CEF's dictionary has a name for has that name; the rest is in its custom fields, each with a
label. Addresses of IPv6 have custom fields of their own there.
"""

from ipaddress import IPv4Address, ip_address
from typing import Final

from rtcguard import __version__
from rtcguard.ledger.event import Event
from rtcguard.ledger.exports.fields import clean, is_notice, is_warning, milliseconds

_VENDOR: Final = "rtcguard"
_HIGH, _MEDIUM, _LOW = 7, 5, 3
_HEADER: Final = 60  # characters of a field in the header; it is cut before anything is escaped
_MESSAGE: Final = 1023  # characters of `msg` in CEF's dictionary
# The event's field, and the custom field that has it.
_CUSTOM: Final = (
    ("address", "cs1"),
    ("site", "cs2"),
    ("rule", "cs3"),
    ("scope", "cs4"),
    ("candidate_type", "cs5"),
    ("page", "cs6"),
    ("would", "flexString1"),
    ("policy", "flexString2"),
)
_DIRECTIONS: Final = {"inbound": "0", "outbound": "1"}


def message(event: Event, most: int) -> bytes:
    """`CEF:0|rtcguard|rtcguard|VERSION|RING.KIND|NAME|SEVERITY|EXTENSION`, `most` bytes at most;
    whole values are left out from the end where it would be longer."""
    record = event.record
    head = "|".join(
        _in_header(part)
        for part in (
            "CEF:0",
            _VENDOR,
            "rtcguard",
            __version__,
            f"{record.ring}.{record.kind}"[:_HEADER],
            f"{record.kind} {record.action}"[:_HEADER],
            str(_severity(event)),
        )
    )
    made = f"{head}|".encode("utf-8", "replace")
    first = True
    for name, value in extension(event):
        one = f"{'' if first else ' '}{name}={_in_extension(value)}".encode("utf-8", "replace")
        if len(made) + len(one) <= most:
            made += one
            first = False
    return made


def extension(event: Event) -> list[tuple[str, str]]:
    """The names and values, without escapes, the most telling ones first."""
    record = event.record
    found = [
        ("externalId", event.id),
        ("rt", str(milliseconds(event.time))),
        ("act", record.action),
        ("cat", record.ring),
        ("dvchost", event.node),
        *_end("src", "c6a2", "Source IPv6 Address", "shost", record.client),
        ("suser", record.user),
        *_destination(record.destination, record.name),
        ("deviceDirection", _DIRECTIONS.get(record.direction, "")),
        ("cnt", str(record.count)),
    ]
    for field, custom in _CUSTOM:
        if value := getattr(record, field):
            found += [(custom, str(value)), (f"{custom}Label", field)]
    if record.port:
        found += [("cn1", str(record.port)), ("cn1Label", "port")]
    if event.last != event.time:
        found.append(("end", str(milliseconds(event.last))))
    found.append(("msg", record.reason[:_MESSAGE]))
    return [(name, value) for name, value in found if value]


def _end(four: str, six: str, label: str, name: str, value: str) -> list[tuple[str, str]]:
    """One end of a connection: an address, or a name."""
    try:
        address = ip_address(value.partition("%")[0])
    except ValueError:
        return [(name, value)]
    if isinstance(address, IPv4Address):
        return [(four, value)]
    return [(six, str(address)), (f"{six}Label", label)]


def _destination(destination: str, name: str) -> list[tuple[str, str]]:
    """`host:port`, `[address]:port`, or a bare host; `name` is the host name asked for."""
    host, colon, port = destination.rpartition(":")
    if not colon or not port.isdigit() or (":" in host and not host.startswith("[")):
        host, port = destination, ""
    found = _end("dst", "c6a3", "Destination IPv6 Address", "dhost", host.strip("[]"))
    if name and not dict(found).get("dhost"):
        found.append(("dhost", name))
    return [*found, ("dpt", port)]


def _severity(event: Event) -> int:
    if is_warning(event):
        return _HIGH
    return _MEDIUM if is_notice(event) else _LOW


def _in_header(text: str) -> str:
    return clean(text).replace("\\", "\\\\").replace("|", "\\|")


def _in_extension(text: str) -> str:
    return clean(text).replace("\\", "\\\\").replace("=", "\\=")
