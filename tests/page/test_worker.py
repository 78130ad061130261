"""What stands before a service worker's scripts: one line, the same for all, strict if need be."""

import re

import pytest

from rtcguard.page.worker import prelude, put_before

TEXT = prelude("/reserved/document")


def test_the_prelude_is_one_line_of_ascii_that_names_the_path_alone() -> None:
    assert TEXT.isascii() and "\n" not in TEXT
    assert "//" not in TEXT and TEXT.endswith('("/reserved/document");')
    assert not re.search("[0-9a-f]{12}|turn:|token", TEXT)  # nothing that changes with time


@pytest.mark.parametrize(
    ("script", "strict"),
    [
        (b"", False),
        (b"a()", False),
        (b"'use strict'; a()", True),
        (b'"use strict"\na()', True),
        (b"\xef\xbb\xbf/* 'x' */ // y\n'use asm'; 'use strict';", True),
        (b"'use strict' + a", False),
        (b"'use\\x20strict'; a()", False),
        (b"a(); 'use strict'", False),
        (b"// 'use strict';\na()", False),
        (b"/* 'use strict'; */ a()", False),
        (b"import './x.js'", False),
    ],
)
def test_what_goes_in_front(script: bytes, strict: bool) -> None:
    start = b'"use strict";' if strict else b""
    assert put_before(TEXT, script) == start + TEXT.encode() + script
