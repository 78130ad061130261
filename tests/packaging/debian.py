"""The Debian package: built, installed in Debian 13, run there, and purged. `make deb-test`, for it
takes some minutes: it makes a root of Debian 13 first, and keeps that in build/.

Needs root, Debian's packages debootstrap and systemd-container, and a Python 3.13 with pip to build
with.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.requirements import cannot_run

from .conftest import ROOT

DEBIAN = ROOT / "build" / "debian-13"
# What the package depends on and recommends; and what looks at it.
PACKAGES = (
    "python3.13,libgcc-s1,libstdc++6,zlib1g,ca-certificates,systemd,nftables,iproute2,"
    "bash-completion"
)
ALONE = ("--net", "--pid", "--fork", "--kill-child")
SHELL = "set -eu; ip link set lo up; "
TRY = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh /try
ExecStopPost=systemctl --no-block poweroff
"""
# What dpkg and the tools for users keep of their own work.
KEPT = ("/var/lib/dpkg/", "/var/lib/apt/", "/var/log/", "/var/cache/")
KEPT_FILES = {f"/etc/{name}" for name in ("passwd-", "group-", "shadow-", "gshadow-", ".pwd.lock")}


@dataclass(frozen=True)
class System:
    """A Debian 13 of a test's own: what it writes is in `upper`, over the common root."""

    upper: Path

    def run(self, script: str) -> str:
        """What a script prints there, without a network; it has its own processes, too."""
        root = self._root()
        return self._entered(
            f"mount -t proc proc {root}/proc; mount -t sysfs sysfs {root}/sys; "
            f'mount -t tmpfs tmpfs {root}/run; exec chroot {root} sh -c "$1"',
            *ALONE,
            script=SHELL + script,
        )

    def boot(self, script: str) -> str:
        """What a script prints that systemd starts as it boots; the system is shut down then."""
        changes = self.upper / "changes"
        units = changes / "etc" / "systemd" / "system"
        (units / "multi-user.target.wants").mkdir(parents=True)
        (units / "try.service").write_text(TRY)
        (units / "multi-user.target.wants" / "try.service").symlink_to("../try.service")
        (changes / "try").write_text(f"exec >/told 2>&1\n{SHELL}{script}echo all of it\n")
        nspawn = "systemd-nspawn --quiet --register=no --keep-unit --private-network --boot"
        self._entered(f"exec {nspawn} --directory {self._root()}")
        told = (changes / "told").read_text()
        assert "\nall of it\n" in told, told
        return told

    def _root(self) -> Path:
        return self.upper / "root"

    def _entered(self, steps: str, *more: str, script: str = "") -> str:
        """What is printed by steps that have the system at `root`."""
        for folder in ("changes", "work", "root"):
            (self.upper / folder).mkdir(exist_ok=True)
        layers = f"lowerdir={DEBIAN},upperdir={self.upper}/changes,workdir={self.upper}/work"
        mount = f"mount -t overlay overlay -o {layers} {self._root()}; "
        done = subprocess.run(
            ["unshare", "--mount", *more, "sh", "-ec", mount + steps, "sh", script],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def files(self) -> set[str]:
        """Every file there, with its owner and mode, but for what dpkg itself keeps."""
        listed = self.run("find / -xdev -printf '%p\\t%u\\t%g\\t%m\\n'").splitlines()
        return {
            line
            for line in listed
            if not line.startswith(KEPT) and line.partition("\t")[0] not in KEPT_FILES
        }

    def users(self) -> str:
        return self.run("cat /etc/passwd /etc/group /etc/shadow /etc/gshadow")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if "PACKAGE" in os.environ:  # one that was built before
        return Path(os.environ["PACKAGE"])
    folder = tmp_path_factory.mktemp("deb")
    pyenv = sorted(Path.home().glob(".pyenv/versions/3.13*/bin/python"))
    python = os.environ.get("PYTHON") or (str(pyenv[-1]) if pyenv else "python3.13")
    script = ROOT / "configs" / "deploy" / "deb" / "build"
    environment = {**os.environ, "PYTHON": python}
    made = subprocess.run([script, folder], env=environment, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    (found,) = folder.glob("rtcguard_*+py3.13_*.deb")
    return found


@pytest.fixture
def system(package: Path, tmp_path: Path) -> Iterator[System]:
    if not (DEBIAN / "made").exists():
        shutil.rmtree(DEBIAN, ignore_errors=True)
        options = ["--variant=minbase", f"--include={PACKAGES}"]
        subprocess.run(["debootstrap", *options, "trixie", DEBIAN], check=True)
        (DEBIAN / "made").touch()
    made = System(tmp_path)
    (tmp_path / "changes" / "tmp").mkdir(parents=True)
    (tmp_path / "changes" / "tmp").chmod(0o1777)
    shutil.copy(package, tmp_path / "changes" / "tmp" / "rtcguard.deb")
    yield made
    shutil.rmtree(tmp_path / "changes")


INSTALL = "apt-get install --yes --quiet --no-install-recommends /tmp/rtcguard.deb 2>&1; "
ASK = (
    "import urllib.request as r; "
    "o = r.build_opener(r.ProxyHandler({'http': 'http://127.0.0.1:8080'})); "
    "print(o.open('http://rtcguard.test/').read().decode())"
)
RUN = (
    "rtcguard init /etc/rtcguard/gateway.yaml; "
    "install -d -o rtcguard -g rtcguard -m 700 /var/lib/rtcguard; "
    "export RTCGUARD_STATE_DIR=/var/lib/rtcguard; "
    "setpriv --reuid rtcguard --regid rtcguard --clear-groups "
    "rtcguard run --config /etc/rtcguard/gateway.yaml >/tmp/log 2>&1 & pid=$!; "
    "until grep -q '^ready' /tmp/log; do "
    "  kill -0 $pid 2>/dev/null || { cat /tmp/log; exit 1; }; sleep 0.1; done; "
    f'python3.13 -c "{ASK}"; kill $pid; wait $pid; cat /tmp/log; '
)
TRUST = "RTCGUARD_STATE_DIR=/var/lib/rtcguard rtcguard ca install --for system; "
GATEWAY = (
    "rm /etc/rtcguard/gateway.yaml; ip link add lan0 type veth peer name lan1; "
    "printf 'version: 1\\ngateway: {interfaces: [lan0]}\\n' >/etc/rtcguard/gateway.yaml; "
    "rtcguard gateway up --config /etc/rtcguard/gateway.yaml; nft list tables; "
)


def test_it_is_installed_run_and_purged(system: System) -> None:
    before, users = system.files(), system.users()
    system.run(INSTALL)
    assert system.run("rtcguard --version").startswith("rtcguard, version ")
    assert "rtcguard" in system.users()
    # Nothing is enabled, and nothing that somebody else may write belongs to it.
    assert "rtcguard" not in system.run("find /etc/systemd -name '*rtcguard*'")
    assert not system.run(
        "dpkg -L rtcguard | while read -r file; do "
        "  find \"$file\" -maxdepth 0 ! -type l '(' -perm /022 -o ! -user root ')'; done"
    )
    system.run("systemd-analyze verify /usr/lib/systemd/system/rtcguard*.service")
    assert "This browser comes through rtcguard" in system.run(RUN)
    complete = (
        'bash -c ". /usr/share/bash-completion/bash_completion; _comp_load rtcguard; '
        'COMP_WORDS=(rtcguard rel); COMP_CWORD=1; _rtcguard_completion rtcguard; echo \\$COMPREPLY"'
    )
    assert system.run(complete) == "reload\n"
    # Running it wrote nothing beside its state; bytecode came with the package.
    assert not system.run("find /usr /etc -newer /tmp/log -name '*.pyc'")

    trusted = "ls /etc/ssl/certs | grep -i rtcguard; "
    assert system.run(f"{TRUST}{trusted}")
    told = system.run(GATEWAY + "dpkg --purge rtcguard; nft list tables; ip rule; echo after")
    assert "table inet rtcguard" in told.partition("Purging")[0].partition("Removing")[0]
    assert "table" not in told.partition("Removing")[2].partition("0:\tfrom all")[0]
    system.run("rm -f /tmp/rtcguard.deb /tmp/log")
    (system.upper / "changes" / "tmp" / "rtcguard.deb").touch()
    before = {line for line in before if not line.startswith("/tmp/")}
    assert {line for line in system.files() if not line.startswith("/tmp/")} == before
    assert system.users() == users


def test_removing_keeps_what_purging_takes(system: System) -> None:
    system.run(INSTALL + RUN + "dpkg --remove rtcguard")
    left = system.run("ls -A /var/lib/rtcguard /etc/rtcguard")
    assert "ledger.sqlite3" in left and "gateway.yaml" in left
    assert "rtcguard" in system.run("cat /etc/passwd")
    system.run(INSTALL)  # and it goes on with what it had
    assert "gateway.yaml" in system.run("rtcguard check /etc/rtcguard/gateway.yaml")


BOOTED = """
trap 'journalctl -u rtcguard -u rtcguard-gateway -o cat --no-pager' EXIT
ip link add lan0 type veth peer name lan1
apt-get install --yes --quiet --no-install-recommends /tmp/rtcguard.deb
echo "enabled: $(systemctl is-enabled rtcguard rtcguard-gateway | xargs)"
echo turn-secret >/etc/rtcguard/turn.secret
chown root:rtcguard /etc/rtcguard/turn.secret
chmod 640 /etc/rtcguard/turn.secret
rtcguard init --preset gateway /etc/rtcguard/gateway.yaml
systemctl enable --now rtcguard-gateway rtcguard
ready() { until journalctl -u rtcguard -o cat --no-pager | grep -c '^ready' | grep -qx "$1"
    do systemctl is-active --quiet rtcguard || return 1; sleep 0.3; done; }
active() { echo "$1: $(systemctl is-active rtcguard-gateway rtcguard | xargs) $(nft list tables)"; }
ready 1
active started
ask
systemctl reload rtcguard
systemctl kill --signal=KILL rtcguard
sleep 3
ready 2
active killed
sh /var/lib/dpkg/info/rtcguard.postinst configure 0.0.1-1
ready 3
active upgraded
apt-get purge --yes --quiet rtcguard
echo "left: $(nft list tables) $(systemctl list-units --all --plain --quiet 'rtcguard*')"
"""


def test_its_services_run_under_systemd(system: System) -> None:
    folder = system.upper / "changes" / "opt"
    folder.mkdir()
    shutil.move(system.upper / "changes" / "tmp" / "rtcguard.deb", folder)  # /tmp is emptied
    script = BOOTED.replace("/tmp/", "/opt/").replace("\nask\n", f'\npython3.13 -c "{ASK}"\n')
    told = system.boot(script)
    assert "\nenabled: disabled disabled\n" in told
    for state in ("started", "killed", "upgraded"):
        assert f"\n{state}: active active table inet rtcguard\n" in told
    assert "This browser comes through rtcguard" in told
    assert "Reloaded rtcguard.service" in told
    assert "\nleft:  \n" in told


def test_lintian_finds_no_error(package: Path) -> None:
    if shutil.which("lintian") is None:
        cannot_run("lintian is missing (Debian's package of that name)")
    ask = ["lintian", "--allow-root", "--fail-on", "error", str(package)]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
