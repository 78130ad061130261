"""`rtcguard doctor` on a whole gateway: nothing fails, until its firewall is gone."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from .guard import Guard, running_guard
from .net import APPROVED_TURN, SINK
from .process import LabError
from .world import ROOT, World

pytestmark = pytest.mark.lab


def found(guard: Guard) -> dict[str, list[str]]:
    """By check, what is its status, each with what was found."""
    told: dict[str, Any] = json.loads(guard.command("doctor", "--json"))
    rows: dict[str, list[str]] = {}
    for row in told["results"]:
        rows.setdefault(row["check"], []).append(f"{row['status']} {row['what']}")
    return rows


def test_a_gateway(world: World) -> None:
    lab = world.lab
    zone = [sys.executable, "-m", "tests.zone", "--listen", f"{SINK.v4}:53"]
    upstream = lab.start(lab.internet, "zone", [*zone, "example.com A 192.0.2.1"], cwd=ROOT)
    upstream.wait_port("udp", SINK.v4, 53)
    try:
        with running_guard(world, gateway=True) as guard:
            rows = found(guard)
            assert rows["firewall"] == ["ok up; 1 ways to approved servers are open"]
            for family in ("0.0.0.0", "[::]"):
                # As one of the clients that are answered: by the address in their network.
                *names, recorded, resolved = rows[f"DNS {family}:5300"]
                assert [name.split()[0] for name in names] == ["ok", "ok"]
                assert recorded == "ok the ledger has the name"
                assert resolved == "ok upstream answers for example.com: 192.0.2.1"
                assert [row.split()[0] for row in rows[f"STUN {family}:3478"]] == ["ok"] * 3
            relay = rows[f"turn:{APPROVED_TURN.v4}:3478?transport=udp"]
            assert "ok carries datagrams between two allocations, both ways" in relay
            guard.command("gateway", "down")
            with pytest.raises(LabError, match="the table is not there"):
                found(guard)
    finally:
        upstream.stop()
