"""A network of its own: client, gateway and internet as network namespaces, IPv4 and IPv6.

The client's IPv4 packets that the gateway forwards get the source 198.51.100.2, "the client's
public address"; processes on the gateway itself, the proxy among them, use 198.51.100.1. The
client's IPv6 address is global and not translated. So in a capture on the internet side, every
packet from 198.51.100.2 or 2001:db8:77::2 came straight from the client, past the proxy.

The project's own tests run in it, too.
"""

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rtcguard.demo.process import NetworkError, Process

NETNS_ETC: Final = Path("/etc/netns")
SITE_NAME: Final = "site.lab.test"
LAN, WAN = "lan0", "wan0"
_NUMBERS: Final = itertools.count()


@dataclass(frozen=True)
class Role:
    """One machine, by its two addresses."""

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


def start_time(pid: int) -> str | None:
    """When a process started, in clock ticks since boot: with the pid it names one process only."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def _command(argv: Sequence[str], stdin: str | None = None) -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " ".join(f"{done.stdout} {done.stderr}".split()) or f"exit code {done.returncode}"
        raise NetworkError(f"{' '.join(argv)}: {said}")
    return done.stdout


def delete_namespace(name: str) -> None:
    """End what still runs in a namespace, by process id, and remove it with its files."""
    listed = subprocess.run(
        ["ip", "netns", "pids", name], capture_output=True, text=True, check=False
    )
    for pid in listed.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    shutil.rmtree(NETNS_ETC / name, ignore_errors=True)


def _is_leftover(name: str, prefix: str) -> bool:
    """Whether a namespace or a folder is named after a run whose process is gone."""
    match name.split("-"):
        case [first, pid, start, _] if first == prefix and pid.isdigit():
            return start_time(int(pid)) != start
    return False


def remove_leftovers(prefix: str) -> None:
    """Remove what runs left behind that were killed before they could do it."""
    names = {line.split()[0] for line in _command(["ip", "netns", "list"]).splitlines() if line}
    if NETNS_ETC.is_dir():
        names |= {entry.name for entry in NETNS_ETC.iterdir()}
    for name in names:
        if _is_leftover(name, prefix):
            delete_namespace(name)
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}-*"):
        if _is_leftover(folder.name, prefix):
            shutil.rmtree(folder, ignore_errors=True)


class Network:
    """The three namespaces and a folder for files, all gone at the end of the `with` block."""

    PREFIX = "rtcdemo"  # how the names of all that is made begin

    def __init__(self, keep: Path | None = None) -> None:
        """The files are made below `keep`, and stay there; or where temporary ones are."""
        pid = os.getpid()
        stem = f"{self.PREFIX}-{pid}-{start_time(pid)}"
        number = next(_NUMBERS) or ""  # a process may have more than one
        self.client, self.gateway, self.internet = (
            f"{stem}-{role}{number}" for role in ("client", "gateway", "internet")
        )
        self._names = [self.client, self.gateway, self.internet]
        self._stem, self._number = stem, number
        self.directory = Path(tempfile.mkdtemp(prefix=f"{stem}-", dir=keep))
        self._keep = keep is not None
        self.client_link_local = ""
        self._processes: list[Process] = []

    def __enter__(self) -> Self:
        try:
            remove_leftovers(self.PREFIX)
            self._build()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()

    @property
    def client_addresses(self) -> tuple[str, ...]:
        """Every address that names the client to somebody else: none of them may leak."""
        return (CLIENT.v4, CLIENT.v6, self.client_link_local, CLIENT_PUBLIC)

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
        pass_fds: Sequence[int] = (),
    ) -> Process:
        """Start a long-running process; one that nobody stops is stopped with the network."""
        log = self.directory / f"{name}-{len(self._processes)}.log"
        process = Process(namespace, argv, log, env, cwd, pass_fds)
        self._processes.append(process)
        return process

    def _build(self) -> None:
        for name in self._names:
            self._add(name)
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

    def _add(self, name: str) -> None:
        """A namespace without links, in which only the site has a name."""
        # Firefox looks the machine's own name up when it starts.
        hosts = (
            f"127.0.0.1 localhost {socket.gethostname()}\n::1 localhost\n"
            f"{SITE.v4} {SITE_NAME}\n{SITE.v6} {SITE_NAME}\n"
        )
        etc = NETNS_ETC / name
        etc.mkdir(parents=True)
        (etc / "hosts").write_text(hosts)
        # Nobody answers there, and a query from the client would show in the captures.
        (etc / "resolv.conf").write_text(f"nameserver {GATEWAY.v4}\n")
        _command(["ip", "netns", "add", name])
        for setting in ("default.accept_dad=0", "default.dad_transmits=0", "all.accept_dad=0"):
            self.run(name, "sysctl", "-qw", f"net.ipv6.conf.{setting}")
        _command(["ip", "-n", name, "link", "set", "lo", "up"])

    def add_behind_internet(self, role: str, link: str, theirs: Role, ours: Role) -> str:
        """One more machine, with networks of its own that the internet leads to; its name."""
        name = f"{self._stem}-{role}{self._number}"
        self._names.append(name)
        self._add(name)
        self._wire(link, self.internet, [ours], name, [theirs])
        forward = ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.run(self.internet, "sysctl", "-qw", *forward)
        for to, by, own in ((theirs.v4, SITE.v4, ours.v4), (theirs.v6, SITE.v6, ours.v6)):
            prefix = 64 if ":" in to else 24
            network = str(ip_interface(f"{to}/{prefix}").network)
            _command(["ip", "-n", self.gateway, "route", "add", network, "via", by])
            _command(["ip", "-n", name, "route", "add", "default", "via", own])
        self._settled(self.internet, link)
        self._settled(name, link)
        return name

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
        raise NetworkError(f"{link} in {namespace} has no link-local address: is IPv6 disabled?")

    def remove(self) -> None:
        """All of it; the processes first."""
        for process in reversed(self._processes):
            process.stop()
        for name in self._names:
            delete_namespace(name)
        if not self._keep:
            shutil.rmtree(self.directory, ignore_errors=True)


def inside[T](namespace: str, call: Callable[[], T]) -> T:
    """What `call` gives when it runs in that namespace: in a thread that has entered it. A socket
    that it makes stays there."""
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with Path(f"/run/netns/{namespace}").open() as entered:
                os.setns(entered.fileno(), os.CLONE_NEWNET)
            results.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)  # as in site.py
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
