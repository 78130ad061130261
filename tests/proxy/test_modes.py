"""Which modes there are, and where each listens."""

from pathlib import Path

import pytest

from rtcguard.errors import StartError
from rtcguard.policy.model import Config, Gateway, Upstream
from rtcguard.proxy.modes import choose, describe
from rtcguard.proxy.wireguard import make_keys

HERE = ("127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("specs", "made"),
    [
        ((), ["regular@127.0.0.1:8080"]),
        (("socks5",), ["socks5@127.0.0.1:8080"]),
        (("regular", "socks5"), ["regular@127.0.0.1:8080", "socks5@127.0.0.1:1080"]),
        (("wireguard", "transparent"), ["wireguard@127.0.0.1:51820", "transparent@127.0.0.1:8080"]),
        (("regular@3128", "socks5"), ["regular@127.0.0.1:3128", "socks5@127.0.0.1:8080"]),
        (("transparent@[::]:81",), ["transparent@81"]),  # every address
        (("transparent@[::1]:81",), ["transparent@::1:81"]),
        (("tun", "local:curl"), ["tun:rtcguard0", "local:curl"]),
        (("reverse:dns://192.0.2.1@53",), ["reverse:dns://192.0.2.1@127.0.0.1:53"]),
    ],
)
def test_each_mode_has_a_place(specs: tuple[str, ...], made: list[str]) -> None:
    assert [mode.spec for mode in choose(Config(), specs, HERE)] == made


def test_it_goes_out_through_a_proxy() -> None:
    config = Config(upstream=Upstream(proxy="http://192.0.2.1:3128"))
    (mode,) = choose(config, (), HERE)
    assert mode.spec == "upstream:http://192.0.2.1:3128@127.0.0.1:8080"
    assert list(describe((mode,), Path("/ca"))) == ["proxy   127.0.0.1:8080 (HTTP and HTTPS)"]


def test_the_firewall_leads_connections_of_both_families() -> None:
    gateway = Gateway(interfaces=("lan0",), transparent=True, transparent_port=8082)
    made = choose(Config(gateway=gateway), ("socks5",), HERE)
    assert [mode.spec for mode in made] == ["socks5@127.0.0.1:8080", "transparent@8082"]
    assert list(describe(made[1:], Path("/ca"))) == ["proxy   [::]:8082 (transparent)"]


@pytest.mark.parametrize("spec", ["regular@", "regular@x", "regular@127.0.0.1:", "socks5@70000"])
def test_a_place_that_is_none(spec: str) -> None:
    with pytest.raises(StartError, match=f"--mode {spec}: "):
        choose(Config(), (spec,), HERE)


@pytest.mark.parametrize("spec", ["wireguard", "tun", "local", "dns", "reverse:udp://192.0.2.1:1"])
def test_udp_is_not_shared_among_workers(spec: str) -> None:
    with pytest.raises(StartError, match="cannot be shared among processes"):
        choose(Config(), ("regular", spec), HERE, 2)
    assert choose(Config(), ("transparent", "socks5"), HERE, 2)


def test_keys_are_made_once(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "keys"
    make_keys(file)
    first = file.read_text()
    make_keys(file)
    assert file.read_text() == first
    assert file.stat().st_mode & 0o077 == 0
