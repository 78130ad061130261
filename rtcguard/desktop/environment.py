"""The proxy of what has no settings of a desktop: a file in ~/.config/environment.d; pure.

systemd's manager of a user gives these variables to every session that it starts
(environment.d(5)), so they hold from the next sign-in on. Of the files there, later names go before
earlier ones, and letters come after the digits that most of them begin with.
"""

import re
from collections.abc import Sequence
from typing import Final

from rtcguard.desktop.gnome import shares_gnome
from rtcguard.desktop.nouns import Machine, Step, Values, Write
from rtcguard.ice.address import host_port
from rtcguard.policy.model import HostPort

_FILE: Final = "environment.d/rtcguard.conf"
_NAMES: Final = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")
_LOOPBACK: Final = "localhost,127.0.0.1,::1"


class Environment:
    """Its one value is the file's content, and its key the file's path."""

    name = "environment"

    def applies(self, machine: Machine) -> bool:
        """Where no other desktop is: elsewhere these variables would only reach programs that trust
        no authority of a proxy (pip, npm), and it takes a new session to be rid of them."""
        if not machine.platform.startswith(("linux", "freebsd")):
            return False
        names = machine.environment.get("XDG_CURRENT_DESKTOP", "").lower().split(":")
        return "kde" not in names and not shares_gnome(names)

    def read(self, machine: Machine) -> Values:
        folder = machine.environment.get("XDG_CONFIG_HOME") or f"{machine.home}/.config"
        path = f"{folder}/{_FILE}"
        return {path: machine.read(path)}

    def wanted(self, proxy: HostPort, now: Values) -> Values:
        url = f"http://{host_port(*proxy)}"
        lines = ["# Written by `rtcguard proxy on`; `rtcguard proxy off` takes it away."]
        # Programs differ in which case they read.
        for write in (str.lower, str.upper):
            lines += [f"{write(name)}={url}" for name in _NAMES]
            lines.append(f"{write('no_proxy')}={_LOOPBACK}")
        return {path: "\n".join(lines) + "\n" for path in now}

    def direct(self, now: Values) -> Values:
        return dict.fromkeys(now)

    def leads_to(self, now: Values) -> str | None:
        found = [
            dict(re.findall(r"^(https?_proxy)=http://(\S+?)/?$", content or "", re.M | re.I))
            for content in now.values()
        ]
        places = {
            file.get(write(name))
            for file in found
            for name in _NAMES[:2]
            for write in (str.lower, str.upper)
        }
        return places.pop() if len(places) == 1 else None

    def tell(self, now: Values) -> str:
        ((path, content),) = now.items()
        if content is None:
            return "no proxy"
        place = self.leads_to(now)
        return f"{place or 'something else'}, in {path}, for sessions that begin from now on"

    def steps(self, changes: Values, machine: Machine) -> Sequence[Step]:
        return [Write(path, content) for path, content in changes.items()]
