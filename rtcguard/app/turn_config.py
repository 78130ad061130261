"""The configuration of a coturn that somebody else starts, and where it is written."""

import os
import tempfile
from pathlib import Path

from rtcguard.errors import RtcguardError, StartError
from rtcguard.ice.server import parse_uri
from rtcguard.network import coturn
from rtcguard.policy.model import Policy


def text(policy: Policy, host: str | None) -> str:
    """For the server of `relay.servers` with this host, or for the only one that has a
    shared_secret_file. Raises StartError where that is not one."""
    settings = policy.config.relay.coturn
    servers = [
        server
        for server in policy.servers
        if server.secret and (host is None or host in (parse_uri(url).host for url in server.urls))
    ]
    if len(servers) != 1:
        which = "more than one has" if servers else "none has"
        raise StartError(
            f"of relay.servers{f' with the host {host}' if host else ''}, {which} a "
            "shared_secret_file; name one there, and say with --server HOST which, if need be"
        )
    made = coturn.Server(
        tuple(map(parse_uri, servers[0].urls)),
        servers[0].secret.decode(errors="replace"),
        settings.listen,
        settings.relay_addresses,
        settings,
    )
    try:
        return coturn.configuration(made)
    except ValueError as error:
        raise StartError(f"turn config: {error}") from error


def write(path: Path, content: str) -> None:
    """As a whole or not at all, and for its owner alone to read: the secret is in it. Where it
    replaces an older one of ours, owner and mode stay. Raises RtcguardError where another's file is
    there, StartError where it cannot be written."""
    try:
        old = _ours(path)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with open(descriptor, "w") as file:
                file.write(content)
                if old is not None:
                    os.fchown(file.fileno(), old.st_uid, old.st_gid)
                    os.fchmod(file.fileno(), old.st_mode & 0o770)
            os.replace(name, path)
        except OSError:
            os.unlink(name)
            raise
    except OSError as error:
        raise StartError(f"{path}: cannot be written: {error.strerror}") from error


def _ours(path: Path) -> os.stat_result | None:
    """What is there already, if rtcguard wrote it; None where nothing is."""
    try:
        with path.open("rb") as file:
            if file.readline().strip() == coturn.MARK.encode():
                return os.fstat(file.fileno())
    except FileNotFoundError:
        return None
    raise RtcguardError(f"{path}: was not written by rtcguard, so it is left as it is")
