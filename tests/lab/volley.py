"""All raw senders at once in the client's namespace, watched from both sides."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .capture import Packet
from .net import SINK
from .process import Process
from .senders import SECOND, Shot
from .sink import PORT, RULES
from .world import ROOT, Sights, World

SENDING_SECONDS = 120.0


@dataclass(frozen=True)
class Volley:
    """What came of one shot of every kind."""

    answers: dict[str, str]  # by mark: what the sender got back
    seen: Sights
    noted: list[dict[str, Any]]  # what the sink received, in TLS too

    def answer(self, shot: Shot) -> str:
        return self.answers[shot.mark.decode()]

    @cached_property
    def _straight(self) -> bytes:
        noted = [item for item in self.noted if item["peer"] in self.seen.client_addresses]
        return _texts(self.seen.arrived) + _bytes(noted)

    @cached_property
    def _everything(self) -> bytes:
        return _texts(self.seen.arrived + self.seen.carried) + _bytes(self.noted)

    def was_sent(self, shot: Shot) -> bool:
        """Whether it, or what was to become of it, left the client: what is in TLS only shows
        that it was answered."""
        return shot.mark in _texts(self.seen.sent) or self.answer(shot) == "success"

    def arrived_straight(self, shot: Shot) -> bool:
        """Whether the client itself brought the shot into the internet, in clear or in TLS."""
        return shot.mark in self._straight

    def arrived_at_all(self, shot: Shot) -> bool:
        """Whether it came there from whomever."""
        return shot.mark in self._everything

    def got_through(self, shot: Shot) -> bool:
        """Whether it came where it may not come to behind rtcguard."""
        attempt = shot.attempt
        may_arrive = attempt.passes or attempt.unread
        return self.arrived_straight(shot) or (self.arrived_at_all(shot) and not may_arrive)

    def text_of(self, shot: Shot) -> str:
        """What the sink received of it."""
        received = [bytes.fromhex(item["data"]) for item in self.noted]
        return "\n".join(data.decode("latin-1") for data in received if shot.mark in data)


def _bytes(noted: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(b"\0" + bytes.fromhex(item["data"]) for item in noted)


def _texts(packets: Iterable[Packet]) -> bytes:
    """All payloads, those of one flow in one piece: a shot may have come byte by byte."""
    flows: dict[tuple[str, int, str, int, str], bytearray] = defaultdict(bytearray)
    for item in packets:
        flows[item.src, item.sport, item.dst, item.dport, item.proto] += item.payload
    return b"".join(b"\0" + text for text in flows.values())


@contextmanager
def running_sink(world: World) -> Iterator[Path]:
    """The senders' far side, and a second address for them, for the time of a `with` block; yields
    its record."""
    lab = world.lab
    record = lab.directory / f"sink-{len(list(lab.directory.glob('sink-*.jsonl')))}.jsonl"
    certificate, key = world.ca.issue("sink.lab.test", SINK.addresses)
    files = (f"--certificate={certificate}", f"--key={key}", f"--record={record}")
    argv = [sys.executable, "-m", "tests.lab.sink", *files]
    lab.run(lab.internet, "nft", RULES)
    sink = lab.start(lab.internet, record.stem, argv, cwd=ROOT)
    try:
        for address in SINK.addresses:
            sink.wait_port("tcp", address, PORT)
            sink.wait_port("udp", address, PORT)
        with lab.second_address(SECOND):
            yield record
    finally:
        sink.stop()
        lab.run(lab.internet, "nft", "delete table inet sink")


def start_senders(world: World, *options: str) -> Process:
    argv = [sys.executable, "-m", "tests.lab.senders", *options]
    return world.lab.start(world.lab.client, "senders", argv, cwd=ROOT)


def fire(world: World) -> Volley:
    """One shot of every kind."""
    with running_sink(world) as record, world.watch() as seen:
        senders = start_senders(world)
        senders.wait_end(SENDING_SECONDS)
    return _volley(senders, seen, record)


@contextmanager
def firing(world: World) -> Iterator[Volley]:
    """Shots of every kind, again and again for the time of a `with` block; what it yields is filled
    when that has ended."""
    with running_sink(world) as record, world.watch() as seen:
        volley = Volley({}, seen, [])
        senders = start_senders(world, "--until-stopped")
        senders.wait_log("sending")
        try:
            yield volley
        finally:
            senders.stop()
    made = _volley(senders, seen, record)
    volley.answers.update(made.answers)
    volley.noted.extend(made.noted)


def _volley(senders: Process, seen: Sights, record: Path) -> Volley:
    noted = [json.loads(line) for line in record.read_text().splitlines()]
    return Volley(json.loads(senders.tail(1)), seen, noted)
