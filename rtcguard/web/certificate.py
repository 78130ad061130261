"""The authority's certificate in the forms that systems want. Pure."""

import hashlib
import plistlib
import ssl
import uuid
from typing import Final

_NAME: Final = "rtcguard"
_ORIGIN: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "rtcguard.test")


def der(pem: str) -> bytes:
    """DER, as Windows and Android take it. Raises ValueError for what is no certificate."""
    return ssl.PEM_cert_to_DER_cert(pem.strip())


def fingerprint(pem: str) -> str:
    """SHA-256 as systems show it, in pairs."""
    digest = hashlib.sha256(der(pem)).hexdigest().upper()
    return " ".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def mobileconfig(pem: str) -> bytes:
    """A configuration profile for iOS and macOS with the one certificate, as a root (Apple: "Device
    Management, CertificateRoot")."""
    content = der(pem)
    name = hashlib.sha256(content).hexdigest()
    inner, outer = (str(uuid.uuid5(_ORIGIN, f"{kind} {name}")).upper() for kind in "io")
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": "test.rtcguard.authority",
            "PayloadUUID": outer,
            "PayloadDisplayName": "rtcguard's certificate authority",
            "PayloadDescription": "Lets rtcguard on your network see the HTTPS of this device.",
            "PayloadContent": [
                {
                    "PayloadType": "com.apple.security.root",
                    "PayloadVersion": 1,
                    "PayloadIdentifier": "test.rtcguard.authority.certificate",
                    "PayloadUUID": inner,
                    "PayloadDisplayName": _NAME,
                    "PayloadCertificateFileName": "rtcguard.cer",
                    "PayloadContent": content,
                }
            ],
        }
    )
