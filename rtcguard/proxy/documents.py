"""Putting the page guard into a document that passes the proxy: its settings, headers and body."""

import hashlib
import hmac
import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final

from mitmproxy import http

from rtcguard.ice.server import RtcIceServer
from rtcguard.page import csp, guard
from rtcguard.page.html import Inserter, charset_of, is_whole_document, is_xml, needs_guard
from rtcguard.page.report import mint_token
from rtcguard.policy.decide import Decision, decide_page
from rtcguard.policy.model import Policy
from rtcguard.proxy import streaming
from rtcguard.proxy.flows import fetch_destination, opens_document, parties_of

REPORT_PATH: Final = "/.well-known/rtcguard/report"
_POLICY_HEADERS: Final = ("content-security-policy", "content-security-policy-report-only")
# What lets a browser show a copy it has: one without the guard, or with ended credentials.
_VALIDATORS: Final = ("if-none-match", "if-modified-since", "if-range", "range")


class Documents:
    """`key` signs the tokens that tell a page's own guard from everybody else's reports."""

    def __init__(self, policy: Policy, key: bytes) -> None:
        self.policy = policy
        self.key = key
        # Made once a minute for each site and client: credentials hold for hours.
        self._script = lru_cache(maxsize=1000)(self._make_script)
        self._servers = lru_cache(maxsize=1000)(self._make_servers)

    def decide(self, site: str, client: str) -> Decision:
        """Whether pages of this site may use WebRTC at all for this client."""
        return decide_page(self.policy.config, site, client)

    def servers(self, site: str, client: str) -> tuple[RtcIceServer, ...]:
        """The approved servers, with credentials for this client on this site."""
        return self._servers(site, client, int(time.time() // 60))

    def _make_servers(self, site: str, client: str, minute: int) -> tuple[RtcIceServer, ...]:
        # The TURN server tells sessions apart by this name; it does not learn the client's.
        name = hmac.new(self.key, f"{client} {site}".encode(), hashlib.sha256).hexdigest()[:12]
        return tuple(server.to_rtc(60 * minute, name) for server in self.policy.servers)

    def settings(self, site: str, client: str) -> guard.GuardSettings:
        """How the guard of this site's page behaves for this client, now."""
        config = self.policy.config
        mode = self.decide(site, client).action
        return guard.GuardSettings(
            mode="observe" if config.mode == "monitor" else "block" if mode == "block" else "relay",
            servers=self.servers(site, client),
            site_servers=config.relay.site_servers,
            report_path=REPORT_PATH,
            token=mint_token(self.key, client, site),
        )

    def _make_script(self, site: str, client: str, minute: int) -> tuple[str, str]:
        """The guard's script and its hash; `minute` only makes each minute's its own."""
        script = guard.script(self.settings(site, client))
        return script, csp.hash_of(script)

    def ask_whole(self, request: http.Request) -> None:
        """Makes a request for a document ask for all of it, in an encoding that can be read."""
        for header in _VALIDATORS:
            request.headers.pop(header, None)
        accepted = request.headers.get("accept-encoding", "")
        kept = [one.strip() for one in accepted.split(",") if _coding(one) in streaming.DECODABLE]
        request.headers["accept-encoding"] = ", ".join(kept) or "identity"

    def takes_guard(self, request: http.Request, response: http.Response) -> bool:
        """Whether this response may be shown as a document that runs scripts.

        XML other than XHTML is data far more often, so only where a document was asked for by name.
        """
        if response.headers.get("content-disposition", "").lower().startswith("attachment"):
            return False
        kind = response.headers.get("content-type", "")
        if needs_guard(kind, b""):
            return True
        if is_xml(kind):
            return bool(fetch_destination(request)) and opens_document(request)
        return _untyped(kind) and opens_document(request)

    def put_guard(self, flow: http.HTTPFlow, response: http.Response) -> None:
        """Edits the head of a document's response, and streams its body with the guard in front."""
        request, parties = flow.request, parties_of(flow)
        minute = int(time.time() // 60)
        script, script_hash = self._script(parties.host, parties.client, minute)
        url = f"{request.scheme}://{request.host_header or request.host}{REPORT_PATH}"
        for header in _POLICY_HEADERS:
            values = response.headers.get_all(header)
            if values:
                allowed = [csp.allow(value, script_hash, url) for value in values]
                response.headers.set_all(header, allowed)
        encoding = response.headers.pop("content-encoding", "")
        kind = response.headers.get("content-type", "")
        inserter = Inserter(script, charset_of(kind), xml=is_xml(kind))
        decide: Callable[[bytes], bool] | None = None
        if _untyped(kind):
            decide = partial(needs_guard, kind)
        elif not opens_document(request):
            # For a script. A service worker may show it as a document; a fragment stays as it is.
            decide = is_whole_document
        response.stream = streaming.Document(encoding, inserter, decide)
        for header in ("content-length", "etag", "last-modified", "content-digest", "digest"):
            response.headers.pop(header, None)
        if request.http_version == "HTTP/1.1":
            response.headers["transfer-encoding"] = "chunked"
        response.headers["cache-control"] = "no-store"


def _coding(item: str) -> str:
    return item.partition(";")[0].strip().lower()


def _untyped(content_type: str) -> bool:
    return "/" not in content_type
