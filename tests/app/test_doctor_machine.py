"""`rtcguard doctor` on this machine: a run that works, and each part of it broken in its way."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.message
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rtcguard.app import gateway as firewall
from rtcguard.app import relay
from rtcguard.app.doctor import (
    authority,
    configuration,
    desktop,
    gateway,
    ledger,
    origin,
    pages,
    proxy,
    responder,
    sinkhole,
    through,
)
from rtcguard.app.doctor.check import Check, Result, Setup, blocking
from rtcguard.ledger import health
from rtcguard.ledger.event import Event, timestamp
from rtcguard.ledger.store import Store
from rtcguard.policy.model import Config, Policy, Stun
from rtcguard.policy.record import Record
from tests.app import doctoring
from tests.app.doctoring import closing, examine, setup_of, with_secret
from tests.netns import inside, namespace
from tests.origin import free_port
from tests.process import Running, free_udp_port, rtcguard, running
from tests.turn import coturn
from tests.zone import Zone


@dataclass(frozen=True)
class Whole:
    """A run with every part that needs no root, and its configuration."""

    run: Running
    text: str
    zone: Zone

    def setup(self, folder: Path, more: str = "", state: Path | None = None) -> Setup:
        return setup_of(folder, self.text + more, state or self.run.state)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    folder = tmp_path_factory.mktemp("whole")
    zone = Zone()
    zone.add("example.com A 192.0.2.1")
    stun, resolver = free_udp_port(), free_udp_port()
    with zone.serving():
        text = (
            f'stun: {{listen: ["127.0.0.1:{stun}"]}}\n'
            f'sinkhole: {{listen: "127.0.0.1:{resolver}", upstream: "127.0.0.1:{zone.port}"}}\n'
            f"exports: [{{to: jsonl, file: {folder / 'out.jsonl'}}}]\n"
            f"metrics: {{listen: 127.0.0.1:{free_port()}}}\n"
            f"web: {{listen: 127.0.0.1:{free_port()}}}\n"
        )
        with running(folder, text) as run:
            yield Whole(run, f"listen: 127.0.0.1:{run.port}\n{text}", zone)


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on nothing is asked that answers."""
    for module in (through, responder, sinkhole, pages):
        monkeypatch.setattr(module, "PATIENCE", 0.5)


def test_all_that_works_and_what_is_off(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command itself; this system does not trust the authority, until it is told to."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CURRENT_DESKTOP", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "doctor.yaml"
    file.write_text(f"version: 1\n{whole.text}")
    made = rtcguard(["doctor", "--config", str(file), "--json"], whole.run.state)
    told = json.loads(made.stdout)
    assert made.returncode == 0 and told["passed"], told
    by_name: dict[str, list[str]] = {}
    for row in told["results"]:
        by_name.setdefault(row["check"], []).append(row["status"])
    config = whole.setup(tmp_path).policy.config
    stun, resolver = config.stun.listen[0][1], config.sinkhole.listen[0][1]
    assert config.metrics.listen is not None and config.web.listen is not None
    assert set(by_name.pop("browsers' stores")) <= {"off", "warning"}  # as browsers are there
    assert by_name == {
        "configuration": ["ok"],
        "state folder": ["ok"],
        "rtcguard run": ["ok"],
        "certificate authority": ["ok", "ok"],
        "TLS through the proxy": ["ok", "warning"],
        f"proxy 127.0.0.1:{whole.run.port}": ["ok"] * 5,
        f"site 127.0.0.1:{config.web.listen[1]}": ["ok"],
        "desktop's proxy": ["off"],
        f"metrics 127.0.0.1:{config.metrics.listen[1]}": ["ok"],
        f"STUN 127.0.0.1:{stun}": ["ok"] * 3,
        f"DNS 127.0.0.1:{resolver}": ["ok"] * 4,
        "firewall": ["off"],
        "relay": ["warning"],
        "ledger": ["ok"] * 3,
        f"export jsonl {config.exports[0].name.partition(' ')[2]}": ["ok"],
    }
    # What it did is in the ledger under a name of its own; only what others do counts as an event.
    assert "doctor.rtcguard.test" in [row["key"] for row in whole.run.report("site")]
    assert "no event yet" in [row["what"] for row in told["results"]]


def test_a_system_that_trusts_the_authority(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = whole.setup(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(setup.state.ca_certificate))
    found = examine(authority.checks(setup))
    found.the("ok", "store trusts it")
    assert not found.of("warning")


def test_this_machine_s_browsers(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Led to the proxy and trusting its authority, by the commands for it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CURRENT_DESKTOP", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "SUDO_USER"):
        monkeypatch.delenv(name, raising=False)
    setup, file = whole.setup(tmp_path), tmp_path / "doctor.yaml"

    def look() -> doctoring.Found:
        return examine(desktop.checks(setup))

    found = look()
    assert found.passed
    assert "rtcguard proxy on" in found.the("off", "does not lead to rtcguard").next
    assert "rtcguard ca install --for nss" in found.the("warning", "/nssdb: not there").next
    for command in (["proxy", "on", "--config", str(file)], ["ca", "install", "--for", "nss"]):
        made = rtcguard(command, whole.run.state)
        assert made.returncode == 0, made.stderr
    found = look()
    found.the("ok", "leads to rtcguard")
    found.the("ok", "/nssdb: trusted")
    set_ = tmp_path / ".config/environment.d/rtcguard.conf"
    led = set_.read_text()
    set_.write_text(led.replace(f":{whole.run.port}", ":3128"))
    assert "proxy off" in look().the("warning", "was changed after").next
    set_.write_text(led)
    moved = whole.text.replace(f"listen: 127.0.0.1:{whole.run.port}\n", "")
    setup = setup_of(tmp_path, moved, whole.run.state)
    look().the("warning", "`listen` is 127.0.0.1:8080 now")
    file.write_text(f"version: 1\n{whole.text}")
    assert rtcguard(["proxy", "off", "--config", str(file)], whole.run.state).returncode == 0
    setup = setup_of(tmp_path, "", tmp_path / "nothing")
    look().the("failed", "no authority to trust")
    monkeypatch.setenv("SUDO_USER", "somebody")
    found = look()
    assert len(found.rows) == 1
    found.the("off", "without sudo")


def test_nothing_runs(tmp_path: Path) -> None:
    """Rows for a person, and exit code 1."""
    file = tmp_path / "doctor.yaml"
    proxy_, stun, metrics = free_port(), free_port(), free_port()
    file.write_text(
        f"version: 1\nlisten: 127.0.0.1:{proxy_}\nstun: {{listen: ['127.0.0.1:{stun}']}}\n"
        f"metrics: {{listen: 127.0.0.1:{metrics}}}\nweb: {{listen: null}}\n"
        f"exports: [{{to: jsonl, file: {tmp_path / 'out'}}}]\n"
    )
    made = rtcguard(["doctor", "--config", str(file)], tmp_path / "state")
    assert made.returncode == 1
    rows = made.stdout.decode()
    assert rows.count("✗ nothing listens there") == 4  # the proxy, STUN twice, metrics
    for part in ("nothing runs with", "there is none", "no authority", "no ledger to send on"):
        assert part in rows, rows
    assert rows.count("→ start it: rtcguard run") >= 8
    assert "– " in rows and "! " in rows


def test_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "doctor.yaml"
    file.write_text("mode: monitr\n")
    check, policy = configuration.configuration(file)
    assert policy is None
    assert len(examine([check]).of("failed")) == 2
    file.write_text(f"version: 1\nrelay: {{servers: [{with_secret(tmp_path, '', 'turn:a')}]}}\n")
    check, policy = configuration.configuration(file)
    assert policy is None
    assert "is empty" in examine([check]).of("failed")[0]
    file.write_text(
        "version: 1\nmode: monitor\nrules:\n"
        "  - {name: all, match: {candidate: host}, action: strip}\n"
        "  - {name: never, match: {site: a.example, candidate: host}, action: strip}\n"
    )
    check, policy = configuration.configuration(file)
    assert policy is not None
    found = examine([check])
    assert found.passed and len(found.of("warning")) == 2, found.rows
    assert "mode: enforce" in found.the("warning", "mode is monitor").next


def test_the_state_folder(tmp_path: Path) -> None:
    state = tmp_path / "state"
    setup = setup_of(tmp_path, "", state)

    def look() -> doctoring.Found:
        return examine(configuration.checks(setup)[:1])

    look().the("warning", "there is none yet")
    setup.state.prepare()
    setup.state.key()
    look().the("ok", "for its owner only")
    state.chmod(0o755)
    (state / "guard.key").chmod(0o640)
    found = look()
    assert f"chmod o= {state}" == found.the("failed", "is open to every user").next
    assert found.the("failed", "others than its owner").next == f"chmod 600 {state / 'guard.key'}"
    shutil.rmtree(state)
    state.write_text("")
    look().the("failed", "is no folder")


def _authority(folder: Path, begins: timedelta, ends: timedelta) -> None:
    """An authority in mitmproxy's layout, in force between these times from now."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mitmproxy")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret = folder / "mitmproxy-ca.pem"
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    secret.chmod(0o600)
    certificate = made.public_bytes(serialization.Encoding.PEM)
    (folder / "mitmproxy-ca-cert.pem").write_bytes(certificate)


def test_the_authority_s_files(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, "", tmp_path / "state")
    setup.state.prepare()
    ca, day = setup.state.ca, timedelta(days=1)

    def look() -> doctoring.Found:
        return examine(authority.checks(setup)[:1])

    assert look().the("failed", "there is none").next == "start it: rtcguard run"
    for begins, ends, status, words in (
        (-2 * day, -day, "failed", "ended on"),
        (day, 2 * day, "failed", "begins on"),
        (-day, 10 * day, "warning", "ends on"),
        (-day, 100 * day, "ok", "until"),
    ):
        _authority(ca, begins, ends)
        look().the(status, words)  # type: ignore[arg-type]
    (ca / "mitmproxy-ca.pem").chmod(0o644)
    (ca / "mitmproxy-ca.p12").write_text("")
    found = look()
    assert [("mitmproxy-ca.pem" in w, "mitmproxy-ca.p12" in w) for w in found.of("failed")] == [
        (True, False),
        (False, True),
    ]
    assert "chmod 600" in found.the("failed", "ca.pem: others may read").next
    (ca / "mitmproxy-ca.p12").unlink()
    before = (ca / "mitmproxy-ca-cert.pem").read_bytes()
    _authority(ca, -day, 100 * day)
    (ca / "mitmproxy-ca-cert.pem").write_bytes(before)
    look().the("failed", "is not the key of")
    (ca / "mitmproxy-ca-cert.pem").write_text("no certificate")
    look().the("failed", "cannot be read")
    (ca / "mitmproxy-ca.pem").unlink()
    assert "trust the new one" in look().the("failed", "mitmproxy-ca.pem: there is none").next


def test_a_proxy_with_another_authority(whole: Whole, tmp_path: Path) -> None:
    setup = whole.setup(tmp_path, state=tmp_path / "state")
    setup.state.prepare()
    _authority(setup.state.ca, timedelta(-1), timedelta(100))
    found = examine(authority.checks(setup)[1:])
    assert "another rtcguard" in found.the("failed", "did not make").next


def test_a_proxy_that_opens_no_tls(whole: Whole, tmp_path: Path) -> None:
    with _saying(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        setup = setup_of(tmp_path, f"listen: 127.0.0.1:{port}\n", whole.run.state)
        found = examine(authority.checks(setup)[1:])
    assert found.of("failed"), found.rows
    with _saying(b"HTTP/1.1 502 Bad Gateway\r\n\r\n") as port:
        setup = setup_of(tmp_path, f"listen: 127.0.0.1:{port}\n", whole.run.state)
        examine(authority.checks(setup)[1:]).the("failed", "does not open a tunnel: answers 502")


@contextlib.contextmanager
def _saying(answer: bytes) -> Iterator[int]:
    """A port that answers every request alike, with what is no TLS behind it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def work() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken, _ = listening.accept()
                    with taken:
                        taken.recv(4096)
                        taken.sendall(answer)
                        taken.shutdown(socket.SHUT_WR)
                        taken.recv(4096)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture(scope="module")
def lax(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A proxy that changes nothing."""
    with running(tmp_path_factory.mktemp("lax"), "mode: monitor\npage: {guard: false}\n") as run:
        yield run


def test_a_proxy_that_does_not_rewrite(lax: Running, tmp_path: Path) -> None:
    at = f"listen: 127.0.0.1:{lax.port}\n"
    found = examine(proxy.checks(setup_of(tmp_path, at, lax.state)))
    assert not found.passed
    assert "anew" in found.the("failed", "ring 1 is missing").next
    assert "anew" in found.the("failed", "ring 2 is missing").next
    # As it was told to.
    found = examine(
        proxy.checks(setup_of(tmp_path, f"{at}mode: monitor\npage: {{guard: false}}\n", lax.state))
    )
    assert found.passed
    found.the("off", "page.guard is false")
    found.the("warning", "leave a candidate")


def test_an_offer_that_is_stopped(tmp_path: Path) -> None:
    """By a rule, and by one that this configuration does not have."""
    rule = "rules: [{name: none, match: {client: loopback}, action: block}]\n"
    with running(tmp_path, rule) as run:
        at = f"listen: 127.0.0.1:{run.port}\n"
        found = examine(proxy.checks(setup_of(tmp_path, at + rule, run.state)))
        assert found.passed, found.rows
        found.the("ok", "stops an offer, as the rules say")
        found = examine(proxy.checks(setup_of(tmp_path, at, run.state)))
        assert "report --by rule" in found.the("failed", "an offer did not arrive").next


def test_a_proxy_that_asks_who_it_is(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("a:$2y$04$4Fha8lP43F8DEp1lLEaEZ.FuYsUwEGM.lG4xWqGVBS5RuBEj7Mzg2\n")
    users.chmod(0o600)
    with running(tmp_path, f"users: {{file: {users}}}\n") as run:
        setup = setup_of(
            tmp_path, f"listen: 127.0.0.1:{run.port}\nusers: {{file: {users}}}\n", run.state
        )
        found = examine([*proxy.checks(setup), *authority.checks(setup)])
    assert found.passed, found.rows
    assert len([what for what in found.of("warning") if "asks for a name" in what]) == 2


def test_nothing_leaves_this_machine(whole: Whole, tmp_path: Path) -> None:
    more = 'upstream: {proxy: "http://192.0.2.1:3128"}\n'
    setup = whole.setup(tmp_path, more)
    found = examine([*proxy.checks(setup), *authority.checks(setup)])
    assert len([what for what in found.of("off") if "would leave this machine" in what]) == 2


def test_others_in_the_proxy_s_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(port: int) -> doctoring.Found:
        return examine(proxy.checks(setup_of(tmp_path, f"listen: 127.0.0.1:{port}\n")))

    with closing() as ends:
        look(ends).the("failed", "ends the connection")
    with _saying(b"220 smtp\r\n") as mail:
        look(mail).the("failed", "not rtcguard")
    hurry(monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        look(mute.getsockname()[1]).the("failed", "no answer in")


def test_a_connection_that_is_open_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """The proxy's, where it connected first. It is no error."""

    async def ended() -> None:
        async with origin.serving() as own:
            opened.enter_context(socket.create_connection(("127.0.0.1", own.port)))
            await asyncio.sleep(0.1)

    with contextlib.ExitStack() as opened:
        asyncio.run(ended())
    assert caplog.messages == []


def test_a_run_that_hangs(whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process of it is stopped: each port is there, and none answers."""
    hurry(monkeypatch)
    setup = whole.setup(tmp_path)
    made = [
        check
        for part in (proxy, authority, pages, responder, sinkhole)
        for check in part.checks(setup)
        if check.name != "certificate authority"
    ]
    pids = _tree(whole.run.process.pid)
    assert len(pids) >= 5  # the supervisor, the proxy, the responder, the sinkhole, the site
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        found = examine(made)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert {name.split()[0] for name, result in found.rows if result.status == "failed"} == {
        *("proxy", "TLS", "site", "metrics", "STUN", "DNS"),
    }
    assert all("no answer" in what for what in found.of("failed")), found.rows
    assert all("log of rtcguard run" in r.next for _, r in found.rows if r.status == "failed")


def _tree(pid: int) -> list[int]:
    """A process, and all below it."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in below for one in _tree(int(child)))]


def test_what_the_ledger_does_not_get(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All works, but for another state folder."""
    monkeypatch.setattr(ledger, "_PATIENCE", 0.5)
    state = tmp_path / "state"
    setup = whole.setup(tmp_path, state=state)
    Store(setup.state.ledger).close()
    found = examine([*proxy.checks(setup), *responder.checks(setup), *sinkhole.checks(setup)])
    missing = [what for what in found.of("failed") if "the ledger got nothing of" in what]
    assert len(missing) == 3, found.rows
    examine(configuration.checks(setup)[1:]).the("failed", "nothing runs with")


@pytest.mark.parametrize("answer", ["decoy", "silent"])
def test_each_answer_of_the_responder(tmp_path: Path, answer: str) -> None:
    policy = Policy(Config(stun=Stun(answer=answer)))  # type: ignore[arg-type]
    with doctoring.responder(policy) as port:
        text = f"stun: {{answer: {answer}, listen: ['127.0.0.1:{port}']}}\n"
        found = examine(responder.checks(setup_of(tmp_path, text)))
    for over in ("UDP", "TCP"):
        assert answer in found.the("ok", f"over {over}").what


def test_others_in_the_responder_s_place(tmp_path: Path) -> None:
    with (
        coturn(tmp_path / "turn", "--no-tls", "--no-auth") as turn,
        _saying(b"220 smtp\r\n" * 4) as mail,
    ):
        setup = setup_of(tmp_path, f'stun: {{listen: ["127.0.0.1:{turn}"]}}\n')
        found = examine(responder.checks(setup))
        for over in ("UDP", "TCP"):
            found.the("failed", f"over {over}, but not by stun.answer: refuse")
        setup = setup_of(tmp_path, f'stun: {{listen: ["127.0.0.1:{mail}"]}}\n')
        found = examine(responder.checks(setup))
        found.the("failed", "nothing listens there over UDP")
        found.the("failed", "over TCP does not speak STUN")


def test_nobody_in_the_responder_s_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    with socket.socket(type=socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        at = mute.getsockname()[1]
        setup = setup_of(tmp_path, f'stun: {{listen: ["127.0.0.1:{at}"]}}\n')
        examine(responder.checks(setup)).the("failed", "no answer over UDP")
        elsewhere = f'stun: {{listen: ["127.0.0.1:{at}"], clients: [192.0.2.0/24]}}\n'
        found = examine(responder.checks(setup_of(tmp_path, elsewhere)))
        found.the("warning", "not among stun.clients")


def test_the_sinkhole_s_upstream(whole: Whole, tmp_path: Path) -> None:
    setup = whole.setup(tmp_path)
    found = examine(sinkhole.checks(setup))
    found.the("ok", "upstream answers for example.com: 192.0.2.1")

    def broken(query: dns.message.Message, _: str) -> bytes:
        return b"no answer"

    whole.zone.handler = broken
    try:
        # An approved server's name is asked for in place of the other, whose answer is known now.
        relay_ = (
            'relay: {servers: [{urls: ["turn:relay.example.net"], username: a, credential: b}]}\n'
        )
        found = examine(sinkhole.checks(whole.setup(tmp_path, relay_)))
    finally:
        whole.zone.handler = None
    failed = found.the("failed", "no upstream server answers for relay.example.net")
    assert "sinkhole.upstream" in failed.next


def test_others_in_the_sinkhole_s_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zone = Zone(handler=lambda query, _: _address_for(query))
    with zone.serving():
        text = f'sinkhole: {{listen: "127.0.0.1:{zone.port}", upstream: "192.0.2.1"}}\n'
        found = examine(sinkhole.checks(setup_of(tmp_path, text)))
        for over in ("UDP", "TCP"):
            found.the("failed", f"over {over} 192.0.2.9, in place of NXDOMAIN")
        monitor = examine(sinkhole.checks(setup_of(tmp_path, f"mode: monitor\n{text}")))
        monitor.the("warning", "passes on the names")
        far = text.replace("}", ", clients: [192.0.2.0/24]}")
        examine(sinkhole.checks(setup_of(tmp_path, far))).the("warning", "sinkhole.clients")
    with _saying(b"\0\x04smtp") as mail:
        text = f'sinkhole: {{listen: "127.0.0.1:{mail}", upstream: "192.0.2.1"}}\n'
        found = examine(sinkhole.checks(setup_of(tmp_path, text)))
        found.the("failed", "over TCP does not speak DNS")
    hurry(monkeypatch)
    examine(sinkhole.checks(setup_of(tmp_path, text))).the("failed", "no answer over UDP")


def _address_for(query: dns.message.Message) -> dns.message.Message:
    response = dns.message.make_response(query)
    name = query.question[0].name
    response.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "192.0.2.9"))
    return response


def test_the_firewall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not up, up, and not to be looked at; what is still missing then is what it should lead to."""
    setup = setup_of(tmp_path, "gateway: {interfaces: [out0]}\nstun: {listen: ['0.0.0.0:3478']}\n")
    with namespace("doctorfw", "10.9.1.1/24") as name:
        found = inside(name, lambda: examine(gateway.checks(setup)))
        assert "rtcguard gateway up" in found.the("failed", "the table is not there").next
        inside(name, lambda: firewall.up(setup.policy.config))
        found = inside(name, lambda: examine(gateway.checks(setup)))
        assert not [what for what in found.of("failed") if "table" in what], found.rows
        nobody = found.the("failed", "nothing answers STUN on udp port 3478 of IPv4")
        assert nobody.next == "start it: rtcguard run"
        assert "sysctl.d" in found.the("failed", "IPv4 is not forwarded").next
        assert found.of("warning")
    monkeypatch.setattr("rtcguard.network.netfilter._PATH", str(tmp_path))
    found = examine(gateway.checks(setup))
    assert "nftables" in found.of("failed")[0]
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert (
        examine(gateway.checks(setup)).the("warning", "nftables").next == "run the doctor as root"
    )


def test_coturn_where_it_is_managed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = with_secret(tmp_path, "secret", "turn:127.0.0.1")
    text = f"relay: {{managed: true, servers: [{entry}]}}\nlisten: 127.0.0.1:{free_port()}\n"
    setup = setup_of(tmp_path, text)
    examine(proxy.checks(setup)).the("ok", "/turnserver")
    monkeypatch.setattr(relay, "_PATH", str(tmp_path))
    examine(proxy.checks(setup)).the("failed", "on Debian: apt install coturn")


@pytest.fixture
def stored(tmp_path: Path) -> Setup:
    """A ledger with some events."""
    setup = setup_of(tmp_path, "", tmp_path / "state")
    with contextlib.closing(Store(setup.state.ledger)) as store:
        store.add(_events(5000))
    return setup


def _events(count: int, ahead: float = -5.0, **fields: str) -> Sequence[Event]:
    at = timestamp(time.time() + ahead)
    record = Record("network", "stun", "refused", **fields)  # type: ignore[arg-type]
    return [Event(at, f"{ahead}-{number}", "n", record, at) for number in range(count)]


def _ledger(setup: Setup) -> doctoring.Found:
    return examine(ledger.checks(setup)[:1])


def test_a_sound_ledger(stored: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _ledger(stored)
    assert found.passed and not found.of("warning"), found.rows
    found.the("ok", "sound, can be written")
    found.the("ok", "seconds old")
    monkeypatch.setattr(health, "_LOOK", 0.0)
    monkeypatch.setattr(health, "_STEPS", 10)
    _ledger(stored).the("ok", "sound as far as there was time to look")


def test_a_ledger_that_is_damaged(stored: Setup, tmp_path: Path) -> None:
    path = stored.state.ledger
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 8192)
    assert "rtcguard report" in _ledger(stored).the("failed", "damaged").next
    path.write_text("no database" * 100)
    _ledger(stored).the("failed", "damaged")


def test_a_ledger_of_another_version(stored: Setup) -> None:
    with contextlib.closing(sqlite3.connect(stored.state.ledger)) as db:
        db.execute("PRAGMA user_version = 99")
    _ledger(stored).the("failed", "is of version 99")


def test_a_ledger_that_another_holds(stored: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PATIENCE", 0.1)
    with contextlib.closing(sqlite3.connect(stored.state.ledger, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        assert "ls -l" in _ledger(stored).the("failed", "cannot be written").next


def test_lost_events_and_a_clock_that_went_back(stored: Setup) -> None:
    with contextlib.closing(Store(stored.state.ledger)) as store:
        reason = "41 events could not be written to the ledger"
        told = Record("ledger", "rtcguard", "observed", reason=reason)
        now = timestamp(time.time())
        store.add([Event(now, "lost", "n", told, now), *_events(1, ahead=7200.0)])
    found = _ledger(stored)
    found.the("failed", "41 events of the last 24 hours")
    assert "NTP" in found.the("warning", "later than now").next


def test_a_disk_that_is_nearly_full(stored: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_FEW_FREE", 1 << 60)
    _ledger(stored).the("warning", "GB free")
    monkeypatch.setattr(ledger, "_LEAST_FREE", 1 << 60)
    assert "make room" in _ledger(stored).the("failed", "GB free").next


def test_an_export_that_lags(stored: Setup, tmp_path: Path) -> None:
    text = f"exports: [{{to: jsonl, file: {tmp_path / 'out'}}}]\n"
    setup = setup_of(tmp_path, text, stored.state.folder)
    examine(ledger.checks(setup)[1:]).the("ok", "5000 events wait")
    (name,) = ledger._names(setup.policy.config)
    with contextlib.closing(Store(setup.state.ledger)) as store:
        store.advance(name, store.last_seq())
        store.add(_events(3, ahead=-7200.0))
    found = examine(ledger.checks(setup)[1:])
    assert "is the receiver there" in found.the("failed", "3 events wait").next
    assert "2 hours" in found.of("failed")[0]


def test_the_site_and_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another in their place, none, and one that says nothing."""

    def look(port: int) -> doctoring.Found:
        return examine([pages._check("site", ("127.0.0.1", port), "/", b"rtcguard", "")])

    with _saying(b"HTTP/1.0 200 OK\r\n\r\nanother") as other:
        look(other).the("failed", "something else answers there")
    look(free_port()).the("failed", "nothing listens")
    hurry(monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        look(mute.getsockname()[1]).the("failed", "no answer in")


def test_a_check_that_hangs() -> None:
    ended = threading.Event()

    def hangs() -> list[Result]:
        ended.wait(60)
        return []

    found = examine([blocking("a", hangs, 0.05), Check("b", _never, 0.05)])
    ended.set()
    assert found.of("failed") == ["it was not done after 0.05 s"] * 2


async def _never() -> Sequence[Result]:
    await asyncio.Event().wait()
    return []
