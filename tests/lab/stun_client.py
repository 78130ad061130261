"""A client with a plain UDP socket: `python -m tests.lab.stun_client HOST PORT...`.

Sends Binding requests to each port of the host, without and with an attribute, each twice; and
writes a JSON line for each answer: who sent it, whether it belongs to the request, class and code.
"""

from __future__ import annotations

import json
import os
import socket
import sys

from rtcguard.network import stun

_PATIENCE = 0.5


def main(host: str, ports: list[int]) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in ports:
        for attributes in ([], [(stun.SOFTWARE, b"lab!")]):
            with socket.socket(family, socket.SOCK_DGRAM) as sender:
                sender.settimeout(_PATIENCE)
                identity = os.urandom(12)
                for _ in range(2):  # the second is one that is known
                    request = stun.encode(stun.BINDING, stun.REQUEST, identity, attributes)
                    sender.sendto(request, (host, port))
                    try:
                        data, source = sender.recvfrom(1000)
                    except OSError as error:
                        _say({"port": port, "error": type(error).__name__})
                        continue
                    message = stun.parse(data)
                    _say(
                        {
                            "port": port,
                            "from": source[:2],
                            "same": message.transaction_id == identity,
                            "class": message.message_class,
                            "code": (message.attribute(stun.ERROR_CODE) or b"").hex(),
                        }
                    )


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], [int(port) for port in sys.argv[2:]])
