"""Views: windows of clear text on a message's bytes, each with the way back to those bytes.

A view's `text` is what a person would read. Views nest: a JSON string in base64 in a JSON string is
a view on a view on a view, and `replace` goes all the way back, without changing any length there.

    views     the views whose text stands in its parent as it is
    escapes   JSON strings, percent-encoding, XML's character references
    radix     base64, hex, UTF-16
    deflate   gzip and zlib, made anew in as many bytes
    opening   which of them are opened where
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from rtcguard.signaling.edits import Edits

# What is to be written: a clear ASCII text of exactly so many bytes; None where none is so short.
Make = Callable[[int], bytes | None]


class View(ABC):
    """A window of clear text. `text` does not change while the view is looked at."""

    text: bytes
    is_binary = False  # whether its text may be that of any file, a compressed one too

    @abstractmethod
    def replace(self, start: int, end: int, make: Make) -> bool:
        """Writes over `text[start:end]`, of which no other byte of the message changes.

        `make` is asked for as many bytes as fit there, which in some encodings are more than stood
        there. False, and nothing is written, where the encoding has no way to.
        Raises Overlap where another view has written there in part.
        """

    @abstractmethod
    def covers(self, start: int) -> bool:
        """Whether something has been written over the byte at `start`."""

    def flush(self) -> bool:
        """Writes to the parent what was gathered here, if this view gathers; False: no way to."""
        return True


class Whole(View):
    """A text that stands for itself: the message, or what was compressed."""

    is_binary = True

    def __init__(self, content: bytes) -> None:
        self.text = content
        self.edits: Final = Edits()

    def replace(self, start: int, end: int, make: Make) -> bool:
        text = make(end - start)
        if text is None:
            return False
        self.edits.add(start, text)
        return True

    def covers(self, start: int) -> bool:
        return self.edits.covers(start)


class Slice(View):
    """A piece of the parent, byte for byte, or with line ends in place of their escapes."""

    def __init__(self, parent: View, start: int, text: bytes) -> None:
        self.text = text
        self._parent, self._start = parent, start

    def replace(self, start: int, end: int, make: Make) -> bool:
        return self._parent.replace(self._start + start, self._start + end, make)

    def covers(self, start: int) -> bool:
        return self._parent.covers(self._start + start)


def exactly(text: bytes) -> Make:
    """Asked for as many bytes as `text` has, that; else nothing."""
    return lambda length: text if length == len(text) else None
