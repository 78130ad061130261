"""macOS' keychain, by `security`: the user's own, or for root the system's.

Source: security(1), and its output as other projects read it; never run on macOS.
"""

import re
from dataclasses import dataclass

from rtcguard.desktop.certificate import Certificate
from rtcguard.desktop.nouns import DesktopError, Machine, Run
from rtcguard.desktop.stores import Found


@dataclass(frozen=True, slots=True)
class Keychain:
    """`admin`: the trust is that of all users."""

    where: str
    admin: bool
    kind = "system"

    def look(self, machine: Machine, ours: Certificate) -> Found:
        # It fails where it finds none.
        told = machine.run(
            ("security", "find-certificate", "-a", "-Z", "-c", ours.name, self.where)
        )
        prints = set(re.findall(r"^SHA-256 hash: ([0-9A-F]{64})$", told.output, re.M))
        held = ours.sha256 in prints
        trusted = held and machine.run(("security", "verify-cert", "-c", ours.path)).code == 0
        return Found(trusted, held, len(prints - {ours.sha256}))

    def install(self, machine: Machine, ours: Certificate) -> None:
        domain = ("-d",) if self.admin else ()
        add = ("security", "add-trusted-cert", *domain, "-r", "trustRoot", "-k", self.where)
        machine.perform([Run((*add, ours.path))])
        if not self.look(machine, ours).trusted:
            raise DesktopError(f"{self.where}: `security` put it in, but it is not trusted")

    def remove(self, machine: Machine, ours: Certificate) -> None:
        domain = ("-d",) if self.admin else ()
        machine.perform(
            [
                # It fails where there is no trust to take away.
                Run(("security", "remove-trusted-cert", *domain, ours.path), needed=False),
                Run(("security", "delete-certificate", "-Z", ours.sha1, self.where)),
            ]
        )
