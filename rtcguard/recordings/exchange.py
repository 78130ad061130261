"""An HTTP exchange or a WebSocket message of a recording, judged as the proxy judges it live."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

from rtcguard.ice.address import host_port
from rtcguard.policy.record import Record
from rtcguard.proxy.bodies import LIMIT, Head, Plan, request_plan, response_plan
from rtcguard.recordings.scene import Scene
from rtcguard.signaling import Message, links, rewrite
from rtcguard.signaling.message import Direction

Headers = list[tuple[str, str]]  # names in lower case

TOO_LARGE: Final = f"messages that may be signaling and have more than {LIMIT} bytes"


@dataclass(frozen=True)
class Exchange:
    """Who asks whom for what. `flipped`: the server is the one whose leaks are looked for."""

    scene: Scene
    client: str
    method: str
    host: str
    port: int
    path: str
    headers: Headers
    flipped: bool = False

    @cached_property
    def site(self) -> str:
        """The host of the page that speaks (as in proxy/flows.py)."""
        for name in ("origin", "referer"):
            try:
                named = urlsplit(header(self.headers, name)).hostname
            except ValueError:
                named = None
            if named:
                return named.lower().rstrip(".")
        return self.host

    def request(self, body: bytes, at: float) -> Iterator[Record]:
        """Judges the URL and the body, decoded."""
        path = self.path.encode("utf-8", "surrogateescape")
        yield from self.judge(path, at, to_server=True)
        head = self.request_head(len(body))
        if body and (head.is_text or request_plan(head) is Plan.JUDGE):
            yield from self.judge(body, at, to_server=True)

    def response(self, headers: Headers, body: bytes, at: float) -> Iterator[Record]:
        """Judges lists of ICE servers in headers, and the body, decoded."""
        values = [value for name, value in headers if name == "link"]
        if values and links.is_ice_server(values) and not self.flipped:
            message = self._message(b"", "inbound", at, "http")
            _, records = links.rewrite_links(values, message, self.scene.policy.config)
            yield from self.scene.observed(records, at)
        plan = self.response_plan(headers, len(body))
        if body and plan in (Plan.JUDGE, Plan.LINES):
            yield from self.judge(body, at, to_server=False)

    def request_head(self, length: int | None) -> Head:
        return Head(header(self.headers, "content-type"), length)

    def response_plan(self, headers: Headers, length: int | None) -> Plan:
        """What the proxy does with a response's body."""
        head = Head(header(headers, "content-type"), length)
        return response_plan(head, header(self.headers, "sec-fetch-dest").lower())

    def judge(
        self, content: bytes, at: float, *, to_server: bool, protocol: str = "http"
    ) -> Iterator[Record]:
        """Judges a message, decoded and whole. One that is too large is noted."""
        if len(content) > LIMIT:
            self.scene.notes[TOO_LARGE] += 1
            return
        direction: Direction = "outbound" if to_server != self.flipped else "inbound"
        yield from judged(self.scene, self._message(content, direction, at, protocol), at)

    def note_too_large(self, headers: Headers) -> None:
        """For a body that was not even held; what is no text is never signaling when so large."""
        if Head(header(headers, "content-type")).is_text:
            self.scene.notes[TOO_LARGE] += 1

    def _message(self, content: bytes, direction: Direction, at: float, protocol: str) -> Message:
        return Message(
            content,
            direction,
            site=self.site,
            client=self.client,
            destination=host_port(self.host, self.port),
            path=self.path,
            protocol=protocol,
            minute=self.scene.minute(at),
        )


def judged(scene: Scene, message: Message, at: float) -> Iterator[Record]:
    """What ring 2 has to say of a message."""
    made = rewrite(message, scene.policy.config)
    records = list(made.records)
    if made.blocked:
        records.append(
            Record(
                ring="signaling",
                kind="payload",
                action="blocked",
                direction=message.direction,
                site=message.site,
                client=message.client,
                destination=message.destination,
                rule="default:on_error",
                reason=made.blocked,
            )
        )
    return scene.observed(records, at)


def header(headers: Headers, name: str) -> str:
    """The first value of a header, or ""."""
    return next((value for key, value in headers if key == name), "")
