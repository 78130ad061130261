"""`rtcguard run`: from a configuration to running processes, and the lines that tell of them."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from rtcguard.app import control, desktop, exporting, signals
from rtcguard.app.parts import parts
from rtcguard.app.processes import Settings
from rtcguard.app.reading import Source
from rtcguard.app.reload import Reloader
from rtcguard.app.signals import Signals
from rtcguard.app.supervisor import Supervisor
from rtcguard.app.watching import EVERY
from rtcguard.errors import RtcguardError, StartError
from rtcguard.ice.address import host_port
from rtcguard.network import firewall
from rtcguard.proxy import confirmed, modes

logger = logging.getLogger(__name__)


def run(source: Source, say: Callable[[str], None]) -> int:
    """Runs until SIGINT or SIGTERM; the exit code is 2 where the configuration that is in its files
    then was refused, 1 where the desktop's proxy could not be put back. Raises RtcguardError where
    it cannot begin or go on."""
    settings = source.read()
    with signals.caught() as caught, control.listening(source.state.folder) as listener:
        supervisor = Supervisor(settings, caught)
        reloader = Reloader(source, settings, supervisor, say)
        try:
            exporting.prepare(settings.policy.config, source.state)
            confirmed.note(source.state.ledger, settings.policy.config)
            for part in parts(settings):
                supervisor.start(part)
            for warning in settings.policy.config.warnings:
                logger.warning("warning: %s", warning)
            for line in describe(settings):
                say(line)
            if listener is None:
                say("control another rtcguard has this state folder: `rtcguard reload` reaches it")
            say("ready")
            _watch(reloader, caught, listener)
        except signals.Ended:
            code = StartError.exit_code if reloader.refused else 0
        except RtcguardError:
            for line in desktop.left(source.state):
                say(line)
            raise
        finally:
            supervisor.stop()
        # Only where the end was asked for, and by the instance that this folder belongs to: after
        # any other end the desktop still leads here, and nothing goes around.
        if listener is not None and not desktop.let_go(source.state, say):
            code = code or RtcguardError.exit_code
        return code


def _watch(reloader: Reloader, caught: Signals, listener: socket.socket | None) -> NoReturn:
    """Raises Ended, or RtcguardError when a process cannot be kept up."""
    sources = [caught.reader] if listener is None else [caught.reader, listener]
    due = time.monotonic()
    while True:
        due = max(due, time.monotonic() - EVERY)
        ready = reloader.supervisor.wait(sources, max(0.0, due - time.monotonic()))
        caught.take()
        if caught.reloads:
            caught.reloads = False
            reloader.reload()
        if listener in ready and listener is not None:
            control.answer(listener, reloader.reload)
        if time.monotonic() >= due:
            due = time.monotonic() + EVERY
            reloader.look()


def describe(settings: Settings) -> Iterator[str]:
    """What runs where, for the person who started it."""
    config, state = settings.policy.config, settings.state
    yield from modes.describe(
        modes.choose(config, settings.modes, settings.listen, settings.workers), state.ca
    )
    for address in config.stun.listen:
        yield f"STUN    {host_port(*address)} (udp and tcp), answers: {config.stun.answer}"
    if config.web.listen is not None:
        yield f"site    http://{host_port(*config.web.listen)}/"
    yield f"CA      {state.ca_certificate}"
    yield f"ledger  {state.ledger}"
    for address in config.sinkhole.listen:
        yield f"DNS     {host_port(*address)} (udp and tcp), STUN names: {config.sinkhole.answer}"
    if firewall.wanted(config):
        held = [
            *config.gateway.interfaces,
            *(["this machine itself"] if config.gateway.own else []),
        ]
        yield f"gateway {', '.join(held)}; see `rtcguard gateway status`"
    for server in settings.policy.servers:
        yield f"relay   {', '.join(server.urls)}"
    if config.relay.managed:
        yield f"coturn  runs here (relay.managed), its files in {state.folder / 'coturn'}"
    if settings.policy.users:
        number, file = len(settings.policy.users), config.users.file
        yield f"users   {number}, in {file}: clients have to give a name and a password"
    yield from exporting.describe(config)
    yield from desktop.describe(state, settings.listen)
    if not settings.policy.servers:
        yield "relay   none: calls will not connect until relay.servers names a TURN server"
    yield f"policy  {settings.policy.version}"
    if config.mode == "monitor":
        yield "mode    monitor: everything is recorded, nothing is changed or stopped"
