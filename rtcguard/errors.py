"""The errors of rtcguard: one small tree.

    RtcguardError            anything that a user is told in one line
      ConfigError            the configuration is wrong, or cannot be put to work (exit 2)
      StartError             a part could not be started: busy port, missing folder (exit 2)
      PayloadBlocked         a payload that must not pass (exit 3 in `rtcguard filter`)
      DamagedError           a ledger that is damaged (exit 1)
    ParseError(ValueError)   what a parser of wire bytes raises, and nothing else

A `ParseError` never reaches a user: who calls a parser decides what an unreadable input means.
"""

from dataclasses import dataclass


class RtcguardError(Exception):
    """Told to the user as one line, without a traceback."""

    exit_code = 1


@dataclass(frozen=True)
class Mistake:
    """One mistake in a configuration file. `line` and `column` count from 1; 0: the whole file."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.message}"


class ConfigError(RtcguardError):
    """The configuration is wrong; holds every mistake found, not only the first."""

    exit_code = 2

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


class StartError(RtcguardError):
    """A part of rtcguard could not be started with what it was given."""

    exit_code = 2


class PayloadBlocked(RtcguardError):
    """A payload that rtcguard does not let pass; the text says why."""

    exit_code = 3


class DamagedError(RtcguardError):
    """A ledger that cannot be read as it is; the text names the file and what is wrong with it."""


class ParseError(ValueError):
    """Wire bytes that do not follow their grammar."""
