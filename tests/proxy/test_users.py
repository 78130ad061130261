"""Who speaks through the proxy: asked by HTTP and SOCKS5, remembered, never passed on."""

import base64
import contextlib
import socket
import sqlite3
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from rtcguard.proxy.passwords import Verdict
from tests.lab.ca import LabCA
from tests.origin import CANDIDATE, Origin, free_port
from tests.process import Running, running
from tests.proxy.far_sides import listening, read, read_until
from tests.proxy.test_turn import BINDING, assert_refused, recorded

PASSWORD = "grüne Wiese"


RULES = """
rules:
  - {name: no calls for carol, match: {user: carol}, action: block}
  - {name: of alice, match: {user: alice, site: localhost}, action: pass}
"""


def users(folder: Path, cost: int = 4, *names: str) -> str:
    """The configuration's key for these users; all have one password."""
    folder.mkdir(parents=True, exist_ok=True)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(cost)).decode()
    file = folder / "users"
    file.write_text(
        "".join(f"{name}:{hashed}\n" for name in names or ("alice", "bob", "carol", "dave", "erin"))
    )
    file.chmod(0o600)
    return f"users: {{file: {file}}}\n"


def says(name: str, password: str = PASSWORD) -> dict[str, str]:
    """The header by which a client says who it is."""
    made = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Proxy-Authorization": f"Basic {made}"}


@pytest.fixture(scope="module")
def ports() -> tuple[int]:
    return (free_port(),)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, ports: tuple[int]) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("users")
    modes = ["--mode", "regular", "--mode", f"socks5@127.0.0.1:{ports[0]}"]
    with running(folder, users(folder) + RULES, *modes) as made:
        yield made


def events(state: Path, kind: str, **having: str) -> list[dict[str, Any]]:
    """The ledger's events of a kind; they are written within a second."""
    until = time.monotonic() + 20
    while True:
        with contextlib.closing(sqlite3.connect(state / "ledger.sqlite3")) as database:
            database.row_factory = sqlite3.Row
            found = [dict(row) for row in database.execute("select * from events")]
        rows = [one for one in found if one["kind"] == kind and having.items() <= one.items()]
        if rows or time.monotonic() > until:
            return rows
        time.sleep(0.05)


def tunnel(
    port: int, to: int, headers: dict[str, str], host: str = "127.0.0.1"
) -> tuple[socket.socket, bytes]:
    """CONNECT with these headers, and the head of the answer."""
    made = socket.create_connection(("127.0.0.1", port), timeout=20)
    lines = [f"CONNECT {host}:{to} HTTP/1.1", f"Host: {host}:{to}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    made.sendall("\r\n".join([*lines, "", ""]).encode())
    return made, read_until(made, b"\r\n\r\n")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        says("carol", "wrong"),
        says("dave", ""),
        says("nobody"),
        says("erin", "x" * 100),  # longer than bcrypt takes
        {"Proxy-Authorization": "Basic"},
        {"Proxy-Authorization": "Basic !!!"},
        {"Proxy-Authorization": "Basic YWxpY2U="},
        {"Proxy-Authorization": "Digest username=alice"},
        {"Authorization": says("alice")["Proxy-Authorization"]},  # the site's, not the proxy's
    ],
)
def test_nobody_else_gets_through(run: Running, origin: Origin, headers: dict[str, str]) -> None:
    response, _ = run.request("POST", f"{origin.url}/echo", CANDIDATE, headers)
    assert response.status == 407
    assert response.headers["proxy-authenticate"] == 'Basic realm="rtcguard", charset="UTF-8"'
    made, head = tunnel(run.port, origin.port, headers)
    made.close()
    assert head.startswith(b"HTTP/1.1 407 ") and b"proxy-authenticate: Basic" in head
    for url in ("http://rtcguard.test/", f"{origin.url}/.well-known/rtcguard/report"):
        response, body = run.request("POST", url, b"{}", headers)
        assert response.status == 407 and b"<" not in body
    assert origin.seen == []


def test_a_large_body_of_nobody_is_not_held(run: Running, origin: Origin) -> None:
    with pytest.raises(OSError):
        run.request("POST", f"{origin.url}/echo", bytes(4 << 20))
        raise AssertionError("it was answered")
    assert origin.seen == []


def test_who_signs_in_gets_through_and_is_not_passed_on(run: Running, origin: Origin) -> None:
    response, _ = run.request("GET", f"{origin.url}/document", headers=says("alice"))
    assert response.status == 200
    made, head = tunnel(run.port, origin.port, says("bob"))
    assert head.startswith(b"HTTP/1.1 200")
    with made:
        # A second time, in the tunnel, where it is for nobody.
        said = "".join(f"{name}: {value}\r\n" for name, value in says("bob").items())
        made.sendall(f"GET /echo HTTP/1.1\r\nHost: x\r\n{said}\r\n".encode())
        assert read_until(made, b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    assert len(origin.seen) == 2
    assert not any("authorization" in name for seen in origin.seen for name in seen.headers)


def test_a_client_may_sign_in_on_the_connection_that_it_was_refused_on(
    run: Running, origin: Origin
) -> None:
    connection = HTTPConnection("127.0.0.1", run.port, timeout=20)
    with contextlib.closing(connection):
        for headers, status in (({}, 407), (says("alice"), 200), (says("bob"), 200), ({}, 407)):
            connection.request("GET", f"{origin.url}/document", headers=headers)
            response: HTTPResponse = connection.getresponse()
            response.read()
            assert response.status == status
    made, head = tunnel(run.port, origin.port, {})
    with made:
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        read(made, length)
        said = "".join(f"{name}: {value}\r\n" for name, value in says("bob").items())
        made.sendall(f"CONNECT 127.0.0.1:{origin.port} HTTP/1.1\r\n{said}\r\n".encode())
        assert read_until(made, b"\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_events_name_the_user(run: Running, origin: Origin) -> None:
    headers = {**says("alice"), "Origin": "http://of-alice.example"}
    run.request("POST", f"{origin.url}/echo", CANDIDATE, headers)
    made, _ = tunnel(run.port, origin.port, says("bob"))
    with made:
        made.sendall(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nOrigin: http://of-bob.example\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(CANDIDATE), CANDIDATE.encode())
        )
        read_until(made, b"\r\n\r\n")
    for user in ("alice", "bob"):
        (event,) = events(run.state, "candidate", site=f"of-{user}.example")
        assert event["user"] == user


def test_stun_in_a_tunnel_is_the_user_s(run: Running) -> None:
    with listening() as far:
        made, _ = tunnel(run.port, far.port, says("bob"))
        with made:
            made.sendall(BINDING)
            assert_refused(made, BINDING)
        (event,) = recorded(run.state, f"127.0.0.1:{far.port}")
    assert event["user"] == "bob"
    assert far.connections == 0


def test_rules_name_users_in_every_ring(run: Running, origin: Origin, tmp_path: Path) -> None:
    """Ring 2 stops what carries a candidate, ring 1 tells the page's guard, ring 3 ends STUN, and
    TLS is opened or not."""
    for name, status in (("alice", 200), ("carol", 403)):
        headers = {**says(name), "Content-Type": "text/plain"}
        response, _ = run.request("POST", f"{origin.url}/echo", CANDIDATE, headers)
        assert response.status == status
    pages = [
        run.request("GET", f"{origin.url}/document", headers=says(name))[1]
        for name in ("alice", "bob", "carol")
    ]
    assert [b'"mode":"block"' in page for page in pages] == [False, False, True]
    ca = LabCA(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*ca.issue("localhost", ()))
    own = ssl.create_default_context(cafile=ca.certificate)
    with listening(tls=tls) as far:
        for name, passes in (("alice", True), ("bob", False)):
            made, _ = tunnel(run.port, far.port, says(name), "localhost")
            with made, contextlib.ExitStack() as stack:
                if not passes:
                    stack.enter_context(pytest.raises(ssl.SSLCertVerificationError))
                own.wrap_socket(made, server_hostname="localhost").close()
        with tunnel(run.port, far.port, says("carol"))[0] as made:
            made.sendall(BINDING)
            assert_refused(made, BINDING)
        (event,) = events(run.state, "stun", user="carol")
    assert event["rule"] == "no calls for carol"


def socks(port: int, to: int, name: str, password: str) -> tuple[socket.socket, bytes]:
    """SOCKS5 with a password (RFC 1929), and what the proxy says to it."""
    made = socket.create_connection(("127.0.0.1", port), timeout=20)
    made.sendall(b"\x05\x02\x00\x02")
    assert read(made, 2) == b"\x05\x02", "it asks for a password"
    raw = [text.encode() for text in (name, password)]
    made.sendall(b"\x01" + b"".join(bytes([len(text)]) + text for text in raw))
    answer = read(made, 2)
    if answer == b"\x01\x00":
        made.sendall(b"\x05\x01\x00\x01\x7f\0\0\1" + to.to_bytes(2))
        assert read(made, 10)[:2] == b"\x05\x00"
    return made, answer


def test_socks(run: Running, ports: tuple[int], origin: Origin) -> None:
    for name, password in (("alice", "wrong"), ("nobody", PASSWORD)):
        made, answer = socks(ports[0], origin.port, name, password)
        with made:
            assert answer[1] != 0 and made.recv(1) == b""
    with socket.create_connection(("127.0.0.1", ports[0]), timeout=20) as without:
        without.sendall(b"\x05\x01\x00")
        assert read(without, 2) == b"\x05\xff"
    made, answer = socks(ports[0], origin.port, "alice", PASSWORD)
    assert answer == b"\x01\x00"
    with made:
        made.sendall(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nOrigin: http://of-socks.example\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(CANDIDATE), CANDIDATE.encode())
        )
        assert read_until(made, b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    (event,) = events(run.state, "candidate", site="of-socks.example")
    assert event["user"] == "alice"


def test_who_guesses_has_to_wait_and_others_do_not(tmp_path: Path, origin: Origin) -> None:
    with running(tmp_path, users(tmp_path)) as run:
        url = f"{origin.url}/document"

        def guess(number: int) -> int:
            headers = says("alice", f"hunter{number}")
            return run.request("GET", url, headers=headers)[0].status

        with ThreadPoolExecutor(20) as threads:
            statuses = list(threads.map(guess, range(40)))
        assert set(statuses) == {407, 429}, statuses
        assert run.request("GET", url, headers=says("bob"))[0].status == 200
        assert run.request("GET", url, headers=says("hunter2", "hunter2"))[0].status == 407
        run.stop()
        rows = events(run.state, "user")
    assert {row["reason"] for row in rows} - {"signing in as 'alice': " + Verdict.BUSY.value} == {
        "signing in as 'alice': a wrong password",
        "signing in as 'alice': too many wrong passwords: wait a minute",
        "signing in as a user that there is not: a wrong password",
    }
    assert sum(row["count"] for row in rows) == 41
    assert len(rows) < 20, "the same is told as one"
    assert all(row["action"] == "refused" and row["client"] == "127.0.0.1" for row in rows)
    assert b"hunter" not in b"".join(file.read_bytes() for file in run.state.glob("ledger*"))
    assert "hunter" not in run.log.read_text()


def test_those_who_have_signed_in_wait_for_nobody_s_password(
    tmp_path: Path, origin: Origin
) -> None:
    """bcrypt takes its time: a browser's requests go on while others' passwords are looked at."""
    names = [f"user{number}" for number in range(8)]
    with running(tmp_path, users(tmp_path, 12, "alice", *names)) as run:
        url = f"{origin.url}/document"
        assert run.request("GET", url, headers=says("alice"))[0].status == 200
        guessed: list[int] = []

        def guess(name: str) -> None:
            with contextlib.suppress(OSError):
                guessed.append(run.request("GET", url, headers=says(name, "wrong"))[0].status)

        threads = [threading.Thread(target=guess, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for _ in range(5):
            assert run.request("GET", url, headers=says("alice"))[0].status == 200
        assert len(guessed) < len(names), "they were all looked at before"
        for thread in threads:
            thread.join(30)
        assert set(guessed) == {407}


@pytest.mark.parametrize("signed_in", [True, False])
def test_an_upstream_proxy_is_not_told(tmp_path: Path, signed_in: bool) -> None:
    with listening() as upstream:
        config = f"upstream: {{proxy: 'http://127.0.0.1:{upstream.port}'}}\n"
        with running(tmp_path, config + (users(tmp_path) if signed_in else "")) as run:
            one = socket.create_connection(("127.0.0.1", run.port), timeout=20)
            said = "".join(f"{name}: {value}\r\n" for name, value in says("alice").items())
            one.sendall(f"GET http://a.example/ HTTP/1.1\r\nHost: a\r\n{said}\r\n".encode())
            other, head = tunnel(run.port, 9, says("alice"))
            assert head.startswith(b"HTTP/1.1 200")
            other.sendall(b"\xff\xff\xff\xff")  # so that it is connected
            until = time.monotonic() + 20
            while upstream.received.count(b"\r\n\r\n") < 2 and time.monotonic() < until:
                time.sleep(0.02)
            one.close()
            other.close()
    assert upstream.received.count(b"\r\n\r\n") >= 2, upstream.received
    assert b"authorization" not in upstream.received.lower()
