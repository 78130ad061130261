"""What all readers of one run share: the policy, who the clients are, and what was not read.

A record of a recording is `observed`, for all of it is long past; `would` is what the policy would
have done, decided by the same code as for a live message.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.network.clock import minute_of_week
from rtcguard.network.names import Names, names_of
from rtcguard.policy.model import Policy
from rtcguard.policy.record import Record
from rtcguard.policy.told import in_mode

_NEAR: Final = ("private", "cgnat", "ula", "link-local", "loopback")
_MOST_CLIENTS: Final = 65_536
_LAST: Final = 253_402_300_799.0  # the end of the year 9999, in seconds since 1970


@dataclass(slots=True)
class Scene:
    """`policy` enforces; `named` are the addresses that the user says the clients have.

    `began` is when what has no time of its own was recorded: seconds since 1970. `notes` counts
    what could not be read, in words behind a number: "3 TLS connections, which are encrypted"."""

    policy: Policy
    named: frozenset[str] = frozenset()
    began: float = 0.0
    notes: Counter[str] = field(default_factory=Counter)
    names: Names = field(init=False)
    _met: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        config = self.policy.config
        self.policy = replace(self.policy, config=replace(config, mode="enforce"))
        self.names = names_of(config)

    @property
    def only_client(self) -> str:
        """The client of a recording that does not say whose it is: the one that the user named."""
        return next(iter(self.named)) if len(self.named) == 1 else ""

    def meet(self, host: str) -> None:
        """This address acted as a client does: it asked a server for something."""
        if len(self._met) < _MOST_CLIENTS:
            self._met[host] = None

    def direction(self, source: str, destination: str) -> str:
        """Whether what goes from one address to another is `outbound` (its source is a client),
        `inbound`, or, where the user named clients and it is between others, nothing: "".

        Without such names a client is who was met as one, then who has an address that is not
        public; between two of a kind it is who sends.
        """
        if self.named:
            if source in self.named:
                return "outbound"
            return "inbound" if destination in self.named else ""
        for is_client in (self._met.__contains__, _is_near):
            if is_client(source) != is_client(destination):
                return "outbound" if is_client(source) else "inbound"
        return "outbound"

    def observed(self, records: Iterable[Record], at: float) -> Iterator[Record]:
        """Records of an enforcing policy as those of the past."""
        at = self._time(at)
        for record in records:
            yield replace(in_mode(record, "monitor"), began=at, ended=at)

    def minute(self, at: float) -> int:
        """The minute of the week in which something was recorded, for rules that name times."""
        return minute_of_week(self._time(at))

    def _time(self, at: float) -> float:
        return at if 0 < at < _LAST else self.began


def seconds(value: object, unit: float = 1.0) -> float:
    """A number that a recording has for a time, as seconds since 1970; 0 where it is none."""
    return value * unit if isinstance(value, (int, float)) and 0 < value < 1e18 else 0.0


def _is_near(host: str) -> bool:
    return addresses.scope(host) in _NEAR
