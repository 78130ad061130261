"""The layers alone, event by event: faults, and orders of events that no socket shows at will.

Everything else of them is tested through a real proxy, in test_turn.py.
"""

import pytest
from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context

from rtcguard.network import stun
from rtcguard.proxy.tunnels import LINGER, SILENCE, Question, Raw, RawFlowHook

ALLOCATE = stun.encode(stun.ALLOCATE, stun.REQUEST, b"allocate-one")


@pytest.fixture
def context() -> Context:
    client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=1.0)
    client.state = ConnectionState.OPEN
    made = Context(client, Options())
    made.server = Server(address=("192.0.2.1", 3478))
    return made


def failed(context: Context, error: Exception) -> None:
    raise AssertionError from error


def holds(question: Question) -> bool:
    return True


def feed(raw: Raw, event: events.Event) -> list[commands.Command]:
    return list(raw.handle_event(event))


def from_client(raw: Raw, data: bytes) -> list[commands.Command]:
    return feed(raw, events.DataReceived(raw.context.client, data))


def decide(raw: Raw, made: list[commands.Command], *, passes: bool) -> list[commands.Command]:
    (hook,) = made
    assert isinstance(hook, RawFlowHook)
    hook.data.passes = passes
    return feed(raw, events.HookCompleted(hook))


def test_a_fault_of_the_layer_ends_the_tunnel(context: Context) -> None:
    def broken(message: bytes, context: Context) -> bytes:
        raise RuntimeError("broken")

    told: list[Exception] = []
    raw = Raw(context, broken, lambda context, error: told.append(error), holds)
    feed(raw, events.Start())
    made = decide(raw, from_client(raw, ALLOCATE), passes=False)
    closed = [one.connection for one in made if isinstance(one, commands.CloseConnection)]
    assert closed == [context.client]
    assert [str(error) for error in told] == ["broken"]
    assert not any(isinstance(one, commands.SendData) for one in made)
    assert from_client(raw, ALLOCATE) == [], "it goes on after its end"


def test_a_server_that_is_still_being_connected_to_is_let_go(context: Context) -> None:
    raw = Raw(context, lambda message, context: b"no", failed, holds)
    feed(raw, events.Start())
    (opening,) = from_client(raw, b"something else")
    assert isinstance(opening, commands.OpenConnection)
    made = decide(raw, from_client(raw, ALLOCATE), passes=False)
    assert [one.data for one in made if isinstance(one, commands.SendData)] == [b"no"]
    context.server.state = ConnectionState.OPEN
    (closing,) = feed(raw, events.OpenConnectionCompleted(opening, None))
    assert isinstance(closing, commands.CloseConnection) and closing.connection is context.server


def test_a_refused_client_is_given_some_seconds(context: Context) -> None:
    raw = Raw(context, lambda message, context: b"no", failed, holds)
    feed(raw, events.Start())
    made = decide(raw, from_client(raw, ALLOCATE), passes=False)
    (timer,) = (one for one in made if isinstance(one, commands.RequestWakeup))
    assert timer.delay == LINGER
    (closing,) = feed(raw, events.Wakeup(timer))
    assert isinstance(closing, commands.CloseConnection) and closing.connection is context.client


def test_a_timer_that_came_too_late_changes_nothing(context: Context) -> None:
    raw = Raw(context, lambda message, context: b"no", failed, holds)
    feed(raw, events.Start())
    (timer,) = from_client(raw, ALLOCATE[:4])
    assert isinstance(timer, commands.RequestWakeup) and timer.delay == SILENCE
    asked = from_client(raw, ALLOCATE[4:])
    decided = decide(raw, asked, passes=True)
    assert [type(one) for one in decided] == [commands.OpenConnection]
    assert feed(raw, events.Wakeup(timer)) == []
