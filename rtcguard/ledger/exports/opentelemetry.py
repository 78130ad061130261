"""OpenTelemetry logs over HTTP (OTLP/HTTP, JSON, gzip), to a collector or a vendor's endpoint.

An answer of 200, or another 2xx, is the acknowledgement. What else is answered means: try again,
with the one exception of an event that is refused by itself while others are taken (400, 413, 422):
it is given up, and counted. So a wrong token or a wrong path loses nothing while it is mended.
"""

import contextlib
import gzip
import http.client
import ssl
import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from rtcguard import __version__
from rtcguard.ledger.event import Event
from rtcguard.ledger.exports import otlp
from rtcguard.ledger.exports.fields import clean
from rtcguard.ledger.exports.sink import TIMEOUT, Outage
from rtcguard.policy.export import OpenTelemetry

_REFUSED: Final = (400, 413, 422)  # for what was sent
_MOST_ANSWER: Final = 65_536  # bytes of an answer that are looked at
_MOST_WAIT: Final = 600.0  # seconds


class OpenTelemetrySink:
    """A `Sink`. `tls` has the certificates that are trusted."""

    def __init__(
        self, to: OpenTelemetry, tls: ssl.SSLContext, now: Callable[[], float] = time.time
    ) -> None:
        parts = urlsplit(to.endpoint)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.hostname or ""
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            self._connection = http.client.HTTPSConnection(
                host, parts.port, timeout=TIMEOUT, context=tls
            )
        else:
            self._connection = http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT)
        self._headers = {
            "User-Agent": f"rtcguard/{__version__}",
            **dict(to.headers),
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
        }
        self._now = now

    def send(self, events: Sequence[Event]) -> int:
        alone: list[tuple[Event, str]] = []  # events that were refused by themselves
        taken = refused = 0
        parts = [events]
        while parts:
            part = parts.pop()
            answer = self._post(otlp.request(part, self._now()))
            if 200 <= answer.status < 300:
                taken += len(part)
                refused += min(len(part), otlp.rejected(answer.body)[0])
            elif answer.status in _REFUSED and len(part) > 1:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
            elif answer.status in _REFUSED:
                alone.append((part[0], answer.said))
                if not taken and len(alone) > 1:
                    break  # it is not the events
            else:
                raise Outage(answer.said, answer.wait)
        if alone and not taken:
            raise Outage(alone[0][1])
        return refused + len(alone)

    def _post(self, content: bytes) -> "_Answer":
        body = gzip.compress(content, compresslevel=4)
        try:
            if self._connection.sock is not None:  # kept, and perhaps over by now
                with contextlib.suppress(http.client.HTTPException, ConnectionError):
                    return self._posted(body)
            return self._posted(body)
        except http.client.HTTPException as error:
            raise Outage(f"it does not answer as HTTP ({error!r}); is this its port?") from error

    def _posted(self, body: bytes) -> "_Answer":
        try:
            self._connection.request("POST", self._path, body, self._headers)
            response = self._connection.getresponse()
            said = response.read(_MOST_ANSWER)
            if not response.isclosed():
                self.close()  # the rest of it is not waited for
            return _Answer(response.status, response.headers.get("Retry-After", ""), said)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.close()


class _Answer:
    def __init__(self, status: int, retry_after: str, body: bytes) -> None:
        self.status, self.body = status, body
        self._retry_after = retry_after

    @property
    def said(self) -> str:
        hints = {
            401: "; check `headers`",
            403: "; check `headers`",
            404: "; check the path of `endpoint`",
            405: "; check the path of `endpoint`",
        }
        text = clean(self.body[:200].decode("utf-8", "replace").strip())
        hint = hints.get(self.status, "")
        if 300 <= self.status < 400:
            hint = "; it sends elsewhere, which is not followed: write that place as `endpoint`"
        return f"it answers {self.status}{f' ({text})' if text else ''}{hint}"

    @property
    def wait(self) -> float:
        """Seconds that the receiver asks to be left alone for (RFC 9110 section 10.2.3)."""
        try:
            seconds = float(self._retry_after)
        except ValueError:
            try:
                seconds = parsedate_to_datetime(self._retry_after).timestamp() - time.time()
            except ValueError:
                return 0.0
        return min(max(seconds, 0.0), _MOST_WAIT) if seconds == seconds else 0.0
