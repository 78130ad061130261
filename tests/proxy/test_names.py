"""mitmproxy's DNS modes, through the real proxy: names sunk and records edited as elsewhere."""

from collections.abc import Iterator
from types import SimpleNamespace

import dns.message
import dns.query
import dns.rcode
import pytest
from mitmproxy import ctx
from mitmproxy.addonmanager import AddonManager
from mitmproxy.options import Options
from mitmproxy.test import tflow

from rtcguard.network import sinkhole
from rtcguard.policy.model import Config, Policy
from rtcguard.policy.record import Record
from rtcguard.proxy.names import NameJudge
from tests.process import Running, free_udp_port, running
from tests.zone import Zone


@pytest.fixture(scope="module")
def zone() -> Iterator[Zone]:
    made = Zone()
    for line in ("a.example A 192.0.2.1", "a.example HTTPS 1 . alpn=h2,h3",
                 "alias.example CNAME stun.b.example.", "stun.b.example A 192.0.2.2",
                 "turn.a.example A 192.0.2.10"):  # fmt: skip
        made.add(line)
    with made.serving():
        yield made


RELAY = 'relay: {servers: [{urls: "turn:turn.a.example", username: u, credential: p}]}\n'


@pytest.fixture(scope="module")
def asking(zone: Zone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, int]]:
    """A proxy with a DNS mode too, and the port of that."""
    port = free_udp_port()
    mode = f"reverse:dns://127.0.0.1:{zone.port}@127.0.0.1:{port}"
    folder = tmp_path_factory.mktemp("names")
    with running(folder, RELAY, "--mode", "regular", "--mode", mode) as run:
        yield run, port


def ask(port: int, name: str, rdtype: str = "A", *, tcp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, rdtype, use_edns=0)
    how = dns.query.tcp if tcp else dns.query.udp
    return how(query, "127.0.0.1", port=port, timeout=60)


def texts(response: dns.message.Message) -> list[str]:
    return [rdata.to_text() for rrset in response.answer for rdata in rrset]


@pytest.mark.parametrize("tcp", [False, True])
def test_names(asking: tuple[Running, int], zone: Zone, tcp: bool) -> None:
    _, port = asking
    assert texts(ask(port, "a.example", tcp=tcp)) == ["192.0.2.1"]
    assert texts(ask(port, "a.example", "HTTPS", tcp=tcp)) == ['1 . alpn="h2"']
    assert texts(ask(port, "turn.a.example", tcp=tcp)) == ["192.0.2.10"]
    for name in ("stun.b.example", "alias.example", "use-application-dns.net"):
        assert ask(port, name, tcp=tcp).rcode() == dns.rcode.NXDOMAIN
    assert ask(port, "a.example", "ANY", tcp=tcp).rcode() == dns.rcode.REFUSED
    assert not [
        one for one in zone.asked if one[0] in ("stun.b.example", "use-application-dns.net")
    ]


def test_the_ledger_is_told(asking: tuple[Running, int]) -> None:
    run, port = asking
    ask(port, "stun.b.example")
    ask(port, "turn.a.example")
    run.stop()
    assert {"192.0.2.10"} <= {row["key"] for row in run.report("destination")}
    (row,) = run.report("ring")
    assert row["key"] == "network" and {"refused", "kept"} <= row["actions"].keys()


def judge(records: list[Record]) -> NameJudge:
    return NameJudge(Policy(Config()), records.extend)


def test_mitmproxys_resolver_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would ask for a name before it is judged."""

    judging, resolver = judge([]), object()
    master = SimpleNamespace(options=Options())
    master.addons = AddonManager(master)
    master.addons.chain, master.addons.lookup = [resolver, judging], {"dnsresolver": resolver}
    monkeypatch.setattr(ctx, "master", master, raising=False)
    judging.running()
    assert master.addons.chain == [judging, resolver]


def test_a_fault_is_a_failure_and_never_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(sinkhole, "judge", broken)
    flow = tflow.tdnsflow()
    judge([]).dns_request(flow)
    assert flow.response is not None and flow.response.response_code == dns.rcode.SERVFAIL


def test_an_answer_that_cannot_be_read_is_a_failure() -> None:
    flow, judging = tflow.tdnsflow(), judge([])
    judging.dns_request(flow)
    assert flow.response is None
    flow.response = tflow.tdnsresp()
    flow.response.answers[0].data = b"not four bytes"
    judging.dns_response(flow)
    assert flow.response.response_code == dns.rcode.SERVFAIL and not flow.response.answers


def test_what_is_no_query_is_a_failure() -> None:
    flow = tflow.tdnsflow()
    flow.request.op_code = 5
    judge([]).dns_request(flow)
    assert flow.response is not None and flow.response.response_code == dns.rcode.SERVFAIL


def test_a_flow_that_is_taken_again_forgets_its_answer() -> None:
    """mitmproxy does so for a later query with the same id."""
    flow, judging = tflow.tdnsflow(), judge([])
    flow.request.questions[0].name = "stun.b.example"
    judging.dns_request(flow)
    assert flow.response is not None
    flow.request.questions[0].name = "a.example"
    judging.dns_request(flow)
    assert flow.response is None
