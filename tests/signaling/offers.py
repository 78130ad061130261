"""An offer, and the rewriter called as the tests do."""

from rtcguard.policy.model import Config
from rtcguard.policy.rule import Match, Rule
from rtcguard.signaling import Message, Rewrite, rewrite

DEFAULT = Config()
HOST = "candidate:842163049 1 udp 2122260223 192.168.1.5 46154 typ host generation 0 ufrag F7gI"
SRFLX = (
    "candidate:1853887674 1 udp 1685987071 203.0.113.77 46154 typ srflx raddr 192.168.1.5 "
    "rport 46154 generation 0 ufrag F7gI network-cost 999"
)
RELAY = (
    "candidate:2966157206 1 udp 41885439 198.51.100.7 49153 typ relay raddr 203.0.113.77 "
    "rport 46154 generation 0 ufrag F7gI network-cost 999"
)
MDNS = "candidate:0 1 UDP 2122252543 1f4712db-ea17-4bcf-a596-105139dfd8bf.local 50123 typ host"
OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 192.168.1.5",
        "s=-",
        "t=0 0",
        "m=application 46154 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 203.0.113.77",
        "a=rtcp:9 IN IP4 192.168.1.5",
        "a=ice-ufrag:F7gI",
        "a=ice-pwd:x9cml/YzichV2+XlhiMu8g",
        f"a={HOST}",
        f"a={SRFLX}",
        f"a={RELAY}",
        f"a={MDNS}",
        "a=end-of-candidates",
        "a=mid:0",
        "",
    ]
)


def outbound(content: bytes | str, config: Config = DEFAULT, **of: object) -> Rewrite:
    raw = content.encode() if isinstance(content, str) else content
    return rewrite(Message(raw, "outbound", **of), config)  # type: ignore[arg-type]


def inbound(content: str, config: Config = DEFAULT, **of: object) -> Rewrite:
    return rewrite(Message(content.encode(), "inbound", **of), config)  # type: ignore[arg-type]


def with_rule(action: str, **match: object) -> Config:
    rule = Rule("the rule", Match(**match), action)  # type: ignore[arg-type]
    return Config(rules=(rule,))


def changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    return [(old, new) for old, new in pairs if old != new]
