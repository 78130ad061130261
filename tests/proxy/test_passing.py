"""TLS by rules: what passes is the server's own to its end, what does not is opened as ever."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.ca import LabCA
from tests.origin import CANDIDATE, Origin, free_port
from tests.process import Running, running
from tests.proxy.far_sides import (
    Listener,
    connect_through,
    connect_through_socks,
    listening,
    read,
    send_slowly,
)
from tests.proxy.test_turn import BINDING, assert_refused, recorded
from tests.proxy.test_users import events

# `localhost` is a name that resolves everywhere: to 127.0.0.1, not to 127.0.0.2.
RULES = """
rules:
  - {name: trial, match: {site: localhost, port: OTHER}, action: pass, mode: monitor}
  - {name: not this port, match: {site: localhost, port: OTHER}, action: intercept}
  - {name: banks, match: {site: [localhost, "*.bank.example", stun.example.org]}, action: pass}
  - {name: by address, match: {site: clinic.example, destination: 127.0.0.4/32}, action: pass}
  - {name: by scope, match: {site: other.example, destination: loopback}, action: pass}
  - {name: a device, match: {destination: 127.0.0.3/32}, action: pass}
"""


@dataclass
class Bank:
    """A server with a certificate of its own, and the proxy before it."""

    run: Running
    socks: int
    other: int
    rules: str
    ca: LabCA
    certificate: bytes  # of its own, in DER
    tls: ssl.SSLContext

    @contextlib.contextmanager
    def far(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[Listener]:
        with listening(b"own", self.tls, (host, port)) as listener:
            yield listener

    def shows(self, tunnel: socket.socket, name: str | None, alpn: tuple[str, ...] = ()) -> bytes:
        """The certificate that a client of TLS is shown on a tunnel."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols(list(alpn))
        with context.wrap_socket(tunnel, server_hostname=name) as client:
            made = client.getpeercert(binary_form=True)
            assert made is not None
            with contextlib.suppress(OSError):
                client.recv(3)  # so the server has ended its handshake too, or is not spoken to
            return made

    def passes(self, tunnel: socket.socket, name: str | None, alpn: tuple[str, ...] = ()) -> bool:
        return self.shows(tunnel, name, alpn) == self.certificate


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    folder = tmp_path_factory.mktemp("bank")
    ca = LabCA(folder)
    certificate, key = ca.issue("localhost", ("127.0.0.1",))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    socks, other = free_port(), free_port()
    rules = RULES.replace("OTHER", str(other))
    config = f"upstream: {{trusted_ca: {ca.certificate}}}\n" + rules
    modes = ["--mode", "regular", "--mode", f"socks5@127.0.0.1:{socks}"]
    own = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    with running(folder / "run", config, *modes) as run:
        yield Bank(run, socks, other, rules, ca, own, tls)


def told(state: Path, destination: str) -> list[dict[str, Any]]:
    rows = recorded(state, destination)
    assert all(row["kind"] == "tls" for row in rows), rows
    return rows


@pytest.mark.parametrize("by", ["connect", "socks"])
def test_what_passes_is_the_servers_own(bank: Bank, by: str) -> None:
    with bank.far() as far:
        for _ in range(2):
            if by == "socks":
                tunnel = connect_through_socks(bank.socks, "localhost", far.port)
            else:
                tunnel = connect_through(bank.run.port, "LocalHost", far.port)
            # A real client, which checks the name, and trusts the server's authority alone.
            trusting = ssl.create_default_context(cafile=bank.ca.certificate)
            with trusting.wrap_socket(tunnel, server_hostname="localhost") as client:
                assert client.getpeercert(binary_form=True) == bank.certificate
                assert client.recv(3) == b"own"
                client.sendall(b"x" * 200_000)  # many records
                assert read(client, 200_000) == b"x" * 200_000
        host = "localhost"
        (first,) = told(bank.run.state, f"{host}:{far.port}")  # the second is folded
    assert (first["action"], first["rule"], first["site"]) == ("kept", "banks", "localhost")
    assert first["reason"] == (
        "rule 'banks' says pass: this TLS is not opened: no guard is in its pages, as frames in "
        "other pages too, and no signaling in it is judged; TURN in it would not be seen; no "
        "firewall is known to hold this client: what its pages send by UDP goes past rtcguard"
    )


def test_the_control_is_opened(bank: Bank) -> None:
    """The same server, by a rule before it, and by no rule: the certificate is this proxy's."""
    ours = ssl.create_default_context(cafile=bank.run.state / "ca" / "mitmproxy-ca-cert.pem")
    with bank.far(port=bank.other) as far:
        tunnel = connect_through(bank.run.port, "localhost", far.port)
        with ours.wrap_socket(tunnel, server_hostname="localhost") as client:
            assert client.getpeercert(binary_form=True) != bank.certificate
    (row,) = told(bank.run.state, f"localhost:{bank.other}")  # a rule on trial, before those two
    assert (row["action"], row["would"], row["rule"]) == ("observed", "kept", "trial")
    with bank.far() as far:
        tunnel = connect_through(bank.run.port, "127.0.0.1", far.port)
        with ours.wrap_socket(tunnel, server_hostname="127.0.0.1") as client:
            assert client.getpeercert(binary_form=True) != bank.certificate


@pytest.mark.parametrize(
    ("host", "name", "passes", "reason"),
    [
        ("127.0.0.1", "localhost", True, ""),  # an address of the name
        ("127.0.0.2", "localhost", False, "127.0.0.2 is not an address of localhost, as it is"),
        ("127.0.0.1", "a.bank.example", False, "127.0.0.1 is not an address of a.bank.example"),
        ("localhost", "a.bank.example", True, ""),  # both are said to pass
        ("localhost", "evil.example", False, "the connection is to localhost, but the name in"),
        ("localhost", None, False, "the connection is to localhost, but it names no host"),
        ("127.0.0.1", None, False, None),  # no rule speaks of it
        ("127.0.0.1", "clinic.example", False, None),
        ("127.0.0.4", "clinic.example", True, ""),
        ("127.0.0.2", "other.example", False, "127.0.0.2 is not an address of other.example"),
        ("127.0.0.3", "evil.example", True, ""),  # this rule is of the address alone
        ("127.0.0.3", None, True, ""),
        ("localhost", "stun.example.org", False, "is taken for a STUN or TURN server"),
    ],
)
def test_a_name_alone_lets_nothing_pass(
    bank: Bank, host: str, name: str | None, passes: bool, reason: str | None
) -> None:
    at = "127.0.0.1" if host == "localhost" else host
    with bank.far(at) as far:
        tunnel = connect_through(bank.run.port, host, far.port)
        assert bank.passes(tunnel, name) == passes
        if reason is not None:
            (row,) = told(bank.run.state, f"{host}:{far.port}")
            assert row["action"] == ("kept" if passes else "refused"), row
            assert reason in row["reason"] and row["name"] == (name or "")
            assert passes or row["reason"].endswith(": so it is opened")


def test_what_says_that_it_is_turn_is_opened(bank: Bank) -> None:
    with bank.far() as far:
        tunnel = connect_through(bank.run.port, "localhost", far.port)
        assert not bank.passes(tunnel, "localhost", ("stun.turn",))
        (row,) = told(bank.run.state, f"localhost:{far.port}")
        assert "it says that it is STUN or TURN (ALPN)" in row["reason"]
        tunnel = connect_through(bank.run.port, "localhost", far.port)
        assert bank.passes(tunnel, "localhost", ("h2", "http/1.1"))


def hello(name: str) -> bytes:
    """A client's first message of TLS."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_a_first_message_in_pieces(bank: Bank) -> None:
    with listening() as far:  # it echoes
        tunnel = connect_through(bank.run.port, "localhost", far.port)
        whole = hello("localhost")
        with tunnel:
            send_slowly(tunnel, [whole[:1], whole[1:6], whole[6:100], whole[100:]])
            assert read(tunnel, len(whole)) == whole
        assert far.received == whole


def test_stun_in_clear_is_refused_all_the_same(bank: Bank) -> None:
    """Without TLS there is nothing to pass; and behind the first message nothing else may come."""
    with listening() as far:
        with connect_through(bank.run.port, "localhost", far.port) as tunnel:
            tunnel.sendall(BINDING)
            assert_refused(tunnel, BINDING)
        assert far.connections == 0
        whole = hello("localhost")
        with connect_through(bank.run.port, "localhost", far.port) as tunnel:
            tunnel.sendall(whole)
            assert read(tunnel, len(whole)) == whole  # so it went on
            tunnel.sendall(BINDING)
            with contextlib.suppress(ConnectionResetError):
                assert tunnel.recv(1) == b""
        assert far.received == whole
        to = f"localhost:{far.port}"
        (row,) = events(bank.run.state, "tls", action="blocked", destination=to)
    assert row["reason"] == (
        "what is not TLS came on a TLS connection that was not opened: it is ended"
    )


@pytest.mark.parametrize(
    "rest",
    [
        BINDING,
        len(BINDING).to_bytes(2) + BINDING,
        b"\x17\x03\x03\x00\x05seven\x00" + BINDING,
        b"\x17\x03\x03\xff\xff" + BINDING,
        b"\x17\x04\x03\x00\x05",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_nothing_else_may_follow(bank: Bank, rest: bytes) -> None:
    whole = hello("localhost")
    with (
        listening() as far,
        connect_through(bank.run.port, "localhost", far.port) as tunnel,
    ):
        tunnel.sendall(whole + rest)
        with contextlib.suppress(ConnectionResetError):
            assert tunnel.recv(1) == b""
        assert rest not in far.received


def test_through_another_proxy(bank: Bank, tmp_path: Path) -> None:
    """A second rtcguard to go out through; names are resolved there, not here."""
    config = f"upstream: {{proxy: 'http://127.0.0.1:{bank.run.port}'}}\n"
    with running(tmp_path, config + bank.rules) as run, bank.far() as far:
        assert bank.passes(connect_through(run.port, "localhost", far.port), "localhost")
        (row,) = told(run.state, f"localhost:{far.port}")
        assert row["action"] == "kept"
        assert not bank.passes(connect_through(run.port, "127.0.0.1", far.port), "localhost")
        (row,) = told(run.state, f"127.0.0.1:{far.port}")
        assert "and names are not resolved on this side: so it is opened" in row["reason"]


def test_http_in_clear_to_such_a_host_is_judged(bank: Bank, origin: Origin) -> None:
    url = f"http://localhost:{origin.port}/echo"
    bank.run.request("POST", url, CANDIDATE, {"Content-Type": "text/plain"})
    (body,) = origin.bodies("/echo")
    assert b"192.168.7.5" not in body


def test_where_it_is_not_connected_the_client_is_told(bank: Bank) -> None:
    port = free_port()
    with connect_through(bank.run.port, "localhost", port) as tunnel:
        tunnel.sendall(hello("localhost"))
        with contextlib.suppress(ConnectionResetError):
            assert tunnel.recv(1) == b""
