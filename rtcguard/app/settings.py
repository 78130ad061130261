"""From files to values: the configuration with its secrets, and the folder where state is kept."""

import glob
import hashlib
import os
import secrets
import socket
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from rtcguard.errors import ConfigError, Mistake, ParseError, StartError
from rtcguard.ice.server import IceServer
from rtcguard.ledger.masking import Mask, masker, unmasked
from rtcguard.policy import users
from rtcguard.policy.include import Source
from rtcguard.policy.load import load_files
from rtcguard.policy.model import Config, Policy, RelayServer
from rtcguard.policy.users import User
from rtcguard.policy.yaml_nodes import MAX_BYTES
from rtcguard.web.token import token_of

_MAX_SECRET: Final = 1024  # bytes


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

    def instance(self) -> str:
        """What tells this machine from any other, whatever its name is."""
        return hashlib.sha256(self._secret("instance.key")).hexdigest()[:32]

    def web_token(self) -> str:
        """What opens one's own events on the local site from another machine."""
        return token_of(self._secret("web.key"))

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


def node(config: Config) -> str:
    """This machine's name in events."""
    return config.ledger.node or socket.gethostname()


def state() -> State:
    """RTCGUARD_STATE_DIR, or the platform's usual folder for a user's data."""
    chosen = os.environ.get("RTCGUARD_STATE_DIR")
    return State(Path(chosen) if chosen else Path(platformdirs.user_data_dir("rtcguard", False)))


def read_config(path: Path | None) -> Config:
    """The configuration in a file and those that it includes, or the defaults without one.

    Raises ConfigError."""
    if path is None:
        return Config()
    try:
        main = read_file(path)
    except ParseError as error:
        raise ConfigError([Mistake(str(path), 0, 0, str(error))]) from error
    return load_files(main, _included, os.environ)


def _included(name: str, file: str) -> list[Source]:
    """The file of that name beside `file`, or all that fit a pattern (`rules.d/*.yaml`), sorted."""
    path = Path(file).parent / name
    paths = [path]
    if glob.has_magic(name):
        # No `**`, and no hidden files: those are what editors leave behind.
        paths = [Path(one) for one in sorted(glob.glob(str(path)))]
        if not paths:
            raise ParseError(f"{path} fits no file")
    found = []
    for path in paths:
        try:
            found.append(read_file(path))
        except ParseError as error:
            raise ParseError(f"{path} {error}") from error
    return found


def read_file(path: Path) -> Source:
    """A configuration file, whole. Raises ParseError with why that cannot be."""
    try:
        # Before it is opened: a pipe would wait for a writer, and a device may act on being opened.
        _regular(path.stat().st_mode)
        with open(path, "rb", opener=_without_waiting) as file:
            told = os.fstat(file.fileno())
            _regular(told.st_mode)
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ParseError(f"cannot be read: {why}") from error
    if len(content) > MAX_BYTES:
        raise ParseError(f"has more than {MAX_BYTES >> 20} MiB; that is no configuration")
    readable, writable = (bool(told.st_mode & bit) for bit in (stat.S_IROTH, stat.S_IWOTH))
    return Source(str(path), (told.st_dev, told.st_ino), content, readable, writable)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _regular(mode: int) -> None:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    if not stat.S_ISREG(mode):
        raise ValueError(f"it is {kinds.get(stat.S_IFMT(mode), 'a device')}, not a file")


def read_policy(config: Config) -> Policy:
    """The configuration with the secrets that it names. Raises StartError for a bad one."""
    servers = tuple(_server(server) for server in config.relay.servers)
    if config.upstream.trusted_ca is not None:
        _check_ca(config.upstream.trusted_ca)
    return Policy(config, servers, _users(config.users.file))


def _users(file: str | None) -> tuple[User, ...]:
    """Who may use the proxy. Raises RtcguardError in one line where the file cannot tell."""
    if file is None:
        return ()
    content = _read_private(Path(file), "users.file", MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise StartError(f"{file}: users.file has more than {MAX_BYTES >> 20} MiB")
    try:
        return users.parse(content.decode("utf-8-sig"), file)
    except UnicodeDecodeError as error:
        raise StartError(f"{file}: users.file is not UTF-8 at byte {error.start}") from error


def _check_ca(path: str) -> None:
    if not Path(path).is_file():
        raise StartError(f"{path}: upstream.trusted_ca names no file; it is a PEM certificate")
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise StartError(f"{path}: upstream.trusted_ca cannot be used: {error}") from error


def _server(server: RelayServer) -> IceServer:
    secret = b""
    if server.shared_secret_file:
        secret = _read_secret(Path(server.shared_secret_file))
    return IceServer(server.urls, server.username, server.credential, secret, server.lifetime)


def _read_secret(path: Path) -> bytes:
    """The shared secret in a file; of a link, what counts is the file that it leads to.

    Its group may read it, and write it: coturn's own (turnserver), or that of rtcguard under
    systemd, which both have to read the one file."""
    key = "relay.servers.shared_secret_file"
    secret = _read_private(path, key, _MAX_SECRET + 1).strip()
    if not secret:
        raise StartError(f"{path}: {key} is empty; it holds coturn's static-auth-secret")
    if len(secret) > _MAX_SECRET or len(secret.splitlines()) > 1 or b"\0" in secret:
        raise StartError(f"{path}: {key} is not one line; it holds coturn's static-auth-secret")
    return secret


def _read_private(path: Path, key: str, size: int) -> bytes:
    """A file that others must not read, or so many bytes of it; `key` names it in the
    configuration. Raises StartError."""
    try:
        _regular(path.stat().st_mode)
        with open(path, "rb", opener=_without_waiting) as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(size)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise StartError(f"{path}: {key} cannot be read: {why}") from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        what = "read" if mode & stat.S_IROTH else "written"
        raise StartError(f"{path}: {key} can be {what} by everybody; run: chmod o= {path}")
    return content
