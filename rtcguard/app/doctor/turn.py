"""Checks of the approved TURN servers: real allocations, and a datagram through each.

For each URL and each address of its host: an allocation, and two of them that exchange a datagram.
Once for each address: whether private peers are refused, and whether it relays IPv6.
"""

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aioice import stun

from rtcguard.app.doctor import connecting, reasons
from rtcguard.app.doctor.check import Check, Result
from rtcguard.app.doctor.connecting import Account, Failed, Place
from rtcguard.app.doctor.resolving import NoAddress, addresses
from rtcguard.ice.address import host_port, scope
from rtcguard.ice.server import ServerUri, parse_uri
from rtcguard.network.allocation import Allocation
from rtcguard.policy.model import Policy

_RESEND: Final = 0.5  # seconds; a datagram may get lost
_LONGEST: Final = 300.0  # seconds, should the limits of each step not hold

_INNER_SCOPES: Final = ("private", "cgnat", "ula", "link-local", "loopback")
# One of each range that leads to the relay's own machine or into the network behind it.
_INNER_PEERS: Final = {
    4: ("127.0.0.1", "10.0.0.1", "100.64.0.1", "169.254.169.254", "172.16.0.1", "192.168.0.1"),
    6: ("::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1"),
}


def checks(policy: Policy, clock: Callable[[], float] = time.time) -> list[Check]:
    """One for each URL of `relay.servers`, and a result where there is none."""
    if not policy.servers:
        return [Check("relay", _no_server)]
    context = ssl.create_default_context()
    if policy.config.upstream.trusted_ca is not None:
        context.load_verify_locations(policy.config.upstream.trusted_ca)
    made = []
    for server, written in zip(policy.servers, policy.config.relay.servers, strict=True):
        account = Account(server, written.shared_secret_file, context, clock)
        turn, probed = asyncio.Lock(), set[str]()
        for url in server.urls:
            made.append(Check(url, _Url(parse_uri(url), account, turn, probed).run, _LONGEST))
    return made


async def _no_server() -> Sequence[Result]:
    return [
        Result(
            "warning",
            "no TURN server is approved: calls will not connect",
            "name one in relay.servers",
        )
    ]


@dataclass(frozen=True, slots=True)
class _Url:
    uri: ServerUri
    account: Account
    turn: asyncio.Lock  # one URL of a server after the other: allocations count for a quota
    probed: set[str]  # the server's addresses of which enough is known

    async def run(self) -> Sequence[Result]:
        try:
            found = await addresses(self.uri.host, connecting.PATIENCE)
        except NoAddress as error:
            return [Result("failed", str(error), "correct the name, or this machine's DNS")]
        results: list[Result] = []
        async with self.turn:
            for address in found:
                try:
                    results += await self._at(Place(self.uri, address, self.account))
                except Failed as failed:
                    # Where a host has more addresses, a machine without IPv6 does without that one.
                    told = failed.result
                    if len(found) > 1 and ":" in address and "no way" in told.what:
                        told = Result("warning", told.what, told.next)
                    results.append(told)
        return results

    async def _at(self, place: Place) -> list[Result]:
        async with place.allocation() as one:
            examined = _At(place)
            results = [examined.relayed(one), await examined.exchange(one)]
            if place.address not in self.probed:
                self.probed.add(place.address)
                results += await examined.probes(one)
            return results


@dataclass(frozen=True, slots=True)
class _At:
    """What is found out with an allocation there."""

    place: Place

    def relayed(self, one: Allocation) -> Result:
        """Whether the relayed address is one that others reach."""
        told, relayed = f"allocates at {self.place.address}", one.relayed[0]
        if scope(relayed) == "unspecified":
            step = "set relay-ip in turnserver.conf"
            return Result("failed", f"{told}, but relays from {relayed}, which is none", step)
        if scope(relayed) not in _INNER_SCOPES:
            return Result("ok", f"{told}, relays from {host_port(*one.relayed)}")
        what = f"{told}, but relays from {relayed}, a {scope(relayed)} address: "
        if scope(self.place.address) in _INNER_SCOPES:
            step = f"where they are elsewhere, set external-ip=PUBLIC/{relayed} in turnserver.conf"
            return Result("warning", what + "only peers of that network reach it", step)
        step = f"set external-ip={self.place.address}/{relayed} in turnserver.conf"
        return Result("failed", what + "nobody else reaches it", step)

    async def exchange(self, one: Allocation) -> Result:
        """Two clients that meet over this server."""
        try:
            async with self.place.allocation() as other:
                try:
                    async with asyncio.timeout(connecting.PATIENCE):
                        await other.send(b"", one.relayed)  # lets it in: it binds a channel
                        await _carry(one, other)
                        await _carry(other, one)
                except stun.TransactionFailed as error:
                    if error.response.error_code != 403:
                        raise Failed(reasons.answered(error)) from error
                    return Result(
                        "failed",
                        f"refuses its own relayed address {one.relayed[0]} as a peer (403): two "
                        "clients of it cannot call each other",
                        f"set allowed-peer-ip={one.relayed[0]} in turnserver.conf",
                    )
        except TimeoutError:
            return Result(
                "failed",
                f"gives allocations, but no datagram came from {host_port(*one.relayed)} to "
                f"{host_port(*other.relayed)}",
                "its firewall must let UDP to the ports min-port to max-port in and out",
            )
        except OSError as error:
            return reasons.broken(error, self.place.uri, self.place.address)
        except Failed as failed:
            what = f"a second allocation, and a datagram to it: {failed.result.what}"
            return Result("failed", what, failed.result.next)
        return Result("ok", "carries datagrams between two allocations, both ways")

    async def probes(self, one: Allocation) -> list[Result]:
        """Whether private peers are refused, and whether it relays IPv6."""
        results: list[Result] = []
        permitted: list[str] = []
        refused: list[str] = []
        try:
            permitted += await self._permitted(one, 4)
            refused.append("IPv4")
            async with self.place.allocation(6) as six:
                results.append(Result("ok", f"relays IPv6 from {host_port(*six.relayed)}"))
                permitted += await self._permitted(six, 6)
                refused.append("IPv6")
        except Failed as failed:
            what = (
                f"peers with IPv6 only cannot be reached; asked for IPv6, it {failed.result.what}"
            )
            results.append(Result("warning", what, failed.result.next))
        except OSError as error:  # no answer, too
            what = f"whether it refuses all private peers could not be seen: {error or 'no answer'}"
            results.append(Result("warning", what, "see its log"))
        if permitted:
            what = f"lets its clients reach {', '.join(permitted)}: it is open into its own network"
            step = "set denied-peer-ip for private ranges: rtcguard turn config writes them"
            results.insert(0, Result("warning", what, step))
        elif refused:
            results.insert(0, Result("ok", f"refuses private peers ({' and '.join(refused)})"))
        return results

    async def _permitted(self, allocation: Allocation, version: int) -> list[str]:
        """Those of the inner peers that it would send to; nothing is sent. Raises OSError where it
        does not answer: that is no refusal."""
        own = (self.place.address, allocation.relayed[0])
        permitted = []
        for peer in _INNER_PEERS[version]:
            with contextlib.suppress(stun.TransactionFailed):
                if peer not in own:
                    async with asyncio.timeout(connecting.PATIENCE):
                        await allocation.permit(peer)
                    permitted.append(peer)
        return permitted


async def _carry(source: Allocation, target: Allocation) -> None:
    """Sends until it has arrived."""
    told = os.urandom(16)
    while True:
        await source.send(told, target.relayed)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_RESEND):
                while await target.receive() != (told, source.relayed):
                    pass
                return
