"""Messages in pieces, URLs and Link headers on real flows."""

import json
from pathlib import Path
from urllib.parse import quote

from aiohttp import web
from websockets.sync.client import connect

from tests.data.samples import load
from tests.origin import Origin
from tests.process import Running, running

from .test_messages import HOST, OFFER, clean


def socket(origin: Origin, proxy: Running, **of: object) -> connect:
    url = f"ws://127.0.0.1:{origin.port}/ws"
    return connect(url, proxy=f"http://127.0.0.1:{proxy.port}", **of)  # type: ignore[arg-type]


def test_a_message_in_pieces_is_judged_whole(origin: Origin, proxy: Running) -> None:
    """Firebase's: a count, then so many texts, of which a cut stands within a candidate."""
    whole = json.dumps({"t": "d", "d": {"candidate": HOST, "text": "Zoë", "more": "x" * 9000}})
    cut = whole.index("192.168") + 4
    pieces = [whole[:cut], whole[cut : cut + 300], whole[cut + 300 :]]
    with socket(origin, proxy) as channel:
        for message in ("3", *pieces, "after"):
            channel.send(message)
        echoed = [channel.recv(timeout=60) for _ in range(5)]
    arrived = origin.bodies("message")
    assert [len(one) for one in arrived] == [len(one.encode()) for one in ("3", *pieces, "after")]
    joined = b"".join(arrived[1:4])
    assert clean(joined) and json.loads(joined)["d"]["text"] == "Zoë"
    assert arrived[4] == b"after" and [type(one) for one in echoed] == [str] * 5


def test_samples_of_firebase(origin: Origin, proxy: Running) -> None:
    segments = [one for one in load() if one.file.split("/")[1].startswith("firebase-segment-")]
    assert len(segments) == 3
    with socket(origin, proxy) as channel:
        for segment in segments:
            channel.send(segment.content.decode())
        for _ in segments:
            channel.recv(timeout=60)
    joined = b"".join(origin.bodies("message")[1:])
    addresses = {address.encode() for one in segments for address in one.client}
    assert addresses and not [one for one in addresses if one in joined]


def test_other_messages_are_not_held(origin: Origin, proxy: Running) -> None:
    """A lone number is a ping elsewhere; what follows it goes on as it comes."""
    with socket(origin, proxy) as channel:
        for message in ("2", "3probe", "5", '42["x",{}]', b"\x00\x01"):
            channel.send(message)
            assert channel.recv(timeout=60) == message


def test_a_url(origin: Origin, proxy: Running) -> None:
    path = f"/echo?offer={quote(OFFER)}&x=%41"
    proxy.request("POST", f"{origin.url}{path}", b"", {})
    (seen,) = origin.seen
    assert len(seen.target) == len(path)
    assert clean(seen.target.encode()) and seen.target.endswith("&x=%41")


def test_link_headers(origin: Origin, tmp_path: Path) -> None:
    """WHIP: the site's STUN and TURN servers go, the approved one comes."""
    stun, turn = "<stun:stun.example.org>", "<turn:turn.site.example?transport=udp>"
    site = f'{stun}; rel="ice-server", {turn}; rel="ice-server"; username="u"; credential="c,d"'
    other = '</next>; rel="next"'
    origin.responses["/whip"] = web.Response(
        status=201, body=b"v=0\r\n", content_type="application/sdp", headers={"link": site}
    )
    origin.responses["/whip"].headers.add("link", other)
    relay = "relay: {servers: [{urls: [turn:relay.example], username: a, credential: b}]}\n"
    with running(tmp_path, relay) as run:
        response, _ = run.request("POST", f"{origin.url}/whip", b"v=0\r\n", {})
    approved = '<turn:relay.example>; rel="ice-server"; username="a"; credential="b"; '
    assert response.headers.get_all("link") == [approved + 'credential-type="password"', other]
