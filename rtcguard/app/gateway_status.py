"""`rtcguard gateway status`: what the firewall counted, and what is missing of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from rtcguard.app import gateway
from rtcguard.network import approved, firewall, firewall_status, machine, netfilter
from rtcguard.network.firewall import COUNTERS, Endpoint
from rtcguard.network.firewall_status import Count, Loaded
from rtcguard.policy.model import Config


@dataclass(frozen=True, slots=True)
class Status:
    """`missing` are defects: the firewall does not do what the configuration asks. `notes` are
    consequences of the configuration itself. `meanings` are the counters' words in this mode."""

    missing: tuple[str, ...]
    notes: tuple[str, ...]
    counts: dict[str, Count] = field(default_factory=dict)
    approved: tuple[Endpoint, ...] = ()
    meanings: dict[str, str] = field(default_factory=lambda: dict(COUNTERS))

    def to_dict(self) -> dict[str, Any]:
        return {
            "ok": not self.missing,
            "missing": list(self.missing),
            "notes": list(self.notes),
            "counters": {
                name: {"packets": count.packets, "bytes": count.octets, "what": self.meanings[name]}
                for name, count in self.counts.items()
                if name in self.meanings
            },
            "approved": [
                {
                    "address": endpoint.address,
                    "transport": endpoint.transport,
                    "port": endpoint.port,
                    "name": endpoint.name,
                    "seconds": endpoint.seconds or None,  # none: it stands in the configuration
                }
                for endpoint in self.approved
            ],
        }


def status(config: Config) -> Status:
    """Raises StartError where the kernel may not be asked, or there is nothing to ask about."""
    text = gateway.text(config)
    listing = netfilter.listing()
    loaded = None if listing is None else firewall_status.read(listing, approved.names(config))
    missing = tuple(_missing(config, text, loaded))
    notes = tuple(gateway.notes(config))
    if loaded is None:
        return Status(missing, notes)
    return Status(missing, notes, loaded.counts, loaded.approved, firewall.counters(config))


def _missing(config: Config, text: str, loaded: Loaded | None) -> Iterator[str]:
    problem = firewall_status.problem(loaded, text)
    if problem:
        yield problem
    yield from gateway.missing_routes(config)
    for name in config.gateway.interfaces:
        trouble = netfilter.interface_problem(name)
        if trouble:
            yield f"interface {name}: {trouble}"
    families = netfilter.families()
    for family in families if config.gateway.interfaces else ():
        if not machine.forwards("6" if family == "6" else "4"):
            key = "net.ipv6.conf.all.forwarding" if family == "6" else "net.ipv4.ip_forward"
            yield f"IPv{family} is not forwarded: sysctl -w {key}=1"
    yield from _not_listening(config)
    if loaded is not None:
        yield from _without_address(config, loaded)


def _not_listening(config: Config) -> Iterator[str]:
    ports = firewall.responder_ports(config)
    names: tuple[tuple[Literal["4", "6"], str], ...] = (("4", "ip"), ("6", "ip6"))
    for family, key in names:
        if family not in netfilter.families():
            continue
        if key in ports and ports[key] not in machine.open_ports("udp", family):
            yield f"nothing answers STUN on udp port {ports[key]} of IPv{family}: is `run` up?"
        port = config.gateway.transparent_port
        if config.gateway.transparent and port not in machine.open_ports("tcp", family):
            yield f"no proxy listens on tcp port {port} of IPv{family}: is `rtcguard run` up?"


def _without_address(config: Config, loaded: Loaded) -> Iterator[str]:
    there = {(endpoint.name, endpoint.transport) for endpoint in loaded.approved}
    for target in approved.targets(config):
        if (target.host[:120], target.transport) not in there:
            yield (
                f"{target.host} ({target.transport}) has no address that is let through: "
                "its name does not resolve"
            )
