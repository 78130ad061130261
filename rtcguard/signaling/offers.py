"""Approved TURN servers put into the lists of ICE servers that a site sends, where length is free.

Length is free where nothing around counts bytes: a message that is JSON or XML as a whole, the text
packets of Engine.IO 4, records of SignalR, lines of server-sent events. There the lists get the
approved servers in the shape that the list has, and `iceTransportPolicy` becomes `relay`.
"""

import json
import re
from collections.abc import Sequence
from typing import Final

from rtcguard.ice.server import RtcIceServer, parse_uri
from rtcguard.signaling.structured import left_brace

# The packet's type, its name space and its acknowledgement: `42/chat,7["event"]`.
_ENGINE_IO: Final = re.compile(rb"^[0-9]{1,4}(?:/[^,{\[\"]{0,100},)?[0-9]{0,10}(?=[\[{])")
_EVENT: Final = re.compile(rb"(?:event|data|id|retry):")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1d\x1f]")

_MOST_LISTS: Final = 20  # no site has more in one message
_LIST: Final = re.compile(
    rb"\"((?:custom)?ice_?servers?(?:list)?|turn_?servers)\"\s*:\s*(\[|\{)", re.IGNORECASE
)
_ROOT: Final = re.compile(rb"[^\[{\"]{0,100}\[\s*\{\s*\"(?:urls?|username)\"\s*:")
_REST: Final = re.compile(rb"\"uris\"\s*:\s*\[")  # draft-uberti-behave-turn-rest, Matrix
_URL_KEY: Final = re.compile(rb"\"(urls|url|uris)\"\s*:\s*(\[|\")", re.IGNORECASE)
_USER_KEY: Final = re.compile(rb"\"(username|user)\"\s*:\s*(\"[^\"\\]*\")", re.IGNORECASE)
_PASSWORD_KEY: Final = re.compile(rb"\"(credential|password)\"\s*:\s*(\"[^\"\\]*\")", re.I)
# Servers that `judge` took out, and any.
_GONE: Final = rb"\"(?:stun|turn)s?:0+\.invalid(?:[:?][^\"]*)?\""
_DEAD: Final = re.compile(_GONE, re.IGNORECASE)
_DEAD_ITEM: Final = re.compile(_GONE + rb"\s{0,9},\s{0,9}(?=\")", re.IGNORECASE)
_DEAD_LAST: Final = re.compile(rb",\s{0,9}" + _GONE + rb"(?=\s{0,9}\])", re.IGNORECASE)
_URI: Final = re.compile(rb"\"(?:stun|turn)s?:", re.IGNORECASE)
_STRING: Final = re.compile(rb"\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"", re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[\]{}]|" + _STRING.pattern, re.DOTALL)
_POLICY: Final = re.compile(rb"\"ice(?:TransportPolicy|Transports)\"\s*:\s*\"(\w+)\"")
_CONFIGURATION: Final = re.compile(rb"\"iceServers\"\s*:\s*\[")  # as RTCConfiguration spells it
_OPENTOK: Final = re.compile(rb"\"properties\"\s*:\s*\{")
_JSON_SERVICES: Final = re.compile(rb"\"services\"\s*:\s*\[")
_SERVICES: Final = re.compile(
    rb"<services\s[^<>]*xmlns=[\"']urn:xmpp:extdisco:[12][\"'][^<>]*(?<!/)>", re.IGNORECASE
)


def is_free(content: bytes) -> bool:
    """Whether a message may grow: it is whole, and nothing in it can be a count of its bytes."""
    if _CONTROL.search(content) is not None:
        return False
    if content.lstrip()[:1] == b"<":
        return content.rstrip()[-1:] == b">"
    if _EVENT.match(content):
        records = [line[5:] for line in content.splitlines() if line.startswith(b"data:")]
    else:
        records = [_ENGINE_IO.sub(b"", one, count=1) for one in content.split(b"\x1e")]
    records = [one for one in records if one.strip()]
    try:
        return bool(records) and all(isinstance(json.loads(one), dict | list) for one in records)
    except (ValueError, RecursionError):
        return False


def with_servers(content: bytes, servers: Sequence[RtcIceServer]) -> bytes:
    """The message with the approved servers in each list of ICE servers, and with relay-only asked
    for. Given its own output it changes nothing."""
    content = _POLICY.sub(_relay_only, content)
    return _without_dead(_inserted(content, servers)) if servers else content


def _inserted(content: bytes, servers: Sequence[RtcIceServer]) -> bytes:
    if _told(content, servers):
        return content
    if content.lstrip()[:1] == b"<":
        services = b"".join(map(_service, servers))
        return _SERVICES.sub(lambda found: found.group() + services, content)
    inserted: list[tuple[int, int, bytes]] = []
    root = _ROOT.match(content)
    if root is not None:
        start = content.index(b"[") + 1
        inserted.append((start, start, _entries(content[start:], servers)))
    lists = list(_LIST.finditer(content))
    for one in lists if len(lists) <= _MOST_LISTS else ():
        rest = content[one.end() : _end_of(content, one.end())]
        if one[2] == b"[":
            inserted.append((one.end(), one.end(), _entries(rest, servers)))
        else:
            inserted += _in_object(content, one.end(), servers[0])
    for found in _JSON_SERVICES.finditer(content):
        made = ",".join(json.dumps(one) for server in servers for one in _json_services(server))
        comma = _comma(content, found.end())
        inserted.append((found.end(), found.end(), made.encode() + comma))
    for found in _REST.finditer(content):
        if not any(start <= found.start() <= end + 2000 for start, end, _ in inserted):
            around = left_brace(content, 0, found.start()) + 1
            inserted += _in_object(content, around, servers[0])
    if b"iceTransportPolicy" not in content:
        inserted += [
            (found.start(), found.start(), b'"iceTransportPolicy":"relay",')
            for found in _CONFIGURATION.finditer(content)
        ]
    if b"clientCandidates" not in content and b'"session_id"' in content:
        # OpenTok's own switch, in its session-info.
        inserted += [
            (found.end(), found.end(), b'"clientCandidates":"relay"' + _comma(content, found.end()))
            for found in _OPENTOK.finditer(content)
        ]
    return _applied(content, inserted)


def _without_dead(content: bytes) -> bytes:
    """The message without the entries that name only servers which were taken out of it: a client
    may wait long for the name of one where no DNS answers."""
    if _DEAD.search(content) is None:
        return content
    starts = [one.end() for one in _LIST.finditer(content) if one[2] == b"["][:_MOST_LISTS]
    if _ROOT.match(content):
        starts.append(content.index(b"[") + 1)
    made: list[tuple[int, int, bytes]] = []
    for start in starts:
        end = _end_of(content, start) - 1
        entries, between, position = [], b"", start
        while (opened := content.find(b"{", position, end)) >= 0:
            between += content[position:opened]
            position = _end_of(content, opened + 1)
            entries.append(content[opened:position])
        between += content[position:end]
        alive = [_alive(entry) for entry in entries]
        if entries != alive and not between.strip(b" \t\r\n,"):
            made.append((start, end, b",".join(filter(None, alive))))
    return _applied(content, made)


def _alive(entry: bytes) -> bytes:
    """An entry without the servers that were taken out of it; empty where it names no other."""
    if _DEAD.search(entry) is None:
        return entry
    if _URI.search(_DEAD.sub(b"", entry)) is None:
        return b""
    return _DEAD_LAST.sub(b"", _DEAD_ITEM.sub(b"", entry))


def _told(content: bytes, servers: Sequence[RtcIceServer]) -> bool:
    """Whether the site tells of an approved server by itself, or was made to before."""
    urls = [url for server in servers for url in server["urls"]]
    hosts = {parse_uri(url).host for url in urls} if b"service" in content else set()
    return any(url.encode() in content for url in urls) or any(
        f"{quote}{host}{quote}".encode() in content for host in hosts for quote in "'\""
    )


def _relay_only(found: re.Match[bytes]) -> bytes:
    value = found.start(1) - found.start()
    return found.group()[:value] + b'relay"' if found[1] == b"all" else found.group()


def _entries(existing: bytes, servers: Sequence[RtcIceServer]) -> bytes:
    """The servers as entries of a list, with the names that its first entry uses."""
    url, user, password = (
        _URL_KEY.search(existing),
        _USER_KEY.search(existing),
        _PASSWORD_KEY.search(existing),
    )
    name = url[1].decode() if url else "urls"
    capital = name[0].isupper()
    user_name = user[1].decode() if user else ("Username" if capital else "username")
    password_name = password[1].decode() if password else ("Password" if capital else "credential")
    single = url is not None and url[2] == b'"'
    made: list[dict[str, object]] = []
    for server in servers:
        for urls in server["urls"] if single else (server["urls"],):
            secrets = {user_name: server["username"], password_name: server["credential"]}
            made.append({name: urls, **secrets})
    text = ",".join(json.dumps(entry, separators=(",", ":")) for entry in made).encode()
    return text + _comma(existing, 0)


def _in_object(content: bytes, start: int, server: RtcIceServer) -> list[tuple[int, int, bytes]]:
    """The edits that put one server into an object that is itself the only entry."""
    end = _end_of(content, start)
    url = _URL_KEY.search(content, start, end)
    user = _USER_KEY.search(content, start, end)
    password = _PASSWORD_KEY.search(content, start, end)
    if url is None:
        return []
    made = [json.dumps(one).encode() for one in server["urls"]]
    if url[2] == b"[":
        inserted = [(url.end(), url.end(), b",".join(made) + _comma(content, url.end()))]
    else:
        string = _STRING.match(content, url.end() - 1)
        if string is None:
            return []
        inserted = [(string.start(), string.end(), made[0])]
    for found, value, name in (
        (user, server["username"], b"username"),
        (password, server["credential"], b"credential"),
    ):
        text = json.dumps(value).encode()
        if found is not None:
            inserted.append((found.start(2), found.end(2), text))
        else:
            inserted.append((start, start, b'"%s":%s,' % (name, text)))
    return inserted


def _comma(content: bytes, at: int) -> bytes:
    """What is to follow something that is put in at `at`, where a list or an object begins."""
    return b"" if content[at : at + 100].lstrip()[:1] in (b"]", b"}", b"") else b","


def _service(server: RtcIceServer) -> bytes:
    """The services of XEP-0215 for one server."""
    made: list[str] = []
    for uri in map(parse_uri, server["urls"]):
        made.append(
            f"<service type='{uri.scheme}' host='{uri.host}' port='{uri.port}' "
            f"transport='{uri.transport}' username='{_attribute(server['username'])}' "
            f"password='{_attribute(server['credential'])}' restricted='1'/>"
        )
    return "".join(made).encode()


def _json_services(server: RtcIceServer) -> list[dict[str, object]]:
    """The same as Jitsi writes them in JSON."""
    return [
        {
            "type": uri.scheme,
            "host": uri.host,
            "port": uri.port,
            "transport": uri.transport,
            "username": server["username"],
            "password": server["credential"],
        }
        for uri in map(parse_uri, server["urls"])
    ]


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&#39;")


def _end_of(content: bytes, start: int) -> int:
    """The end of the list or object that was opened before `start`; strings are stepped over."""
    depth, position = 1, start
    for found in _BRACKET.finditer(content, start):
        position = found.end()
        if found.group() in (b"[", b"{"):
            depth += 1
        elif found.group() in (b"]", b"}"):
            depth -= 1
        if not depth:
            return position
    return len(content)


def _applied(content: bytes, inserted: list[tuple[int, int, bytes]]) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for start, end, text in sorted(inserted, key=lambda one: (one[0], one[1])):
        if start >= position:
            pieces += content[position:start], text
            position = end
    return b"".join([*pieces, content[position:]])
