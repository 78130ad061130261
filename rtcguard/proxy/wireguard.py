"""WireGuard's keys and what its client is given.

mitmproxy makes its keys readable by whoever may read the folder, and its client's file leaves IPv6
out: that would go past the tunnel. Here both go in.
"""

import json
import os
from pathlib import Path
from textwrap import dedent
from typing import Final

import mitmproxy_rs
from mitmproxy import ctx
from mitmproxy.net import local_ip
from mitmproxy.proxy import mode_servers

# mitmproxy's own choice, with an IPv6 address beside it (RFC 4193). It resolves at 10.0.0.53.
_CLIENT: Final = "10.0.0.1/32, fd72:7463:6775::1/128"
_RESOLVER: Final = "10.0.0.53"


def _client_conf(self: mode_servers.WireGuardServerInstance) -> str | None:
    """A client's file, for wg-quick: all of its traffic goes through the tunnel."""
    if not self.is_running:
        return None
    host = self.mode.listen_host(ctx.options.listen_host)
    host = host or local_ip.get_local_ip() or local_ip.get_local_ip6() or "127.0.0.1"
    endpoint = f"[{host}]" if ":" in host else host
    return dedent(
        f"""\
        [Interface]
        PrivateKey = {self.client_key}
        Address = {_CLIENT}
        DNS = {_RESOLVER}

        [Peer]
        PublicKey = {mitmproxy_rs.wireguard.pubkey(self.server_key)}
        AllowedIPs = 0.0.0.0/0, ::/0
        Endpoint = {endpoint}:{self.mode.listen_port(ctx.options.listen_port)}
        """
    )


setattr(mode_servers.WireGuardServerInstance, "client_conf", _client_conf)  # noqa: B010


def make_keys(path: Path) -> None:
    """Keys in mitmproxy's format, unless there are some. Raises OSError."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        keys = {name: mitmproxy_rs.wireguard.genkey() for name in ("server_key", "client_key")}
        _write_private(path, json.dumps(keys, indent=4))


def write_client_file(server: mode_servers.WireGuardServerInstance, path: Path) -> None:
    """What the client of a running server is to be given. Raises OSError."""
    _write_private(path, server.client_conf() or "")


def _write_private(path: Path, text: str) -> None:
    """A file for its owner only, whatever was there before."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
