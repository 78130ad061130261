"""Names in mitmproxy's DNS modes (`dns`, `wireguard`), judged by the same core as the sinkhole's.

What cannot be judged is answered with SERVFAIL: mitmproxy would log the exception and go on.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Final

import dns.message
from mitmproxy import ctx
from mitmproxy.dns import DNSFlow, DNSMessage
from mitmproxy.net.dns import response_codes
from mitmproxy.proxy import mode_specs

from rtcguard.errors import ParseError
from rtcguard.ice import address as addresses
from rtcguard.network import exchange, sinkhole
from rtcguard.network.clock import minute_of_week
from rtcguard.network.names import names_of
from rtcguard.policy.model import Policy
from rtcguard.policy.record import Record, decided_by

logger = logging.getLogger(__name__)

# In a flow's metadata: the policy, and what `judge` said of its query by it.
_JUDGED: Final = "rtcguard.judged"
_TAKE_TCP: Final = (mode_specs.WireGuardMode, mode_specs.TunMode, mode_specs.LocalMode)


class NameJudge:
    """A child of the addon in `addon.py`."""

    name = "rtcguard-names"

    def __init__(self, policy: Policy, record: Callable[[list[Record]], object]) -> None:
        self._policy = policy
        self._record = record
        self._names = names_of(policy.config)

    def use(self, policy: Policy) -> None:
        """From the next query on, this policy decides."""
        self._policy = policy
        self._names = self._names.under(policy.config)

    def running(self) -> None:
        """mitmproxy's resolver asks as soon as it sees a query; it has to see it after us."""
        chain = ctx.master.addons.chain
        resolver = ctx.master.addons.get("dnsresolver")
        if resolver in chain:
            chain.remove(resolver)
            chain.append(resolver)

    def dns_request(self, flow: DNSFlow) -> None:
        # mitmproxy takes the same flow for a later query with the same id.
        if flow.metadata.pop(_JUDGED, None) is not None:
            flow.response = None
        with self._closed(flow):
            query = self._query(flow)
            judged = self._judge(query, flow)
            flow.metadata[_JUDGED] = self._policy, judged
            if judged.response is not None:
                self._answer(flow, query, judged)

    def dns_response(self, flow: DNSFlow) -> None:
        with self._closed(flow):
            policy, judged = flow.metadata.get(_JUDGED, (None, None))
            if flow.response is None or judged is None or judged.response is not None:
                return  # our own answer
            query = self._query(flow)
            if policy is not self._policy:  # replaced meanwhile: the whole query is judged by it
                judged = self._judge(query, flow)
                if judged.response is not None:
                    self._answer(flow, query, judged)
                    return
            response = dns.message.from_wire(flow.response.packed)
            answer = sinkhole.read(response, self._names, self._policy)
            if judged.decision is not None and judged.decision.rule == "relay:servers":
                self._names = self._names.leading(answer.targets())
            client, local = _parties(flow)
            concluded = sinkhole.conclude(
                query, client, local, judged, answer, self._names, self._policy, minute_of_week()
            )
            self._answer(flow, query, concluded)

    def _judge(self, query: dns.message.QueryMessage, flow: DNSFlow) -> sinkhole.Judged:
        client, local = _parties(flow)
        led = isinstance(flow.client_conn.proxy_mode, _TAKE_TCP)
        names, policy, minute = self._names, self._policy, minute_of_week()
        return sinkhole.judge(query, client, local, names, policy, minute, led=led)

    def _query(self, flow: DNSFlow) -> dns.message.QueryMessage:
        query = exchange.parse(flow.request.packed)
        if not isinstance(query, dns.message.QueryMessage):
            raise ParseError("not a query that can be judged")
        return query

    def _answer(
        self, flow: DNSFlow, query: dns.message.QueryMessage, judged: sinkhole.Judged
    ) -> None:
        assert judged.response is not None
        udp = flow.client_conn.transport_protocol == "udp"
        flow.response = DNSMessage.unpack(exchange.to_wire(query, judged.response, udp=udp))
        if judged.records:
            self._record(decided_by(self._policy.version, judged.records))

    @contextlib.contextmanager
    def _closed(self, flow: DNSFlow) -> Iterator[None]:
        """Whatever goes wrong in a hook, nothing goes on unjudged."""
        try:
            yield
        except Exception as error:
            if not isinstance(error, ParseError):
                logger.error("a DNS message could not be judged: %r", error, exc_info=error)
            flow.response = flow.request.fail(response_codes.SERVFAIL)


def _parties(flow: DNSFlow) -> tuple[str, str]:
    """The client, and the address that it asked."""
    client, local = flow.client_conn.peername, flow.client_conn.sockname
    return addresses.canonical(client[0]) if client else "", local[0] if local else ""
