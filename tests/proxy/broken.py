"""A proxy whose recorder is broken: `python -m tests.proxy.broken PORT FOLDER CONFIG`.

A fault inside the addon, as a defect would make one: whatever has a candidate or is STUN meets it,
and nothing else, so that the same proxy shows both sides.
"""

import asyncio
import logging
import sys
from collections.abc import Iterable
from pathlib import Path

from rtcguard.ledger.store import Store
from rtcguard.policy.load import load
from rtcguard.policy.model import Policy
from rtcguard.policy.record import Record
from rtcguard.proxy.addon import RtcGuard
from rtcguard.proxy.confirmed import Confirmed
from rtcguard.proxy.modes import choose
from rtcguard.proxy.service import serve
from rtcguard.proxy.users import Users
from rtcguard.web.plain import plain


def record(records: Iterable[Record]) -> None:
    for one in records:
        if one.kind in ("candidate", "payload", "stun"):  # nor can the fault itself be recorded
            raise RuntimeError("broken")


def ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


async def main() -> None:
    port, folder, config = int(sys.argv[1]), Path(sys.argv[2]), load(sys.argv[3], "config")
    Store(folder / "ledger").close()
    policy = Policy(config)
    guard = RtcGuard(policy, b"key", record, Confirmed(folder / "ledger"), plain(folder / "none"))
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stopped.set)
    modes = choose(config, tuple(sys.argv[4:]), ("127.0.0.1", port))
    await serve(config, modes, folder / "ca", Users(policy, record), guard, ready, stopped)


logging.basicConfig(level=logging.WARNING)
asyncio.run(main())
