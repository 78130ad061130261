"""Why a TURN server gives no allocation, in words that a person can act on."""

import errno
import ssl
from datetime import datetime
from typing import Final

from aioice import stun
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from rtcguard.app.doctor.check import Result
from rtcguard.ice.address import host_port
from rtcguard.ice.server import ServerUri

# Error responses of TURN servers, RFC 8656 section 19, and what helps.
_ANSWERS: Final = {
    300: (
        "it sends its clients elsewhere",
        "if it names no other server, look at filters on the way: rtcguard answers so for servers "
        "that are not in relay.servers; else name the other one there",
    ),
    400: ("it does not understand the request", "see its log: is it a TURN server?"),
    403: (
        "it forbids this client to allocate",
        "look at its lists of clients and at filters on the way",
    ),
    437: ("it still holds an older allocation of this port", "try again in ten minutes"),
    438: ("it finds its own nonce stale at once", "see its stale-nonce"),
    440: ("it has no relayed address of this family", "give it a relay-ip of this family"),
    441: ("the credentials are not those of the allocation", "see its log"),
    442: ("it does not relay UDP", "take no-udp-relay out of its configuration"),
    486: (
        "this user has as many allocations as the quota allows",
        "wait until they end, or raise user-quota and total-quota",
    ),
    500: ("it failed", "see its log"),
    508: (
        "it has no relayed address or port left",
        "widen min-port and max-port, and look at total-quota and its relay-ip",
    ),
}
_CERTIFICATE_NEXT: Final = {
    9: "set the clock of this machine, or of the one that made the certificate",
    10: "renew it, and have the server read it anew",
    62: "use a name of the certificate in relay.servers, or get one with this name",
}
_UNTRUSTED: Final = (
    "get one from a public authority, or name an authority of your own in upstream.trusted_ca; "
    "browsers must trust it too"
)
_EXPIRED, _OTHER_NAMES = 10, (62, 64)  # X509_V_ERR_CERT_HAS_EXPIRED, …HOSTNAME_MISMATCH, …IP…


def answered(error: stun.TransactionFailed) -> Result:
    """An error response of the server."""
    code, reason = error.response.attributes.get("ERROR-CODE", (0, ""))
    what, step = _ANSWERS.get(code, ("it refuses", "see its log"))
    told = "".join(character for character in reason if character.isprintable())[:80]
    return Result("failed", f"answers {code} {told}: {what}", step)


def broken(error: OSError, uri: ServerUri, address: str) -> Result:
    """What became of a connection."""
    where = f"{uri.transport.upper()} port {uri.port}"
    match error:
        case ConnectionRefusedError():
            return Result(
                "failed",
                f"refused: nothing listens at {where} of {address}",
                "start the TURN server, or correct the port in relay.servers",
            )
        case ssl.SSLError():
            return Result(
                "failed",
                f"no TLS at {where} of {address} ({error.reason or error})",
                "give the server a certificate (cert, pkey), or correct the port",
            )
        case ConnectionError():
            return Result(
                "failed",
                f"{where} of {address} takes the connection, and closes it at once",
                "is it the TURN server's port? For turns: see that it has a certificate",
            )
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL):
        return Result(
            "failed",
            f"there is no way to {address} ({error.strerror})",
            "look at this machine's routes, and at firewalls on the way",
        )
    told = error.strerror or str(error)
    return Result("failed", f"{host_port(address, uri.port)}: {told}", "see this machine's network")


def silent(uri: ServerUri, address: str, seconds: float, *, connected: bool, tcp: bool) -> Result:
    """Nothing came back. `connected`: with TLS, where it is for turns:; `tcp`: that the port takes
    connections over TCP."""
    where = f"{uri.transport.upper()} port {uri.port} of {address}"
    after = f"in {seconds:.0f} s"
    if not tcp:
        return Result(
            "failed",
            f"no answer from {where} {after}",
            "see that the server runs, and that no firewall drops its packets",
        )
    if uri.transport == "udp":
        return Result(
            "failed",
            f"no answer from {where} {after}, but it is there: over TCP the port is open",
            "a firewall drops UDP on the way, or the server has UDP off",
        )
    if not connected:
        return Result(
            "failed",
            f"{where} takes the connection, and gives no answer to TLS {after}",
            "give the server a certificate (cert, pkey), or correct the port",
        )
    return Result(
        "failed",
        f"{where} takes the connection, and gives no answer {after}",
        "is it a TURN server that listens there?",
    )


def certificate(error: ssl.SSLCertVerificationError, uri: ServerUri, der: bytes) -> Result:
    """A certificate that does not hold; `der` is the certificate, empty where it was not got."""
    code = error.verify_code
    made = x509.load_der_x509_certificate(der) if der else None
    if code in _OTHER_NAMES:
        what = f"its certificate is not for {uri.host}"
        what += f", but for {', '.join(_names(made)) or 'no name'}" if made else ""
        return Result("failed", what, _CERTIFICATE_NEXT[62])
    if code == _EXPIRED:
        when = f" on {_day(made.not_valid_after_utc)}" if made else ""
        return Result("failed", f"its certificate ended{when}", _CERTIFICATE_NEXT[code])
    issuer = f" (by {made.issuer.rfc4514_string()})" if made else ""
    what = f"its certificate{issuer} is not trusted: {error.verify_message}"
    return Result("failed", what, _CERTIFICATE_NEXT.get(code, _UNTRUSTED))


def _names(made: x509.Certificate) -> list[str]:
    try:
        found = made.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        return []
    assert isinstance(found, x509.SubjectAlternativeName)
    addresses = map(str, found.get_values_for_type(x509.IPAddress))
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def _day(when: datetime) -> str:
    return when.strftime("%Y-%m-%d")
