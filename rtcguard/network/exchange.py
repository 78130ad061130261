"""DNS messages as a server that asks others reads and writes them: queries in, responses out.

Whatever comes in is read or answered with an error; a response never has more than its asker takes.
"""

import struct
from typing import Final

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset

from rtcguard.ice import address as addresses
from rtcguard.network.answers import Answer
from rtcguard.network.cache import Question

PAYLOAD: Final = 1232  # bytes of a UDP answer that no path has to cut (RFC 9715)
_TTL: Final = 60  # seconds that clients keep an answer of ours
_SOA: Final = dns.rdata.from_text(
    "IN", "SOA", f"rtcguard.test. nobody.rtcguard.test. 1 3600 600 86400 {_TTL}"
)
_HEADER: Final = struct.Struct("!HHHHHH")


def parse(wire: bytes) -> dns.message.QueryMessage | bytes | None:
    """A query, or the answer to what cannot be one, or None for what must not be answered.

    Total: no bytes make it raise. A response is never answered, two servers would go on for ever.
    """
    if len(wire) < _HEADER.size:
        return None
    _, flags, questions, *_ = _HEADER.unpack_from(wire)
    if flags & dns.flags.QR:
        return None
    if dns.opcode.from_flags(flags) != dns.opcode.QUERY:
        return failure(wire, dns.rcode.NOTIMP)
    if questions != 1:  # RFC 9619
        return failure(wire, dns.rcode.FORMERR)
    try:
        message = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError, IndexError, struct.error):
        return failure(wire, dns.rcode.FORMERR)
    if not isinstance(message, dns.message.QueryMessage) or len(message.question) != 1:
        return failure(wire, dns.rcode.FORMERR)
    return message


def failure(wire: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """An answer without a question, to a query of which only the header can be trusted."""
    identity, flags, *_ = _HEADER.unpack_from(wire)
    kept = flags & (0x7800 | dns.flags.RD)  # the opcode
    return _HEADER.pack(identity, kept | dns.flags.QR | dns.flags.RA | rcode, 0, 0, 0, 0)


def question_of(query: dns.message.Message) -> Question:
    """What an upstream is asked for a query; more than this of it nobody learns."""
    asked = query.question[0]
    return Question(
        asked.name.canonicalize(),
        asked.rdtype,
        bool(query.ednsflags & dns.flags.DO),
        bool(query.flags & dns.flags.CD),
    )


def respond(query: dns.message.Message, answer: Answer) -> dns.message.Message:
    """An upstream's answer as the response to this query."""
    response = bare(query, answer.rcode, *answer.errors)
    response.answer = list(answer.answer)
    response.authority = list(answer.authority)
    # RFC 6840 section 5.8: only for who asked to know.
    if answer.authentic and (query.flags & dns.flags.AD or query.ednsflags & dns.flags.DO):
        response.flags |= dns.flags.AD
    return response


def failed(query: dns.message.Message, error: dns.edns.EDECode, text: str) -> dns.message.Message:
    """SERVFAIL, with what went wrong (RFC 8914) for who reads EDNS."""
    return bare(query, dns.rcode.SERVFAIL, dns.edns.EDEOption(error, text))


def bare(
    query: dns.message.Message, rcode: dns.rcode.Rcode, *errors: dns.edns.EDEOption
) -> dns.message.Message:
    """A response without records. A query without EDNS gets none (RFC 6891 section 7)."""
    response = dns.message.make_response(query, recursion_available=True)
    response.flags |= query.flags & dns.flags.CD
    if query.edns >= 0:
        do = query.ednsflags & dns.flags.DO
        response.use_edns(0, do, PAYLOAD, options=list(errors))
    response.set_rcode(rcode)
    return response


def denied(
    query: dns.message.Message, rcode: dns.rcode.Rcode, *errors: dns.edns.EDECode
) -> dns.message.Message:
    """A response that denies, with a SOA, so that clients keep it for a while (RFC 2308)."""
    options = [dns.edns.EDEOption(code, "rtcguard's sinkhole") for code in errors]
    response = bare(query, rcode, *options)
    response.authority = [dns.rrset.from_rdata(query.question[0].name, _TTL, _SOA)]
    return response


def addressed(query: dns.message.Message, hosts: list[str]) -> dns.message.Message:
    """A response with those of `hosts` that are of the type asked for; that may be none."""
    asked = query.question[0]
    version = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}.get(asked.rdtype, 0)
    of_type = [str(one) for one in map(addresses.parse, hosts) if one and one.version == version]
    if not of_type:
        return denied(query, dns.rcode.NOERROR)
    response = bare(query, dns.rcode.NOERROR)
    response.answer = [dns.rrset.from_text(asked.name, _TTL, "IN", asked.rdtype, *of_type)]
    return response


def to_wire(query: dns.message.Message, response: dns.message.Message, *, udp: bool) -> bytes:
    """A response in bytes; over UDP one too long for its asker is cut down to "ask by TCP"."""
    if not udp:
        return response.to_wire(max_size=65535)
    limit = min(max(query.payload, 512), PAYLOAD) if query.edns >= 0 else 512
    try:
        return response.to_wire(max_size=limit)
    except dns.exception.TooBig:
        response.answer, response.authority, response.additional = [], [], []
        response.flags |= dns.flags.TC
        return response.to_wire(max_size=limit)
