"""The addresses of a host, as this machine's own resolver tells them, in bounded time."""

import asyncio
import socket

from rtcguard.app.doctor.threads import in_thread


class NoAddress(Exception):
    """Says why there is none."""


async def addresses(host: str, seconds: float) -> list[str]:
    """All of them, in the resolver's order; an address is itself. Raises NoAddress."""
    try:
        async with asyncio.timeout(seconds):
            found = await in_thread(lambda: socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM))
    except TimeoutError as error:
        raise NoAddress(f"the name {host} was not resolved in {seconds:.0f} s") from error
    except (OSError, UnicodeError) as error:
        told = getattr(error, "strerror", None) or str(error)
        raise NoAddress(f"the name {host} does not resolve: {told}") from error
    return list(dict.fromkeys(str(info[4][0]) for info in found))
