"""What the lab needs of a machine, and what is missing of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import NoReturn

import pytest

from tests.browsers.firefox import FIREFOX

from .browser import CHROMIUM

# Command: the Debian package that has it.
COMMANDS = {
    "ip": "iproute2",
    "ss": "iproute2",
    "sysctl": "procps",
    "nft": "nftables",
    "tcpdump": "tcpdump",
    "turnserver": "coturn",
    "sudo": "sudo",  # mitmproxy's local mode calls it, even where it is root already
    "wg": "wireguard-tools",
    "wireguard-go": "wireguard-go",
    "certutil": "libnss3-tools",
    CHROMIUM: "chromium",
    FIREFOX: "firefox-esr",
    "janus": "janus",
    "node": "nodejs",
    "npm": "npm",
}


def cannot_run(message: str) -> NoReturn:
    """Skips what this machine cannot run and says so; in CI nothing may be left out."""
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    # Whoever works on a machine without root, namespaces or browsers can still run all the rest.
    pytest.skip(message)


def missing() -> list[str]:
    """Why this machine cannot hold the lab; empty where it can."""
    reasons = [
        f"no {command} (Debian package {package})"
        for command, package in COMMANDS.items()
        if shutil.which(command) is None
    ]
    if os.geteuid() != 0:
        reasons.append("not root")
    elif shutil.which("ip") is not None:
        probe = f"rtclab-{os.getpid()}-probe"
        add, delete = (["ip", "netns", verb, probe] for verb in ("add", "delete"))
        done = subprocess.run(add, capture_output=True, text=True, check=False)
        subprocess.run(delete, capture_output=True, check=False)
        if done.returncode != 0:
            reasons.append(f"no network namespaces: {done.stderr.strip()}")
    return reasons
