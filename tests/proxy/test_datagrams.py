"""The layer for UDP alone: faults, and what has no way in on this machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events, layer, server
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import DNSLayer
from mitmproxy.proxy.mode_specs import ProxyMode

from rtcguard.network import stun
from rtcguard.policy.model import Policy
from rtcguard.policy.record import Record
from rtcguard.proxy.datagrams import IDLE, MOST, Datagrams, refuse_quic
from rtcguard.proxy.passing import Passing
from rtcguard.proxy.tunnels import Ended, RawFlowHook
from rtcguard.proxy.turn import Turn

BINDING = stun.encode(stun.BINDING, stun.REQUEST, b"binding--one")


def context_of(host: str, port: int, mode: str = "wireguard") -> Context:
    client = Client(
        peername=("10.0.0.1", 5000),
        sockname=(host, port),
        timestamp_start=1.0,
        transport_protocol="udp",
        proxy_mode=ProxyMode.parse(mode),
    )
    client.state = ConnectionState.OPEN
    made = Context(client, Options())
    made.server = Server(address=(host, port), transport_protocol="udp")
    return made


def turn_of(records: list[Record]) -> Turn:
    passing = Passing(Policy(), records.extend, lambda client: False)
    return Turn(Policy(), records.extend, passing)


def chosen(context: Context, first: bytes, turn: Turn | None = None) -> layer.Layer | None:
    """What becomes of a flow, whatever mitmproxy chose."""
    asked = layer.NextLayer(context)
    asked.events = [events.DataReceived(context.client, first)]
    (turn or turn_of([])).next_layer(asked)
    return asked.layer


def from_client(flow: layer.Layer, data: bytes) -> list[commands.Command]:
    return list(flow.handle_event(events.DataReceived(flow.context.client, data)))


def test_multicast_dns_stays_where_it_is() -> None:
    flow = chosen(context_of("224.0.0.251", 5353), b"")
    assert isinstance(flow, Datagrams)
    list(flow.handle_event(events.Start()))
    (hook,) = from_client(flow, bytes(40))
    assert isinstance(hook, RawFlowHook) and hook.data.other == "neither STUN nor DNS"
    assert list(flow.handle_event(events.HookCompleted(hook))) == []


def test_a_fault_of_the_layer_ends_the_flow() -> None:
    told: list[Exception] = []

    def broken(message: bytes, context: Context) -> bytes:
        raise RuntimeError("broken")

    context = context_of("192.0.2.1", 3478)
    failed = lambda context, error: told.append(error)  # noqa: E731
    flow = Datagrams(context, broken, failed, lambda question: True, None)
    list(flow.handle_event(events.Start()))
    (hook,) = from_client(flow, BINDING)
    (closing,) = flow.handle_event(events.HookCompleted(hook))
    assert isinstance(closing, commands.CloseConnection) and closing.connection is context.client
    assert [str(error) for error in told] == ["broken"]
    assert from_client(flow, BINDING) == [], "it goes on after its end"


def test_a_fault_of_the_choice_ends_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    """mitmproxy would go on with the layer that it had chosen itself."""
    records: list[Record] = []
    context = context_of("192.0.2.1", 53)
    monkeypatch.setattr(DNSLayer, "__init__", lambda self, context: 1 / 0)
    flow = chosen(context, b"", turn_of(records))
    assert isinstance(flow, Ended)
    (closing,) = flow.handle_event(events.Start())
    assert isinstance(closing, commands.CloseConnection)
    (record,) = records
    assert (record.action, record.rule) == ("blocked", "default:on_error")
    assert "ZeroDivisionError" in record.reason


def test_the_server_is_not_opened_before_it_is_allowed() -> None:
    flow = chosen(context_of("192.0.2.1", 3478), b"")
    assert flow is not None
    assert list(flow.handle_event(events.Start())) == []
    (hook,) = from_client(flow, BINDING)
    assert isinstance(hook, RawFlowHook)
    hook.data.passes = True
    (opening,) = flow.handle_event(events.HookCompleted(hook))
    assert isinstance(opening, commands.OpenConnection)


def test_flows_outlive_those_of_what_unpacks_tunnels() -> None:
    """It forgets a flow after 60 seconds, and swallows all that comes for one that was ended."""
    assert server.UDP_TIMEOUT == IDLE > 60


def test_a_flood_of_flows_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit each is ended when it was answered; a flow that ended makes room."""
    monkeypatch.setattr(Datagrams, "open", MOST - 1)

    def begun() -> tuple[layer.Layer, list[commands.Command]]:
        flow = chosen(context_of("192.0.2.1", 3478), b"")
        assert flow is not None
        list(flow.handle_event(events.Start()))
        (hook,) = from_client(flow, BINDING)
        assert isinstance(hook, RawFlowHook)
        return flow, list(flow.handle_event(events.HookCompleted(hook)))

    first, made = begun()
    assert [type(one) for one in made] == [commands.SendData]
    second, made = begun()
    assert [type(one) for one in made] == [commands.SendData, commands.CloseConnection]
    for flow in (first, second):
        list(flow.handle_event(events.ConnectionClosed(flow.context.client)))
    _, made = begun()
    assert [type(one) for one in made] == [commands.SendData]


@given(st.binary(max_size=1300), st.integers(0xC0, 0xFF))
def test_any_datagram_may_be_refused_as_quic(data: bytes, first: int) -> None:
    for datagram in (data, bytes((first,)) + b"\0\0\0\1" + data + bytes(1200)):
        answer = refuse_quic(datagram)
        assert answer is None or len(answer) < len(datagram), "an amplifier"
