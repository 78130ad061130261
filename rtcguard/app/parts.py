"""Which processes a configuration asks for, in the order of their start."""

from rtcguard.app import exporting, processes
from rtcguard.app.processes import Settings
from rtcguard.app.supervisor import Part
from rtcguard.network import firewall


def parts(settings: Settings) -> list[Part]:
    config = settings.policy.config
    found = []
    if exporting.wanted(config):
        found.append(Part("export", processes.export, takes=False))
    if config.relay.managed:
        found.append(Part("relay", processes.relay, takes=False))
    if config.stun.listen:
        found.append(Part("stun", processes.stun))
    if config.sinkhole.listen:
        found.append(Part("sinkhole", processes.sinkhole))
    # One after the other: the first makes the certificate authority.
    found += [Part("proxy", processes.proxy_worker)] * settings.workers
    if config.web.listen is not None:
        found.append(Part("site", processes.site))
    if firewall.wanted(config):
        found.append(Part("gateway", processes.gateway, takes=False))
    return found
