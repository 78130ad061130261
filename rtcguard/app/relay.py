"""`relay.managed`: which approved server is this machine, and with what coturn is started for it.

coturn is silent about most of what keeps it from working (a port that another coturn shares, a
certificate that it cannot read), so all of that is looked for here, before and after its start.
"""

import os
import secrets
import shutil
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from rtcguard.errors import StartError
from rtcguard.ice.address import host_port, scope
from rtcguard.ice.server import ServerUri, parse_uri
from rtcguard.network import coturn
from rtcguard.policy.model import Policy, Relay, RelayServer

_PATH: Final = os.pathsep.join(
    (os.environ.get("PATH", ""), "/usr/bin", "/usr/sbin", "/usr/local/bin")
)
# To which the kernel is asked the way; nothing is sent there.
_FAR: Final = ("192.0.2.1", "2001:db8::1")


def prepare(relay: Relay) -> None:
    """Before the secrets are read: sees that coturn is here, and makes the secret where its file
    is not there yet. Raises StartError."""
    program("turnserver", "coturn")
    server, _ = choose(relay)
    path = Path(server.shared_secret_file)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise StartError(
            f"{path}: relay.servers.shared_secret_file cannot be made: {error.strerror}"
        ) from error
    with open(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")


def program(name: str, package: str) -> str:
    """Where it is installed. Raises StartError that names Debian's package."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise StartError(
            f"relay.managed: {name} is not installed here; on Debian: apt install {package}"
        )
    return found


def plan(policy: Policy) -> coturn.Server:
    """What coturn is to serve. Raises StartError for what cannot be."""
    relay = policy.config.relay
    server, here = choose(relay)
    settings = relay.coturn
    outside = settings.relay_addresses or tuple(_towards_the_internet())
    listen = settings.listen or here or outside
    made = coturn.Server(
        tuple(map(parse_uri, server.urls)),
        policy.servers[relay.servers.index(server)].secret.decode(errors="replace"),
        listen,
        outside or listen,
        settings,
    )
    for key, addresses in (("listen", made.listen), ("relay_addresses", made.relay)):
        for address in addresses:
            if not is_local(address):
                raise StartError(f"relay.coturn.{key}: {address} is no address of this machine")
    return made


def choose(relay: Relay) -> tuple[RelayServer, tuple[str, ...]]:
    """The one server of `relay.servers` that is this machine, and its addresses here.

    That is one with a shared_secret_file, and a URL whose host is an address of this machine or
    `external_address`; or the only one with such a file, where `listen` says the addresses. Raises
    StartError where it is none, or more than one.
    """
    candidates = [server for server in relay.servers if server.shared_secret_file]
    if relay.coturn.listen and len(candidates) == 1:
        return candidates[0], ()
    found = []
    for server in candidates:
        addresses = [one for uri in map(parse_uri, server.urls) for one in _addresses(uri)]
        here = tuple(dict.fromkeys(filter(is_local, addresses)))
        if here or relay.coturn.external_address in addresses:
            found.append((server, here))
    if len(found) == 1:
        return found[0]
    hosts = ", ".join(parse_uri(url).host for server in candidates for url in server.urls[:1])
    problem = "more than one is" if found else "none of them is"
    raise StartError(
        f"relay.managed: of relay.servers with a shared_secret_file ({hosts}), one must be this "
        f"machine, and {problem}; write its address into the URL, or relay.coturn.listen"
    )


def check_ports(server: coturn.Server) -> None:
    """Raises StartError where a port is taken: coturn would share it with another coturn."""
    for uri in server.uris:
        kind = socket.SOCK_DGRAM if uri.transport == "udp" else socket.SOCK_STREAM
        for address in server.listen:
            with socket.socket(_family(address), kind) as probe:
                if kind == socket.SOCK_STREAM:  # connections that have ended do not count
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((address, uri.port))
                except OSError as error:
                    raise StartError(
                        f"relay.managed: {host_port(address, uri.port)} ({uri.transport}) cannot "
                        f"be used: {error.strerror}; coturn needs it for {uri}"
                    ) from error


def is_local(address: str) -> bool:
    """Whether this machine has it."""
    if scope(address) in ("unspecified", "multicast"):
        return False
    try:
        with socket.socket(_family(address), socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _addresses(uri: ServerUri) -> Iterable[str]:
    try:
        found = socket.getaddrinfo(uri.host, 0, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return ()
    return [str(info[4][0]) for info in found]


def _towards_the_internet() -> Iterator[str]:
    """The address of each family that packets to far away have; none where there is no way."""
    for far in _FAR:
        try:
            with socket.socket(_family(far), socket.SOCK_DGRAM) as probe:
                probe.connect((far, 9))
                yield str(probe.getsockname()[0])
        except OSError:
            continue


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
