"""Addresses as the ledger has them where `ledger.addresses` is `masked`: the network, and a keyed
hash, so that equal addresses stay equal and nobody without the key learns which one it was.

    192.0.2.7       192.0.2.0/24~5f2c09ab
    2001:db8::7     2001:db8::/48~01d7e6f3
    3b1c….local     *.local~8890a1bc
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_network
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.policy.record import Record

type Mask = Callable[[str], str]

FILTERS: Final = frozenset({"client", "address"})  # by what is masked
_PREFIX: Final = {4: 24, 6: 48}
_MARK: Final = "~"


def masker(key: bytes) -> Mask:
    """A function from an address, or a host name, to its masked form; what is masked stays so."""

    @lru_cache(maxsize=65536)
    def mask(text: str) -> str:
        if not text or _MARK in text:
            return text
        canonical = addresses.canonical(text)
        digest = hmac.new(key, canonical.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
        parsed = addresses.parse(text)
        if parsed is None:
            kept = "*.local" if addresses.scope(text) == "mdns" else "*"
        else:
            whole = str(parsed).partition("%")[0]  # without the zone
            kept = str(ip_network(f"{whole}/{_PREFIX[parsed.version]}", strict=False))
        return f"{kept}{_MARK}{digest[:8]}"

    return mask


def unmasked(text: str) -> str:
    """What stands in place of a mask where nothing is masked."""
    return text


def as_kept(name: str, value: str, mask: Mask) -> str:
    """A filter's value as the ledger has it; a pattern stays as it is."""
    return mask(value) if name in FILTERS and "*" not in value else value


def masked(record: Record, mask: Mask) -> Record:
    """The record without the addresses of clients and peers. Servers stay: whom to approve is told
    by them; a destination with a user name fragment is a peer's."""
    own = {addresses.canonical(text) for text in (record.address, record.client) if text}
    destination = record.destination
    if record.ring == "network" and record.ufrag:
        host, port = addresses.host_and_port(destination)
        destination = f"{mask(host)}:{port}" if addresses.parse(host) else destination
    return replace(
        record,
        address=mask(record.address),
        client=mask(record.client),
        destination=destination,
        reason=_without(record.reason, own, mask),
    )


def _without(text: str, own: set[str], mask: Mask) -> str:
    """A sentence without the addresses that are the record's, or that of some host."""
    behind = len(text)
    for start, end in sorted(addresses.spans(text), reverse=True):
        if end > behind:
            continue
        behind = start
        word = text[start:end]
        if addresses.canonical(word) in own or addresses.scope(word) in addresses.OWN_SCOPES:
            text = text[:start] + mask(word) + text[end:]
    return text
