"""Flow files as mitmproxy itself writes them, with what no sample has in it."""

import io
import json
from pathlib import Path

import pytest
from mitmproxy import flow, http
from mitmproxy.io import FlowWriter
from mitmproxy.tcp import TCPMessage
from mitmproxy.test import tflow
from mitmproxy.udp import UDPMessage

from tests.recordings.reading import read_bytes
from tests.recordings.wires import binding

CLIENT = "127.0.0.1"  # of tflow's connections
HOST = "candidate:1 1 udp 2113937151 192.168.7.5 54400 typ host"
BODY = json.dumps({"candidate": HOST}).encode()


def written(*flows: flow.Flow) -> bytes:
    file = io.BytesIO()
    writer = FlowWriter(file)
    for one in flows:
        writer.add(one)
    return file.getvalue()


def _posted(body: bytes, encoding: str) -> http.HTTPFlow:
    made = tflow.tflow(resp=True)
    made.request.method = "POST"
    made.request.headers["origin"] = "https://meet.example"
    made.request.content = body
    if encoding:
        made.request.encode(encoding)
    return made


@pytest.mark.parametrize("encoding", ["", "gzip", "br", "zstd", "deflate"])
def test_http_in_every_encoding(encoding: str, tmp_path: Path) -> None:
    made = read_bytes(written(_posted(BODY, encoding), tflow.tflow(err=True)), tmp_path)
    assert (made.name, made.damage) == ("mitmproxy", "")
    assert made.told("client", "site", "address", "began") == {
        (CLIENT, "meet.example", "192.168.7.5", 946681200.0)
    }


def test_a_download_is_stepped_over(tmp_path: Path) -> None:
    large = tflow.tflow(resp=True)
    assert large.response is not None
    large.response.content = bytes(5 << 20)
    large.response.headers["content-type"] = "video/mp4"
    made = read_bytes(written(large, _posted(BODY, "")), tmp_path)
    assert (made.damage, made.notes) == ("", {})
    assert made.told("address") == {("192.168.7.5",)}
    large.response.headers["content-type"] = "application/json"
    made = read_bytes(written(large), tmp_path)
    assert list(made.notes.values()) == [1]


def test_raw_flows(tmp_path: Path) -> None:
    udp, tcp = tflow.tudpflow(), tflow.ttcpflow()
    for one in (udp, tcp):
        one.client_conn.peername = ("192.168.7.5", 50000)
        one.server_conn.peername = ("203.0.113.9", 3478)
    udp.messages = [UDPMessage(True, binding("far:near"), 946681204.5)]
    tcp.messages = [TCPMessage(True, binding()[:9], 5e8), TCPMessage(True, binding()[9:], 5e8)]
    made = read_bytes(written(udp, tcp, tflow.tdnsflow()), tmp_path)
    assert made.told("kind", "address", "destination", "ufrag") == {
        ("stun", "192.168.7.5", "203.0.113.9:3478", "near"),
        ("stun", "192.168.7.5", "203.0.113.9:3478", ""),
    }
    assert made.notes == {"flows that are neither HTTP, TCP nor UDP": 1}
