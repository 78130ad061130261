"""Live reload: another configuration is put into force as a whole, or not at all.

All is read and checked first; then the processes that take it while they run are given it, and say
whether they can have it; then the others are started again; then all of the first kind put it into
force. Where a step fails, everything is as it was, and what was wrong is told: in the log, in the
ledger, to `rtcguard reload`, and by the exit code of `rtcguard run`.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rtcguard.app.changes import changes, restarted
from rtcguard.app.parts import parts
from rtcguard.app.processes import Settings
from rtcguard.app.reading import Source
from rtcguard.app.settings import node
from rtcguard.app.supervisor import Supervisor
from rtcguard.app.watching import Files
from rtcguard.errors import ConfigError, RtcguardError, StartError
from rtcguard.ledger.store import Store
from rtcguard.ledger.writer import stamped
from rtcguard.network import firewall
from rtcguard.policy.record import Record
from rtcguard.proxy import confirmed

logger = logging.getLogger(__name__)

_TOLD: Final = 20  # mistakes that the ledger's event repeats


@dataclass(frozen=True, slots=True)
class Outcome:
    """`policy` is in force now, `before` was until now. With `mistakes` nothing changed."""

    policy: str
    before: str
    changed: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """What happened, for people."""
        if self.mistakes:
            head = f"the configuration is refused, and policy {self.policy} stays in force:"
            return [head, *self.mistakes]
        if not self.changed:
            return [f"policy  {self.policy}, as before"]
        line = f"policy  {self.policy}, before it {self.before}; changed: {', '.join(self.changed)}"
        if self.restarted:
            line += f"; started again: {', '.join(self.restarted)}"
        return [line, *self.notes]


@dataclass(slots=True)
class Reloader:
    """`say` is given the lines for standard output."""

    source: Source
    settings: Settings
    supervisor: Supervisor
    say: Callable[[str], None]
    refused: tuple[str, ...] = ()  # the mistakes of what is in the files now
    _files: Files = field(default_factory=Files)

    def __post_init__(self) -> None:
        self._files.watch(self.source.files(self.settings.policy.config))

    def look(self) -> None:
        """Reloads where a file changed, and is written to its end."""
        if self._files.has_settled():
            self._reload(whole=True)

    def reload(self) -> Outcome:
        """Reloads now, and tells what came of it."""
        return self._reload(whole=False)

    def _reload(self, *, whole: bool) -> Outcome:
        """`whole`: only what did not change while it was read is taken; what did is looked at
        again."""
        version = self.settings.policy.version
        named: list[Path] = []
        self._files.take()
        try:
            new = self.source.read()
            named += self.source.files(new.policy.config)
            if whole and not self._files.is_taken:
                return Outcome(version, version)
            outcome = self._put(new)
        except RtcguardError as error:
            if whole and not self._files.is_taken:
                return Outcome(version, version)
            if isinstance(error, ConfigError):  # it is to be seen when they are mended
                wrong = [Path(mistake.file) for mistake in error.mistakes]
                named += (*wrong, *(path.parent for path in wrong))
            outcome = Outcome(version, version, mistakes=tuple(str(error).splitlines()))
        self._files.watch((*self.source.files(self.settings.policy.config), *named))
        self._tell(outcome)
        self.refused = outcome.mistakes
        return outcome

    def _put(self, new: Settings) -> Outcome:
        """Puts it into force. Raises StartError where that cannot be."""
        old = self.settings
        keys = changes(old, new)
        if not keys:
            return Outcome(new.policy.version, old.policy.version)
        again = restarted(keys)
        config = new.policy.config
        if confirmed.leaves_pages(config):
            _note(new)  # before the first page loads without a guard
        try:
            self.supervisor.change(new, parts(new), again)
            self.settings = new
        finally:
            # Where it cannot be noted that pages are guarded again, none counts as guarded.
            with _logged(StartError):
                _note(self.settings)
        notes = [f"warning: {mistake}" for mistake in config.warnings]
        ran = {part.name for part in parts(old)} | {part.name for part in parts(new)}
        return Outcome(
            new.policy.version,
            old.policy.version,
            keys,
            tuple(name for name in again if name in ran),
            (*_notes(old, new), *notes),
        )

    def _tell(self, outcome: Outcome) -> None:
        lines = outcome.lines()
        if outcome.mistakes:
            for line in lines:
                logger.error("%s", line)
        elif outcome.changed or self.refused:
            for line in lines:
                self.say(line)
        if outcome.mistakes == self.refused and not outcome.changed:
            return  # nothing new
        record = Record(
            ring="ledger",
            kind="rtcguard",
            action="refused" if outcome.mistakes else "observed",
            rule="reload",
            reason="; ".join(lines[: 1 + _TOLD]),
            policy=outcome.policy,
        )
        with _logged(StartError, sqlite3.Error):
            store = Store(self.settings.state.ledger)
            try:
                store.add(stamped([record], node(self.settings.policy.config)))
            finally:
                store.close()


@contextlib.contextmanager
def _logged(*errors: type[Exception]) -> Iterator[None]:
    """What is only for the ledger must not end anything else."""
    try:
        yield
    except errors as error:
        logger.error("the ledger cannot be told of the reload: %s", error)


def _note(settings: Settings) -> None:
    try:
        confirmed.note(settings.state.ledger, settings.policy.config)
    except sqlite3.Error as error:
        raise StartError(f"{settings.state.ledger}: cannot be written: {error}") from error


def _notes(old: Settings, new: Settings) -> list[str]:
    """What only another command can change."""
    before, now = old.policy.config, new.policy.config
    if not firewall.wanted(now):
        return ["gateway: the firewall stays up until `rtcguard gateway down`"] * firewall.wanted(
            before
        )
    from rtcguard.app import gateway

    if not firewall.wanted(before) or gateway.text(before) != gateway.text(now):
        return ["gateway: the firewall is still the one before; run `rtcguard gateway up`"]
    return []
