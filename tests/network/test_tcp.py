"""The responder on TCP: framings, cuts, limits, slow senders, and what is not STUN."""

import random
import socket
from contextlib import suppress

import pytest

from rtcguard.network import stun
from rtcguard.network.stream import frame
from rtcguard.network.tcp import Limits
from rtcguard.policy.model import Config, Policy, Stun
from tests.network.serving import serving

ALLOCATE = stun.encode(stun.ALLOCATE, stun.REQUEST, b"twelve-bytes", ((0x0019, b"\x11\0\0\0"),))
PLAIN = stun.encode(stun.BINDING, stun.REQUEST, b"another-one.")
INDICATION = stun.encode(stun.BINDING, stun.INDICATION, b"another-one.")
CHANNEL_DATA = b"\x40\x00\x00\x05hello\0\0\0"


def received(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = client.recv(count - len(data))
        assert more, f"closed after {data!r}"
        data += more
    return data


def answer(client: socket.socket, *, framed: bool) -> stun.Message:
    if framed:
        received(client, 2)
    head = received(client, stun.HEADER_LENGTH)
    return stun.parse(head + received(client, int.from_bytes(head[2:4])))


def ended(client: socket.socket) -> bool:
    try:
        return client.recv(1000) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("cut", [False, True])
def test_requests_are_refused_in_their_own_framing(host: str, framed: bool, cut: bool) -> None:
    with serving(host) as server, server.connect() as client:
        for message in (ALLOCATE, PLAIN, PLAIN):
            for part in (
                [frame(message, framed=framed)]
                if not cut
                else [bytes((byte,)) for byte in frame(message, framed=framed)]
            ):
                client.sendall(part)
            response = answer(client, framed=framed)
            assert response.message_class == stun.ERROR
            assert response.transaction_id == stun.parse(message).transaction_id
            code = b"\0\0\x03\0" if message == ALLOCATE else b"\0\0\x04\x03"
            assert (response.attribute(stun.ERROR_CODE) or b"")[:4] == code
    told = {(r.action, r.reason, r.client) for r in server.records}
    assert told == {
        ("refused", "TCP: Allocate request: refused with 300, and no other server named", host),
        ("refused", "TCP: Binding request: refused with 403 Forbidden", host),
    }
    assert sum(record.count for record in server.records) == 3


def test_several_in_one_piece_are_answered_in_order() -> None:
    with serving() as server, server.connect() as client:
        client.sendall(PLAIN + CHANNEL_DATA + INDICATION + ALLOCATE)
        assert answer(client, framed=False).method == stun.BINDING
        assert answer(client, framed=False).method == stun.ALLOCATE
    assert "TCP: Binding indication: never answered" in server.reasons


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "not STUN"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "not STUN"),
        (PLAIN + b"\xffnonsense", "neither STUN nor ChannelData"),
        (PLAIN[:2] + b"\0\x03" + PLAIN[4:], "not STUN"),  # a length that is no multiple of four
        (frame(PLAIN, framed=True)[:1] + b"\x15" + PLAIN, "not STUN"),  # a frame of another length
    ],
)
def test_what_is_not_stun_is_closed_and_recorded(sent: bytes, why: str) -> None:
    with serving() as server, server.connect() as client:
        client.sendall(sent)
        if sent.startswith(PLAIN):
            answer(client, framed=False)
        assert ended(client)
    assert f"TCP: closed: {why}" in server.reasons


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"", "it ended without a message"),
        (PLAIN[:-1], "it ended in the midst of a message"),
        (frame(ALLOCATE, framed=True)[:-3], "it ended in the midst of a message"),
        (PLAIN + ALLOCATE[:9], "it ended in the midst of a message"),
    ],
)
def test_half_messages_are_recorded_when_the_client_goes(sent: bytes, why: str) -> None:
    with serving() as server, server.connect() as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        while not ended(client):
            pass
    assert f"TCP: closed: {why}" in server.reasons


def test_slow_senders_do_not_hold_a_connection() -> None:
    with (
        serving(limits=Limits(seconds=0.3)) as server,
        server.connect() as silent,
        server.connect() as slow,
        server.connect() as once,
    ):
        once.sendall(PLAIN)
        answer(once, framed=False)
        slow.settimeout(0.02)
        for byte in frame(ALLOCATE, framed=True)[:-1]:  # always a byte in time, never a message
            try:
                slow.sendall(bytes((byte,)))
                assert ended(slow)
                break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("a byte now and then kept the connection")
        assert ended(silent) and ended(once)
    assert {r for r in server.reasons if "closed" in r} == {
        "TCP: closed: no more whole messages came within 0.3 s",
        "TCP: closed: no whole message came within 0.3 s",
    }


@pytest.mark.parametrize(
    "flood",
    [
        CHANNEL_DATA * 2000,
        stun.encode(stun.BINDING, stun.REQUEST, bytes(12), ((0x8022, bytes(20_000)),))[:-1],
    ],
)
def test_bytes_without_a_whole_message_have_an_end(flood: bytes) -> None:
    with serving() as server, server.connect() as client:
        client.sendall(PLAIN)
        answer(client, framed=False)
        with suppress(OSError):
            client.sendall(flood)
        assert ended(client)
    assert "TCP: closed: more than 8192 bytes without a whole message" in server.reasons


def test_connections_are_limited_from_one_source_and_in_all() -> None:
    def dial(host: str, to: tuple[str, int]) -> socket.socket:
        return socket.create_connection(to, timeout=60, source_address=(host, 0))

    def works(client: socket.socket) -> bool:
        try:
            client.sendall(PLAIN)
            return client.recv(1000) != b""
        except ConnectionError:
            return False

    with serving(limits=Limits(connections=5, per_source=3)) as server:
        clients = [dial("127.0.0.1", server.address) for _ in range(5)]
        assert sorted(map(works, clients)) == [False] * 2 + [True] * 3
        others = [dial(f"127.0.0.{n}", server.address) for n in (2, 3, 4)]
        assert sorted(map(works, others)) == [False] + [True] * 2
        for client in clients:
            client.close()
        for _ in range(100):  # the server has yet to see it
            with dial("127.0.0.5", server.address) as late:
                if works(late):
                    break
        else:
            pytest.fail("a place that became free was not given to another")
        for client in others:
            client.close()
    assert "TCP: closed: more than 3 connections of one source" in server.reasons
    assert "TCP: closed: more than 5 connections" in server.reasons


def test_a_client_that_fetches_no_answers_is_closed() -> None:
    policy = Policy(Config(stun=Stun(rate=10**8)))
    with serving(policy=policy) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(60)
        client.connect(server.address)
        with pytest.raises(ConnectionError):
            while True:
                client.sendall(PLAIN * 1000)
    assert "TCP: closed: its client does not fetch the answers" in server.reasons


def test_strangers_get_nothing() -> None:
    policy = Policy(Config(stun=Stun(clients=())))
    with serving(policy=policy) as server, server.connect() as client:
        client.sendall(PLAIN)
        client.shutdown(socket.SHUT_WR)
        assert ended(client)
    (record,) = server.records
    assert (record.action, record.rule) == ("blocked", "stun:clients")


def test_garbage_does_not_end_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(4571)
    beginnings = [b"", PLAIN, ALLOCATE[:10], frame(PLAIN, framed=True), PLAIN[:9]]
    with serving() as server:
        for _ in range(400):
            with server.connect() as client:
                data = chance.choice(beginnings) + chance.randbytes(chance.randrange(60))
                client.sendall(data)
        for _ in range(50):  # connections that are over may still be counted: ask as clients do
            with suppress(ConnectionError), server.connect() as client:
                client.sendall(PLAIN)
                if client.recv(100)[:2] == b"\x01\x11":
                    break
        else:
            pytest.fail("no answer any more")
    assert not caplog.records
    assert sum(record.count for record in server.records) > 400
