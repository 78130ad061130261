"""Requests of a client of the proxy's."""

import asyncio
import contextlib
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from rtcguard.app.doctor.check import SEE_LOG, START, Result, Setup
from rtcguard.ice.address import near, scope
from rtcguard.policy.model import HostPort
from rtcguard.policy.rule import Network

PATIENCE: Final = 5.0  # seconds for an answer of this machine
ELSEWHERE: Final = (
    "not looked at: the proxy goes out through upstream.proxy, and a request to an origin of the "
    "doctor's would leave this machine"
)


ASKS: Final = "asks for a name and a password (users.file): the doctor has none, and sees no more"


class Refused(OSError):
    """The proxy does not do it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"answers {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


def as_client(listen: HostPort, clients: Iterable[Network]) -> str | None:
    """The address of this machine's at which, and as which, it is one of the clients of what
    listens there; None where it is none."""
    own, networks = near(listen[0]), list(clients)
    if any(ip_address(own) in network for network in networks):
        return own
    if scope(listen[0]) == "unspecified":
        for network in networks:
            towards = _towards(network)
            if towards and (":" in towards) == (":" in own) and ip_address(towards) in network:
                return towards
    return None


def _towards(network: Network) -> str | None:
    """The address that packets to a network would have; none is sent."""
    family = socket.AF_INET6 if network.version == 6 else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.connect((str(network[min(1, network.num_addresses - 1)]), 9))
        return str(asking.getsockname()[0])
    return None


async def connect(setup: Setup) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = setup.policy.config.listen
    return await asyncio.open_connection(near(host), port)


async def ask(
    setup: Setup, method: str, url: str, headers: dict[str, str], body: bytes = b""
) -> Answer:
    """One request through the proxy. Raises OSError (TimeoutError is one), EOFError or ValueError
    for what is no HTTP."""
    host = url.split("/")[2]
    fields = {"Host": host, **headers, "Content-Length": str(len(body)), "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    async with asyncio.timeout(PATIENCE):
        reader, writer = await connect(setup)
        try:
            writer.write(f"{method} {url} HTTP/1.0\r\n{head}\r\n".encode() + body)
            answer = await reader.read(-1)
        finally:
            writer.close()
    if not answer:
        raise EOFError
    first, _, rest = answer.partition(b"\r\n")
    words = first.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ValueError("no HTTP")
    return Answer(int(words[1]), rest.partition(b"\r\n\r\n")[2])


def failed(error: Exception) -> Result:
    """What became of a request to the proxy."""
    match error:
        case TimeoutError():
            return Result("failed", f"no answer in {PATIENCE:g} s", SEE_LOG)
        case ConnectionRefusedError():
            return Result("failed", "nothing listens there", START)
        case Refused(status=407):
            return Result("warning", ASKS)
        case Refused():
            return Result("failed", f"does not open a tunnel: {error}", SEE_LOG)
        case EOFError() | ConnectionError():
            return Result("failed", "it ends the connection without an answer", SEE_LOG)
        case OSError():
            return Result("failed", f"cannot be reached: {error.strerror or error}", START)
    return Result(
        "failed",
        "something answers there that is not rtcguard",
        "stop it, or give rtcguard another place with listen",
    )
