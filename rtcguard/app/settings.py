"""From files to values: the configuration with its secrets, and the folder where state is kept."""

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from rtcguard.errors import ConfigError, Mistake, StartError
from rtcguard.ice.server import IceServer
from rtcguard.ledger.masking import Mask, masker, unmasked
from rtcguard.policy.load import load
from rtcguard.policy.model import Config, Policy, RelayServer


@dataclass(frozen=True, slots=True)
class State:
    """The folder for what must outlive rtcguard; made on first use, for its owner only."""

    folder: Path

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.sqlite3"

    @property
    def ca(self) -> Path:
        """The folder of the certificate authority, in mitmproxy's layout."""
        return self.folder / "ca"

    @property
    def ca_certificate(self) -> Path:
        """What browsers have to trust."""
        return self.ca / "mitmproxy-ca-cert.pem"

    def prepare(self) -> None:
        """Makes the folders. Raises StartError where that cannot be."""
        try:
            for folder in (self.folder, self.ca):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StartError(
                f"{error.filename}: the folder for certificates and the ledger cannot be made "
                f"({error.strerror}); set RTCGUARD_STATE_DIR to one that can"
            ) from error

    def key(self) -> bytes:
        """The secret that signs the page guard's tokens."""
        return self._secret("guard.key")

    def mask(self, config: Config) -> Mask:
        """What the ledger's addresses are masked with, where they are to be."""
        return unmasked if config.ledger.addresses == "full" else masker(self._secret("mask.key"))

    def _secret(self, name: str) -> bytes:
        """A key of 32 bytes; made once, shared by all processes."""
        path = self.folder / name
        try:
            try:
                with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(secrets.token_bytes(32))
            except FileExistsError:
                pass
            key = path.read_bytes()
        except OSError as error:
            raise StartError(f"{path}: cannot be used ({error.strerror})") from error
        if len(key) != 32:
            raise StartError(f"{path}: is not a key of 32 bytes; remove it, a new one will be made")
        return key


def state() -> State:
    """RTCGUARD_STATE_DIR, or the platform's usual folder for a user's data."""
    chosen = os.environ.get("RTCGUARD_STATE_DIR")
    return State(Path(chosen) if chosen else Path(platformdirs.user_data_dir("rtcguard", False)))


def read_config(path: Path | None) -> Config:
    """The configuration in a file, or the defaults without one. Raises ConfigError."""
    if path is None:
        return Config()
    try:
        content = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            [Mistake(str(path), 0, 0, f"cannot be read: {error.strerror}")]
        ) from error
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 at byte {error.start}"
        raise ConfigError([Mistake(str(path), 0, 0, message)]) from error
    return load(content, str(path))


def read_policy(config: Config) -> Policy:
    """The configuration with the secrets that it names. Raises StartError for a bad one."""
    servers = tuple(_server(server) for server in config.relay.servers)
    trusted = config.upstream.trusted_ca
    if trusted is not None and not Path(trusted).is_file():
        raise StartError(f"{trusted}: upstream.trusted_ca names no file; it is a PEM certificate")
    return Policy(config, servers)


def _server(server: RelayServer) -> IceServer:
    secret = b""
    if server.shared_secret_file:
        secret = _read_secret(Path(server.shared_secret_file))
    return IceServer(server.urls, server.username, server.credential, secret, server.lifetime)


def _read_secret(path: Path) -> bytes:
    key = "relay.servers.shared_secret_file"
    try:
        mode = path.stat().st_mode
        secret = path.read_bytes().strip()
    except OSError as error:
        raise StartError(f"{path}: {key} cannot be read: {error.strerror}") from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise StartError(f"{path}: {key} can be read by everybody; run: chmod o= {path}")
    if not secret:
        raise StartError(f"{path}: {key} is empty; it holds coturn's static-auth-secret")
    return secret
