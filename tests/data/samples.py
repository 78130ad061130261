"""Real signaling messages, by their manifest: `load()` gives them all, or says what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, cast

import yaml

from .readers import READERS, says, texts

FOLDER = Path(__file__).parent / "samples"
MANIFEST = FOLDER / "manifest.yaml"
NEEDED = {"file", "family", "format", "direction", "kind", "source", "reader", "client", "relays"}
OPTIONAL = {"content_type", "subprotocol", "servers", "unchanged", "note"}
DIRECTIONS = {"outbound", "inbound"}
KINDS = {"body", "websocket", "url", "header"}
# What no reader of ours opens; the note says what hides the addresses.
UNREADABLE = {"lz-string", "opaque"}


class ManifestError(Exception):
    """The manifest and the files do not belong together."""


@dataclass(frozen=True)
class Sample:
    """One message as it travels, and what is known of it."""

    file: str
    family: str
    format: str
    direction: Literal["outbound", "inbound"]
    kind: Literal["body", "websocket", "url", "header"]
    source: str
    reader: str
    client: tuple[str, ...]
    relays: tuple[str, ...]
    servers: tuple[str, ...] = ()
    content_type: str | None = None
    subprotocol: str | None = None
    unchanged: bool = False
    note: str = ""

    @classmethod
    def of(cls, entry: dict[str, Any]) -> Self:
        name = entry.get("file", "an entry without a file")
        if missing := NEEDED - entry.keys():
            raise ManifestError(f"{name}: without {sorted(missing)}")
        if unknown := entry.keys() - NEEDED - OPTIONAL:
            raise ManifestError(f"{name}: unknown {sorted(unknown)}")
        lists = {key: tuple(entry.get(key, ())) for key in ("client", "relays", "servers")}
        sample = cls(**(entry | lists))
        if sample.direction not in DIRECTIONS:
            raise ManifestError(f"{name}: direction {sample.direction}")
        if sample.kind not in KINDS:
            raise ManifestError(f"{name}: kind {sample.kind}")
        if sample.reader not in READERS:
            raise ManifestError(f"{name}: reader {sample.reader}")
        if sample.unchanged and sample.client:
            raise ManifestError(f"{name}: unchanged, and yet with addresses that must go")
        return sample

    @property
    def path(self) -> Path:
        return FOLDER / self.file

    @cached_property
    def content(self) -> bytes:
        return self.path.read_bytes()

    def texts(self, content: bytes | None = None) -> list[str]:
        """What the message says, or what another one of its format says: a rewritten one."""
        return texts(self.reader, self.content if content is None else content)

    def remaining(self, content: bytes) -> list[str]:
        """The client's addresses that a message of this format still says."""
        found = self.texts(content)
        return [address for address in self.client if says(address, found)]

    def check(self) -> None:
        """Every address of the entry really occurs, where the reader reads."""
        if self.format in UNREADABLE:
            if not self.note:
                raise ManifestError(f"{self.file}: unreadable, and the note does not say why")
            return
        found = self.texts()
        for address in (*self.client, *self.relays):
            if not says(address, found):
                raise ManifestError(f"{self.file}: {address} does not occur")
        for url in self.servers:
            if not any(url in text for text in found):
                raise ManifestError(f"{self.file}: {url} does not occur")


def load() -> list[Sample]:
    """All samples, in the manifest's order."""
    entries = cast("list[dict[str, Any]]", yaml.safe_load(MANIFEST.read_text(encoding="utf-8")))
    samples = [Sample.of(entry) for entry in entries]
    listed = [sample.file for sample in samples]
    if twice := {file for file in listed if listed.count(file) > 1}:
        raise ManifestError(f"listed twice: {sorted(twice)}")
    there = {
        path.relative_to(FOLDER).as_posix()
        for path in FOLDER.rglob("*")
        if path.is_file() and path != MANIFEST
    }
    if there != set(listed):
        raise ManifestError(f"listed or there, not both: {sorted(there ^ set(listed))}")
    if bad := [file for file in listed if not re.fullmatch(r"[a-z0-9-]+/[a-z0-9.-]+", file)]:
        raise ManifestError(f"names for another system to stumble over: {bad}")
    return samples
