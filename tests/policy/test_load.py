"""The configuration file: every mistake told with its place, every key read, every default safe."""

import ipaddress
from pathlib import Path

import pytest

from rtcguard.errors import ConfigError
from rtcguard.policy import model, rule
from rtcguard.policy.load import load
from tests.policy import editor, table

CONFIGS = Path(__file__).parents[2] / "configs"


def mistakes(content: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(content, "f.yaml")
    assert str(raised.value).splitlines() == [str(mistake) for mistake in raised.value.mistakes]
    return str(raised.value).splitlines()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "f.yaml: the file is empty; it begins with `version: 1`"),
        ("# only a comment\n", "f.yaml: the file is empty; it begins with `version: 1`"),
        ("{}", "f.yaml:1:1: `version: 1` is missing"),
        ("mode: monitor\n", "f.yaml:1:1: `version: 1` is missing"),
        ("version: 2\n", "f.yaml:1:10: version is 1: the only shape of this file that there is"),
        ("version:\n", "f.yaml:1:9: version is 1: the only shape of this file that there is"),
        ("- version: 1\n", "f.yaml:1:1: the file holds keys, found a list"),
        ("just text\n", "f.yaml:1:1: the file holds keys, found 'just text'"),
        # Not YAML.
        (
            "version: [1\n",
            "f.yaml:2:1: not YAML: the file ends here, and a bracket is still open",
        ),
        (
            "a: b: c\n",
            "f.yaml:1:5: not YAML: a second `key:` in one line, or one that does not stand below "
            "the key before it; text with `: ` in it stands in quotes",
        ),
        (
            "version: 1\n\tmode: monitor\n",
            "f.yaml:2:1: not YAML: a tab; YAML indents with spaces",
        ),
        (
            "version: *v\n",
            "f.yaml:1:10: an alias (*v) is not used here; write the value out, or name a list "
            "under `networks` or `sites` and write $NAME",
        ),
        (
            "version: 1\nmode: \x07\n",
            "f.yaml:2:7: a character that may not stand here: U+0007",
        ),
        ("[" * 5000, "f.yaml:1:1001: not YAML: nested more than 32 deep"),
        ("{" * 100_000, "f.yaml:1:1001: not YAML: nested more than 32 deep"),
        ("- " * 5000, "f.yaml:1:65: not YAML: nested more than 32 deep"),
        ("version: 1\nmode: " + "[" * 5000, "f.yaml:2:1006: not YAML: nested more than 32 deep"),
    ],
)
def test_file(content: str, message: str) -> None:
    assert mistakes(content) == [message]


@pytest.mark.parametrize("piece", table.pieces(), ids=lambda piece: piece.content[:40])
def test_mistakes(piece: table.Piece) -> None:
    assert mistakes(f"version: 1\n{piece.content}\n") == [f"f.yaml:{one}" for one in piece.told]


def test_all_mistakes_at_once() -> None:
    content = """\
mode: monitr
relay:
  servers:
    - urls: stun:a.example
  sit_servers: drop
rules:
  - {name: a, match: {client: office}, action: keep}
  - {name: b, match: {}, action: dorp}
web: {listen: 127.0.0.1}
"""
    assert [message.partition(": ")[0] for message in mistakes(content)] == [
        "f.yaml:1:1",  # no version
        "f.yaml:1:7",
        "f.yaml:4:7",
        "f.yaml:4:13",
        "f.yaml:5:3",
        "f.yaml:7:31",
        "f.yaml:8:34",
        "f.yaml:9:15",
    ]


def test_one_mistake_hides_no_other() -> None:
    """Neither does a mistake above hide two rules of one name, nor the other way round."""
    rules = "rules:\n  - {name: a, match: {}, action: keep}\n  - {name: a, match: {}, action: keep}"
    found = mistakes(f"version: 1\nmode: monitr\n{rules}\n")
    assert len(found) == 2
    assert found[1].endswith("two rules are named 'a'; the other one is at f.yaml:4")


@pytest.mark.parametrize("content", ["version: 1", "version: '1'", "%YAML 1.1\n---\nversion: 1\n"])
def test_defaults(content: str) -> None:
    assert load(content, "f.yaml") == model.Config()


SECTIONS = ["relay", "page", "rules", "stun", "sinkhole", "gateway", "upstream", "ledger", "web"]


@pytest.mark.parametrize("section", SECTIONS)
def test_an_empty_section_has_the_defaults(section: str) -> None:
    assert load(f"version: 1\n{section}:\n", "f.yaml") == model.Config()


def test_every_default_written_out() -> None:
    content = """\
version: 1
mode: enforce
listen: 127.0.0.1:8080
on_error: block
relay:
  servers: []
  site_servers: drop
  managed: false
  coturn:
    realm: null
    listen: []
    relay_addresses: []
    external_address: null
    certificate: null
    private_key: null
    ports: 49152-65535
    allowed_peers: []
    user_quota: 50
    total_quota: 2000
    max_rate: 1500000
inbound: auto
page: {guard: true}
rules: []
stun: {listen: ["127.0.0.1:3478"], answer: refuse}
sinkhole:
  listen: null
  upstream: []
  names: []
  keep: []
  answer: refuse
  clients: [127.0.0.0/8, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10,
            169.254.0.0/16, "::1/128", "fe80::/10", "fc00::/7"]
gateway:
  interfaces: []
  own: false
  users: []
  transparent: false
  transparent_port: 8082
  resolvers: []
  direct: []
upstream: {proxy: null, trusted_ca: null}
ledger: {store: sqlite, keep: 90d, addresses: full}
web: {listen: 127.0.0.1:8081}
"""
    assert load(content, "f.yaml") == model.Config()
    assert editor.accepts(content)


def test_everything_set() -> None:
    content = """\
version: 1
mode: monitor
listen: "[::1]:3128"
on_error: pass
relay:
  servers:
    - urls: ["turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:443"]
      shared_secret_file: /etc/rtcguard/turn.secret
      lifetime: 45m
    - {urls: "turn:192.0.2.7", username: 1234, credential: yes}
  site_servers: keep
  managed: true
  coturn:
    realm: example.org
    listen: 10.0.0.1
    relay_addresses: ["192.0.2.1", "2001:DB8:0::1"]
    external_address: 198.51.100.1
    certificate: /etc/turn.pem
    private_key: /etc/turn.key
    ports: 50000-50999
    allowed_peers: [10.1.0.0/16]
    user_quota: 5
    total_quota: 9
    max_rate: 100000
inbound: strip
page: {guard: false}
rules:
  - name: in-house meetings stay direct inside the office
    match:
      site: ["*.meet.example.org"]
      client: [10.0.0.0/8, "fd00::/8"]
      direction: outbound
      candidate: [host]
      address: 10.1.2.3
    action: keep
  - {name: no WebRTC for guests, match: {client: [10.9.0.0/16]}, action: block}
stun: {listen: ["0.0.0.0:3478", "[::]:3478"], answer: decoy, clients: 2001:db8::/32, rate: 50}
sinkhole:
  listen: [10.0.0.1:53, "[fd00::1]:53"]
  upstream: [192.0.2.53, "tls://[2001:db8::53]#dns.example.org"]
  names: [Stun.Example.org., "*.turn.example"]
  keep: turn.example.net
  answer: responder
  clients: 10.0.0.0/8
upstream: {proxy: "http://192.0.2.9:3128", trusted_ca: /etc/ca.pem}
ledger: {keep: 2w}
"""
    assert load(content, "f.yaml") == model.Config(
        mode="monitor",
        listen=("::1", 3128),
        on_error="pass",
        relay=model.Relay(
            servers=(
                model.RelayServer(
                    urls=("turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:443"),
                    shared_secret_file="/etc/rtcguard/turn.secret",
                    lifetime=45 * 60,
                ),
                model.RelayServer(urls=("turn:192.0.2.7",), username="1234", credential="yes"),
            ),
            site_servers="keep",
            managed=True,
            coturn=model.Coturn(
                realm="example.org",
                listen=("10.0.0.1",),
                relay_addresses=("192.0.2.1", "2001:db8::1"),
                external_address="198.51.100.1",
                certificate="/etc/turn.pem",
                private_key="/etc/turn.key",
                ports=(50000, 50999),
                allowed_peers=(ipaddress.ip_network("10.1.0.0/16"),),
                user_quota=5,
                total_quota=9,
                max_rate=100_000,
            ),
        ),
        inbound="strip",
        page=model.Page(guard=False),
        rules=(
            rule.Rule(
                "in-house meetings stay direct inside the office",
                rule.Match(
                    site=("*.meet.example.org",),
                    client=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")),
                    direction=("outbound",),
                    candidate=("host",),
                    address=(ipaddress.ip_network("10.1.2.3/32"),),
                ),
                "keep",
            ),
            rule.Rule(
                "no WebRTC for guests",
                rule.Match(client=(ipaddress.ip_network("10.9.0.0/16"),)),
                "block",
            ),
        ),
        stun=model.Stun(
            listen=(("0.0.0.0", 3478), ("::", 3478)),
            answer="decoy",
            clients=(ipaddress.ip_network("2001:db8::/32"),),
            rate=50,
        ),
        sinkhole=model.Sinkhole(
            listen=(("10.0.0.1", 53), ("fd00::1", 53)),
            upstream=(
                model.Resolver("udp", "192.0.2.53", 53),
                model.Resolver("tls", "2001:db8::53", 853, "dns.example.org"),
            ),
            names=("stun.example.org", "*.turn.example"),
            keep=("turn.example.net",),
            answer="responder",
            clients=(ipaddress.ip_network("10.0.0.0/8"),),
        ),
        upstream=model.Upstream(proxy="http://192.0.2.9:3128", trusted_ca="/etc/ca.pem"),
        ledger=model.Ledger(keep=14 * 86400),
    )
    assert editor.accepts(content)


def test_alias_bomb() -> None:
    """Ten levels of ten aliases each: refused one by one, never multiplied out."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 11)]
    content = "\n".join(["version: 1", *lines, "stun: {listen: *a10}"])
    assert ":3:10: an alias (*a0) is not used here" in "\n".join(mistakes(content))


def test_list_bomb() -> None:
    """Lists multiply as aliases would, so there is a bound on all that they stand for."""
    values = ", ".join(f"10.{place >> 8}.{place & 255}.0/24" for place in range(1000))
    uses = ", ".join(["$many"] * 501)
    content = f"""\
version: 1
networks: {{many: [{values}]}}
rules: [{{name: a, match: {{client: [{uses}]}}, action: block}}]
"""
    assert mistakes(content) == [
        "f.yaml:3:3536: rules[0].match.client[500]: the lists that rules use stand for more than "
        "500,000 values in all; use long ones in fewer rules"
    ]


def test_null_byte_and_surrogate() -> None:
    for character in "\x00\ud800\ufffe":
        (told,) = mistakes(f"version: 1\nmode: {character}\n")
        assert "f.yaml:2:7: a character that may not stand here" in told


@pytest.mark.parametrize("name", ["personal", "strict", "gateway", "monitor"])
def test_shipped_files(name: str) -> None:
    config = load((CONFIGS / f"{name}.yaml").read_text(), name)
    assert (config == model.Config()) == (name == "personal")
    assert config.mode == ("monitor" if name == "monitor" else "enforce")
