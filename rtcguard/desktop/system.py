"""The system's store of authorities on Linux: a folder, and a command that makes bundles of it.

What uses OpenSSL or GnuTLS reads these; Chromium and Firefox have stores of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rtcguard.desktop.certificate import Certificate, ders
from rtcguard.desktop.nouns import DesktopError, Machine, NeedsRoot, Run, Write
from rtcguard.desktop.stores import Found


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a distribution has what an administrator adds, what takes it over, and into what."""

    folder: str
    update: tuple[str, ...]
    bundle: str
    fresh: tuple[str, ...] = ()  # after one was taken out, where `update` leaves traces


# By their folders, which only the one distribution has. Sources: update-ca-certificates(8) of
# Debian and of openSUSE, update-ca-trust(8) of Fedora, trust(1) as Arch's wiki has it.
LAYOUTS: Final = (
    Layout(
        "/etc/pki/ca-trust/source/anchors",
        ("update-ca-trust", "extract"),
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    ),
    Layout(
        "/etc/ca-certificates/trust-source/anchors",
        ("trust", "extract-compat"),
        "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
    ),
    Layout(
        "/etc/pki/trust/anchors",
        ("update-ca-certificates",),
        "/var/lib/ca-certificates/ca-bundle.pem",
    ),
    Layout(
        "/usr/local/share/ca-certificates",
        ("update-ca-certificates",),
        "/etc/ssl/certs/ca-certificates.crt",
        ("update-ca-certificates", "--fresh"),  # else its links in /etc/ssl/certs stay
    ),
)


def layout(machine: Machine) -> Layout | None:
    for one in LAYOUTS:
        if machine.is_folder(one.folder) and machine.has(one.update[0]):
            return one
    return None


@dataclass(frozen=True, slots=True)
class SystemStore:
    layout: Layout
    kind = "system"

    @property
    def where(self) -> str:
        return self.layout.bundle

    def look(self, machine: Machine, ours: Certificate) -> Found:
        bundle = machine.read(self.layout.bundle) or ""
        trusted = ours.der in ders(bundle)
        return Found(trusted, trusted or any(self._files(machine, ours)), ours.others(bundle))

    def install(self, machine: Machine, ours: Certificate) -> None:
        if not machine.is_root:
            raise NeedsRoot(f"{self.layout.folder}: only root may write there")
        path = f"{self.layout.folder}/{ours.label}.crt"  # Debian takes no other ending
        machine.perform([Write(path, ours.pem)])
        try:
            machine.perform([Run(self.layout.update)])
        except DesktopError:
            machine.perform([Write(path, None)])
            raise
        if not self.look(machine, ours).trusted:
            raise DesktopError(
                f"`{' '.join(self.layout.update)}` did not take {path} into {self.layout.bundle}"
            )

    def remove(self, machine: Machine, ours: Certificate) -> None:
        if not machine.is_root:
            raise NeedsRoot(f"{self.layout.folder}: only root may write there")
        files = [Write(path, None) for path in self._files(machine, ours)]
        machine.perform([*files, Run(self.layout.fresh or self.layout.update)])
        if self.look(machine, ours).trusted:
            raise DesktopError(
                f"{self.layout.bundle}: it is still there, though no file of "
                f"{self.layout.folder} holds it"
            )

    def _files(self, machine: Machine, ours: Certificate) -> Iterator[str]:
        """Files that hold ours and nothing else, whoever put them there."""
        for name in machine.files(self.layout.folder):
            path = f"{self.layout.folder}/{name}"
            if list(ders(machine.read(path) or "")) == [ours.der]:
                yield path
