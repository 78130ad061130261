"""Checks of the certificate authority: its files, and a TLS client that goes through the proxy."""

import asyncio
import ssl
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from rtcguard.app.doctor import origin, through
from rtcguard.app.doctor.check import SEE_LOG, START, Check, Result, Setup, blocking
from rtcguard.app.settings import State

_SOON: Final = timedelta(days=30)
_SECRET: Final = ("mitmproxy-ca.pem", "mitmproxy-ca.p12")  # both hold the key
_ANEW: Final = "stop rtcguard, move the folder away, start it, and trust the new one everywhere"


def checks(setup: Setup) -> list[Check]:
    return [
        blocking("certificate authority", lambda: list(_files(setup.state))),
        Check("TLS through the proxy", lambda: _handshakes(setup)),
    ]


def _files(state: State) -> Iterator[Result]:
    path, key = state.ca_certificate, state.ca / _SECRET[0]
    if not path.is_file() or not key.is_file():
        missing = key if path.is_file() else path
        step = _ANEW if path.is_file() or key.is_file() else START
        yield Result("failed", f"{missing}: there is none", step)
        return
    try:
        made = x509.load_pem_x509_certificate(path.read_bytes())
        secret = load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        yield Result("failed", f"{state.ca}: cannot be read: {error}", _ANEW)
        return
    yield _valid(made, str(path))
    if secret.public_key() != made.public_key():
        yield Result("failed", f"{key}: is not the key of {path.name}", _ANEW)
    exposed = [name for name in _SECRET if _is_exposed(state, name)]
    for name in exposed:
        what = f"{state.ca / name}: others may read the key, and with it your HTTPS"
        yield Result("failed", what, f"chmod 600 {state.ca / name}; if others did: {_ANEW}")
    if not exposed:
        yield Result("ok", "its key is for its owner only")


def _is_exposed(state: State, name: str) -> bool:
    path = state.ca / name
    bits = stat.S_IRWXG | stat.S_IRWXO
    return path.is_file() and bool(path.stat().st_mode & bits)


def _valid(made: x509.Certificate, path: str) -> Result:
    now, end = datetime.now(UTC), made.not_valid_after_utc
    if end < now:
        return Result("failed", f"{path}: ended on {end:%Y-%m-%d}", _ANEW)
    if made.not_valid_before_utc > now:
        what = f"{path}: begins on {made.not_valid_before_utc:%Y-%m-%d} only"
        return Result("failed", what, "set the clock of this machine (NTP)")
    if end < now + _SOON:
        return Result("warning", f"{path}: ends on {end:%Y-%m-%d}", _ANEW)
    return Result("ok", f"{path}: until {end:%Y-%m-%d}")


async def _handshakes(setup: Setup) -> Sequence[Result]:
    """As a client that trusts the file, and as one that trusts what this system trusts. Behind the
    proxy is an origin of our own, so nobody else is connected to."""
    if setup.policy.config.upstream.proxy:
        return [Result("off", through.ELSEWHERE)]
    if not setup.state.ca_certificate.is_file():
        return [Result("failed", "there is no authority to trust", START)]
    try:
        by_file = ssl.create_default_context(cafile=setup.state.ca_certificate)
    except OSError as error:
        return [Result("failed", f"{setup.state.ca_certificate}: cannot be used: {error}", _ANEW)]
    async with origin.serving() as own:
        try:
            await _handshake(setup, own.port, by_file)
        except ssl.SSLError as error:
            return [_untrusted(setup, error)]
        except (OSError, EOFError, ValueError) as error:
            return [through.failed(error)]
        found = [Result("ok", "opens TLS by the authority of this state folder")]
        try:
            await _handshake(setup, own.port, ssl.create_default_context())
        except ssl.SSLCertVerificationError:
            what = "this system's own store does not trust it: programs that use the store fail"
            step = "rtcguard ca install --for system, as root; browsers may have their own store"
            return [*found, Result("warning", what, step)]
        except (OSError, EOFError) as error:
            return [*found, through.failed(error)]
    return [*found, Result("ok", "this system's own store trusts it")]


async def _handshake(setup: Setup, port: int, context: ssl.SSLContext) -> None:
    """Raises OSError (ssl.SSLError and TimeoutError are some), EOFError, or ValueError for what is
    no HTTP."""
    async with asyncio.timeout(through.PATIENCE):
        reader, writer = await through.connect(setup)
        below = writer.transport  # a handshake that fails leaves it open
        try:
            writer.write(
                f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: {origin.SITE}\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split()[1])
            if status != 200:
                raise through.Refused(status)
            await writer.start_tls(context, server_hostname=origin.SITE)
        finally:
            below.abort()
            await asyncio.sleep(0)


def _untrusted(setup: Setup, error: ssl.SSLError) -> Result:
    if isinstance(error, ssl.SSLCertVerificationError):
        what = (
            f"the proxy shows a certificate that {setup.state.ca_certificate} did not make "
            f"({error.verify_message})"
        )
        step = "is another rtcguard there, or was the folder changed? Start rtcguard anew"
        return Result("failed", what, step)
    what = f"the proxy opens no TLS ({error.reason or error}): rings 1 and 2 see no HTTPS"
    return Result("failed", what, f"{SEE_LOG}; look for rules with action: pass")
