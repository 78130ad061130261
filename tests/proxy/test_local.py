"""mitmproxy's local mode: a program of this machine whose sockets the kernel hands to the proxy.

Its eBPF program is attached to a control group that the test made, not to the machine's, so that
no other process is touched.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtcguard.network import stun
from tests.lab.net import CLIENT, CLIENT_PUBLIC, SITE, Lab
from tests.process import running
from tests.proxy.test_turn import BINDING, recorded
from tests.proxy.ways_in import far_tcp, far_udp, netns

PROGRAM = "rtcguard-probe"  # the kernel cuts it after 15 letters
SITE4, SITE6 = SITE.addresses

# What it gets back for one message to each place that it is told.
PROBE = """
import json, socket, sys
answers = []
for host, port, kind in json.loads(sys.argv[1]):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, getattr(socket, kind)) as one:
        one.settimeout(60)
        one.connect((host, port))
        one.sendall(bytes.fromhex(sys.argv[2]))
        answers.append(one.recv(2000).hex())
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python under another name, by which alone it is told from other processes."""
    path = tmp_path_factory.mktemp("program") / PROGRAM
    path.symlink_to(sys.executable)
    return path


def probe(lab: Lab, program: Path, places: list[tuple[str, int, str]]) -> list[bytes]:
    """Runs it in the client; what it got for BINDING from each place."""
    argv = [str(program), "-I", "-c", PROBE, json.dumps(places), BINDING.hex()]
    made = json.loads(lab.run(lab.client, *_joined(lab), *argv))
    return [bytes.fromhex(one) for one in made]


def _joined(lab: Lab) -> list[str]:
    return ["sh", "-ec", f'{_joining(lab)}; exec "$@"', "sh"]


def _joining(lab: Lab) -> str:
    """Shell: this process into the test's control group, which it sees as the root of all.

    `ip netns exec` gave it mounts of its own, and an empty /sys/fs/cgroup."""
    group = f"/sys/fs/cgroup/{lab.client}"
    return (
        "mount -t cgroup2 none /sys/fs/cgroup"
        f" && mkdir -p {group} && mount --bind {group} /sys/fs/cgroup"
        " && echo $$ > /sys/fs/cgroup/cgroup.procs"
    )


@contextlib.contextmanager
def group(lab: Lab) -> Iterator[None]:
    try:
        yield
    finally:
        remove = f"mount -t cgroup2 none /sys/fs/cgroup && rmdir /sys/fs/cgroup/{lab.client}"
        subprocess.run([*netns(lab.client), "sh", "-c", remove], check=True)


def test_a_program_that_is_taken_over(lab: Lab, tmp_path: Path, program: Path) -> None:
    with (
        far_udp(lab, SITE4) as udp4,
        far_udp(lab, SITE6) as udp6,
        far_tcp(lab, SITE4) as tcp4,
        far_tcp(lab, SITE6) as tcp6,
        group(lab),
    ):
        places = [
            (SITE4, udp4.port, "SOCK_DGRAM"),
            (SITE6, udp6.port, "SOCK_DGRAM"),
            (SITE4, tcp4.port, "SOCK_STREAM"),
            (SITE6, tcp6.port, "SOCK_STREAM"),
        ]
        # The control: without rtcguard the far sides get it, and the client's own addresses.
        assert probe(lab, program, places) == [BINDING] * 4
        assert (udp4.peers, udp6.peers) == ([CLIENT_PUBLIC], [CLIENT.v6])
        assert (tcp4.received, tcp6.received) == (BINDING, BINDING)
        mode = f"local:{PROGRAM[:15]}"
        with running(
            tmp_path, "", "--mode", mode, within=[*netns(lab.client), *_joined(lab)]
        ) as run:
            answers = [stun.parse(one) for one in probe(lab, program, places)]
            assert [one.message_class for one in answers] == [stun.ERROR] * 4
            for host, port, _ in places:
                shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                assert recorded(run.state, shown)
    assert udp4.received == udp6.received == [BINDING]
    assert (tcp4.connections, tcp6.connections) == (1, 1)
