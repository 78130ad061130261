"""A real PostgreSQL in a folder of its own, which can be killed and started again."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.lab.requirements import cannot_run
from tests.origin import free_port

_CONFIG = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
max_connections = 40
shared_buffers = 32MB
log_lock_waits = on
fsync = off
"""


@dataclass
class PostgreSQL:
    """`user` owns the server: it does not run as root."""

    programs: Path
    folder: Path
    port: int
    user: str | None
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://rtcguard@127.0.0.1:{self.port}/{database}"

    def make(self, more: str = "") -> None:
        argv = ["initdb", "-D", "data", "-U", "rtcguard", "--auth=trust", "--locale=C.UTF-8"]
        self._popen(argv, subprocess.PIPE).communicate()
        config = self.folder / "data" / "postgresql.conf"
        config.write_text(_CONFIG.format(port=self.port, folder=self.folder) + more)

    def start(self) -> None:
        """Returns when it answers, after what a crash left is repaired."""
        with open(self.folder / "log", "ab") as log:
            self.process = self._popen(["postgres", "-D", "data"], log)
        until = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                said = (self.folder / "log").read_text()
                assert self.process.poll() is None and time.monotonic() < until, said
                time.sleep(0.05)

    def _popen(self, argv: list[str], out: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(self.programs / argv[0]), *argv[1:]],
            cwd=self.folder,
            stdout=out,  # type: ignore[call-overload]
            stderr=subprocess.STDOUT,
            user=self.user,
            group=pwd.getpwnam(self.user).pw_gid if self.user else None,
            extra_groups=[] if self.user else None,
        )

    def kill(self) -> None:
        """As a machine that loses power would end it, but for what the kernel still writes."""
        assert self.process is not None
        children = _children(self.process.pid)
        for pid in (self.process.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        while any(_lives(pid) for pid in children):  # it starts when no other has its memory
            time.sleep(0.01)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # ends its connections, too
            self.process.wait(60)

    def use_tls(self, certificate: Path, key: Path) -> None:
        """For all connections from now on, beside those without."""
        for name, source in (("server.crt", certificate), ("server.key", key)):
            made = self.folder / "data" / name
            shutil.copyfile(source, made)
            made.chmod(0o600)
            if self.user:
                shutil.chown(made, self.user)
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET ssl = on")
            connection.execute("SELECT pg_reload_conf()")

    def new_database(self, name: str) -> str:
        """Its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


@contextlib.contextmanager
def postgresql(more: str = "") -> Iterator[PostgreSQL]:
    """A running one; `more` is for its configuration."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        cannot_run("no PostgreSQL (Debian package postgresql)")
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="rtcguard-postgresql-"))
    if user:
        shutil.chown(folder, user)
    made = PostgreSQL(found[-1].parent, folder, free_port(), user)
    try:
        made.make(more)
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
