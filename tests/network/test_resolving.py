"""Names of approved servers, asked of a real name server."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtcguard.network.approved import Target
from rtcguard.network.resolving import Answer, Names
from tests.nameserver import NameServer, loopback


@pytest.fixture
def server() -> Iterator[NameServer]:
    with loopback() as made:
        yield made


def ask(server: NameServer, *targets: Target, hosts: str = "/dev/null") -> list[Answer]:
    names = Names(["127.0.0.1"], server.port, lifetime=0.5, hosts=Path(hosts))
    return asyncio.run(names.resolve(targets))


def keys(answer: Answer) -> list[str]:
    return [endpoint.key for endpoint in answer.endpoints]


PLAIN = Target("turn.example", 3478, "udp")


def test_both_families_and_the_shortest_time(server: NameServer) -> None:
    server.records = {
        ("turn.example", "A"): (7200, ["192.0.2.1", "192.0.2.2"]),
        ("turn.example", "AAAA"): (300, ["2001:db8::1"]),
    }
    (answer,) = ask(server, PLAIN)
    assert sorted(keys(answer)) == [
        "192.0.2.1 . udp . 3478",
        "192.0.2.2 . udp . 3478",
        "2001:db8::1 . udp . 3478",
    ]
    assert (answer.ttl, answer.problem) == (300, "")
    assert ("_turn._udp.turn.example", "SRV") not in server.asked


def test_aliases_count_with_their_time(server: NameServer) -> None:
    server.records = {
        ("turn.example", "CNAME"): (60, ["pool.example"]),
        ("pool.example", "A"): (7200, ["192.0.2.1"]),
    }
    (answer,) = ask(server, PLAIN)
    assert keys(answer) == ["192.0.2.1 . udp . 3478"]
    assert answer.ttl == 60


def test_srv_beside_the_hosts_own_addresses(server: NameServer) -> None:
    server.records = {
        ("_turn._udp.turn.example", "SRV"): (600, ["0 1 5000 a.example.", "1 1 5001 b.example."]),
        ("turn.example", "A"): (900, ["192.0.2.1"]),
        ("a.example", "A"): (900, ["192.0.2.2"]),
        ("b.example", "AAAA"): (900, ["2001:db8::2"]),
    }
    (answer,) = ask(server, Target("turn.example", 3478, "udp", "_turn._udp.turn.example"))
    assert keys(answer) == [
        "192.0.2.1 . udp . 3478",
        "192.0.2.2 . udp . 5000",
        "2001:db8::2 . udp . 5001",
    ]
    assert answer.ttl == 600
    assert {endpoint.name for endpoint in answer.endpoints} == {"turn.example"}


def test_srv_alone_is_enough_and_a_dot_is_none(server: NameServer) -> None:
    target = Target("turn.example", 3478, "udp", "_turn._udp.turn.example")
    server.records = {
        ("_turn._udp.turn.example", "SRV"): (600, ["0 1 5000 a.example."]),
        ("a.example", "A"): (900, ["192.0.2.2"]),
    }
    (answer,) = ask(server, target)
    assert (keys(answer), answer.problem) == (["192.0.2.2 . udp . 5000"], "")
    server.records = {("_turn._udp.turn.example", "SRV"): (600, ["0 0 0 ."])}
    (answer,) = ask(server, target)
    assert (keys(answer), answer.problem) == ([], "no such name")


@pytest.mark.parametrize("family", ["A", "AAAA"])
def test_names_without_addresses(server: NameServer, family: str) -> None:
    server.records = {("turn.example", "TXT"): (60, ["x"])}
    (answer,) = ask(server, PLAIN)
    assert (answer.endpoints, answer.problem) == (
        (),
        "it has no address that a relay could have",
    )
    server.records = {("turn.example", family): (60, ["127.0.0.1" if family == "A" else "::1"])}
    assert not ask(server, PLAIN)[0].endpoints


def test_a_silent_server(server: NameServer) -> None:
    server.silent = True
    (answer,) = ask(server, PLAIN)
    assert (answer.endpoints, answer.problem) == ((), "no name server answered")


def test_no_server_at_all() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    names = Names(["127.0.0.1"], port, lifetime=0.5, hosts=Path("/dev/null"))
    (answer,) = asyncio.run(names.resolve([PLAIN]))
    assert (answer.endpoints, answer.problem) == ((), "no name server answered")


def test_addresses_are_not_asked_for(server: NameServer) -> None:
    assert ask(server, Target("192.0.2.1", 3478, "udp"), Target("::1", 1, "tcp")) == []
    assert server.asked == []


def test_the_file_of_hosts_comes_first(server: NameServer, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.9 turn.example\n")
    (answer,) = ask(server, PLAIN, hosts=str(hosts))
    assert keys(answer) == ["192.0.2.9 . udp . 3478"]
    assert server.asked == []
