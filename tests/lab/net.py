"""The lab's network: a client, a gateway and an internet as network namespaces, IPv4 and IPv6.

The client's IPv4 packets that the gateway forwards get the source 198.51.100.2, "the client's
public address"; processes on the gateway itself, the proxy among them, use 198.51.100.1. The
client's IPv6 address is global and not translated. So in a capture on the internet side, every
packet from 198.51.100.2 or 2001:db8:77::2 came straight from the client, past the proxy.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from types import TracebackType
from typing import Self

from .process import LabError, Process

PREFIX = "rtclab"
NETNS_ETC = Path("/etc/netns")
_NUMBERS = itertools.count()
SITE_NAME = "site.lab.test"
LAN, WAN = "lan0", "wan0"


@dataclass(frozen=True)
class Role:
    """One machine of the lab's internet, by its two addresses."""

    v4: str
    v6: str

    @property
    def addresses(self) -> tuple[str, str]:
        return (self.v4, self.v6)


def _internet(host: str) -> Role:
    return Role(f"198.51.100.{host}", f"2001:db8:100::{host}")


CLIENT = Role("10.77.0.2", "2001:db8:77::2")
CLIENT_PUBLIC = "198.51.100.2"
GATEWAY = Role("10.77.0.1", "2001:db8:77::1")
GATEWAY_WAN = _internet("1")
APPROVED_TURN = _internet("10")
SITE_TURN = _internet("20")
STUN_ONLY = _internet("30")
SITE = _internet("40")
PEER = _internet("50")
SINK = _internet("60")
INTERNET = (APPROVED_TURN, SITE_TURN, STUN_ONLY, SITE, PEER, SINK)

NAT = f"""
table ip lab {{
  chain postrouting {{
    type nat hook postrouting priority srcnat
    oifname "{WAN}" ip saddr 10.77.0.0/24 snat to {CLIENT_PUBLIC}
  }}
}}
"""


def _start_time(pid: int) -> str | None:
    """When a process started, in clock ticks since boot: with the pid it names one process only."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def _command(argv: Sequence[str], stdin: str | None = None) -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _delete_namespace(name: str) -> None:
    """End what still runs in a lab namespace, by process id, and remove it with its files."""
    listed = subprocess.run(
        ["ip", "netns", "pids", name], capture_output=True, text=True, check=False
    )
    for pid in listed.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    shutil.rmtree(NETNS_ETC / name, ignore_errors=True)


def _is_leftover(name: str) -> bool:
    """Whether a namespace or a folder is named after a lab run whose process is gone."""
    match name.split("-"):
        case [prefix, pid, start, _] if prefix == PREFIX and pid.isdigit():
            return _start_time(int(pid)) != start
    return False


def remove_leftovers() -> None:
    """Remove what lab runs left behind that were killed before they could do it."""
    names = {line.split()[0] for line in _command(["ip", "netns", "list"]).splitlines() if line}
    if NETNS_ETC.is_dir():
        names |= {entry.name for entry in NETNS_ETC.iterdir()}
    for name in filter(_is_leftover, names):
        _delete_namespace(name)
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}-*"):
        if _is_leftover(folder.name):
            shutil.rmtree(folder, ignore_errors=True)


class Lab:
    """The three namespaces and a folder for logs, all gone at the end of the `with` block.

    RTCGUARD_LAB_KEEP=FOLDER keeps the files (logs, captures, what the site recorded) in FOLDER.
    """

    def __init__(self) -> None:
        pid = os.getpid()
        stem = f"{PREFIX}-{pid}-{_start_time(pid)}"
        number = next(_NUMBERS) or ""  # a process may have more than one lab
        self.client = f"{stem}-client{number}"
        self.gateway = f"{stem}-gateway{number}"
        self.internet = f"{stem}-internet{number}"
        self._keep = os.environ.get("RTCGUARD_LAB_KEEP")
        self.directory = Path(tempfile.mkdtemp(prefix=f"{stem}-", dir=self._keep))
        self.client_link_local = ""
        self._more: list[str] = []  # addresses of the client's
        self._processes: list[Process] = []

    def __enter__(self) -> Self:
        try:
            remove_leftovers()
            self._build()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._remove()

    @property
    def client_addresses(self) -> tuple[str, ...]:
        """Every address that names the client to somebody else: none of them may leak."""
        return (CLIENT.v4, CLIENT.v6, self.client_link_local, CLIENT_PUBLIC, *self._more)

    @contextlib.contextmanager
    def second_address(self, address: str) -> Iterator[None]:
        """One more IPv6 address of the client's, as privacy extensions make them."""
        self.run(self.client, "ip", "address", "add", f"{address}/64", "dev", LAN, "nodad")
        self._more.append(address)
        try:
            yield
        finally:
            self._more.remove(address)
            self.run(self.client, "ip", "address", "delete", f"{address}/64", "dev", LAN)

    def run(self, namespace: str, *argv: str) -> str:
        """Run a short command in a namespace and return what it printed; a failure raises."""
        return _command(["ip", "netns", "exec", namespace, *argv])

    def start(
        self,
        namespace: str,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Process:
        """Start a long-running process; whoever forgets to stop it has it stopped with the lab."""
        log = self.directory / f"{name}-{len(self._processes)}.log"
        process = Process(namespace, argv, log, env, cwd)
        self._processes.append(process)
        return process

    def _build(self) -> None:
        # Firefox looks the machine's own name up when it starts.
        hosts = (
            f"127.0.0.1 localhost {socket.gethostname()}\n::1 localhost\n"
            f"{SITE.v4} {SITE_NAME}\n{SITE.v6} {SITE_NAME}\n"
        )
        for name in (self.client, self.gateway, self.internet):
            etc = NETNS_ETC / name
            etc.mkdir(parents=True)
            (etc / "hosts").write_text(hosts)
            # Nobody answers there, and a query from the client would show in the captures.
            (etc / "resolv.conf").write_text(f"nameserver {GATEWAY.v4}\n")
            _command(["ip", "netns", "add", name])
            for setting in ("default.accept_dad=0", "default.dad_transmits=0", "all.accept_dad=0"):
                self.run(name, "sysctl", "-qw", f"net.ipv6.conf.{setting}")
            _command(["ip", "-n", name, "link", "set", "lo", "up"])
        self._wire(LAN, self.client, [CLIENT], self.gateway, [GATEWAY])
        public = Role(CLIENT_PUBLIC, GATEWAY_WAN.v6)
        self._wire(WAN, self.gateway, [GATEWAY_WAN, public], self.internet, INTERNET)
        for gateway in GATEWAY.addresses:
            _command(["ip", "-n", self.client, "route", "add", "default", "via", gateway])
        self.run(self.gateway, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.run(self.gateway, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
        _command(["ip", "netns", "exec", self.gateway, "nft", "-f", "-"], stdin=NAT)
        lan6 = str(ip_interface(f"{CLIENT.v6}/64").network)
        back = ["route", "add", lan6, "via", GATEWAY_WAN.v6]
        _command(["ip", "-n", self.internet, *back])
        for namespace, link in ((self.gateway, LAN), (self.gateway, WAN), (self.internet, WAN)):
            self._settled(namespace, link)
        self.client_link_local = self._settled(self.client, LAN)

    def _wire(
        self, link: str, one: str, ours: Sequence[Role], other: str, theirs: Sequence[Role]
    ) -> None:
        """Join two namespaces by a virtual cable that has the same name at both ends."""
        ends = ["link", "add", link, "netns", one, "type", "veth", "peer", link, "netns", other]
        _command(["ip", *ends])
        for namespace, roles in ((one, ours), (other, theirs)):
            for role in roles:
                add = ["ip", "-n", namespace, "address", "replace"]
                _command([*add, f"{role.v4}/24", "dev", link])
                _command([*add, f"{role.v6}/64", "dev", link, "nodad"])
            _command(["ip", "-n", namespace, "link", "set", link, "up"])

    def _settled(self, namespace: str, link: str) -> str:
        """A link's own link-local address, once it has one.

        The kernel announces a carrier at most once a second, and IPv6 does not answer neighbours
        before: without this wait the first IPv6 connection of a run would take a second.
        """
        show = ["ip", "-n", namespace, "-j", "-6", "address", "show", "dev", link, "scope", "link"]
        for _ in range(1500):
            for interface in json.loads(_command(show)):
                for info in interface.get("addr_info", []):
                    if "local" in info:
                        return str(info["local"])
            time.sleep(0.02)
        raise LabError(f"{link} in {namespace} has no link-local address: is IPv6 disabled?")

    def _remove(self) -> None:
        for process in reversed(self._processes):
            process.stop()
        for name in (self.client, self.gateway, self.internet):
            _delete_namespace(name)
        if not self._keep:
            shutil.rmtree(self.directory, ignore_errors=True)
