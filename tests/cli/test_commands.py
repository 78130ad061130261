"""The command line as a user calls it: output, exit codes, and one clear line for every mistake."""

import json
import re
import socket
from pathlib import Path

import pytest

from rtcguard.app.settings import read_config
from rtcguard.cli.main import COMMANDS
from rtcguard.policy.version import version_of
from tests.origin import free_port
from tests.process import rtcguard, running

HOST = b"candidate:1 1 udp 2113937151 192.168.7.5 54400 typ host generation 0"
BODY = b'{"candidate":"' + HOST + b'"}'


def test_help_names_every_command(tmp_path: Path) -> None:
    made = rtcguard(["--help"], tmp_path)
    assert made.returncode == 0
    assert all(f"\n  {name} " in made.stdout.decode() for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(tmp_path: Path, name: str) -> None:
    made = rtcguard([name, "--help"], tmp_path)
    assert made.returncode == 0
    assert COMMANDS[name].encode() in made.stdout  # the list's line and the command's own agree


def test_filter_keeps_the_length_and_tells(tmp_path: Path) -> None:
    events = tmp_path / "events"
    told = ["--site", "Meet.example", "--client", "10.0.0.9", "--events", str(events)]
    made = rtcguard(["filter", *told], tmp_path, stdin=BODY)
    assert made.returncode == 0
    assert len(made.stdout) == len(BODY)
    assert b"192.168.7.5" not in made.stdout
    (event,) = map(json.loads, events.read_text().splitlines())
    assert " ".join(event) == (
        "time id node ring kind action direction site client address port scope candidate_type "
        "destination name ufrag rule reason page evidence user would policy count last"
    )
    assert event["address"] == "192.168.7.5"
    assert event["action"] == "stripped"
    assert event["site"] == "meet.example"


def test_filter_tells_no_more_than_the_ledger_may(tmp_path: Path) -> None:
    config, events = tmp_path / "c.yaml", tmp_path / "events"
    config.write_text("version: 1\nledger: {addresses: masked}\n")
    argv = ["filter", "--config", str(config), "--client", "192.168.7.5", "--events", str(events)]
    assert rtcguard(argv, tmp_path, stdin=BODY).returncode == 0
    (event,) = map(json.loads, events.read_text().splitlines())
    assert "192.168.7.5" not in events.read_text()
    assert event["address"].startswith("192.168.7.0/24~") and event["address"] == event["client"]


def test_filter_gives_nothing_where_the_payload_is_blocked(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\nrules: [{name: no calls, match: {}, action: block}]\n")
    made = rtcguard(["filter", "--config", str(config)], tmp_path, stdin=BODY)
    assert made.returncode == 3
    assert made.stdout == b""
    assert made.stderr.decode() == "rtcguard: blocked: rule 'no calls' says block\n"


def test_filter_leaves_documents_and_prose_alone(tmp_path: Path) -> None:
    assert rtcguard(["filter", "--content-type", "text/html"], tmp_path, stdin=BODY).stdout == BODY
    prose = b"the candidate: 192.168.7.5"
    assert rtcguard(["filter"], tmp_path, stdin=prose).stdout == prose


def test_filter_strips_the_far_side_where_nobody_confirmed(tmp_path: Path) -> None:
    made = rtcguard(["filter", "--direction", "inbound"], tmp_path, stdin=BODY)
    assert b"192.168.7.5" not in made.stdout


def test_filter_puts_approved_servers_into_lists(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "version: 1\nrelay: {servers: [{urls: [turn:relay.example], username: a, credential: b}]}\n"
    )
    told = b'{"iceServers":[{"urls":["stun:stun.example.org:3478"]}]}'
    argv = ["filter", "--config", str(config), "--direction", "inbound"]
    made = json.loads(rtcguard(argv, tmp_path, stdin=told).stdout)
    assert made == {
        "iceTransportPolicy": "relay",
        "iceServers": [{"urls": ["turn:relay.example"], "username": "a", "credential": "b"}],
    }
    joined = b"\x0a\x02\x22\x00"  # LiveKit's SignalResponse with an empty JoinResponse
    made = rtcguard([*argv, "--path", "/rtc?x=1"], tmp_path, stdin=joined)
    assert b"turn:relay.example" in made.stdout and made.stdout.endswith(b"\x28\x02")


def test_check_tells_every_mistake(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("version: 1\n")
    bad.write_text("version: 1\nmod: enforce\nlisten: 8080\n")
    made = rtcguard(["check", str(good), str(bad), str(tmp_path / "none.yaml")], tmp_path)
    assert made.returncode == 2
    assert re.fullmatch(f"{good}: ok, policy [0-9a-f]{{12}}\n", made.stdout.decode())
    assert made.stderr.decode().splitlines() == [
        f"{bad}:2:1: unknown key 'mod'; did you mean 'mode'?",
        f"{bad}:3:9: listen is HOST:PORT or [IPV6]:PORT, found '8080'",
        f"{tmp_path}/none.yaml: cannot be read: No such file or directory",
    ]


def test_report_without_a_ledger(tmp_path: Path) -> None:
    made = rtcguard(["report"], tmp_path)
    assert made.returncode == 2
    assert b"there is no ledger yet" in made.stderr


def test_report_of_an_empty_ledger(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        run.stop()
    made = rtcguard(["report"], tmp_path / "state")
    assert (made.returncode, made.stdout) == (0, b"nothing was recorded in this time\n")
    made = rtcguard(["report", "--by", "ring", "--format", "csv"], tmp_path / "state")
    header = b"ring,count,first,last,scope,actions,would,clients,sites,destinations\r\n"
    assert made.stdout == header


def refused(folder: Path, config: str, *arguments: str) -> str:
    """What `run` says instead of starting: one line, exit code 2, no traceback."""
    file = folder / "rtcguard.yaml"
    file.write_text(f"version: 1\n{config}")
    made = rtcguard(["run", "--config", str(file), *arguments], folder / "state")
    assert made.returncode == 2
    assert made.stdout == b""
    (line,) = made.stderr.decode().splitlines()
    return line


def test_run_with_a_malformed_configuration(tmp_path: Path) -> None:
    assert refused(tmp_path, "inbound: [\n").startswith(f"{tmp_path}/rtcguard.yaml:")


def test_run_on_a_busy_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        at = f"127.0.0.1:{held.getsockname()[1]}"
        line = refused(tmp_path, "stun: {listen: []}\n", "--listen", at)
    assert at in line
    assert "address already in use" in line


def test_run_on_a_busy_stun_port(tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{held.getsockname()[1]}"
        line = refused(tmp_path, f"stun: {{listen: ['{at}']}}\n")
    assert "stun.listen" in line
    assert at in line


def test_run_where_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in its place")
    line = refused(tmp_path, "")
    assert "folder for certificates" in line
    assert "RTCGUARD_STATE_DIR" in line


def test_run_with_a_damaged_certificate_authority(tmp_path: Path) -> None:
    ca = tmp_path / "state" / "ca"
    ca.mkdir(parents=True)
    (ca / "mitmproxy-ca.pem").write_text("no certificate")
    assert "certificate" in refused(
        tmp_path, "stun: {listen: []}\n", "--listen", f"127.0.0.1:{free_port()}"
    )


def test_run_with_a_trusted_ca_that_is_not_there(tmp_path: Path) -> None:
    line = refused(tmp_path, f"upstream: {{trusted_ca: {tmp_path}/no.pem}}\n")
    assert f"{tmp_path}/no.pem" in line


@pytest.mark.parametrize(("mode", "text"), [(0o604, "read by everybody"), (0o600, "is empty")])
def test_run_with_a_secret_that_is_none(tmp_path: Path, mode: int, text: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open to all" if mode == 0o604 else "\n")
    secret.chmod(mode)
    server = f"{{urls: ['turn:192.0.2.1'], shared_secret_file: {secret}}}"
    assert text in refused(tmp_path, f"relay: {{servers: [{server}]}}\n")


RULES = """version: 1
relay:
  servers: [{urls: "turn:192.0.2.7", username: u, credential: c}]
rules:
  - {name: guests, match: {client: 10.9.0.0/16}, action: block}
  - name: office
    match: {site: "*.meet.example", candidate: host, not: {transport: tcp}}
    action: keep
  - name: the office's own TURN server
    match: {server: "turn:*.meet.example", client: 10.1.0.0/16, time: "mon-fri 08:00-18:00"}
    action: keep
  - {name: untouched, match: {site: bank.example, not: {user: "*"}}, action: pass}
"""


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            ["--site", "A.meet.example", "--client", "10.1.0.1", "--candidate", HOST.decode()],
            "outbound host candidate, udp 192.168.7.5\n"
            "  rule 'guests' (:5): no: client does not hold\n"
            "  rule 'office' (:6): matches\nkeep, by office (:6): rule 'office' says keep\n",
        ),
        (
            ["--site", "b.example", "--candidate", HOST.decode().replace("udp", "tcp")],
            "outbound host candidate, tcp 192.168.7.5\n"
            "  rule 'guests' (:5): no: client does not hold\n"
            "  rule 'office' (:6): no: site, not does not hold\n  rule \"the office's own TURN "
            'server" (:9): says nothing of candidates, of which server cannot be known\n  rule '
            "'untouched' (:12): says nothing of candidates\nstrip, by default:outbound: a host "
            "candidate tells an address of the client\n",
        ),
        (
            ["--direction", "inbound", "--confirmed", "network", "--candidate", HOST.decode()],
            "keep, by inbound:auto: the firewall is up, which lets the client reach approved "
            "relays only\n",
        ),
        (
            ["--client", "10.9.1.1"],
            "pages of any site\n  rule 'guests' (:5): matches\n"
            "block, by guests (:5): rule 'guests' says block\n",
        ),
        (
            ["--client", "10.1.0.1", "--stun", "192.0.2.7:3478"],
            "keep, by relay:servers: this TURN server is approved\n",
        ),
        (["--stun", "192.0.2.8:3478"], "block, by default:servers: "),
        (["--server", "turn:192.0.2.8"], "strip, by relay:site_servers: a TURN server"),
        (["--name", "stun.example.org"], "strip, by sinkhole:form: named like a STUN or TURN"),
        (
            ["--client", "10.9.1.1", "--name", "STUN.example.org."],
            "the name stun.example.org\n  rule 'guests' (:5): matches\nblock, by guests (:5): ",
        ),
        (
            ["--client", "10.1.1.1", "--server", "turn:a.meet.example", "--time", "fri 17:59"],
            "  rule 'guests' (:5): says nothing of ICE servers in lists\n  rule 'office' (:6): "
            "says nothing of ICE servers in lists, of which candidate and transport cannot be "
            "known\n"
            "  rule \"the office's own TURN server\" (:9): matches\nkeep, by the office's own TURN "
            "server (:9): ",
        ),
        (
            ["--client", "10.1.1.1", "--server", "turn:a.meet.example", "--time", "fri 18:00"],
            'TURN server" (:9): no: time does not hold\n',
        ),
        (
            [
                "--client",
                "10.1.1.1",
                "--stun",
                "192.0.2.9:3478",
                "--destination",
                "a.meet.example",
                "--protocol",
                "turn",
                "--time",
                "mon 08:00",
            ],
            "keep, by the office's own TURN server (:9): ",
        ),
        (["--tls", "bank.example:443"], "pass, by untouched (:12): "),
        (["--tls", "bank.example:443", "--user", "alice"], "no: not does not hold\nintercept, by "),
        (["--name", "www.example.org"], "keep, by default:names: not the name of a STUN or TURN"),
    ],
)
def test_explain(tmp_path: Path, asked: list[str], told: str) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(RULES)
    made = rtcguard(["explain", "--config", str(config), *asked], tmp_path)
    assert made.returncode == 0, made.stderr
    assert told in made.stdout.decode().replace(str(config), "")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--tls", "WWW.bank.example.:443"], "pass, by banks"),
        (["--site", "www.bank.example"], "pass, by banks"),
        (["--site", "work.bank.example"], "intercept, by work"),
        (["--site", "bank.example"], "intercept, by default:tls"),
    ],
)
def test_explain_tells_what_is_opened(tmp_path: Path, asked: list[str], told: str) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "version: 1\nrules:\n- {name: work, match: {site: work.bank.example}, action: intercept}\n"
        "- {name: banks, match: {site: '*.bank.example'}, action: pass}\n"
    )
    made = rtcguard(["explain", "--config", str(config), *asked], tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout.decode().splitlines()[-1].startswith(told)
    shown = rtcguard(["explain", "--config", str(config), *asked, "--json"], tmp_path)
    answer = json.loads(shown.stdout)
    answer = answer.get("tls", answer)
    assert f"{answer['action']}, by {answer['rule']}" == told


def test_explain_as_json(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(RULES)
    asked = ["--client", "10.1.0.1", "--site", "a.meet.example", "--candidate", HOST.decode()]
    made = rtcguard(["explain", "--config", str(config), *asked, "--json"], tmp_path)
    where = {"file": str(config), "speaks": True}
    assert json.loads(made.stdout) == {
        "policy": version_of(read_config(config)),
        "what": "outbound host candidate, udp 192.168.7.5",
        "action": "keep",
        "rule": "office",
        "file": str(config),
        "line": 6,
        "reason": "rule 'office' says keep",
        "tried": [
            {"rule": "guests", "line": 5, "lacked": ["client"], **where},
            {"rule": "office", "line": 6, "lacked": [], **where},
        ],
        "monitored": [],
    }


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--candidate", "nothing"], "Invalid value for --candidate: not a candidate: "),
        (["--server", "http://a"], "Invalid value for --server: 'http://a' is not a stun:"),
        (["--stun", "1.2.3.4"], "'1.2.3.4' is not HOST:PORT"),
        (
            ["--stun", "1.2.3.4:1", "--server", "stun:a"],
            "one of --candidate, --server, --stun, --name",
        ),
        (["--time", "25:00"], "'25:00' is not like `mon 09:30`"),
        (["--port", "0"], "Invalid value for '--port'"),
        (["--candidate", ""], "Invalid value for --candidate: it is empty"),
    ],
)
def test_explain_mistakes(tmp_path: Path, asked: list[str], message: str) -> None:
    made = rtcguard(["explain", *asked], tmp_path)
    assert made.returncode == 2
    assert message in made.stderr.decode()
