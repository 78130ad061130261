"""How a client's traffic comes to rtcguard without its doing: the lab's gateway takes it over."""

import contextlib
import os
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from tests.lab.net import GATEWAY, LAN, Lab
from tests.process import Running, running
from tests.proxy.far_sides import Listener, UdpListener, hearing, inside, listening
from tests.raw import RawOrigin, serve

EVERYWHERE = "[::]"
# Every address, in halves: so the default routes stay as they are.
HALVES = {"-4": ("0.0.0.0/1", "128.0.0.0/1"), "-6": ("::/1", "8000::/1")}


def netns(name: str) -> list[str]:
    return ["ip", "netns", "exec", name]


WayIn = Callable[..., AbstractContextManager[Running]]


@contextlib.contextmanager
def transparent(lab: Lab, folder: Path, config: str) -> Iterator[Running]:
    """TCP that is redirected; all else of the client goes on by itself."""
    mode = ["--mode", "transparent"]
    with running(folder, config, *mode, within=netns(lab.gateway), host=EVERYWHERE) as run:
        rules = f"""
        table inet rtcguard_test {{
          chain prerouting {{
            type nat hook prerouting priority dstnat
            iifname "{LAN}" meta l4proto tcp redirect to :{run.port}
          }}
        }}
        """
        nft = [*netns(lab.gateway), "nft"]
        subprocess.run([*nft, "-f", "-"], input=rules.encode(), check=True)
        try:
            yield run
        finally:
            subprocess.run([*nft, "delete", "table", "inet", "rtcguard_test"], check=True)


@contextlib.contextmanager
def tun(lab: Lab, folder: Path, config: str, name: str = "rtcguard0") -> Iterator[Running]:
    """The gateway's routes for the client lead to an interface of the proxy's. It goes with the
    proxy; what stands behind it then keeps the client's packets from the ordinary routes."""
    mode = ["--mode", f"tun:{name}"]
    with running(folder, config, *mode, within=netns(lab.gateway)) as run:
        for family in HALVES:
            route = ["ip", family, "route", "add", "table", name.removeprefix("rtcguard") + "7"]
            lab.run(lab.gateway, *route, "default", "dev", name)
            lab.run(lab.gateway, *route, "unreachable", "default", "metric", "9999")
            lab.run(lab.gateway, "ip", family, "rule", "add", "iif", LAN, "lookup", route[-1])
        try:
            yield run
        finally:
            for family in HALVES:
                rule = ["rule", "delete", "iif", LAN, "lookup", route[-1]]
                lab.run(lab.gateway, "ip", family, *rule)


@contextlib.contextmanager
def wireguard(lab: Lab, folder: Path, config: str, port: int = 51820) -> Iterator[Running]:
    """Everything of the client goes through the tunnel, as in the file that rtcguard makes."""
    mode = ["--mode", f"wireguard@{port}"]
    with (
        running(folder, config, *mode, within=netns(lab.gateway), host=EVERYWHERE) as run,
        wireguard_client(lab, run.state / "ca" / "wireguard-client.conf", f"wg{port}"),
    ):
        yield run


@contextlib.contextmanager
def wireguard_client(lab: Lab, file: Path, link: str) -> Iterator[None]:
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
    process = lab.start(lab.client, "wireguard", ["wireguard-go", "-f", link], environment)
    try:
        process.wait_until("interface", lambda: _has_link(lab, link), 10)
        settings = lab.directory / f"{link}.conf"
        settings.write_text("\n".join(lines) + "\n")
        lab.run(lab.client, "wg", "setconf", link, str(settings))
        for address in addresses:
            lab.run(lab.client, "ip", "address", "add", address, "dev", link)
        lab.run(lab.client, "ip", "link", "set", link, "up", "mtu", "1400")
        for family, halves in HALVES.items():
            for half in halves:
                lab.run(lab.client, "ip", family, "route", "add", half, "dev", link)
        yield
    finally:
        process.stop()


def _has_link(lab: Lab, name: str) -> bool:
    show = ["ip", "-n", lab.client, "link", "show", name]
    return subprocess.run(show, capture_output=True, check=False).returncode == 0


WAYS_IN: dict[str, WayIn] = {"transparent": transparent, "tun": tun, "wireguard": wireguard}


def tcp(lab: Lab, host: str, port: int) -> socket.socket:
    with inside(lab.client):
        return socket.create_connection((host, port), timeout=60)


def udp(lab: Lab, host: str, port: int) -> socket.socket:
    with inside(lab.client):
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(60)
    made.connect((host, port))
    return made


@contextlib.contextmanager
def far_tcp(
    lab: Lab,
    host: str,
    port: int = 0,
    greeting: bytes = b"",
    tls: ssl.SSLContext | None = None,
    *,
    page: bytes = b"",
) -> Iterator[Listener]:
    with inside(lab.internet):
        opened = listening(greeting, tls, (host, port), page=page)
        far = opened.__enter__()
    try:
        yield far
    finally:
        opened.__exit__(None, None, None)


@contextlib.contextmanager
def far_udp(lab: Lab, host: str, port: int = 0) -> Iterator[UdpListener]:
    with inside(lab.internet):
        opened = hearing((host, port))
        far = opened.__enter__()
    try:
        yield far
    finally:
        opened.__exit__(None, None, None)


@contextlib.contextmanager
def far_http(lab: Lab, host: str) -> Iterator[RawOrigin]:
    with inside(lab.internet):
        opened = serve(host)
        far = opened.__enter__()
    try:
        yield far
    finally:
        opened.__exit__(None, None, None)
