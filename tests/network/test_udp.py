"""The UDP edge on real sockets: aioice and coturn's client as peers, floods, ports in use."""

import asyncio
import logging
import os
import random
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from aioice import stun as aioice

from rtcguard.errors import StartError
from rtcguard.network import batch, folding, responder, stun
from rtcguard.network.server import StunServer
from rtcguard.policy.model import Config, Policy, Stun
from rtcguard.policy.record import Record, decided_by

LOOPBACKS = ["127.0.0.1", "::1"]
TRANSACTION = bytes(range(12))
EMPTY = stun.encode(stun.BINDING, stun.REQUEST, TRANSACTION)


def policy(mode: Literal["refuse", "decoy", "silent"] = "refuse") -> Policy:
    return Policy(Config(stun=Stun(answer=mode)))


@pytest.fixture(autouse=True, params=["batched", "plain"])
def port(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both kinds of port, the one that every system can have too."""
    if request.param == "plain":
        monkeypatch.setattr(batch, "AVAILABLE", False)


@contextmanager
def serving(
    *hosts: str,
    mode: Literal["refuse", "decoy", "silent"] = "refuse",
    record: Callable[[list[Record]], object] = lambda records: None,
) -> Iterator[StunServer]:
    """A server on free ports of these hosts, in a thread of its own."""
    wake, stop = socket.socketpair()
    server = StunServer([(host, 0) for host in hosts], policy(mode), record)
    with wake, stop, server:
        thread = threading.Thread(target=server.serve, args=(stop,))
        thread.start()
        try:
            yield server
        finally:
            wake.send(b"x")
            thread.join(60)
            assert not thread.is_alive()


def client(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind((host, 0))
    made.settimeout(60)
    return made


class Peer(asyncio.DatagramProtocol):
    """The little that aioice's transaction wants of its owner."""

    transaction: aioice.Transaction
    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transaction.response_received(aioice.parse_message(data), addr)

    def send_stun(self, message: aioice.Message, addr: tuple[str, int]) -> None:
        self.transport.sendto(bytes(message), addr)


async def transact(request: aioice.Message, server: tuple[str, int]) -> aioice.Message:
    """One transaction of aioice: its request, its retransmissions, its parser."""
    loop = asyncio.get_running_loop()
    transport, peer = await loop.create_datagram_endpoint(Peer, local_addr=(server[0], 0))
    try:
        peer.transaction = aioice.Transaction(request, server, peer, retransmissions=2)
        return (await peer.transaction.run())[0]
    except aioice.TransactionFailed as error:
        return error.response
    finally:
        transport.close()


@pytest.mark.parametrize("host", LOOPBACKS)
@pytest.mark.parametrize(
    ("method", "code"), [(aioice.Method.BINDING, 403), (aioice.Method.ALLOCATE, 300)]
)
def test_aioice_is_refused(host: str, method: aioice.Method, code: int) -> None:
    records: list[Record] = []
    with serving(host, record=records.extend) as server:
        request = aioice.Message(method, aioice.Class.REQUEST)
        request.add_fingerprint()
        response = asyncio.run(transact(request, server.addresses[0]))
        port = server.addresses[0][1]
    assert response.message_class == aioice.Class.ERROR
    assert response.attributes["ERROR-CODE"] == (code, "Forbidden")
    assert "FINGERPRINT" in response.attributes
    (record,) = records
    assert (record.client, record.action, record.scope) == (host, "refused", "loopback")
    assert record.destination == (f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


@pytest.mark.parametrize("host", LOOPBACKS)
def test_aioice_takes_the_decoy(host: str) -> None:
    with serving(host, mode="decoy") as server:
        request = aioice.Message(aioice.Method.BINDING, aioice.Class.REQUEST)
        response = asyncio.run(transact(request, server.addresses[0]))
    decoy = "100::" if ":" in host else "0.0.0.0"
    assert response.attributes["XOR-MAPPED-ADDRESS"] == (decoy, 9)


def test_silent_records_and_says_nothing() -> None:
    done = threading.Event()
    with (
        serving("127.0.0.1", mode="silent", record=lambda _: done.set()) as server,
        client("127.0.0.1") as sender,
    ):
        sender.sendto(EMPTY, server.addresses[0])
        assert done.wait(60)
        sender.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sender.recv(100)


@pytest.mark.parametrize(
    ("wildcard", "host"), [("0.0.0.0", "127.0.0.1"), ("0.0.0.0", "127.0.0.2"), ("::", "::1")]
)
def test_a_wildcard_socket_answers_from_the_address_that_was_asked(
    wildcard: str, host: str
) -> None:
    records: list[Record] = []
    with serving(wildcard, record=records.extend) as server:
        port = server.addresses[0][1]
        with client("127.0.0.1" if "." in host else "::1") as sender:
            sender.sendto(EMPTY, (host, port))
            _, source = sender.recvfrom(100)
            assert source[:2] == (host, port)
    assert records[0].destination == (f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


@pytest.mark.parametrize("group", ["127.255.255.255", "224.0.0.1"])
def test_broadcast_and_multicast_are_recorded_in_silence(group: str) -> None:
    records: list[Record] = []
    done = threading.Event()

    def record(batch: list[Record]) -> None:
        records.extend(batch)
        done.set()

    with serving("0.0.0.0", record=record) as server, client("0.0.0.0") as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        loopback = socket.inet_aton("127.0.0.1")
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
        sender.sendto(EMPTY, (group, server.addresses[0][1]))
        assert done.wait(60)
        sender.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sender.recv(100)
    assert records[0].action == "blocked"


def test_ipv4_and_ipv6_share_a_port_number() -> None:
    with StunServer([("0.0.0.0", 0)], policy(), lambda records: None) as first:
        port = first.addresses[0][1]
        with StunServer([("::", port)], policy(), lambda records: None) as second:
            assert second.addresses == (("::", port),)


@pytest.mark.parametrize("host", LOOPBACKS)
def test_a_busy_port_is_told_in_one_line(host: str) -> None:
    with client(host) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError) as caught:
            StunServer([(host, 0), (host, port)], policy(), lambda records: None)
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    text = str(caught.value)
    assert text.startswith(f"stun.listen: cannot bind udp {shown}: ")
    assert "in use" in text and "another port" in text and "\n" not in text
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("192.0.2.77", "no interface has this address"),
        ("2001:db8::77", "no interface has this address"),
        ("nobody.invalid", "write another address"),
        ("x" * 70, "write another address"),
    ],
)
def test_addresses_that_cannot_be_bound(host: str, says: str) -> None:
    with pytest.raises(StartError) as caught:
        StunServer([(host, 3478)], policy(), lambda records: None)
    text = str(caught.value)
    assert text.startswith("stun.listen: cannot bind udp ") and host in text
    assert says in text and "\n" not in text


def resident() -> int:
    """Bytes of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_garbage_does_not_end_the_loop() -> None:
    chance = random.Random(5769)
    seen: list[Record] = []
    with serving("127.0.0.1", "::1", record=seen.extend) as server:
        for address in server.addresses:
            with client(address[0]) as sender:
                for number in range(100_000):
                    sender.sendto(chance.randbytes(chance.randrange(200)), address)
                    if number == 50_000:
                        before = resident()
                assert resident() - before < 16 << 20
                sender.sendto(chance.randbytes(60_000), address)
                for _ in range(50):  # the flood may still fill the queue: ask as clients do
                    sender.settimeout(0.1)
                    sender.sendto(EMPTY, address)
                    try:
                        response = stun.parse(sender.recv(100))
                    except TimeoutError:
                        continue
                    break
                assert response.message_class == stun.ERROR
    assert {record.action for record in seen} == {"observed", "refused"}


@pytest.mark.parametrize("broken", ["answer", "record"])
def test_a_fault_of_our_own_is_counted_and_the_loop_goes_on(
    broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = responder.answer

    def answer(packet: bytes, *others: Any) -> responder.Reply:
        if broken == "answer" and packet == b"fault":
            raise RuntimeError("a fault")
        return real(packet, *others)

    def record(records: list[Record]) -> None:
        if broken == "record":
            raise RuntimeError("a fault")

    monkeypatch.setattr(responder, "answer", answer)
    with (
        caplog.at_level(logging.WARNING),
        serving("127.0.0.1", record=record) as server,
        client("127.0.0.1") as sender,
    ):
        for _ in range(200):
            sender.sendto(b"fault", server.addresses[0])
        sender.sendto(EMPTY, server.addresses[0])
        assert stun.parse(sender.recv(100)).message_class == stun.ERROR
    assert 1 <= len(caplog.records) <= 3
    assert "RuntimeError('a fault')" in caplog.text


def test_an_answer_that_cannot_be_sent_is_recorded_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    records: list[Record] = []
    too_long = responder.Reply(bytes(70_000), (Record("network", "stun", "refused"),))
    monkeypatch.setattr(responder, "answer", lambda *_: too_long)
    done = threading.Event()

    def record(batch: list[Record]) -> None:
        records.extend(batch)
        done.set()

    with serving("127.0.0.1", record=record) as server, client("127.0.0.1") as sender:
        sender.sendto(EMPTY, server.addresses[0])
        assert done.wait(60)
    assert records == decided_by(policy().version, too_long.records)
    assert "OSError" in caplog.text


def test_what_repeats_is_told_once_and_counted_at_the_end() -> None:
    records: list[Record] = []
    with serving("127.0.0.1", record=records.extend) as server, client("127.0.0.1") as sender:
        for _ in range(100):
            sender.sendto(EMPTY, server.addresses[0])
            assert stun.parse(sender.recv(100)).message_class == stun.ERROR
        assert [record.count for record in records] == [1], "the first is told at once"
    assert sum(record.count for record in records) == 100
    assert len(records) <= 3, "a minute may have ended meanwhile"
    assert all(record.began <= record.ended for record in records)


def test_the_end_of_a_minute_is_told_though_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "MINUTE", 0.2)
    counts: list[int] = []
    done = threading.Event()

    def record(batch: list[Record]) -> None:
        counts.extend(record.count for record in batch)
        if sum(counts) == 3:
            done.set()

    with serving("127.0.0.1", record=record) as server, client("127.0.0.1") as sender:
        for _ in range(3):
            sender.sendto(EMPTY, server.addresses[0])
            sender.recv(100)
        assert done.wait(60)


def test_the_policy_can_be_replaced_while_it_serves() -> None:
    with serving("127.0.0.1") as server, client("127.0.0.1") as sender:
        sender.sendto(EMPTY, server.addresses[0])
        assert stun.parse(sender.recv(100)).message_class == stun.ERROR
        server.policy = policy("decoy")
        classes = []
        while stun.SUCCESS not in classes[-1:] and len(classes) < 64:  # a turn may still be on
            sender.sendto(EMPTY, server.addresses[0])
            classes.append(stun.parse(sender.recv(100)).message_class)
        assert classes[-1] == stun.SUCCESS


def test_it_stops_when_the_other_end_of_a_pipe_is_gone() -> None:
    reader, writer = os.pipe()
    try:
        with StunServer([("127.0.0.1", 0)], policy(), lambda records: None) as server:
            thread = threading.Thread(target=server.serve, args=(reader,))
            thread.start()
            os.close(writer)
            thread.join(60)
            assert not thread.is_alive()
            port = server.addresses[0][1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", port))
    finally:
        os.close(reader)


@pytest.mark.skipif(not shutil.which("turnutils_stunclient"), reason="coturn is not installed")
@pytest.mark.parametrize("host", LOOPBACKS)
def test_coturns_client_is_told_403(host: str) -> None:
    records: list[Record] = []
    with serving(host, record=records.extend) as server:
        port = server.addresses[0][1]
        done = subprocess.run(
            ["turnutils_stunclient", "-p", str(port), "-L", host, host],
            capture_output=True,
            timeout=60,
            text=True,
        )
    assert "403" in done.stdout + done.stderr
    assert records and records[0].client == host
