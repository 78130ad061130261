"""Windows' store of authorities of a user, by its certutil.exe; Windows asks the user to agree.

Source: Microsoft's documentation of certutil; never run on Windows.
"""

import re
from dataclasses import dataclass

from rtcguard.desktop.certificate import Certificate
from rtcguard.desktop.nouns import Machine, Run
from rtcguard.desktop.stores import Found

_CERTUTIL = ("certutil", "-user")


@dataclass(frozen=True, slots=True)
class WindowsStore:
    kind = "system"
    where = "the user's Trusted Root Certification Authorities"

    def look(self, machine: Machine, ours: Certificate) -> Found:
        # What it says is in the system's language; the hash in hexadecimal is not. Old ones write
        # blanks between the bytes. It fails where it finds none of that name.
        told = machine.run((*_CERTUTIL, "-store", "Root", ours.name))
        rows = re.findall(r"\(sha1\): ([0-9a-f ]+)$", told.output.replace("\r", ""), re.M)
        prints = {row.replace(" ", "").upper() for row in rows}
        held = ours.sha1 in prints
        return Found(held, held, len(prints - {ours.sha1}))

    def install(self, machine: Machine, ours: Certificate) -> None:
        machine.perform([Run((*_CERTUTIL, "-addstore", "Root", ours.path))])

    def remove(self, machine: Machine, ours: Certificate) -> None:
        machine.perform([Run((*_CERTUTIL, "-delstore", "Root", ours.sha1))])
