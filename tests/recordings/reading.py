"""Recordings read in this process, as the command reads them, without a store."""

import gzip
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rtcguard.errors import ParseError
from rtcguard.policy.model import Config, Policy
from rtcguard.policy.record import Record
from rtcguard.recordings import formats
from rtcguard.recordings.scene import Scene
from rtcguard.recordings.source import Source

SAMPLES = Path(__file__).parent / "samples"


@dataclass
class Read:
    """What was read of a file: its format, records, notes, and what was wrong with it."""

    name: str = ""
    records: list[Record] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    damage: str = ""

    def told(self, *fields: str) -> set[tuple[object, ...]]:
        """These fields of every record."""
        return {tuple(getattr(record, name) for name in fields) for record in self.records}


def sample(name: str) -> bytes:
    """A sample, unpacked."""
    return gzip.decompress((SAMPLES / f"{name}.gz").read_bytes())


def read(path: Path, *clients: str, config: Config | None = None) -> Read:
    """Reads a file; only a ParseError may come out of a reader, and it is told as `damage`."""
    made = Read()
    scene = Scene(Policy(config or Config()), frozenset(clients), 1.0, made.notes)
    with Source(path) as source:
        try:
            made.name, reader = formats.detect(source)
            for record in reader(source, scene):
                made.records.append(record)
        except ParseError as error:
            made.damage = str(error)
    return made


def read_bytes(content: bytes, folder: Path, *clients: str, config: Config | None = None) -> Read:
    path = folder / "recording"
    path.write_bytes(content)
    return read(path, *clients, config=config)


def sample_names() -> Iterator[str]:
    for path in sorted(SAMPLES.glob("*.gz")):
        yield path.name.removesuffix(".gz")
