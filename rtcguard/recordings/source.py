"""A recording's bytes, clear, in order, in bounded pieces: of a gzip'd file, what is in it.

What is read of a file never depends on a length that the file itself tells: readers ask for so many
bytes, and get fewer where it ends.
"""

import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rtcguard.errors import ParseError

CHUNK: Final = 1 << 20  # bytes of the file that are read at a time
_GZIP: Final = b"\x1f\x8b\x08"


class Source:
    """One file, opened. `offset` counts the clear bytes that were given out, `position` and `size`
    those of the file, for the progress. Raises OSError where the file cannot be read."""

    def __init__(self, path: Path, tell: Callable[[int], None] = lambda _: None) -> None:
        """`tell` is called with the position in the file each time that some of it was read."""
        self.path = path
        self.position = self.offset = 0
        self._file = path.open("rb", buffering=0)
        self._tell = tell
        try:
            self._rest = self._file.read(CHUNK) or b""
            self.is_packed = self._rest.startswith(_GZIP)
            self._packed = b""
            if self.is_packed:
                self._packed, self._rest = self._rest, b""
                self._inflate = zlib.decompressobj(wbits=31)
            self.position = len(self._packed) + len(self._rest)
        except BaseException:
            self._file.close()
            raise
        self._damage = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, or what there is before the end; they stay to be read."""
        pieces, length = [self._rest], len(self._rest)
        while length < size and (more := self._more()):
            pieces.append(more)
            length += len(more)
        self._rest = b"".join(pieces)
        return self._rest[:size]

    def read(self, size: int = CHUNK) -> bytes:
        """The next `size` bytes, fewer only before the end, none at the end. Raises ParseError at
        the end where the file was packed and is cut or damaged."""
        made = self.peek(size)
        self._rest = self._rest[len(made) :]
        self.offset += len(made)
        if not made and size and self._damage:
            raise ParseError(self._damage)
        return made

    def some(self) -> bytes:
        """What is at hand, at most about CHUNK; none at the end. Raises as `read` does."""
        made, self._rest = self._rest or self._more(), b""
        self.offset += len(made)
        if not made and self._damage:
            raise ParseError(self._damage)
        return made

    def skip(self, size: int) -> bool:
        """Goes on by so many bytes; whether they were there."""
        while size > 0:
            piece = self.some()
            if len(piece) > size:
                self._rest = piece[size:] + self._rest
                self.offset -= len(piece) - size
                return True
            if not piece:
                return False
            size -= len(piece)
        return True

    def _more(self) -> bytes:
        if not self.is_packed:
            return self._raw()
        while not self._damage:
            if self._inflate.eof:  # members of gzip one after the other (RFC 1952 section 2.2)
                self._packed = self._inflate.unused_data or self._packed
                self._packed = self._packed or self._raw()
                if not self._packed.startswith(_GZIP[: len(self._packed)]) or not self._packed:
                    return b""  # the end, or zeros behind it
                self._inflate = zlib.decompressobj(wbits=31)
            packed = self._packed or self._raw()
            if not packed:
                self._damage = f"the gzip file is cut off at its byte {self.position}"
                break
            try:
                made = self._inflate.decompress(packed, CHUNK)
            except zlib.error:
                self._damage = f"the gzip file is damaged before its byte {self.position}"
                break
            self._packed = self._inflate.unconsumed_tail
            if made:
                return made
        return b""

    def _raw(self) -> bytes:
        made = self._file.read(CHUNK) or b""
        self.position += len(made)
        self._tell(self.position)
        return made
