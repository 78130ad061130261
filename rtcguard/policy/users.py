"""Who may use the proxy: the lines of an htpasswd file as values.

Each line is `name:hash`, as `htpasswd -B` writes it; empty ones and those that begin with `#` are
left out. Only bcrypt's hashes are taken: from others, whoever gets the file guesses in no time.
"""

import re
from dataclasses import dataclass
from typing import Final

from rtcguard.errors import ConfigError, Mistake

# The hash tells its cost: 2 to the power of so many rounds. Each step doubles the time of one look.
COSTLIEST: Final = 15
_HASH: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}", re.ASCII)
_CHEAPEST: Final = 4
_MAKE: Final = "make one with: htpasswd -B FILE NAME"


@dataclass(frozen=True, slots=True)
class User:
    name: str
    hash: str  # bcrypt's, in its text form

    def __repr__(self) -> str:
        return f"User({self.name!r})"  # no hash in a log


def parse(content: str, file: str) -> tuple[User, ...]:
    """The users in a file. Raises ConfigError with every mistake; what stands in a wrong line is
    not repeated, since it may be a password."""
    mistakes: list[Mistake] = []
    users: dict[str, User] = {}
    for number, line in enumerate(content.splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, _, hashed = text.partition(":")
        found = _HASH.fullmatch(hashed)
        if ":" not in text or not name or not name.isprintable():
            message = f"is not NAME:HASH; {_MAKE}"
        elif found is None:
            message = f"the hash of {name!r} is not one of bcrypt; {_MAKE}"
        elif not _CHEAPEST <= int(found[1]) <= COSTLIEST:
            message = (
                f"the hash of {name!r} has the cost {int(found[1])}; it may be {_CHEAPEST} to "
            )
            message += f"{COSTLIEST}, as each look at a password takes so long"
        elif name in users:
            message = f"two users are named {name!r}"
        else:
            users[name] = User(name, hashed)
            continue
        mistakes.append(Mistake(file, number, 1, message))
    if not users and not mistakes:
        mistakes.append(Mistake(file, 0, 0, f"names no user, so none could use the proxy; {_MAKE}"))
    if mistakes:
        raise ConfigError(mistakes)
    return tuple(users.values())
