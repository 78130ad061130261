"""Looks the names of approved servers up, by the machine's own resolver (dnspython)."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.resolver
from dns.rdatatype import RdataType

from rtcguard.ice import address as addresses
from rtcguard.network import approved
from rtcguard.network.approved import Found, Target
from rtcguard.network.firewall import Endpoint

LIFETIME: Final = 5.0  # seconds that one question may take
_HOSTS: Final = Path("/etc/hosts")
_HOSTS_TTL: Final = 300  # a file has none
_MOST: Final = 32  # SRV targets of one name that are followed


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one target. `ttl` in seconds; `problem` is empty where nothing failed."""

    target: Target
    endpoints: tuple[Endpoint, ...] = ()
    ttl: int = 0
    problem: str = ""


class Names:
    """Resolves targets. `nameservers` instead of those of /etc/resolv.conf, on `port`."""

    def __init__(
        self,
        nameservers: Iterable[str] = (),
        port: int = 53,
        lifetime: float = LIFETIME,
        hosts: Path = _HOSTS,
    ) -> None:
        self._nameservers = list(nameservers)
        self._port = port
        self._lifetime = lifetime
        self._hosts = hosts

    async def resolve(self, targets: Iterable[Target]) -> list[Answer]:
        """Answers in the order of the targets; those that name an address are left out."""
        asked = [target for target in targets if addresses.parse(target.host) is None]
        if not asked:
            return []
        try:
            resolver = self._resolver()
        except dns.exception.DNSException as error:
            return [Answer(target, problem=str(error)) for target in asked]
        return await asyncio.gather(*(self._one(resolver, target) for target in asked))

    def _resolver(self) -> dns.asyncresolver.Resolver:
        # Made anew each time: the machine may have come to another network.
        resolver = dns.asyncresolver.Resolver(configure=not self._nameservers)
        if self._nameservers:
            resolver.nameservers = list(self._nameservers)
            resolver.port = self._port
        resolver.lifetime = self._lifetime
        resolver.timeout = min(2.0, self._lifetime)
        return resolver

    async def _one(self, resolver: dns.asyncresolver.Resolver, target: Target) -> Answer:
        places = [(target.host, target.port)]
        ttls, problems = [], []
        if target.service:
            try:
                answer = await resolver.resolve(target.service, RdataType.SRV)
                ttls.append(_ttl(answer))
                # A target of "." says that there is no such service (RFC 2782).
                served = sorted((r.target.to_text(True).lower(), r.port) for r in answer)
                places += [place for place in served if place[0] not in ("", ".")][:_MOST]
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                pass  # the usual case
            except dns.exception.DNSException as error:
                problems.append(_reason(error))
        endpoints: dict[str, Endpoint] = {}
        for (_, port), (found, problem) in zip(
            places,
            await asyncio.gather(*(self._found(resolver, p[0]) for p in places)),
            strict=True,
        ):
            if found is not None:
                ttls.append(found.ttl)
                for endpoint in approved.endpoints(target, port, found):
                    endpoints.setdefault(endpoint.key, endpoint)
            if problem:
                problems.append(problem)
        if not endpoints and not problems:
            problems.append("it has no address that a relay could have")
        # A part of an answer is an answer: the name may have SRV records, and no address itself.
        problem = "" if endpoints else ", ".join(dict.fromkeys(problems))
        ttl = 0 if problems else min(ttls, default=0)
        return Answer(target, tuple(endpoints.values()), ttl, problem)

    async def _found(
        self, resolver: dns.asyncresolver.Resolver, host: str
    ) -> tuple[Found | None, str]:
        """A host's addresses, and why there are none, or not all."""
        try:
            known = approved.hosts(self._hosts.read_text(errors="replace"), host)
        except OSError:
            known = ()
        if known:
            return Found(known, _HOSTS_TTL), ""
        found: list[str] = []
        ttls, problems = [], []
        for answer in await asyncio.gather(
            resolver.resolve(host, RdataType.A),
            resolver.resolve(host, RdataType.AAAA),
            return_exceptions=True,
        ):
            if isinstance(answer, dns.resolver.Answer):
                found += [record.address for record in answer]
                ttls.append(_ttl(answer))
            elif isinstance(answer, dns.exception.DNSException):
                if not isinstance(answer, dns.resolver.NoAnswer):
                    problems.append(_reason(answer))
            else:  # an address family that is not there, a socket that cannot be made
                problems.append(str(answer))
        return (Found(tuple(found), min(ttls)) if found else None), ", ".join(
            dict.fromkeys(problems)
        )


def _ttl(answer: dns.resolver.Answer) -> int:
    """Of the whole chain of aliases, the shortest."""
    return int(answer.chaining_result.minimum_ttl)


def _reason(error: dns.exception.DNSException) -> str:
    if isinstance(error, dns.resolver.NXDOMAIN):
        return "no such name"
    if isinstance(error, dns.resolver.LifetimeTimeout | dns.resolver.NoNameservers):
        return "no name server answered"
    return str(error).partition("\n")[0]
