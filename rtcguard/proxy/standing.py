"""A policy in force in the proxy: one value, so that it is replaced as a whole."""

from rtcguard.policy.model import Policy
from rtcguard.proxy.documents import Documents


class Standing:
    """A policy, and what is made of it once; `key` signs the guard's tokens."""

    def __init__(self, policy: Policy, key: bytes) -> None:
        self.policy, self.config = policy, policy.config
        self.documents = Documents(policy, key)
        self.watches = self.config.mode == "monitor"
        # Whether what cannot be judged goes on all the same.
        self.lenient = self.config.on_error == "pass" or self.watches
        self.inbound_rules = any(
            not rule.match.direction or "inbound" in rule.match.direction
            for rule in self.config.rules
        )
