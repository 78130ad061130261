"""The certificate authority of the proxy, made before the proxy runs."""

from pathlib import Path

from mitmproxy.certs import CertStore
from mitmproxy.options import CONF_BASENAME, KEY_SIZE

from rtcguard.errors import StartError


def make(folder: Path) -> None:
    """What the proxy's first start would make in that folder; one that is there stays as it is.

    Raises StartError where it cannot be written, or where what is there cannot be read."""
    try:
        CertStore.from_store(folder, CONF_BASENAME, KEY_SIZE)
    except (OSError, ValueError, IndexError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise StartError(f"{folder}: the certificate authority cannot be used ({why})") from error
