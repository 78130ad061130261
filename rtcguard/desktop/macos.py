"""macOS' proxy: `networksetup`, for each network service that is turned on; pure.

A key is `WHAT SERVICE`; a value is `off`, `on`, or either with what is set: `on 127.0.0.1 8080`.
Source: networksetup(8) and its output as other projects test against it; never run on macOS.
"""

import re
from collections.abc import Sequence
from typing import Final

from rtcguard.desktop.nouns import DesktopError, Machine, Run, Step, Values, asked
from rtcguard.ice.address import host_port
from rtcguard.policy.model import HostPort

_PROXIES: Final = {"web": "webproxy", "secure": "securewebproxy", "socks": "socksfirewallproxy"}
_LOOPBACK: Final = "localhost 127.0.0.1 ::1"


class Macos:
    name = "macos"

    def applies(self, machine: Machine) -> bool:
        return machine.platform == "darwin"

    def read(self, machine: Machine) -> Values:
        found: dict[str, str | None] = {}
        # The first line says that an asterisk marks those that are turned off.
        for service in asked(machine, "networksetup", "-listallnetworkservices").splitlines()[1:]:
            if not service or service.startswith("*"):
                continue
            for what, name in _PROXIES.items():
                found[f"{what} {service}"] = _proxy(
                    asked(machine, "networksetup", f"-get{name}", service)
                )
            url = asked(machine, "networksetup", "-getautoproxyurl", service)
            found[f"pac {service}"] = _automatic(url)
            wpad = asked(machine, "networksetup", "-getproxyautodiscovery", service)
            found[f"wpad {service}"] = "on" if wpad.strip().endswith("On") else "off"
            bypass = asked(machine, "networksetup", "-getproxybypassdomains", service)
            found[f"bypass {service}"] = (
                "" if bypass.startswith("There aren't any") else " ".join(bypass.split())
            )
        if not found:
            raise DesktopError("`networksetup -listallnetworkservices` names no service that is on")
        return found

    def wanted(self, proxy: HostPort, now: Values) -> Values:
        made: dict[str, str | None] = {}
        for key, value in now.items():
            what, service = key.split(" ", 1)
            if value is not None and re.fullmatch(r"on .* password", value):
                raise DesktopError(
                    f"{service} has a proxy with a password, which nobody could set again "
                    "afterwards: take it out in System Settings, Network, first"
                )
            match what:
                case "web" | "secure":
                    made[key] = f"on {proxy[0]} {proxy[1]}"
                case "bypass":
                    made[key] = _LOOPBACK
                case _:
                    # These go before the proxies above, or are taken for what is not HTTP. What
                    # is turned off keeps its place.
                    made[key] = f"off {(value or '').partition(' ')[2]}".strip()
        return made

    def direct(self, now: Values) -> Values:
        return {key: "off" for key in now if key.split(" ", 1)[0] in ("web", "secure")}

    def leads_to(self, now: Values) -> str | None:
        if any(
            (value or "").startswith("on")
            for key, value in now.items()
            if key.startswith(("pac ", "wpad "))
        ):
            return None
        places = {value for key, value in now.items() if key.startswith(("web ", "secure "))}
        match (places.pop() or "").split() if len(places) == 1 else []:
            case ["on", host, port] if port.isdigit():
                return host_port(host, int(port))
        return None

    def tell(self, now: Values) -> str:
        told = [
            f"{key}: {value.removeprefix('on ')}"
            for key, value in now.items()
            if value and value.startswith("on")
        ]
        return "; ".join(told) or "no proxy"

    def steps(self, changes: Values, machine: Machine) -> Sequence[Step]:
        steps: list[Step] = []
        for key, value in changes.items():
            what, service = key.split(" ", 1)
            steps += _steps(what, service, value or "")
        return steps


def _steps(what: str, service: str, value: str) -> Sequence[Step]:
    state, *rest = value.split() or ["off"]
    match what:
        case "bypass":
            domains = value.split() or ["Empty"]
            return [_run("-setproxybypassdomains", service, *domains)]
        case "wpad":
            return [_run("-setproxyautodiscovery", service, state)]
        case "pac":
            url = [_run("-setautoproxyurl", service, rest[0])] if rest else []
            return [*url, _run("-setautoproxystate", service, state)]
    name = _PROXIES[what]
    place = [_run(f"-set{name}", service, *rest[:2], "off")] if len(rest) > 1 else []
    return [*place, _run(f"-set{name}state", service, state)]


def _run(*argv: str) -> Step:
    return Run(("networksetup", *argv))


def _fields(told: str) -> dict[str, str]:
    rows = [line.partition(":") for line in told.splitlines()]
    return {name.strip(): value.strip() for name, _, value in rows}


def _proxy(told: str) -> str:
    fields = _fields(told)
    words = ["on" if fields.get("Enabled") == "Yes" else "off"]
    if fields.get("Server"):
        words += [fields["Server"], fields.get("Port", "0")]
        if fields.get("Authenticated Proxy Enabled") == "1":
            words.append("password")
    return " ".join(words)


def _automatic(told: str) -> str:
    fields = _fields(told)
    words = ["on" if fields.get("Enabled") == "Yes" else "off"]
    if fields.get("URL", "(null)") != "(null)":
        words.append(fields["URL"])
    return " ".join(words)
