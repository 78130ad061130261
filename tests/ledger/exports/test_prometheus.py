"""Figures for Prometheus, read by its own client's parser; dashboard and alerts against them."""

import json
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from rtcguard import __version__
from rtcguard.ice.address import SCOPES
from rtcguard.ledger.event import timestamp
from rtcguard.ledger.exports import prometheus
from rtcguard.ledger.exports.delivery import Progress
from rtcguard.ledger.exports.figures import MOST_SERIES, Figures
from rtcguard.ledger.measures import LOST, QUEUE, SEEN, Measures
from rtcguard.ledger.store import Store
from tests.ledger.exports.events import event

DEPLOY = Path(__file__).parents[3] / "configs" / "deploy"
NOW = 1_800_000_000.0
PARTS = {"page": {"proxy": 2}, "signaling": {"proxy": 2}, "network": {"stun": 1, "gateway": 1}}
EXPORTS = [
    Progress("jsonl /var/log/secret-name", sent=5),
    Progress("syslog tcp://siem.example:6514", up=False, sent=7, refused=1, removed=2),
]

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "ledger.sqlite3")
    yield made
    made.close()


def figures() -> Figures:
    return Figures("n", PARTS, EXPORTS, lambda: NOW)


@contextmanager
def served(made: Figures, host: str = "127.0.0.1") -> Iterator[str]:
    with prometheus.server((host, 0), [made]) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            shown = f"[{host}]" if ":" in host else host
            yield f"http://{shown}:{server.server_port}/metrics"
        finally:
            server.shutdown()
            thread.join()


def asked(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        text: str = response.read().decode()
        return text


def samples(text: str) -> Samples:
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def told(made: Figures) -> Samples:
    with served(made) as url:
        return samples(asked(url))


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def events_of(found: Samples, **labels: str) -> float:
    return value(found, "rtcguard_events_total", **labels)


CANDIDATE = {"ring": "signaling", "kind": "candidate", "action": "stripped", "scope": "public"}


def test_events_are_counted_from_the_first_time_on(store: Store) -> None:
    store.add([event(1, count=40)])
    made = figures()
    made.look(store)
    assert events_of(told(made), **CANDIDATE) == 0  # its series is there before it rises
    store.add([event(2, count=3), event(3), event(4, scope="private")])
    made.look(store)
    found = told(made)
    assert events_of(found, **CANDIDATE) == 4
    assert events_of(found, **CANDIDATE | {"scope": "private"}) == 1
    made.look(store)
    assert events_of(told(made), **CANDIDATE) == 4


def test_another_process_counts_what_was_written_meanwhile(store: Store) -> None:
    first = figures()
    store.add([event(1)])
    first.look(store)
    store.add([event(2), event(3)])
    first.look(store)
    store.add([event(4)])
    second = figures()
    second.look(store)
    assert (events_of(told(first), **CANDIDATE), events_of(told(second), **CANDIDATE)) == (2, 1)


def test_only_what_is_new_is_looked_at(store: Store) -> None:
    """By the steps that SQLite says it takes: they do not grow with the ledger."""
    made, steps = figures(), []
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    for size in (100, 5000):
        store.add(event(size + n) for n in range(size))
        made.look(store)
        count = 0
        store._db.set_progress_handler(step, 10)
        store.add([event(10**9 + size)])
        before, count = count, 0
        made.look(store)
        steps.append(count)
        store._db.set_progress_handler(None, 0)
        assert before
    assert steps[1] < 2 * steps[0]


def test_no_flood_of_series(store: Store) -> None:
    made = figures()
    made.look(store)
    store.add(event(n, kind=f"kind{n}") for n in range(MOST_SERIES + 50))
    made.look(store)
    found = [sample for sample in told(made) if sample[0] == "rtcguard_events_total"]
    assert len(found) == MOST_SERIES + 1
    assert events_of(told(made), **dict.fromkeys(CANDIDATE, "other")) == 50


def measure(store: Store, name: str, pid: int, ago: float, *took: float) -> None:
    measures = Measures(name, pid)
    add = measures.stun_turns() if name == "stun" else measures.rewrites()
    for seconds in took:
        add(seconds)
    rows = [*measures.rows(), (SEEN, "", NOW - ago), (QUEUE, "", 3.0), (LOST, "", 2.0)]
    store.measure("n", measures.process, rows)


def test_processes_and_rings(store: Store) -> None:
    made = figures()
    measure(store, "proxy", 1, 5, 0.0002, 0.3)
    measure(store, "stun", 2, 5, 0.00002)
    made.look(store)
    found = told(made)
    up = {ring: value(found, "rtcguard_ring_up", ring=ring) for ring in PARTS}
    assert up == {"page": 0, "signaling": 0, "network": 0}  # one proxy and no gateway
    assert value(found, "rtcguard_process_up", process="stun") == 1
    measure(store, "proxy", 3, 5, 0.0002)
    store.ring_up("n", "network", "gateway", timestamp(NOW + 5), "10.0.0.0/8")
    made.look(store)
    found = told(made)
    assert all(value(found, "rtcguard_ring_up", ring=ring) for ring in PARTS)
    measure(store, "stun", 2, 60)
    made.look(store)
    found = told(made)
    assert value(found, "rtcguard_ring_up", ring="network") == 0
    assert value(found, "rtcguard_ring_up", ring="page") == 1


def test_what_processes_measure_is_added_up(store: Store) -> None:
    """Also of one that is dead: a sum that fell would look like as many new ones."""
    made = figures()
    measure(store, "proxy", 1, 5, 0.0002, 0.3)
    measure(store, "proxy", 2, 500, 0.0002)
    made.look(store)
    found = told(made)
    name = "rtcguard_rewrite_seconds"
    assert value(found, f"{name}_bucket", process="proxy", le="0.0001") == 0
    assert value(found, f"{name}_bucket", process="proxy", le="0.00025") == 2
    assert value(found, f"{name}_bucket", process="proxy", le="0.25") == 2
    assert value(found, f"{name}_bucket", process="proxy", le="+Inf") == 3
    assert value(found, f"{name}_count", process="proxy") == 3
    assert value(found, f"{name}_sum", process="proxy") == pytest.approx(0.3004)
    assert value(found, LOST, process="proxy") == 4
    assert value(found, QUEUE, process="proxy") == 3  # nothing waits in a dead one
    store.forget_measures("n")
    made.look(store)
    assert (f"{name}_sum", frozenset({("process", "proxy")})) not in told(made)


def test_exports(store: Store) -> None:
    made = figures()
    store.add(event(n) for n in range(10))
    store.advance(EXPORTS[0].name, 10)
    store.advance(EXPORTS[1].name, 4)
    made.look(store)
    found = told(made)
    names = ("up", "events_total", "lag_events", "refused_events_total", "removed_events_total")
    of_each = [
        [value(found, f"rtcguard_export_{name}", export=export) for name in names]
        for export in ("0-jsonl", "1-syslog")
    ]
    assert of_each == [[1, 5, 0, 0, 0], [0, 7, 6, 1, 2]]


def test_no_label_tells_of_anybody(store: Store) -> None:
    made = figures()
    made.look(store)
    store.add([event(1)])
    made.look(store)
    with served(made) as url:
        text = asked(url)
    assert f'rtcguard_build_info{{version="{__version__}"}} 1.0' in text
    for private in ("203.0.113.7", "192.168.1.20", "app.example.org", "siem", "secret-name"):
        assert private not in text
    labels = {name for _, pairs in samples(text) for name, _ in pairs}
    assert labels == {"ring", "kind", "action", "scope", "process", "le", "export", "version"} - {
        "le"  # nothing was measured
    }
    assert "public" in SCOPES


def test_a_ledger_that_cannot_be_read_keeps_the_figures(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    made = figures()
    made.look(store)
    store.add([event(1)])
    made.look(store)
    store._db.execute("ALTER TABLE events RENAME TO away")
    made.look(store)
    made.look(store)
    assert events_of(told(made), **CANDIDATE) == 1
    assert len(caplog.records) == 1


def test_ipv6_and_clients_that_say_nothing(store: Store) -> None:
    made = figures()
    made.look(store)
    with (
        served(made, "::1") as url,
        socket.create_connection(("::1", int(url.split(":")[-1].split("/")[0]))),
    ):
        assert "rtcguard_build_info" in asked(url)


# The files of configs/deploy ----------------------------------------------------------------


def exposed(store: Store) -> dict[str, set[str]]:
    """Every metric with its labels, where everything is in use."""
    measure(store, "proxy", 1, 5, 0.1)
    measure(store, "stun", 2, 5, 0.1)
    store.add([event(1)])
    made = figures()
    made.look(store)
    found: dict[str, set[str]] = {"up": {"job"}}
    for name, labels in told(made):
        found.setdefault(name, set()).update(label for label, _ in labels)
    return found


def selectors(node: Any) -> Iterator[tuple[str, set[str]]]:
    """The metrics that a query asks for, with the labels that it matches."""
    match node:
        case promql_parser.VectorSelector():
            yield node.name, {matcher.name for matcher in node.matchers.matchers}
        case promql_parser.MatrixSelector():
            yield from selectors(node.vector_selector)
        case promql_parser.AggregateExpr() | promql_parser.ParenExpr():
            yield from selectors(node.expr)
        case promql_parser.Call():
            for argument in node.args:
                yield from selectors(argument)
        case promql_parser.BinaryExpr():
            yield from selectors(node.lhs)
            yield from selectors(node.rhs)
        case promql_parser.NumberLiteral():
            pass
        case _:
            raise AssertionError(f"not looked into: {node!r}")


def check(query: str, known: dict[str, set[str]]) -> None:
    """Whether it is PromQL, of metrics and labels that there are."""
    asked_for = list(selectors(promql_parser.parse(query.replace("$__rate_interval", "5m"))))
    assert asked_for, query
    labels = set()
    for name, matched in asked_for:
        assert name in known, query
        assert matched <= known[name] | {"instance"}, query
        labels |= known[name]
    for by in re.findall(r"by \(([^)]*)\)", query):
        assert set(by.split(", ")) <= labels | {"instance"}, query


def test_the_dashboard_asks_for_what_there_is(store: Store) -> None:
    board = json.loads((DEPLOY / "grafana" / "rtcguard.json").read_text())
    known = exposed(store)
    queries, places, legends = [], set(), []
    for panel in board["panels"]:
        places |= {panel["id"]}
        for target in panel.get("targets", ()):
            queries.append(target["expr"])
            legends.append((target["expr"], target["legendFormat"]))
            assert target["datasource"]["uid"] == "${datasource}"
    assert len(places) == len(board["panels"]) and len(queries) >= 20
    for query in queries:
        check(query, known)
    for query, legend in legends:
        for label in re.findall(r"\{\{(\w+)\}\}", legend):
            assert re.search(rf"by \([^)]*\b{label}\b", query), (query, legend)
    variables = {one["name"]: one for one in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w+)", json.dumps(board)))
    assert used == set(variables)
    assert variables["instance"]["definition"] == "label_values(rtcguard_build_info, instance)"
    shown = {name for query in queries for name, _ in selectors(
        promql_parser.parse(query.replace("$__rate_interval", "5m")))}  # fmt: skip
    unused = {name for name in known if not name.endswith("_sum")} - shown - {"up"}
    assert unused == set()


def test_no_panel_covers_another() -> None:
    board = json.loads((DEPLOY / "grafana" / "rtcguard.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_alerts_ask_for_what_there_is(store: Store) -> None:
    known = exposed(store)
    (group,) = yaml.safe_load((DEPLOY / "prometheus" / "rtcguard-alerts.yml").read_text())["groups"]
    assert len(group["rules"]) >= 6
    for rule in group["rules"]:
        check(rule["expr"], known)
        (name, _), *_ = selectors(promql_parser.parse(rule["expr"]))
        for label in re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])):
            assert label in known[name] | {"instance"}, rule["alert"]


def test_prometheus_is_told_where_to_ask() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "rtcguard" and config["rule_files"] == ["rtcguard-alerts.yml"]
    (target,) = job["static_configs"][0]["targets"]
    assert f"# {target};" in (DEPLOY.parent / "personal.yaml").read_text()
