"""What rtcguard wants to know of a mitmproxy flow: who speaks, for which site, towards whom."""

from urllib.parse import urlsplit

from mitmproxy import connection, http

from rtcguard.ice.address import canonical
from rtcguard.proxy.bodies import Head


def client_of(client: connection.Client) -> str:
    """The client's address, without zone or IPv4-mapping, so that one client has one name."""
    return canonical(client.peername[0]) if client.peername else ""


def host_of(request: http.Request) -> str:
    """The host name that the client asked for, in lower case."""
    return request.pretty_host.lower().rstrip(".")


def site_of(request: http.Request) -> str:
    """The host name of the page that speaks: no script can set Origin or another's Referer.

    A request without either is its own site: a document being opened, or a native app.
    """
    for header in ("origin", "referer"):
        try:
            host = urlsplit(request.headers.get(header, "")).hostname
        except ValueError:
            host = None
        if host:
            return host.lower().rstrip(".")
    return host_of(request)


def destination_of(request: http.Request) -> str:
    """`host:port` that the request goes to."""
    host = host_of(request)
    return f"[{host}]:{request.port}" if ":" in host else f"{host}:{request.port}"


def head_of(message: http.Message) -> Head:
    """The head's word on the body; a length beside a transfer coding counts not (RFC 9112 6.3)."""
    length = message.headers.get("content-length", "")
    chunked = "transfer-encoding" in message.headers
    known = int(length) if length.isascii() and length.isdigit() and not chunked else None
    return Head(message.headers.get("content-type", ""), known)


def fetch_destination(request: http.Request) -> str:
    return request.headers.get("sec-fetch-dest", "").lower()


def opens_document(request: http.Request) -> bool:
    """Whether the answer to this request may be shown as a document of its own.

    Browsers send Sec-Fetch-Dest to trustworthy origins only; elsewhere Accept tells: every
    navigation names text/html. A service worker fetches documents as `empty`; `page/html.py` then
    looks at the body.
    """
    destination = fetch_destination(request)
    if destination:
        return destination in ("document", "iframe", "frame", "embed", "object", "fencedframe")
    return "text/html" in request.headers.get("accept", "text/html").lower()
