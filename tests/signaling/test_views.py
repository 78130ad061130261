"""Views: the way back to the bytes of the message, through one view and through several."""

import base64
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.signaling import deflate, edits, escapes, radix
from rtcguard.signaling.views import Slice, View, Whole, exactly

MARK = b"192.168.1.5"
END = "\t"  # so that a JSON string has an escape that is no line end: it is never a slice


def nothing() -> None:
    """What an escaped view calls when it wrote over escapes."""


# One view


@given(st.binary(max_size=30), st.data())
def test_whole(content: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, len(content)))
    view = Whole(content)
    asked: list[int] = []

    def make(length: int) -> bytes:
        asked.append(length)
        return b"0" * length

    assert view.replace(start, end, make)
    assert asked == [end - start]
    assert [at for at in range(len(content)) if view.covers(at)] == list(range(start, end))
    made = view.edits.apply(view.text)
    assert made == content[:start] + b"0" * (end - start) + content[end:]
    assert view.flush() and view.text == content


def test_nothing_is_written_where_nothing_is_made() -> None:
    view = Whole(b"abcdef")
    assert not view.replace(1, 3, lambda length: None)
    assert not view.edits


def test_overlap_is_told() -> None:
    view = Whole(b"abcdef")
    assert view.replace(1, 4, exactly(b"000"))
    assert view.replace(2, 3, exactly(b"1"))  # within: it is not needed
    with pytest.raises(edits.Overlap):
        view.replace(3, 5, exactly(b"00"))
    assert view.edits.apply(view.text) == b"a000ef"


def test_slice() -> None:
    whole = Whole(b"head:192.168.1.5:tail")
    view = Slice(whole, 5, MARK)
    assert view.replace(4, 7, exactly(b"000"))
    assert [view.covers(at) for at in range(11)] == [4 <= at < 7 for at in range(11)]
    assert whole.edits.apply(whole.text) == b"head:192.000.1.5:tail"
    assert view.flush()


def test_exactly() -> None:
    assert [exactly(b"abc")(length) for length in range(5)] == [None, None, None, b"abc", None]


# Views on views


@dataclass(frozen=True)
class Level:
    """An encoding, a reader of it that is no view, and the view on the whole of it."""

    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]
    view: Callable[[View], View]


def _json(text: bytes) -> bytes:
    return json.dumps(text.decode("latin-1") + END).encode()[1:-1]


def _from_json(text: bytes) -> bytes:
    return json.loads(b'"' + text + b'"').encode("latin-1")[:-1]  # type: ignore[no-any-return]


def _references(text: bytes) -> bytes:
    return "".join(
        chr(byte) if chr(byte).isalnum() and byte < 128 else f"&#{byte:03};" for byte in text
    ).encode()


def _base64_view(parent: View) -> View:
    letters = parent.text.rstrip(b"=\t")
    return radix.Base64(parent, 0, letters, radix.decoded(letters))


def _gzip_view(parent: View) -> View:
    found = deflate.inflate(parent.text, "gzip")
    assert found is not None
    return deflate.Deflated(parent, 0, parent.text, found, "gzip")


LEVELS = {
    "json": Level(
        _json, _from_json, lambda view: escapes.json_string(view, 0, len(view.text), nothing)
    ),
    "percent": Level(
        lambda text: quote(text).encode(),
        lambda text: unquote_to_bytes(text.replace(b"+", b" ")),
        lambda view: escapes.percent(view, 0, len(view.text), nothing),
    ),
    "references": Level(
        _references,
        lambda text: re.sub(rb"&#([0-9]+);", lambda found: bytes([int(found[1])]), text),
        lambda view: escapes.references(view, 0, len(view.text), nothing),
    ),
    "base64": Level(base64.b64encode, base64.b64decode, _base64_view),
    "base64url": Level(base64.urlsafe_b64encode, base64.urlsafe_b64decode, _base64_view),
    "hex": Level(
        lambda text: text.hex().encode(),
        lambda text: bytes.fromhex(text.decode()),
        lambda view: radix.Hex(view, 0, view.text.rstrip(b"\t")),
    ),
    "utf-16": Level(
        lambda text: text.decode("latin-1").encode("utf-16-le"),
        lambda text: text.decode("utf-16-le").encode("latin-1"),
        lambda view: radix.Wide(view, 0, len(view.text), low=0),
    ),
    "gzip": Level(gzip.compress, gzip.decompress, _gzip_view),
}
# Of bytes beyond ASCII JSON's and XML's escapes mean two in UTF-8, and UTF-16 does not show them:
# these carry text only.
TEXT_ONLY = ("json", "references", *("utf-16",))


@st.composite
def chains(draw: st.DrawFn) -> list[Level]:
    """Innermost first; what gives bytes is not carried as text."""
    names: list[str] = []
    for name in draw(st.lists(st.sampled_from(sorted(LEVELS)), min_size=1, max_size=4)):
        if names and name in TEXT_ONLY and "gzip" in names and names[-1] in ("gzip", *TEXT_ONLY):
            names.append("base64")
        if name == "gzip" and "gzip" in names:
            continue
        names.append(name)
    return [LEVELS[name] for name in names]


@given(chains(), st.text("abc XYZ:=/\n", max_size=20), st.text("abc XYZ:=/\n", max_size=20))
def test_the_way_back_through_several(levels: list[Level], before: str, after: str) -> None:
    text = before.encode() + MARK + after.encode()
    content = text
    for level in levels:
        content = level.encode(content)
    whole = Whole(content)
    views: list[View] = [whole]
    for level in reversed(levels):
        views.append(level.view(views[-1]))
    innermost = views[-1]
    start = innermost.text.index(MARK)
    assert innermost.replace(start, start + len(MARK), lambda length: b"0" * length)
    if not all(view.flush() for view in reversed(views)):
        # Only what is compressed may find no room; a decoder of the rest would see nothing new.
        assert LEVELS["gzip"] in levels
        return
    made = whole.edits.apply(content)
    assert len(made) == len(content)
    for level in reversed(levels):
        made = level.decode(made)
    assert made == text.replace(MARK, b"00000000000", 1)


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_the_way_back_through_strings(levels: int) -> None:
    """A string in a string in a string: what is written into the innermost, the outermost shows."""
    content = '\x00"' + MARK.decode() + '"\\ \r\n'
    expected = content.replace(MARK.decode(), "00000000000")
    for _ in range(levels):
        content = json.dumps(content)
    whole = Whole(content.encode())
    view: View = whole
    for _ in range(levels):
        view = escapes.json_string(view, 1, len(view.text) - 1, nothing)
    start = view.text.index(MARK)
    assert view.replace(start, start + len(MARK), exactly(b"00000000000"))
    assert view.covers(start) and not view.covers(start - 1)
    made = whole.edits.apply(whole.text).decode()
    for _ in range(levels):
        made = json.loads(made)
    assert made == expected
