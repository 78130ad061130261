"""From a URL and an address to an allocation, or to the reason why there is none."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from aioice import stun

from rtcguard.app.doctor import reasons
from rtcguard.app.doctor.check import Result
from rtcguard.ice.server import IceServer, ServerUri
from rtcguard.network.allocation import Allocation

PATIENCE: Final = 5.0  # seconds for a connection, and for an answer
_LATEST: Final = 2**31 - 1  # seconds since 1970; coturn reads no later end of credentials


class Failed(Exception):
    """What is to be told instead of an allocation."""

    def __init__(self, result: Result) -> None:
        self.result = result


@dataclass(frozen=True, slots=True)
class Account:
    """An approved server's credentials, and what its certificate is checked with."""

    server: IceServer
    secret_file: str
    context: ssl.SSLContext
    clock: Callable[[], float]

    def credentials(self, name: str, further: float = 0) -> tuple[str, str]:
        """User name and password; those made from a secret hold `further` seconds longer."""
        made = self.server.to_rtc(int(self.clock() + further), name)
        return made["username"], made["credential"]


@dataclass(frozen=True, slots=True)
class Place:
    """A URL at one of its host's addresses."""

    uri: ServerUri
    address: str
    account: Account
    # In the user name: servers are slow to count an allocation as ended, and count for each name.
    name: str = field(default_factory=lambda: f"doctor-{os.urandom(4).hex()}")

    @contextlib.asynccontextmanager
    async def allocation(self, version: int | None = None) -> AsyncIterator[Allocation]:
        """An allocation, given back at the end. Raises Failed."""
        allocation = await self._connected(*self.account.credentials(self.name))
        try:
            try:
                async with asyncio.timeout(PATIENCE):
                    await allocation.allocate(version)
            except stun.TransactionFailed as error:
                if error.response.error_code == 401:
                    raise Failed(await self._unauthorized()) from error
                raise Failed(reasons.answered(error)) from error
            except TimeoutError as error:
                raise Failed(await self._silent(connected=True)) from error
            except OSError as error:
                raise Failed(reasons.broken(error, self.uri, self.address)) from error
            yield allocation
        finally:
            await allocation.close()

    async def _connected(self, username: str, password: str) -> Allocation:
        try:
            async with asyncio.timeout(PATIENCE):
                return await Allocation.open(
                    self.uri, self.address, username, password, self.account.context
                )
        except TimeoutError as error:
            raise Failed(await self._silent(connected=False)) from error
        except ssl.SSLCertVerificationError as error:
            der = await self._certificate()
            raise Failed(reasons.certificate(error, self.uri, der)) from error
        except OSError as error:
            raise Failed(reasons.broken(error, self.uri, self.address)) from error

    async def _silent(self, *, connected: bool) -> Result:
        udp, tls = self.uri.transport == "udp", self.uri.scheme == "turns"
        tcp = connected and not udp
        if udp or (tls and not connected):
            tcp = await self._takes_tcp()
        return reasons.silent(self.uri, self.address, PATIENCE, connected=connected, tcp=tcp)

    async def _takes_tcp(self) -> bool:
        with contextlib.suppress(OSError):
            async with asyncio.timeout(PATIENCE):
                _, writer = await asyncio.open_connection(self.address, self.uri.port)
                writer.close()
                return True
        return False

    async def _certificate(self) -> bytes:
        """The certificate that did not hold."""
        unchecked = ssl.create_default_context()
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        with contextlib.suppress(OSError):
            async with asyncio.timeout(PATIENCE):
                _, writer = await asyncio.open_connection(
                    self.address, self.uri.port, ssl=unchecked, server_hostname=self.uri.host
                )
                der: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
                writer.transport.abort()
                return der
        return b""

    async def _unauthorized(self) -> Result:
        """401: the wrong secret, or the server's clock is ahead of ours."""
        server, now = self.account.server, self.account.clock()
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
                f"{stamp(now + ahead)}, by that of this machine {stamp(now)}; credentials hold "
                f"{server.lifetime // 60} minutes, so they have ended when they are made",
                "set both clocks (NTP)",
            )
        return Result(
            "failed",
            f"answers 401: it does not take credentials made from {self.account.secret_file} "
            f"(they end {stamp(now + server.lifetime)}; the clock is not the cause)",
            "compare the file with static-auth-secret there, and see that use-auth-secret is set",
        )

    async def _clock_ahead(self) -> float | None:
        """How many seconds the server's clock is ahead, if that is what is wrong: credentials are
        taken that end after its time, and no others. To a minute, or as near as time allows."""
        lifetime = self.account.server.lifetime
        low, high = 0.0, _LATEST - lifetime - self.account.clock()
        if not await self._takes(high):
            return None
        with contextlib.suppress(TimeoutError, Failed):
            async with asyncio.timeout(4 * PATIENCE):
                while high - low > 60:
                    middle = (low + high) / 2
                    low, high = (low, middle) if await self._takes(middle) else (middle, high)
        return lifetime + high

    async def _takes(self, further: float) -> bool:
        """Whether it takes credentials that end so much later; a quota may still refuse them."""
        allocation = await self._connected(*self.account.credentials(self.name, further))
        try:
            async with asyncio.timeout(PATIENCE):
                await allocation.allocate()
        except stun.TransactionFailed as error:
            return error.response.error_code != 401
        except TimeoutError as error:
            raise Failed(await self._silent(connected=True)) from error
        finally:
            await allocation.close()
        return True


def stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
