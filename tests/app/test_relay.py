"""`relay.managed`: coturn next to rtcguard, hardened, and never without it."""

import asyncio
import ipaddress
import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aioice import stun

from rtcguard.app import relay
from rtcguard.app.settings import read_config, read_policy
from rtcguard.errors import StartError
from rtcguard.ice.server import ServerUri, parse_uri, timed_credentials
from rtcguard.network import stun as messages
from rtcguard.network.allocation import Allocation
from rtcguard.network.coturn import DENIED
from rtcguard.policy.model import Policy
from tests.app.doctoring import relays
from tests.app.test_run import children, eventually
from tests.lab.ca import LabCA
from tests.lab.process import Process
from tests.netns import inside, namespace
from tests.origin import free_port
from tests.process import Running, environment, running
from tests.turn import coturn

PUBLIC, PUBLIC6, LAN = "198.51.100.10", "2001:db8:100::10", "10.9.0.1"


def managed(folder: Path, *urls: str, more: str = "") -> str:
    """A configuration for one on loopback."""
    quoted = ", ".join(f'"{url}"' for url in urls)
    return (
        f"relay:\n  managed: true\n  servers:\n    - urls: [{quoted}]\n"
        f"      shared_secret_file: {folder / 'turn.secret'}\n"
        f"  coturn: {{relay_addresses: 127.0.0.1, ports: 20600-20699{more}}}\n"
    )


def coturn_of(run: Running) -> int:
    return int((run.state / "coturn" / "pid").read_text())


def gone(pid: int) -> bool:
    """Also one that has ended, and whose new parent does not ask for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def relay_process(run: Running) -> int:
    """The process between rtcguard and coturn."""
    status = Path(f"/proc/{coturn_of(run)}/status").read_text()
    return int(status.split("PPid:")[1].split()[0])


def allocates(port: int, secret: Path) -> bool:
    async def allocate() -> bool:
        uri = parse_uri(f"turn:127.0.0.1:{port}")
        credentials = timed_credentials(secret.read_bytes().strip(), int(time.time()) + 600, "test")
        one = await Allocation.open(uri, uri.host, *credentials, ssl.create_default_context())
        try:
            async with asyncio.timeout(2):
                return (await one.allocate())[0] == "127.0.0.1"
        except (TimeoutError, OSError):
            return False  # not yet
        finally:
            await one.close()

    return asyncio.run(allocate())


def test_it_runs_and_ends_with_rtcguard(tmp_path: Path) -> None:
    port, secret = free_port(), tmp_path / "turn.secret"
    with running(tmp_path, managed(tmp_path, f"turn:127.0.0.1:{port}")) as run:
        assert f"coturn  runs here (relay.managed), its files in {run.state}/coturn" in run.lines
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        assert len(secret.read_text().strip()) >= 32
        assert stat.S_IMODE((run.state / "coturn" / "turnserver.conf").stat().st_mode) == 0o600
        assert allocates(port, secret)

        status = Path(f"/proc/{coturn_of(run)}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert fields["Uid"].split()[0] != "0", "coturn has root's rights"
        assert fields["CapEff"] == fields["CapBnd"] == "0" * 16
        assert fields["NoNewPrivs"] == "1"

        before = coturn_of(run)
        assert run.stop() == 0
        assert gone(before)
        assert "coturn" not in run.log.read_text()
    made = secret.read_text()
    relay.prepare(policy(tmp_path, managed(tmp_path, "turn:127.0.0.1")).config.relay)
    assert secret.read_text() == made, "a secret that is there stays"


def test_whoever_is_killed_it_does_not_stay_alone(tmp_path: Path) -> None:
    port, secret = free_port(), tmp_path / "turn.secret"
    with running(tmp_path, managed(tmp_path, f"turn:127.0.0.1:{port}")) as run:
        for times, victim in enumerate((coturn_of, relay_process), 1):
            before = coturn_of(run)
            os.kill(victim(run), signal.SIGKILL)
            again = ["the relay process runs again"] * times
            assert eventually(
                lambda again=again: re.findall(again[0], run.log.read_text()) == again
            )
            assert gone(before)
            assert allocates(port, secret)
            assert coturn_of(run) != before
        last, between = coturn_of(run), relay_process(run)
        run.process.kill()
        run.process.wait(60)
        assert eventually(lambda: gone(last) and gone(between))
    with running(tmp_path, managed(tmp_path, f"turn:127.0.0.1:{port}")) as run:
        last, below = coturn_of(run), children(run.process.pid)
        assert len(below) == 2
        os.kill(run.process.pid, signal.SIGSTOP)  # so that it starts nothing again
        for pid in (*below.values(), run.process.pid):
            os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: gone(last))


@pytest.fixture(scope="module")
def network() -> Iterator[str]:
    with namespace("relay", f"{PUBLIC}/24", f"{PUBLIC6}/64", f"{LAN}/24") as name:
        yield name


@pytest.fixture
def shown() -> Iterator[Path]:
    """A folder that coturn's user can see into."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_hardened(network: str, tmp_path: Path, shown: Path) -> None:
    """On a gateway: clients come to its inner address, packets go out by the outer ones."""
    ca = LabCA(shown)
    certificate, key = ca.issue("relay", (LAN,))
    key.chmod(0o644)
    config = tmp_path / "gateway.yaml"
    urls = [f"turn:{LAN}", f"turn:{LAN}?transport=tcp", f"turns:{LAN}:443", f"turn:{LAN}:3480"]
    config.write_text(
        f"version: 1\nstun: {{listen: []}}\nweb: {{listen: null}}\n"
        f"upstream: {{trusted_ca: {ca.certificate}}}\n"
        f"relay:\n  managed: true\n  servers:\n    - urls: {json.dumps(urls)}\n"
        f"      shared_secret_file: {tmp_path / 'turn.secret'}\n"
        f"  coturn:\n    realm: example.org\n    ports: 20000-20099\n    user_quota: 6\n"
        f"    certificate: {certificate}\n    private_key: {key}\n    allowed_peers: 10.1.0.0/30\n"
    )
    argv = [sys.executable, "-m", "rtcguard", "run", "--config", str(config)]
    process = Process(network, argv, tmp_path / "log", environment(tmp_path / "state"))
    try:
        process.wait_log("ready", 30)
        secret = (tmp_path / "turn.secret").read_text().strip()
        entry = f"{{urls: {json.dumps(urls)}, shared_secret_file: {tmp_path / 'turn.secret'}}}"
        trust = f"upstream: {{trusted_ca: {ca.certificate}}}"
        found = inside(network, lambda: relays(tmp_path, entry, more=trust))
        assert found.passed and not found.of("warning"), "\n".join(map(str, found.rows))
        assert len([what for what in found.of("ok") if what.startswith("carries")]) == len(urls)
        found.the("ok", "refuses private peers (IPv4 and IPv6)")
        assert all(PUBLIC in what for what in found.of("ok") if what.startswith("allocates"))
        found.the("ok", f"relays IPv6 from [{PUBLIC6}]:200")

        inside(network, lambda: asyncio.run(_refuses_denied_peers(secret)))
        inside(network, lambda: asyncio.run(_answers_binding()))
        assert "answers 486" in str(inside(network, lambda: asyncio.run(_over_quota(secret))))
    finally:
        process.stop()


async def _allocation(uri: ServerUri, secret: str, version: int | None = None) -> Allocation:
    credentials = timed_credentials(secret.encode(), int(time.time()) + 600, "test")
    one = await Allocation.open(uri, uri.host, *credentials, ssl.create_default_context())
    try:
        await one.allocate(version)
    except BaseException:
        await one.close()
        raise
    return one


async def _refuses_denied_peers(secret: str) -> None:
    uri = parse_uri(f"turn:{LAN}")
    for version in (4, 6):
        one = await _allocation(uri, secret, version)
        networks = [n for n in map(ipaddress.ip_network, DENIED) if n.version == version]
        assert len(networks) > 8
        for network in networks:
            for peer in dict.fromkeys(map(str, (network[0], network[1], network[-2], network[-1]))):
                with pytest.raises(stun.TransactionFailed) as refused:
                    await one.permit(peer)
                assert refused.value.response.error_code == 403, peer
        reachable = {
            4: ("203.0.113.1", "9.255.255.255", "11.0.0.0", "172.32.0.0", "10.1.0.3", PUBLIC),
            6: ("2001:db8:9::1", "2606:4700::1", PUBLIC6),
        }
        for peer in reachable[version]:
            await one.permit(peer)
        await one.close()


async def _answers_binding() -> None:
    """Without credentials too, at once, and without a word of what it is: after an error Chromium
    would tell pages of the client's network."""
    request = messages.encode(messages.BINDING, messages.REQUEST, b"0123456789ab")
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(60)
        client.sendto(request, (LAN, 3478))
        answer = messages.parse(client.recv(2048))
    assert answer.message_class == messages.SUCCESS
    assert not answer.software


async def _over_quota(secret: str) -> str:
    uri = parse_uri(f"turn:{LAN}")
    held: list[Allocation] = []
    try:
        while len(held) <= 6:
            held.append(await _allocation(uri, secret))
    except stun.TransactionFailed as error:
        return f"answers {error.response.error_code}"
    finally:
        for one in held:
            await one.close()
    return "no quota"


@pytest.mark.parametrize(
    "urls",
    [
        ["turn:{}"],
        ["turn:{}?transport=tcp"],
        ["turns:{}"],
        ["turn:{}:443", "turns:{}:443"],
        ["turn:{}", "turns:{}:443", "turn:{}:443"],
        ["turn:{}:80", "turns:{}:443", "turn:{}:443?transport=tcp", "turn:[{}]:3478"],
    ],
)
def test_coturn_knows_every_option(network: str, tmp_path: Path, urls: list[str]) -> None:
    """The file of `rtcguard turn config`: nothing in coturn's log says that a line is wrong, and
    nothing else listens than what the URLs say."""
    addresses = [PUBLIC, PUBLIC, PUBLIC, PUBLIC6]
    urls = [url.format(address) for url, address in zip(urls, addresses, strict=False)]
    certificate, key = LabCA(tmp_path).issue("relay", (LAN,))
    config, secret = tmp_path / "c.yaml", tmp_path / "turn.secret"
    secret.write_text('s3cret=="#;x')
    secret.chmod(0o600)
    config.write_text(
        f"version: 1\nrelay:\n  servers: [{{urls: {json.dumps(urls)}, shared_secret_file: "
        f"{secret}}}]\n  coturn: {{listen: [{PUBLIC}, '{PUBLIC6}'], certificate: {certificate}, "
        f"relay_addresses: [{LAN}, '{PUBLIC6}'], external_address: {PUBLIC}, private_key: {key}}}\n"
    )
    output = tmp_path / "turnserver.conf"
    argv = [sys.executable, "-m", "rtcguard", "turn", "config", "--config", str(config)]
    subprocess.run([*argv, "--output", str(output)], check=True, capture_output=True)
    options = ["-c", str(output), f"--userdb={tmp_path / 'db'}", f"--pidfile={tmp_path / 'pid'}"]
    process = Process(network, ["turnserver", *options], tmp_path / "log")
    try:
        uris = [parse_uri(url) for url in urls]
        for uri in uris:
            process.wait_port("udp" if uri.transport == "udp" else "tcp", uri.host, uri.port)
        inside(network, lambda: asyncio.run(_allocates_at(uris, secret.read_text())))
        said = (tmp_path / "log").read_text()
        assert "listen" in said.lower() and "denied" not in said
        for wrong in ("Bad configuration", "CONFIG ERROR", "cannot", "Unknown"):
            assert wrong not in said, said
        listed = subprocess.run(
            ["ip", "netns", "exec", network, "ss", "-Hlntu"], capture_output=True, text=True
        ).stdout.splitlines()
        sockets = [(line.split()[0], line.split()[4].rpartition(":")[2]) for line in listed]
        listening = {(kind, port) for kind, port in sockets if int(port) < 49152}
        assert {port for _, port in listening} == {str(uri.port) for uri in uris}
        assert {kind for kind, _ in listening} == {uri.transport for uri in uris}
    finally:
        process.stop()


async def _allocates_at(uris: list[ServerUri], secret: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for uri in uris:
        credentials = timed_credentials(secret.encode(), int(time.time()) + 600, "test")
        one = await Allocation.open(uri, uri.host, *credentials, context)
        try:
            assert (await one.allocate(4))[0] == PUBLIC
        finally:
            await one.close()


def policy(folder: Path, config: str) -> Policy:
    file = folder / "relay.yaml"
    file.write_text(f"version: 1\n{config}")
    read = read_config(file)
    relay.prepare(read.relay)
    return read_policy(read)


def test_without_coturn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_PATH", str(tmp_path))
    with pytest.raises(
        StartError, match="turnserver is not installed here; on Debian: apt install coturn"
    ):
        policy(tmp_path, managed(tmp_path, "turn:127.0.0.1"))
    assert not (tmp_path / "turn.secret").exists()


def test_which_server_is_this_machine(tmp_path: Path) -> None:
    for url in ("turn:192.0.2.1", "turn:nowhere.invalid"):
        with pytest.raises(StartError, match="none of them is"):
            policy(tmp_path, managed(tmp_path, url))
    for url in ("turn:127.0.0.1", "turn:localhost:3478"):
        assert "127.0.0.1" in relay.plan(policy(tmp_path, managed(tmp_path, url))).listen
    made = relay.plan(
        policy(tmp_path, managed(tmp_path, "turn:relay.invalid", more=", listen: 127.0.0.2"))
    )
    assert (made.listen, made.relay, made.realm) == (
        ("127.0.0.2",),
        ("127.0.0.1",),
        "relay.invalid",
    )
    behind = managed(tmp_path, "turn:192.0.2.1", more=", external_address: 192.0.2.1")
    assert relay.plan(policy(tmp_path, behind)).listen == ("127.0.0.1",)
    with pytest.raises(StartError, match=r"relay.coturn.listen: 192.0.2.1 is no address of this"):
        relay.plan(
            policy(tmp_path, managed(tmp_path, "turn:a.invalid", more=", listen: 192.0.2.1"))
        )
    entry = f"    - {{urls: 'turn:127.0.0.9', shared_secret_file: {tmp_path / 'other'}}}\n"
    two = managed(tmp_path, "turn:127.0.0.1").replace("  coturn", f"{entry}  coturn")
    with pytest.raises(StartError, match="more than one is"):
        policy(tmp_path, two)


def test_a_secret_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="shared_secret_file cannot be made: No such file"):
        policy(tmp_path, managed(tmp_path / "nowhere", "turn:127.0.0.1"))


# As configs/deploy/systemd/rtcguard.service runs it: a user of its own that keeps capabilities, and
# no system call that changes them (capset, 126 on x86-64 and 91 on arm64).
_AS_A_SERVICE = """
import ctypes, os, platform, struct, sys
from pathlib import Path
import rtcguard.app.relay_process
from rtcguard.app.relay_process import keep
from rtcguard.ice.server import parse_uri
from rtcguard.network.coturn import Server
from rtcguard.policy.model import Coturn
local = ("127.0.0.1",)
libc = ctypes.CDLL(None)
assert libc.prctl(8, 1, 0, 0, 0) == 0  # PR_SET_KEEPCAPS
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
mask = 1 << 10 | 1 << 12  # NET_BIND_SERVICE, NET_ADMIN
header, sets = struct.pack("Ii", 0x20080522, 0), struct.pack("6I", mask, mask, mask, 0, 0, 0)
assert libc.capset(header, sets) == 0
for capability in (10, 12):
    assert libc.prctl(47, 2, capability, 0, 0) == 0  # PR_CAP_AMBIENT_RAISE
number = {"x86_64": 126, "aarch64": 91}[platform.machine()]
steps = ((0x20, 0, 0, 0), (0x15, 0, 1, number), (6, 0, 0, 0x50001), (6, 0, 0, 0x7FFF0000))
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
filters = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program))
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, filters, 0, 0) == 0  # PR_SET_SECCOMP
settings = Coturn(ports=(20700, 20709))
server = Server((parse_uri(sys.argv[1]),), "secret", local, local, settings)
sys.exit(not keep(server, Path(sys.argv[2]), 0, lambda: print("ready", flush=True)))
"""


@pytest.mark.parametrize(("port", "kept"), [(None, 0), (999, 1 << 10)])
def test_as_a_service(shown: Path, port: int | None, kept: int) -> None:
    """coturn has rtcguard's user, and of its capabilities at most the one for low ports."""
    (shown / "state").mkdir()
    os.chown(shown / "state", 65534, 65534)
    argv = [sys.executable, "-c", _AS_A_SERVICE, f"turn:127.0.0.1:{port or free_port()}"]
    with subprocess.Popen(
        [*argv, str(shown / "state" / "coturn")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        pid = int((shown / "state" / "coturn" / "pid").read_text())
        status = Path(f"/proc/{pid}/status").read_text()
        assert "Uid:\t65534\t65534" in status and f"CapEff:\t{kept:016x}" in status
        if port is None:
            process.kill()
        else:
            process.stdin.close()  # as the supervisor's end of the pipe does
            assert process.wait(60) == 0
    assert eventually(lambda: gone(pid))


def started(folder: Path, config: str) -> tuple[int, str]:
    """What `rtcguard run` says where it does not come up."""
    file = folder / "relay.yaml"
    file.write_text(
        f"version: 1\nlisten: 127.0.0.1:{free_port()}\nstun: {{listen: []}}\n"
        f"web: {{listen: null}}\n{config}"
    )
    made = subprocess.run(
        [sys.executable, "-m", "rtcguard", "run", "--config", str(file)],
        capture_output=True,
        text=True,
        env=environment(folder / "state"),
        timeout=60,
    )
    return made.returncode, made.stderr


def test_a_port_that_another_coturn_has(tmp_path: Path) -> None:
    """Both would share it, and each get half of the clients."""
    with coturn(tmp_path / "other", "--use-auth-secret", "--static-auth-secret=x") as port:
        code, said = started(tmp_path, managed(tmp_path, f"turn:127.0.0.1:{port}"))
    assert code == 2
    assert said.startswith(f"rtcguard: relay.managed: 127.0.0.1:{port} (udp) cannot be used: ")
    assert said.count("\n") == 1


def test_a_certificate_that_coturn_cannot_read(tmp_path: Path) -> None:
    """It would go on, without TLS. The folders of a test are for root alone."""
    certificate, key = LabCA(tmp_path).issue("relay", ("127.0.0.1",))
    more = f", certificate: {certificate}, private_key: {key}"
    code, said = started(tmp_path, managed(tmp_path, f"turns:127.0.0.1:{free_port()}", more=more))
    assert code == 2
    assert f"cannot find certificate file: {certificate}" in said
    assert said.count("\n") == 1
    assert not any((tmp_path / "state").glob("coturn/*.new"))
