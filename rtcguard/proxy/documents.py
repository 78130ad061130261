"""Putting the page guard into a document that passes the proxy: its settings, headers and body."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Final

from mitmproxy import http

from rtcguard.ice.server import RtcIceServer, ServerUri
from rtcguard.network.clock import minute_of_week
from rtcguard.page import content_type, csp, guard
from rtcguard.page.content_type import ContentType
from rtcguard.page.html import Inserter, is_whole_document, looks_like_html, looks_like_xml
from rtcguard.page.report import Terms, mint_token
from rtcguard.page.server_rules import server_rules
from rtcguard.page.worker import prelude, put_before
from rtcguard.policy.decide import Decision, decide_page, server_rule
from rtcguard.policy.model import Policy
from rtcguard.policy.rule import Subject
from rtcguard.proxy import streaming
from rtcguard.proxy.flows import (
    Parties,
    fetch_destination,
    is_own_reader,
    is_passed_on,
    opens_document,
    parties_of,
)

REPORT_PATH: Final = "/.well-known/rtcguard/report"
MADE_PATH: Final = "/.well-known/rtcguard/document"  # for documents that a service worker made
MADE_HEAD: Final = "rtcguard-head"
_OPENED: Final = ((b"sec-fetch-dest", b"document"),)
_PRELUDE: Final = prelude(MADE_PATH)
# What a response says of the body that it had.
_OF_THE_BODY: Final = frozenset(
    (b"content-length", b"etag", b"last-modified", b"content-digest", b"digest")
)
# Chromium shows this as a document that runs scripts, with a parser of its choice.
_TRANSFORM: Final = "text/xsl"
# Firefox shows each part as a document of the type that the part names.
_PARTS: Final = "multipart/x-mixed-replace"
_POLICY_HEADERS: Final = ("content-security-policy", "content-security-policy-report-only")
# What lets a browser show a copy it has: one without the guard, or with ended credentials.
# The last two let a server answer in an encoding that only this browser can read.
_CONDITIONS: Final = frozenset(
    (
        *(b"if-none-match", b"if-modified-since", b"if-range", b"range"),
        *(b"available-dictionary", b"dictionary-id"),
    )
)


class Documents:
    """`key` signs the tokens that tell a page's own guard from everybody else's reports."""

    def __init__(self, policy: Policy, key: bytes) -> None:
        self.policy = policy
        self.key = key
        # Made once a minute for each site and client: credentials hold for hours.
        self._script = lru_cache(maxsize=1000)(self._make_script)
        self._servers = lru_cache(maxsize=1000)(self._make_servers)

    def decide(self, site: str, client: str, user: str) -> Decision:
        """Whether pages of this site may use WebRTC at all for this client, now."""
        return decide_page(self.policy.config, _subject(site, client, user))

    def server_rule(self, site: str, client: str, user: str, uri: ServerUri) -> Decision | None:
        """What rules say of a server that a page of this site brings, now."""
        return server_rule(self.policy.config, _subject(site, client, user), uri)

    def servers(self, site: str, client: str) -> tuple[RtcIceServer, ...]:
        """The approved servers, with credentials for this client on this site."""
        return self._servers(site, client, int(time.time() // 60))

    def _make_servers(self, site: str, client: str, minute: int) -> tuple[RtcIceServer, ...]:
        # The TURN server tells sessions apart by this name; it does not learn the client's.
        name = hmac.new(self.key, f"{client} {site}".encode(), hashlib.sha256).hexdigest()[:12]
        return tuple(server.to_rtc(60 * minute, name) for server in self.policy.servers)

    def settings(self, site: str, client: str, user: str) -> guard.GuardSettings:
        """How the guard of this site's page behaves for this client, now."""
        terms = self._terms(site, client, user)
        return guard.GuardSettings(
            mode=terms.mode,
            servers=self.servers(site, client),
            site_servers=terms.site_servers,
            report_path=REPORT_PATH,
            token=mint_token(self.key, client, site, terms),
            rules=server_rules(self.policy.config, _subject(site, client, user)),
        )

    def _terms(self, site: str, client: str, user: str) -> Terms:
        config = self.policy.config
        blocks = self.decide(site, client, user).action == "block"
        mode: guard.Mode = "block" if blocks else "relay"
        if config.mode == "monitor":
            mode = "observe"
        return Terms(mode, config.relay.site_servers, self.policy.version)

    def _make_script(
        self, site: str, client: str, user: str, speaker: str, minute: int
    ) -> tuple[str, str]:
        """The guard's script and its hash; `minute` only makes each minute's its own. `speaker` is
        the site that it may report for."""
        settings = self.settings(site, client, user)
        if speaker != site:
            terms = self._terms(site, client, user)
            settings = replace(settings, token=mint_token(self.key, client, speaker, terms))
        script = guard.script(settings)
        return script, csp.hash_of(script)

    def ask_whole(self, request: http.Request) -> None:
        """Makes a request for a document ask for all of it, in an encoding that can be read."""
        _drop(request.headers, _CONDITIONS)
        accepted = request.headers.get("accept-encoding", "")
        kept = [one.strip() for one in accepted.split(",") if _coding(one) in streaming.DECODABLE]
        request.headers["accept-encoding"] = ", ".join(kept) or "identity"

    def takes_guard(self, request: http.Request, response: http.Response) -> bool:
        """Whether this response may be shown as a document that runs scripts. Also says its type in
        a form that every browser reads as it was read here.

        XML other than XHTML is data far more often, so only where a document was asked for by name.
        """
        if response.headers.get("content-disposition", "").lower().startswith("attachment"):
            return False
        kind = content_type.read(response.headers.get("content-type"))
        opens = opens_document(request)
        if opens:
            _say_type(response, kind)
        elif not fetch_destination(request) and not kind.is_plain:
            # Where Sec-Fetch-Dest is not sent, Firefox asks for what <object> and <embed> show as
            # fetch() does. A script that reads it takes no notice of this.
            response.headers.add("content-security-policy", "sandbox")
        if kind.is_html:
            return opens or is_passed_on(request)
        if kind.is_xml:
            return opens and bool(fetch_destination(request))
        return kind.is_sniffed and opens and not _is_nosniff(response)

    def keep_apart(self, request: http.Request, response: http.Response) -> None:
        """Keeps what may be a document, and goes to a script or an image without the guard, from
        being shown later: both browsers show a document out of the cache that a fetch filled."""
        if content_type.read(response.headers.get("content-type")).is_plain:
            return
        if fetch_destination(request) == "image":  # SVG: pages are full of it
            response.headers.add("vary", "Sec-Fetch-Dest")
        else:
            response.headers["cache-control"] = "no-store"

    def put_guard(
        self,
        request: http.Request,
        response: http.Response,
        parties: Parties,
        tell: Callable[[str], None],
    ) -> None:
        """Edits the head of a document's response, and streams its body with the guard in front.
        `tell` is told, for people, of what did not go on."""
        minute = int(time.time() // 60)
        # Where another origin's script may be what reads it, the token is nobody's.
        speaker = parties.host if is_own_reader(request, parties.host) else ""
        script, script_hash = self._script(
            parties.host, parties.client, parties.user, speaker, minute
        )
        url = _own_url(request, REPORT_PATH)
        for header in _POLICY_HEADERS:
            values = response.headers.get_all(header)
            if values:
                allowed = [csp.allow(value, script_hash, url) for value in values]
                response.headers.set_all(header, allowed)
        kind = content_type.read(response.headers.get("content-type"))
        encoding = response.headers.pop("content-encoding", "")
        choose = _chooser(script, kind, opens_document(request))
        response.stream = streaming.Document(encoding, choose, tell)
        _drop(response.headers, _OF_THE_BODY)
        if request.http_version == "HTTP/1.1":
            response.http_version = "HTTP/1.1"  # one of HTTP/1.0 would not be read in chunks
            response.headers["transfer-encoding"] = "chunked"
        response.headers["cache-control"] = "no-store"

    def guard_made(self, flow: http.HTTPFlow, tell: Callable[[str], None]) -> http.Response:
        """Answers a service worker (worker.js) with the document that it sent, as it may show it.

        The head comes and goes in a header that no other origin can send unasked, and the answer
        itself is never shown: else this would show everybody's HTML in the name of every site.
        """
        request = flow.request
        try:
            head = json.loads(request.headers.get(MADE_HEAD, ""))
            made = http.Response.make(200, b"", {str(k): str(v) for k, v in head.items()})
        except (ValueError, AttributeError):
            return http.Response.make(400, b"", {"cache-control": "no-store"})
        body = request.get_content(strict=True) or b""
        opened = http.Request.make("GET", request.url, b"", http.Headers(_OPENED))
        if request.method != "POST" or fetch_destination(request) not in ("", "empty"):
            return http.Response.make(400, b"", {"cache-control": "no-store"})
        if self.takes_guard(opened, made):
            self.put_guard(opened, made, parties_of(flow), tell)
            stream = made.stream
            if callable(stream):
                body = b"".join([*stream(body), *stream(b"")])
        headers = {
            "content-type": "application/octet-stream",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
            MADE_HEAD: json.dumps(dict(made.headers)),
        }
        return http.Response.make(200, body, headers)

    def ready_worker(self, request: http.Request, response: http.Response) -> None:
        """Lets a service worker's script, the body of which is whole, send its documents here."""
        policies = response.headers.get_all(_POLICY_HEADERS[0])
        if policies:
            url = _own_url(request, MADE_PATH)
            response.headers.set_all(_POLICY_HEADERS[0], [csp.reach(one, url) for one in policies])
        script = response.get_content(strict=True) or b""
        _drop(response.headers, _OF_THE_BODY)
        response.content = put_before(_PRELUDE, script)
        response.headers["cache-control"] = "no-store"


def _subject(site: str, client: str, user: str) -> Subject:
    return Subject(site, client, "outbound", ring="page", user=user, minute=minute_of_week())


def _own_url(request: http.Request, path: str) -> str:
    return f"{request.scheme}://{request.host_header or request.host}{path}"


def _chooser(
    script: str, kind: ContentType, opens: bool
) -> Inserter | Callable[[bytes], Inserter | None]:
    inserter = Inserter(script, kind.charset, xml=kind.is_xml)
    if kind.is_sniffed:

        def by_look(head: bytes) -> Inserter | None:
            if looks_like_xml(head):
                return Inserter(script, kind.charset, xml=True)
            return inserter if looks_like_html(head) else None

        return by_look
    if not opens:
        # A service worker may show it as a document; a fragment stays as it is.
        return lambda head: inserter if is_whole_document(head) else None
    return inserter


def _say_type(response: http.Response, kind: ContentType) -> None:
    """Leaves no doubt of what a document is, and no way to scripts where no guard can go."""
    headers = response.headers
    if kind.is_sniffed:
        if _is_nosniff(response):
            headers["content-type"] = "text/plain"  # what browsers take it for, then
        return
    if kind.essence == _TRANSFORM:
        headers["content-type"] = "text/plain"
    elif kind.header != headers.get("content-type"):
        headers["content-type"] = kind.header
    if kind.is_xml:
        # Firefox takes a transform from here too.
        links = headers.get_all("link")
        headers.set_all("link", [one for one in links if "stylesheet" not in one.lower()])
    if kind.essence == _PARTS:
        headers.add("content-security-policy", "sandbox")


def _is_nosniff(response: http.Response) -> bool:
    first = response.headers.get("x-content-type-options", "").partition(",")[0]
    return first.strip("\t ").lower() == "nosniff"


def _drop(headers: http.Headers, names: frozenset[bytes]) -> None:
    """Takes fields out in one go: each look at mitmproxy's headers goes through all of them."""
    headers.fields = tuple(field for field in headers.fields if field[0].lower() not in names)


def _coding(item: str) -> str:
    return item.partition(";")[0].strip().lower()
