"""Checks of this machine: the configuration, the ledger, and what should listen."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from rtcguard.app import relay, settings
from rtcguard.app.doctor.check import Check, Result
from rtcguard.app.settings import State
from rtcguard.errors import ConfigError, ParseError, RtcguardError
from rtcguard.ice.address import host_port, scope
from rtcguard.ledger.store import Store
from rtcguard.network import stun
from rtcguard.policy.model import Config, HostPort, Policy
from rtcguard.web.site import HOST

_PATIENCE: Final = 3.0  # seconds for an answer of this machine
_REQUEST: Final = (
    f"GET http://{HOST}/ HTTP/1.0\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
)
_START: Final = "start it: rtcguard run"


def configuration(path: Path | None) -> tuple[Check, Policy | None]:
    """Whether it can be read, with the secrets that it names; None where it cannot."""
    try:
        policy = settings.read_policy(settings.read_config(path))
    except ConfigError as error:
        mistakes = [Result("failed", str(mistake)) for mistake in error.mistakes]
        return _known("configuration", *mistakes), None
    except RtcguardError as error:
        return _known("configuration", Result("failed", str(error))), None
    named = str(path) if path is not None else "none given: the built-in defaults hold"
    return _known("configuration", Result("ok", named)), policy


def checks(config: Config, state: State) -> list[Check]:
    """The ledger, the proxy, the STUN responder."""
    made = [
        Check("ledger", lambda: _ledger(state)),
        Check(f"proxy {host_port(*config.listen)}", lambda: _proxy(config.listen)),
    ]
    if config.relay.managed:
        made.append(Check("coturn (relay.managed)", _coturn))
    for address in config.stun.listen:
        made.append(Check(f"STUN {host_port(*address)}", _responder(address, config.stun.answer)))
    return made


def _known(name: str, *results: Result) -> Check:
    async def run() -> Sequence[Result]:
        return results

    return Check(name, run)


async def _coturn() -> Sequence[Result]:
    return [Result("ok", relay.program("turnserver", "coturn"))]


async def _ledger(state: State) -> Sequence[Result]:
    path = state.ledger
    if not path.is_file():
        return [Result("warning", f"{path}: there is none yet", _START)]
    with contextlib.closing(Store(path)):
        if not os.access(path, os.W_OK):
            return [
                Result("failed", f"{path}: cannot be written", f"see who owns it: ls -l {path}")
            ]
    return [Result("ok", str(path))]


async def _proxy(listen: HostPort) -> Sequence[Result]:
    """Asks for the page that only rtcguard answers."""
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(_local(listen[0]), listen[1])
            with contextlib.closing(writer):
                writer.write(_REQUEST)
                answer = await reader.read(-1)
    except TimeoutError:
        return [Result("failed", f"no answer in {_PATIENCE:.0f} s", "see the log of rtcguard run")]
    except ConnectionRefusedError:
        return [Result("failed", "nothing listens there", _START)]
    except OSError as error:
        return [Result("failed", f"cannot be reached: {error.strerror or error}", _START)]
    if b"rtcguard" not in answer:
        return [
            Result(
                "failed",
                "something answers there that is not rtcguard",
                "stop it, or give rtcguard another place with listen",
            )
        ]
    return [Result("ok", "answers")]


def _responder(listen: HostPort, answer: str) -> Callable[[], Awaitable[Sequence[Result]]]:
    async def run() -> Sequence[Result]:
        return [
            *await asyncio.to_thread(_ask_responder, listen, answer, socket.SOCK_DGRAM),
            *await asyncio.to_thread(_ask_responder, listen, answer, socket.SOCK_STREAM),
        ]

    return run


def _ask_responder(listen: HostPort, answer: str, kind: socket.SocketKind) -> list[Result]:
    """A Binding request over UDP or TCP."""
    over = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
    request = stun.encode(stun.BINDING, stun.REQUEST, os.urandom(12))
    host = _local(listen[0])
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as asking:
        asking.settimeout(_PATIENCE)
        try:
            asking.connect((host, listen[1]))
            asking.sendall(request)
            reply = stun.parse(asking.recv(2048))
        except ConnectionRefusedError:
            return [Result("failed", f"nothing listens there over {over}", _START)]
        except TimeoutError:
            if answer == "silent":
                return [Result("ok", f"something listens over {over}; it is told to be silent")]
            return [Result("failed", f"no answer over {over}", "see the log of rtcguard run")]
        except OSError as error:
            return [Result("failed", f"cannot be reached: {error.strerror}", _START)]
        except ParseError:
            return [Result("failed", f"what answers over {over} does not speak STUN", "stop it")]
    if reply.transaction_id != request[8:20] or _told(reply) != answer:
        return [
            Result(
                "failed",
                f"a STUN server answers over {over}, but not by stun.answer: {answer}",
                "stop it (another rtcguard? a TURN server?), or start rtcguard anew",
            )
        ]
    return [Result("ok", f"answers over {over}: {answer}")]


def _told(reply: stun.Message) -> str:
    return "refuse" if reply.message_class == stun.ERROR else "decoy"


def _local(host: str) -> str:
    """Where an address that means all is reached from here."""
    if scope(host) != "unspecified":
        return host
    return "::1" if ":" in host else "127.0.0.1"
