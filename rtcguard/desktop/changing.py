"""What to remember, and what to put back: pure."""

from rtcguard.desktop.memory import Kept
from rtcguard.desktop.nouns import Desktop, Values
from rtcguard.ice.address import host_port
from rtcguard.policy.model import HostPort


def keep(desktop: Desktop, now: Values, kept: Kept | None, proxy: HostPort, stay: bool) -> Kept:
    """What to remember before the desktop is led to the proxy. Of a value that is still what was
    made of it last time, what was before that stays remembered. Raises DesktopError."""
    made = desktop.wanted(proxy, now)
    place = host_port(*proxy)
    before = {key: now.get(key) for key in made}
    if kept is not None:
        before |= {key: kept.before[key] for key in made if _is_ours(key, now, kept)}
    elif desktop.leads_to(now) == place:
        # It was forgotten what was before; coming back to this would never let go of the proxy.
        before |= {key: value for key, value in desktop.direct(now).items() if key in made}
    return Kept(place, stay, before, made)


def putting_back(now: Values, kept: Kept) -> tuple[Values, list[str]]:
    """What to set, and the keys that somebody else has set meanwhile, which stay."""
    back = {key: value for key, value in kept.before.items() if _is_ours(key, now, kept)}
    others = [
        key
        for key, value in kept.made.items()
        if now.get(key) != value and now.get(key) != kept.before[key]
    ]
    return back, others


def _is_ours(key: str, now: Values, kept: Kept) -> bool:
    return key in kept.made and now.get(key) == kept.made[key]
