"""The responder by itself on the lab's gateway.

`python -m tests.lab.stun_gateway EVENTS PORT [INTERFACE]…`; clients are behind the interfaces.
Transparent sockets for every address; its records go to EVENTS as JSON lines; then it says `ready`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path

from rtcguard.errors import StartError
from rtcguard.network.server import StunServer
from rtcguard.policy.model import Config, Gateway, Policy
from rtcguard.policy.record import Record


def main(events: Path, port: int, interfaces: list[str]) -> None:
    reader, _ = os.pipe()
    with events.open("w", buffering=1) as file:

        def record(records: list[Record]) -> None:
            file.writelines(f"{json.dumps(dataclasses.asdict(one))}\n" for one in records)

        listen = [("0.0.0.0", port), ("::", port)]
        policy = Policy(Config(gateway=Gateway(interfaces=tuple(interfaces))))
        try:
            server = StunServer(listen, policy, record, transparent=True)
        except StartError as error:
            sys.exit(f"cannot start: {error}")
        with server:
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            server.serve(reader)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
