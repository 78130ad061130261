"""GNOME's proxy, and that of the desktops that share its settings: `gsettings`; pure.

Keys: org.gnome.system.proxy of gsettings-desktop-schemas. Values are GVariant text, as `gsettings`
prints and takes them. GLib and, on these desktops, Chromium read them; Firefox with "use system
proxy settings" does on every desktop that has them, KDE too (toolkit/system/unixproxy).
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

from rtcguard.desktop.nouns import DesktopError, Machine, Run, Step, Values, asked
from rtcguard.ice.address import host_port
from rtcguard.policy.model import HostPort

_SCHEMA: Final = "org.gnome.system.proxy"
# Those that Chromium takes for readers of these settings (net/proxy_resolution), by their names in
# XDG_CURRENT_DESKTOP, and MATE and Budgie, whose panels write them.
_SHARING: Final = frozenset(
    ("gnome", "unity", "x-cinnamon", "cinnamon", "deepin", "dde", "pantheon", "ukui", "mate",
     "budgie", "ubuntu", "pop")
)  # fmt: skip
_LOOPBACK: Final = "['localhost', '127.0.0.0/8', '::1']"


def shares_gnome(desktops: Collection[str]) -> bool:
    """Whether a desktop of these names (XDG_CURRENT_DESKTOP, in lower case) has these settings for
    its own."""
    return not _SHARING.isdisjoint(desktops)


class Gnome:
    name = "gnome"

    def applies(self, machine: Machine) -> bool:
        if not machine.has("gsettings"):
            return False
        if shares_gnome(machine.environment.get("XDG_CURRENT_DESKTOP", "").lower().split(":")):
            return True
        # Elsewhere in a session, without whose bus they cannot be set, and where they are known.
        in_session = "DBUS_SESSION_BUS_ADDRESS" in machine.environment
        return in_session and machine.run(("gsettings", "get", _SCHEMA, "mode")).code == 0

    def read(self, machine: Machine) -> Values:
        told = asked(machine, "gsettings", "list-recursively", _SCHEMA)
        found: dict[str, str | None] = {}
        for line in told.splitlines():
            match line.split(" ", 2):
                case [schema, key, value]:
                    found[f"{schema} {key}"] = value
        if f"{_SCHEMA} mode" not in found:
            raise DesktopError(f"`gsettings list-recursively {_SCHEMA}` names no key `mode`")
        return found

    def wanted(self, proxy: HostPort, now: Values) -> Values:
        host, port = f"'{proxy[0]}'", str(proxy[1])
        made = {
            "mode": "'manual'",
            "use-same-proxy": "true",
            "ignore-hosts": _LOOPBACK,
            "http host": host,
            "http port": port,
            "http use-authentication": "false",
            "https host": host,
            "https port": port,
            # With hosts here, some programs would take these proxies for what is not HTTP.
            "ftp host": "''",
            "socks host": "''",
        }
        named = {_key(name): value for name, value in made.items()}
        # Last, so that nobody sees the mode with hosts that are not set yet.
        named[_key("mode")] = named.pop(_key("mode"))
        return named

    def direct(self, now: Values) -> Values:
        return {_key("mode"): "'none'"}

    def leads_to(self, now: Values) -> str | None:
        if now.get(_key("mode")) != "'manual'":
            return None
        places = {
            (_text(now.get(_key(f"{kind} host"))), now.get(_key(f"{kind} port")))
            for kind in ("http", "https")
        }
        host, port = places.pop()
        if places or not host or not port or not port.isdigit():
            return None
        return host_port(host, int(port))

    def tell(self, now: Values) -> str:
        match _text(now.get(_key("mode"))):
            case "manual":
                told = [
                    f"{kind} {_text(now.get(_key(f'{kind} host')))}:{now.get(_key(f'{kind} port'))}"
                    for kind in ("http", "https", "socks")
                    if _text(now.get(_key(f"{kind} host")))
                ]
                return f"{', '.join(told) or 'manual, without a host'}; not for " + (
                    now.get(_key("ignore-hosts")) or "[]"
                )
            case "auto":
                return f"automatic, {_text(now.get(_key('autoconfig-url'))) or 'WPAD'}"
        return "no proxy"

    def steps(self, changes: Values, machine: Machine) -> Sequence[Step]:
        return [
            Run(("gsettings", "set", *key.split(" "), value))
            for key, value in changes.items()
            if value is not None
        ]


def _key(name: str) -> str:
    """`mode` as `SCHEMA mode`, `http host` as `SCHEMA.http host`."""
    child, _, key = name.rpartition(" ")
    return f"{_SCHEMA}.{child} {key}" if child else f"{_SCHEMA} {key}"


def _text(value: str | None) -> str:
    """A string without GVariant's quotes."""
    found = re.fullmatch(r"'(.*)'|\"(.*)\"", value or "")
    return (found[1] or found[2] or "") if found else ""
