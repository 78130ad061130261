"""How a client's traffic comes to rtcguard without its doing: the lab's gateway takes it over."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from tests.lab.net import GATEWAY, LAN, Lab
from tests.process import Running, running

EVERYWHERE = "[::]"
TUN = "rtcguard0"
# Every address, in halves: so the default routes stay as they are.
HALVES = {"-4": ("0.0.0.0/1", "128.0.0.0/1"), "-6": ("::/1", "8000::/1")}

WayIn = Callable[..., AbstractContextManager[Running]]


@contextlib.contextmanager
def transparent(lab: Lab, folder: Path, config: str, *arguments: str) -> Iterator[Running]:
    """TCP that is redirected; all else of the client goes on by itself."""
    modes = ["--mode", "transparent", *arguments]
    with running(folder, config, *modes, namespace=lab.gateway, host=EVERYWHERE) as run:
        rules = f"""
        table inet rtcguard_test {{
          chain prerouting {{
            type nat hook prerouting priority dstnat
            iifname "{LAN}" meta l4proto tcp redirect to :{run.port}
          }}
        }}
        """
        nft = ["ip", "netns", "exec", lab.gateway, "nft"]
        subprocess.run([*nft, "-f", "-"], input=rules.encode(), check=True)
        try:
            yield run
        finally:
            subprocess.run([*nft, "delete", "table", "inet", "rtcguard_test"], check=True)


@contextlib.contextmanager
def tun(lab: Lab, folder: Path, config: str, *arguments: str) -> Iterator[Running]:
    """The gateway's routes for the client lead to an interface of the proxy's."""
    modes = ["--mode", "tun", *arguments]
    with running(folder, config, *modes, namespace=lab.gateway) as run:
        for family in HALVES:
            lab.run(lab.gateway, "ip", family, "route", "add", "default", "dev", TUN, "table", "7")
            lab.run(lab.gateway, "ip", family, "rule", "add", "iif", LAN, "lookup", "7")
        try:
            yield run
        finally:
            for family in HALVES:
                lab.run(lab.gateway, "ip", family, "rule", "delete", "iif", LAN, "lookup", "7")


@contextlib.contextmanager
def wireguard(lab: Lab, folder: Path, config: str, *arguments: str) -> Iterator[Running]:
    """Everything of the client goes through the tunnel, as in the file that rtcguard makes."""
    modes = ["--mode", "wireguard", *arguments]
    with running(folder, config, *modes, namespace=lab.gateway, host=EVERYWHERE) as run:
        with wireguard_client(lab, run.state / "ca" / "wireguard-client.conf"):
            yield run


@contextlib.contextmanager
def wireguard_client(lab: Lab, file: Path) -> Iterator[None]:
    lines, addresses, allowed = [], [], []
    for line in file.read_text().splitlines():
        key, _, value = line.partition(" = ")
        if key == "Address":
            addresses = value.split(", ")
        elif key == "Endpoint":  # which of its addresses a client can reach, only people know
            lines.append(f"Endpoint = {GATEWAY.v4}:{value.rpartition(':')[2]}")
        elif key != "DNS":
            lines.append(line)
        if key == "AllowedIPs":
            allowed = value.split(", ")
    assert allowed == ["0.0.0.0/0", "::/0"]
    # wireguard-go would rather not run where the kernel might have WireGuard itself.
    environment = {**os.environ, "WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD": "1"}
    process = lab.start(lab.client, "wireguard", ["wireguard-go", "-f", "wg0"], environment)
    try:
        process.wait_until("interface", lambda: _has_link(lab, "wg0"), 10)
        settings = lab.directory / "wg0.conf"
        settings.write_text("\n".join(lines) + "\n")
        lab.run(lab.client, "wg", "setconf", "wg0", str(settings))
        for address in addresses:
            lab.run(lab.client, "ip", "address", "add", address, "dev", "wg0")
        lab.run(lab.client, "ip", "link", "set", "wg0", "up", "mtu", "1400")
        for family, halves in HALVES.items():
            for half in halves:
                lab.run(lab.client, "ip", family, "route", "add", half, "dev", "wg0")
        yield
    finally:
        process.stop()


def _has_link(lab: Lab, name: str) -> bool:
    show = ["ip", "-n", lab.client, "link", "show", name]
    return subprocess.run(show, capture_output=True, check=False).returncode == 0


WAYS_IN: dict[str, WayIn] = {"transparent": transparent, "tun": tun, "wireguard": wireguard}
