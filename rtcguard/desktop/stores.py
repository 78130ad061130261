"""Where certificates of authorities are trusted: what all such stores have in common; pure."""

from dataclasses import dataclass
from typing import Protocol

from rtcguard.desktop.certificate import Certificate
from rtcguard.desktop.nouns import Machine


@dataclass(frozen=True, slots=True)
class Found:
    """What a store has: whether it trusts ours, whether it holds it at all, and how many other
    authorities of the same name it holds."""

    trusted: bool
    held: bool
    others: int = 0


class Store(Protocol):
    """One store. Each method raises DesktopError, or NeedsRoot."""

    @property
    def kind(self) -> str:
        """What `--for` names it by."""

    @property
    def where(self) -> str: ...

    def look(self, machine: Machine, ours: Certificate) -> Found: ...
    def install(self, machine: Machine, ours: Certificate) -> None: ...
    def remove(self, machine: Machine, ours: Certificate) -> None:
        """Takes out ours, and no other."""
