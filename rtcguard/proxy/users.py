"""Who speaks through the proxy: name and password, by HTTP (RFC 9110 section 11.7, Basic: RFC 7617)
and by SOCKS5 (RFC 1929). Stands in the place of mitmproxy's own addon, which looks at bcrypt's
hashes in the event loop, for every request anew, and as often as anybody likes.

In the modes that take a client's connections from the network nobody can be asked: the user is not
known there, and no rule that names one holds.
"""

import asyncio
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

from mitmproxy import addonmanager, connection, ctx, http
from mitmproxy.addons.proxyauth import parse_http_basic_auth
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.layers.modes import Socks5AuthData

from rtcguard.ice import address as addresses
from rtcguard.policy.model import Policy
from rtcguard.policy.record import Record
from rtcguard.proxy.bodies import LIMIT
from rtcguard.proxy.flows import UNREAD, USER, head_of
from rtcguard.proxy.folded import Folded
from rtcguard.proxy.passwords import Passwords, Verdict

_CHALLENGE: Final = 'Basic realm="rtcguard", charset="UTF-8"'
_HEADER: Final = "proxy-authorization"

# Connections that are one user's for good: a tunnel's, a SOCKS client's.
_SIGNED_IN: WeakKeyDictionary[connection.Client, str] = WeakKeyDictionary()


def user_of(client: connection.Client) -> str:
    """Whose a client's connection is; empty where nobody has signed in on it as a whole."""
    return _SIGNED_IN.get(client, "")


class Users:
    """An addon; it has to stand before the one in `addon.py`, which leaves alone what this one has
    answered."""

    name = "rtcguard-users"

    def __init__(self, policy: Policy, record: Callable[[list[Record]], object]) -> None:
        self._passwords = Passwords(policy.users)
        self._version = policy.version
        self._folded = Folded(record)

    def load(self, loader: addonmanager.Loader) -> None:
        if "proxyauth" not in ctx.options:  # by it mitmproxy asks a SOCKS client for a password
            loader.add_option("proxyauth", str, "", "Whether users sign in: set by rtcguard.")

    def running(self) -> None:
        self._say()

    def use(self, policy: Policy) -> None:
        """Another table from now on; who has signed in on a connection stays so while it lasts."""
        self._passwords.use(policy.users)
        self._version = policy.version
        self._say()

    def _say(self) -> None:
        ctx.options.update(proxyauth="rtcguard" if self._passwords else "")

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        await self._sign_in(flow)
        if flow.response is None and (name := flow.metadata.get(USER)):
            _SIGNED_IN[flow.client_conn] = name

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        await self._sign_in(flow)

    async def socks5_auth(self, data: Socks5AuthData) -> None:
        peer = data.client_conn.peername
        client = addresses.canonical(peer[0]) if peer else ""
        if self._passwords and await self._admits(client, data.username, data.password) is None:
            _SIGNED_IN[data.client_conn] = data.username
            data.valid = True

    async def _sign_in(self, flow: http.HTTPFlow) -> None:
        """Notes whose a request is, or answers it. What a client tells this proxy of itself goes on
        to nobody."""
        known = user_of(flow.client_conn)
        if known:
            flow.metadata[USER] = known
        mode = flow.client_conn.proxy_mode
        if not isinstance(mode, mode_specs.RegularMode | mode_specs.UpstreamMode):
            return
        said = flow.request.headers.pop(_HEADER, "")
        if known or not self._passwords:
            return
        try:
            # Whatever goes wrong: nobody has signed in.
            refused: Verdict | None = Verdict.WRONG
            try:
                _, name, password = parse_http_basic_auth(said)
            except ValueError:
                self._refuse(flow, 407, "a name and a password, please")
                return
            peer = flow.client_conn.peername
            client = addresses.canonical(peer[0]) if peer else ""
            refused = await self._admits(client, name, password)
            if refused is None:
                flow.metadata[USER] = name
        finally:
            if refused is not None and flow.response is None:
                status = 407 if refused is Verdict.WRONG else 429
                self._refuse(flow, status, refused.value)

    async def _admits(self, client: str, name: str, password: str) -> Verdict | None:
        """What stands against a client; None: nothing. Recorded without what was said, but for the
        names of users that there are: a password may have got into the place of the name."""
        verdict = await self._passwords.look(client, name, password)
        if verdict is Verdict.RIGHT:
            return None
        whom = repr(name) if self._passwords.knows(name) else "a user that there is not"
        self._folded.add(
            Record(
                ring="network",
                kind="user",
                action="refused",
                direction="outbound",
                client=client,
                rule="users",
                reason=f"signing in as {whom}: {verdict.value}",
                policy=self._version,
            )
        )
        return verdict

    def _refuse(self, flow: http.HTTPFlow, status: int, reason: str) -> None:
        length = head_of(flow.request).length
        if flow.request.method != "CONNECT" and (length is None or length > LIMIT):
            _cut_off(flow.client_conn)  # the whole of its body would be held before it is answered
        headers = {"content-type": "text/plain", "cache-control": "no-store"}
        if status == 407:
            headers["proxy-authenticate"] = _CHALLENGE
        else:
            headers["retry-after"] = "60"
        flow.metadata[UNREAD] = True
        flow.response = http.Response.make(status, f"rtcguard: {reason}\n".encode(), headers)

    def done(self) -> None:
        self._passwords.close()
        self._folded.settle()


def _cut_off(client: connection.Client) -> None:
    """Ends a connection at once. By `flow.kill()`, mitmproxy 12 leaves one that still sends open
    for ever."""
    handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
    writer = handler.transports[client].writer if handler else None
    if isinstance(writer, asyncio.StreamWriter):
        writer.transport.abort()
