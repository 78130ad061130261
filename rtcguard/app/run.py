"""`rtcguard run`: from a configuration to running processes, and the lines that tell of them."""

from collections.abc import Callable, Iterator

from rtcguard.app import processes
from rtcguard.app.processes import Settings
from rtcguard.app.supervisor import Supervisor
from rtcguard.ice.address import host_port
from rtcguard.network import firewall
from rtcguard.proxy import modes


def run(settings: Settings, say: Callable[[str], None]) -> None:
    """Runs until SIGINT or SIGTERM. Raises RtcguardError where it cannot begin or go on."""
    supervisor, config = Supervisor(settings), settings.policy.config
    try:
        if config.relay.managed:
            supervisor.start("relay", processes.relay)
        if config.stun.listen:
            supervisor.start("stun", processes.stun)
        if config.sinkhole.listen:
            supervisor.start("sinkhole", processes.sinkhole)
        for _ in range(settings.workers):
            # One after the other: the first makes the certificate authority.
            supervisor.start("proxy", processes.proxy_worker)
        if firewall.wanted(config):
            supervisor.start("gateway", processes.gateway)
        for line in describe(settings):
            say(line)
        say("ready")
        supervisor.watch()
    finally:
        supervisor.stop()


def describe(settings: Settings) -> Iterator[str]:
    """What runs where, for the person who started it."""
    config, state = settings.policy.config, settings.state
    yield from modes.describe(
        modes.choose(config, settings.modes, settings.listen, settings.workers), state.ca
    )
    for address in config.stun.listen:
        yield f"STUN    {host_port(*address)} (udp and tcp), answers: {config.stun.answer}"
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
    if not settings.policy.servers:
        yield "relay   none: calls will not connect until relay.servers names a TURN server"
    if config.mode == "monitor":
        yield "mode    monitor: everything is recorded, nothing is changed or stopped"
