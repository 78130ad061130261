"""What rtcguard wants to know of a mitmproxy flow: who speaks, for which site, towards whom."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from mitmproxy import http

from rtcguard.ice.address import canonical, host_port
from rtcguard.proxy.bodies import Head

# Keys in a flow's metadata.
_PARTIES: Final = "rtcguard.parties"
USER: Final = "rtcguard.user"  # who has signed in
UNREAD: Final = "rtcguard.unread"  # its response is not judged, or is our own


@dataclass(frozen=True, slots=True)
class Parties:
    """Who speaks with whom in a flow."""

    client: str  # its address, without zone or IPv4-mapping, so that one client has one name
    host: str  # the host name that it asked for, in lower case
    destination: str  # `host:port`
    site: str  # the host name of the page that speaks
    user: str = ""  # who has signed in at the proxy


def parties_of(flow: http.HTTPFlow) -> Parties:
    """The parties of a flow, read once for all of its messages."""
    known = flow.metadata.get(_PARTIES)
    if not isinstance(known, Parties):
        request, peer = flow.request, flow.client_conn.peername
        host = request.pretty_host.lower().rstrip(".")
        known = Parties(
            client=canonical(peer[0]) if peer else "",
            host=host,
            destination=host_port(host, request.port),
            site=_page(request, host),
            user=flow.metadata.get(USER, ""),
        )
        flow.metadata[_PARTIES] = known
    return known


def _page(request: http.Request, host: str) -> str:
    """No script can set Origin, or choose another's Referer. A request without either is its own
    site: a document being opened, or a native app."""
    for header in ("origin", "referer"):
        try:
            named = urlsplit(request.headers.get(header, "")).hostname
        except ValueError:
            named = None
        if named:
            return named.lower().rstrip(".")
    return host


def head_of(message: http.Message) -> Head:
    """The head's word on the body; a length beside a transfer coding counts not (RFC 9112 6.3)."""
    length = message.headers.get("content-length", "")
    known = int(length) if length.isascii() and length.isdigit() else None
    if "transfer-encoding" in message.headers:
        known = None
    elif known is None and isinstance(message, http.Request):
        # An HTTP/1 request without both has no body; with HTTP/2, GET and HEAD hardly ever have.
        known = 0 if message.http_version.startswith("HTTP/1") else None
        known = 0 if message.method in ("GET", "HEAD", "OPTIONS") else known
    return Head(message.headers.get("content-type", ""), known)


def fetch_destination(request: http.Request) -> str:
    return request.headers.get("sec-fetch-dest", "").lower()


def opens_document(request: http.Request) -> bool:
    """Whether the answer to this request may be shown as a document of its own.

    Browsers send Sec-Fetch-Dest to trustworthy origins only; elsewhere Accept tells: every
    navigation names text/html.
    """
    destination = fetch_destination(request)
    if destination:
        return destination in ("document", "iframe", "frame", "embed", "object", "fencedframe")
    return "text/html" in request.headers.get("accept", "text/html").lower()


def is_passed_on(request: http.Request) -> bool:
    """Whether a script asks for a document as a browser does, to answer a navigation with it: so
    does a service worker that was installed before rtcguard (worker.js sees to the others)."""
    return "text/html" in request.headers.get("accept", "").lower()


def is_own_reader(request: http.Request, host: str) -> bool:
    """Whether no other origin's script can be what reads the answer: CORS lets some (Fetch
    standard), and those requests have an Origin. One that opens a document has none but with POST;
    then Sec-Fetch-Dest, which no script sets, tells it apart from theirs."""
    return names_host(request, host) or fetch_destination(request) not in ("", "empty")


def names_host(request: http.Request, host: str) -> bool:
    """Whether a request's Origin, if it has one, is of this host."""
    origin = request.headers.get("origin")
    if origin is None:
        return True
    try:
        named = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return named.lower().rstrip(".") == host


def is_sent_from(request: http.Request, host: str) -> bool:
    """Whether a page of this host sent this request. Under `Referrer-Policy: no-referrer` the
    Origin of one's own page is `null`, as that of a sandboxed one and of every redirect is; then
    only Sec-Fetch-Site, which no script sets and a redirect elsewhere changes, tells them apart."""
    own = request.headers.get("sec-fetch-site") == "same-origin"
    return names_host(request, host) or (own and request.headers.get("origin") == "null")


def is_worker_script(request: http.Request) -> bool:
    """Whether this is a script of a service worker, or one that it imports as a module.

    Both browsers say `Service-Worker: script` for the first. What it imports Chromium asks for as
    `serviceworker`; Firefox at first as `worker`, as what other workers import, then as the first.
    """
    destination = fetch_destination(request)
    imported = destination == "worker" and request.headers.get("sec-fetch-mode") == "cors"
    named = request.headers.get("service-worker", "").lower() == "script"
    return named or imported or destination == "serviceworker"
