"""Descriptions and candidates as clients write them, and the JSON that they travel in."""

import json
import random
from dataclasses import dataclass

from hypothesis import strategies as st

# Never the same address on both sides, so that each one found says whose it is.
CLIENT_V4 = ("192.168.1.5", "10.20.30.40", "172.31.255.254", "100.64.7.9", "203.0.113.77")
CLIENT_V6 = ("2001:db8:1::5", "fd00:aaaa::17", "fe80::1c2d:3e4f:5a6b:7c8d", "2001:DB8:1::BEEF")
CLIENT_NAMES = ("1f4712db-ea17-4bcf-a596-105139dfd8bf.local", "printer.local")
RELAYS = ("198.51.100.7", "198.51.100.199", "2001:db8:feed::9")
HARMLESS = ("0.0.0.0", "127.0.0.1")
TYPES = ("host", "srflx", "prflx", "relay")


@dataclass(frozen=True)
class Written:
    """Something that a client wrote, with the addresses of the client and those of its relays."""

    text: str
    client: frozenset[str]
    relays: frozenset[str] = frozenset()


def family(address: str) -> str:
    return "IP6" if ":" in address else "IP4"


client_ips = st.sampled_from(CLIENT_V4 + CLIENT_V6)
client_addresses = st.one_of(client_ips, st.sampled_from(CLIENT_NAMES))
relays = st.sampled_from(RELAYS)
ports = st.integers(1, 65535)
numbers = st.integers(0, 2**32 - 1)


@st.composite
def extensions(draw: st.DrawFn) -> list[str]:
    known = ["tcptype active", "generation 0", "ufrag aB+/", "network-id 1", "network-cost 999"]
    vendors = ["x-turn 0", "svn 16", "MTURNID 7f00", "fingerprint sha-256;ab"]
    return draw(st.lists(st.sampled_from(known + vendors), max_size=4, unique=True))


@st.composite
def candidates(draw: st.DrawFn, prefix: str = "candidate:") -> Written:
    """One candidate: every type and transport, odd spacing, `typ` in either case."""
    kind = draw(st.sampled_from(TYPES))
    space = draw(st.sampled_from([" ", " ", " ", "  ", "\t"]))
    typ = draw(st.sampled_from(["typ", "typ", "TYP"]))
    transports = ["udp", "UDP", "tcp", "TCP", "ssltcp", "tcp-act", "tcp-pass", "xTLS"]
    address = draw(relays if kind == "relay" else client_addresses)
    client = set() if kind == "relay" else {address}
    words = [
        prefix + draw(st.text("0123456789abcXYZ+/", min_size=1, max_size=12)),
        str(draw(st.integers(1, 2))),
        draw(st.sampled_from(transports)),
        str(draw(numbers)),
        address,
        str(draw(ports)),
        typ,
        draw(st.sampled_from([kind, kind, kind.upper()])),
    ]
    if kind != "host":
        related = draw(client_addresses)
        client.add(related)
        words += ["raddr", related, "rport", str(draw(ports))]
    words += " ".join(draw(extensions())).split()
    if draw(st.booleans()):
        told = draw(client_ips)
        client.add(told)
        words += ["x-address", told]
    relay = frozenset({address} if kind == "relay" else ())
    return Written(space.join(words), frozenset(client), relay)


@st.composite
def descriptions(draw: st.DrawFn) -> Written:
    """SDP with candidates of all types and with addresses on the lines that carry them."""
    found = draw(st.lists(candidates(prefix="a=candidate:"), max_size=5))
    of_relays = sorted(set().union(*(one.relays for one in found)))
    client: set[str] = set().union(*(one.client for one in found))

    def default() -> str:
        """What may stand as a default address: a client's own, that of a relay, none."""
        address = draw(st.sampled_from([draw(client_ips), *of_relays, *HARMLESS]))
        if address not in RELAYS + HARMLESS:
            client.add(address)
        return f"IN {family(address)} {address}"

    lines = ["a=ice-ufrag:F7gI", "a=ice-pwd:x9cml/YzichV2+XlhiMu8g"]
    if draw(st.booleans()):
        lines = ["v=0", f"o=- 4611731400430051336 2 {default()}", "s=-", "t=0 0", *lines]
    for mid in range(draw(st.integers(1, 2))):
        lines += ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", f"c={default()}"]
        lines += [f"a=mid:{mid}", f"a=rtcp:9 {default()}", "a=setup:actpass", "a=sctp-port:5000"]
        lines += [one.text for one in found]
    for one in found:
        if "typ host" in one.text and draw(st.booleans()):
            lines.append(f"a=x-local-address:{one.text.split()[4]}")
    newline = draw(st.sampled_from(["\r\n", "\r\n", "\n"]))
    text = newline.join(lines) + draw(st.sampled_from([newline, newline, ""]))
    return Written(text, frozenset(client), frozenset(of_relays))


STYLES = ("plain", "slashes", "some", "all")


def quoted(text: str, style: str, seed: int = 0) -> str:
    r"""A JSON string of ASCII text: as `json` writes it, with `\/`, or with `\u` here and there."""
    chance = random.Random(seed)
    plain = json.dumps(text)[1:-1]
    if style == "slashes":
        return '"' + plain.replace("/", "\\/") + '"'
    if style == "plain":
        return f'"{plain}"'
    made = ""
    for character in text:
        if style == "all" or chance.random() < 0.1:
            code = f"{ord(character):04x}"
            made += "\\u" + (code.upper() if chance.random() < 0.5 else code)
        else:
            made += json.dumps(character)[1:-1]
    return f'"{made}"'


# What stands around a JSON string; `%s` is the string with its quotes.
AROUND = (
    "%s",
    '{"type":"offer","sdp":%s}',
    '{"candidate":{"candidate":%s,"sdpMid":"0","sdpMLineIndex":0}}',
    '{"n":1e3,"sdp":%s,"sdp":%s,"emoji":"\\ud83d\\ude00","lone":"\\ud800","\\u0041":[1.50,-0]}',
    '{\n  "candidate" : %s ,\n  "quote": "say \\"typ\\" twice"\n}\n',
    '42["signal",{"to":"Zoë","data":%s}]',
    "event: message\ndata: %s\n\n",
)


@dataclass(frozen=True)
class Wrapped:
    """Something written, in so many levels of JSON strings: `content` is what travels."""

    written: Written
    content: bytes
    head: bytes  # what stands before the outermost string; empty where there is none
    tail: bytes


@st.composite
def wrapped(
    draw: st.DrawFn,
    inside: st.SearchStrategy[Written],
    styles: tuple[str, ...] = STYLES,
    deepest: int = 3,
) -> Wrapped:
    written = draw(inside)
    text, head, tail = written.text, "", ""
    for _ in range(draw(st.integers(0, deepest))):
        style = draw(st.sampled_from(styles))
        if len(text) > 10_000:
            style = "plain"  # six times six times as much shows nothing more
        string = quoted(text, style, draw(st.integers(0, 99)))
        around = draw(st.sampled_from(AROUND))
        text = around.replace("%s", string)
        head, tail = around.split("%s")[0], around.split("%s")[-1]
    return Wrapped(written, text.encode(), head.encode(), tail.encode())


# What is rarer, and what no browser writes but some stack reads

FQDNS = ("xlm120.example.com", "turn-7.example.net")
# Each with what a reader of it knows: the zone is the client's own matter, the mapped one is IPv4.
ODD_ADDRESSES = (
    *(
        ("fe80::1c2d:3e4f:5a6b:7c8d%eth0", "fe80::1c2d:3e4f:5a6b:7c8d"),
        ("fd00:aaaa::17%3", "fd00:aaaa::17"),
    ),
    *(("::ffff:192.168.1.5", "192.168.1.5"), ("::FFFF:203.0.113.77", "203.0.113.77")),
    *(("::ffff:cb00:714d", "203.0.113.77"), ("[2001:db8:1::5]", "2001:db8:1::5")),
    *(("PRINTER.LOCAL", "printer.local"), ("fd00:aaaa:0:0:0:0:0:17", "fd00:aaaa::17")),
)


@st.composite
def odd_candidates(draw: st.DrawFn, marked: bool = False) -> Written:
    """Candidates at the edge of the grammar or beyond it, which someone's parser still takes.

    None is a relay that can be told for sure, so all its addresses are the client's. With `marked`
    it begins with `candidate:`, with or without `a=`; otherwise also with its foundation.
    """
    spelled, meant = draw(st.sampled_from(ODD_ADDRESSES) | client_ips.map(lambda ip: (ip, ip)))
    client = {meant}
    if draw(st.integers(0, 9)) == 0:
        spelled, client = draw(st.sampled_from(FQDNS)), set()
    begins = ["candidate:", "a=candidate:", "Candidate:", "A=CANDIDATE:"]
    kinds = ["host", "HoSt", "srflx", "PRFLX", "local", "x-new", "hosted", "relayed", "0"]
    unreadable = ["-1", "1e9", "4294967296", "99999999999999999999", "x", "0x7f"]
    number = st.one_of(numbers.map(str), st.sampled_from(unreadable))
    words = [
        draw(st.sampled_from(begins if marked else [*begins, ""]))
        + draw(st.sampled_from(["1", "842163049", "aB+/", "x" * 32])),
        draw(st.one_of(st.sampled_from(["1", "2"]), number)),
        draw(st.sampled_from(["udp", "tcp-act", "tcp-so", "ssltcp", "xTLS", "TLS", "sctp"])),
        draw(number),
        spelled,
        draw(st.one_of(ports.map(str), number)),
        "typ",
        draw(st.sampled_from(kinds)),
    ]
    if draw(st.booleans()):
        related, known = draw(st.sampled_from(ODD_ADDRESSES))
        client.add(known)
        words += ["raddr", related, "rport", draw(ports.map(str))]
    words += draw(st.lists(st.sampled_from(["x", "", "typ", "relay", "é", "a=b:c", "0"])))
    text = " ".join(words) + draw(st.sampled_from(["", "", " ", "   ", "\r\n"]))
    return Written(text, frozenset(client))


@dataclass(frozen=True)
class Structured:
    """A candidate as an object, as ORTC, mediasoup and getStats write it."""

    value: dict[str, object]
    client: frozenset[str]
    relays: frozenset[str] = frozenset()

    def written(self) -> Written:
        return Written(json.dumps(self.value), self.client, self.relays)


@st.composite
def structured(draw: st.DrawFn) -> Structured:
    """Keys in any order and in each spelling; ports as numbers and as texts."""
    kind = draw(st.sampled_from(TYPES))
    address = draw(relays if kind == "relay" else client_addresses)
    client = set() if kind == "relay" else {address}
    ends_in = draw(st.sampled_from([int, int, str]))
    address_key = draw(st.sampled_from(["ip", "address", "ipAddress"]))
    stats = draw(st.booleans())
    type_key = "candidateType" if stats else draw(st.sampled_from(["type", "candidateType"]))
    value: dict[str, object] = {
        "foundation": draw(st.sampled_from(["udpcandidate", "842163049", "0"])),
        "priority": draw(numbers),
        address_key: address,
        draw(st.sampled_from(["port", "portNumber"])): ends_in(draw(ports)),
        type_key: kind,
        draw(st.sampled_from(["protocol", "transport"])): draw(st.sampled_from(["udp", "tcp"])),
    }
    if stats:
        value |= {"id": "RTCIceCandidate_x7", "type": "local-candidate", "timestamp": 1.5}
    if address_key == "ip" and draw(st.booleans()):
        value["address"] = address  # mediasoup and getStats write both
    if draw(st.booleans()):
        value["component"] = draw(st.sampled_from([1, "rtp"]))
    if kind != "host" and draw(st.booleans()):
        related = draw(client_addresses)
        client.add(related)
        value |= {"relatedAddress": related, "relatedPort": ends_in(draw(ports))}
    order = draw(st.permutations(sorted(value)))
    relay = frozenset({address} if kind == "relay" else ())
    return Structured({key: value[key] for key in order}, frozenset(client), relay)


@st.composite
def jingle(draw: st.DrawFn) -> Written:
    """Jingle's `<candidate/>` elements: attributes in any order, in either quotes."""
    client: set[str] = set()
    of_relays: set[str] = set()
    made = ""
    for index in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(TYPES))
        ip = draw(relays if kind == "relay" else client_ips)
        (of_relays if kind == "relay" else client).add(ip)
        attributes = {"ip": ip, "port": str(draw(ports)), "type": kind, "protocol": "udp"}
        attributes |= {"component": "1", "foundation": "7", "generation": "0", "id": f"c{index}"}
        if kind != "host":
            related = draw(client_ips)
            client.add(related)
            attributes |= {"rel-addr": related, "rel-port": str(draw(ports))}
        quote, space = draw(st.sampled_from("'\"")), draw(st.sampled_from([" ", "\n  "]))
        order = draw(st.permutations(sorted(attributes)))
        listed = "".join(f"{space}{key}={quote}{attributes[key]}{quote}" for key in order)
        made += f"<candidate{listed}{draw(st.sampled_from(['/>', ' />', '></candidate>']))}"
    text = (
        "<iq type='set' id='x:1' to='room@example.com/focus'><jingle xmlns='urn:xmpp:jingle:1' "
        "action='transport-info' sid='a1'><content creator='initiator' name='audio'><transport "
        f"xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='F7gI' pwd='x9cml'>{made}"
        "</transport></content></jingle></iq>"
    )
    return Written(text, frozenset(client), frozenset(of_relays))
