"""`rtcguard ca` as it is called: Debian's real store and Firefox's real policy on a machine whose
/etc is a copy, NSS by the real certutil, and both browsers with what came of it.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.x509 import DNSName
from mitmproxy.certs import CertStore
from mitmproxy.options import CONF_BASENAME, KEY_SIZE
from playwright.sync_api import sync_playwright

from rtcguard.cli.ca import _KINDS
from rtcguard.desktop import trust
from rtcguard.proxy import authority
from tests.browsers.environment import BrowserError, environment
from tests.browsers.firefox import Preferences
from tests.browsers.tab import ChromiumTabs, Tab, running_firefox
from tests.desktop.session import as_root, needs
from tests.lab.browser import CHROMIUM, QUIET
from tests.lab.ca import LabCA
from tests.process import Running, running

LOCAL = Path("/usr/local/share/ca-certificates")
BUNDLE = Path("etc/ssl/certs/ca-certificates.crt")
NOBODY = 65534
POLICY = Path("etc/firefox/policies/policies.json")


@dataclass
class User:
    """A user with a home of its own. `within` runs a command where /etc and Debian's folder for
    authorities are copies in `root`, which nobody else sees."""

    home: Path
    state: Path
    root: Path

    @property
    def within(self) -> list[str]:
        mounts = (
            f"mount --bind {shlex.quote(str(self.root / 'etc'))} /etc && "
            f"mount --bind {shlex.quote(str(self.root / 'local'))} {LOCAL} && "
            'exec "$@"'
        )
        return ["unshare", "--mount", "--", "sh", "-c", mounts, "sh"]

    def ca(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [*self.within, sys.executable, "-m", "rtcguard", "ca", *arguments],
            env={**environment(self.home), "RTCGUARD_STATE_DIR": str(self.state), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    @property
    def certificate(self) -> Path:
        return self.state / "ca" / "mitmproxy-ca-cert.pem"

    def verified(self) -> bool:
        """Whether OpenSSL takes a site's certificate of this authority by the system's bundle."""
        store = CertStore.from_store(self.state / "ca", CONF_BASENAME, KEY_SIZE)
        leaf = self.root / "leaf.pem"
        leaf.write_bytes(store.get_cert("site.example", [DNSName("site.example")]).cert.to_pem())
        openssl = ["openssl", "verify", "-CAfile", self.root / BUNDLE, leaf]
        return subprocess.run(openssl, capture_output=True, check=False).returncode == 0


@pytest.fixture
def user(tmp_path: Path) -> User:
    needs("certutil")
    as_root()
    shutil.copytree("/etc", tmp_path / "root" / "etc", symlinks=True)
    shutil.copytree(LOCAL, tmp_path / "root" / "local", symlinks=True)
    return User(tmp_path / "home", tmp_path / "state", tmp_path / "root")


def test_all_stores_in_and_out(user: User) -> None:
    profile = user.home / ".mozilla" / "firefox" / "a.default"
    profile.mkdir(parents=True)
    (profile.parent / "profiles.ini").write_text("[Profile0]\nIsRelative=1\nPath=a.default\n")
    # An authority of the same name, as an earlier rtcguard's, is told of and left.
    authority.make(user.home)
    earlier = (user.home / "mitmproxy-ca-cert.pem").read_text()
    (user.root / "local" / "earlier.crt").write_text(earlier)
    subprocess.run([*user.within, "update-ca-certificates"], capture_output=True, check=True)
    before = (user.root / BUNDLE).read_bytes()
    links = {path.name for path in (user.root / BUNDLE).parent.iterdir()}
    assert earlier in before.decode()
    code, out, err = user.ca("status")
    assert (code, out) == (2, "") and "`rtcguard ca install`" in err and len(err.splitlines()) == 1
    code, out, err = user.ca("install")
    assert (code, err) == (0, "")
    rows = [line.split(":")[0] for line in out.splitlines()]
    assert rows == [
        f"system /{BUNDLE}",
        f"nss {user.home}/.pki/nssdb",
        f"firefox {profile}",
        f"firefox-policy /{POLICY}",
    ]
    assert all(": trusted now" in line for line in out.splitlines())
    assert user.verified()
    assert user.certificate.read_text() in (user.root / BUNDLE).read_text()
    code, out, _ = user.ca("status")
    assert code == 0
    head, *told = out.splitlines()
    assert head.startswith(f"authority {user.certificate}, until 20")
    assert len(told) == 4 and all(": trusted" in line for line in told)
    assert ["another authority" in line for line in told] == [True, False, False, False]
    code, out, _ = user.ca("remove")
    assert code == 0 and out.count(": removed") == 4 and out.count("another authority") == 1
    assert (user.root / BUNDLE).read_bytes() == before
    assert {path.name for path in (user.root / BUNDLE).parent.iterdir()} == links
    assert not user.verified()
    assert not (user.root / POLICY).exists()
    code, out, _ = user.ca("status")
    assert code == 1 and out.count(": not there") == 4


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder whose parents everybody may enter, as no folder of pytest's is."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_without_rights(user: User, open_to_all: Path) -> None:
    """What root is needed for is said in one line that can be copied; the rest is done."""
    user.home, user.state = open_to_all / "home", open_to_all / "state"
    for folder in (user.home, user.state):
        folder.mkdir()
        os.chown(folder, NOBODY, NOBODY)
    # Somebody who may read everything, as where the tests' own Python is, and write nothing.
    caps = "+dac_read_search"
    nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    nobody += [f"--inh-caps={caps}", f"--ambient-caps={caps}"]
    argv = [*user.within, *nobody, sys.executable, "-m", "rtcguard", "ca", "install"]
    told = {**environment(user.home), "RTCGUARD_STATE_DIR": str(user.state)}
    done = subprocess.run(argv, env=told, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and done.stdout, done.stderr
    assert done.stdout.startswith(f"nss {user.home}/.pki/nssdb: trusted now")
    system, hint = done.stderr.splitlines()
    assert system == f"system /{BUNDLE}: {LOCAL}: only root may write there"
    assert hint.startswith(f"as root: sudo env RTCGUARD_STATE_DIR={user.state} ")
    assert hint.endswith(" ca install --for system")
    # As it says: the same authority, by the other way.
    code_, out, err = user.ca(*hint.partition(" ca ")[2].split(), SUDO_USER="somebody")
    assert (code_, err) == (0, "") and "trusted now" in out
    assert user.verified()


def test_root_s_own_authority_is_not_made_under_sudo(user: User) -> None:
    code, out, err = user.ca("install", SUDO_USER="somebody")
    assert (code, out) == (2, "")
    assert "run this without sudo first" in err and not user.certificate.exists()


def test_bad_input(user: User) -> None:
    for arguments, problem in (
        (["install", "--for", "java"], "'java' is not one of"),
        (["status", "--for", "firefox"], "no store of the kind firefox is known"),
    ):
        user.certificate.parent.mkdir(parents=True, exist_ok=True)
        user.certificate.write_bytes(LabCA(user.certificate.parent).certificate.read_bytes())
        code, _, err = user.ca(*arguments)
        assert code == 2 and problem in err.splitlines()[-1]
    user.certificate.write_text("no certificate")
    code, _, err = user.ca("status")
    assert code == 2 and "is not one certificate in PEM" in err


def test_the_kinds_are_those_of_the_stores() -> None:
    assert _KINDS == trust.KINDS


# Browsers ----------------------------------------------------------------------------------------

SITE = "https://rtcguard.test/"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("run")) as started:
        yield started


@pytest.fixture
def guarded(user: User, run: Running) -> User:
    """A user whose authority is that of the proxy that runs."""
    user.state = run.state
    return user


def shown(tab: Tab) -> str:
    """What the page over TLS says, or why it did not open: no browser here is told to overlook a
    certificate."""
    try:
        tab.goto(SITE)
        text: str = tab.evaluate("() => document.body.innerText")
        return text
    except BrowserError as error:
        return str(error)


def test_chromium_opens_pages_without_a_warning(guarded: User, run: Running) -> None:
    def opened() -> str:
        flags = [*QUIET, "--no-sandbox", f"--proxy-server=http://127.0.0.1:{run.port}"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=flags, env={**environment(guarded.home)}
            )
            try:
                with ChromiumTabs(browser).open() as tab:
                    return shown(tab)
            finally:
                browser.close()

    guarded.home.mkdir()
    assert "ERR_CERT_AUTHORITY_INVALID" in opened(), "the control"
    assert guarded.ca("install", "--for", "nss")[0] == 0
    assert "comes through rtcguard" in opened()


def test_firefox_opens_pages_without_a_warning(guarded: User, run: Running) -> None:
    """By its profile's own database, and by the policy file of the machine."""
    profile = guarded.home / "profile"  # where running_firefox has it
    root = guarded.home / ".mozilla" / "firefox"
    root.mkdir(parents=True)
    (root / "profiles.ini").write_text(f"[Profile0]\nIsRelative=0\nPath={profile}\n")
    preferences: Preferences = {
        "network.proxy.type": 1,
        "network.proxy.ssl": "127.0.0.1",
        "network.proxy.ssl_port": run.port,
    }

    def opened() -> str:
        browser = running_firefox(guarded.home, preferences, within=guarded.within)
        with browser as tabs, tabs.open() as tab:
            return shown(tab)

    assert "SEC_ERROR_UNKNOWN_ISSUER" in opened(), "the control"
    for kind in ("firefox-policy", "firefox"):
        assert guarded.ca("install", "--for", kind)[0] == 0
        assert "comes through rtcguard" in opened()
        # What the policy has put into the profile is the profile's own to remove.
        code, out, _ = guarded.ca("remove", "--for", "firefox", "--for", "firefox-policy")
        assert code == 0 and f"firefox {profile}: removed" in out
        assert guarded.ca("status", "--for", "firefox", "--for", "firefox-policy")[0] == 1
