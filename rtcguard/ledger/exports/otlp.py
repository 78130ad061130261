"""OpenTelemetry's log records as OTLP writes them in JSON (ExportLogsServiceRequest, OTLP 1.x).

JSON, not protobuf: receivers of OTLP over HTTP take both, and this one needs no library. 64-bit
numbers are text there, and enumerations are numbers.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rtcguard import __version__
from rtcguard.ledger.event import Event
from rtcguard.ledger.exports.fields import (
    is_notice,
    is_warning,
    milliseconds,
    sentence,
    values,
)

# SeverityNumber of the logs data model.
_INFO, _INFO3, _WARN = (9, "INFO"), (11, "NOTICE"), (13, "WARN")
# Where OpenTelemetry's semantic conventions have a name for it, the attribute has that name.
_NAMES: Final = {"id": "log.record.uid", "client": "client.address", "user": "user.name"}
_NUMBERS: Final = ("port", "count")


def request(events: Sequence[Event], now: float) -> bytes:
    """One request with all the events; `now`, in seconds since 1970, is when they were read."""
    nodes: dict[str, list[Event]] = {}
    for event in events:
        nodes.setdefault(event.node, []).append(event)
    observed = str(int(now * 1e9))
    whole = {"resourceLogs": [_of_node(*one, observed) for one in nodes.items()]}
    return json.dumps(whole, separators=(",", ":")).encode("ascii")


def _of_node(node: str, events: Iterable[Event], observed: str) -> dict[str, Any]:
    resource = {
        "service.name": "rtcguard",
        "service.version": __version__,
        "host.name": node,
    }
    return {
        "resource": {"attributes": [_attribute(*one) for one in resource.items()]},
        "scopeLogs": [
            {
                "scope": {"name": "rtcguard.ledger", "version": __version__},
                "logRecords": [_record(event, observed) for event in events],
            }
        ],
    }


def _record(event: Event, observed: str) -> dict[str, Any]:
    number, text = _INFO
    if is_warning(event):
        number, text = _WARN
    elif is_notice(event):
        number, text = _INFO3
    return {
        "timeUnixNano": str(milliseconds(event.time) * 1_000_000),
        "observedTimeUnixNano": observed,
        "severityNumber": number,
        "severityText": text,
        "eventName": f"rtcguard.{event.record.kind}",
        "body": {"stringValue": sentence(event)},
        "attributes": [
            _attribute(_NAMES.get(name, f"rtcguard.{name}"), value, number=name in _NUMBERS)
            for name, value in values(event).items()
        ],
    }


def _attribute(key: str, value: str, *, number: bool = False) -> dict[str, Any]:
    return {"key": key, "value": {"intValue" if number else "stringValue": value}}


def rejected(answer: bytes) -> tuple[int, str]:
    """How many records the receiver says it refused for good (`partialSuccess`), and why."""
    try:
        partial = json.loads(answer)["partialSuccess"]
        return max(0, int(partial.get("rejectedLogRecords", 0))), str(
            partial.get("errorMessage", "")
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return 0, ""
