"""What every page has at hand."""

from dataclasses import dataclass, field
from pathlib import Path

from rtcguard.ledger.masking import Mask, unmasked
from rtcguard.ledger.store import Store
from rtcguard.policy.model import HostPort, Policy
from rtcguard.web.guesses import Guesses


@dataclass(slots=True)
class Site:
    """The local site. `policy` is the one in force: it is replaced as a whole, in the loop."""

    policy: Policy
    ledger: Path
    ca_certificate: Path
    key: bytes  # signs hand-overs (hand_over.key_of)
    token: str  # opens one's own events from elsewhere (token.py)
    proxy: HostPort  # where the proxy listens
    node: str = ""
    mask: Mask = unmasked
    guesses: Guesses = field(default_factory=Guesses)

    def store(self) -> Store:
        """The ledger, for questions alone; to be opened, used and closed in one thread. Raises
        StartError, or DamagedError."""
        return Store.read_only(self.ledger, self.mask)
