"""Interim responses of HTTP/1 servers (103 Early Hints, 102 Processing; RFC 9110 section 15.2).

mitmproxy takes one for the response itself, and waits for ever for what follows. They are left out:
no client needs them. 101 is none of these: another protocol follows it.
"""

import re
from typing import Final

from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http._http1 import Http1Client

_INTERIM: Final = re.compile(rb"HTTP/1\.[01] 1(?!01)\d\d[ \r\n]")

_read_headers = Http1Client.read_headers


def _read_final_headers(self: Http1Client, event: events.ConnectionEvent) -> CommandGenerator[None]:
    if isinstance(event, events.DataReceived) and self.request:
        while _INTERIM.match(bytes(self.buf)) and self.buf.maybe_extract_lines() is not None:
            pass
    yield from _read_headers(self, event)


setattr(Http1Client, "read_headers", _read_final_headers)  # noqa: B010
