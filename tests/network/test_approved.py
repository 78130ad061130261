"""Which addresses approved servers have: URIs to targets, answers to elements with a time."""

import pytest

from rtcguard.network import approved
from rtcguard.network.approved import Found, Target
from rtcguard.network.firewall import Endpoint
from rtcguard.policy.model import Config, Relay, RelayServer


def config(*urls: str) -> Config:
    return Config(relay=Relay(servers=(RelayServer(urls, "u", "c"),)))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("turn:a.example", Target("a.example", 3478, "udp", "_turn._udp.a.example")),
        ("turn:A.example?transport=tcp", Target("a.example", 3478, "tcp", "_turn._tcp.a.example")),
        ("turns:a.example", Target("a.example", 5349, "tcp", "_turns._tcp.a.example")),
        ("turn:a.example:3478", Target("a.example", 3478, "udp")),
        ("turns:a.example:443?transport=tcp", Target("a.example", 443, "tcp")),
        ("turns:a.example:443?transport=udp", Target("a.example", 443, "udp")),  # RFC 7350
        ("turn:53", Target("53", 3478, "udp", "_turn._udp.53")),
        ("turn:192.0.2.1", Target("192.0.2.1", 3478, "udp")),
        ("turn:[2001:db8::3478]", Target("2001:db8::3478", 3478, "udp")),
        ("turn:[2001:db8::1]:5000", Target("2001:db8::1", 5000, "udp")),
    ],
)
def test_targets(url: str, target: Target) -> None:
    assert approved.targets(config(url, url)) == (target,)


def test_addresses_of_the_configuration_hold_for_good() -> None:
    urls = ("turn:a.example", "turn:192.0.2.1", "turn:[2001:DB8::1]:9?transport=tcp")
    assert approved.literal(config(*urls)) == [
        Endpoint("192.0.2.1", "udp", 3478, "192.0.2.1"),
        Endpoint("2001:db8::1", "tcp", 9, "2001:db8::1"),
    ]


def test_an_answer_becomes_elements() -> None:
    found = Found(("192.0.2.1", "2001:DB8::1", "127.0.0.1", "0.0.0.0", "::1", "ff02::1"), 60)
    target = Target("a.example", 3478, "udp")
    made = approved.endpoints(target, 5000, found)
    assert [endpoint.key for endpoint in made] == [
        "192.0.2.1 . udp . 5000",
        "2001:db8::1 . udp . 5000",
    ]
    assert made[0].element == '192.0.2.1 . udp . 5000 timeout 14400s comment "a.example"'


@pytest.mark.parametrize(
    ("ttl", "ask", "hold"),
    [
        (0, 30, 4 * 3600),
        (60, 60, 4 * 3600),
        (3 * 3600, 900, 6 * 3600),
        (1 << 31, 900, 24 * 3600),
    ],
)
def test_times_have_bounds(ttl: int, ask: int, hold: int) -> None:
    assert (approved.ask_after(ttl), approved.hold_for(ttl)) == (ask, hold)


def test_what_stays_open_when_the_firewall_is_put_up_again() -> None:
    made = config("turn:a.example:3478", "turn:b.example?transport=tcp", "turn:192.0.2.9")
    stays = [
        Endpoint("192.0.2.1", "udp", 3478, "a.example", 100),
        Endpoint("192.0.2.2", "tcp", 7000, "b.example", 100),  # by SRV
    ]
    goes = [
        Endpoint("192.0.2.3", "udp", 3478, "a.example", 100),  # resolved anew
        Endpoint("192.0.2.1", "udp", 3479, "a.example", 100),  # a port of an older configuration
        Endpoint("192.0.2.1", "udp", 3478, "c.example", 100),
        Endpoint("192.0.2.8", "udp", 3478, "192.0.2.8", 0),
        Endpoint("192.0.2.7", "udp", 3478, "", 100),  # put there by hand
    ]
    new = [Endpoint("192.0.2.3", "udp", 3478, "a.example", 900)]
    assert approved.kept([*stays, *goes], new, made) == stays


def test_a_file_of_hosts() -> None:
    text = "# a\n127.0.0.1 localhost\n192.0.2.1\tTurn.Example turn # x\n2001:db8::1 turn\nx turn\n"
    assert approved.hosts(text, "turn") == ("192.0.2.1", "2001:db8::1")
    assert approved.hosts(text, "turn.example") == ("192.0.2.1",)
    assert approved.hosts(text, "x") == approved.hosts("", "turn") == ()
