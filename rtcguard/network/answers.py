"""What an upstream DNS server answered, as it is kept and given to clients: edited, with its time.

Pages have to come through the proxy. So the records that would lead a browser past it lose what
does: HTTPS and SVCB records (RFC 9460) their Encrypted ClientHello keys (RFC 9848) and HTTP/3, and
NAPTR records the relays that they name (RFC 5928). What was edited has no signature any more.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdtypes.svcbbase import ALPNParam, MandatoryParam, ParamKey, SVCBBase

from rtcguard.ice.address import canonical

LONGEST: Final = 86_400  # seconds that an answer is kept, whatever it says
LONGEST_NEGATIVE: Final = 3_600  # RFC 2308 section 5 has one to three hours

_ADDRESSES: Final = (dns.rdatatype.A, dns.rdatatype.AAAA)
_SERVICES: Final = (dns.rdatatype.HTTPS, dns.rdatatype.SVCB)


@dataclass(frozen=True, slots=True)
class Answer:
    """An upstream's answer to one question. `ttl`: seconds that it may be kept, 0: it may not."""

    rcode: dns.rcode.Rcode
    answer: tuple[dns.rrset.RRset, ...] = ()
    authority: tuple[dns.rrset.RRset, ...] = ()
    authentic: bool = False  # the upstream says that DNSSEC holds (AD)
    errors: tuple[dns.edns.EDEOption, ...] = ()
    ttl: int = 0
    size: int = 0  # bytes of the upstream's response

    def aged(self, seconds: int) -> "Answer":
        """The same, `seconds` later."""
        if seconds <= 0:
            return self
        return replace(
            self,
            answer=tuple(_aged(self.answer, seconds)),
            authority=tuple(_aged(self.authority, seconds)),
            ttl=max(0, self.ttl - seconds),
        )

    def addresses(self) -> list[str]:
        """The addresses in it, each in its one spelling."""
        return [
            canonical(rdata.to_text())
            for rrset in self.answer
            if rrset.rdtype in _ADDRESSES
            for rdata in rrset
        ]

    def aliases(self) -> list[str]:
        """The names that it says the name asked for stands for (CNAME)."""
        return self._names(dns.rdatatype.CNAME)

    def targets(self) -> frozenset[str]:
        """The hosts that its SRV and NAPTR records name, and its aliases."""
        found = [*self.aliases(), *self._names(dns.rdatatype.SRV)]
        return frozenset([*found, *self._names(dns.rdatatype.NAPTR, "replacement")])

    def _names(self, rdtype: dns.rdatatype.RdataType, field: str = "target") -> list[str]:
        names = (
            plain(getattr(rdata, field))
            for rrset in self.answer
            if rrset.rdtype == rdtype
            for rdata in rrset
        )
        return [name for name in names if name]


def plain(name: dns.name.Name) -> str:
    """A name as the rest of rtcguard writes it: lower case, without the dot at its end."""
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""


def read(message: dns.message.Message, *, edit: bool, relays: bool) -> Answer:
    """A response as an answer. `edit`: what leads past the proxy is taken out. `relays`: NAPTR
    records may name TURN servers."""
    answer, authority = _internet(message.answer), _internet(message.authority)
    ttl = _keeps(message.question[0].rdtype, answer, authority)
    edited: set[tuple[dns.name.Name, int]] = set()
    if edit:
        answer = list(_edited(answer, edited, relays=relays))
    return Answer(
        message.rcode(),
        tuple(answer),
        tuple(authority),
        bool(message.flags & dns.flags.AD) and not edited,
        tuple(option for option in message.options if isinstance(option, dns.edns.EDEOption)),
        ttl,
        len(message.wire or b""),
    )


def _internet(rrsets: Iterable[dns.rrset.RRset]) -> list[dns.rrset.RRset]:
    """Those of the class that was asked for; dnspython reads others as mere bytes."""
    return [rrset for rrset in rrsets if rrset.rdclass == dns.rdataclass.IN]


def _edited(
    rrsets: Iterable[dns.rrset.RRset], edited: set[tuple[dns.name.Name, int]], *, relays: bool
) -> Iterator[dns.rrset.RRset]:
    """The sets, edited, without the signatures over those that were. Fills `edited`."""
    made: list[dns.rrset.RRset] = []
    for rrset in rrsets:
        kept: list[Any]
        if rrset.rdtype in _SERVICES:
            kept = [one for one in map(stripped, rrset) if one is not None]
        elif rrset.rdtype == dns.rdatatype.NAPTR and not relays:
            kept = [one for one in rrset if not one.service.upper().startswith(b"RELAY")]
        else:
            made.append(rrset)
            continue
        if kept == list(rrset):
            made.append(rrset)
            continue
        edited.add((rrset.name, rrset.rdtype))
        if kept:
            made.append(dns.rrset.from_rdata_list(rrset.name, rrset.ttl, kept))
    for rrset in made:
        if rrset.rdtype != dns.rdatatype.RRSIG or (rrset.name, rrset.covers) not in edited:
            yield rrset


def stripped(record: SVCBBase) -> SVCBBase | None:
    """An HTTPS or SVCB record without ECH and HTTP/3; None where nothing that is left can be used.

    A record that says ECH is mandatory is for nobody without it. One that has HTTP/3 alone, and not
    the protocols that go without saying, speaks of a server that answers over UDP only.
    """
    params = dict(record.params)
    mandatory = params.get(ParamKey.MANDATORY)
    required = set(mandatory.keys) if isinstance(mandatory, MandatoryParam) else set()
    if ParamKey.ECH in params:
        if ParamKey.ECH in required:
            return None
        del params[ParamKey.ECH]
    alpn = params.get(ParamKey.ALPN)
    if isinstance(alpn, ALPNParam):
        left = [one for one in alpn.ids if not _is_http3(one)]
        if not left:
            if ParamKey.NO_DEFAULT_ALPN in params:
                return None
            del params[ParamKey.ALPN]
            required.discard(ParamKey.ALPN)
        elif len(left) < len(alpn.ids):
            params[ParamKey.ALPN] = ALPNParam(left)
    if params == dict(record.params):
        return record
    if ParamKey.MANDATORY in params:
        if required:
            params[ParamKey.MANDATORY] = MandatoryParam(sorted(required))
        else:
            del params[ParamKey.MANDATORY]
    return cast(SVCBBase, record.replace(params=params))


def _is_http3(protocol: bytes) -> bool:
    """`h3`, its drafts (`h3-29`), and what Google's QUIC was called."""
    return protocol == b"h3" or protocol.startswith((b"h3-", b"quic", b"hq-"))


def _keeps(
    asked: dns.rdatatype.RdataType,
    answer: Iterable[dns.rrset.RRset],
    authority: Iterable[dns.rrset.RRset],
) -> int:
    """Seconds that a response may be kept: the least of its records', and for one that denies the
    negative time in its SOA (RFC 2308 sections 3 and 5); without a SOA none."""
    times = [rrset.ttl for rrset in answer]
    if all(rrset.rdtype != asked for rrset in answer):
        soas = [rrset for rrset in authority if rrset.rdtype == dns.rdatatype.SOA]
        negative = [min(rrset.ttl, rrset[0].minimum) for rrset in soas]
        times.append(min([LONGEST_NEGATIVE, *negative]) if negative else 0)
    return max(0, min([LONGEST, *times]))


def _aged(rrsets: Iterable[dns.rrset.RRset], seconds: int) -> Iterator[dns.rrset.RRset]:
    for rrset in rrsets:
        made = rrset.copy()
        made.ttl = max(0, min(rrset.ttl, LONGEST) - seconds)
        yield made
