"""Check of the firewall: what `rtcguard gateway status` says, with the next step."""

import os
from collections.abc import Iterator
from typing import Final

from rtcguard.app import gateway_status
from rtcguard.app.doctor.check import START, Check, Result, Setup, blocking, known
from rtcguard.errors import StartError
from rtcguard.network import firewall

_UP: Final = "rtcguard gateway up, with the same configuration"
# By a word of what `gateway status` misses.
_STEPS: Final = {
    "sysctl": "run that, and write it into /etc/sysctl.d",
    "up?": START,
    "interface ": "correct gateway.interfaces, or set the interface up",
    "not resolve": "correct the name, or this machine's DNS",
}


def checks(setup: Setup) -> list[Check]:
    if not firewall.wanted(setup.policy.config):
        what = "gateway.interfaces names none, and gateway.own is false"
        return [known("firewall", Result("off", what))]
    return [blocking("firewall", lambda: list(_look(setup)), 60.0)]


def _look(setup: Setup) -> Iterator[Result]:
    try:
        told = gateway_status.status(setup.policy.config)
    except StartError as error:
        if hasattr(os, "geteuid") and os.geteuid() != 0:
            yield Result("warning", f"cannot be looked at: {error}", "run the doctor as root")
        else:
            yield Result("failed", str(error))
        return
    for missing in told.missing:
        step = next((step for word, step in _STEPS.items() if word in missing), _UP)
        yield Result("failed", missing, step)
    for note in told.notes:
        yield Result("warning", note)
    if not told.missing:
        yield Result("ok", f"up; {len(told.approved)} ways to approved servers are open")
