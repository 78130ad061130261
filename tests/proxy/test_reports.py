"""The reserved path: who can report for which site, and that nobody else can, in real browsers."""

import json
import re
import time
from typing import Any

from websockets.sync.client import connect

from tests.app.reloading import eventually
from tests.browsers.tab import Tab
from tests.origin import Origin
from tests.process import Running
from tests.raw import RawOrigin, serve

REPORT = "/.well-known/rtcguard/report"
PAGE = "<!doctype html><title>x</title><body>"
RELAY = "candidate:3 1 udp 33562623 192.0.2.10 50001 typ relay raddr 0.0.0.0 rport 0"
NAVIGATION = {"accept": "text/html", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}


def token(proxy: Running, url: str, **headers: str) -> str:
    """The token in a page that was opened through the proxy."""
    _, body = proxy.request("GET", url, headers={**NAVIGATION, **headers})
    found = re.search(rb'"token":"([0-9a-z-]+)"', body)
    assert found is not None
    return found[1].decode()


def confirmed(origin: Origin, proxy: Running, site: str) -> bool:
    """Whether a page of this site gets the far side's candidates."""
    with connect(
        f"ws://127.0.0.1:{origin.port}/ws",
        proxy=f"http://127.0.0.1:{proxy.port}",
        origin=f"http://{site}",
    ) as channel:
        channel.send(json.dumps({"candidate": RELAY}))
        return "typ relay" in str(channel.recv(timeout=60))


def sent(proxy: Running, url: str, body: Any, method: str = "POST", **headers: str) -> int:
    text = body if isinstance(body, str) else json.dumps(body)
    return proxy.request(method, url + REPORT, text, headers)[0].status


def test_a_report_speaks_for_its_own_site_alone(
    raw: RawOrigin, origin: Origin, own: Running
) -> None:
    raw.put("/", PAGE)
    here, there = raw.url, raw.url.replace("127.0.0.1", "localhost")
    mine = {"token": token(own, here + "/"), "kind": "guard"}
    assert sent(own, there, mine) == 400  # its token is of no use elsewhere
    theirs = {"token": token(own, there + "/"), "kind": "guard"}
    assert theirs != mine
    # With the other's token, but in the name of another page.
    assert sent(own, there, theirs, origin=here) == 400
    assert sent(own, there, theirs, origin="https://localhost.evil.example") == 400
    assert sent(own, there, theirs, origin="http://[") == 400
    for site in ("cross-site", "same-site", "none"):
        assert sent(own, there, theirs, **{"origin": "null", "sec-fetch-site": site}) == 400
    assert sent(own, there, theirs, origin="null") == 400
    for method in ("GET", "HEAD", "PUT", "OPTIONS", "DELETE"):
        assert sent(own, there, theirs, method) == 204  # no word on anything, and no effect
    assert not confirmed(origin, own, "localhost")
    assert sent(own, there, theirs, origin=there) == 204
    assert confirmed(origin, own, "localhost") and not confirmed(origin, own, "127.0.0.1")
    assert raw.paths() == ["/", "/"]  # nothing was forwarded


def test_a_name_has_one_form(raw: RawOrigin, origin: Origin, own: Running) -> None:
    """Upper case, a trailing dot and a port are the same site, as they are the same name."""
    raw.put("/", PAGE)
    url = raw.url.replace("127.0.0.1", "localhost")
    mine = {"token": token(own, url + "/"), "kind": "guard"}
    assert mine["token"] == token(own, raw.url + "/", host="LOCALHOST.:1")
    assert sent(own, url, mine, origin="http://LOCALHOST.:99") == 204
    assert confirmed(origin, own, "localhost:7")


def test_a_token_is_of_no_use_to_another_client(
    raw: RawOrigin, own: Running, proxy: Running
) -> None:
    """Nor to another proxy, which has a key of its own."""
    raw.put("/", PAGE)
    assert sent(own, raw.url, {"token": token(proxy, raw.url + "/"), "kind": "guard"}) == 400


def test_a_page_that_sends_no_referrer_is_confirmed(
    origin: Origin, proxy: Running, through: Tab
) -> None:
    """Its Origin is `null` in Firefox, for requests to itself too."""
    firefox = "Firefox" in through.evaluate("() => navigator.userAgent")
    host = "127.0.0.3" if firefox else "127.0.0.4"
    with serve(host) as silent:
        assert not confirmed(origin, proxy, host)
        through.goto(silent.put("/", PAGE, headers={"referrer-policy": "no-referrer"}))
        assert eventually(lambda: confirmed(origin, proxy, host))


READ = "(url) => fetch(url, { headers: { accept: 'text/html' } }).then((r) => r.text())"
SEND = """async ([url, body]) => {
    const post = (more) => fetch(url, { method: 'POST', body, ...more }).then(
        async (r) => [r.type, r.status, await r.text()], (e) => e.name);
    return [await post({ mode: 'cors' }), await post({ mode: 'no-cors' }),
        navigator.sendBeacon(url, body)];
}"""


def test_a_page_learns_no_other_sites_token_and_confirms_none(
    raw: RawOrigin, origin: Origin, proxy: Running, through: Tab
) -> None:
    """Even where the other site lets everybody read its pages."""
    open_to_all = {"access-control-allow-origin": "*"}
    raw.put("/open", PAGE, headers=open_to_all)
    raw.put("/away", "", headers={"location": "/"}, status="307 Temporary Redirect")
    other = raw.url.replace("127.0.0.1", "localhost")
    theirs = token(proxy, other + "/open")
    through.goto(raw.put("/", PAGE))
    assert theirs not in through.evaluate(READ, other + "/open")
    # And if it had it all the same:
    body = json.dumps({"token": theirs, "kind": "guard"})
    cors, plain, _ = through.evaluate(SEND, [other + REPORT, body])
    assert (cors, plain) == ("TypeError", ["opaque", 0, ""])
    to = {"location": other + REPORT, **open_to_all}
    raw.put("/away", "", headers=to, status="307 Temporary Redirect")
    through.evaluate(SEND, [raw.url + "/away", body])
    assert not confirmed(origin, proxy, "localhost")


def test_a_page_that_is_posted_to_is_guarded(raw: RawOrigin, through: Tab) -> None:
    """A form of another site opens it; there it has an Origin, which is not its own."""
    with serve("127.0.0.2") as other:
        through.goto(raw.put("/", PAGE))
        through.evaluate(
            "(url) => { const f = document.createElement('form'); f.action = url; f.method ="
            " 'post'; document.body.append(f); setTimeout(() => f.submit()) }",
            other.put(
                "/posted",
                PAGE
                + "<script>fetch('/seen?' + POLICY)</script>".replace(
                    "POLICY", "new RTCPeerConnection().getConfiguration().iceTransportPolicy"
                ),
            ),
        )
        until = time.monotonic() + 60
        while not any(path.startswith("/seen") for path in other.paths()):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert "/seen?relay" in other.paths()
        assert next(one for one in other.asked if one.path == "/posted").method == "POST"
