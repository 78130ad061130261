"""mitmproxy, embedded: one worker's master with the addons that a filtering proxy needs.

Left out of mitmproxy's own are recording, replaying, editing by hand and its web pages: each addon
costs time on every flow, and none is needed here.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mitmproxy import exceptions, master, options, platform
from mitmproxy.addons import (
    block,
    core,
    disable_h2c,
    dns_resolver,
    next_layer,
    proxyserver,
    strip_dns_https_records,
    tlsconfig,
    upstream_auth,
)
from mitmproxy.proxy import mode_servers

from rtcguard.errors import StartError
from rtcguard.ice import address as addresses
from rtcguard.policy.model import Config
from rtcguard.proxy import wireguard
from rtcguard.proxy.addon import RtcGuard
from rtcguard.proxy.modes import Mode
from rtcguard.proxy.users import Users


class _Start(logging.Handler):
    """mitmproxy tells of a failed start by its log alone: this addon turns that into an exception.

    `Master.run` calls an addon of the name `errorcheck` at each step of the start. Until the start
    is over, mitmproxy's log goes nowhere else: one failure is one line.
    """

    name = "errorcheck"

    def __init__(self, what: str, ready: Callable[[], None]) -> None:
        """`what` names what was to be started, for people."""
        super().__init__(logging.ERROR)
        self._what = what
        self._ready = ready
        self._messages: list[str] = []
        self._log = logging.getLogger("mitmproxy")
        self._log.addHandler(self)
        self._log.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage().partition("\n")[0]
        self._messages.append(message.removeprefix("Addon error: "))

    async def shutdown_if_errored(self) -> None:
        await asyncio.sleep(0)
        if self._messages:
            raise StartError(f"{self._what} cannot start: {self._messages[0]}")

    def finish(self) -> None:
        self._log.removeHandler(self)
        self._log.propagate = True
        try:
            self._ready()
        except OSError as error:
            raise StartError(f"{error.filename}: cannot be written: {error.strerror}") from error


async def serve(
    config: Config,
    modes: tuple[Mode, ...],
    ca: Path,
    users: Users,
    guard: RtcGuard,
    ready: Callable[[], None],
    stopped: asyncio.Event,
    *,
    shared: bool = False,
) -> None:
    """Runs the proxy until `stopped` is set. Raises StartError where it cannot begin.

    `shared`: other workers listen there too.
    """
    if shared:
        setattr(mode_servers.AsyncioServerInstance, "listen", _listen_shared)  # noqa: B010
    named = ", ".join(mode.spec for mode in modes)
    what = f"the proxy ({named}) with the certificates in {ca}"
    made = options.Options(confdir=str(ca))
    proxy = master.Master(made)
    server = proxyserver.Proxyserver()
    tunnels = [mode for mode in modes if mode.name == "wireguard"]

    def started() -> None:
        for mode in tunnels:
            running = server.servers[mode.spec]
            assert isinstance(running, mode_servers.WireGuardServerInstance)
            wireguard.write_client_file(running, mode.client_file(ca))
        ready()

    try:
        for mode in tunnels:
            wireguard.make_keys(mode.keys(ca))
        proxy.addons.add(
            _Start(what, started),
            core.Core(),
            block.Block(),
            strip_dns_https_records.StripDnsHttpsRecords(),
            disable_h2c.DisableH2C(),
            users,
            server,
            dns_resolver.DnsResolver(),
            next_layer.NextLayer(),
            tlsconfig.TlsConfig(),
            upstream_auth.UpstreamAuth(),
            guard,
        )
        made.update(
            mode=[mode.spec for mode in modes],
            http3=False,  # HTTPS records name no HTTP/3: it is refused (datagrams.py)
            ssl_verify_upstream_trusted_ca=config.upstream.trusted_ca,
        )
    except (exceptions.OptionsError, OSError, ValueError) as error:
        raise StartError(f"the proxy cannot be set up: {error}") from error
    waiting = asyncio.get_running_loop().create_task(_shutdown_after(stopped, proxy))
    try:
        await proxy.run()
    finally:
        waiting.cancel()


async def _shutdown_after(stopped: asyncio.Event, proxy: master.Master) -> None:
    await stopped.wait()
    proxy.shutdown()


async def _listen_shared(
    self: mode_servers.AsyncioServerInstance[Any], host: str, port: int
) -> list[asyncio.Server]:
    """In place of mitmproxy's own, which has no way to let several processes share a port."""
    return [await asyncio.start_server(self.handle_stream, host, port, reuse_port=True)]


def _original_destination(connection: socket.socket) -> tuple[str, int]:
    """Where a redirected connection was to go. Raises OSError for one that was made to the proxy
    itself: going there, it would come back for ever."""
    assert _kernel_s_word is not None
    to = _kernel_s_word(connection)
    own = connection.getsockname()
    if to == (addresses.canonical(own[0]), own[1]):
        raise OSError("it was not redirected here, but sent here")
    return to


async def _handle_until_the_end(
    self: mode_servers.ServerInstance[Any],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter | None = None,
) -> None:
    """A connection that is open when the proxy stops ends by being cancelled. In some releases of
    Python 3.12 asyncio tells that as an error, with a traceback, which it is not."""
    with contextlib.suppress(asyncio.CancelledError):
        await _handle(self, reader, writer)


_handle = mode_servers.ServerInstance.handle_stream
setattr(mode_servers.ServerInstance, "handle_stream", _handle_until_the_end)  # noqa: B010
_kernel_s_word = platform.original_addr
setattr(platform, "original_addr", _original_destination)  # noqa: B010
