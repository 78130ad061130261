"""Windows' proxy of a user: the registry's Internet Settings, by reg.exe; pure.

Values are `TYPE data`, as `reg query` prints them. Source: Microsoft's documentation of WinINet and
of `reg`; never run on Windows.
"""

import re
from collections.abc import Sequence
from typing import Final

from rtcguard.desktop.nouns import Machine, Refresh, Run, Step, Values, asked
from rtcguard.ice.address import host_port
from rtcguard.policy.model import HostPort

_KEY: Final = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_NAMES: Final = ("ProxyServer", "ProxyOverride", "AutoConfigURL", "AutoDetect", "ProxyEnable")
_ON: Final = "REG_DWORD 0x1"
_OFF: Final = "REG_DWORD 0x0"


class Windows:
    name = "windows"

    def applies(self, machine: Machine) -> bool:
        return machine.platform == "win32"

    def read(self, machine: Machine) -> Values:
        told = asked(machine, "reg", "query", _KEY)
        found = dict.fromkeys(_NAMES, "")
        for line in told.splitlines():
            row = re.fullmatch(r"    (\S+)    (REG_\w+)(?:    (.*))?", line.rstrip("\r\n"))
            if row is not None and row[1] in found:
                found[row[1]] = f"{row[2]} {(row[3] or '').strip()}"
        return {name: value or None for name, value in found.items()}

    def wanted(self, proxy: HostPort, now: Values) -> Values:
        return {
            # Without `<local>`, which would let every name without a dot past.
            "ProxyOverride": "REG_SZ localhost;127.*;[::1]",
            "ProxyServer": f"REG_SZ {host_port(*proxy)}",
            "AutoConfigURL": None,
            "AutoDetect": _OFF,
            "ProxyEnable": _ON,
        }

    def direct(self, now: Values) -> Values:
        return {"ProxyEnable": _OFF}

    def leads_to(self, now: Values) -> str | None:
        if now.get("ProxyEnable") != _ON or now.get("AutoConfigURL"):
            return None
        server = _data(now.get("ProxyServer"))
        if "=" not in server:
            return server or None
        kinds = dict(part.split("=", 1) for part in server.split(";") if "=" in part)
        places = {kinds.get("http"), kinds.get("https")}
        return places.pop() if len(places) == 1 else None

    def tell(self, now: Values) -> str:
        told = []
        if now.get("AutoConfigURL"):
            told.append(f"automatic, {_data(now.get('AutoConfigURL'))}")
        if now.get("AutoDetect") == _ON:
            told.append("WPAD")
        if now.get("ProxyEnable") == _ON:
            told.append(f"{_data(now.get('ProxyServer'))}; not for " + (
                _data(now.get("ProxyOverride")) or "any host"
            ))  # fmt: skip
        return ", ".join(told) or "no proxy"

    def steps(self, changes: Values, machine: Machine) -> Sequence[Step]:
        steps: list[Step] = []
        for name, value in changes.items():
            if value is None:
                # It may be gone already.
                steps.append(Run(("reg", "delete", _KEY, "/v", name, "/f"), needed=False))
            else:
                kind, _, data = value.partition(" ")
                steps.append(Run(("reg", "add", _KEY, "/v", name, "/t", kind, "/d", data, "/f")))
        return [*steps, Refresh()]


def _data(value: str | None) -> str:
    return (value or "").partition(" ")[2]
