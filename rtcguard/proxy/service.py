"""mitmproxy, embedded: one worker's master with the addons that a filtering proxy needs.

Left out of mitmproxy's own are recording, replaying, editing by hand and its web pages: each addon
costs time on every flow, and none is needed here.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mitmproxy import exceptions, master, options
from mitmproxy.addons import (
    block,
    core,
    disable_h2c,
    dns_resolver,
    next_layer,
    proxyauth,
    proxyserver,
    strip_dns_https_records,
    tlsconfig,
    upstream_auth,
)
from mitmproxy.proxy import mode_servers

from rtcguard.errors import StartError
from rtcguard.ice.address import host_port
from rtcguard.network import firewall
from rtcguard.policy.model import Config, HostPort
from rtcguard.proxy.addon import RtcGuard


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
        self._ready()


async def serve(
    config: Config,
    listen: HostPort,
    modes: tuple[str, ...],
    ca: Path,
    guard: RtcGuard,
    ready: Callable[[], None],
    stopped: asyncio.Event,
    *,
    shared: bool = False,
) -> None:
    """Runs the proxy until `stopped` is set. Raises StartError where it cannot begin.

    `modes` are mitmproxy's (`regular`, `socks5`, `transparent`, …); without one the proxy is a
    regular one, or goes out through `upstream.proxy`. `shared`: other workers listen there too.
    """
    if shared:
        setattr(mode_servers.AsyncioServerInstance, "listen", _listen_shared)  # noqa: B010
    what = f"the proxy on {host_port(*listen)} with the certificates in {ca}"
    made = options.Options(confdir=str(ca), listen_host=listen[0], listen_port=listen[1])
    proxy = master.Master(made)
    try:
        proxy.addons.add(
            _Start(what, ready),
            core.Core(),
            block.Block(),
            strip_dns_https_records.StripDnsHttpsRecords(),
            disable_h2c.DisableH2C(),
            proxyauth.ProxyAuth(),
            proxyserver.Proxyserver(),
            dns_resolver.DnsResolver(),
            next_layer.NextLayer(),
            tlsconfig.TlsConfig(),
            upstream_auth.UpstreamAuth(),
            guard,
        )
        made.update(
            mode=[*(modes or (_default_mode(config),)), *_led(config)],
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


def _led(config: Config) -> list[str]:
    """The modes for the connections that the firewall leads here: one for each family of IP."""
    if not (config.gateway.transparent and firewall.wanted(config)):
        return []
    hosts = ["0.0.0.0", "::"] if socket.has_dualstack_ipv6() else ["0.0.0.0"]
    return [f"transparent@{host}:{config.gateway.transparent_port}" for host in hosts]


def _default_mode(config: Config) -> str:
    return f"upstream:{config.upstream.proxy}" if config.upstream.proxy else "regular"
