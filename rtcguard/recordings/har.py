"""HAR: HTTP archives, as browsers and proxies save them (HAR 1.2; Chromium's WebSocket messages).

Read as a stream; what is held at a time is one entry, without what is too long to be signaling.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from rtcguard.policy.record import Record
from rtcguard.recordings.exchange import Exchange, Headers, header
from rtcguard.recordings.json_events import events
from rtcguard.recordings.scene import Scene, seconds
from rtcguard.recordings.source import Source
from rtcguard.recordings.websocket import PROTOCOL

_ENTRY: Final = "log.entries.item"
_MESSAGE: Final = "_webSocketMessages.item"
_MILLISECONDS: Final = 1e11  # Chromium writes seconds there, Playwright milliseconds
_BINARY: Final = 2  # opcode, RFC 6455 section 5.2
_MOST_HELD: Final = 1 << 25  # bytes of WebSocket messages of one entry
_MOST_MESSAGES: Final = 1 << 17
_MOST_HEADERS: Final = 4096
UNHELD: Final = "WebSocket connections of which not all messages were held to be judged"
_UNDECODED: Final = "bodies that are no base64"
_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}


@dataclass(slots=True)
class _Entry:
    values: dict[str, Any] = field(default_factory=dict)  # by their path within the entry
    request: Headers = field(default_factory=list)
    response: Headers = field(default_factory=list)
    name: str = ""
    message: dict[str, Any] = field(default_factory=dict)
    messages: list[tuple[bytes, bool, float]] = field(default_factory=list)
    held: int = 0
    overfull: bool = False


# Values of an entry that are used.
_VALUES: Final = frozenset(
    (
        "startedDateTime",
        "request.method",
        "request.url",
        "request.postData.text",
        "request.postData.encoding",
        "response.content.text",
        "response.content.encoding",
        "response.content.mimeType",
    )
)


def read(source: Source, scene: Scene) -> Iterator[Record]:
    """What the entries tell, one by one. Whose they are, only the user can say."""
    entry, begin = _Entry(), len(_ENTRY) + 1
    for path, event, value in events(source):
        if not path.startswith(_ENTRY):
            continue
        key = path[begin:]
        if not key:
            if event == "end_map":
                yield from _judged(entry, scene)
            entry = _Entry()
        elif key in _VALUES:
            entry.values[key] = value
        elif key.startswith(_MESSAGE):
            _take_message(entry, key[len(_MESSAGE) + 1 :], event, value, scene)
        elif key in ("request.headers.item.name", "response.headers.item.name"):
            entry.name = str(value).lower()
        elif key in ("request.headers.item.value", "response.headers.item.value"):
            headers = entry.request if key.startswith("request") else entry.response
            if len(headers) < _MOST_HEADERS:
                headers.append((entry.name, str(value)))


def _take_message(entry: _Entry, key: str, event: str, value: Any, scene: Scene) -> None:
    message = entry.message
    if key:
        message[key] = value
        return
    if event == "end_map":
        content = _bytes(message.get("data"), scene, packed=message.get("opcode") == _BINARY)
        entry.held += len(content)
        if entry.held <= _MOST_HELD and len(entry.messages) < _MOST_MESSAGES:
            at = seconds(message.get("time"))
            at = at / 1000 if at > _MILLISECONDS else at
            entry.messages.append((content, message.get("type") == "send", at))
        elif not entry.overfull:
            entry.overfull = True
            scene.notes[UNHELD] += 1
    entry.message = {}


def _judged(entry: _Entry, scene: Scene) -> Iterator[Record]:
    values = entry.values
    try:
        url = urlsplit(str(values.get("request.url", "")))
        host, port = (url.hostname or "").rstrip("."), url.port or _PORTS.get(url.scheme, 0)
    except ValueError:
        return
    exchange = Exchange(
        scene,
        scene.only_client,
        str(values.get("request.method", "GET")),
        host,
        port,
        f"{url.path}?{url.query}" if url.query else url.path,
        entry.request,
    )
    at = moment(values.get("startedDateTime"))
    packed = values.get("request.postData.encoding") == "base64"
    body = _bytes(values.get("request.postData.text"), scene, packed=packed)
    yield from exchange.request(body, at)
    headers = entry.response
    if not header(headers, "content-type"):
        headers = [*headers, ("content-type", str(values.get("response.content.mimeType", "")))]
    packed = values.get("response.content.encoding") == "base64"
    body = _bytes(values.get("response.content.text"), scene, packed=packed)
    yield from exchange.response(headers, body, at)
    for content, is_sent, sent in entry.messages:
        yield from exchange.judge(content, sent or at, to_server=is_sent, protocol=PROTOCOL)


def _bytes(text: Any, scene: Scene, *, packed: bool) -> bytes:
    if not isinstance(text, str):
        return b""
    if packed:
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            scene.notes[_UNDECODED] += 1
    return text.encode("utf-8", "surrogatepass")


def moment(text: Any) -> float:
    """ISO 8601 as seconds since 1970; 0 where it is none."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
