"""The desktop's proxy while `rtcguard run` runs: told of at the start, put back at the end."""

import contextlib
from collections.abc import Callable, Iterator

from rtcguard.app.settings import State
from rtcguard.desktop import memory
from rtcguard.errors import StartError
from rtcguard.ice.address import host_port
from rtcguard.policy.model import HostPort


def describe(state: State, listen: HostPort) -> Iterator[str]:
    """Which desktops lead to the proxy, and which to where it is not."""
    from rtcguard.desktop import proxy

    try:
        for desktop, kept in proxy.remembered(state.folder):
            if kept.proxy != host_port(*proxy.here(listen)):
                yield (
                    f"desktop {desktop.name} leads to {kept.proxy}, where this does not listen: "
                    "run `rtcguard proxy on` or `off`"
                )
            else:
                yield f"desktop {desktop.name} leads here{'' if kept.stay else ' until the end'}"
    except StartError as error:
        yield f"desktop {error}"


def left(state: State) -> Iterator[str]:
    """What to know of the desktop after an end that nobody asked for."""
    from rtcguard.desktop import proxy

    with contextlib.suppress(StartError):  # the error that ended the run is the one to tell
        for desktop, _ in proxy.remembered(state.folder):
            yield (
                f"desktop {desktop.name} still leads here, so that nothing goes around; `rtcguard "
                "proxy off` puts back what was before"
            )


def let_go(state: State, say: Callable[[str], None]) -> bool:
    """Puts back what the desktop's proxy was before, but for what is to stay; whether that could be
    done."""
    if not (state.folder / memory.NAME).exists():
        return True
    from rtcguard.desktop import proxy
    from rtcguard.desktop.machine import ThisMachine

    try:
        # All of it before anything is said: whoever listened may be gone.
        done = list(proxy.undo(ThisMachine(), state.folder))
    except StartError as error:
        say(f"desktop {error}")
        return False
    for said in done:
        say(f"desktop {said}")
    return all(said.good for said in done)
