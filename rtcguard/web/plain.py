"""http://rtcguard.test/ while there is no site process: one page, by the proxy itself."""

import html
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>rtcguard</title>
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
body {{ max-width: 40rem; margin: 3rem auto; padding: 0 1rem }}
</style>
<h1>This browser comes through rtcguard.</h1>
<p>You are seen here as <code>{client}</code>.</p>
<p>HTTPS works once this browser trusts rtcguard's certificate authority:
<a href="/ca.pem">download its certificate</a> (PEM) and import it as an authority for web sites.
Every https:// page then opens without a warning.</p>
"""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes


Plain = Callable[[str, str], Answer]  # (path, client) -> Answer


def plain(ca_certificate: Path) -> Plain:
    """The answers; the certificate is read when asked for: the proxy's start makes it."""

    def answer(path: str, client: str) -> Answer:
        match path.partition("?")[0]:
            case "/":
                shown = _PAGE.format(client=html.escape(client))
                return Answer(200, "text/html; charset=utf-8", shown.encode())
            case "/ca.pem":
                return Answer(200, "application/x-x509-ca-cert", ca_certificate.read_bytes())
        return Answer(404, "text/plain", b"rtcguard: no such page\n")

    return answer
