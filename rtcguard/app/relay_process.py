"""The process `relay`: starts coturn, sees that it answers, and ends it with itself.

coturn must not outlive rtcguard, whoever is killed: the kernel ends it with the process that
started it (PR_SET_PDEATHSIG), and that process ends with its pipe to the supervisor.
"""

import asyncio
import collections
import contextlib
import ctypes
import logging
import os
import pwd
import selectors
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from aioice import stun

from rtcguard.app import relay
from rtcguard.errors import StartError
from rtcguard.ice.server import ServerUri, timed_credentials
from rtcguard.network import coturn
from rtcguard.network.allocation import Allocation

FILE: Final = "turnserver.conf"
_USERS: Final = ("turnserver", "coturn")  # Debian's and Fedora's
_NET_BIND_SERVICE: Final = 10  # linux/capability.h
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38  # linux/prctl.h
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_LOWER = 47, 3
_START_TIMEOUT: Final = 15.0  # seconds
_PORTS_TIMEOUT: Final = 2.0
_ANSWER_TIMEOUT: Final = 2.0
_STOP_TIMEOUT: Final = 3.0
_LINES: Final = 100  # of its log, told when it ends

logger = logging.getLogger(__name__)


def keep(server: coturn.Server, folder: Path, pipe: int, ready: Callable[[], object]) -> bool:
    """Runs coturn until `pipe` has something to read or its end; False where coturn ended first.

    Calls `ready` when every URL gave an allocation. `folder` is made; it holds coturn's files.
    Raises StartError.
    """
    user = _user()
    _write(server, folder, user)
    _wait_for_ports(server)
    with _coturn(server, folder, user) as (child, log):
        asyncio.run(_until_it_answers(server, child, log))
        ready()
        return _watch(child, log, pipe)


def _wait_for_ports(server: coturn.Server) -> None:
    """A coturn that was just killed may hold them for a moment. Raises StartError."""
    until = time.monotonic() + _PORTS_TIMEOUT
    while True:
        try:
            return relay.check_ports(server)
        except StartError:
            if time.monotonic() > until:
                raise
        time.sleep(0.1)


class _Log:
    """What coturn says: its last lines."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        assert child.stdout is not None
        self.descriptor = child.stdout.fileno()
        os.set_blocking(self.descriptor, False)
        self._rest = b""
        self._lines: collections.deque[str] = collections.deque(maxlen=_LINES)

    def read(self) -> bool:
        """Takes what is there; False at its end."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.descriptor, 1 << 16):
                *lines, self._rest = (self._rest + data).split(b"\n")
                self._lines += (line.decode(errors="replace") for line in lines if line.strip())
                self._rest = self._rest[-1000:]
            return False
        return True

    def tls_is_off(self) -> bool:
        """Whether a certificate or a key could not be used: it goes on without TLS then."""
        return any("cannot start TLS" in line for line in self._lines)

    def problems(self) -> str:
        """The lines that say what is wrong, else the last ones."""
        marks = ("error", "warning", "cannot", "fatal", "bad ")
        told = [line for line in self._lines if any(mark in line.lower() for mark in marks)]
        return " | ".join(told or list(self._lines)[-3:]) or "it said nothing"


def _user() -> pwd.struct_passwd | None:
    """Whose rights coturn gets where rtcguard has those of root. Raises StartError."""
    if os.geteuid() != 0:
        return None
    for name in _USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise StartError(
        f"relay.managed: there is no user {' or '.join(_USERS)} to run coturn as; "
        "its package makes one, or run rtcguard without root's rights"
    )


def _write(server: coturn.Server, folder: Path, user: pwd.struct_passwd | None) -> None:
    """The configuration, for coturn alone to read: it has the secret in it."""
    try:
        content = coturn.configuration(server, ("userdb=turndb", "pidfile=pid"))
    except ValueError as error:
        raise StartError(f"relay.managed: {error}") from error
    path, new = folder / FILE, folder / f"{FILE}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
            if user is not None:  # by descriptor: in this folder coturn may put what it likes
                os.fchown(file.fileno(), user.pw_uid, user.pw_gid)
                os.chown(folder, user.pw_uid, user.pw_gid)
        os.replace(new, path)
    except OSError as error:
        raise StartError(f"{path}: cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def _coturn(
    server: coturn.Server, folder: Path, user: pwd.struct_passwd | None
) -> Iterator[tuple["subprocess.Popen[bytes]", _Log]]:
    """coturn as a child, with no more rights than it needs; ended at the end.

    Its folder is its working directory, so that it need not see into the folders above it.
    """
    low = any(port < 1024 for port in server.ports)
    argv = [relay.program("turnserver", "coturn"), "-c", f"./{FILE}"]
    if user is not None:
        kept = "-all,+net_bind_service" if low else "-all"
        options = ["--pdeathsig=KILL", "--no-new-privs", "--init-groups"]
        options += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}"]
        options += [f"--{which}={kept}" for which in ("bounding-set", "inh-caps", "ambient-caps")]
        argv = [relay.program("setpriv", "util-linux"), *options, *argv]
    with subprocess.Popen(
        argv,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=None if user is not None else _restrictor(low),
    ) as child:
        try:
            yield child, _Log(child)
        finally:
            child.terminate()
            try:
                child.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                child.kill()


def _restrictor(low_ports: bool) -> Callable[[], None]:
    """What the child of a rtcguard without root's rights does before it becomes coturn. What
    setpriv does, without capset, which a service manager may well forbid."""
    libc, parent = ctypes.CDLL(None), os.getpid()

    def restrict() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        for capability in range(64):
            if capability != _NET_BIND_SERVICE or not low_ports:
                libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_LOWER, capability, 0, 0)
        if os.getppid() != parent:  # it died before it was said to be watched
            os._exit(1)

    return restrict


async def _until_it_answers(
    server: coturn.Server, child: "subprocess.Popen[bytes]", log: _Log
) -> None:
    """Until every URL gives an allocation at every address. Raises StartError."""
    until = time.monotonic() + _START_TIMEOUT
    username, password = timed_credentials(server.secret.encode(), int(time.time()) + 60, "start")
    for uri in server.uris:
        for address in server.listen:
            while (problem := await _problem(uri, address, username, password)) is not None:
                log.read()
                if child.poll() is not None or log.tls_is_off():
                    raise StartError(f"relay.managed: coturn does not start: {log.problems()}")
                if time.monotonic() > until:
                    raise StartError(
                        f"relay.managed: coturn gives no allocation for {uri} at {address} "
                        f"({problem}): {log.problems()}"
                    )
                await asyncio.sleep(0.05)


async def _problem(uri: ServerUri, address: str, username: str, password: str) -> str | None:
    # Whether others can trust the certificate is the doctor's question; here it is on this machine.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT):
            allocation = await Allocation.open(uri, address, username, password, context)
            try:
                await allocation.allocate()
            finally:
                await allocation.close()
    except TimeoutError:
        return "no answer"
    except (OSError, stun.TransactionError) as error:
        return str(error)
    return None


def _watch(child: "subprocess.Popen[bytes]", log: _Log, pipe: int) -> bool:
    """Until one of both ends; True: it was the pipe."""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        selector.register(log.descriptor, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if pipe in ready:
                return True
            if not log.read():
                code = child.wait()
                logger.error("coturn ended (%s): %s", code, log.problems())
                return False
