"""The kernel's packet filter and policy routing, by the programs `nft` and `ip`.

Every failure is a StartError of one line that names the program and what it said.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from rtcguard.errors import StartError
from rtcguard.network.firewall import PRIORITY, ROUTING_TABLE, TABLE, Route

_PATH: Final = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
_PACKAGES: Final = {"nft": "nftables", "ip": "iproute2"}
_FORBIDDEN: Final = "Operation not permitted"
_IPV6: Final = Path("/proc/sys/net/ipv6")
_TIMEOUT: Final = 30.0  # seconds

_CHAIN: Final = re.compile(r"^\tchain (\S+) \{", re.M)


def check(text: str) -> None:
    """Lets the kernel judge a ruleset, and changes nothing."""
    _run("nft", "-c", "-f", "-", stdin=text)


def apply(text: str) -> None:
    """One transaction: all of it, or nothing."""
    _run("nft", "-f", "-", stdin=text)


def listing(table: str = TABLE) -> list[dict[str, Any]] | None:
    """The objects of a table of the family inet as `nft -j` has them; None where it is not.

    Of a table that was put to sleep, it also has one of the kind `dormant`. nft 1.0.6 may abort
    where it lists such a table as JSON, or write half of it: it is listed in parts then.
    """
    if f"table inet {table}" not in _run("nft", "list", "tables", "inet").splitlines():
        return None
    try:
        head = _run("nft", "-s", "-t", "list", "table", "inet", table)
        if "\n\tflags dormant" not in head:
            return _objects("table", "inet", table)
        found = _objects("counters", "table", "inet", table)
        found += _objects("sets", "table", "inet", table)
        for chain in _CHAIN.findall(head):
            found += _objects("chain", "inet", table, chain)
        # nft 1.0.6 lists the sets of all tables there.
        found = [one for one in found if any(of.get("table") == table for of in one.values())]
    except StartError as error:
        if "No such file" in str(error):  # taken away between the two
            return None
        raise
    return [*found, {"dormant": {}}]


def _objects(*what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_run("nft", "-j", "list", *what))["nftables"]
    return found


def families() -> tuple[str, ...]:
    """The families of IP that this machine routes: `4`, and `6` where it is not turned off."""
    off = _IPV6 / "conf/lo/disable_ipv6"
    return known_families() if off.exists() and off.read_text().strip() == "0" else ("4",)


def known_families() -> tuple[str, ...]:
    """Those that the kernel has; where IPv6 was turned off since, its rules are still there."""
    return ("4", "6") if _IPV6.exists() else ("4",)


def routed(family: str) -> list[Route]:
    """The rules of ours that there are."""
    rules = json.loads(_run("ip", "-j", f"-{family}", "rule", "show"))
    return [
        Route(family, rule["iif"], int(rule["fwmark"], 16))
        for rule in rules
        if rule.get("table") == str(ROUTING_TABLE)
        and rule["priority"] == PRIORITY
        and {"iif", "fwmark"} <= rule.keys()
    ]


def has_local_route(family: str) -> bool:
    """Whether our table delivers everything here. Raises StartError where it holds anything else,
    for then it is somebody else's."""
    try:
        found = json.loads(
            _run("ip", "-j", f"-{family}", "route", "show", "table", str(ROUTING_TABLE))
        )
    except StartError as error:
        if "does not exist" in str(error):
            return False
        raise
    if any((r.get("type"), r["dst"], r.get("dev")) != ("local", "default", "lo") for r in found):
        raise StartError(
            f"routing table {ROUTING_TABLE} (IPv{family}) holds routes that are not rtcguard's"
        )
    return bool(found)


def add_route(route: Route) -> None:
    _run("ip", f"-{route.family}", "rule", "add", *route.rule.split())


def remove_route(route: Route) -> None:
    _run("ip", f"-{route.family}", "rule", "delete", *route.rule.split())


def add_local_route(family: str) -> None:
    _run("ip", f"-{family}", "route", "add", *LOCAL_ROUTE)


def remove_local_route(family: str) -> None:
    _run("ip", f"-{family}", "route", "delete", *LOCAL_ROUTE)


LOCAL_ROUTE: Final = ("local", "default", "dev", "lo", "table", str(ROUTING_TABLE))


def interface_problem(name: str) -> str:
    """Why a rule on this interface sees no packet; empty where it does."""
    try:
        (link,) = json.loads(_run("ip", "-j", "-d", "link", "show", "dev", name))
    except StartError as error:
        if "does not exist" in str(error):
            return "there is no such interface"
        raise
    if link.get("linkinfo", {}).get("info_slave_kind") == "bridge":
        return f"it is a port of the bridge {link['master']}; name the bridge in its place"
    return "" if "UP" in link["flags"] else "it is down"


def networks(interface: str) -> list[str]:
    """The networks that are reached by an interface, but for the default route."""
    found = []
    for family in families():
        show = ("ip", "-j", f"-{family}", "route", "show", "table", "main", "dev", interface)
        try:
            listed = json.loads(_run(*show))
        except StartError:  # it may come later, as that of a VPN
            continue
        found += [route["dst"] for route in listed if route["dst"] != "default"]
    return found


def addresses() -> list[str]:
    """This machine's own addresses."""
    listed = json.loads(_run("ip", "-j", "address", "show"))
    return [info["local"] for link in listed for info in link.get("addr_info", ())]


def _run(program: str, *arguments: str, stdin: str | None = None) -> str:
    path = shutil.which(program, path=_PATH)
    if path is None:
        raise StartError(
            f"the program {program} is missing; install it (Debian's package {_PACKAGES[program]})"
        )
    try:
        done = subprocess.run(
            [path, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StartError(f"{program} {' '.join(arguments)}: {error}") from error
    if done.returncode == 0:
        return done.stdout
    if _FORBIDDEN in done.stderr:
        raise StartError(
            f"{program} may not be used by this user; run it as root, or with CAP_NET_ADMIN"
        )
    said = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
    shown = "; ".join(line.strip() for line in said[:2])
    raise StartError(f"{program} {' '.join(arguments)} failed ({done.returncode}): {shown}")
