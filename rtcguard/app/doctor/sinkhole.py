"""Checks of the DNS sinkhole: a STUN server's name, and one that goes to an upstream server."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from rtcguard.app.doctor import ledger, origin
from rtcguard.app.doctor.check import SEE_LOG, START, Check, Result, Setup, known
from rtcguard.app.doctor.threads import in_thread
from rtcguard.app.doctor.through import PATIENCE, as_client
from rtcguard.ice import address as addresses
from rtcguard.ice.address import host_port
from rtcguard.network import sinkhole
from rtcguard.network.clock import minute_of_week
from rtcguard.network.names import names_of
from rtcguard.policy.decide import approved_names
from rtcguard.policy.model import HostPort

_UPSTREAM_PATIENCE: Final = 10.0  # seconds; each upstream server is asked twice
# RFC 2606: everybody's DNS knows it, and asking tells nothing.
_ANYBODY: Final = "example.com"
_WAYS: Final[dict[str, Callable[..., dns.message.Message]]] = {
    "UDP": dns.query.udp,
    "TCP": dns.query.tcp,
}


def checks(setup: Setup) -> list[Check]:
    listen = setup.policy.config.sinkhole.listen
    if not listen:
        return [known("DNS sinkhole", Result("off", "sinkhole.listen names no address"))]
    return [
        Check(f"DNS {host_port(*address)}", partial(_sinkhole, setup, address), 60.0)
        for address in listen
    ]


async def _sinkhole(setup: Setup, listen: HostPort) -> Sequence[Result]:
    own = as_client(listen, setup.policy.config.sinkhole.clients)
    if own is None:
        what = "gives this machine no answer: it is not among sinkhole.clients"
        return [Result("warning", what, "add its address there, if it is to be protected too")]
    before = ledger.last_seq(setup)
    name = f"stun.d{os.urandom(6).hex()}.{origin.SITE}"
    query = dns.message.make_query(name, "A")
    judged = sinkhole.judge(
        query, own, own, names_of(setup.policy.config), setup.policy, minute_of_week()
    )
    found = []
    if judged.response is None:
        found.append(Result("warning", "passes on the names of STUN servers, as mode or rules say"))
    else:
        for over in _WAYS:
            found.append(
                await in_thread(partial(_sunk, (own, listen[1]), query, judged.response, over))
            )
        if all(result.status == "ok" for result in found):
            told = await ledger.has(setup, before, lambda record: record.name == name)
            found.append(ledger.told(told, "the name"))
    if all(result.status != "failed" for result in found):
        found.append(await in_thread(partial(_upstream, setup, (own, listen[1]))))
    return found


def _sunk(
    listen: HostPort, query: dns.message.Message, expected: dns.message.Message, over: str
) -> Result:
    try:
        answer = _WAYS[over](query, listen[0], PATIENCE, listen[1], source=listen[0])
    except Exception as error:
        return _failed(error, over, PATIENCE)
    if _said(answer) != _said(expected):
        what = f"a DNS server answers over {over} {_said(answer)}, in place of {_said(expected)}"
        return Result("failed", what, "stop the other one, or start rtcguard anew")
    return Result("ok", f"answers for a STUN server's name over {over}: {_said(answer)}")


def _upstream(setup: Setup, listen: HostPort) -> Result:
    """A name that is to be found out: an approved server's, or one that everybody's DNS has."""
    hosts = sorted(approved_names(setup.policy.config.relay))
    name = next((host for host in hosts if addresses.parse(host) is None), _ANYBODY)
    query = dns.message.make_query(name, "A")
    try:
        answer = dns.query.udp(query, listen[0], _UPSTREAM_PATIENCE, listen[1], source=listen[0])
    except Exception as error:
        return _failed(error, "UDP", _UPSTREAM_PATIENCE)
    if answer.rcode() == dns.rcode.SERVFAIL:
        step = "see sinkhole.upstream, and that these servers can be reached from here"
        return Result("failed", f"no upstream server answers for {name}", step)
    return Result("ok", f"upstream answers for {name}: {_said(answer)}")


def _said(answer: dns.message.Message) -> str:
    """The addresses of an answer, or what it says in place of them."""
    told = [
        rdata.to_text()
        for rrset in answer.answer
        for rdata in rrset
        if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)
    ]
    return ", ".join(sorted(told)[:4]) or dns.rcode.to_text(answer.rcode())


def _failed(error: Exception, over: str, seconds: float) -> Result:
    match error:
        case ConnectionRefusedError():
            return Result("failed", f"nothing listens there over {over}", START)
        case dns.exception.Timeout():
            return Result(
                "failed", f"no answer over {over} in {seconds:g} s", f"{START}; {SEE_LOG}"
            )
        case OSError():
            return Result("failed", f"cannot be reached over {over}: {error.strerror}", START)
    return Result("failed", f"what answers over {over} does not speak DNS ({error})", "stop it")
