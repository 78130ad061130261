"""Checks of the STUN responder: Binding requests, their answers, what the ledger has of them."""

import os
import socket
from collections.abc import Sequence
from functools import partial
from typing import Final

from rtcguard.app.doctor import ledger
from rtcguard.app.doctor.check import SEE_LOG, START, Check, Result, Setup, known
from rtcguard.app.doctor.threads import in_thread
from rtcguard.app.doctor.through import PATIENCE, as_client
from rtcguard.errors import ParseError
from rtcguard.ice.address import host_port
from rtcguard.network import stun
from rtcguard.policy.model import HostPort

_KINDS: Final = {"UDP": socket.SOCK_DGRAM, "TCP": socket.SOCK_STREAM}
_ANOTHER: Final = "stop it (another rtcguard? a TURN server?), or start rtcguard anew"


def checks(setup: Setup) -> list[Check]:
    listen = setup.policy.config.stun.listen
    if not listen:
        return [known("STUN responder", Result("off", "stun.listen names no address"))]
    return [
        Check(f"STUN {host_port(*address)}", partial(_responder, setup, address))
        for address in listen
    ]


async def _responder(setup: Setup, listen: HostPort) -> Sequence[Result]:
    config = setup.policy.config.stun
    own = as_client(listen, config.clients)
    if own is None:
        what = "gives this machine no answer: it is not among stun.clients"
        return [Result("warning", what, "add its address there, if it is to be protected too")]
    found, before = [], ledger.last_seq(setup)
    fragment = ledger.fragment()
    for over in _KINDS:
        found.append(
            await in_thread(partial(_ask, (own, listen[1]), config.answer, over, fragment))
        )
    if all(result.status == "ok" for result in found):
        told = await ledger.has(setup, before, lambda record: record.ufrag == fragment)
        found.append(ledger.told(told, "the requests"))
    return found


def _ask(listen: HostPort, answer: str, over: str, fragment: str) -> Result:
    """One Binding request, as ICE sends them: with a name by which the ledger's event is found."""
    name = (stun.USERNAME, f"there:{fragment}".encode())
    request = stun.encode(stun.BINDING, stun.REQUEST, os.urandom(12), (name,))
    family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
    with socket.socket(family, _KINDS[over]) as asking:
        asking.settimeout(PATIENCE if answer != "silent" else min(PATIENCE, 1.0))
        try:
            asking.connect(listen)
            asking.sendall(request)
            reply = stun.parse(asking.recv(2048))
        except ConnectionRefusedError:
            return Result("failed", f"nothing listens there over {over}", START)
        except TimeoutError:
            if answer == "silent":
                return Result("ok", f"gives no answer over {over}, as stun.answer: silent says")
            return Result("failed", f"no answer over {over} in {PATIENCE:g} s", SEE_LOG)
        except OSError as error:
            return Result("failed", f"cannot be reached over {over}: {error.strerror}", START)
        except ParseError:
            return Result("failed", f"what answers over {over} does not speak STUN", _ANOTHER)
    if reply.transaction_id != request[8:20] or _told(reply) != answer:
        what = f"a STUN server answers over {over}, but not by stun.answer: {answer}"
        return Result("failed", what, _ANOTHER)
    return Result("ok", f"answers over {over}: {answer}")


def _told(reply: stun.Message) -> str:
    return "refuse" if reply.message_class == stun.ERROR else "decoy"
