"""What a check is: a name, and what is found out under it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rtcguard.errors import RtcguardError

_LONGEST: Final = 300.0  # seconds, should a check's own limits not hold

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was found: `what` it is, and what to do `next`, if anything."""

    status: Status
    what: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """`run` may give several results; it need not catch errors."""

    name: str
    run: Callable[[], Awaitable[Sequence[Result]]]


async def run(checks: Sequence[Check], tell: Callable[[Check, Sequence[Result]], None]) -> bool:
    """Runs all at once, and tells each when its turn has come. Whether none failed."""
    tasks = [asyncio.ensure_future(_results(check)) for check in checks]
    passed = True
    for check, task in zip(checks, tasks, strict=True):
        results = await task
        tell(check, results)
        passed &= all(result.status != "failed" for result in results)
    return passed


async def _results(check: Check) -> Sequence[Result]:
    """A check that cannot come to an end has failed."""
    try:
        async with asyncio.timeout(_LONGEST):
            return await check.run()
    except TimeoutError:
        return [Result("failed", f"it was not done after {_LONGEST:.0f} s")]
    except RtcguardError as error:
        return [Result("failed", str(error))]
    except Exception as error:
        return [Result("failed", f"it could not be checked: {error!r}")]
