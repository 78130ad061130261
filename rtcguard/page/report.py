"""What the page guard reports, read into records of the ledger.

A report comes from a page, and a page is not trusted: it can leave reports out and make some up,
about itself. The token keeps it to that: it names one client on one site, and what the page's guard
was told to do.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from rtcguard.errors import ParseError
from rtcguard.ice import address as addresses
from rtcguard.ice import candidate as candidates
from rtcguard.ice.server import ServerUri, parse_uri
from rtcguard.page.guard import GuardSettings, Mode
from rtcguard.policy import rule, told
from rtcguard.policy.decide import PAGES_BY_DEFAULT, Decision
from rtcguard.policy.record import Record

MAX_BODY: Final = 65536  # bytes
MAX_URLS: Final = 64  # the guard sends no more, and cuts each at this length
MAX_URL: Final = 512
MAX_CANDIDATE: Final = 1024

_MEMBERS: Final = {
    "guard": {"token", "kind"},
    "connection": {"token", "kind", "policy", "urls", "via"},
    "candidate": {"token", "kind", "candidate"},
}
_BY_RULE: Final = {"keep": "kept", "observe": "observed"}
ServerDecision = Callable[[ServerUri], Decision | None]
_STRICTNESS: Final[tuple[Mode, ...]] = ("observe", "relay", "block")
_UFRAG: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the guard of a page was made by, and does until the page is loaded again, whatever the
    policy says by then. `policy` is the version of the one that was in force."""

    mode: Mode
    site_servers: Literal["drop", "keep"]
    policy: str = ""

    def hold(self, settings: GuardSettings) -> bool:
        """Whether such a guard keeps its page to relays, and is no laxer than a new one is."""
        strictness = _STRICTNESS.index(self.mode)
        keeps = self.site_servers == "keep" and settings.site_servers == "drop"
        return 0 < strictness >= _STRICTNESS.index(settings.mode) and not keeps


@dataclass(frozen=True, slots=True)
class Report:
    terms: Terms
    records: list[Record]


def mint_token(key: bytes, client: str, site: str, terms: Terms) -> str:
    """The token for the guard of one client (an address) on one site (a host name): the terms, and
    32 hex digits.

    It is no secret to the page itself, which can read its own source; it is of no use to another
    page or for another client. HMAC-SHA256, cut to 128 bits (RFC 2104, section 5).
    """
    said = f"{terms.mode}-{terms.site_servers}-{terms.policy}"
    parts = (addresses.canonical(client), site.lower(), said)
    message = "\0".join(("rtcguard page report", *parts))
    return f"{said}-{hmac.new(key, message.encode(), hashlib.sha256).hexdigest()[:32]}"


def read_token(token: str, *, key: bytes, client: str, site: str) -> Terms:
    """The terms in a token. Raises ParseError for one that was not minted with this key for this
    client and site."""
    match token.split("-"):
        case ["relay" | "block" | "observe" as mode, "drop" | "keep" as site_servers, policy, _]:
            terms = Terms(mode, site_servers, policy)
            minted = mint_token(key, client, site, terms)
            if hmac.compare_digest(token.encode(), minted.encode()):
                return terms
    raise ParseError("the token is not this client's on this site")


def read_report(
    body: bytes,
    *,
    key: bytes,
    site: str,
    client: str,
    settings: GuardSettings,
    decision: Decision = PAGES_BY_DEFAULT,
    of_server: ServerDecision = lambda uri: None,
) -> Report:
    """What one report's body tells, `settings` being what the page's guard would be given now and
    `decision` what is decided of such pages; `of_server` is what rules say of a server that the
    page brought. What the guard was told by its own terms counts by these. A guard that only
    observes has records that say what one in force would have done.

    Raises ParseError for everything that the guard does not send, a wrong token included.
    """
    report = _read(body)
    terms = read_token(_text(report, "token", 128), key=key, client=client, site=site)
    kind = _text(report, "kind", 16)
    if set(report) != _MEMBERS.get(kind):
        raise ParseError(f"not a report of any kind: {kind!r} with {sorted(report)!r}"[:200])
    settings = replace(settings, mode=terms.mode, site_servers=terms.site_servers)
    enforced: Mode = settings.mode
    mode: rule.Mode = "enforce"
    if settings.mode == "observe":
        enforced, mode = "block" if decision.action == "block" else "relay", "monitor"
    base = Record(
        ring="page",
        kind=kind,
        action="observed",
        direction="outbound",
        site=site,
        client=client,
        rule=decision.rule,
    )
    if kind == "connection":
        connection, *servers = _connection(
            report, base, replace(settings, mode=enforced), of_server
        )
        records = [*told.monitored(connection, decision, told.DONE_TO_PAGES), connection, *servers]
    elif kind == "candidate":
        # A guard in force cannot take away what the page has seen already.
        action = (
            ("blocked" if enforced == "block" else "stripped") if mode == "monitor" else "observed"
        )
        records = [replace(_candidate(report, base), action=action)]
    elif mode == "monitor":
        action = told.DONE_TO_PAGES[decision.action]
        records = [replace(base, action=action, reason="the page guard is there and only watches")]
    else:
        records = [replace(base, reason="the page guard is in force")]
    return Report(terms, [told.in_mode(record, mode) for record in records])


def _read(body: bytes) -> dict[str, object]:
    if len(body) > MAX_BODY:
        raise ParseError(f"a report of {len(body)} bytes")
    try:
        report = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise ParseError("a report is JSON in UTF-8") from error
    if not isinstance(report, dict):
        raise ParseError("a report is an object")
    return report


def _connection(
    report: dict[str, object],
    base: Record,
    settings: GuardSettings,
    of_server: ServerDecision,
) -> list[Record]:
    policy = _text(report, "policy", 64)
    via = _text(report, "via", 16)
    if via not in ("constructor", "setConfiguration"):
        raise ParseError(f"via is the constructor or setConfiguration, not {via!r}")
    urls = report["urls"]
    if not isinstance(urls, list) or len(urls) > MAX_URLS:
        raise ParseError(f"urls are a list of at most {MAX_URLS}")
    texts = [_string(url, "a URL", MAX_URL) for url in urls]
    blocks = settings.mode == "block"
    done = "blocked: the constructor throws NotAllowedError" if blocks else "made relay-only"
    count = f"{len(texts)} server URL{'' if len(texts) == 1 else 's'}"
    reason = f"the page asked for policy {policy!r} and {count} by {via}; {done}"
    if not blocks and settings.site_servers == "drop" and not settings.servers:
        reason += f"; {told.NO_RELAY}"
    approved = _approved(settings)
    return [
        replace(base, action="blocked" if blocks else "scrubbed", reason=reason),
        *(one for text in texts for one in _server(text, base, settings, approved, of_server)),
    ]


def _server(
    text: str,
    base: Record,
    settings: GuardSettings,
    approved: set[tuple[str, int, str]],
    of_server: ServerDecision,
) -> list[Record]:
    try:
        uri = parse_uri(text.strip())
    except ParseError:
        # The browser refuses what it cannot read; the guard hands nothing else through.
        action = "blocked" if settings.mode == "block" else "refused"
        reason = f"not a URL of a STUN or TURN server: {text[:80]!r}"
        return [replace(base, kind="server", action=action, reason=reason)]
    action, reason = _verdict(uri, settings, approved)
    decision = of_server(uri) if settings.mode == "relay" else None
    if decision is not None:
        base = replace(base, rule=decision.rule)
        action, reason = _BY_RULE.get(decision.action, "stripped"), decision.reason
    scope = addresses.scope(uri.host)
    record = replace(
        base,
        kind="server",
        action=action,
        scope=scope,
        destination=addresses.host_port(uri.host, uri.port),
        name=uri.host if scope in ("name", "mdns") else "",
        reason=reason,
    )
    return [record] if decision is None else [*told.monitored(record, decision), record]


def _verdict(
    uri: ServerUri, settings: GuardSettings, approved: set[tuple[str, int, str]]
) -> tuple[str, str]:
    """Action and reason for one server that a page asked for, as the guard treats it."""
    if settings.mode == "block":
        return "blocked", f"the page asked for {uri}, and no connection is made"
    if not uri.is_turn:
        return "stripped", f"a {uri.scheme} server is told the client's address"
    if (uri.host, uri.port, uri.transport) in approved:
        return "kept", "an approved relay, with our credentials"
    if settings.site_servers == "keep":
        return "kept", "the site's own TURN server, kept by `site_servers: keep`"
    return "stripped", "the site's own TURN server is told the client's address"


def _approved(settings: GuardSettings) -> set[tuple[str, int, str]]:
    """Host, port and transport of each approved server."""
    found = set()
    for server in settings.servers:
        urls = server.get("urls")
        for url in urls if isinstance(urls, list | tuple) else ():
            uri = parse_uri(str(url))
            found.add((uri.host, uri.port, uri.transport))
    return found


def _candidate(report: dict[str, object], base: Record) -> Record:
    text = _text(report, "candidate", MAX_CANDIDATE)
    kind, port, ufrag = "unknown", 0, ""
    try:
        found = candidates.parse(text)
    except ParseError:
        address = candidates.loose_address(text)
    else:
        address, port, kind = found.address, found.port, found.type
        ufrag = dict(found.extensions).get("ufrag", "")
    scope = addresses.scope(address)
    return replace(
        base,
        reason="the page saw a candidate that is not a relay's",
        # A page can report anything: what is no address and no name is not repeated.
        address="" if scope == "unknown" else address,
        port=port,
        scope=scope,
        candidate_type=kind if kind in candidates.TYPES else "unknown",
        ufrag=ufrag if _UFRAG.issuperset(ufrag) else "",
    )


def _text(report: dict[str, object], name: str, limit: int) -> str:
    return _string(report.get(name), name, limit)


def _string(value: object, what: str, limit: int) -> str:
    """A string that can be stored: JSON lets half of a surrogate pair through, UTF-8 does not."""
    if not isinstance(value, str) or len(value) > limit:
        raise ParseError(f"{what} is a string of at most {limit} characters")
    return value.encode("utf-8", "replace").decode()
