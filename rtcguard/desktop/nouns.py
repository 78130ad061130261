"""What the desktops and the stores of certificates have in common; pure.

`Values` is what is set now: text by key, as the desktop's own command writes it; a key that is not
set is not there, or None. A plan is a list of steps: a command to run, a file to write or remove.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rtcguard.errors import RtcguardError
from rtcguard.policy.model import HostPort

type Values = Mapping[str, str | None]


class DesktopError(RtcguardError):
    """Something on this machine cannot be read or set; the text says what, and what to do."""


class NeedsRoot(DesktopError):
    """It can be done with root's rights only."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said. `code` 127: there is no such command."""

    code: int
    output: str
    errors: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A command. `needed`: the plan fails where it does."""

    argv: tuple[str, ...]
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Write:
    """A file's whole content; None: there is to be no such file."""

    path: str
    content: str | None


@dataclass(frozen=True, slots=True)
class Refresh:
    """Windows: running programs are told that the Internet settings have changed."""


type Step = Run | Write | Refresh


class Machine(Protocol):
    """The machine, as far as anything here touches it. `platform` is that of `sys`."""

    @property
    def platform(self) -> str: ...
    @property
    def home(self) -> str: ...
    @property
    def environment(self) -> Mapping[str, str]: ...
    @property
    def is_root(self) -> bool: ...

    def has(self, command: str) -> bool: ...
    def run(self, argv: Sequence[str]) -> Answer: ...
    def read(self, path: str) -> str | None:
        """A file's text; None where there is none. Raises DesktopError."""

    def files(self, folder: str) -> Sequence[str]:
        """The names in a folder; none where there is no such folder."""

    def is_folder(self, path: str) -> bool: ...
    def perform(self, steps: Iterable[Step]) -> None:
        """Raises DesktopError at the first that fails, NeedsRoot where only root may do it."""


class Desktop(Protocol):
    """One place where a desktop's proxy is set."""

    name: str

    def applies(self, machine: Machine) -> bool:
        """Whether this machine's user has it."""

    def read(self, machine: Machine) -> Values:
        """What is set now. Raises DesktopError."""

    def wanted(self, proxy: HostPort, now: Values) -> Values:
        """What is to be set for everything to go to the proxy. Raises DesktopError."""

    def direct(self, now: Values) -> Values:
        """What is to be set for nothing to go to any proxy."""

    def leads_to(self, now: Values) -> str | None:
        """`host:port` where HTTP and HTTPS both go to this one proxy."""

    def tell(self, now: Values) -> str:
        """What is set, for people, in a few words."""

    def steps(self, changes: Values, machine: Machine) -> Sequence[Step]: ...


def asked(machine: Machine, *argv: str) -> str:
    """What a command writes. Raises DesktopError where it fails."""
    answer = machine.run(argv)
    if answer.code:
        raise DesktopError(failure(argv, answer))
    return answer.output


def failure(argv: Sequence[str], answer: Answer) -> str:
    """One line about a command that failed."""
    if answer.code == 127:
        return f"the command `{argv[0]}` is not there"
    said = " ".join((answer.errors.strip() or answer.output.strip()).split())
    return f"`{' '.join(argv)}` failed: {said or f'exit code {answer.code}'}"
