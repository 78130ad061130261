"""What clients of other projects make of the answers: they stop, and tell nothing more."""

import asyncio
import shutil
import subprocess

import pytest
from aioice import stun, turn

from rtcguard.policy.record import Record
from tests.network.serving import serving


def asked(records: list[Record]) -> list[tuple[str, int]]:
    return [(record.reason, record.count) for record in records]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_aioice_ends_on_the_first_answer_to_its_allocate(transport: str) -> None:
    async def allocate(address: tuple[str, int]) -> stun.Message:
        with pytest.raises(stun.TransactionFailed) as caught:
            await turn.create_turn_endpoint(
                asyncio.DatagramProtocol,
                server_addr=address,
                username="alice",
                password="secret",
                transport=transport,
            )
        return caught.value.response

    with serving() as server:
        response = asyncio.run(allocate(server.address))
        assert response.attributes["ERROR-CODE"] == (300, "Forbidden")
    carrier = "TCP: " if transport == "tcp" else ""
    assert asked(server.records) == [
        (f"{carrier}Allocate request: refused with 300, and no other server named", 1)
    ]


@pytest.mark.skipif(not shutil.which("turnutils_uclient"), reason="coturn is not installed")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_coturns_turn_client_ends_with_300(transport: str) -> None:
    with serving() as server:
        host, port = server.address
        argv = [
            "turnutils_uclient",
            "-p",
            str(port),
            "-u",
            "alice",
            "-w",
            "secret",
            "-y",
            "-n",
            "1",
        ]
        done = subprocess.run(
            [*argv, *(["-t"] if transport == "tcp" else []), host],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode != 0
    assert "300" in done.stdout + done.stderr
    carrier = "TCP: " if transport == "tcp" else ""
    requests = {reason: count for reason, count in asked(server.records) if "request" in reason}
    assert list(requests) == [
        f"{carrier}Allocate request: refused with 300, and no other server named"
    ]
