"""The addresses of a host, as this machine's own resolver tells them, in bounded time."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any


class NoAddress(Exception):
    """Says why there is none."""


async def addresses(host: str, seconds: float) -> list[str]:
    """All of them, in the resolver's order; an address is itself. Raises NoAddress."""
    try:
        async with asyncio.timeout(seconds):
            found = await _in_thread(lambda: socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM))
    except TimeoutError as error:
        raise NoAddress(f"the name {host} was not resolved in {seconds:.0f} s") from error
    except (OSError, UnicodeError) as error:
        told = getattr(error, "strerror", None) or str(error)
        raise NoAddress(f"the name {host} does not resolve: {told}") from error
    return list(dict.fromkeys(str(info[4][0]) for info in found))


async def _in_thread(call: Callable[[], Any]) -> Any:
    """In a thread that nobody waits for at the end: the resolver itself has no limit of time."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Any] = loop.create_future()

    def done(value: Any, error: BaseException | None) -> None:
        if not result.done():
            if error is None:
                result.set_result(value)
            else:
                result.set_exception(error)

    def work() -> None:
        value, failed = None, None
        try:
            value = call()
        except Exception as error:
            failed = error
        try:
            loop.call_soon_threadsafe(done, value, failed)
        except RuntimeError:  # the loop is gone: nobody wants it any more
            return

    threading.Thread(target=work, daemon=True).start()
    return await result
