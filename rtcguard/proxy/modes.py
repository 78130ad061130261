"""How clients' traffic comes to the proxy: mitmproxy's modes, and where each of them listens.

Imports nothing of mitmproxy: `rtcguard run` tells of the modes without it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rtcguard.errors import StartError
from rtcguard.ice.address import host_port
from rtcguard.network import firewall
from rtcguard.policy.model import Config, HostPort

# The ports that belong to a protocol. The first of the other modes listens where `listen` says.
_OWN_PORTS: Final = {"dns": 53, "wireguard": 51820}
_OTHER_PORTS: Final = {"socks5": 1080}
_WITHOUT_PORT: Final = ("local", "tun")
_TUN: Final = "rtcguard0"
_UDP_SCHEMES: Final = ("http3", "dtls", "udp", "quic", "dns", "https")
EVERYWHERE: Final = "::"


@dataclass(frozen=True, slots=True)
class Mode:
    """One way in. `data` is what stands behind the colon; `listen` is None where there is no
    port: a process or an interface is taken over."""

    name: str
    data: str
    listen: HostPort | None

    @property
    def spec(self) -> str:
        """As mitmproxy has it: `name:data@host:port`; without a host it listens at all addresses,
        of IPv4 and of IPv6."""
        made = f"{self.name}:{self.data}" if self.data else self.name
        if self.listen is None:
            return made
        host, port = self.listen
        return f"{made}@{port}" if host == EVERYWHERE else f"{made}@{host}:{port}"

    @property
    def takes_udp(self) -> bool:
        if self.name == "reverse":
            return self.data.partition(":")[0] in _UDP_SCHEMES
        return self.name in (*_OWN_PORTS, *_WITHOUT_PORT)

    def keys(self, folder: Path) -> Path:
        """WireGuard's keys; made by mitmproxy's rules, in `folder` unless `data` names them."""
        return Path(self.data).expanduser() if self.data else folder / "wireguard.conf"

    def client_file(self, folder: Path) -> Path:
        """What WireGuard's client has to be given."""
        keys = self.keys(folder)
        return keys.with_name(f"{keys.stem}-client.conf")


def choose(
    config: Config, specs: tuple[str, ...], listen: HostPort, workers: int = 1
) -> tuple[Mode, ...]:
    """The modes that are named, each with its port; without one the proxy is a regular one, or goes
    out through `upstream.proxy`. Raises StartError where one cannot be."""
    modes = []
    if not specs:
        specs = (f"upstream:{config.upstream.proxy}" if config.upstream.proxy else "regular",)
    free: HostPort | None = listen
    for spec in specs:
        rest, elsewhere, at = spec.rpartition("@") if "@" in spec else (spec, "", "")
        name, _, data = rest.partition(":")
        name = name.lower()
        where: HostPort | None = None
        if elsewhere:
            where = _place(spec, at, listen[0])
        elif name in _OWN_PORTS:
            where = listen[0], _OWN_PORTS[name]
        elif name == "tun":
            data = data or _TUN
        elif name not in _WITHOUT_PORT:
            where, free = free or (listen[0], _OTHER_PORTS.get(name, listen[1])), None
        modes.append(Mode(name, data, where))
    if config.gateway.transparent and firewall.wanted(config):
        # What the firewall leads here, of both families of IP.
        modes.append(Mode("transparent", "", (EVERYWHERE, config.gateway.transparent_port)))
    for mode in modes:
        if workers > 1 and mode.takes_udp:
            raise StartError(
                f"the mode {mode.name} cannot be shared among processes: leave out --workers, or "
                "give it an rtcguard of its own"
            )
    return tuple(modes)


def _place(spec: str, at: str, host: str) -> HostPort:
    name, _, port = at.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise StartError(f"--mode {spec}: behind the @ stands PORT or HOST:PORT")
    return name.strip("[]") or host, int(port)


def describe(modes: tuple[Mode, ...], folder: Path) -> Iterator[str]:
    """Where each mode is, for the person who started it; `folder` is the one of the authority."""
    for mode in modes:
        at = host_port(*mode.listen) if mode.listen else ""
        match mode.name:
            case "wireguard":
                yield f"tunnel  {at} (WireGuard, udp), for the client: {mode.client_file(folder)}"
            case "tun":
                yield f"tunnel  {mode.data}: route clients to it, and put `unreachable` behind it"
            case "local":
                yield f"local   {mode.data or 'every process of this machine'}"
            case "dns":
                yield f"DNS     {at}"
            case "regular" | "upstream":
                yield f"proxy   {at} (HTTP and HTTPS)"
            case _:
                yield f"proxy   {at} ({f'{mode.name} {mode.data}'.strip()})"
