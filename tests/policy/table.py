"""mistakes.txt as values."""

from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).parent / "mistakes.txt"


@dataclass(frozen=True)
class Piece:
    """A piece of a configuration, what is printed for it, and whether the JSON Schema sees it."""

    content: str
    told: tuple[str, ...]
    seen: bool


def pieces() -> list[Piece]:
    found = []
    for text in TABLE.read_text().rstrip("\n").split("\n\n")[1:]:
        if not text.startswith("== "):
            arrow = "\n=> " if "\n=> " in text else "\n-> "
            content, *told = text.split(arrow)
            found.append(Piece(content, tuple(told), arrow == "\n=> "))
    return found
