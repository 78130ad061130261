"""`/`: from a browser that does not come through rtcguard to one that does, and is protected."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rtcguard.ice import address as addresses
from rtcguard.policy.model import HostPort
from rtcguard.web import certificate
from rtcguard.web.hand_over import HOST
from rtcguard.web.pac import CONTENT_TYPE, pac
from rtcguard.web.serving import render, site_of, visitor_of

_PROBE: Final = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"></svg>'
# What a browser calls its system, the first that is found: iPads call themselves Macs as well.
_SYSTEMS: Final = (
    ("Android", "android"),
    ("iPhone", "ios"),
    ("iPad", "ios"),
    ("Windows", "windows"),
    ("Macintosh", "macos"),
    ("Linux", "linux"),
    ("X11", "linux"),
)


def system_of(user_agent: str) -> str:
    """Whose steps are shown opened; "" where it is not known."""
    return next((system for word, system in _SYSTEMS if word in user_agent), "")


def proxy_for(request: Request) -> HostPort | None:
    """Where this visitor reaches the proxy; None where that is not known, or cannot be."""
    visitor, (host, port) = visitor_of(request), site_of(request).proxy
    address = addresses.parse(host)
    if address is not None and address.is_unspecified:
        if visitor.local:
            return "127.0.0.1", port
        return (request.url.hostname or "", port) if not visitor.proxied else None
    if address is not None and address.is_loopback and not visitor.local:
        return None
    return host, port


def _own_port(request: Request) -> str:
    """Where the site answers without the proxy, for this visitor: `http://HOST:PORT`, or ""."""
    visitor, listen = visitor_of(request), site_of(request).policy.config.web.listen
    if not visitor.proxied:
        return f"http://{request.url.netloc}"
    if listen is None or not visitor.local:
        return ""
    return f"http://{addresses.host_port(addresses.near(listen[0]), listen[1])}"


async def start(request: Request) -> Response:
    site, agent = site_of(request), request.headers.get("user-agent", "")
    proxy = proxy_for(request)
    try:
        print_of = certificate.fingerprint(_pem(request))
    except HTTPException:
        print_of = ""
    return render(
        request,
        "start.html",
        host=HOST,
        proxy=proxy,
        proxy_at=addresses.host_port(*proxy) if proxy else "",
        listen=addresses.host_port(*site.proxy),
        site_at=_own_port(request),
        system=system_of(agent),
        firefox="Firefox/" in agent,
        fingerprint=print_of,
        ca_file=site.ca_certificate if visitor_of(request).local else "",
        relays=len(site.policy.servers),
        mode=site.policy.config.mode,
    )


def _pem(request: Request) -> str:
    """The certificate as it is; the proxy's start makes it. Raises HTTPException."""
    try:
        return site_of(request).ca_certificate.read_text("ascii")
    except (OSError, ValueError) as error:
        raise HTTPException(
            404, "There is no certificate yet: the proxy has not made it."
        ) from error


def _file(content: bytes, media_type: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'} if name else {}
    return Response(content, media_type=media_type, headers=headers)


async def pem(request: Request) -> Response:
    """PEM (RFC 7468). By its type, Firefox asks at once whether to trust it."""
    return _file(_pem(request).encode(), "application/x-x509-ca-cert", "")


async def cer(request: Request) -> Response:
    return _file(certificate.der(_pem(request)), "application/pkix-cert", "rtcguard.cer")


async def mobileconfig(request: Request) -> Response:
    made = certificate.mobileconfig(_pem(request))
    return _file(made, "application/x-apple-aspen-config", "rtcguard.mobileconfig")


async def proxy_pac(request: Request) -> Response:
    proxy = proxy_for(request)
    if proxy is None:
        raise HTTPException(404, "It is not known where this machine reaches the proxy.")
    return Response(pac(proxy), media_type=CONTENT_TYPE)


async def probe(request: Request) -> Response:
    """An image of nothing, which a page of the site's own port asks for at http://rtcguard.test/:
    it comes only through the proxy, and by https only where the authority is trusted."""
    headers = {"cross-origin-resource-policy": "cross-origin"}
    return Response(_PROBE, media_type="image/svg+xml", headers=headers)


routes: Final = (
    Route("/", start),
    Route("/ca.pem", pem),
    Route("/ca.cer", cer),
    Route("/ca.mobileconfig", mobileconfig),
    Route("/proxy.pac", proxy_pac),
    Route("/probe.svg", probe),
)
