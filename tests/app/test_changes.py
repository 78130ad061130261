"""Which keys a running rtcguard takes, and which processes are started again for the others."""

from dataclasses import replace
from pathlib import Path

import pytest

from rtcguard.app.changes import OVERRIDDEN, RESTARTS, SECRETS, USERS, changes, restarted
from rtcguard.app.parts import parts
from rtcguard.app.processes import Settings
from rtcguard.app.settings import State
from rtcguard.ice.server import IceServer
from rtcguard.policy.load import load
from rtcguard.policy.model import Config, Policy
from rtcguard.policy.version import keys_of

ALL = """
version: 1
relay:
  managed: true
  servers: [{urls: ["turn:192.0.2.1"], shared_secret_file: s}]
sinkhole: {listen: ["127.0.0.1:5300"], upstream: [192.0.2.53]}
gateway: {interfaces: [lan0]}
metrics: {listen: "127.0.0.1:9464"}
"""


def settings(text: str = "version: 1\n", **command_line: object) -> Settings:
    config = load(text, "file")
    made = Settings(Policy(config), State(Path("/nowhere")), b"", config.listen)
    return replace(made, **command_line)  # type: ignore[arg-type]


def test_every_key_is_in_the_table() -> None:
    assert {key for key, _ in keys_of(Config())} | {SECRETS, USERS, OVERRIDDEN} == set(RESTARTS)
    names = {part.name for part in parts(settings(ALL))}
    assert {name for row in RESTARTS.values() for name in row} == names


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("", ()),
        ("rules: [{name: a, match: {site: a.example}, action: block}]\ninbound: strip\n", ()),
        ("page: {guard: false}\non_error: pass\n", ("export",)),
        ("ledger: {keep: 1d}\n", ("export",)),
        ("ledger: {store: 'postgresql://localhost/r'}\n", ("export",)),
        ("mode: monitor\n", ("gateway",)),
        ("stun: {listen: ['127.0.0.1:1'], answer: decoy}\n", ("export", "stun", "gateway")),
        ("listen: 127.0.0.1:1\n", ("proxy", "site", "gateway")),
        ("exports: [{to: jsonl, file: /f}]\n", ("export",)),
        ("upstream: {proxy: 'http://192.0.2.1:3128'}\n", ("proxy",)),
    ],
)
def test_what_is_started_again(lines: str, names: tuple[str, ...]) -> None:
    assert restarted(changes(settings(ALL), settings(ALL + lines))) == names


def test_the_command_line_goes_before_the_file() -> None:
    old, new = (settings(f"version: 1\nlisten: 127.0.0.1:{port}\n") for port in (1, 2))
    assert changes(old, new) == ("listen",)
    fixed = (replace(one, listen=("127.0.0.1", 3)) for one in (old, new))
    assert restarted(changes(*fixed)) == ("gateway",)  # the firewall names the file's


def test_a_secret_alone_is_a_change() -> None:
    old = settings(ALL)
    policies = (
        Policy(old.policy.config, (IceServer(("turn:192.0.2.1",), secret=secret),))
        for secret in (b"a", b"b")
    )
    keys = changes(*(replace(old, policy=policy) for policy in policies))
    assert keys == (SECRETS,)
    assert restarted(keys) == ("relay",)


def test_what_the_table_has_not_is_taken_by_none() -> None:
    assert restarted(("new.key",)) == (
        *("export", "relay", "stun", "sinkhole", "proxy", "site", "gateway"),
    )
