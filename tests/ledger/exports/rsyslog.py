"""A real receiver: rsyslog, which writes down what it understood of each message."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.ca import LabCA
from tests.lab.requirements import cannot_run
from tests.origin import free_port
from tests.process import free_udp_port

# `%$!%` has what mmpstrucdata made of the structured data.
_CONFIG = """
global(workDirectory="{folder}" maxMessageSize="8k" defaultNetstreamDriverCAFile="{ca}"
       defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imudp")
module(load="imptcp")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
module(load="imuxsock" sysSock.use="off")
module(load="mmpstrucdata")
template(name="json" type="list") {{
  constant(value="{{")
  property(name="pri" format="jsonf" outname="pri") constant(value=",")
  property(name="timereported" dateformat="rfc3339" format="jsonf" outname="time")
  constant(value=",")
  property(name="hostname" format="jsonf" outname="host") constant(value=",")
  property(name="app-name" format="jsonf" outname="app") constant(value=",")
  property(name="msgid" format="jsonf" outname="msgid") constant(value=",")
  property(name="protocol-version" format="jsonf" outname="version") constant(value=",")
  property(name="msg" format="jsonf" outname="msg") constant(value=",")
  constant(value="\\"sd\\":") property(name="$!") constant(value="}}\\n")
}}
ruleset(name="all") {{
  action(type="mmpstrucdata")
  action(type="omfile" file="{folder}/got" template="json" asyncWriting="off" flushOnTXEnd="on")
}}
input(type="imudp" address="127.0.0.1" port="{udp}" ruleset="all")
input(type="imptcp" address="127.0.0.1" port="{tcp}" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="{tls}" ruleset="all")
input(type="imuxsock" socket="{folder}/log" ruleset="all" rateLimit.interval="0")
"""


@dataclass
class Rsyslog:
    folder: Path
    udp: int
    tcp: int
    tls: int
    process: subprocess.Popen[bytes] | None = None
    seen: int = 0

    @property
    def socket(self) -> Path:
        return self.folder / "log"

    def start(self) -> None:
        argv = ["rsyslogd", "-n", "-f", f"{self.folder}/conf", "-i", f"{self.folder}/pid"]
        with open(self.folder / "out", "ab") as out:
            self.process = subprocess.Popen(argv, stdout=out, stderr=out)
        until = time.monotonic() + 20
        while not (_listens(self.tcp) and _listens(self.tls) and self.socket.exists()):
            said = (self.folder / "out").read_text()
            assert self.process.poll() is None and time.monotonic() < until, said
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)

    def got(self) -> list[dict[str, Any]]:
        """What came since `forget`."""
        file = self.folder / "got"
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        return [json.loads(one.replace('"sd":}', '"sd":{}}')) for one in lines[self.seen :]]

    def forget(self) -> None:
        self.seen += len(self.got())

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """What it got, as soon as that many are there."""
        until = time.monotonic() + 20
        while len(found := self.got()) < count and time.monotonic() < until:
            time.sleep(0.02)
        return found


def parameters(got: dict[str, Any]) -> dict[str, str]:
    """The structured data that rsyslog read."""
    found: dict[str, str] = got["sd"]["rfc5424-sd"]["rtcguard@32473"]
    return found


@contextlib.contextmanager
def rsyslog(folder: Path, ca: LabCA) -> Iterator[Rsyslog]:
    if shutil.which("rsyslogd") is None:
        cannot_run("no rsyslogd (Debian packages rsyslog and rsyslog-gnutls)")
    certificate, key = ca.issue("localhost", ())
    made = Rsyslog(folder, free_udp_port(), free_port(), free_port())
    (folder / "conf").write_text(
        _CONFIG.format(
            folder=folder,
            udp=made.udp,
            tcp=made.tcp,
            tls=made.tls,
            ca=ca.certificate,
            certificate=certificate,
            key=key,
        )
    )
    try:
        made.start()
        yield made
    finally:
        made.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
