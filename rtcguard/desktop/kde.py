"""KDE's proxy: the group `Proxy Settings` of kioslaverc, by kreadconfig and kwriteconfig; pure.

Keys and their meaning: KIO's KProtocolManager and the panel `proxy` of kio-extras; Chromium reads
them too (net/proxy_resolution/proxy_config_service_linux.cc).
"""

import re
from collections.abc import Sequence
from typing import Final

from rtcguard.desktop.nouns import DesktopError, Machine, Run, Step, Values, asked
from rtcguard.ice.address import host_port
from rtcguard.policy.model import HostPort

_PLACE: Final = ("--file", "kioslaverc", "--group", "Proxy Settings", "--key")
_KEYS: Final = (
    "httpProxy", "httpsProxy", "ftpProxy", "socksProxy", "NoProxyFor", "ReversedException",
    "Proxy Config Script", "ProxyType",
)  # fmt: skip
_NOT_SET: Final = "(rtcguard: not set)"
_MANUAL: Final = "1"
_TYPES: Final = {"2": "automatic", "3": "automatic (WPAD)", "4": "from the environment"}
# KIO tells running programs by this signal.
_REPARSE: Final = Run(
    ("dbus-send", "--session", "--type=signal", "/KIO/Scheduler",
     "org.kde.KIO.Scheduler.reparseSlaveConfiguration", "string:"),
    needed=False,
)  # fmt: skip


class Kde:
    name = "kde"

    def applies(self, machine: Machine) -> bool:
        names = machine.environment.get("XDG_CURRENT_DESKTOP", "").lower().split(":")
        return "kde" in names and _version(machine) is not None

    def read(self, machine: Machine) -> Values:
        command = f"kreadconfig{_needed(machine)}"
        found: dict[str, str | None] = {}
        for key in _KEYS:
            told = asked(machine, command, *_PLACE, key, "--default", _NOT_SET).rstrip("\n")
            found[key] = None if told == _NOT_SET else told
        return found

    def wanted(self, proxy: HostPort, now: Values) -> Values:
        host = f"[{proxy[0]}]" if ":" in proxy[0] else proxy[0]
        place = f"http://{host} {proxy[1]}"  # the panel has a blank there
        return {
            "httpProxy": place,
            "httpsProxy": place,
            "ftpProxy": None,
            "socksProxy": None,
            "NoProxyFor": "localhost,127.0.0.1,::1",
            "ReversedException": "false",
            "ProxyType": _MANUAL,
        }

    def direct(self, now: Values) -> Values:
        return {"ProxyType": "0"}

    def leads_to(self, now: Values) -> str | None:
        if now.get("ProxyType") != _MANUAL or now.get("ReversedException") == "true":
            return None
        places = {_place(now.get("httpProxy")), _place(now.get("httpsProxy"))}
        return places.pop() if len(places) == 1 else None

    def tell(self, now: Values) -> str:
        kind = now.get("ProxyType") or "0"
        if kind == _MANUAL:
            told = [f"{key.removesuffix('Proxy')} {now[key]}" for key in _KEYS[:4] if now.get(key)]
            return f"{', '.join(told) or 'manual, without a host'}; not for " + (
                now.get("NoProxyFor") or "any host"
            )
        return _TYPES.get(kind, "no proxy")

    def steps(self, changes: Values, machine: Machine) -> Sequence[Step]:
        command = f"kwriteconfig{_needed(machine)}"
        writes = [
            Run((command, *_PLACE, key, *(("--delete", "") if value is None else ("--", value))))
            for key, value in changes.items()
        ]
        return [*writes, _REPARSE]


def _version(machine: Machine) -> str | None:
    for version in "65":
        if machine.has(f"kreadconfig{version}") and machine.has(f"kwriteconfig{version}"):
            return version
    return None


def _needed(machine: Machine) -> str:
    version = _version(machine)
    if version is None:
        raise DesktopError(
            "the commands kreadconfig6 and kwriteconfig6 (or 5) are not there; set the proxy in "
            "KDE's system settings"
        )
    return version


def _place(value: str | None) -> str | None:
    """`http://127.0.0.1 8080` as `127.0.0.1:8080`; older versions wrote a colon."""
    found = re.fullmatch(r"(?:http://)?(?:\[([^\]]+)\]|([^\s:/\[\]]+))[ :](\d+)/?", value or "")
    return host_port(found[1] or found[2], int(found[3])) if found else None
