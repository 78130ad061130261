"""`/`: from a browser that does not come through rtcguard to one that does, and is protected."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rtcguard.web.serving import render, site_of


async def start(request: Request) -> Response:
    return render(request, "start.html")


async def certificate(request: Request) -> Response:
    """The authority's certificate, PEM (RFC 7468)."""
    content = site_of(request).ca_certificate.read_bytes()
    return Response(content, media_type="application/x-x509-ca-cert")


routes: Final = (Route("/", start), Route("/ca.pem", certificate))
