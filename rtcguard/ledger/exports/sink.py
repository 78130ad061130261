"""What an export has to be able to do, and how it says that it cannot."""

import socket
import ssl
from collections.abc import Sequence
from typing import Final, Protocol

from rtcguard.ledger.event import Event

TIMEOUT: Final = 10.0  # seconds that a receiver may take for one step


class Outage(Exception):
    """The receiver has not taken the events, or not surely; the text says why, for people.

    `wait`: seconds that the receiver asks to be left alone for. `reached`: it may have been too
    much for it; otherwise nothing was sent.
    """

    def __init__(self, text: str, wait: float = 0.0, *, reached: bool = True) -> None:
        super().__init__(text)
        self.wait, self.reached = wait, reached


class Sink(Protocol):
    """One receiver. Used by one thread; it connects, and connects again, by itself."""

    def send(self, events: Sequence[Event]) -> int:
        """Hands the events over, in their order, and returns when the receiver has them.

        Returns how many of them it refused for good: these are not sent again. Raises Outage,
        or OSError, where all of them are to be sent again.
        """

    def close(self) -> None:
        """Ends the connection; `send` may be called again."""


def explained(error: Exception) -> str:
    """Why a receiver was not reached, in one line, with what to do where that is known."""
    match error:
        case Outage():
            return str(error)
        case socket.gaierror():
            return f"its host name leads nowhere: {error.strerror}"
        case ssl.SSLCertVerificationError():
            hint = "" if "ostname" in error.verify_message else "; is upstream.trusted_ca right?"
            return f"its certificate is not accepted: {error.verify_message.rstrip('.')}{hint}"
        case ssl.SSLError():
            return f"TLS with it fails: {error.reason or error}; does it speak TLS on this port?"
        case ConnectionRefusedError():
            return "it refuses the connection; is it running, and on this port?"
        case TimeoutError():
            return f"it did not answer within {TIMEOUT:.0f} s"
        case OSError():
            return error.strerror or str(error)
    return repr(error)
