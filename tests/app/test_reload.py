"""Another configuration for a running rtcguard: in force as a whole, or not at all."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest
from websockets.sync.client import connect

from rtcguard.network import stun
from tests.app.reloading import (
    BINDING,
    answer,
    asked,
    children,
    descriptors,
    eventually,
    free_for_both,
    memory,
    rows,
    taken,
    told,
    written,
)
from tests.origin import free_port, serve
from tests.process import Running, environment, rtcguard, running
from tests.proxy.far_sides import connect_through, listening
from tests.zone import Zone

ADDRESSES = ("192.168.7.5", "192.168.8.5")
MESSAGE = json.dumps(
    [
        {"candidate": f"candidate:1 1 udp 2113937151 {address} 54400 typ host"}
        for address in ADDRESSES
    ]
)


def keeping(network: int, port: int, names: int, upstream: int) -> str:
    """A policy that can be told from its twin in each message: of two candidates it lets one go on,
    Binding requests it answers in its own way, and of two names it takes one away."""
    return f"""
inbound: keep
rules:
  - name: r{network}
    match: {{direction: outbound, candidate: [host], address: [192.168.{network}.0/24]}}
    action: keep
  - {{name: back, match: {{direction: inbound}}, action: keep}}
stun:
  listen: ["127.0.0.1:{port}"]
  answer: {"refuse" if network == 7 else "decoy"}
  rate: 100000
sinkhole:
  listen: ["127.0.0.1:{names}"]
  upstream: ["127.0.0.1:{upstream}"]
  names: [n{network}.example]
"""


class Load:
    """Does something again and again in a thread of its own, and counts what came of it."""

    def __init__(self, turn: Callable[[], str]) -> None:
        self.seen: Counter[str] = Counter()
        self.fault: BaseException | None = None
        self._turn = turn
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self.seen[self._turn()] += 1
        except BaseException as error:
            self.fault = error

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(30)
        assert self.fault is None, self.fault


def test_every_message_is_judged_by_one_policy(tmp_path: Path) -> None:
    """While the configuration changes back and forth: none is lost, none sees half of a policy, no
    connection ends, and each event names the policy that it was decided by."""
    port, names = free_for_both(), free_for_both()
    zone = Zone()
    zone.add("n7.example A 192.0.2.7")
    zone.add("n8.example A 192.0.2.8")
    with zone.serving(), serve() as origin:
        first, second = (keeping(n, port, names, zone.port) for n in (7, 8))
        with running(tmp_path, first) as run:
            (version,) = (line.split()[1] for line in run.lines if line.startswith("policy"))
            with (
                connect(
                    f"ws://127.0.0.1:{origin.port}/ws", proxy=f"http://127.0.0.1:{run.port}"
                ) as channel,
                socket.socket(type=socket.SOCK_DGRAM) as client,
            ):
                client.connect(("127.0.0.1", port))
                client.settimeout(20)

                def say() -> str:
                    channel.send(MESSAGE)
                    back = str(channel.recv(timeout=20))
                    return " ".join(address for address in ADDRESSES if address in back)

                def bind() -> str:
                    client.send(BINDING)
                    return str(stun.parse(client.recv(2048)).message_class)

                def ask() -> str:
                    query = dns.message.make_query(f"n{7 + asking.seen.total() % 2}.example", "A")
                    response = dns.query.udp(query, "127.0.0.1", port=names, timeout=20)
                    return f"{query.question[0].name} {dns.rcode.to_text(response.rcode())}"

                asking = Load(ask)
                with Load(say) as saying, Load(bind) as binding, asking:
                    versions = {version}
                    for config in (second, first) * 5:
                        before = saying.seen.total(), binding.seen.total(), asking.seen.total()
                        versions.add(taken(run, config).policy)
                        assert eventually(
                            lambda before=before: all(
                                now.seen.total() > then + 3 or now.fault
                                for now, then in zip((saying, binding, asking), before, strict=True)
                            )
                        )
                assert len(versions) == 2
                (other,) = versions - {version}
            assert run.stop() == 0
            assert run.log.read_text() == ""
            decided = rows(
                run,
                "SELECT kind, address, action, policy, reason, count FROM events"
                " WHERE direction != 'inbound'",  # the echo, which a later policy may judge
            )
    # One of the two in each message, never both and never none; and both policies had their turn.
    assert set(saying.seen) == set(ADDRESSES)
    kept, gone_on = {version: ADDRESSES[0], other: ADDRESSES[1]}, Counter[object]()
    answers, sunk = Counter[object](), Counter[object]()
    for kind, address, action, policy, reason, count in decided:
        if kind == "candidate":
            assert (kept[str(policy)] == address) == (action == "kept")
            gone_on[address] += int(str(count)) if action == "kept" else 0
        elif kind == "stun":
            assert ("403" in str(reason)) == (policy == version)
            answers[policy] += int(str(count))
        elif kind == "rtcguard":
            assert policy in versions
        else:
            assert kind == "name" and action == "refused"
            sunk[policy] += int(str(count))
    assert gone_on == saying.seen
    assert answers == {
        version: binding.seen[str(stun.ERROR)],
        other: binding.seen[str(stun.SUCCESS)],
    }
    assert sunk == {
        version: asking.seen["n7.example. NXDOMAIN"],
        other: asking.seen["n8.example. NXDOMAIN"],
    }
    changes = [row for row in decided if row[0] == "rtcguard"]
    assert len(changes) == 10
    assert all("changed: rules, stun.answer, sinkhole.names" in str(row[4]) for row in changes)


def responder(port: int, mode: str = "refuse") -> str:
    return f'stun: {{listen: ["127.0.0.1:{port}"], answer: {mode}}}\n'


def test_whatever_way_a_file_changes(tmp_path: Path) -> None:
    """Written, replaced, turned by a link, included, a secret's; and asked for by SIGHUP."""
    port = free_for_both()
    with running(tmp_path, responder(port)) as run:
        heard = told(run)
        file = run.log.with_name("rtcguard.yaml")
        file.write_text("version: 1\nweb: {listen: null}\n" + responder(port, "decoy"))
        assert eventually(lambda: answer(port) == "success")
        written(run, responder(port))
        assert eventually(lambda: answer(port) == "error")
        for number, mode in enumerate(("decoy", "refuse")):  # as Kubernetes mounts a ConfigMap
            folder = tmp_path / f"data{number}"
            folder.mkdir()
            (folder / "rtcguard.yaml").write_text(
                "version: 1\nweb: {listen: null}\n" + responder(port, mode)
            )
            link = tmp_path / "link"
            link.symlink_to(folder, target_is_directory=True)
            os.replace(link, tmp_path / "data")
            if not file.is_symlink():
                link.symlink_to("data/rtcguard.yaml")
                os.replace(link, file)
            answers = {"decoy": "success", "refuse": "error"}[mode]
            assert eventually(lambda answers=answers: answer(port) == answers)
        rules = tmp_path / "rules.yaml"
        rules.write_text("version: 1\nrules: []\n")
        file.unlink()
        written(run, responder(port) + "include: ['rules.yaml', 'more/*.yaml']\n")
        assert eventually(lambda: "more/*.yaml fits no file" in run.log.read_text())
        (tmp_path / "more").mkdir()
        one = "version: 1\nrules: [{name: a, match: {client: [192.0.2.1]}, action: block}]\n"
        (tmp_path / "more" / "a.yaml").write_text(one)
        assert eventually(lambda: heard.has("changed: rules"))
        before = len(heard.lines)
        (tmp_path / "more" / "b.yaml").write_text(one.replace("name: a", "name: b"))
        assert eventually(lambda: len(heard.lines) > before)
        rules.write_text(one.replace("name: a", "name: c"))
        assert eventually(lambda: len(heard.lines) > before + 1)
        secret = tmp_path / "secret"
        secret.write_text("first")
        secret.chmod(0o600)
        servers = (
            f'relay: {{servers: [{{urls: ["turn:192.0.2.1"], shared_secret_file: {secret}}}]}}'
        )
        written(run, responder(port) + servers + "\n")
        assert eventually(lambda: heard.has("relay.servers", "rules"))
        secret.write_text("second")
        assert eventually(lambda: heard.has("changed: relay.servers (secrets)"))
        secret.chmod(0o644)  # a change, too: it is refused
        assert eventually(lambda: "can be read by everybody" in run.log.read_text())
        secret.chmod(0o600)
        assert eventually(lambda: heard.has("as before"))
        written(run, responder(port, "decoy"))
        run.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: answer(port) == "success")
        assert run.stop() == 0


def test_what_is_wrong_changes_nothing_and_is_said(tmp_path: Path) -> None:
    port = free_for_both()
    with running(tmp_path, responder(port)) as run:
        version = asked(run).policy
        file = written(run, responder(port, "decoy") + "oops: 1\n")
        assert eventually(lambda: "unknown key 'oops'" in run.log.read_text())
        assert answer(port) == "error"
        made = rtcguard(["reload"], run.state)
        assert made.returncode == 2 and made.stdout == b""
        lines = made.stderr.decode().splitlines()
        assert lines[0] == f"the configuration is refused, and policy {version} stays in force:"
        assert lines[1].startswith(f"{file}:3:1: unknown key 'oops'")
        # Not only its text: what it names is looked at, too.
        for config, problem in (
            ("upstream: {trusted_ca: /nonexistent}\n", "names no file"),
            (f"upstream: {{trusted_ca: {file}}}\n", "trusted_ca cannot be used"),
            ("gateway: {own: true, users: [nobody-of-that-name]}\n", "has no user"),
        ):
            written(run, responder(port, "decoy") + config)
            (mistake,) = asked(run).mistakes
            assert problem in mistake
        assert answer(port) == "error"
        (row,) = rows(run, "SELECT action, policy FROM events WHERE reason LIKE '%oops%'")
        assert row == ("refused", version)
        assert [row["key"] for row in run.report("ring")] == ["ledger", "network"]
        assert run.stop() == 2


def test_it_ends_well_where_it_was_mended(tmp_path: Path) -> None:
    config = responder(free_for_both())
    with running(tmp_path, config) as run:
        version = asked(run).policy
        written(run, "oops\n")
        assert asked(run).mistakes
        written(run, "# as it was, but for this\n" + config)
        assert asked(run).policy == version
        made = rtcguard(["reload"], run.state)
        assert (made.returncode, made.stdout) == (0, f"policy  {version}, as before\n".encode())
        assert run.stop() == 0
    made = rtcguard(["reload"], run.state)
    assert made.returncode == 1 and b"nothing runs with the state folder" in made.stderr


def test_where_it_listens_changes(tmp_path: Path) -> None:
    """The process is started again; where that cannot be, everything is as it was."""
    first, second, third, names = (free_for_both() for _ in range(4))
    with running(tmp_path, responder(first)) as run:
        before = asked(run).policy
        outcome = taken(run, responder(second))
        assert outcome.before == before or outcome.policy != before
        assert answer(second) == "error" and answer(first) == ""
        assert rows(run, "SELECT 1 FROM events WHERE reason LIKE '%started again: stun'")
        sink = f'sinkhole: {{listen: "127.0.0.1:{names}", upstream: "127.0.0.1:9"}}\n'
        with socket.socket(type=socket.SOCK_DGRAM) as taking:
            taking.bind(("127.0.0.1", third))
            written(run, responder(third, "decoy") + sink)
            (mistake,) = asked(run).mistakes
            assert f"cannot bind udp 127.0.0.1:{third}" in mistake
            assert answer(second) == "error"  # in its own way as well
            assert len(children(run.process.pid)) == 2
        assert not asked(run).mistakes  # tried again when it is asked for
        assert answer(third) == "success" and answer(second) == ""
        assert len(children(run.process.pid)) == 3
        query = dns.message.make_query("stun.example.org", "A")
        response = dns.query.udp(query, "127.0.0.1", port=names, timeout=20)
        assert response.rcode() == dns.rcode.NXDOMAIN
        taken(run, "stun: {listen: []}\n")
        assert answer(third) == "" and len(children(run.process.pid)) == 1
        assert run.stop() == 0


def test_where_the_proxy_listens_changes(tmp_path: Path) -> None:
    """Here the command line says nothing of it; two workers move together."""
    first, second = free_port(), free_port()
    file = tmp_path / "rtcguard.yaml"
    file.write_text(
        f"version: 1\nlisten: 127.0.0.1:{first}\nstun: {{listen: []}}\nweb: {{listen: null}}\n"
    )
    with serve() as origin:
        process = subprocess.Popen(
            [sys.executable, "-m", "rtcguard", "run", "--config", str(file), "--workers", "2"],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(tmp_path / "state"),
        )
        run = Running(process, first, tmp_path / "state", tmp_path / "log")
        try:
            assert process.stdout is not None
            assert any("ready" in line for line in process.stdout)
            assert run.request("POST", f"{origin.url}/echo", b"x")[0].status == 200
            taken(run, f"listen: 127.0.0.1:{second}\nstun: {{listen: []}}\n")
            run.port = second
            assert run.request("POST", f"{origin.url}/echo", b"x")[0].status == 200
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", first)) != 0
        finally:
            assert run.stop() == 0
            assert process.stdout is not None
            process.stdout.close()


def test_a_process_that_dies_in_the_midst_of_it(tmp_path: Path) -> None:
    """It is held when it is given the policy, and killed: it comes back with the new one."""
    port = free_for_both()
    with running(tmp_path, responder(port)) as run:
        (stun_process,) = [pid for pid in children(run.process.pid) if _has(pid, port)]
        os.kill(stun_process, signal.SIGSTOP)
        written(run, responder(port, "decoy"))
        outcomes: list[object] = []
        asking = threading.Thread(target=lambda: outcomes.append(asked(run)))
        asking.start()
        os.kill(stun_process, signal.SIGKILL)
        asking.join(30)
        assert outcomes and not getattr(outcomes[0], "mistakes", True)
        assert eventually(lambda: answer(port) == "success")
        assert "the stun process runs again" in run.log.read_text()
        assert run.stop() == 0


def _has(pid: int, port: int) -> bool:
    """Whether a process has a UDP socket on this port."""
    links = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{port:04X}") and f"socket:[{fields[9]}]" in links:
            return True
    return False


def test_a_process_that_cannot_be_started_again_is_tried_again(tmp_path: Path) -> None:
    """Its port is taken for a moment; the run goes on."""
    port = free_for_both()
    with running(tmp_path, responder(port)) as run:
        (stun_process,) = [pid for pid in children(run.process.pid) if _has(pid, port)]
        with socket.socket(type=socket.SOCK_DGRAM) as taking:
            os.kill(stun_process, signal.SIGKILL)
            assert eventually(lambda: _bound(taking, port))
            assert eventually(lambda: "the stun process cannot start" in run.log.read_text())
        assert eventually(lambda: answer(port) == "error")
        assert run.stop() == 0


def _bound(taking: socket.socket, port: int) -> bool:
    try:
        taking.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def test_it_can_be_ended_before_it_is_ready(tmp_path: Path) -> None:
    file = tmp_path / "rtcguard.yaml"
    file.write_text(
        f"version: 1\nlisten: 127.0.0.1:{free_port()}\nstun: {{listen: []}}\n"
        f"web: {{listen: null}}\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "rtcguard", "run", "--config", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path / "state"),
    ) as process:
        socket_there = eventually(lambda: (tmp_path / "state" / "control").exists())
        process.send_signal(signal.SIGINT)
        said, wrong = process.communicate(timeout=60)
    assert socket_there
    assert (process.returncode, wrong) == (0, b""), said


def test_many_reloads_take_nothing(tmp_path: Path) -> None:
    port = free_for_both()

    def config(number: int) -> str:
        rules = "".join(
            f"  - {{name: r{rule}, match: {{client: [10.{number % 200}.{rule}.0/24]}},"
            " action: block}\n"
            for rule in range(100)
        )
        return responder(port) + f"rules:\n{rules}"

    with serve() as origin, running(tmp_path, config(0)) as run:
        heard = told(run)

        def reload(number: int) -> None:
            taken(run, config(number))
            run.request("POST", f"{origin.url}/echo", MESSAGE.encode())
            assert answer(port) == "error"

        pids = [run.process.pid, *children(run.process.pid)]
        for number in range(1, 40):
            reload(number)
        before = {pid: (descriptors(pid), memory(pid)) for pid in pids}
        for number in range(40, 240):
            reload(number)
        assert pids == [run.process.pid, *children(run.process.pid)]
        for pid, (opened, used) in before.items():
            assert eventually(lambda pid=pid, opened=opened: descriptors(pid) <= opened)
            assert memory(pid) < used + (6 << 20)
        assert len(heard.lines) == 239
        assert run.stop() == 0


# Rings 1 and 3 of the proxy ---------------------------------------------------------------------


def approving(port: int) -> str:
    return (
        "stun: {listen: []}\nrelay: {servers: [{urls: "
        f'["turn:127.0.0.1:{port}?transport=tcp"], username: u, credential: p}}]}}\n'
    )


def test_a_tunnel_ends_when_its_server_is_not_approved_any_more(tmp_path: Path) -> None:
    """The one that still is goes on."""
    allocate = stun.encode(stun.ALLOCATE, stun.REQUEST, b"transactions")
    with listening() as first, listening() as second, running(tmp_path) as run:
        both = approving(first.port).replace(
            '"turn:', f'"turn:127.0.0.1:{second.port}?transport=tcp", "turn:'
        )
        taken(run, both)
        with (
            connect_through(run.port, "127.0.0.1", first.port) as one,
            connect_through(run.port, "127.0.0.1", second.port) as other,
        ):
            for tunnel in (one, other):
                tunnel.settimeout(20)
                tunnel.sendall(allocate)
                assert tunnel.recv(2048) == allocate  # it echoes
            taken(run, approving(first.port))
            for tunnel in (one, other):
                tunnel.sendall(b"\x40\x00\x00\x04data")  # ChannelData
            assert one.recv(2048) == b"\x40\x00\x00\x04data"
            assert other.recv(2048) == b""
        assert bytes(second.received) == allocate
        run.stop()
        (row,) = rows(
            run, f"SELECT action FROM events WHERE destination = '127.0.0.1:{second.port}'"
            " AND action != 'kept'"
        )  # fmt: skip
        assert row == ("refused",)


@pytest.mark.parametrize("lax", ["mode: monitor\n", "page: {guard: false}\n"])
def test_a_page_that_was_loaded_without_a_guard_is_not_taken_for_guarded(
    tmp_path: Path, lax: str
) -> None:
    from tests.proxy.test_reports import confirmed, sent, token

    with serve() as origin, running(tmp_path) as run:
        page = f"{origin.url}/document"
        early = token(run, page)
        guard = {"kind": "guard", "token": early}
        assert sent(run, origin.url, guard) == 204
        assert confirmed(origin, run, "127.0.0.1")
        taken(run, "stun: {listen: []}\n" + lax)
        watching = token(run, page) if "monitor" in lax else ""
        taken(run, "stun: {listen: []}\n")
        # What was reported before says nothing of the pages that were loaded since.
        assert not confirmed(origin, run, "127.0.0.1")
        if watching:
            assert sent(run, origin.url, {"kind": "guard", "token": watching}) == 204
            assert not confirmed(origin, run, "127.0.0.1")
        # A guard that was always strict holds still, and reports with its next connection.
        assert sent(run, origin.url, guard) == 204
        assert eventually(lambda: confirmed(origin, run, "127.0.0.1"))
