"""Many datagrams by one system call: recvmmsg(2) and sendmmsg(2) by ctypes (Linux, 64 bit).

A `Batch` is memory for SIZE datagrams of one socket and for what the kernel tells of each:

    slot:    | ancillary data | source address | datagram |      as the kernel writes them
    key:     |------------- of equal length ------| 8 |          who asks whom, and a header's half
    answer:  | `before` | 12 bytes of the datagram's own transaction id | `after` |

So a request like one seen before is found in a dictionary by its key, and its answer is put
together by the kernel: nothing is copied, and Python does nothing for each packet but the look-up.
The slots lie there for the largest datagrams; only the pages that were written to take memory.
"""

import ctypes
import errno
import mmap
import os
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Final

SIZE: Final = 64
LARGEST: Final = 65535

AVAILABLE: Final = sys.platform == "linux" and ctypes.sizeof(ctypes.c_void_p) == 8
"""Whether this system has these calls with the layout that is written here."""

_HEAD: Final = 8  # of a datagram, in a key: a STUN message's type, length and cookie
_IDENTITY: Final = 8  # where a STUN message's transaction id begins
_IDENTITY_LENGTH: Final = 12
# Not a power of two: slots of one would all fall on the same lines of the processor's cache.
_STRIDE: Final = (1 << 16) + 320


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct mmsghdr: a struct msghdr and the number of bytes that went."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("iovecs", ctypes.c_void_p),
        ("iovecs_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("_padding", ctypes.c_int),
        ("length", ctypes.c_uint),
    )


# What the kernel writes into a struct mmsghdr: the length of the ancillary data, flags, its length.
_STATE: Final = struct.Struct("=QiII")


class Batch:
    """`control` is the exact space of the ancillary data that comes with each datagram, `name` the
    length of a socket address of the family."""

    def __init__(self, file: int, name: int, control: int) -> None:
        self._file, self._name, self._control = file, name, control
        self._key = control + name + _HEAD
        self._start = control + name  # of the datagram in its slot
        self._memory = mmap.mmap(-1, SIZE * _STRIDE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        slots = range(base, base + SIZE * _STRIDE, _STRIDE)
        self._room = (_Iovec * SIZE)(*(_Iovec(slot + self._start, LARGEST) for slot in slots))
        self._incoming = (_Message * SIZE)()
        for message, slot, iovec in zip(self._incoming, slots, _each(self._room), strict=True):
            message.name, message.name_length = slot + control, name
            message.iovecs, message.iovecs_count = iovec, 1
            message.control, message.control_length = slot if control else None, control
        self._incoming_bytes = memoryview(self._incoming).cast("B")
        self._fresh = bytes(self._incoming_bytes)
        self._parts = (_Iovec * (3 * SIZE))()
        self._outgoing = (_Message * SIZE)()
        for index, (message, slot) in enumerate(zip(self._outgoing, slots, strict=True)):
            self._parts[3 * index + 1] = _Iovec(slot + self._start + _IDENTITY, _IDENTITY_LENGTH)
            message.name, message.name_length = slot + control, name
            message.iovecs = ctypes.addressof(self._parts) + 3 * index * ctypes.sizeof(_Iovec)
            message.iovecs_count = 3
            message.control, message.control_length = slot if control else None, control
        self._keys = [_every(self._key, _STRIDE, count) for count in range(SIZE + 1)]
        state = f"40x{_STATE.size}s"
        self._states = [struct.Struct(f"={(state + '4x') * count}") for count in range(SIZE + 1)]
        self._answer: tuple[ctypes.Array[ctypes.c_char], ...] = ()
        self.usual = _STATE.pack(control, 0, 0, 20)
        """The state of a datagram of 20 bytes that came with all that belongs to it."""

    def receive(self) -> int:
        """How many datagrams came, without waiting. Raises OSError."""
        self._incoming_bytes[:] = self._fresh
        count: int = _recvmmsg(self._file, self._incoming, SIZE, socket.MSG_DONTWAIT, None)
        if count < 0:
            number = ctypes.get_errno()
            if number in (errno.EAGAIN, errno.EINTR):
                return 0
            raise OSError(number, os.strerror(number))
        return count

    def keys(self, count: int) -> tuple[bytes, ...]:
        return self._keys[count].unpack_from(self._memory)

    def states(self, count: int) -> tuple[bytes, ...]:
        """What the kernel said of each: compare with `usual`."""
        return self._states[count].unpack_from(self._incoming_bytes)

    def datagram(self, index: int) -> bytes:
        start = index * _STRIDE + self._start
        return self._memory[start : start + self._incoming[index].length]

    def source(self, index: int) -> bytes:
        """The socket address of who sent it, as the kernel's structure."""
        start = index * _STRIDE + self._control
        return self._memory[start : start + self._name]

    def control(self, index: int) -> bytes:
        """The ancillary data that came with it."""
        start = index * _STRIDE
        return self._memory[start : start + self._incoming[index].control_length]

    def clear(self, index: int, place: int) -> None:
        """Writes zeros over four bytes of the ancillary data, which goes back with an answer."""
        start = index * _STRIDE + place
        self._memory[start : start + 4] = b"\0\0\0\0"

    def prepare(self, before: bytes, after: bytes) -> None:
        """What stands around the transaction id in the answers of `send`."""
        self._answer = tuple(ctypes.create_string_buffer(one, len(one)) for one in (before, after))
        for index in range(SIZE):
            for place, part in zip((0, 2), self._answer, strict=True):
                self._parts[3 * index + place] = _Iovec(ctypes.addressof(part), len(part))

    def answer(self, index: int) -> bytes:
        """The answer that `send` would send to one."""
        start = index * _STRIDE + self._start + _IDENTITY
        before, after = self._answer
        return before.raw + self._memory[start : start + _IDENTITY_LENGTH] + after.raw

    def send(self, first: int, end: int) -> int:
        """Answers the datagrams of [first, end), and returns how many got theirs before one failed.
        Raises OSError where that was the first."""
        messages = ctypes.byref(self._outgoing, first * ctypes.sizeof(_Message))
        sent: int = _sendmmsg(self._file, messages, end - first, socket.MSG_DONTWAIT)
        if sent < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return sent


def _each(array: "ctypes.Array[_Iovec]") -> Sequence[int]:
    """The address of each structure."""
    start = ctypes.addressof(array)
    return range(start, start + ctypes.sizeof(array), ctypes.sizeof(_Iovec))


def _every(length: int, stride: int, count: int) -> struct.Struct:
    """The first bytes of each of `count` slots."""
    slot = f"{length}s{stride - length}x"
    return struct.Struct("=" + slot * (count - 1) + f"{length}s" * (count > 0))


if AVAILABLE:
    _libc = ctypes.CDLL(None, use_errno=True)
    _recvmmsg, _sendmmsg = _libc.recvmmsg, _libc.sendmmsg
