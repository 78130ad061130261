"""One network namespace of a test's own, with the addresses that it wants (root, Linux)."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from rtcguard.demo.network import delete_namespace, inside, remove_leftovers, start_time
from tests.lab.net import PREFIX

__all__ = ["inside", "namespace"]


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def namespace(role: str, *addresses: str) -> Iterator[str]:
    """Its name. The addresses (with a prefix length each) are on one link, which is the way to
    everywhere; packets that leave by it reach nobody."""
    pid = os.getpid()
    name = f"{PREFIX}-{pid}-{start_time(pid)}-{role}"
    remove_leftovers(PREFIX)
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "link", "add", "out0", "type", "veth", "peer", "out1")
        for address in addresses:
            more = ["nodad"] if ":" in address else []
            _ip("-n", name, "address", "add", address, "dev", "out0", *more)
        for link in ("out0", "out1"):
            _ip("-n", name, "link", "set", link, "up")
        for version in sorted({"-6" if ":" in address else "-4" for address in addresses}):
            _ip("-n", name, version, "route", "add", "default", "dev", "out0")
        yield name
    finally:
        delete_namespace(name)
