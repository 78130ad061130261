"""One network namespace of a test's own, with the addresses that it wants (root, Linux)."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.net import PREFIX, _delete_namespace, _start_time, remove_leftovers


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def namespace(role: str, *addresses: str) -> Iterator[str]:
    """Its name. The addresses (with a prefix length each) are on one link, which is the way to
    everywhere; packets that leave by it reach nobody."""
    pid = os.getpid()
    name = f"{PREFIX}-{pid}-{_start_time(pid)}-{role}"
    remove_leftovers()
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
        _delete_namespace(name)


def inside[T](name: str, call: Callable[[], T]) -> T:
    """What `call` gives when it runs in that namespace: in a thread that has entered it."""
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with Path(f"/run/netns/{name}").open() as entered:
                os.setns(entered.fileno(), os.CLONE_NEWNET)
            results.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
