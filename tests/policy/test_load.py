"""The configuration file: every mistake told with its place, every key read, every default safe."""

import ipaddress
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.errors import ConfigError
from rtcguard.policy import model
from rtcguard.policy.load import load

CONFIGS = Path(__file__).parents[2] / "configs"
TOP = ", ".join(field.name for field in fields(model.Config) if field.compare)


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
        ("version: [1\n", "f.yaml:2:1: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: b: c\n", "f.yaml:1:5: not YAML: mapping values are not allowed here"),
        (
            "version: 1\n\tmode: monitor\n",
            "f.yaml:2:1: not YAML: found character '\\t' that cannot start any token",
        ),
        ("version: *v\n", "f.yaml:1:10: not YAML: found undefined alias 'v'"),
        (
            "version: 1\nmode: \x07\n",
            "f.yaml:2:7: not YAML: a character that may not stand here "
            "(special characters are not allowed)",
        ),
        ("[" * 5000, "f.yaml: nested too deep"),
        ("{" * 100_000, "f.yaml: nested too deep"),
        ("- " * 5000, "f.yaml: nested too deep"),
        ("version: 1\nmode: " + "[" * 5000, "f.yaml: nested too deep"),
    ],
)
def test_file(content: str, message: str) -> None:
    assert mistakes(content) == [message]


SERVER = "relay:\n  servers:\n    - "
COTURN = "relay: {coturn: "
RULE = "rules:\n  - "


@pytest.mark.parametrize(
    ("content", "message"),
    [
        # Keys.
        ("modes: monitor", "2:1: unknown key 'modes'; did you mean 'mode'?"),
        ("zzz: 1", f"2:1: unknown key 'zzz'; known are {TOP}"),
        ("1: 2", f"2:1: unknown key '1'; known are {TOP}"),
        ("[a]: 2", f"2:1: unknown key ''; known are {TOP}"),
        ("<<: {mode: monitor}", f"2:1: unknown key '<<'; known are {TOP}"),
        ("page: {gaurd: true}", "2:8: unknown key 'gaurd'; did you mean 'guard'?"),
        ("version: 1", "2:1: version is written twice"),
        ("page:\n  guard: true\n  guard: false", "4:3: page.guard is written twice"),
        ("mode: monitor\nmode: monitor", "3:1: mode is written twice"),
        # Words.
        ("mode: monitr", "2:7: mode is one of enforce, monitor, found 'monitr'; "
         "did you mean 'monitor'?"),
        ("mode:", "2:6: mode is one of enforce, monitor, found nothing"),
        ("mode: ''", "2:7: mode is one of enforce, monitor, found ''"),
        ("mode: [monitor]", "2:7: mode is one of enforce, monitor, found a list"),
        ("mode: {a: 1}", "2:7: mode is one of enforce, monitor, found keys"),
        ("on_error: ignore", "2:11: on_error is one of block, pass, found 'ignore'"),
        ("inbound: out", "2:10: inbound is one of auto, keep, strip, found 'out'"),
        ("relay: {site_servers: dorp}", "2:23: relay.site_servers is one of drop, keep, found "
         "'dorp'; did you mean 'drop'?"),
        ("stun: {answer: silence}", "2:16: stun.answer is one of refuse, decoy, silent, found "
         "'silence'; did you mean 'silent'?"),
        ("ledger: {addresses: none}", "2:21: ledger.addresses is one of full, masked, found "
         "'none'"),
        ("ledger: {size: 4 pounds}", "2:16: ledger.size is a size such as 500MB or 4GB, found "
         "'4 pounds'"),
        ("ledger: {size: 0GB}", "2:16: ledger.size is a size such as 500MB or 4GB, found '0GB'"),
        # Types.
        ("page: yes", "2:7: page holds keys, found 'yes'"),
        ("page: [guard]", "2:7: page holds keys, found a list"),
        ("page: {guard: 1}", "2:15: page.guard is true or false, found '1'"),
        ("page: {guard: 'true'}", "2:15: page.guard is true or false, found 'true'"),
        ("page:\n  guard:", "3:9: page.guard is true or false, found nothing"),
        ("upstream: {proxy: [a]}", "2:19: upstream.proxy is text, found a list"),
        # Places and times.
        ("listen: 8080", "2:9: listen is HOST:PORT or [IPV6]:PORT, found '8080'"),
        ("listen: 127.0.0.1:0", "2:9: listen is HOST:PORT or [IPV6]:PORT, found '127.0.0.1:0'"),
        ("listen: h:65536", "2:9: listen is HOST:PORT or [IPV6]:PORT, found 'h:65536'"),
        ("listen: ::1:80", "2:9: listen is HOST:PORT or [IPV6]:PORT, found '::1:80'"),
        ("listen: '[::1]'", "2:9: listen is HOST:PORT or [IPV6]:PORT, found '[::1]'"),
        ("listen: []", "2:9: listen is HOST:PORT, found a list"),
        ("stun: {listen: [a:1, 3478]}", "2:22: stun.listen[1] is HOST:PORT or [IPV6]:PORT, found "
         "'3478'"),
        ("stun: {clients: [10.0.0.1/8]}", "2:18: stun.clients[0] is an address or a network such "
         "as 10.0.0.0/8, found '10.0.0.1/8': host bits are set; did you mean 10.0.0.0/8?"),
        ("stun: {rate: 0}", "2:14: stun.rate is a whole number from 1 on, found '0'"),
        ("stun: {rate: 1.5}", "2:14: stun.rate is a whole number from 1 on, found '1.5'"),
        ("stun: {rate: null}", "2:14: stun.rate is a whole number from 1 on, found nothing"),
        ("stun: {listen: &l [*l]}", "2:16: stun.listen[0] is HOST:PORT, found a list"),
        ("ledger: {keep: 90}", "2:16: ledger.keep is a time such as 30m, 12h or 90d, found '90'"),
        ("ledger: {keep: 0d}", "2:16: ledger.keep is a time such as 30m, 12h or 90d, found '0d'"),
        ("ledger: {keep: -1d}", "2:16: ledger.keep is a time such as 30m, 12h or 90d, found "
         "'-1d'"),
        # Approved servers.
        (SERVER + "{urls: [], username: u, credential: c}", "4:7: relay.servers[0] has no urls"),
        (SERVER + "{urls: http://a.example, username: u, credential: c}", "4:14: "
         "relay.servers[0].urls: 'http://a.example' is not a stun:, stuns:, turn: or turns: URI"),
        (SERVER + "{urls: ['turn:a', 'stun:a'], username: u, credential: c}", "4:25: "
         "relay.servers[0].urls[1] is a turn: or turns: URI; a STUN server relays nothing"),
        (SERVER + "{urls: 'turn:a?transport=sctp', username: u, credential: c}", "4:14: "
         "relay.servers[0].urls: transport 'sctp' is not udp or tcp"),
        (SERVER + "{urls: 'turn:a:0', username: u, credential: c}", "4:14: "
         "relay.servers[0].urls: port 0 is out of range"),
        (SERVER + "{urls: 'turn:a', username: u}", "4:7: relay.servers[0] needs a "
         "shared_secret_file, or a username and a credential"),
        (SERVER + "{urls: 'turn:a', credential: c, shared_secret_file: f}", "4:7: "
         "relay.servers[0] has a shared_secret_file and a credential: only one can be used"),
        (SERVER + "{urls: 'turn:a', username: u, credential: [c]}", "4:49: "
         "relay.servers[0].credential is text, found a list"),
        (SERVER + "{urls: 'turn:a', shared_secret_file: f, lifetime: 12}", "4:57: "
         "relay.servers[0].lifetime is a time such as 30m, 12h or 90d, found '12'"),
        # How the approved server is set up.
        ("relay: {managed: maybe}", "2:18: relay.managed is true or false, found 'maybe'"),
        ("relay: {managed: true}", "2:8: relay.managed runs the server of relay.servers that is "
         "this machine, and none there has a shared_secret_file"),
        (COTURN + "{listen: [here]}}", "2:27: relay.coturn.listen[0] is an IP address, found "
         "'here'"),
        (COTURN + "{ports: 9000-8000}}", "2:25: relay.coturn.ports is a range of ports such as "
         "49152-65535, found '9000-8000'"),
        (COTURN + "{ports: 0-70000}}", "2:25: relay.coturn.ports is a range of ports such as "
         "49152-65535, found '0-70000'"),
        (COTURN + "{certificate: a.pem}}", "2:17: relay.coturn needs a certificate and its "
         "private_key, or neither"),
        (COTURN + '{realm: "a\\nno-auth"}}', "2:25: relay.coturn.realm is one line of text, found "
         "'a\\nno-auth'"),
        (COTURN + "{allowed_peers: [10.0.0.1/8]}}", "2:34: relay.coturn.allowed_peers[0] is an "
         "address or a network such as 10.0.0.0/8, found '10.0.0.1/8': host bits are set; did you "
         "mean 10.0.0.0/8?"),
        # Rules.
        (RULE + "{name: a, action: keep}", "3:5: rules[0] needs match"),
        (RULE + "{}", "3:5: rules[0] needs name and match and action"),
        (RULE + "{name: a, match: {}, action: dorp}", "3:34: rules[0].action is one of keep, "
         "scrub, strip, block, observe, found 'dorp'"),
        (RULE + "{name: a, match: {site: [[x]]}, action: keep}", "3:30: rules[0].match.site[0] is "
         "text, found a list"),
        (RULE + "{name: a, match: {client: 10.0.0.1/8}, action: keep}", "3:31: "
         "rules[0].match.client is an address, a network such as 10.0.0.0/8 or a scope such as "
         "private, found '10.0.0.1/8': host bits are set; did you mean 10.0.0.0/8?"),
        (RULE + "{name: a, match: {address: [office]}, action: keep}", "3:33: "
         "rules[0].match.address[0] is an address, a network such as 10.0.0.0/8 or a scope such "
         "as private, found 'office'"),
        (RULE + "{name: a, match: {address: privat}, action: keep}", "3:32: "
         "rules[0].match.address is an address, a network such as 10.0.0.0/8 or a scope such as "
         "private, found 'privat'; did you mean 'private'?"),
        (RULE + "{name: a, match: {path: meet}, action: keep}", "3:29: rules[0].match.path begins "
         "with a slash, such as /meet, found 'meet'"),
        (RULE + "{name: a, match: {not: {}}, action: keep}", "3:28: rules[0].match.not names "
         "nothing; what must not hold is written there"),
        (RULE + "{name: a, match: {not: {not: {}}}, action: keep}", "3:29: unknown key 'not'; "
         "known are site, path, client, direction, ring, candidate, transport, address"),
        (RULE + "{name: a, match: {direction: out}, action: keep}", "3:34: "
         "rules[0].match.direction is one of outbound, inbound, found 'out'"),
        (RULE + "{name: a, match: {candidate: [hots]}, action: keep}", "3:35: "
         "rules[0].match.candidate[0] is one of host, srflx, prflx, relay, unknown, opaque, found "
         "'hots'; did you mean 'host'?"),
        (RULE + "{name: a, match: {adress: 10.0.0.1}, action: keep}", "3:23: unknown key "
         "'adress'; did you mean 'address'?"),
        (RULE + "{name: a, match: {}, action: keep}\n  - {name: a, match: {}, action: strip}",
         "4:12: two rules are named 'a'"),
        # The gateway.
        ("gateway: {interfaces: ['lan 0']}", "2:24: gateway.interfaces[0] is the name of a network "
         "interface, found 'lan 0'"),
        ("gateway: {interfaces: abcdefghijklmnop}", "2:23: gateway.interfaces is the name of a "
         "network interface, found 'abcdefghijklmnop'"),
        ("gateway: {interfaces: lo}", "2:23: gateway.interfaces: lo is this machine itself; its "
         "own traffic is gateway.own"),
        ("gateway: {own: true}", "2:10: gateway.own needs gateway.users: the user that rtcguard "
         "runs as, whose traffic passes"),
        ("gateway: {users: ['-1']}", "2:19: gateway.users[0] is the name or the number of a user, "
         "found '-1'"),
        ("gateway: {transparent_port: 65536}", "2:29: gateway.transparent_port is a port from 1 to "
         "65535, found '65536'"),
        ("gateway: {transparent_port: []}", "2:29: gateway.transparent_port is a port, found a "
         "list"),
        ("gateway: {direct: '::/0'}", "2:19: gateway.direct: ::/0 is everything; the firewall "
         "would hold nobody"),
        ("gateway: {direct: office}", "2:19: gateway.direct is an address or a network such as "
         "10.0.0.0/8, found 'office'"),
        # The sinkhole.
        ("sinkhole: {listen: 127.0.0.1:53}", "2:11: sinkhole listens, but has no upstream to ask "
         "for all other names: write the address of a DNS server there, such as "
         "sinkhole.upstream: [192.0.2.53]"),
        ("sinkhole: {listen: '53'}", "2:20: sinkhole.listen is HOST:PORT or [IPV6]:PORT, found "
         "'53'"),
        ("sinkhole: {listen: 192.0.2.1:53, upstream: [192.0.2.53, 'tcp://192.0.2.1']}", "2:11: "
         "sinkhole.upstream names the sinkhole itself; name another server"),
        ("sinkhole: {upstream: dns.example}", "2:22: sinkhole.upstream: 'dns.example' is not an "
         "IP address: the sinkhole has nobody to ask for a DNS server's name; write 192.0.2.53, "
         "192.0.2.53:5353, tcp://192.0.2.53 or tls://192.0.2.53#dns.example.org"),
        ("sinkhole: {upstream: ['https://192.0.2.53/dns-query']}", "2:23: sinkhole.upstream[0]: "
         "'https://192.0.2.53/dns-query' is not a DNS server such as 192.0.2.53, 192.0.2.53:5353, "
         "tcp://192.0.2.53 or tls://192.0.2.53#dns.example.org"),
        ("sinkhole: {names: ['stun.example.org:3478']}", "2:20: sinkhole.names[0] is a host name "
         "such as stun.example.org or *.example.org, found 'stun.example.org:3478'"),
        ("sinkhole: {names: ['stun.*.org']}", "2:20: sinkhole.names[0] is a host name such as "
         "stun.example.org or *.example.org, found 'stun.*.org'"),
        ("sinkhole: {answer: refused}", "2:20: sinkhole.answer is one of refuse, responder, found "
         "'refused'; did you mean 'refuse'?"),
        ("sinkhole: {clients: [office]}", "2:22: sinkhole.clients[0] is an address or a network "
         "such as 10.0.0.0/8, found 'office'"),
        # Keys of the contract whose part is not built: silence would pretend a protection.
        ("web: {listen: 127.0.0.1:8081}", "2:15: web.listen: the local site is not part of this "
         "version; leave it null"),
        ("ledger: {store: postgresql}", "2:17: ledger.store: a store other than SQLite is not "
         "part of this version; leave it sqlite"),
    ],
)  # fmt: skip
def test_mistakes(content: str, message: str) -> None:
    assert mistakes(f"version: 1\n{content}\n") == [f"f.yaml:{message}"]


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
web: {listen: 127.0.0.1:8081}
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
    assert found[1].endswith("two rules are named 'a'")


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
web: {listen: null}
"""
    assert load(content, "f.yaml") == model.Config()


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
page: {guard: off}
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
            model.Rule(
                "in-house meetings stay direct inside the office",
                model.Match(
                    site=("*.meet.example.org",),
                    client=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")),
                    direction=("outbound",),
                    candidate=("host",),
                    address=(ipaddress.ip_network("10.1.2.3/32"),),
                ),
                "keep",
            ),
            model.Rule(
                "no WebRTC for guests",
                model.Match(client=(ipaddress.ip_network("10.9.0.0/16"),)),
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


def test_aliases() -> None:
    content = """\
version: 1
rules:
  - {name: a, match: &office {client: 10.0.0.0/8}, action: keep}
  - {name: b, match: *office, action: strip}
"""
    first, second = load(content, "f.yaml").rules
    assert first.match == second.match == model.Match(client=(ipaddress.ip_network("10.0.0.0/8"),))


def test_alias_bomb() -> None:
    """Ten levels of ten aliases each: read as written, never multiplied out."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 11)]
    content = "\n".join(["version: 1", *lines, "stun: {listen: *a10}"])
    run = "import sys; from rtcguard.policy.load import load; load(sys.stdin.read(), 'f')"
    done = subprocess.run(
        [sys.executable, "-c", run], input=content, timeout=10, capture_output=True, text=True
    )
    assert "unknown key 'a10'" in done.stderr


def test_null_byte_and_surrogate() -> None:
    for character in "\x00\ud800\ufffe":
        assert "not YAML" in mistakes(f"version: 1\nmode: {character}\n")[0]


@pytest.mark.parametrize("name", ["personal", "strict", "gateway", "monitor"])
def test_shipped_files(name: str) -> None:
    config = load((CONFIGS / f"{name}.yaml").read_text(), name)
    assert (config == model.Config()) == (name == "personal")
    assert config.mode == ("monitor" if name == "monitor" else "enforce")


@given(st.text(alphabet="version: 1\n-[]{}&*a'\"|>#!%\t?,rules", max_size=60) | st.text())
def test_total(content: str) -> None:
    for text in (content, f"version: 1\n{content}"):
        try:
            assert isinstance(load(text, "f.yaml"), model.Config)
        except ConfigError as error:
            assert error.mistakes
            assert all(m.file == "f.yaml" and m.line >= 0 for m in error.mistakes)
