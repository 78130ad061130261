"""The certificate of the authority, as the stores need it; and others of its name."""

import base64
import hashlib
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from rtcguard.errors import StartError

_BLOCK: Final = re.compile(
    r"-----BEGIN (?:TRUSTED )?CERTIFICATE-----([^-]+)-----END (?:TRUSTED )?CERTIFICATE-----"
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """`subject` is DER: other certificates that hold it are of an authority of the same name, an
    earlier one of rtcguard, another user's, or mitmproxy's own."""

    path: str
    pem: str
    der: bytes
    subject: bytes
    name: str
    until: str

    @property
    def sha1(self) -> str:
        return hashlib.sha1(self.der).hexdigest().upper()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.der).hexdigest().upper()

    @property
    def label(self) -> str:
        """What it is called where a store gives names; another authority has another one."""
        return f"rtcguard-{self.sha256[:8].lower()}"

    def others(self, text: str) -> int:
        """How many other authorities of this name are in a text with certificates in PEM."""
        found = {der for der in ders(text) if der != self.der and self.subject in der}
        return len(found)


def read(path: Path) -> Certificate:
    """Raises StartError."""
    try:
        pem = path.read_text()
        der = ssl.PEM_cert_to_DER_cert(pem.strip())
        parsed = x509.load_der_x509_certificate(der)
    except OSError as error:
        raise StartError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise StartError(f"{path}: is not one certificate in PEM") from error
    names = parsed.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return Certificate(
        str(path),
        pem,
        der,
        parsed.subject.public_bytes(),
        str(names[0].value) if names else "",
        f"{parsed.not_valid_after_utc:%Y-%m-%d}",
    )


def ders(text: str) -> Iterator[bytes]:
    """The certificates in a text; what cannot be read is left out."""
    for block in _BLOCK.findall(text):
        try:
            yield base64.b64decode("".join(block.split()), validate=True)
        except ValueError:
            continue
