"""What becomes of a running rtcguard when its configuration changes, key by key."""

from typing import Final

from rtcguard.app.processes import Settings
from rtcguard.policy.version import changed

# No keys of the file: what others hold; a `listen` that the command line goes before.
SECRETS: Final = "relay.servers (secrets)"
USERS: Final = "users.file (its users)"
OVERRIDDEN: Final = "listen (the command line has its own)"
_ALL: Final = ("export", "relay", "stun", "sinkhole", "proxy", "site", "gateway")

# Which processes have to be started again when a key changes; they are closed meanwhile. The others
# take it between two messages, without losing a connection.
RESTARTS: Final[dict[str, tuple[str, ...]]] = {
    "version": (),
    "mode": ("gateway",),
    "listen": ("proxy", "site", "gateway"),
    OVERRIDDEN: ("gateway",),
    "on_error": (),
    "relay.servers": ("relay", "gateway"),
    SECRETS: ("relay",),
    "relay.site_servers": (),
    "relay.managed": (),  # its process comes or goes
    "relay.coturn": ("relay",),
    "inbound": (),
    "page.guard": ("export",),
    "rules": (),
    "stun.listen": ("export", "stun", "gateway"),
    "stun.answer": (),
    "stun.clients": (),
    "stun.rate": (),
    "sinkhole.listen": ("export", "sinkhole", "gateway"),
    "sinkhole.upstream": ("sinkhole",),
    "sinkhole.names": (),
    "sinkhole.keep": (),
    "sinkhole.answer": (),
    "sinkhole.clients": (),
    "gateway.interfaces": ("export", "stun", "proxy", "gateway"),
    "gateway.own": ("export", "stun", "proxy", "gateway"),
    "gateway.users": ("gateway",),
    "gateway.transparent": ("proxy", "gateway"),
    "gateway.transparent_port": ("proxy", "gateway"),
    "gateway.resolvers": ("gateway",),
    "gateway.direct": ("gateway",),
    "upstream.proxy": ("proxy",),
    "upstream.trusted_ca": ("export", "sinkhole", "proxy"),
    "ledger.store": ("export",),
    "ledger.node": _ALL,
    "users.file": (),
    USERS: (),
    "ledger.keep": ("export",),
    "ledger.size": (),
    "ledger.addresses": _ALL,
    "exports": ("export",),
    "metrics.listen": ("export", "stun", "sinkhole", "proxy"),
    "web.listen": ("proxy", "site", "gateway"),
}


def changes(old: Settings, new: Settings) -> tuple[str, ...]:
    """The keys that changed."""
    keys = list(changed(old.policy.config, new.policy.config))
    if "listen" in keys and old.listen == new.listen:
        keys[keys.index("listen")] = OVERRIDDEN
    if old.policy.servers != new.policy.servers and "relay.servers" not in keys:
        keys.append(SECRETS)
    if old.policy.users != new.policy.users and "users.file" not in keys:
        keys.append(USERS)
    return tuple(keys)


def restarted(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The processes that have to be started again, in the order of their start. What is not in the
    table is taken by none."""
    named = {name for key in keys for name in RESTARTS.get(key, _ALL)}
    return tuple(name for name in _ALL if name in named)
