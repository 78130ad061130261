"""Checks of the approved TURN servers: real allocations, and a datagram through each.

For each URL and each address of its host: an allocation, and two of them that exchange a datagram.
Once for each address: whether private peers are refused, and whether it relays IPv6.
"""

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from aioice import stun

from rtcguard.app.doctor import reasons
from rtcguard.app.doctor.check import Check, Result
from rtcguard.app.doctor.resolving import NoAddress, addresses
from rtcguard.ice.address import host_port, scope
from rtcguard.ice.server import IceServer, ServerUri, parse_uri
from rtcguard.network.allocation import Allocation
from rtcguard.policy.model import Policy

_PATIENCE: Final = 5.0  # seconds for a connection, and for an answer
_RESEND: Final = 0.5  # seconds; a datagram may get lost
_LATEST: Final = 2**31 - 1  # seconds since 1970; coturn reads no later end of credentials

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
        shared = _Shared(server, written.shared_secret_file, context, clock)
        for url in server.urls:
            made.append(Check(url, _Url(parse_uri(url), shared).run))
    return made


async def _no_server() -> Sequence[Result]:
    return [
        Result(
            "warning",
            "no TURN server is approved: calls will not connect",
            "name one in relay.servers",
        )
    ]


@dataclass(slots=True)
class _Shared:
    """What the URLs of one server share. One is examined after the other, since allocations at the
    same time would count for a quota."""

    server: IceServer
    secret_file: str
    context: ssl.SSLContext
    clock: Callable[[], float]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    probed: set[str] = field(default_factory=set)

    def credentials(self, name: str, further: float = 0) -> tuple[str, str]:
        """User name and password; those made from a secret hold `further` seconds longer."""
        made = self.server.to_rtc(int(self.clock() + further), name)
        return made["username"], made["credential"]


@dataclass(frozen=True, slots=True)
class _Url:
    uri: ServerUri
    shared: _Shared

    async def run(self) -> Sequence[Result]:
        try:
            found = await addresses(self.uri.host, _PATIENCE)
        except NoAddress as error:
            return [Result("failed", str(error), "correct the name, or this machine's DNS")]
        async with self.shared.turn:
            results = []
            for address in found:
                results += await _At(self.uri, self.shared, address).run(alone=len(found) == 1)
        return results


@dataclass(frozen=True, slots=True)
class _At:
    """A URL at one of its host's addresses."""

    uri: ServerUri
    shared: _Shared
    address: str
    # In the user name: servers are slow to count an allocation as ended, and count for each name.
    name: str = field(default_factory=lambda: f"doctor-{os.urandom(4).hex()}")

    async def run(self, *, alone: bool) -> list[Result]:
        try:
            async with self._allocation() as one:
                results = [self._relayed(one), await self._exchange(one)]
                if self.address not in self.shared.probed:
                    self.shared.probed.add(self.address)
                    results += await self._probes(one)
                return results
        except _Failed as failed:
            # Where a host has more addresses, a machine without IPv6 does without that one.
            no_way = not alone and ":" in self.address and "no way" in failed.result.what
            status = "warning" if no_way else failed.result.status
            return [Result(status, failed.result.what, failed.result.next)]

    @contextlib.asynccontextmanager
    async def _allocation(self, version: int | None = None) -> AsyncIterator[Allocation]:
        """An allocation, given back at the end. Raises _Failed."""
        allocation = await self._connected(*self.shared.credentials(self.name))
        try:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await allocation.allocate(version)
            except stun.TransactionFailed as error:
                if error.response.error_code == 401:
                    raise _Failed(await self._unauthorized()) from error
                raise _Failed(reasons.answered(error)) from error
            except TimeoutError as error:
                raise _Failed(await self._silent(connected=True)) from error
            except OSError as error:
                raise _Failed(reasons.broken(error, self.uri, self.address)) from error
            yield allocation
        finally:
            await allocation.close()

    async def _connected(self, username: str, password: str) -> Allocation:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await Allocation.open(
                    self.uri, self.address, username, password, self.shared.context
                )
        except TimeoutError as error:
            raise _Failed(await self._silent(connected=False)) from error
        except ssl.SSLCertVerificationError as error:
            der = await self._certificate()
            raise _Failed(reasons.certificate(error, self.uri, der)) from error
        except OSError as error:
            raise _Failed(reasons.broken(error, self.uri, self.address)) from error

    async def _silent(self, *, connected: bool) -> Result:
        udp, tls = self.uri.transport == "udp", self.uri.scheme == "turns"
        tcp = connected and not udp
        if udp or (tls and not connected):
            tcp = await self._takes_tcp()
        return reasons.silent(self.uri, self.address, _PATIENCE, connected=connected, tcp=tcp)

    async def _takes_tcp(self) -> bool:
        with contextlib.suppress(OSError):
            async with asyncio.timeout(_PATIENCE):
                _, writer = await asyncio.open_connection(self.address, self.uri.port)
                writer.close()
                return True
        return False

    async def _certificate(self) -> bytes:
        """The certificate that did not hold."""
        unchecked = ssl.create_default_context()
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        with contextlib.suppress(OSError):
            async with asyncio.timeout(_PATIENCE):
                _, writer = await asyncio.open_connection(
                    self.address, self.uri.port, ssl=unchecked, server_hostname=self.uri.host
                )
                der: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
                writer.transport.abort()
                return der
        return b""

    async def _unauthorized(self) -> Result:
        """401: the wrong secret, or the server's clock is ahead of ours."""
        server, now = self.shared.server, self.shared.clock()
        if not server.secret:
            return Result(
                "failed",
                f"answers 401: it does not know the user {server.username!r} by this credential",
                "correct username and credential in relay.servers",
            )
        ahead = await self._clock_ahead()
        if ahead is not None:
            return Result(
                "failed",
                "answers 401, but takes the same secret with a later end: by its clock it is "
                f"{_stamp(now + ahead)}, by that of this machine {_stamp(now)}; credentials hold "
                f"{server.lifetime // 60} minutes, so they have ended when they are made",
                "set both clocks (NTP)",
            )
        return Result(
            "failed",
            f"answers 401: it does not take credentials made from {self.shared.secret_file} "
            f"(they end {_stamp(now + server.lifetime)}; the clock is not the cause)",
            "compare the file with static-auth-secret there, and see that use-auth-secret is set",
        )

    async def _clock_ahead(self) -> float | None:
        """How many seconds the server's clock is ahead, if that is what is wrong: credentials are
        taken that end after its time, and no others. To a minute, or as near as time allows."""
        lifetime = self.shared.server.lifetime
        low, high = 0.0, _LATEST - lifetime - self.shared.clock()
        if not await self._takes(high):
            return None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * _PATIENCE):
                while high - low > 60:
                    middle = (low + high) / 2
                    low, high = (low, middle) if await self._takes(middle) else (middle, high)
        return lifetime + high

    async def _takes(self, further: float) -> bool:
        allocation = await self._connected(*self.shared.credentials(self.name, further))
        try:
            async with asyncio.timeout(_PATIENCE):
                await allocation.allocate()
            return True
        except (stun.TransactionFailed, TimeoutError, OSError):
            return False
        finally:
            await allocation.close()

    def _relayed(self, one: Allocation) -> Result:
        """Whether the relayed address is one that others reach."""
        told, relayed = f"allocates at {self.address}", one.relayed[0]
        if scope(relayed) == "unspecified":
            step = "set relay-ip in turnserver.conf"
            return Result("failed", f"{told}, but relays from {relayed}, which is none", step)
        if scope(relayed) not in _INNER_SCOPES:
            return Result("ok", f"{told}, relays from {host_port(*one.relayed)}")
        what = f"{told}, but relays from {relayed}, a {scope(relayed)} address: "
        if scope(self.address) in _INNER_SCOPES:
            step = f"where they are elsewhere, set external-ip=PUBLIC/{relayed} in turnserver.conf"
            return Result("warning", what + "only peers of that network reach it", step)
        step = f"set external-ip={self.address}/{relayed} in turnserver.conf"
        return Result("failed", what + "nobody else reaches it", step)

    async def _exchange(self, one: Allocation) -> Result:
        """Two clients that meet over this server."""
        try:
            async with self._allocation() as other:
                try:
                    async with asyncio.timeout(_PATIENCE):
                        await other.send(b"", one.relayed)  # lets it in: it binds a channel
                        await _carry(one, other)
                        await _carry(other, one)
                except stun.TransactionFailed as error:
                    if error.response.error_code != 403:
                        raise _Failed(reasons.answered(error)) from error
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
        except _Failed as failed:
            what = f"a second allocation, and a datagram to it: {failed.result.what}"
            return Result("failed", what, failed.result.next)
        return Result("ok", "carries datagrams between two allocations, both ways")

    async def _probes(self, one: Allocation) -> list[Result]:
        results = []
        permitted, versions = await self._permitted(one, 4), "IPv4"
        try:
            async with self._allocation(6) as six:
                results.append(Result("ok", f"relays IPv6 from {host_port(*six.relayed)}"))
                permitted += await self._permitted(six, 6)
                versions = "IPv4 and IPv6"
        except _Failed as failed:
            results.append(
                Result(
                    "warning",
                    f"peers with IPv6 only cannot be reached; asked for IPv6, it "
                    f"{failed.result.what}",
                    failed.result.next,
                )
            )
        if permitted:
            what = f"lets its clients reach {', '.join(permitted)}: it is open into its own network"
            step = "set denied-peer-ip for private ranges: rtcguard turn config writes them"
            return [Result("warning", what, step), *results]
        return [Result("ok", f"refuses private peers ({versions})"), *results]

    async def _permitted(self, allocation: Allocation, version: int) -> list[str]:
        """Those of the inner peers that it would send to; nothing is sent."""
        own = (self.address, allocation.relayed[0])
        peers = [peer for peer in _INNER_PEERS[version] if peer not in own]
        permitted = []
        for peer in peers:
            with contextlib.suppress(stun.TransactionFailed, TimeoutError, OSError):
                async with asyncio.timeout(_PATIENCE):
                    await allocation.permit(peer)
                permitted.append(peer)
        return permitted


class _Failed(Exception):
    def __init__(self, result: Result) -> None:
        self.result = result


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


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
