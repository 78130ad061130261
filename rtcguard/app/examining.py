"""The doctor's look at the approved TURN servers, for the local site."""

from collections.abc import Sequence

from rtcguard.policy.model import Policy
from rtcguard.web.relays import Examined, Finding


async def examined(policy: Policy) -> Sequence[Examined]:
    """What `rtcguard doctor` says of them."""
    from rtcguard.app.doctor import check, turn  # their imports take a while

    found: list[Examined] = []

    def keep(one: check.Check, results: Sequence[check.Result]) -> None:
        findings = [Finding(result.status, result.what, result.next) for result in results]
        found.append(Examined(one.name, findings))

    await check.run(turn.checks(policy), keep)
    return found
