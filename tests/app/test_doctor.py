"""`rtcguard doctor` against real coturns, each broken in one way: it says which."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from aioice import stun

from rtcguard.app.doctor import connecting, reasons, turn
from rtcguard.app.doctor.check import Check, Result
from rtcguard.ice.server import parse_uri, timed_credentials
from rtcguard.network.allocation import Allocation
from rtcguard.policy.model import Policy
from tests.app.doctoring import closing, examine, relays, responder, with_secret, with_user
from tests.lab.ca import LabCA
from tests.lab.process import Process
from tests.netns import inside, namespace
from tests.origin import free_port
from tests.turn import PASSWORD, USER, arguments, coturn

SECRET = "the-shared-secret"
BY_SECRET = ("--use-auth-secret", f"--static-auth-secret={SECRET}")
BY_USER = ("--lt-cred-mech", f"--user={USER}:{PASSWORD}")
PUBLIC, PUBLIC6, PRIVATE = "198.51.100.10", "2001:db8:100::10", "10.9.0.1"


@dataclass(frozen=True)
class Good:
    """A server that works, with a certificate of `ca` for `localhost`."""

    port: int
    ca: LabCA
    folder: Path


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Good]:
    folder = tmp_path_factory.mktemp("good")
    ca = LabCA(folder)
    certificate, key = ca.issue("localhost", ())
    options = (*BY_SECRET, "--allow-loopback-peers", f"--cert={certificate}", f"--pkey={key}")
    with coturn(folder, *options, f"--tls-listening-port={free_port()}") as port:
        yield Good(port, ca, folder)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For servers that answer, on a machine that is busy."""
    monkeypatch.setattr(connecting, "PATIENCE", 60.0)


@pytest.fixture
def hurry(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For servers that never answer."""
    monkeypatch.setattr(connecting, "PATIENCE", 0.5)


def test_every_transport_of_a_server_that_works(good: Good, tmp_path: Path) -> None:
    at = f"localhost:{good.port}"
    urls = (f"turn:127.0.0.1:{good.port}", f"turn:{at}?transport=tcp", f"turns:{at}")
    found = relays(
        tmp_path,
        with_secret(tmp_path, SECRET, *urls),
        more=f"upstream: {{trusted_ca: {good.ca.certificate}}}",
    )
    told = [name for name, result in found.rows if result.what.startswith("carries datagrams")]
    assert told == list(urls)
    on_loopback = [name for name, result in found.rows if "loopback address" in result.what]
    assert on_loopback == list(urls)
    # `localhost` may be ::1 too, where nothing listens.
    assert all("nothing listens" in what and "::1" in what for what in found.of("failed"))
    open_into = found.the("warning", "lets its clients reach")
    assert "10.0.0.1" in open_into.what and "169.254.169.254" in open_into.what
    assert "rtcguard turn config" in open_into.next
    assert "answers 440" in found.the("warning", "IPv6 only").what


def test_the_wrong_secret(good: Good, tmp_path: Path) -> None:
    found = relays(tmp_path, with_secret(tmp_path, "another", f"turn:127.0.0.1:{good.port}"))
    assert not found.passed
    told = found.the("failed", "answers 401")
    assert str(tmp_path / "turn.secret") in told.what and "clock is not the cause" in told.what
    assert "static-auth-secret" in told.next


@pytest.mark.parametrize("late", [10 * 86400, 56 * 365 * 86400])
def test_a_clock_that_is_behind(good: Good, tmp_path: Path, late: int) -> None:
    """The server's is right, ours late by days, or where clocks begin that have no battery; the
    credentials have ended when they are made."""
    entry = with_secret(tmp_path, SECRET, f"turn:127.0.0.1:{good.port}")
    found = relays(tmp_path, entry, clock=lambda: time.time() - late)
    told = found.the("failed", "later end")
    now = {connecting.stamp(time.time() + seconds) for seconds in range(-180, 181, 30)}
    assert any(f"by its clock it is {stamp}" in told.what for stamp in now), told.what
    assert f"machine {connecting.stamp(time.time() - late)[:10]}" in told.what
    assert "NTP" in told.next
    # A clock that is late by less than the lifetime does no harm.
    assert "carries" in str(relays(tmp_path, entry, clock=lambda: time.time() - 3600).of("ok"))


@pytest.mark.parametrize(
    ("end", "holds"), [(-86400, False), (-60, False), (60, True), (86400, True)]
)
def test_credentials_hold_until_their_end(good: Good, end: int, holds: bool) -> None:
    async def allocate() -> None:
        credentials = timed_credentials(SECRET.encode(), int(time.time()) + end, "x")
        uri = parse_uri(f"turn:127.0.0.1:{good.port}")
        one = await Allocation.open(uri, uri.host, *credentials, ssl.create_default_context())
        try:
            await one.allocate()
        finally:
            await one.close()

    if holds:
        asyncio.run(allocate())
    else:
        with pytest.raises(stun.TransactionFailed) as refused:
            asyncio.run(allocate())
        assert refused.value.response.error_code == 401


def test_an_authority_that_nobody_trusts(good: Good, tmp_path: Path) -> None:
    found = relays(tmp_path, with_secret(tmp_path, SECRET, f"turns:127.0.0.1:{good.port}"))
    told = found.the("failed", "is not trusted")
    assert LabCA.NAME in told.what and "upstream.trusted_ca" in told.next


def test_a_certificate_for_another_name(good: Good, tmp_path: Path) -> None:
    found = relays(
        tmp_path,
        with_secret(tmp_path, SECRET, f"turns:127.0.0.1:{good.port}"),
        more=f"upstream: {{trusted_ca: {good.ca.certificate}}}",
    )
    found.the("failed", "its certificate is not for 127.0.0.1, but for localhost")


def test_a_certificate_that_has_ended(tmp_path: Path) -> None:
    ca = LabCA(tmp_path)
    certificate, key = ca.issue("old", ("127.0.0.1",), timedelta(minutes=-30))
    with coturn(tmp_path, *BY_SECRET, f"--cert={certificate}", f"--pkey={key}") as port:
        found = relays(
            tmp_path,
            with_secret(tmp_path, SECRET, f"turns:127.0.0.1:{port}"),
            more=f"upstream: {{trusted_ca: {ca.certificate}}}",
        )
    told = found.the("failed", "its certificate ended on 2")
    assert told.next.startswith("renew it")


def test_users_quotas_and_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with two ports to relay from, and one allocation for each user."""
    limits = ("--user-quota=1", "--no-tls", "--allow-loopback-peers", "--no-udp")
    more = (*BY_USER, "--user=b:b", "--user=c:c")
    with coturn(tmp_path, *limits, *more, relay_ports=(20990, 20991)) as port:
        url = f"turn:127.0.0.1:{port}?transport=tcp"
        found = relays(tmp_path, with_user(USER, "wrong", url))
        assert f"does not know the user '{USER}'" in found.the("failed", "answers 401").what
        assert found.of("ok") == []

        found = relays(tmp_path, with_user(USER, PASSWORD, url))
        told = found.the("failed", "a second allocation, and a datagram to it: answers 486")
        assert "user-quota" in told.next

        found = relays(tmp_path, with_user(USER, PASSWORD, url.replace("tcp", "udp")))
        found.the("failed", "refused: nothing listens at UDP port")

        with monkeypatch.context() as hurry:
            hurry.setattr(connecting, "PATIENCE", 0.5)
            found = relays(tmp_path, with_user("b", "b", url.replace("turn:", "turns:")))
        # It closes the connection, or says nothing, as the first bytes come together or not.
        assert "has a certificate" in str(found.rows) or "give the server a certificate" in str(
            found.rows
        )

        async def hold(*users: str) -> None:
            uri, context = parse_uri(url), ssl.create_default_context()
            held = [await Allocation.open(uri, uri.host, u, u, context) for u in users]
            for one in held:
                await one.allocate()
            try:
                told = await asyncio.to_thread(relays, tmp_path, with_user(USER, PASSWORD, url))
                failed.append(told.the("failed", "answers 508"))
            finally:
                for one in held:
                    await one.close()

        failed: list[Result] = []
        asyncio.run(hold("b", "c"))
        assert "max-port" in failed[0].next


def test_a_server_that_is_not_there(tmp_path: Path, hurry: None) -> None:
    port = free_port()
    both = (f"turn:127.0.0.1:{port}", f"turn:127.0.0.1:{port}?transport=tcp")
    found = relays(tmp_path, with_user("a", "a", *both, "turns:nowhere.invalid"))
    assert not found.passed
    told = [f"refused: nothing listens at {t} port {port} of 127.0.0.1" for t in ("UDP", "TCP")]
    assert found.of("failed")[:2] == told
    assert "the name nowhere.invalid" in found.of("failed")[2]


def test_something_else_in_its_place(tmp_path: Path, hurry: None) -> None:
    """One port that says nothing, one that closes, and a responder that refuses everybody."""
    with socket.create_server(("127.0.0.1", 0)) as mute, closing() as closes:
        at = mute.getsockname()[1]
        found = relays(
            tmp_path,
            with_user("a", "a", f"turn:127.0.0.1:{at}?transport=tcp", f"turns:127.0.0.1:{at}"),
            with_user("a", "a", f"turn:127.0.0.1:{closes}?transport=tcp"),
        )
    assert [f"port {at} of 127.0.0.1" in what for what in found.of("failed")] == [True, True, False]
    assert "gives no answer in" in found.of("failed")[0]
    assert "gives no answer to TLS" in found.of("failed")[1]
    assert "closes it" in found.of("failed")[2]

    with responder(Policy()) as at:
        found = relays(tmp_path, with_user("a", "a", f"turn:127.0.0.1:{at}"))
    assert "rtcguard answers so for" in found.the("failed", "answers 300").next


@pytest.fixture(scope="module")
def network() -> Iterator[str]:
    with namespace("doctor", f"{PUBLIC}/24", f"{PUBLIC6}/64", f"{PRIVATE}/24") as name:
        yield name


@contextlib.contextmanager
def coturn_inside(network: str, folder: Path, *options: str) -> Iterator[None]:
    """One on port 3478 of the namespace's public addresses."""
    argv = arguments(folder, 3478, [PUBLIC, PUBLIC6], (20000, 20099), "r")
    argv = [one for one in argv if not one.startswith("--relay-ip")]
    process = Process(network, [*argv, "--no-tls", *BY_SECRET, *options], folder / "log")
    try:
        for address in (PUBLIC, PUBLIC6):
            process.wait_port("udp", address, 3478)
        yield
    finally:
        process.stop()


def test_behind_nat(network: str, tmp_path: Path) -> None:
    """It has a private address, and does not know which one others see."""
    entry = with_secret(tmp_path, SECRET, f"turn:{PUBLIC}")
    with coturn_inside(network, tmp_path, f"--relay-ip={PRIVATE}"):
        found = inside(network, lambda: relays(tmp_path, entry))
    told = found.the("failed", f"relays from {PRIVATE}, a private address: nobody else reaches it")
    assert f"external-ip={PUBLIC}/{PRIVATE}" in told.next
    with coturn_inside(
        network, tmp_path, f"--relay-ip={PRIVATE}", f"--external-ip={PUBLIC}/{PRIVATE}"
    ):
        found = inside(network, lambda: relays(tmp_path, entry))
    assert found.passed, found.rows
    found.the("ok", f"relays from {PUBLIC}:20")
    found.the("ok", "carries datagrams")


def test_one_that_refuses_itself(network: str, tmp_path: Path) -> None:
    entry = with_secret(tmp_path, SECRET, f"turn:{PUBLIC}")
    denied = (f"--relay-ip={PRIVATE}", "--denied-peer-ip=10.0.0.0-10.255.255.255")
    with coturn_inside(network, tmp_path, *denied):
        found = inside(network, lambda: relays(tmp_path, entry))
    told = found.the("failed", f"refuses its own relayed address {PRIVATE}")
    assert told.next == f"set allowed-peer-ip={PRIVATE} in turnserver.conf"


def test_ipv6(network: str, tmp_path: Path) -> None:
    """Reached over it, relaying to it, and open into the network behind it."""
    entry = with_secret(tmp_path, SECRET, f"turn:[{PUBLIC6}]")
    with coturn_inside(network, tmp_path, f"--relay-ip={PUBLIC}", f"--relay-ip={PUBLIC6}"):
        found = inside(network, lambda: relays(tmp_path, entry))
    assert found.passed, found.rows
    found.the("ok", f"relays IPv6 from [{PUBLIC6}]:20")
    assert "fd00::1" in found.the("warning", "lets its clients reach").what


def test_a_firewall_that_drops(network: str, tmp_path: Path, hurry: None) -> None:
    """UDP to the server; then what goes from one relayed address to another."""
    entry = with_secret(tmp_path, SECRET, f"turn:{PUBLIC}")

    def rules(text: str) -> None:
        subprocess.run(
            ["ip", "netns", "exec", network, "nft", "-f", "-"], input=text, text=True, check=True
        )

    table = """table inet doctor {
  chain input {
    type filter hook input priority 0
    %s drop
  }
}
"""
    with coturn_inside(network, tmp_path, f"--relay-ip={PUBLIC}"):
        for dropped, told, step in (
            ("udp dport 3478", "over TCP the port is open", "a firewall drops UDP"),
            ("meta l4proto { tcp, udp } th dport 3478", "no answer from UDP", "no firewall"),
            ("udp sport 20000-20099 udp dport 20000-20099", "no datagram came", "min-port"),
        ):
            rules(table % dropped)
            try:
                found = inside(network, lambda: relays(tmp_path, entry))
            finally:
                rules("delete table inet doctor")
            assert not found.passed
            assert step in found.the("failed", told).next


def test_a_machine_without_a_way(tmp_path: Path) -> None:
    with namespace("nowhere") as name:
        entry = with_user("a", "a", f"turn:{PUBLIC}", f"turn:{PUBLIC}?transport=tcp")
        found = inside(name, lambda: relays(tmp_path, entry))
    assert [f"no way to {PUBLIC}" in what for what in found.of("failed")] == [True, True]


@pytest.mark.parametrize("code", [*sorted(reasons._ANSWERS), 499])
def test_each_error_response_has_words(code: int) -> None:
    response = stun.Message(stun.Method.ALLOCATE, stun.Class.ERROR)
    response.attributes["ERROR-CODE"] = (code, "As it\nsays\x1b[31m" + "x" * 200)
    told = reasons.answered(stun.TransactionFailed(response))
    assert told.status == "failed" and told.next
    assert f"answers {code} As itsays[31mxx" in told.what
    assert told.what.isprintable() and len(told.what) < 250


def test_without_a_server_it_warns(tmp_path: Path) -> None:
    found = examine(turn.checks(Policy()))
    assert found.passed
    assert "name one in relay.servers" in found.the("warning", "calls will not connect").next


def test_a_check_that_breaks_has_failed() -> None:
    async def breaks() -> list[Result]:
        raise KeyError("x")

    found = examine([Check("a", breaks)])
    assert not found.passed
    assert found.of("failed") == ["it could not be checked: KeyError('x')"]
