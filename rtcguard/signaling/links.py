"""ICE servers in HTTP's `Link` headers, as WHIP and WHEP tell them (RFC 9725 section 4.6).

    Link: <stun:stun.example.org>; rel="ice-server"
    Link: <turn:turn.example.org?transport=udp>; rel="ice-server"; username="u"; credential="c"; \
          credential-type="password"
"""

import re
from collections.abc import Sequence
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.ice.address import host_port
from rtcguard.ice.server import RtcIceServer, parse_uri
from rtcguard.policy.decide import decide_server
from rtcguard.policy.model import Config
from rtcguard.policy.record import Record
from rtcguard.policy.told import DONE, told
from rtcguard.signaling.judge import subject_of
from rtcguard.signaling.message import Message

# A link and its parameters; a comma within quotes ends none (RFC 8288 section 3).
_LINK: Final = re.compile(r'\s*(<[^>]*>(?:[^",]|"(?:[^"\\]|\\.)*")*)\s*(?:,|$)')
_ICE_SERVER: Final = re.compile(r';\s*rel\s*=\s*"?(?:[^";]*\s)?ice-server\b', re.IGNORECASE)
_TARGET: Final = re.compile(r"<([^>]*)>")


def is_ice_server(values: Sequence[str]) -> bool:
    """Whether one of a response's `Link` headers tells of an ICE server."""
    return any(_ICE_SERVER.search(value) for value in values)


def rewrite_links(
    values: Sequence[str], message: Message, config: Config
) -> tuple[list[str], list[Record]]:
    """The headers as they may go on, and what was seen: approved servers first, then what stays.

    The parameters stand in the order of the RFC's example: some clients read no other.
    """
    links = [found[1].strip() for value in values for found in _LINK.finditer(value)]
    kept: list[str] = []
    subject, replaces = subject_of(message), False
    records: list[Record] = []
    for link in links:
        target = _TARGET.match(link)
        if target is None or not _ICE_SERVER.search(link):
            kept.append(link)
            continue
        try:
            uri = parse_uri(target[1])
        except ParseError:
            continue  # no client can use it
        decision = decide_server(config, subject, uri)
        replaces = replaces or decision.action != "drop"
        if decision.action in ("keep", "observe"):
            kept.append(link)
        record = Record(
            ring="signaling",
            kind="server",
            action=DONE[decision.action],
            direction=message.direction,
            site=message.site,
            client=message.client,
            destination=host_port(uri.host, uri.port),
            rule=decision.rule,
            reason=decision.reason,
        )
        records += told(record, decision, config.mode)
    if config.mode == "monitor":
        return list(values), records
    if not replaces:
        return kept, records
    offered = [_link(server, url) for server in message.servers for url in server["urls"]]
    return [one for one in offered if one not in kept] + kept, records


def _link(server: RtcIceServer, url: str) -> str:
    user, credential = (_quoted(server[name]) for name in ("username", "credential"))
    return (
        f'<{url}>; rel="ice-server"; username={user}; credential={credential}; '
        'credential-type="password"'
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
