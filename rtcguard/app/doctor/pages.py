"""Checks of what else answers HTTP on this machine: the site, and the figures for Prometheus."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from rtcguard.app.doctor.check import SEE_LOG, START, Check, Result, Setup, known
from rtcguard.app.doctor.through import PATIENCE
from rtcguard.ice.address import host_port, near
from rtcguard.policy.model import HostPort

_NO_SITE: Final = "web.listen is null: the proxy answers with a plain page"


def checks(setup: Setup) -> list[Check]:
    web, metrics = setup.policy.config.web.listen, setup.policy.config.metrics.listen
    return [
        _check("site", web, "/", b"rtcguard", _NO_SITE),
        _check("metrics", metrics, "/metrics", b"rtcguard_", "metrics.listen is null"),
    ]


def _check(name: str, listen: HostPort | None, path: str, has: bytes, off: str) -> Check:
    if listen is None:
        return known(name, Result("off", off))
    return Check(f"{name} {host_port(*listen)}", partial(_get, listen, path, has))


async def _get(listen: HostPort, path: str, has: bytes) -> Sequence[Result]:
    host, port = near(listen[0]), listen[1]
    request = f"GET {path} HTTP/1.0\r\nHost: {host_port(host, port)}\r\n\r\n".encode()
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(request)
                answer = await reader.read(-1)
            finally:
                writer.close()
    except TimeoutError:
        return [Result("failed", f"no answer in {PATIENCE:g} s", SEE_LOG)]
    except ConnectionRefusedError:
        return [Result("failed", "nothing listens there", START)]
    except OSError as error:
        return [Result("failed", f"cannot be reached: {error.strerror or error}", START)]
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.split()[1:2] != [b"200"] or has not in body:
        said = head.partition(b"\r\n")[0].decode(errors="replace")[:80]
        what = f"something else answers there ({said!r})"
        return [Result("failed", what, "stop it, or give rtcguard another place")]
    return [Result("ok", f"answers http://{host_port(host, port)}{path}")]
