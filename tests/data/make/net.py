"""A client with the documentation addresses, behind a router that translates, and a relay.

The client has 192.168.1.20 and 2001:db8:1::5 on eth0, 10.20.30.40 and fd00:aaaa::17 on eth1; the
router translates IPv4 to 203.0.113.77; the relay, 198.51.100.7 and 2001:db8:feed::9, is coturn.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

NAT = """
table ip samples {
  chain postrouting {
    type nat hook postrouting priority srcnat
    oifname "wan0" snat to 203.0.113.77
  }
}
"""
TURNSERVER = [
    *("-n", "-a", "-u", "user:password", "-r", "example.org"),
    *("--no-tls", "--no-dtls", "--no-cli", "--log-file", "stdout", "--pidfile", os.devnull),
    *("-L", "198.51.100.7", "-L", "2001:db8:feed::9"),
    *("-E", "198.51.100.7", "-E", "2001:db8:feed::9"),
    # A client that asks over IPv6 gets a relay address of IPv6.
    "--allocation-default-address-family=keep",
]


def sh(*argv: str, stdin: str | None = None) -> None:
    subprocess.run(argv, input=stdin, text=True, check=True)


@contextlib.contextmanager
def namespaces(logs: Path) -> Iterator[list[str]]:
    """Three namespaces; the value is the argv prefix that runs a command on the client."""
    client, router, relay = (f"smp{os.getpid()}{role}" for role in "crt")
    turn: subprocess.Popen[bytes] | None = None
    try:
        for name in (client, router, relay):
            sh("ip", "netns", "add", name)
            sh("ip", "-n", name, "link", "set", "lo", "up")
        _link(client, "eth0", router, "lan0")
        _link(client, "eth1", router, "lan1")
        _link(router, "wan0", relay, "net0")
        for name, device, *addresses in (
            (client, "eth0", "192.168.1.20/24", "2001:db8:1::5/64"),
            (client, "eth1", "10.20.30.40/24", "fd00:aaaa::17/64"),
            (router, "lan0", "192.168.1.1/24", "2001:db8:1::1/64"),
            (router, "lan1", "10.20.30.1/24", "fd00:aaaa::1/64"),
            (router, "wan0", "203.0.113.77/24", "2001:db8:ff::1/64"),
            (relay, "net0", "203.0.113.1/24", "2001:db8:ff::2/64"),
            (relay, "lo", "198.51.100.7/32", "2001:db8:feed::9/128"),
        ):
            for address in addresses:
                # Without waiting for duplicate address detection, which takes seconds.
                flags = ["nodad"] if ":" in address else []
                sh("ip", "-n", name, "address", "add", address, "dev", device, *flags)
        for name, *route in (
            (client, "default", "via", "192.168.1.1"),
            (client, "default", "via", "2001:db8:1::1"),
            (client, "default", "via", "10.20.30.1", "table", "2"),
            (client, "default", "via", "fd00:aaaa::1", "table", "2"),
            (router, "default", "via", "203.0.113.1"),
            (router, "default", "via", "2001:db8:ff::2"),
            (relay, "2001:db8:1::/64", "via", "2001:db8:ff::1"),
            (relay, "fd00:aaaa::/64", "via", "2001:db8:ff::1"),
        ):
            sh("ip", "-n", name, "route", "add", *route)
        sh("ip", "-n", client, "rule", "add", "from", "10.20.30.40", "table", "2")
        sh("ip", "-n", client, "-6", "rule", "add", "from", "fd00:aaaa::17", "table", "2")
        forward = "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"
        sh("ip", "netns", "exec", router, "sysctl", "-qw", *forward)
        sh("ip", "netns", "exec", router, "nft", "-f", "-", stdin=NAT)
        with (logs / "turnserver.log").open("wb") as log:
            turn = subprocess.Popen(
                ["ip", "netns", "exec", relay, "turnserver", *TURNSERVER],
                stdout=log,
                stderr=log,
            )
        time.sleep(1)
        yield ["ip", "netns", "exec", client]
    finally:
        if turn:
            turn.terminate()
            turn.wait()
        for name in (client, router, relay):
            subprocess.run(["ip", "netns", "delete", name], check=False)


def _link(left: str, left_device: str, right: str, right_device: str) -> None:
    peer = ["peer", "name", right_device, "netns", right]
    sh("ip", "-n", left, "link", "add", left_device, "type", "veth", *peer)
    for name, device in ((left, left_device), (right, right_device)):
        sh("ip", "-n", name, "link", "set", device, "up")
