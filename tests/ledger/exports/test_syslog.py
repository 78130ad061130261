"""Syslog by every way, to a real rsyslog: what it read of a message is what the event says."""

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rtcguard.ledger.exports import syslog
from rtcguard.ledger.exports.fields import sentence, values
from rtcguard.ledger.exports.sink import Outage, explained
from rtcguard.ledger.exports.syslog import SyslogSink
from rtcguard.ledger.exports.table import tls_context
from rtcguard.policy.export import Syslog
from tests.lab.ca import LabCA
from tests.ledger.exports.events import BAD, STRIPPED, event
from tests.ledger.exports.rsyslog import Rsyslog, parameters, rsyslog
from tests.origin import free_port
from tests.process import free_udp_port


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> LabCA:
    return LabCA(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def tls(ca: LabCA) -> ssl.SSLContext:
    return tls_context(str(ca.certificate))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, ca: LabCA) -> Iterator[Rsyslog]:
    with rsyslog(tmp_path_factory.mktemp("rsyslog"), ca) as made:
        yield made


@pytest.fixture
def receiver(running: Rsyslog) -> Rsyslog:
    running.forget()
    return running


def _to(receiver: Rsyslog, way: str, form: str = "rfc5424") -> Syslog:
    at: dict[str, Syslog] = {
        "udp": Syslog("udp", "127.0.0.1", receiver.udp),
        "tcp": Syslog("tcp", "127.0.0.1", receiver.tcp),
        "tls": Syslog("tls", "localhost", receiver.tls),
        "unix": Syslog("unix", path=str(receiver.socket)),
    }
    return replace(at[way], format=form)  # type: ignore[arg-type]


def test_rsyslog_reads_what_the_event_says(receiver: Rsyslog, tls: ssl.SSLContext) -> None:
    """Each way in turn: a usual event, the worst, one that is too long, and some more."""
    long = event(8, reason="漢" * 4000, site="s" * 900 + ".example")
    sent = [STRIPPED, BAD, long, *(event(n) for n in range(100, 120))]
    for number, way in enumerate(("udp", "tcp", "tls"), 1):
        sink = SyslogSink(_to(receiver, way), tls)
        assert sink.send(sent[:2]) == sink.send(sent[2:]) == 0
        sink.close()
        got = receiver.wait_for(number * len(sent))[-len(sent) :]
        found = {parameters(one)["id"]: one for one in got}
        assert len(got) == len(found) == len(sent), way
        for one in sent:
            read = found[one.id]
            assert read["pri"] == "133" and read["app"] == "rtcguard" and read["version"] == "1"
            assert read["host"] == "gw1.example" and read["msgid"] == "candidate"
            assert read["time"] == "2026-11-23T04:15:05.120Z"
            said = read["msg"].removeprefix("\ufeff")
            if one is long:
                assert said and sentence(one).startswith(said) and said != sentence(one)
                assert parameters(read).get("cut") == ("yes" if way == "udp" else None)
            else:
                assert parameters(read) == values(one)
                assert said == sentence(one)


def test_a_local_socket(receiver: Rsyslog, tls: ssl.SSLContext) -> None:
    """As syslog(3) writes: the tag, then the whole event in the message."""
    sink = SyslogSink(_to(receiver, "unix"), tls)
    sink.send([STRIPPED])
    (got,) = receiver.wait_for(1)
    assert got["app"] == "rtcguard" and got["pri"] == "133"
    assert re.search(
        r'\[rtcguard@32473 id="0193a.*" policy="4f2a"\] candidate stripped: only', got["msg"]
    )
    sink.send([event(8, reason="漢" * 4000)])
    assert f'id="{event(8).id}"' in receiver.wait_for(2)[1]["msg"]
    cef = SyslogSink(_to(receiver, "unix", "cef"), tls)
    cef.send([BAD])
    got = receiver.wait_for(3)[2]
    assert got["app"] == "rtcguard" and got["msg"].strip().startswith("CEF:0|rtcguard|rtcguard|")
    sink.close()
    cef.close()


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
def test_cef_by_every_way(receiver: Rsyslog, tls: ssl.SSLContext, way: str) -> None:
    sink = SyslogSink(_to(receiver, way, "cef"), tls)
    sink.send([STRIPPED, BAD])
    first, second = sorted(receiver.wait_for(2), key=lambda got: "aabbcc" not in got["msg"])
    head = r"CEF:0(\|[^|]+){3}\|signaling.candidate\|"
    assert re.fullmatch(head + ".* flexString2=4f2a .*", first["msg"])
    assert 'cs2=a"b]c\\\\d|e\\=f cs2Label=site' in second["msg"]
    sink.close()


@pytest.mark.parametrize("way", ["tcp", "tls"])
def test_a_receiver_that_comes_back(receiver: Rsyslog, tls: ssl.SSLContext, way: str) -> None:
    sink = SyslogSink(_to(receiver, way), tls)
    sink.send([event(1)])
    receiver.wait_for(1)
    receiver.stop()
    with pytest.raises(ConnectionRefusedError) as raised:
        sink.send([event(2)])
    assert explained(raised.value).startswith("it refuses the connection; is it running")
    receiver.start()
    sink.send([event(2)])
    ids = [int(parameters(one)["id"], 16) for one in receiver.wait_for(3)]
    assert ids == [1, 1, 2]  # the last batch comes again: nobody knows whether it was read
    sink.close()


@contextlib.contextmanager
def listening(answer: bytes = b"") -> Iterator[int]:
    """A port whose connections are taken, and never read."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(server.accept()[0])
                    if answer:
                        held[-1].sendall(answer)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()
    for one in held:
        one.close()


def test_a_receiver_that_never_reads(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its system has not confirmed does not count as delivered."""
    monkeypatch.setattr(syslog, "TIMEOUT", 0.3)
    with listening() as port:
        sink = SyslogSink(Syslog("tcp", "127.0.0.1", port), tls)
        with pytest.raises(TimeoutError):
            for _ in range(1000):
                sink.send([event(n, reason="x" * 4000) for n in range(200)])
        assert sink._socket is None


def test_bad_receivers(ca: LabCA, tls: ssl.SSLContext, tmp_path: Path) -> None:
    """Each is told in one line that says what to do."""
    with listening(b"hello\r\n") as plain:
        for to, said in (
            (Syslog("tcp", "no.such.name.invalid", 514), "its host name leads nowhere: "),
            (Syslog("udp", "no.such.name.invalid", 514), "its host name leads nowhere: "),
            (Syslog("tcp", "127.0.0.1", free_port()), "it refuses the connection"),
            (Syslog("tls", "localhost", plain), "TLS with it fails: "),
            (Syslog("unix", path=str(tmp_path / "none")), "No such file or directory"),
            (Syslog("unix", path=str(tmp_path)), "it refuses the connection"),
        ):
            with pytest.raises((OSError, Outage)) as raised:
                SyslogSink(to, tls).send([STRIPPED])
            line = explained(raised.value)
            assert line.startswith(said) and "\n" not in line


def test_a_closed_udp_port_is_noticed(tls: ssl.SSLContext) -> None:
    sink = SyslogSink(Syslog("udp", "127.0.0.1", free_udp_port()), tls)
    with pytest.raises(ConnectionRefusedError):
        sink.send([STRIPPED])


def test_certificates_are_checked(receiver: Rsyslog, ca: LabCA, tls: ssl.SSLContext) -> None:
    wrong_name = Syslog("tls", "127.0.0.1", receiver.tls)
    for to, trusted, said in (
        (wrong_name, tls, "certificate is not valid for '127.0.0.1'"),
        (_to(receiver, "tls"), tls_context(None), "; is upstream.trusted_ca right?"),
    ):
        with pytest.raises(OSError) as raised:
            SyslogSink(replace(to), trusted).send([STRIPPED])
        assert said in explained(raised.value)
    assert receiver.got() == []
