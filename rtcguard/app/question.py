"""Questions to the policy in a person's words, for `rtcguard explain` and `rtcguard rules test`.

A question is about one thing that a client sends or asks for, or, where none is named, about the
pages of a site. It is answered by the functions that the rings themselves ask.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.ice import address as addresses
from rtcguard.ice import candidate as candidates
from rtcguard.ice.server import ServerUri, parse_uri
from rtcguard.network import names
from rtcguard.policy.decide import (
    Decision,
    approved_hosts,
    decide,
    decide_page,
    decide_server,
    decide_tls,
    decide_tunnel,
    decide_udp,
)
from rtcguard.policy.model import Config, HostPort
from rtcguard.policy.questions import Question
from rtcguard.policy.rule import OPAQUE, Confirmed, Subject


@dataclass(frozen=True, slots=True)
class Given:
    """The words of a question. Text is empty where there is none.

    At most one of those in `THINGS` is set: `candidate` is a line (or the word `opaque`, for a
    description that cannot be read), `server` an ICE server's URI in a list, `stun` where a STUN or
    TURN request goes over UDP, `name` a host name that DNS is asked for,
    `tls` where a TLS connection goes. `minute` is of the week (`Subject`)."""

    site: str = ""
    path: str = ""
    client: str = ""
    direction: str = "outbound"
    confirmed: Confirmed = ""
    candidate: str = ""
    server: str = ""
    stun: HostPort | None = None
    name: str = ""
    tls: HostPort | None = None
    user: str = ""
    destination: str = ""
    port: int = 0
    protocol: str = ""
    transport: str = ""
    minute: int = -1

    @property
    def thing(self) -> str:
        """The key of what is asked about; empty for pages."""
        return next((key for key in THINGS if getattr(self, key)), "")


@dataclass(frozen=True, slots=True)
class Answer:
    """`what` the question was about, for people; `question` and `subject` as rules see it."""

    what: str
    question: Question
    subject: Subject
    decision: Decision


def ask(config: Config, given: Given) -> Answer:
    """Raises ParseError where the thing asked about cannot be read; its text begins with what it
    should be."""
    subject = Subject(
        given.site.lower(),
        given.client,
        given.direction,
        path=given.path,
        confirmed=given.confirmed,
        user=given.user,
        destination=given.destination.lower(),
        port=given.port,
        protocol=given.protocol,
        minute=given.minute,
    )
    return _ASKED.get(given.thing, _page)(config, subject, given)


def _candidate(config: Config, subject: Subject, given: Given) -> Answer:
    if given.candidate == OPAQUE:
        asked = replace(subject, candidate=OPAQUE)
        what = f"{subject.direction} description that cannot be read"
        return Answer(what, "opaque", asked, decide(config, asked))
    try:
        parsed = candidates.parse(given.candidate)
    except ParseError as error:
        raise ParseError(f"not a candidate: {error}") from error
    kind = parsed.type if parsed.type in candidates.TYPES else "unknown"
    asked = replace(subject, candidate=kind, address=parsed.address, transport=parsed.transport)
    what = f"{subject.direction} {kind} candidate, {parsed.transport} {parsed.address}"
    return Answer(what, "candidate", asked, decide(config, asked))


def _server(config: Config, subject: Subject, given: Given) -> Answer:
    uri = parse_uri(given.server)
    # Lists are on their way to the client.
    asked = replace(subject, server=str(uri), direction="inbound")
    what = f"ICE server {uri} in a list"
    return Answer(what, "server", asked, decide_server(config, asked, uri))


def _stun(config: Config, subject: Subject, given: Given) -> Answer:
    assert given.stun is not None
    host, port = addresses.canonical(given.stun[0]), given.stun[1]
    transport = given.transport or "udp"
    approved = (host, port) in approved_hosts(config.relay, transport)
    protocol = subject.protocol or ("turn" if approved else "stun")
    is_stun = protocol in ("stun", "turn")
    scheme = protocol if is_stun else "turns"
    uris = [ServerUri(scheme, one, port, transport) for one in (host, subject.destination) if one]
    asked = Subject(
        "", subject.client, "outbound", ring="network", user=subject.user,
        server=" ".join(map(str, uris)) if is_stun or protocol == "dtls" else "",
        destination=" ".join(filter(None, (host, subject.destination))), port=port,
        protocol=protocol, minute=subject.minute,
    )  # fmt: skip
    what = f"{protocol.upper()} over {transport.upper()} to {addresses.host_port(host, port)}"
    if is_stun:
        decision = decide_tunnel(config, asked, uris[0], approved=approved)
    else:
        decision = decide_udp(config, asked, protocol.upper(), approved=approved)
    return Answer(what, "flow", asked, decision)


def _name(config: Config, subject: Subject, given: Given) -> Answer:
    name = given.name.lower().removesuffix(".")
    known = names.names_of(config).known(name)
    asked = names.subject_of(name, subject.client, subject.minute)
    if known is None:
        decision = Decision("keep", "default:names", "not the name of a STUN or TURN server")
    else:
        decision = names.decide(known, asked, config)
    return Answer(f"the name {name}", "name", asked, decision)


def _tls(config: Config, subject: Subject, given: Given) -> Answer:
    assert given.tls is not None
    host, port = given.tls[0].lower().removesuffix("."), given.tls[1]
    asked = Subject(
        host, subject.client, "outbound", ring="network", user=subject.user,
        destination=host, port=port, protocol="tls", minute=subject.minute,
    )  # fmt: skip
    what = f"TLS to {addresses.host_port(host, port)}"
    return Answer(what, "tls", asked, decide_tls(config, asked))


def _page(config: Config, subject: Subject, given: Given) -> Answer:
    asked = replace(subject, ring="page", direction="outbound", path="", confirmed="",
                    destination="", port=0, protocol="")  # fmt: skip
    what = f"pages of {subject.site or 'any site'}"
    return Answer(what, "page", asked, decide_page(config, asked))


_ASKED: Final[dict[str, Callable[[Config, Subject, Given], Answer]]] = {
    "candidate": _candidate,
    "server": _server,
    "stun": _stun,
    "name": _name,
    "tls": _tls,
}
THINGS: Final = tuple(_ASKED)
_WEEK_TIME: Final = re.compile(r"(mon|tue|wed|thu|fri|sat|sun) ([01][0-9]|2[0-3]):([0-5][0-9])")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def minute_of(text: str) -> int | None:
    """`mon 09:30` as a minute of the week; None for anything else."""
    found = _WEEK_TIME.fullmatch(text.lower())
    if found is None:
        return None
    return (_DAYS.index(found[1]) * 24 + int(found[2])) * 60 + int(found[3])
