"""What a check is: a name, and what is found out under it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rtcguard.app.doctor.threads import in_thread
from rtcguard.app.settings import State
from rtcguard.errors import RtcguardError
from rtcguard.policy.model import Policy

START: Final = "start it: rtcguard run"
SEE_LOG: Final = "see the log of rtcguard run"

# Off: the configuration does not ask for it.
Status = Literal["ok", "warning", "failed", "off"]


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was found: `what` it is, and what to do `next`, if anything."""

    status: Status
    what: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """What is examined: a configuration with its secrets, and where its state is kept."""

    policy: Policy
    state: State


@dataclass(frozen=True, slots=True)
class Check:
    """`run` may give several results; it need not catch errors. It has so many `seconds`."""

    name: str
    run: Callable[[], Awaitable[Sequence[Result]]]
    seconds: float = 30.0


def blocking(name: str, look: Callable[[], Sequence[Result]], seconds: float = 30.0) -> Check:
    """A check that waits for files, programs or the kernel: in a thread of its own."""
    return Check(name, lambda: in_thread(look), seconds)


def known(name: str, *results: Result) -> Check:
    """What there is to say stands in the configuration itself."""

    async def run() -> Sequence[Result]:
        return results

    return Check(name, run)


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
        async with asyncio.timeout(check.seconds):
            return await check.run()
    except TimeoutError:
        return [Result("failed", f"it was not done after {check.seconds:g} s", SEE_LOG)]
    except RtcguardError as error:
        return [Result("failed", str(error))]
    except Exception as error:
        return [Result("failed", f"it could not be checked: {error!r}")]
