"""Checks of the proxy: it is there, brings requests on, and does to them what the rules say."""

from collections.abc import Sequence
from typing import Final

from rtcguard.app import relay
from rtcguard.app.doctor import ledger, origin, through
from rtcguard.app.doctor.check import SEE_LOG, Check, Result, Setup, blocking
from rtcguard.app.doctor.origin import Origin
from rtcguard.ice.address import host_port, near
from rtcguard.network.clock import minute_of_week
from rtcguard.signaling import Message, rewrite
from rtcguard.web.hand_over import HOST

# Of the block for documentation (RFC 5737): nobody has it.
_ADDRESS: Final = "198.51.100.77"
_NAVIGATION: Final = {"Accept": "text/html", "Sec-Fetch-Dest": "document"}
_CLOSED: Final = "rtcguard stops it; see the ledger: rtcguard report --by rule"


def checks(setup: Setup) -> list[Check]:
    config = setup.policy.config
    made = [Check(f"proxy {host_port(*config.listen)}", lambda: _proxy(setup))]
    if config.relay.managed:
        made.append(blocking("coturn (relay.managed)", _coturn))
    return made


def _coturn() -> Sequence[Result]:
    return [Result("ok", relay.program("turnserver", "coturn"))]


async def _proxy(setup: Setup) -> Sequence[Result]:
    try:
        own = await through.ask(setup, "GET", f"http://{HOST}/", {})
        if own.status == 407:
            raise through.Refused(407)
        if b"rtcguard" not in own.body:
            raise ValueError("another's page")
        found = [Result("ok", f"answers http://{HOST}/ itself")]
        if setup.policy.config.upstream.proxy:
            return [*found, Result("off", through.ELSEWHERE)]
        async with origin.serving() as behind:
            return [*found, *await _document(setup, behind), *await _offer(setup, behind)]
    except (OSError, EOFError, ValueError) as error:
        return [through.failed(error)]


async def _document(setup: Setup, behind: Origin) -> list[Result]:
    """Whether it brings requests on, and puts the guard into a page."""
    url = f"http://127.0.0.1:{behind.port}/page"
    answer = await through.ask(setup, "GET", url, _NAVIGATION)
    if "/page" not in behind.asked:
        what = f"does not bring a request to {url}: answers {answer.status}"
        return [Result("failed", what, SEE_LOG)]
    found = [Result("ok", "brings requests to an origin of the doctor's, and the answers back")]
    if not setup.policy.config.page.guard:
        return [*found, Result("off", "ring 1, the page guard: page.guard is false")]
    from rtcguard.proxy.documents import REPORT_PATH  # brings mitmproxy, which takes a while

    guard, own = answer.body.find(REPORT_PATH.encode()), answer.body.find(b"new RTCPeerConnection")
    if not 0 <= guard < own:
        step = f"start rtcguard anew with this configuration; {SEE_LOG}"
        return [
            *found,
            Result("failed", "the page came without the guard: ring 1 is missing", step),
        ]
    return [*found, Result("ok", "ring 1: puts the guard into a page, before its own scripts")]


async def _offer(setup: Setup, behind: Origin) -> list[Result]:
    """Whether a candidate of a client's is taken out of an offer, and told to the ledger."""
    fragment, before = ledger.fragment(), ledger.last_seq(setup)
    offer = _sdp(fragment)
    url = f"http://127.0.0.1:{behind.port}/offer"
    headers = {"Content-Type": "application/sdp", "Origin": f"http://{origin.SITE}"}
    answer = await through.ask(setup, "POST", url, headers, offer)
    expected = rewrite(
        Message(
            offer,
            "outbound",
            site=origin.SITE,
            client=near(setup.policy.config.listen[0]),  # which comes from there, then
            destination=f"127.0.0.1:{behind.port}",
            path="/offer",
            protocol="http",
            minute=minute_of_week(),
        ),
        setup.policy.config,
    )
    found = [_judged(behind.asked.get("/offer"), expected.blocked, expected.content, answer.status)]
    if expected.records and found[0].status != "failed":
        told = await ledger.has(setup, before, lambda record: record.ufrag == fragment)
        found.append(ledger.told(told, "the candidate"))
    return found


def _judged(arrived: bytes | None, blocked: str, content: bytes, status: int) -> Result:
    """What arrived, beside what this configuration makes of it."""
    address = _ADDRESS.encode()
    if arrived is None:
        if blocked:
            return Result("ok", f"ring 2: stops an offer, as the rules say ({blocked})")
        return Result("failed", f"an offer did not arrive: answers {status}", _CLOSED)
    if address in arrived and address in content:
        return Result("warning", "ring 2: the rules leave a candidate in an offer as it is")
    if address in arrived:
        step = f"start rtcguard anew with this configuration; {SEE_LOG}"
        what = f"an offer arrived with the client's candidate ({_ADDRESS}): ring 2 is missing"
        return Result("failed", what, step)
    return Result("ok", "ring 2: strips a candidate out of an offer")


def _sdp(fragment: str) -> bytes:
    lines = (
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        f"a=ice-ufrag:{fragment}",
        "a=ice-pwd:0123456789abcdef01234567",
        f"a=candidate:1 1 udp 2122260223 {_ADDRESS} 54321 typ host generation 0",
        "a=sctp-port:5000",
        "",
    )
    return "\r\n".join(lines).encode()
