"""What each process of `rtcguard run` does, from its first line to its last.

A process is given a pipe to its supervisor (pipe.py). Proxy, STUN responder and sinkhole take
another policy while they run; the others are started again where it matters to them.
"""

import asyncio
import logging
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from rtcguard.app.pipe import Pipe, in_loop, obey, tell
from rtcguard.app.settings import State, node
from rtcguard.errors import StartError
from rtcguard.ledger.measures import Measures
from rtcguard.ledger.writer import Writer
from rtcguard.policy.model import HostPort, Policy

_AFTER_ALL_OTHERS: Final = 10  # what is sent on waits for the processor, traffic does not


@dataclass(frozen=True, slots=True)
class Settings:
    """What every process is given."""

    policy: Policy
    state: State
    key: bytes
    listen: HostPort
    modes: tuple[str, ...] = ()
    workers: int = 1


def proxy_worker(settings: Settings, pipe: Pipe) -> None:
    """Rings 1 and 2: one mitmproxy master."""
    # Imported here, as the other processes need nothing of mitmproxy.
    from rtcguard.proxy.addon import RtcGuard
    from rtcguard.proxy.confirmed import Confirmed
    from rtcguard.proxy.modes import choose
    from rtcguard.proxy.service import serve
    from rtcguard.proxy.users import Users
    from rtcguard.web.plain import plain

    _begin("proxy")
    config = settings.policy.config

    async def main() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        confirmed = Confirmed(settings.state.ledger, settings.state.mask(config))
        shown = plain(settings.state.ca_certificate)
        timed = measures.rewrites() if measures else None
        guard = RtcGuard(
            settings.policy, settings.key, writer.record, confirmed, shown, config.web.listen, timed
        )

        users = Users(settings.policy, writer.record)

        def prepare(policy: Policy) -> Callable[[], None]:
            standing = guard.prepare(policy)

            def use() -> None:
                guard.use(standing)
                users.use(policy)
                _retain(writer, policy)

            return in_loop(loop, use)

        obey(pipe, prepare, partial(loop.call_soon_threadsafe, stopped.set))
        await serve(
            config,
            choose(config, settings.modes, settings.listen, settings.workers),
            settings.state.ca,
            users,
            guard,
            partial(tell, pipe, None),
            stopped,
            shared=settings.workers > 1,
        )

    measures = _measures(settings, "proxy")
    try:
        writer = _writer(settings, measures)
        asyncio.run(main())
        writer.close()
    except StartError as error:
        tell(pipe, str(error))


def stun(settings: Settings, pipe: Pipe) -> None:
    """Ring 3: the STUN responder."""
    from rtcguard.network.firewall import wanted
    from rtcguard.network.server import StunServer

    _begin("stun")
    config = settings.policy.config
    measures = _measures(settings, "stun")
    stop, stopped = socket.socketpair()

    def prepare(policy: Policy) -> Callable[[], None]:
        def use() -> None:
            server.policy = policy
            _retain(writer, policy)

        return use

    try:
        writer = _writer(settings, measures)
        with StunServer(
            config.stun.listen,
            settings.policy,
            writer.record,
            transparent=wanted(config),
            timed=measures.stun_turns() if measures else None,
        ) as server:
            tell(pipe, None)
            obey(pipe, prepare, stop.close)
            server.serve(stopped)
        writer.close()
    except StartError as error:
        tell(pipe, str(error))


def sinkhole(settings: Settings, pipe: Pipe) -> None:
    """Ring 3: the DNS sinkhole."""
    from rtcguard.app.learned import Learned, held
    from rtcguard.network.nameserver import NameServer

    _begin("sinkhole")

    async def main() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()

        def prepare(policy: Policy) -> Callable[[], None]:
            def use() -> None:
                server.use(policy)
                _retain(writer, policy)

            return in_loop(loop, use)

        tell(pipe, None)
        obey(pipe, prepare, partial(loop.call_soon_threadsafe, stopped.set))
        await server.serve(stopped)

    try:
        writer = _writer(settings, _measures(settings, "sinkhole"))
        path = settings.state.ledger
        server = NameServer(settings.policy, writer.record, Learned(path), partial(held, path))
        try:
            asyncio.run(main())
        finally:
            server.close()
        writer.close()
    except StartError as error:
        tell(pipe, str(error))


def site(settings: Settings, pipe: Pipe) -> None:
    """The local site. It writes nothing, and traffic does not wait for it."""
    from rtcguard.app.examining import examined
    from rtcguard.web.app import bound, make, serve
    from rtcguard.web.hand_over import key_of
    from rtcguard.web.site import Site

    _begin("site")
    os.nice(_AFTER_ALL_OTHERS)
    state, config = settings.state, settings.policy.config

    async def main() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()

        def prepare(policy: Policy) -> Callable[[], None]:
            def use() -> None:
                shown.use(policy)

            return in_loop(loop, use)

        obey(pipe, prepare, partial(loop.call_soon_threadsafe, stopped.set))
        tell(pipe, None)
        await serve(make(shown), listener, stopped)

    try:
        assert config.web.listen is not None  # else there is no such part
        shown = Site(
            policy=settings.policy,
            ledger=state.ledger,
            ca_certificate=state.ca_certificate,
            key=key_of(settings.key),
            token=state.web_token(),
            proxy=settings.listen,
            examine=examined,
            node=node(config),
            mask=state.mask(config),
        )
        with bound(config.web.listen) as listener:
            asyncio.run(main())
    except StartError as error:
        tell(pipe, str(error))


def gateway(settings: Settings, pipe: Pipe) -> None:
    """Ring 3: keeps the firewall's sets fresh, and says that it holds as long as it does."""
    from rtcguard.app.gateway import text
    from rtcguard.ledger.event import timestamp
    from rtcguard.ledger.store import Store
    from rtcguard.network.keeper import LOOK_EVERY, Keeper

    _begin("gateway")
    config = settings.policy.config

    async def main() -> None:
        stopped = _stopped(pipe)
        tell(pipe, None)
        await keeper.run(stopped)

    def report(networks: list[str]) -> None:
        until = timestamp(time.time() + 3 * LOOK_EVERY)
        try:
            store.ring_up(node(config), "network", "gateway", until, " ".join(networks))
        except sqlite3.Error as error:  # it is said again with the next look
            logging.error("the ledger cannot be told that the firewall holds: %s", error)

    try:
        store = Store(settings.state.ledger)
        keeper = Keeper(config, text(config), report)
        asyncio.run(main())
        store.close()
    except StartError as error:
        tell(pipe, str(error))


def export(settings: Settings, pipe: Pipe) -> None:
    """Sends events on to where the configuration says, and tells Prometheus."""
    from rtcguard.app.exporting import Exporting

    _begin("export")
    os.nice(_AFTER_ALL_OTHERS)
    try:
        writer = _writer(settings)
        exporting = Exporting(
            settings.policy.config, settings.state, settings.workers, writer.record
        )
        tell(pipe, None)
        pipe.poll(None)  # to its end
        exporting.stop()
        writer.close()
    except StartError as error:
        tell(pipe, str(error))


def relay(settings: Settings, pipe: Pipe) -> None:
    """The approved TURN server that is this machine: coturn, as a child."""
    from rtcguard.app.relay import plan
    from rtcguard.app.relay_process import keep

    _begin("relay")
    try:
        ended = not keep(
            plan(settings.policy),
            settings.state.folder / "coturn",
            pipe.fileno(),
            partial(tell, pipe, None),
        )
    except StartError as error:
        tell(pipe, str(error))
    else:
        sys.exit(1 if ended else 0)


def _writer(settings: Settings, measures: Measures | None = None) -> Writer:
    config = settings.policy.config
    return Writer(
        settings.state.ledger,
        config.ledger.keep,
        node(config),
        size=config.ledger.size,
        mask=settings.state.mask(config),
        measures=measures,
    )


def _measures(settings: Settings, name: str) -> Measures | None:
    """Where nobody asks for figures, nothing is measured."""
    return Measures(name, os.getpid()) if settings.policy.config.metrics.listen else None


def _retain(writer: Writer, policy: Policy) -> None:
    """What of another policy is for the writer."""
    writer.keep, writer.size = policy.config.ledger.keep, policy.config.ledger.size


def _stopped(pipe: Pipe) -> asyncio.Event:
    """Set as soon as the supervisor asks for the end, or is dead."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), stopped.set)
    return stopped


def _begin(name: str) -> None:
    # Ctrl-C, and a terminal that closes, reach the whole process group; the supervisor alone acts
    # on them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.basicConfig(level=logging.WARNING, format=f"rtcguard {name}: %(message)s")
