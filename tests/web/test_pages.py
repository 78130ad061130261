"""The site's pages and files, as the machine itself and others get them; and what is refused."""

import hashlib
import plistlib
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest

from rtcguard.web.guesses import MOST_WRONG
from rtcguard.web.pages.help import read
from rtcguard.web.pages.start import system_of
from tests.netns import inside, namespace
from tests.origin import free_port
from tests.process import Running, rtcguard, running
from tests.web.asking import HOST, Answered, ask, exchange

ADDRESS = "10.9.8.7"
CONFIG = """\
listen: 0.0.0.0:8080
web: {listen: "0.0.0.0:%d"}
relay: {servers: [{urls: "turn:turn.example.org", username: alice, credential: sesame}]}
rules:
  - name: no WebRTC for guests
    match: {client: [10.9.8.0/24], site: "*.example.org"}
    action: block
  - name: on the machine
    match: {client: loopback, candidate: host}
    action: keep
"""
FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class There:
    """rtcguard in a namespace: `here` asks from the machine, `there` as from another one."""

    run: Running
    port: int
    within: str

    def here(
        self, target: str = "/", headers: dict[str, str] | None = None, **more: str
    ) -> Answered:
        return inside(self.within, lambda: ask(self.port, target, headers, **more))

    def there(
        self, target: str = "/", headers: dict[str, str] | None = None, **more: str
    ) -> Answered:
        """A client with the machine's address on its link is none of its loopback's."""
        return inside(self.within, lambda: ask(self.port, target, headers, host=ADDRESS, **more))

    def through(self, target: str = "/", host: str = ADDRESS) -> Answered:
        url = f"http://{HOST}{target}"
        return inside(self.within, lambda: ask(self.run.port, url, host=host))


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    port, folder = free_port(), tmp_path_factory.mktemp("there")
    with (
        namespace("pages", f"{ADDRESS}/24") as name,
        running(folder, CONFIG % port, within=["ip", "netns", "exec", name], host="0.0.0.0") as run,
    ):
        yield There(run, port, name)


def test_certificates(there: There) -> None:
    pem = (there.run.state / "ca" / "mitmproxy-ca-cert.pem").read_text()
    der = ssl.PEM_cert_to_DER_cert(pem)
    for answers in (there.here, there.there, there.through):
        assert answers("/ca.pem").text == pem
        assert answers("/ca.cer").body == der
        (payload,) = plistlib.loads(answers("/ca.mobileconfig").body)["PayloadContent"]
        assert payload["PayloadContent"] == der
    digest = hashlib.sha256(der).hexdigest().upper()
    assert digest in there.there().text.replace(" ", "")
    assert there.here("/ca.pem").headers["content-type"] == "application/x-x509-ca-cert"


def test_where_the_proxy_is(there: There) -> None:
    """Each is told the address that it reaches it by itself."""
    port = there.run.port
    assert f'"PROXY 127.0.0.1:{port}"' in there.here("/proxy.pac").text
    answer = there.there("/proxy.pac")
    assert f'"PROXY {ADDRESS}:{port}"' in answer.text
    assert answer.headers["content-type"] == "application/x-ns-proxy-autoconfig"
    assert there.through("/proxy.pac").status == 404  # it is not known there, and not needed
    assert f"<code>{ADDRESS}:{port}</code>" in there.there().text
    assert "rtcguard proxy on" in there.here().text
    assert "rtcguard proxy on" not in there.there().text


def test_in_force_here(there: There) -> None:
    own, other = there.here("/here").text, there.there("/here").text
    assert "on the machine" in own and "no WebRTC for guests" not in own
    assert "no WebRTC for guests" in other and "on the machine" not in other
    assert "10.9.8.0/24" not in other and "*.example.org" in other
    for text in (own, other):
        assert "turn:turn.example.org" in text
        assert "sesame" not in text and "alice" not in text
    (link,) = re.findall(r'href="(/rules#[^"]+)"', own)
    assert "/rules" not in other
    assert f'id="{unquote(link.partition("#")[2])}"' in there.here("/rules").text


def test_rules_are_for_the_machine_alone(there: There) -> None:
    text = there.here("/rules").text
    assert "no WebRTC for guests" in text
    assert "sesame" not in text and "alice" not in text
    for answer in (there.there("/rules"), there.through("/rules")):
        assert answer.status == 403
        assert "guests" not in answer.text


def test_a_changed_file_is_said_to_be(tmp_path: Path) -> None:
    port = free_port()
    config = (
        f"web: {{listen: '127.0.0.1:{port}'}}\nrules: [{{name: one, match: {{}}, action: strip}}]\n"
    )
    with running(tmp_path, config) as run:
        assert "was changed since" not in ask(port, "/rules").text
        file = run.log.with_name("rtcguard.yaml")
        file.write_text(
            file.read_text().replace("action: strip", "action: stripp").replace("one", "two")
        )
        assert "was changed since" in ask(port, "/rules").text
        file.write_text("credential: 'x\n")
        answer = ask(port, "/rules")
        assert "cannot be read now" in answer.text and "credential" not in answer.text
        file.unlink()
        assert "cannot be read now" in ask(port, "/rules").text


# The token ----------------------------------------------------------------------------------------


def said(there: There, token: str, **headers: str) -> Answered:
    own = {"origin": f"http://{ADDRESS}:{there.port}", **FORM, **headers}
    return there.there("/token", own, method="POST", body=f"token={token}")


def test_the_token(there: There) -> None:
    file = there.run.log.with_name("rtcguard.yaml")
    shown = rtcguard(["web", "token", "--config", str(file)], there.run.state).stdout.decode()
    token = shown.split()[1]
    assert f"0.0.0.0:{there.port}/token" in shown
    assert (there.run.state / "web.key").stat().st_mode & 0o777 == 0o600
    assert "no token is needed here" in there.here("/token").text
    assert 'name="token"' in there.there("/token").text
    answer = said(there, token)
    assert (answer.status, answer.headers["location"]) == (303, "/token")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and token not in cookie
    kept = {"cookie": cookie.partition(";")[0]}
    assert "has shown the token" in there.there("/token", kept).text
    assert there.there("/rules", kept).status == 403
    forgotten = there.there(
        "/token/forget", kept | {"origin": f"http://{ADDRESS}:{there.port}"}, method="POST"
    )
    assert "Max-Age=0" in forgotten.headers["set-cookie"]
    wrong = kept["cookie"][:-1] + ("0" if kept["cookie"][-1] != "0" else "1")
    assert "has shown the token" not in there.there("/token", {"cookie": wrong}).text


def test_guesses_are_limited(there: There) -> None:
    for number in range(MOST_WRONG):
        answer = said(there, f"wrong{number}")
        assert (answer.status, "set-cookie" in answer.headers) == (401, False)
        assert "wrong" not in answer.text.replace("wrong tokens", "")
    answer = said(there, "right")
    assert (answer.status, answer.headers["retry-after"]) == (429, "600")
    own = {"origin": f"http://127.0.0.1:{there.port}", **FORM}
    assert there.here("/token", own, method="POST", body="token=x").status == 401


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/none", {}, 404),
        ("/help/none", {}, 404),
        ("/help/../start", {}, 404),
        ("/static/../site.py", {}, 404),
        ("/static/%2e%2e/site.py", {}, 404),
        ("/static/%2e%2e%2fsite.py", {}, 404),
        ("/static//etc/passwd", {}, 404),
        ("/static/", {}, 404),
        ("/static/style.css%00", {}, 404),
        ("/?" + "a" * 9000, {}, 414),
        ("/" + "a" * 9000, {}, 414),
        ("/", {"host": "rebound.example"}, 421),
        ("/", {"host": "rtcguard.test"}, 421),
        ("/here", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ("/here", {"origin": "http://evil.example"}, 403),
        ("/here", {"rtcguard-visitor": "1 http 127.0.0.1 00", "host": "rtcguard.test"}, 403),
    ],
)
def test_bad_requests(there: There, target: str, headers: dict[str, str], status: int) -> None:
    answer = there.there(target, headers)
    assert answer.status == status
    plain(there, answer)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"


def plain(there: There, answer: Answered) -> None:
    """A page that says what is wrong, and nothing of the machine's."""
    assert "<h1>" in answer.text
    for told in (
        str(there.run.state),
        str(Path.cwd()),
        "Traceback",
        "site-packages",
        "rebound",
        "evil",
    ):
        assert told not in answer.text


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X-ANY"]
)
def test_other_methods(there: There, method: str) -> None:
    own = {"origin": f"http://{ADDRESS}:{there.port}"}
    for target in ("/", "/here", "/ca.pem", "/static/style.css"):
        assert there.there(target, own, method=method).status == 405
    assert there.there("/", method="HEAD").status == 200
    assert there.there("/", method="HEAD").body == b""


def test_a_body_that_is_too_large(there: There) -> None:
    own = {"origin": f"http://{ADDRESS}:{there.port}", **FORM}
    assert there.there("/token", own, method="POST", body="token=" + "a" * 2000).status == 413


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"nonsense\r\n\r\n",
    ],
)
def test_what_is_no_request(there: There, request_head: bytes) -> None:
    def send() -> bytes:
        return exchange(socket.create_connection((ADDRESS, there.port)), request_head)

    answer = inside(there.within, send)
    assert re.match(rb"HTTP/1\.1 4\d\d ", answer), answer[:100]
    assert b"Traceback" not in answer and b"evil" not in answer
    assert there.there().status == 200


def test_an_error_of_ours_tells_nothing(there: There) -> None:
    """A certificate that is none, and a ledger that cannot be read."""
    file = there.run.state / "ca" / "mitmproxy-ca-cert.pem"
    right = file.read_text()
    try:
        file.write_text("not a certificate")
        answer = there.there("/ca.cer")
        assert answer.status == 500
        plain(there, answer)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        file.unlink()
        assert there.there("/ca.cer").status == 404
        assert there.there().status == 200
    finally:
        file.write_text(right)


# Small parts --------------------------------------------------------------------------------------


def test_help_is_rendered_without_its_html(tmp_path: Path) -> None:
    (tmp_path / "two.md").write_text(
        "# Two & more\n\n<script>x</script>\n\n|a|b|\n|-|-|\n|1|2|\n\n```sh\na < b\n```\n"
    )
    (tmp_path / "one.md").write_text("[link](javascript:alert(1)) and [two](two.md#x)\n")
    texts = read(tmp_path)
    assert list(texts) == ["one", "two"]
    assert (texts["one"].title, texts["two"].title) == ("one", "Two & more")
    assert 'id="two--more"' in texts["two"].html and '<table tabindex="0">' in texts["two"].html
    assert (
        '<pre tabindex="0"><code class="language-sh">a &lt; b\n</code></pre>' in texts["two"].html
    )
    assert "<script>" not in texts["two"].html
    assert 'href="javascript' not in texts["one"].html
    assert 'href="two.md#x"' in texts["one"].html


@pytest.mark.parametrize(
    ("agent", "system"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0", "linux"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0 Mobile", "android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0", "ios"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Firefox/140.0", "macos"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Firefox/140.0", "windows"),
        ("curl/8", ""),
    ],
)
def test_systems(agent: str, system: str) -> None:
    assert system_of(agent) == system
