"""NSS databases, as Chromium on Linux and Firefox have them: by certutil of libnss3-tools.

`certutil -L -n NAME` tells of every certificate with the subject of that name, each with its
fingerprint and its trust; `-D -n NAME` takes out one of exactly that name. Sources: its own help,
and NSS 3.87 as it behaves.
"""

import re
from dataclasses import dataclass
from typing import Final

from rtcguard.desktop.certificate import Certificate
from rtcguard.desktop.nouns import DesktopError, Machine, Run, asked, failure
from rtcguard.desktop.stores import Found

_TRUST: Final = "C,,"  # it may sign for web sites, nothing else
# An import by hand names it after the subject, which is mitmproxy's.
_NAMES: Final = ("rtcguard", "mitmproxy")
_ROW: Final = re.compile(r"^(.+?)\s+([A-Za-z]*,[A-Za-z]*,[A-Za-z]*)\s*$")
_FINGERPRINT: Final = re.compile(r"Fingerprint \(SHA-256\):\s*([0-9A-F:]+)")
_WEB: Final = re.compile(r"SSL Flags:(.*?)(?:Email Flags|Object Signing Flags|\Z)", re.S)


@dataclass(frozen=True, slots=True)
class NssStore:
    """`kind` is `nss` (Chromium's) or `firefox` (a profile's); `where` the database's folder."""

    kind: str
    where: str

    @property
    def _database(self) -> str:
        return f"sql:{self.where}"

    def look(self, machine: Machine, ours: Certificate) -> Found:
        if "cert9.db" not in machine.files(self.where):
            return Found(False, False)
        _check(machine)
        found = self._found(machine)
        trusted = found.get(ours.sha256)
        others = len(found.keys() - {ours.sha256})
        return Found(bool(trusted), trusted is not None, others)

    def install(self, machine: Machine, ours: Certificate) -> None:
        _check(machine)
        before = self.look(machine, ours)
        if "cert9.db" not in machine.files(self.where):
            machine.perform(
                [
                    Run(("mkdir", "-p", "-m", "700", self.where)),
                    Run(("certutil", "-N", "-d", self._database, "--empty-password")),
                ]
            )
        add = ("certutil", "-A", "-d", self._database, "-n", ours.label, "-t", _TRUST)
        answer = machine.run((*add, "-i", ours.path))
        if answer.code:
            if not before.held:  # it may be there by now, without trust
                machine.perform([self._delete(ours.label)])
            if "SEC_ERROR_BAD_PASSWORD" in answer.errors:
                raise DesktopError(
                    f"{self.where}: is locked with a password; import {ours.path} in the browser's "
                    "own settings, as an authority for web sites"
                )
            raise DesktopError(failure(add, answer))
        if not self.look(machine, ours).trusted:
            raise DesktopError(f"{self.where}: certutil put it in, but it is not trusted there")

    def remove(self, machine: Machine, ours: Certificate) -> None:
        _check(machine)
        machine.perform([self._delete(ours.label)])
        # Under another name it was put there by hand.
        for name in self._names(machine):
            if set(self._told(machine, name)) == {ours.sha256}:
                machine.perform([self._delete(name)])
        if ours.sha256 in self._found(machine):
            raise DesktopError(
                f"{self.where}: it is there under a name that other certificates have, too; take "
                f"it out in the browser's settings (SHA-256 {ours.sha256})"
            )

    def _delete(self, name: str) -> Run:
        return Run(("certutil", "-D", "-d", self._database, "-n", name), needed=False)

    def _names(self, machine: Machine) -> list[str]:
        listing = asked(machine, "certutil", "-L", "-d", self._database)
        rows = [_ROW.match(line) for line in listing.splitlines()]
        names = {row[1] for row in rows if row}
        return sorted(name for name in names if any(one in name.lower() for one in _NAMES))

    def _told(self, machine: Machine, name: str) -> dict[str, bool]:
        """The certificates of a name's subject, by fingerprint, and whether each is trusted."""
        answer = machine.run(("certutil", "-L", "-d", self._database, "-n", name))
        if answer.code:
            return {}
        found = {}
        places = [(one.start(), one[1]) for one in _FINGERPRINT.finditer(answer.output)]
        ends = [start for start, _ in places[1:]] + [len(answer.output)]
        for (start, print_), end in zip(places, ends, strict=True):
            web = _WEB.search(answer.output[start:end])
            found[print_.replace(":", "")] = web is not None and "Trusted CA" in web[1]
        return found

    def _found(self, machine: Machine) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for name in self._names(machine):
            found |= self._told(machine, name)
        return found


def _check(machine: Machine) -> None:
    if not machine.has("certutil"):
        raise DesktopError(
            "the command `certutil` is not there: install libnss3-tools (Debian), nss-tools "
            "(Fedora) or nss (Arch)"
        )
