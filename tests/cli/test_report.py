"""`rtcguard report` as a user calls it: times, filters, calls, the page, live, bad input."""

import csv
import io
import json
import selectors
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rtcguard.cli.main import cli
from rtcguard.ledger.schema import GROUPS
from rtcguard.ledger.writer import Writer
from rtcguard.policy.record import Record
from tests.calls import FAR, HOST, RELAYED, Scene
from tests.process import environment, rtcguard

TOLD_BY_JSON = [
    *("key", "count", "first", "last", "scope", "actions", "would", "clients", "sites"),
    "destinations",
]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A call of two days ago, and one of an hour ago."""
    made = Scene(tmp_path_factory.mktemp("state") / "ledger.sqlite3")
    for ago, ufrag in ((48, "aaaa"), (1, "bbbb")):
        made.now = time.time() - ago * 3600
        made.loads()
        made.connects("stun:stun.example")
        made.offers(HOST, RELAYED, ufrag=ufrag)
        made.hears(FAR, "page")
    made.site = "other.example"
    made.offers(HOST, ufrag="cccc")
    made.close()
    return made


@pytest.fixture
def state(scene: Scene) -> Path:
    return scene.store.path.parent


def told(state: Path, *arguments: str) -> str:
    """What is reported. In this process: each other one would take half a second."""
    variables = {"RTCGUARD_STATE_DIR": str(state), "COLUMNS": "200"}
    made = CliRunner().invoke(cli, ["report", *arguments], env=variables, catch_exceptions=False)
    assert (made.exit_code, made.stderr) == (0, "")
    return made.stdout_bytes.decode()


def rows(state: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    made = json.loads(told(state, "--format", "json", *arguments))
    assert list(made) == ["by", "since", "rows", "until", "filter"]
    assert all(list(row) == TOLD_BY_JSON for row in made["rows"])
    return {row["key"]: row for row in made["rows"]}


def wrong(state: Path, *arguments: str, code: int = 2) -> str:
    """The one line that is said instead of a report, by a process of its own."""
    made = rtcguard(["report", *arguments], state)
    assert (made.returncode, made.stdout) == (code, b"")
    line: str = made.stderr.decode().strip().splitlines()[-1]
    assert "Traceback" not in made.stderr.decode()
    return line


@pytest.mark.parametrize("by", GROUPS)
def test_by_everything(state: Path, by: str) -> None:
    found = rows(state, "--by", by, "--since", "3d")
    assert bool(found) == (by not in ("user", "would", "page"))


def test_spans(state: Path) -> None:
    now = datetime.now().astimezone()
    before, yesterday = now - timedelta(hours=48), now - timedelta(hours=24)
    sums = [
        sum(row["count"] for row in rows(state, "--by", "ring", *span).values())
        for span in (
            ("--since", "3d"),
            (),
            ("--since", "3d", "--until", "24h"),
            ("--since", f"{before:%Y-%m-%d}", "--until", f"{before:%Y-%m-%d}"),
            ("--since", f"{yesterday:%Y-%m-%d %H:%M}"),
            ("--since", yesterday.isoformat()),
            ("--since", f"{before:%Y-%m-%dT%H}", "--until", f"{yesterday:%Y-%m-%dT%H:%M:%S}"),
        )
    ]
    recent, old = sums[1], sums[2]
    assert old and recent > old
    assert sums == [old + recent, recent, old, old, recent, recent, old]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns"])
def test_times_are_local(state: Path, zone: str) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "rtcguard", "report", "--since", "2026-01-02", "--format", "json"],
        env={**environment(state), "TZ": zone}, capture_output=True, check=True,
    )  # fmt: skip
    since = {
        "UTC": "2026-01-02T00:00:00.000Z",
        "Asia/Kolkata": "2026-01-01T18:30:00.000Z",
        "America/St_Johns": "2026-01-02T03:30:00.000Z",
    }
    assert json.loads(made.stdout)["since"] == since[zone]


def test_filters(state: Path) -> None:
    assert set(rows(state, "--by", "site", "--site", "*.example")) == {"other.example"}
    assert set(rows(state, "--by", "action", "--site", "meet.*", "--ring", "page")) == {
        *("observed", "scrubbed", "stripped")
    }
    assert set(rows(state, "--address", "192.168.*", "--direction", "outbound")) == {"192.168.7.5"}
    assert rows(state, "--kind", "stun") == rows(state, "--client", "10.9.9.9") == {}
    for name in ("user", "destination", "action", "scope", "node", "rule", "page"):
        value = {"action": "blocked", "page": "unguarded", "scope": "cgnat"}.get(name, "none")
        assert rows(state, f"--{name}", value) == {}


def test_what_monitor_mode_would_have_done(tmp_path: Path) -> None:
    made = Scene(tmp_path / "ledger.sqlite3", "mode: monitor\n")
    made.now = time.time() - 60
    made.offers(HOST, RELAYED, ufrag="aaaa")
    made.close()
    assert {row["key"]: row["would"] for row in rows(tmp_path, "--would", "strip*").values()} == {
        "192.168.7.5": {"stripped": 1}
    }
    assert set(rows(tmp_path, "--would", "scrubbed")) == {"203.0.113.50"}
    assert "aaaa" in told(tmp_path, "--calls", "--would", "stripped")


def test_what_comes_first(state: Path) -> None:
    by_count = list(rows(state, "--by", "site"))
    assert by_count == ["meet.example.org", "other.example"]
    assert list(rows(state, "--by", "site", "--sort", "last")) == by_count[::-1]
    assert list(rows(state, "--by", "site", "--sort", "key")) == by_count
    assert list(rows(state, "--by", "site", "--sort", "last", "--top", "1")) == ["other.example"]


def test_a_table_says_whose_time_it_is(state: Path) -> None:
    out = told(state, "--by", "site", "--since", "2h", "--until", "1m")
    assert "local time" in out and "meet.example.org" in out
    assert told(state, "--since", "1m") == "nothing was recorded in this time\n"
    assert told(state, "--site", "mispelt\x1b.example") == (
        "nothing was recorded in this time with site mispelt\ufffd.example\n"
    )


def test_calls(state: Path) -> None:
    out = told(state, "--calls")
    assert "over the relay" in out and "bbbb" in out and "aaaa" not in out
    made = json.loads(told(state, "--calls", "--since", "3d", "--format", "json"))["calls"]
    assert [call["ufrags"] for call in made] == [["cccc"], ["bbbb"], ["aaaa"]]
    spans = ["--since", "3d", "--until", "24h"]
    (before,) = json.loads(told(state, "--calls", *spans, "--format", "json"))["calls"]
    assert before["ufrags"] == ["aaaa"]
    assert made[0]["outcome"] == "nothing connected" and made[0]["site"] == "other.example"
    (line,) = csv.DictReader(
        io.StringIO(told(state, "--calls", "--format", "csv", "--site", "other.*"))
    )
    assert (line["ufrags"], line["outcome"]) == ("cccc", "nothing connected")
    assert told(state, "--calls", "--client", "10.9.9.9") == (
        "no call was seen in this time with client 10.9.9.9\n"
    )


def test_one_call(state: Path) -> None:
    """By its fragment, by its id, by the beginning of the id of any of its events."""
    made = json.loads(told(state, "--call", "aaaa", "--format", "json"))
    assert made["story"][0]["ring"] == "page"
    assert made["outcome"] == "over the relay" and made["change"] == "Nothing."
    assert json.loads(told(state, "--call", made["id"], "--format", "json")) == made
    last = made["story"][-1]["events"][0]["id"]
    assert json.loads(told(state, "--call", last[:20], "--format", "json")) == made
    lines = list(csv.DictReader(io.StringIO(told(state, "--call", "aaaa", "--format", "csv"))))
    assert [line["text"] for line in lines] == [line["text"] for line in made["story"]]
    out = " ".join(told(state, "--call", "cccc").split())
    assert "host candidate 192.168.7.5 (private): taken out" in out
    assert "What to change: Let the page load through rtcguard" in out


def test_a_call_that_is_not_there(state: Path) -> None:
    assert wrong(state, "--call", "none") == (
        "rtcguard: none: no call has such a fragment or id; see `rtcguard report --calls`"
    )
    told_ = wrong(state, "--call", "FARU")  # the far side of two calls
    assert "FARU: 2 calls have this; name one by its id: 01" in told_
    made = json.loads(told(state, "--call", "aaaa", "--format", "json"))
    assert "calls have this" in wrong(state, "--call", made["id"][:2])


def test_the_page(state: Path) -> None:
    out = told(state, "--format", "html", "--since", "3d")
    assert out.startswith("<!DOCTYPE html>") and out.endswith("</html>\n")
    assert "other.example" in out and "over the relay" in out
    assert "other.example" not in told(state, "--format", "html", "--site", "meet.example.org")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--since", "yesterday"], "'yesterday' is not like 24h, 2026-11-26"),
        (["--since", "2026-02-30"], "'2026-02-30' is not like"),
        (["--since", "99999999999d"], "is not like"),
        (["--until", "2020-01-01"], "--until (2020-01-02 00:00) is not after --since"),
        (["--ring", "two"], "'two' is none of page, signaling, network, ledger"),
        (["--would", "strip"], "'strip' is none of kept, scrubbed, stripped"),
        (["--scope", "publicc"], "'publicc' is none of public, private"),
        (["--call", ""], "--call is for an id or an ICE user name fragment"),
        (["--top", "0"], "0 is not in the range"),
        (["--by", "port"], "'port' is not one of"),
        (["--calls", "--follow"], "--follow and --calls are different reports"),
        (["--call", "x", "--format", "html"], "--format html is a report of its own"),
        (["--follow", "--format", "csv"], "by --format json"),
    ],
)
def test_what_cannot_be_asked(state: Path, arguments: list[str], line: str) -> None:
    variables = {"RTCGUARD_STATE_DIR": str(state)}
    made = CliRunner().invoke(cli, ["report", *arguments], env=variables)
    assert (made.exit_code, made.stdout) == (2, "") and line in made.stderr


def test_nothing_is_written(state: Path) -> None:
    path = state / "ledger.sqlite3"
    before = path.read_bytes(), path.stat().st_mtime_ns
    for arguments in (["--by", "site"], ["--calls"], ["--call", "aaaa"], ["--format", "html"]):
        told(state, *arguments)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_newer_ledger(state: Path, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes((state / "ledger.sqlite3").read_bytes())
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    assert wrong(tmp_path).endswith("update rtcguard") and "999" in wrong(tmp_path, "--follow")


def test_a_damaged_ledger(state: Path, tmp_path: Path) -> None:
    """What can be read is reported, with one line about the rest."""
    whole = (state / "ledger.sqlite3").read_bytes()
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(whole[:-20_000])
    made = rtcguard(["report", "--since", "3d", "--by", "site", "--format", "json"], tmp_path)
    (line,) = made.stderr.decode().splitlines()
    assert made.returncode == 1 and "the ledger is damaged; this is of the" in line
    assert json.loads(made.stdout)["rows"][0]["key"] == "meet.example.org"
    assert path.read_bytes() == whole[:-20_000]
    path.write_bytes(b"\0" * 100_000)
    assert "no event of this time can be read" in wrong(tmp_path, code=1)
    assert path.read_bytes() == b"\0" * 100_000


def test_masked_addresses_are_asked_for_as_they_are(tmp_path: Path) -> None:
    """Who knows an address finds it in a ledger that hides it."""
    from rtcguard.app.settings import State
    from rtcguard.policy.model import Config, Ledger

    mask = State(tmp_path).mask(Config(ledger=Ledger(addresses="masked")))
    writer = Writer(tmp_path / "ledger.sqlite3", 10**9, mask=mask)
    writer.record([Record("page", "guard", "observed", client="10.0.0.5", site="a.example")])
    writer.close()
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\nledger: {addresses: masked}\n")
    asked = ["--config", str(config), "--by", "site", "--client"]
    assert set(rows(tmp_path, *asked, "10.0.0.5")) == {"a.example"}
    assert rows(tmp_path, *asked, "10.0.0.6") == {}


@pytest.mark.parametrize("form", ["table", "json"])
def test_live(tmp_path: Path, form: str) -> None:
    """Events of a running writer, only those that are asked for, as soon as they are committed."""
    writer = Writer(tmp_path / "ledger.sqlite3", 10**9)
    writer.record([Record("page", "guard", "observed", client="10.0.0.5", site="old.example")])
    command = ["report", "--follow", "--site", "*.example", "--format", form]
    follower = subprocess.Popen(
        [sys.executable, "-m", "rtcguard", *command],
        env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert follower.stdout is not None and follower.stderr is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(follower.stdout, selectors.EVENT_READ)
            begun, number = False, 0
            while not begun:
                assert follower.poll() is None
                # Once more when it has begun to read, which may have been at the last one.
                begun = bool(waiting.select(0.1))
                number += 1
                # None is like another, which would be folded into it.
                for site in ("other.org", f"new{number}.example", f"[red]x{number}\x1b[2J.example"):
                    record = Record("page", "guard", "observed", client="10.0.0.5", site=site)
                    writer.record([record])
        lines = [follower.stdout.readline(), follower.stdout.readline()]
        follower.send_signal(signal.SIGINT)
        lines += follower.stdout.readlines()
        assert follower.wait(20) == 0 and follower.stderr.read() == ""
    finally:
        follower.kill()
        follower.wait()
        follower.stdout.close()
        follower.stderr.close()
        writer.close()
    seen = "".join(lines)
    assert "new" in seen and "[red]x" in seen and "\x1b" not in seen
    assert "old.example" not in seen and "other.org" not in seen
    if form == "json":
        assert all(json.loads(line)["site"].endswith(".example") for line in lines)
    else:
        assert all("observed" in line for line in lines)
