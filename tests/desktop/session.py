"""A desktop session of a test's own: its home, its bus, and what its programs are told of it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rtcguard.desktop.machine import ThisMachine
from tests.browsers.environment import environment
from tests.lab.requirements import cannot_run

COMMANDS = {
    "gsettings": "libglib2.0-bin",
    "kwriteconfig5": "libkf5config-bin",
    "dbus-daemon": "dbus-daemon",
    "dbus-send": "dbus-bin",
    "certutil": "libnss3-tools",
}


def needs(*commands: str) -> None:
    here = ThisMachine()
    missing = [f"{one} (Debian package {COMMANDS[one]})" for one in commands if not here.has(one)]
    if missing:
        cannot_run(f"not here: {', '.join(missing)}")


@contextmanager
def session(home: Path, desktop: str) -> Iterator[dict[str, str]]:
    """The variables of a session of this desktop (XDG_CURRENT_DESKTOP). The settings' service is
    started by the bus, so it has the same home."""
    needs("gsettings", "kwriteconfig5", "dbus-daemon", "dbus-send")
    home.mkdir(parents=True, exist_ok=True)
    runtime = home / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    variables = {
        **environment(home),
        "XDG_CURRENT_DESKTOP": desktop,
        "XDG_RUNTIME_DIR": str(runtime),
        "RTCGUARD_STATE_DIR": str(home / "state"),
    }
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "GSETTINGS_BACKEND", "SUDO_USER"):
        variables.pop(name, None)
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=variables,
    )
    try:
        assert bus.stdout is not None
        variables["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        yield variables
    finally:
        bus.send_signal(signal.SIGTERM)
        bus.wait(30)
        assert bus.stdout is not None
        bus.stdout.close()


def machine(home: Path, variables: dict[str, str]) -> ThisMachine:
    return ThisMachine(str(home), variables, "linux")


def command(variables: dict[str, str], *argv: str) -> str:
    """What a program of the session prints."""
    done = subprocess.run(argv, env=variables, capture_output=True, text=True, check=True)
    return done.stdout


def as_root() -> None:
    if os.geteuid() != 0:
        cannot_run("not root")
