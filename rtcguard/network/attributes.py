"""The attributes that must be understood (numbers below 0x8000, RFC 8489 section 14), and are.

"Understood" is what is known by its name: the responder refuses what asks with them, so none has to
be acted on. A request with any other is told so by 420, as RFC 8489 section 6.3.1 wants it.
"""

from collections.abc import Iterable
from typing import Final

MESSAGE_INTEGRITY: Final = 0x0008
MESSAGE_INTEGRITY_SHA256: Final = 0x001C

_REQUIRED_BELOW: Final = 0x8000
_KNOWN: Final = frozenset(
    (
        # RFC 3489 and RFC 8489: addresses, USERNAME, PASSWORD, MESSAGE-INTEGRITY, ERROR-CODE, …
        *range(0x0001, 0x000C),
        0x0014,  # REALM
        0x0015,  # NONCE
        MESSAGE_INTEGRITY_SHA256,
        0x001D,  # PASSWORD-ALGORITHM
        0x001E,  # USERHASH
        0x0020,  # XOR-MAPPED-ADDRESS
        # RFC 8656, and the TURN before it that Google and Microsoft spoke (0x000F to 0x0011).
        0x000C,  # CHANNEL-NUMBER
        0x000D,  # LIFETIME
        0x000F,  # MAGIC-COOKIE
        0x0010,  # BANDWIDTH
        0x0011,  # DESTINATION-ADDRESS
        0x0012,  # XOR-PEER-ADDRESS
        0x0013,  # DATA
        0x0016,  # XOR-RELAYED-ADDRESS
        0x0017,  # REQUESTED-ADDRESS-FAMILY
        0x0018,  # EVEN-PORT
        0x0019,  # REQUESTED-TRANSPORT
        0x001A,  # DONT-FRAGMENT
        0x001B,  # ACCESS-TOKEN, RFC 7635
        0x0022,  # RESERVATION-TOKEN
        0x002A,  # CONNECTION-ID, RFC 6062
        0x0024,  # PRIORITY, RFC 8445
        0x0025,  # USE-CANDIDATE
        0x0026,  # PADDING, RFC 5780
        0x0027,  # RESPONSE-PORT
    )
)


def unknown(types: Iterable[int]) -> tuple[int, ...]:
    """Those of a message's attributes that must be understood and are not, each once.

    What stands behind MESSAGE-INTEGRITY does not count: sections 14.5 and 14.6 have it ignored.
    """
    found: dict[int, None] = {}
    for number in types:
        if number in (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256):
            break
        if number < _REQUIRED_BELOW and number not in _KNOWN:
            found[number] = None
    return tuple(found)
