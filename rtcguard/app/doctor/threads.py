"""Calls that may wait for ever, in bounded time: in a thread that nobody waits for at the end."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any


async def in_thread[T](call: Callable[[], T]) -> T:
    """What `call` gives, or raises. A pool of threads would be waited for when the loop ends."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

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
