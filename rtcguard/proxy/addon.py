"""The mitmproxy addon: each hook makes a message of a flow, asks the core, and carries out.

mitmproxy logs an addon's exception and forwards the message unchanged. So every hook here runs
under `_closed`, which stops the flow instead: nothing passes that was not judged.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from mitmproxy import http

from rtcguard.errors import ParseError
from rtcguard.network.clock import minute_of_week
from rtcguard.policy.model import HostPort, Policy
from rtcguard.policy.record import Record, decided_by
from rtcguard.policy.rule import Confirmed as Ring
from rtcguard.policy.told import in_mode
from rtcguard.proxy import flows, interim, reports  # noqa: F401  interim mends mitmproxy
from rtcguard.proxy.bodies import LIMIT, Plan, request_plan, response_plan, unread_plan
from rtcguard.proxy.confirmed import Confirmed, leaves_pages
from rtcguard.proxy.documents import MADE_PATH, REPORT_PATH
from rtcguard.proxy.local_site import LocalSite, is_as_others, is_handed, keep_open, refused
from rtcguard.proxy.names import NameJudge
from rtcguard.proxy.passing import Passing
from rtcguard.proxy.sockets import Sockets
from rtcguard.proxy.standing import Standing
from rtcguard.proxy.streaming import Gate, Lines, can_decode
from rtcguard.proxy.turn import Turn
from rtcguard.signaling import Message, forget, links, rewrite
from rtcguard.signaling.message import Direction
from rtcguard.web.hand_over import HOST
from rtcguard.web.plain import Plain

logger = logging.getLogger(__name__)

# In a flow's metadata, for each direction: what its message there is judged by.
_STANDING: Final[dict[Direction, str]] = {
    "outbound": "rtcguard.outbound",
    "inbound": "rtcguard.inbound",
}
_ANSWERED: Final = (REPORT_PATH, MADE_PATH)  # by the proxy, for every host
_TOO_LARGE = f"more than {LIMIT} bytes are too many to be judged"

Recorder = Callable[[Iterable[Record]], None]


class RtcGuard:
    """Rings 1 and 2 on the flows of a mitmproxy master. `key` signs the guard's tokens.

    A message is judged by one policy: one of HTTP by that which was in force when its head came,
    to the end of its body; a line of an endless body, and a WebSocket message, by that which is in
    force when it is whole."""

    name = "rtcguard"

    def __init__(
        self,
        policy: Policy,
        key: bytes,
        record: Recorder,
        confirmed: Confirmed,
        plain: Plain,
        site: HostPort | None = None,
        timed: Callable[[float], object] | None = None,
    ) -> None:
        """`plain` answers in the place of the local site, which listens at `site`. `timed` is given
        the seconds that the judging of each message took."""
        # mitmproxy adds them with this one.
        self._passing = Passing(policy, record, confirmed.is_held)
        self._turn = Turn(policy, record, self._passing)
        self._names = NameJudge(policy, record)
        self._site = LocalSite(site, key)
        self.addons = [self._passing, self._turn, self._names, self._site]
        self._standing = Standing(policy, key)
        self._sockets = Sockets()
        self._key = key
        self._hand_over = record
        self._confirmed = confirmed
        self._plain = plain
        self._timed = timed

    def prepare(self, policy: Policy) -> Standing:
        """What `use` takes; may be called in any thread."""
        return Standing(policy, self._key)

    def use(self, standing: Standing) -> None:
        """From the next message on, this decides; to be called in the loop."""
        before, self._standing = self._standing, standing
        self._passing.use(standing.policy)
        self._turn.use(standing.policy)
        self._names.use(standing.policy)
        forget()
        if leaves_pages(before.config) != leaves_pages(standing.config):
            self._confirmed.forget()

    # Hooks ----------------------------------------------------------------------------------

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._begin(flow, "outbound")
        with self._closed(flow, "outbound"):
            request, standing = flow.request, self._standing
            if flow.response is not None:
                return  # nobody has signed in
            if self._is_own(flow):
                if flows.parties_of(flow).host == HOST and _path(flow) not in _ANSWERED:
                    await self._site.hand_over(flow)
                if not is_handed(flow) or not is_as_others(flow):
                    return  # on its way; or held whole, and answered in `request`
            elif await self._site.is_reached_by(flow):
                self._respond(flow, refused())
                return
            self._judge_url(flow)
            if flow.response is not None:
                return
            if standing.config.page.guard and (
                flows.opens_document(request) or flows.is_worker_script(request)
            ):
                standing.documents.ask_whole(request)
            self._follow(request_plan(flows.head_of(request)), flow, "outbound", request)

    def request(self, flow: http.HTTPFlow) -> None:
        with self._closed(flow, "outbound"):
            if flow.response is not None:
                return  # stopped by its head
            if self._is_own(flow) and not is_handed(flow):
                self._answer(flow)
            elif not flow.request.stream and flow.request.raw_content:
                self._judge_whole(flow, "outbound", flow.request)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        self._begin(flow, "inbound")
        with self._closed(flow, "inbound"):
            request, response, standing = flow.request, flow.response, self._standing
            guards = standing.config.page.guard
            if response is None or response.status_code == 101 or flows.UNREAD in flow.metadata:
                return
            if is_handed(flow):
                keep_open(flow, response)
                if not is_as_others(flow):
                    response.stream = True
                    return
            self._judge_links(flow, response)
            if guards and standing.documents.takes_guard(request, response):
                encoding = response.headers.get("content-encoding", "")
                if not can_decode(encoding):
                    self._stop(flow, "inbound", f"a document in {encoding!r} cannot get the guard")
                elif request.method != "HEAD" and response.status_code not in (204, 304):
                    tell = partial(self._tell, flow, "inbound", "blocked")
                    parties = flows.parties_of(flow)
                    standing.documents.put_guard(request, response, parties, tell)
                return
            if guards:
                standing.documents.keep_apart(request, response)
                if flows.is_worker_script(request):
                    return  # held whole, for `response`
            head = flows.head_of(response)
            plan = response_plan(head, flows.fetch_destination(request))
            if plan is not Plan.LINES and not self._judges_inbound(flow):
                plan = unread_plan(head)
            self._follow(plan, flow, "inbound", response)

    def response(self, flow: http.HTTPFlow) -> None:
        with self._closed(flow, "inbound"):
            response = flow.response
            if response is None or response.stream or not response.raw_content:
                return
            if flow.websocket is not None or flows.UNREAD in flow.metadata:
                return
            standing = self._of(flow, "inbound")
            if standing.config.page.guard and flows.is_worker_script(flow.request):
                standing.documents.ready_worker(flow.request, response)
            else:
                self._judge_whole(flow, "inbound", response)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        self._begin(flow, "outbound")
        self._begin(flow, "inbound")
        with self._closed(flow, "outbound"):
            if flow.websocket is None:
                return
            message = flow.websocket.messages[-1]
            # mitmproxy keeps every message for the life of the connection.
            del flow.websocket.messages[:-1]
            direction: Direction = "outbound" if message.from_client else "inbound"
            line = self._sockets.line(flow, direction)
            if direction == "inbound" and line.is_idle and not self._judges_inbound(flow):
                return
            lenient = self._standing.lenient
            judge = partial(self._judge, flow, direction)
            line.take(flow, message, judge, lenient=lenient)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        for direction in self._sockets.end(flow):
            self._tell(flow, direction, "blocked", "the rest of a message in pieces never came")

    def done(self) -> None:
        self._confirmed.close()

    def _begin(self, flow: http.HTTPFlow, direction: Direction) -> None:
        """What comes now in this direction is judged by the policy that is in force."""
        flow.metadata[_STANDING[direction]] = self._standing

    def _of(self, flow: http.HTTPFlow, direction: Direction) -> Standing:
        """What the present message of this direction is judged by."""
        standing = flow.metadata.get(_STANDING[direction])
        return standing if isinstance(standing, Standing) else self._standing

    def _follow(
        self, plan: Plan, flow: http.HTTPFlow, direction: Direction, message: http.Message
    ) -> None:
        """Sets how a body goes on; one that is to be judged whole is held, as mitmproxy does."""
        too_large = partial(self._passes_unjudged, flow, direction, _TOO_LARGE)
        match plan:
            case Plan.PASS:
                message.stream = True
            case Plan.SMALL:
                flow.metadata[flows.UNREAD] = True
            case Plan.GATE:
                strict = flows.head_of(message).is_description
                judge = self._judge_of(flow, direction, message)
                message.stream = Gate(judge, LIMIT, too_large if strict else None)
            case Plan.LINES:
                judge = self._judge_of(flow, direction, message)

                def judge_line(content: bytes) -> bytes | None:
                    self._begin(flow, direction)
                    return judge(content)

                message.stream = Lines(
                    judge_line, LIMIT, too_large, partial(self._needs_none, flow, direction)
                )
            case Plan.BLOCK:
                self._stop(flow, direction, _TOO_LARGE)

    # Judging --------------------------------------------------------------------------------

    def _judge(self, flow: http.HTTPFlow, direction: Direction, content: bytes) -> bytes | None:
        """What goes on in place of `content`; None where nothing may."""
        standing, message = self._of(flow, direction), self._message(flow, direction, content)
        began = time.perf_counter()
        made = rewrite(message, standing.config)
        if self._timed is not None:
            self._timed(time.perf_counter() - began)
        self._keep(flow, direction, made.records)
        if made.blocked or made.would_block:
            self._tell_judged(flow, direction, "blocked", made.blocked or made.would_block)
        return None if made.blocked else made.content

    def _message(self, flow: http.HTTPFlow, direction: Direction, content: bytes) -> Message:
        parties = flows.parties_of(flow)
        inbound = direction == "inbound"
        documents = self._of(flow, direction).documents
        return Message(
            content=content,
            direction=direction,
            site=parties.site,
            client=parties.client,
            destination=parties.destination,
            path=flow.request.path,
            protocol="http" if flow.websocket is None else "websocket",
            user=parties.user,
            minute=minute_of_week(),
            confirmed=self._confirmed_by(flow) if inbound else "",
            servers=documents.servers(parties.site, parties.client) if inbound else (),
        )

    def _judge_url(self, flow: http.HTTPFlow) -> None:
        """A request's own path and query: LiveKit sends the first offer there."""
        path = flow.request.path
        judged = self._judge(flow, "outbound", path.encode("utf-8", "surrogateescape"))
        if judged is None:
            self._refuse(flow, "outbound", "what its URL carries must not pass")
        else:
            made = judged.decode("utf-8", "surrogateescape")
            if made != path:
                flow.request.path = made

    def _judge_links(self, flow: http.HTTPFlow, response: http.Response) -> None:
        values = response.headers.get_all("link")
        if values and links.is_ice_server(values) and self._judges_inbound(flow):
            message = self._message(flow, "inbound", b"")
            standing = self._of(flow, "inbound")
            made, records = links.rewrite_links(values, message, standing.config)
            self._keep(flow, "inbound", records)
            response.headers.set_all("link", made)

    def _judge_held(self, flow: http.HTTPFlow, direction: Direction, message: http.Message) -> bool:
        """Judges a whole body in its message, decoded; whether it may go on. One that is signaling
        by its type and cannot be decoded raises ParseError; one of another type is judged raw."""
        encoded = False
        try:
            content = message.get_content(strict=True) or b""
        except ValueError as error:
            if flows.head_of(message).is_text:
                encoding = message.headers.get("content-encoding", "")
                raise ParseError(f"a body in {encoding!r} cannot be judged") from error
            content, encoded = message.raw_content or b"", True
        judged = self._judge(flow, direction, content)
        if judged is not None and judged != content:
            if encoded:
                message.raw_content = judged
            else:
                message.content = judged
        return judged is not None

    def _judge_whole(
        self, flow: http.HTTPFlow, direction: Direction, message: http.Message
    ) -> None:
        """Judges the body of a message that was held, and stops the flow where it must not pass."""
        try:
            passes = self._judge_held(flow, direction, message)
        except ParseError as error:
            self._stop(flow, direction, str(error))
            return
        if not passes:
            self._refuse(flow, direction, "what it carries must not pass")

    def _judge_of(
        self, flow: http.HTTPFlow, direction: Direction, message: http.Message
    ) -> Callable[[bytes], bytes | None]:
        """Judging for a body that streams: the same, but it cannot raise."""

        def judge(content: bytes) -> bytes | None:
            try:
                if not message.headers.get("content-encoding"):
                    return self._judge(flow, direction, content)
                whole = http.Response.make(200, b"", message.headers.copy())
                whole.raw_content = content
                return whole.raw_content if self._judge_held(flow, direction, whole) else None
            except Exception as error:
                self._tell_failure(flow, direction, error)
                return content if self._of(flow, direction).lenient else None

        return judge

    def _judges_inbound(self, flow: http.HTTPFlow) -> bool:
        """Whether anything towards the client could be changed; if not, nothing is held."""
        standing = self._of(flow, "inbound")
        if standing.inbound_rules:
            return True
        if standing.config.inbound == "auto":
            # A firewall does not tell the page of the approved relays: lists of servers do.
            return self._confirmed_by(flow) != "page"
        return standing.config.inbound == "strip"

    def _needs_none(self, flow: http.HTTPFlow, direction: Direction) -> bool:
        """Whether the lines that come now need no judging."""
        if direction == "outbound":
            return False
        try:
            self._begin(flow, direction)
            return not self._judges_inbound(flow)
        except Exception as error:  # the ledger cannot be asked
            logger.error("a body is judged, needed or not: %r", error)
            return False

    def _confirmed_by(self, flow: http.HTTPFlow) -> Ring:
        parties, watches = flows.parties_of(flow), self._of(flow, "inbound").watches
        return self._confirmed.by(parties.client, parties.site, watches=watches)

    def _is_own(self, flow: http.HTTPFlow) -> bool:
        """Whether the proxy answers this request itself: it is never forwarded."""
        return _path(flow) in _ANSWERED or flows.parties_of(flow).host == HOST

    def _answer(self, flow: http.HTTPFlow) -> None:
        if _path(flow) == REPORT_PATH:
            made = self._answer_report(flow)
        elif _path(flow) == MADE_PATH:
            tell = partial(self._tell, flow, "inbound", "blocked")
            made = self._of(flow, "outbound").documents.guard_made(flow, tell)
        else:
            page = self._plain(flow.request.path, flows.parties_of(flow).client)
            headers = {"content-type": page.content_type, "cache-control": "no-store"}
            made = http.Response.make(page.status, page.body, headers)
        self._respond(flow, made)

    def _respond(self, flow: http.HTTPFlow, response: http.Response) -> None:
        """Answers in the server's place; the later hooks leave such a response alone."""
        flow.request.stream = False
        flow.metadata[flows.UNREAD] = True
        flow.response = response

    def _answer_report(self, flow: http.HTTPFlow) -> http.Response:
        """The reserved path: never forwarded, and silent about what became of a report."""
        if flow.request.method == "POST":
            parties = flows.parties_of(flow)
            try:
                taken = reports.take(flow.request, parties, self._of(flow, "outbound"), self._key)
            except (ParseError, ValueError) as error:
                reason = f"not a report of this page's guard: {error}"
                self._tell(flow, "outbound", "refused", reason)
                return http.Response.make(400, b"", {"cache-control": "no-store"})
            self._hand_over(taken.records)
            if taken.confirms:
                self._confirmed.confirm(parties.client, parties.host, watches=taken.watches)
        return http.Response.make(204, b"", {"cache-control": "no-store"})

    # Failing closed -------------------------------------------------------------------------

    @contextlib.contextmanager
    def _closed(self, flow: http.HTTPFlow, direction: Direction) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not self._of(flow, direction).lenient:
                self._refuse(flow, direction, "rtcguard could not judge it")
            self._tell_failure(flow, direction, error)

    def _tell_failure(self, flow: http.HTTPFlow, direction: Direction, error: Exception) -> None:
        """Tells of a fault; this must not fail itself, whatever is broken."""
        logger.error("%s %s: %r", direction, flow.request.pretty_host, error, exc_info=error)
        try:
            self._passes_unjudged(flow, direction, f"it could not be judged: {error!r}")
        except Exception as second:
            logger.error("nor could that be recorded: %r", second)

    def _stop(self, flow: http.HTTPFlow, direction: Direction, reason: str) -> None:
        """Stops a payload that cannot be judged, unless the configuration lets it pass."""
        lenient = self._of(flow, direction).lenient
        if not lenient:
            self._refuse(flow, direction, reason)
        self._passes_unjudged(flow, direction, reason)

    def _passes_unjudged(self, flow: http.HTTPFlow, direction: Direction, reason: str) -> bool:
        """Tells of what cannot be judged, and says whether it goes on all the same."""
        standing = self._of(flow, direction)
        action = "observed" if standing.config.on_error == "pass" else "blocked"
        self._tell_judged(flow, direction, action, reason)
        return standing.lenient

    def _refuse(self, flow: http.HTTPFlow, direction: Direction, reason: str) -> None:
        """Ends what the flow was about to carry: nothing more of it goes on."""
        if flow.websocket is not None:
            flow.websocket.messages[-1].drop()
        elif direction == "inbound" and (
            flow.response is None or flow.response.raw_content is None
        ):
            flow.kill()  # only the head is there, and mitmproxy cannot put another in its place
        else:
            text = f"rtcguard: blocked: {reason}\n".encode()
            headers = {"content-type": "text/plain", "cache-control": "no-store"}
            self._respond(flow, http.Response.make(403, text, headers))

    def _tell_judged(
        self, flow: http.HTTPFlow, direction: Direction, action: str, reason: str
    ) -> None:
        """Tells of what is done to a payload where the mode is `enforce`."""
        record = _payload(flow, direction, action, reason)
        self._keep(flow, direction, [in_mode(record, self._of(flow, direction).config.mode)])

    def _tell(self, flow: http.HTTPFlow, direction: Direction, action: str, reason: str) -> None:
        """Tells of what was done, whatever the mode."""
        self._keep(flow, direction, [_payload(flow, direction, action, reason)])

    def _keep(self, flow: http.HTTPFlow, direction: Direction, records: Iterable[Record]) -> None:
        """Records, with whose they are and by which policy."""
        user, policy = flows.parties_of(flow).user, self._of(flow, direction).policy
        made = decided_by(policy.version, records)
        self._hand_over([replace(one, user=user) for one in made] if user else made)


def _payload(flow: http.HTTPFlow, direction: Direction, action: str, reason: str) -> Record:
    parties = flows.parties_of(flow)
    return Record(
        ring="signaling",
        kind="payload",
        action=action,
        direction=direction,
        site=parties.site,
        client=parties.client,
        destination=parties.destination,
        rule="default:on_error",
        reason=reason,
    )


def _path(flow: http.HTTPFlow) -> str:
    return flow.request.path.partition("?")[0]
