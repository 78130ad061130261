"""What every page has at hand."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from rtcguard.ledger.masking import Mask, unmasked
from rtcguard.ledger.store import Store
from rtcguard.policy.model import HostPort, Policy
from rtcguard.web.guesses import Guesses
from rtcguard.web.own_responder import OwnResponder
from rtcguard.web.relays import Examine
from rtcguard.web.rule_lines import rule_links


@dataclass(slots=True)
class Site:
    """The local site. `policy` is the one in force; `use` replaces it, in the loop."""

    policy: Policy
    ledger: Path
    ca_certificate: Path
    key: bytes  # signs hand-overs (hand_over.key_of)
    token: str  # opens one's own events from elsewhere (token.py)
    proxy: HostPort  # where the proxy listens
    examine: Examine  # the approved TURN servers
    node: str = ""
    mask: Mask = unmasked
    guesses: Guesses = field(default_factory=Guesses)
    responder: OwnResponder = field(default_factory=OwnResponder)
    taken: dict[str, str] = field(init=False)  # what the policy's files were when it was taken
    _links: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.use(self.policy)

    def use(self, policy: Policy) -> None:
        self.policy = policy
        self.taken = {file: digest(_content(file)) for file in policy.config.files}
        self._links = rule_links(policy.config)

    def rule_link(self, name: str) -> str:
        """Where an event's rule stands; "" for a default, and for a rule that the policy in force
        has not."""
        return self._links.get(name, "")

    def store(self) -> Store:
        """The ledger, for questions alone; to be opened, used and closed in one thread. Raises
        StartError, or DamagedError."""
        return Store.read_only(self.ledger, self.mask)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError:
        return b""
