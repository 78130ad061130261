"""How the leak test's page judges what was found: compare.js, in node."""

import json
import subprocess
from typing import Any

import pytest

from rtcguard.web.serving import FOLDER

COMPARE = (FOLDER / "static" / "leaktest" / "compare.js").as_uri()
JUDGE = f"""
import {{ compare }} from "{COMPARE}";
let text = "";
for await (const part of process.stdin) text += part;
const {{ verdict, addresses, relayHere }} = compare(JSON.parse(text));
process.stdout.write(JSON.stringify({{ verdict, addresses, relayHere }}));
"""
NOTHING: dict[str, Any] = {"candidates": [], "stats": [], "lines": [], "errors": [], "urls": []}
FACTS = {"guard": True, "relays": True}


def judged(relay: str, seen: str) -> dict[str, Any]:
    """What the page says where the guarded side has this relay candidate, and a peer saw a check
    from that address."""
    line = f"candidate:1 1 udp 1 {relay} 5000 typ relay raddr 0.0.0.0 rport 0"
    side = {"webrtc": True, "attempts": {"host": {**NOTHING, "state": "done"}}}
    guarded = {"webrtc": True, "attempts": {"host": {**NOTHING, "candidates": [line]}}}
    check = {"guarded": True, "check": True, "method": "Binding", "transport": "udp"}
    asked = {
        "before": side,
        "after": guarded,
        "signaled": {},
        "network": {"guarded": True, "events": [{**check, "address": seen}] if seen else []},
        "facts": FACTS,
    }
    node = ["node", "--input-type=module", "--eval", JUDGE]
    made = subprocess.run(node, input=json.dumps(asked).encode(), capture_output=True, timeout=60)
    assert made.returncode == 0, made.stderr.decode()
    answer: dict[str, Any] = json.loads(made.stdout)
    return answer


@pytest.mark.parametrize(
    ("relay", "seen", "here"),
    [
        ("192.0.2.2", "192.0.2.2", True),
        ("127.0.0.1", "192.0.2.2", True),  # as coturn gives it where it listens there alone
        ("198.51.100.7", "192.0.2.2", False),
    ],
)
def test_a_relay_on_this_machine_is_told_as_the_cause(relay: str, seen: str, here: bool) -> None:
    assert judged(relay, seen) == {"verdict": "red", "addresses": [seen], "relayHere": here}
    assert not judged(relay, "")["relayHere"]
