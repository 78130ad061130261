"""What goes in front of a service worker's scripts, so that documents it makes get the page guard.

A worker answers navigations with documents that never passed the proxy. `worker.js` has it send
them there; what it holds is the same for all, for browsers install a worker anew when its script
has changed by a byte.
"""

import re
from importlib import resources
from typing import Final

# Directives count only where nothing but directives and comments stand before (ECMA-262, 11.2.1).
_STRICT: Final = re.compile(
    rb"(?:\s|\xef\xbb\xbf|;|(?>//[^\n\r]*)|(?>/\*(?s:.*?)\*/)|\"[^\"\\\n]*\"|'[^'\\\n]*')*?"
    rb"(?:\"use strict\"|'use strict')\s*(?:[;}\n\r]|/[/*]|$)"
)


def prelude(document_path: str) -> str:
    """The text for all scripts, in one line; `document_path` is where documents are sent."""
    return f'({_SOURCE})("{document_path}");'


def put_before(prelude: str, script: bytes) -> bytes:
    """A classic or module script, in UTF-8, with the prelude in front; strict where it was.

    A module's imports run before it, but they are scripts of the worker too, and have it as well.
    """
    strict = b'"use strict";' if _STRICT.match(script) else b""
    return strict + prelude.encode("ascii") + script


def _source() -> str:
    text = resources.files(__package__).joinpath("worker.js").read_text("ascii")
    lines = (line.strip() for line in text.splitlines())
    return " ".join(line.partition(" // ")[0] for line in lines if not line.startswith("//"))


_SOURCE = _source()
