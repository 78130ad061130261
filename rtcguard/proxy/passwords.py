"""Looking at passwords: in a thread, for bcrypt is slow on purpose, and only so many at a time."""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import Final

import bcrypt

from rtcguard.ice import address as addresses
from rtcguard.network.limits import Budget
from rtcguard.policy.users import User

_GUESSES: Final = 10  # of one client for one user at once
_AGAIN: Final = 6.0  # seconds until it has one more
_WAITING: Final = (
    8  # passwords that wait to be looked at; each takes some 0.2 s at bcrypt's cost 12
)
_REMEMBERED: Final = 4096


class Verdict(Enum):
    RIGHT = "signed in"
    WRONG = "a wrong password"
    TOO_MANY = "too many wrong passwords: wait a minute"
    BUSY = "too many are signing in: try again"


class Passwords:
    """Looks at passwords, in a thread of its own, a bounded number at a time. One that was right is
    remembered, by a digest that is of no use outside of this process."""

    def __init__(
        self, users: tuple[User, ...], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` tells seconds."""
        self._users = {user.name: user for user in users}
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._looking: dict[bytes, asyncio.Future[bool]] = {}
        self._thread = ThreadPoolExecutor(1, "rtcguard-passwords")
        self._guesses = Budget(1 / _AGAIN, _GUESSES)

    def use(self, users: tuple[User, ...]) -> None:
        """Another table from now on. What is remembered holds for the same hash only."""
        self._users = {user.name: user for user in users}

    def __bool__(self) -> bool:
        """Whether anybody is asked for a password."""
        return bool(self._users)

    def knows(self, name: str) -> bool:
        return name in self._users

    async def look(self, client: str, name: str, password: str) -> Verdict:
        """`client` is its address; one that guesses has to wait, and holds up no other."""
        user = self._users.get(name)
        # For a name that is none the first user's hash is looked at: it takes as long.
        hashed = (user or next(iter(self._users.values()))).hash
        digest = self._digest(hashed, name, password)
        if digest in self._right:
            self._right.move_to_end(digest)
            return Verdict.RIGHT
        looking = self._looking.get(digest)
        if looking is None:  # a browser signs in on several connections at once
            who = f"{_network(client)} {name if user else ''}"
            if not self._guesses.spend(who, self._clock()):
                return Verdict.TOO_MANY
            if len(self._looking) >= _WAITING:
                return Verdict.BUSY
            loop = asyncio.get_running_loop()
            looking = loop.run_in_executor(self._thread, _fits, password, hashed)
            self._looking[digest] = looking
            looking.add_done_callback(lambda _: self._looking.pop(digest, None))
        # One who goes must not take the answer from those who stay.
        if not await asyncio.shield(looking) or user is None:
            return Verdict.WRONG
        self._right[digest] = None
        if len(self._right) > _REMEMBERED:
            self._right.popitem(last=False)
        return Verdict.RIGHT

    def _digest(self, *texts: str) -> bytes:
        message = b"".join(
            len(raw).to_bytes(4) + raw for raw in (text.encode(errors="replace") for text in texts)
        )
        return hmac.new(self._key, message, hashlib.sha256).digest()

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def _fits(password: str, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode(), hashed.encode())
    except ValueError:  # longer than bcrypt takes, or not text
        return False


def _network(client: str) -> str:
    """One machine has many IPv6 addresses: it is told by the first half of them."""
    address = addresses.parse(client)
    if address is None or address.version == 4:
        return client
    return str(int(address) >> 64)
