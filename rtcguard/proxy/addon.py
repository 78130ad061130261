"""The mitmproxy addon: each hook makes a message of a flow, asks the core, and carries out.

mitmproxy logs an addon's exception and forwards the message unchanged. So every hook here runs
under `_closed`, which stops the flow instead: nothing passes that was not judged.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from mitmproxy import http

from rtcguard.errors import ParseError
from rtcguard.network.clock import minute_of_week
from rtcguard.page.report import read_report
from rtcguard.policy.model import Policy
from rtcguard.policy.record import Record
from rtcguard.policy.rule import Confirmed as Ring
from rtcguard.policy.told import in_mode
from rtcguard.proxy import flows, interim  # noqa: F401  the latter mends mitmproxy
from rtcguard.proxy.bodies import LIMIT, Plan, request_plan, response_plan, unread_plan
from rtcguard.proxy.confirmed import Confirmed
from rtcguard.proxy.documents import MADE_PATH, REPORT_PATH, Documents
from rtcguard.proxy.names import NameJudge
from rtcguard.proxy.passing import Passing
from rtcguard.proxy.sockets import Sockets
from rtcguard.proxy.streaming import Gate, Lines, can_decode
from rtcguard.proxy.turn import Turn
from rtcguard.signaling import Message, links, rewrite
from rtcguard.signaling.message import Direction
from rtcguard.web.site import HOST, Site

logger = logging.getLogger(__name__)

_TOO_LARGE = f"more than {LIMIT} bytes are too many to be judged"

Recorder = Callable[[Iterable[Record]], None]


class RtcGuard:
    """Rings 1 and 2 on the flows of a mitmproxy master. `key` signs the guard's tokens."""

    name = "rtcguard"

    def __init__(
        self, policy: Policy, key: bytes, record: Recorder, confirmed: Confirmed, site: Site
    ) -> None:
        # mitmproxy adds them with this one.
        passing = Passing(policy, record, confirmed.is_held)
        self.addons = [passing, Turn(policy, record, passing), NameJudge(policy, record)]
        self._config = policy.config
        self._documents = Documents(policy, key)
        self._sockets = Sockets(lenient=self._lenient)
        self._key = key
        self._record = record
        self._confirmed = confirmed
        self._site = site
        self._inbound_rules = any(
            not rule.match.direction or "inbound" in rule.match.direction
            for rule in policy.config.rules
        )

    # Hooks ----------------------------------------------------------------------------------

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        with self._closed(flow, "outbound"):
            request = flow.request
            if flow.response is not None:
                return  # nobody has signed in
            if self._is_own(flow):
                return  # held whole, answered in `request`
            self._judge_url(flow)
            if flow.response is not None:
                return
            if self._config.page.guard and (
                flows.opens_document(request) or flows.is_worker_script(request)
            ):
                self._documents.ask_whole(request)
            self._follow(request_plan(flows.head_of(request)), flow, "outbound", request)

    def request(self, flow: http.HTTPFlow) -> None:
        with self._closed(flow, "outbound"):
            if flow.response is not None:
                return  # stopped by its head
            if self._is_own(flow):
                self._answer(flow)
            elif not flow.request.stream and flow.request.raw_content:
                self._judge_whole(flow, "outbound", flow.request)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        with self._closed(flow, "inbound"):
            request, response = flow.request, flow.response
            if response is None or response.status_code == 101 or flows.UNREAD in flow.metadata:
                return
            self._judge_links(flow, response)
            if self._config.page.guard and self._documents.takes_guard(request, response):
                encoding = response.headers.get("content-encoding", "")
                if not can_decode(encoding):
                    self._stop(flow, "inbound", f"a document in {encoding!r} cannot get the guard")
                elif request.method != "HEAD" and response.status_code not in (204, 304):
                    tell = partial(self._tell, flow, "inbound", "blocked")
                    parties = flows.parties_of(flow)
                    self._documents.put_guard(request, response, parties, tell)
                return
            if self._config.page.guard:
                self._documents.keep_apart(request, response)
                if flows.is_worker_script(request):
                    return  # held whole, for `response`
            head = flows.head_of(response)
            if self._judges_inbound(flow):
                plan = response_plan(head, flows.fetch_destination(request))
            else:
                plan = unread_plan(head)
            self._follow(plan, flow, "inbound", response)

    def response(self, flow: http.HTTPFlow) -> None:
        with self._closed(flow, "inbound"):
            response = flow.response
            if response is None or response.stream or not response.raw_content:
                return
            if flow.websocket is not None or flows.UNREAD in flow.metadata:
                return
            if self._config.page.guard and flows.is_worker_script(flow.request):
                self._documents.ready_worker(flow.request, response)
            else:
                self._judge_whole(flow, "inbound", response)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
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
            line.take(flow, message, lambda content: self._judge(flow, direction, content))

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        for direction in self._sockets.end(flow):
            self._tell(flow, direction, "blocked", "the rest of a message in pieces never came")

    def done(self) -> None:
        self._confirmed.close()

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
                message.stream = Lines(self._judge_of(flow, direction, message), LIMIT, too_large)
            case Plan.BLOCK:
                self._stop(flow, direction, _TOO_LARGE)

    # Judging --------------------------------------------------------------------------------

    def _judge(self, flow: http.HTTPFlow, direction: Direction, content: bytes) -> bytes | None:
        """What goes on in place of `content`; None where nothing may."""
        made = rewrite(self._message(flow, direction, content), self._config)
        self._keep(flow, made.records)
        if made.blocked or made.would_block:
            self._tell_judged(flow, direction, "blocked", made.blocked or made.would_block)
        return None if made.blocked else made.content

    def _message(self, flow: http.HTTPFlow, direction: Direction, content: bytes) -> Message:
        parties = flows.parties_of(flow)
        inbound = direction == "inbound"
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
            confirmed=self._confirmed_by(parties) if inbound else "",
            servers=self._documents.servers(parties.site, parties.client) if inbound else (),
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
            made, records = links.rewrite_links(values, message, self._config)
            self._keep(flow, records)
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
                return content if self._lenient else None

        return judge

    def _judges_inbound(self, flow: http.HTTPFlow) -> bool:
        """Whether anything towards the client could be changed; if not, nothing is held."""
        if self._inbound_rules:
            return True
        if self._config.inbound == "auto":
            parties = flows.parties_of(flow)
            # A firewall does not tell the page of the approved relays: lists of servers do.
            return self._confirmed_by(parties) != "page"
        return self._config.inbound == "strip"

    def _confirmed_by(self, parties: flows.Parties) -> Ring:
        return self._confirmed.by(parties.client, parties.site, watches=self._watches)

    @property
    def _watches(self) -> bool:
        return self._config.mode == "monitor"

    def _is_own(self, flow: http.HTTPFlow) -> bool:
        """Whether the proxy answers this request itself: it is never forwarded."""
        return _path(flow) in (REPORT_PATH, MADE_PATH) or flows.parties_of(flow).host == HOST

    def _answer(self, flow: http.HTTPFlow) -> None:
        if _path(flow) == REPORT_PATH:
            made = self._answer_report(flow)
        elif _path(flow) == MADE_PATH:
            tell = partial(self._tell, flow, "inbound", "blocked")
            made = self._documents.guard_made(flow, tell)
        else:
            page = self._site(flow.request.path, flows.parties_of(flow).client)
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
        request = flow.request
        parties = flows.parties_of(flow)
        client, site = parties.client, parties.host
        if request.method == "POST":
            settings = self._documents.settings(site, client, parties.user)
            decision = self._documents.decide(site, client, parties.user)
            try:
                # Also one that is `null`: a sandboxed page's, but every redirect makes one too.
                if not flows.names_host(request, site):
                    raise ParseError("a page of another origin sent it")
                body = request.get_content(strict=True) or b""
                records = read_report(
                    body,
                    key=self._key,
                    site=site,
                    client=client,
                    settings=settings,
                    decision=decision,
                    of_server=partial(self._documents.server_rule, site, client, parties.user),
                )
            except (ParseError, ValueError) as error:
                reason = f"not a report of this page's guard: {error}"
                self._tell(flow, "outbound", "refused", reason)
                return http.Response.make(400, b"", {"cache-control": "no-store"})
            self._keep(flow, records)
            self._confirmed.confirm(client, site, watches=self._watches)
        return http.Response.make(204, b"", {"cache-control": "no-store"})

    # Failing closed -------------------------------------------------------------------------

    @contextlib.contextmanager
    def _closed(self, flow: http.HTTPFlow, direction: Direction) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not self._lenient:
                self._refuse(flow, direction, "rtcguard could not judge it")
            self._tell_failure(flow, direction, error)

    @property
    def _lenient(self) -> bool:
        """Whether what cannot be judged goes on all the same."""
        return self._config.on_error == "pass" or self._watches

    def _tell_failure(self, flow: http.HTTPFlow, direction: Direction, error: Exception) -> None:
        """Tells of a fault; this must not fail itself, whatever is broken."""
        logger.error("%s %s: %r", direction, flow.request.pretty_host, error, exc_info=error)
        try:
            self._passes_unjudged(flow, direction, f"it could not be judged: {error!r}")
        except Exception as second:
            logger.error("nor could that be recorded: %r", second)

    def _stop(self, flow: http.HTTPFlow, direction: Direction, reason: str) -> None:
        """Stops a payload that cannot be judged, unless the configuration lets it pass."""
        if not self._lenient:
            self._refuse(flow, direction, reason)
        self._passes_unjudged(flow, direction, reason)

    def _passes_unjudged(self, flow: http.HTTPFlow, direction: Direction, reason: str) -> bool:
        """Tells of what cannot be judged, and says whether it goes on all the same."""
        action = "observed" if self._config.on_error == "pass" else "blocked"
        self._tell_judged(flow, direction, action, reason)
        return self._lenient

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
        self._keep(flow, [in_mode(record, self._config.mode)])

    def _tell(self, flow: http.HTTPFlow, direction: Direction, action: str, reason: str) -> None:
        """Tells of what was done, whatever the mode."""
        self._keep(flow, [_payload(flow, direction, action, reason)])

    def _keep(self, flow: http.HTTPFlow, records: Iterable[Record]) -> None:
        """Records, with whose they are."""
        user = flows.parties_of(flow).user
        self._record([replace(one, user=user) for one in records] if user else records)


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
