"""JSON of any size as events, in flat memory: ijson, with a bound on what it would hold at a time.

A string is handed on up to LONGEST bytes; of a longer one the rest is left out, so that its reader
sees that it is too long for any message.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import ijson

from rtcguard.errors import ParseError
from rtcguard.recordings.source import Source

LONGEST: Final = 8 << 20  # bytes of a string, with its escapes
_WITHIN: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_LONGEST_BETWEEN: Final = 1 << 22  # bytes between strings: numbers and brackets
_DEEPEST: Final = 64
_BOM: Final = b"\xef\xbb\xbf"

Event = tuple[str, str, Any]


def events(source: Source) -> Iterator[Event]:
    """Path, event and value, as ijson names them: `log.entries.item.request.url`, `string`, …

    Raises ParseError where the file is cut or is no JSON."""
    text = _Bounded(source)
    path: list[str] = []  # of each open map or array: where it stands; then the key within
    keys: list[str] = []
    try:
        for event, value in ijson.basic_parse(text, use_float=True):
            if event == "map_key":
                keys[-1] = f"{path[-1]}.{value}" if path[-1] else value
                continue
            here = keys[-1] if keys else ""
            if event in ("end_map", "end_array"):
                here = path.pop()
                keys.pop()
            yield here, event, value
            if event in ("start_map", "start_array"):
                path.append(here)
                keys.append(f"{here}.item" if event == "start_array" else here)
                if len(path) > _DEEPEST:
                    raise ParseError(f"JSON nested too deep before byte {source.offset}")
    except ijson.IncompleteJSONError as error:
        if text.ended:
            raise ParseError(f"the JSON is cut off at byte {source.offset}") from error
        raise ParseError(f"no JSON any more before byte {source.offset}") from error
    except (ijson.JSONError, UnicodeError) as error:
        raise ParseError(f"no JSON any more before byte {source.offset}") from error


class _Bounded:
    """A file for ijson: the source, without what is too long."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._is_inside = False  # of a string
        self._length = 0  # of the string, or of what stands between two
        self._rest = b""  # an escape that is cut
        self._is_first = True
        self.ended = False

    def read(self, size: int = -1) -> bytes:
        """The next piece; nothing is asked for no bytes, as ijson does to know the type."""
        if not size:
            return b""
        while True:
            data = self._source.some()
            if not data:
                self.ended = True
                return b""
            if self._is_first:
                data, self._is_first = data.removeprefix(_BOM), False
            made = self._made(self._rest + data)
            if made:
                return made

    def _made(self, data: bytes) -> bytes:
        out: list[bytes] = []
        at, size = 0, len(data)
        self._rest = b""
        while at < size:
            if self._is_inside:
                found = _WITHIN.match(data, at)
                end = found.end() if found else at
                self._length += end - at
                if self._length <= LONGEST:
                    out.append(data[at:end])
            else:
                end = data.find(b'"', at)
                end = size if end < 0 else end
                self._length += end - at
                if self._length > _LONGEST_BETWEEN:
                    raise ParseError(f"no JSON of this kind before byte {self._source.offset}")
                out.append(data[at:end])
            if end == size:
                break
            if data[end] == 0x5C:  # a backslash with nothing behind it yet
                self._rest = data[end:]
                break
            out.append(b'"')
            self._is_inside, self._length, at = not self._is_inside, 0, end + 1
        return b"".join(out)
