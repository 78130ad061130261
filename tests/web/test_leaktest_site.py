"""The leak test's addresses, asked through a real proxy and on the site's own port: what gets the
page guard and what does not, who may frame what, and what is refused."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from rtcguard.network import stun
from rtcguard.policy.model import HostPort, Policy
from rtcguard.web.own_responder import OwnResponder
from tests.app.reloading import eventually
from tests.netns import inside, namespace
from tests.origin import free_port
from tests.process import Running, running
from tests.web.asking import Answered, ask

SITE = "http://rtcguard.test"
JSON = {"content-type": "application/json", "origin": SITE, "sec-fetch-site": "same-origin"}
OPENS = {"accept": "text/html", "sec-fetch-dest": "iframe", "sec-fetch-site": "same-origin"}
HOST = "candidate:1 1 udp 2122260223 10.77.0.2 50000 typ host"
ADDRESS = "10.9.8.7"


@dataclass(frozen=True)
class There:
    """rtcguard in a namespace of its own, with one address besides the loopback."""

    run: Running
    name: str
    port: int

    def through(self, path: str, headers: dict[str, str], body: Any = None) -> Answered:
        """One request by the proxy."""
        return self._ask(self.run.port, f"{SITE}{path}", headers, body, "127.0.0.1")

    def own(self, path: str, body: Any, *, host: str = "127.0.0.1") -> Answered:
        """One to the site's own port, as a page of its own sends it."""
        origin = {"origin": f"http://{host}:{self.port}"}
        return self._ask(self.port, path, {**JSON, **origin}, body, host)

    def _ask(
        self, port: int, target: str, headers: dict[str, str], body: Any, host: str
    ) -> Answered:
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        method = "GET" if body is None else "POST"
        return inside(
            self.name, lambda: ask(port, target, headers, method=method, body=text, host=host)
        )


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    port = free_port()
    config = f"web: {{listen: '0.0.0.0:{port}'}}\nstun: {{listen: ['127.0.0.1:3478']}}\n"
    with namespace("leaktest", f"{ADDRESS}/24") as name:
        within = ["ip", "netns", "exec", name]
        with running(tmp_path_factory.mktemp("there"), config, within=within) as run:
            yield There(run, name, port)


def test_one_frame_gets_the_guard_and_the_other_does_not(there: There) -> None:
    after, before = (there.through(f"/leaktest/{one}", OPENS) for one in ("after", "before"))
    assert "<script>try{" in after.text
    assert "<script>" not in before.text
    for answer in (after, before):
        assert answer.status == 200
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'self'" in policy
        assert "default-src 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
    assert "sha256-" in after.headers["content-security-policy"]
    page = there.through("/leaktest", OPENS)
    assert "<script>" not in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    ["/leaktest/after?inner", "/leaktest/after?a=/leaktest/before", "/leaktest/after?"],
)
def test_a_query_takes_no_guard_away(there: There, path: str) -> None:
    assert "<script>try{" in there.through(path, OPENS).text


def test_signaling_of_the_guarded_frame_is_judged_and_that_of_the_other_is_not(
    there: There,
) -> None:
    sent = {"descriptions": [], "candidates": [{"candidate": HOST, "sdpMid": "0"}]}
    assert json.loads(there.through("/leaktest/signal", JSON, sent).body) == {
        "lines": 1,
        "told": [],
    }
    assert json.loads(there.through("/leaktest/before", JSON, sent).body) == {
        "lines": 1,
        "told": ["10.77.0.2"],
    }


@pytest.mark.parametrize("path", ["begin", "seen", "signal", "before"])
def test_another_site_s_page_may_ask_nothing(there: There, path: str) -> None:
    for more in (
        {"origin": "http://other.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "origin": SITE},
    ):
        assert there.through(f"/leaktest/{path}", {**JSON, **more}, {}).status == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("seen", "{", 400),
        ("seen", "[" * 10_000, 400),
        ("seen", {"since": "now"}, 400),
        ("signal", {"candidates": 1}, 400),
        ("signal", '"' + "a" * 300_000 + '"', 413),
        ("before", "\xff", 400),
    ],
)
def test_what_cannot_be_read_is_refused(there: There, path: str, body: Any, status: int) -> None:
    assert there.through(f"/leaktest/{path}", JSON, body).status == status


def test_only_the_machine_itself_has_a_responder_opened(there: There) -> None:
    (server,) = json.loads(there.own("/leaktest/begin", {}).body)["servers"]
    assert server["host"] == ADDRESS
    # Who comes by another address than the loopback may be on another machine.
    answer = there.own("/leaktest/begin", {}, host=ADDRESS)
    assert json.loads(answer.body) == {"servers": []}


def test_each_test_s_responder_tells_what_came_to_it_alone() -> None:
    request = stun.encode(stun.BINDING, stun.REQUEST, bytes(12))

    def ask_often(server: HostPort) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.bind((ADDRESS, 0))
            client.settimeout(30)
            for _ in range(3):
                client.sendto(request, server)
                assert stun.parse(client.recv(2048)).message_class == stun.ERROR

    def twice() -> list[list[str]]:
        responder = OwnResponder()
        (first,) = responder.start(Policy())
        ask_often(first)
        assert eventually(lambda: len(responder.events("")) == 1)  # the others are counted
        (second,) = responder.start(Policy())
        ask_often(second)
        assert eventually(lambda: len(responder.events("")) == 1)
        told = [event.record.destination for event in responder.events("")]
        responder.end()
        return [told, [f"{second[0]}:{second[1]}"], [event.id for event in responder.events("")]]

    with namespace("responder", f"{ADDRESS}/24") as name:
        told, expected, after = inside(name, twice)
    assert told == expected
    assert after == []


def test_the_network_side_is_of_this_client(there: There) -> None:
    seen = json.loads(there.through("/leaktest/seen", JSON, {}).body)
    assert seen["events"] == []
    assert seen["wait"] == 0
    assert seen["complete"] is True
    assert seen["held"] is False
