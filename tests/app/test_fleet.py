"""`rtcguard run` with a fleet's database that is not there, and comes; reports of all gateways."""

import json
import re
from pathlib import Path
from typing import Any

import psycopg

from tests.app.test_export import ask, eventually, stored
from tests.ledger.fleet.counting import assert_counted, rows
from tests.ledger.fleet.postgresql import PostgreSQL, postgresql
from tests.process import Running, free_udp_port, rtcguard, running


def reported(config: Path, state: Path, *arguments: str) -> dict[str, int]:
    done = rtcguard(["report", "--config", str(config), "--format", "json", *arguments], state)
    assert done.returncode == 0, done.stderr
    made: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return {row["key"]: row["count"] for row in made}


def ids(url: str) -> set[str]:
    try:
        return {id for (id,) in rows(url, "SELECT id FROM events")}
    except psycopg.errors.UndefinedTable:
        return set()


def test_a_database_that_comes_later(tmp_path: Path) -> None:
    """Traffic and the local ledger do not wait for it, and it misses nothing."""
    with postgresql() as server:
        url = server.new_database("fleet")
        server.stop()
        runs = []
        for node in ("gw1", "gw2"):
            stun = free_udp_port()
            config = f"""
stun: {{listen: ["127.0.0.1:{stun}"]}}
ledger: {{store: "{url}", node: {node}}}
"""
            with running(tmp_path / node, config) as run:
                assert f"fleet   postgresql 127.0.0.1:{server.port}/fleet, as {node}" in run.lines
                assert ask(stun, "127.9.1.1")
                assert eventually(lambda run=run: len(stored(run)) >= 2)  # type: ignore[misc]
                local = reported(tmp_path / node / "rtcguard.yaml", run.state, "--local")
                assert "127.9.1.1" in local
                failed = rtcguard(
                    ["report", "--config", str(tmp_path / node / "rtcguard.yaml")], run.state
                )
                assert failed.returncode == 2
                (line,) = failed.stderr.decode().splitlines()
                assert re.search(r"ledger.store cannot be asked: .*refused.*--local asks", line)
                if node == "gw2":
                    server.start()
                    # Nothing is new: what was said of the outage waits to be sent.
                    assert eventually(lambda run=run: stored(run) <= ids(url))  # type: ignore[misc]
            assert run.log.read_text().count("Connection refused") == 1
            runs.append(run)
        catch_up(server, runs, url, tmp_path)


def catch_up(server: PostgreSQL, runs: list[Running], url: str, folder: Path) -> None:
    """The first, which never saw the database, sends what it has when it is started again."""
    config = folder / "gw1" / "rtcguard.yaml"
    with running(folder / "gw1", f'ledger: {{store: "{url}", node: gw1}}') as run:
        assert eventually(lambda: stored(run) <= ids(url))
    everywhere = set[str]().union(*map(stored, runs))
    assert ids(url) <= everywhere
    assert_counted(url)
    by_node = reported(config, runs[0].state, "--by", "node")
    assert by_node.keys() == {"gw1", "gw2"}
    assert sum(by_node.values()) == rows(url, "SELECT SUM(count)::bigint FROM events")[0][0]
    assert reported(config, runs[0].state)["127.9.1.1"] == 2
    assert reported(config, runs[0].state, "--local")["127.9.1.1"] == 1
