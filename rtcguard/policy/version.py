"""The version of a policy: a short digest of what the configuration says, for every event to name.

The same configuration has the same version on every machine, however it is written: comments,
order of keys, files that it is spread over, defaults that are written out change nothing. Secrets
are no part of it: whoever reads the ledger must not be able to try some. Nor is a machine's name.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Final
from urllib.parse import urlsplit

_DIGITS: Final = 12
_SECRET: Final = ("username", "credential", "headers", "url")
_OWN: Final = ("node",)  # a machine's own


def version_of(config: object) -> str:
    """The first 12 hex digits of SHA-256 over the configuration as JSON."""
    text = json.dumps(_plain(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def keys_of(config: object) -> Iterator[tuple[str, Any]]:
    """Each key of the configuration with its value: `mode`, `relay.servers`, `stun.listen`, …"""
    for name, value in _compared(config):
        if is_dataclass(value):
            yield from ((f"{name}.{inner}", what) for inner, what in _compared(value))
        else:
            yield name, value


def changed(old: object, new: object) -> tuple[str, ...]:
    """The keys that have another value, a secret in it included."""
    before = dict(keys_of(old))
    return tuple(key for key, value in keys_of(new) if before[key] != value)


def _compared(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value of the model is told from others by: where a rule stands is no part of it."""
    return ((field.name, getattr(value, field.name)) for field in fields(value) if field.compare)


def _plain(value: Any) -> Any:
    """A value of the model as JSON has it."""
    if is_dataclass(value):
        return {
            name: bool(inner) if name in _SECRET else _plain(inner)
            for name, inner in _compared(value)
            if name not in _OWN
        }
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, frozenset):
        return sorted(map(_plain, value))
    if value is None or isinstance(value, bool | int):
        return value
    text = str(value)
    if "://" in text and "@" in text:  # `http://user:password@proxy:3128`
        parts = urlsplit(text)
        text = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return text
