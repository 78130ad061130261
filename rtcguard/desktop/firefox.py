"""Firefox: where its profiles are, and the two ways by which it trusts more than its own list.

On Linux it reads nothing of the system's store: a profile's own database holds what it trusts
(nss.py), or a policy file installs a certificate in every profile. On macOS and Windows it takes
the system's authorities (`security.enterprise_roots.enabled`, the default since Firefox 120).
Sources: firefox-admin-docs.mozilla.org (Certificates), support.mozilla.org (profiles.ini).
"""

import configparser
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rtcguard.desktop.certificate import Certificate
from rtcguard.desktop.nouns import DesktopError, Machine, NeedsRoot, Write
from rtcguard.desktop.stores import Found, Store
from rtcguard.page.browser_policy import is_ours
from rtcguard.page.policy_files import LINUX, SHADOWED

_PREFERENCE: Final = 'user_pref("security.enterprise_roots.enabled", true);'
_NOTE: Final = "// Written by `rtcguard ca install`; `rtcguard ca remove` takes both lines away."


def profiles(machine: Machine) -> Iterator[str]:
    """The folders of this user's profiles."""
    for root in _roots(machine):
        text = machine.read(f"{root}/profiles.ini")
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(text or "")
        except configparser.Error:
            continue
        for section in parser.sections():
            path = parser.get(section, "Path", fallback="")
            if section.startswith("Profile") and path:
                relative = parser.get(section, "IsRelative", fallback="1") == "1"
                folder = f"{root}/{path}" if relative else path
                if machine.is_folder(folder):
                    yield folder


def _roots(machine: Machine) -> Iterator[str]:
    home, environment = machine.home, machine.environment
    match machine.platform:
        case "darwin":
            yield f"{home}/Library/Application Support/Firefox"
        case "win32":
            yield f"{environment.get('APPDATA', home)}/Mozilla/Firefox"
        case _:
            yield f"{home}/.mozilla/firefox"
            yield f"{environment.get('XDG_CONFIG_HOME') or f'{home}/.config'}/mozilla/firefox"
            yield f"{home}/snap/firefox/common/.mozilla/firefox"
            for folder in (".mozilla/firefox", "config/mozilla/firefox"):
                yield f"{home}/.var/app/org.mozilla.firefox/{folder}"


@dataclass(frozen=True, slots=True)
class EnterpriseRoots:
    """A profile on macOS or Windows, which is to take what the system's store trusts."""

    profile: str
    system: Store
    kind = "firefox"

    @property
    def where(self) -> str:
        return f"{self.profile}/user.js"

    def look(self, machine: Machine, ours: Certificate) -> Found:
        set_ = _PREFERENCE in (machine.read(self.where) or "")
        found = self.system.look(machine, ours)
        return Found(set_ and found.trusted, set_, found.others)

    def install(self, machine: Machine, ours: Certificate) -> None:
        text = machine.read(self.where) or ""
        if _PREFERENCE not in text:
            machine.perform([Write(self.where, f"{text}{_NOTE}\n{_PREFERENCE}\n")])

    def remove(self, machine: Machine, ours: Certificate) -> None:
        text = machine.read(self.where) or ""
        rest = text.replace(f"{_NOTE}\n{_PREFERENCE}\n", "")
        if rest != text:
            machine.perform([Write(self.where, rest or None)])


@dataclass(frozen=True, slots=True)
class PolicyStore:
    """Linux: the policy file of all of this machine's users. What Firefox has installed by it stays
    in each profile after the file has gone: there it is the profile's own store that removes it."""

    kind = "firefox-policy"

    @property
    def where(self) -> str:
        return f"/{LINUX['firefox'][0]}"

    def look(self, machine: Machine, ours: Certificate) -> Found:
        installed = set(_installed(self._read(machine)))
        held = self._copy(ours) in installed
        trusted = held and machine.read(self._copy(ours)) == ours.pem
        return Found(trusted, held, len(installed - {self._copy(ours)}))

    def install(self, machine: Machine, ours: Certificate) -> None:
        policies = self._ours(machine)
        if not policies:
            for name in SHADOWED:
                if machine.read(f"/{name}") is not None:
                    raise DesktopError(
                        f"/{name}: Firefox would not read it any more beside {self.where}; put "
                        f'"Certificates": {{"Install": ["{ours.path}"]}} into it by hand'
                    )
        if not machine.is_root:
            raise NeedsRoot(f"{self.where}: only root may write there")
        others = [path for path in _installed({"policies": policies}) if path != self._copy(ours)]
        policies["Certificates"] = {"Install": [*others, self._copy(ours)]}
        machine.perform([Write(self._copy(ours), ours.pem), self._write(policies)])

    def remove(self, machine: Machine, ours: Certificate) -> None:
        policies = self._ours(machine)
        if not machine.is_root:
            raise NeedsRoot(f"{self.where}: only root may write there")
        others = [path for path in _installed({"policies": policies}) if path != self._copy(ours)]
        policies["Certificates"] = {"Install": others}
        if not others:
            del policies["Certificates"]
        machine.perform([self._write(policies), Write(self._copy(ours), None)])

    def _copy(self, ours: Certificate) -> str:
        """Of the certificate, where every user may read it, as not in the state folder."""
        return f"{self.where.rpartition('/')[0]}/{ours.label}.pem"

    def _write(self, policies: dict[str, Any]) -> Write:
        text = json.dumps({"policies": policies}, indent=2) + "\n"
        return Write(self.where, text if policies else None)

    def _read(self, machine: Machine) -> object:
        try:
            return json.loads(machine.read(self.where) or "{}")
        except ValueError:
            return None

    def _ours(self, machine: Machine) -> dict[str, Any]:
        """The policies that are there, if rtcguard wrote them. Raises DesktopError for others."""
        read = self._read(machine)
        if read == {}:
            return {}
        if not isinstance(read, dict) or not is_ours("firefox", read):
            raise DesktopError(
                f"{self.where}: holds policies that are not rtcguard's, so it is left as it is"
            )
        return dict(read["policies"])


def _installed(policies: object) -> list[str]:
    match policies:
        case {"policies": {"Certificates": {"Install": [*paths]}}}:
            return paths
    return []
