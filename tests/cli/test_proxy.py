"""`rtcguard proxy` as it is called, in a session with real settings of GNOME, beside a real run."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from rtcguard.cli.proxy import _NAMES
from rtcguard.desktop.proxy import DESKTOPS
from rtcguard.web.pac import pac
from tests.browsers.environment import BrowserError
from tests.browsers.tab import ChromiumTabs, Tab, running_firefox
from tests.desktop.session import command, session
from tests.lab.browser import CHROMIUM, QUIET
from tests.origin import free_port, serve
from tests.process import Running, rtcguard, running

SCHEMA = "org.gnome.system.proxy"


@dataclass
class Session:
    folder: Path
    variables: dict[str, str]

    def proxy(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of one command, beside the run's state."""
        state = self.folder / "state"
        done = rtcguard(["proxy", *arguments], state, variables=self.variables)
        assert b"Traceback" not in done.stderr
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def on(self, run: Running, *arguments: str) -> None:
        code, out, err = self.proxy("on", "--proxy", f"127.0.0.1:{run.port}", *arguments)
        assert (code, err) == (0, ""), err
        assert out.startswith("gnome: leads to rtcguard")

    @property
    def mode(self) -> str:
        return command(self.variables, "gsettings", "get", SCHEMA, "mode").strip()

    @property
    def port(self) -> str:
        return command(self.variables, "gsettings", "get", f"{SCHEMA}.https", "port").strip()


@pytest.fixture
def gnome(tmp_path: Path) -> Iterator[Session]:
    with session(tmp_path, "GNOME") as variables:
        command(variables, "gsettings", "set", f"{SCHEMA}.https", "port", "3128")
        yield Session(tmp_path, variables)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A run that knows nothing of these sessions, as a service's or another user's."""
    with running(tmp_path_factory.mktemp("elsewhere")) as run:
        yield run


def test_undone_when_the_run_is_asked_to_end(gnome: Session) -> None:
    with running(gnome.folder, variables=gnome.variables) as run:
        gnome.on(run)
        place = f"127.0.0.1:{run.port}"
        code, out, _ = gnome.proxy("status", "--proxy", place)
        assert (code, out.splitlines()[-1]) == (0, f"{place}: rtcguard answers")
        assert gnome.mode == "'manual'"
        assert run.stop() == 0
        assert run.process.stdout is not None
        assert "desktop gnome: as before: no proxy" in run.process.stdout.read()
    assert (gnome.mode, gnome.port) == ("'none'", "3128")
    code, out, _ = gnome.proxy("status", "--proxy", place)
    assert code == 1
    assert out.splitlines()[-1] == f"{place}: nothing answers"


def test_after_a_kill_it_stays_for_the_next_run_or_off(gnome: Session) -> None:
    with running(gnome.folder, variables=gnome.variables) as run:
        gnome.on(run)
        run.process.kill()
        run.process.wait()
    assert gnome.mode == "'manual'"
    with serve() as origin:  # one that cannot begin, either
        listen = ["run", "--listen", f"127.0.0.1:{origin.port}"]
        failed = rtcguard(listen, gnome.folder / "state", variables=gnome.variables)
        assert failed.returncode == 2
        assert b"desktop gnome still leads here" in failed.stdout
    assert gnome.mode == "'manual'"
    with running(gnome.folder, "", "--listen", f"127.0.0.1:{run.port}",
                 variables=gnome.variables) as again:  # fmt: skip
        assert "desktop gnome leads here until the end" in again.lines
        assert gnome.mode == "'manual'"
        memory = gnome.folder / "state" / "desktop.json"
        kept = memory.read_text()
        memory.write_text("{}")
        assert again.stop() == 1, "it could not be put back"
    memory.write_text(kept)
    code, out, _ = gnome.proxy("off")
    assert (code, out) == (0, "gnome: as before: no proxy\n")
    assert (gnome.mode, gnome.port) == ("'none'", "3128")


def test_chromium_comes_through_by_the_setting_alone(gnome: Session, elsewhere: Running) -> None:
    """No switch tells it of a proxy: GNOME's setting does, or KDE's."""

    def shown(**desktop: str) -> str:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM,
                args=["--no-sandbox", *QUIET],
                env={**gnome.variables, **desktop},
            )
            try:
                with ChromiumTabs(browser).open() as tab:
                    tab.goto("http://rtcguard.test/")
                    text: str = tab.evaluate("() => document.body.innerText")
                    return text
            except BrowserError as error:
                return str(error)
            finally:
                browser.close()

    place = f"127.0.0.1:{elsewhere.port}"
    assert "ERR_NAME_NOT_RESOLVED" in shown(), "the control"
    code, _, err = gnome.proxy("on", "--proxy", place)
    assert code == 0 and "has another state folder" in err, "it will not undo this at its end"
    assert "comes through rtcguard" in shown()
    gnome.proxy("off")
    assert gnome.proxy("on", "--for", "kde", "--proxy", place)[0] == 0
    assert "comes through rtcguard" in shown(XDG_CURRENT_DESKTOP="KDE", KDE_SESSION_VERSION="5")


def test_firefox_comes_through_on_any_desktop(gnome: Session, elsewhere: Running) -> None:
    """On KDE, too, it is GNOME's setting that it reads; so both are set there."""
    gnome.variables["XDG_CURRENT_DESKTOP"] = "KDE"
    preferences = {"network.proxy.type": 5}  # the system's, which is its default

    def shown(tab: Tab) -> str:
        try:
            tab.goto("http://rtcguard.test/")
            text: str = tab.evaluate("() => document.body.innerText")
            return text
        except BrowserError as error:
            return str(error)

    browser = running_firefox(gnome.folder, preferences, variables=gnome.variables)
    with browser as tabs, tabs.open() as tab:
        assert "NS_ERROR_UNKNOWN_HOST" in shown(tab), "the control"
        code, out, _ = gnome.proxy("on", "--proxy", f"127.0.0.1:{elsewhere.port}")
        assert code == 0
        assert [line.split(":")[0] for line in out.splitlines()] == ["gnome", "kde"]
        assert "comes through rtcguard" in shown(tab)


def test_status_of_a_stranger(gnome: Session) -> None:
    """Something answers there that is no proxy of ours."""
    with serve() as origin:
        place = f"127.0.0.1:{origin.port}"
        code, _, err = gnome.proxy("on", "--proxy", place)
        assert code == 0 and "rtcguard does not answer there yet" in err
        code, out, _ = gnome.proxy("status", "--proxy", place)
        assert code == 1
        assert out.splitlines()[-1] == f"{place}: something else answers"


def test_one_is_chosen(gnome: Session) -> None:
    code, out, _ = gnome.proxy("on", "--for", "environment")
    assert code == 0 and out.startswith("environment: leads to rtcguard")
    assert gnome.mode == "'none'"
    # `off` knows of it without being told.
    code, out, _ = gnome.proxy("off")
    assert code == 0
    assert out.startswith("environment: as before: no proxy\ngnome: did not lead to rtcguard")
    code, _, err = gnome.proxy("on", "--for", "macos")
    assert code == 1
    assert err == "macos: the command `networksetup` is not there\n"


def test_the_environment_file_is_what_a_shell_and_systemd_read(gnome: Session) -> None:
    gnome.proxy("on", "--for", "environment", "--proxy", "127.0.0.1:3128")
    (file,) = (gnome.folder / ".config" / "environment.d").iterdir()
    shell = f"set -a; . {file}; env -0"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True, env={})
    told = dict(row.split("=", 1) for row in done.stdout.split("\0") if "=" in row)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        assert told[name] == told[name.upper()] == "http://127.0.0.1:3128"
    assert told["no_proxy"] == told["NO_PROXY"] == "localhost,127.0.0.1,::1"
    generator = Path(
        "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"
    )
    made = subprocess.run([generator], capture_output=True, text=True, check=True,
                          env={"HOME": str(gnome.folder)})  # fmt: skip
    rows = set(made.stdout.splitlines())
    assert {"http_proxy=http://127.0.0.1:3128", "NO_PROXY=localhost,127.0.0.1,::1"} <= rows


def test_listen_comes_from_the_configuration(gnome: Session) -> None:
    config = gnome.folder / "c.yaml"
    port = free_port()
    config.write_text(f"version: 1\nlisten: 0.0.0.0:{port}\n")
    code, out, _ = gnome.proxy("on", "--config", str(config))
    assert code == 0 and f"http 127.0.0.1:{port}, https 127.0.0.1:{port}" in out
    code, out, err = gnome.proxy("pac", "--config", str(config))
    assert code == 2 and out == "" and "--proxy HOST:PORT" in err
    code, out, _ = gnome.proxy("pac", "--proxy", "192.0.2.1:8080")
    assert (code, out) == (0, pac(("192.0.2.1", 8080)))


def test_bad_input(tmp_path: Path) -> None:
    for arguments, problem in (
        (["on", "--for", "amiga"], "'amiga' is not one of"),
        (["on", "--proxy", "8080"], "is not HOST:PORT"),
        (["on", "--config", "/nowhere.yaml"], "/nowhere.yaml: cannot be read"),
        (["sideways"], "No such command"),
    ):
        done = rtcguard(["proxy", *arguments], tmp_path)
        assert done.returncode == 2
        assert problem in done.stderr.decode().splitlines()[-1]
        assert b"Traceback" not in done.stderr


def test_not_under_sudo(gnome: Session) -> None:
    told = {**gnome.variables, "SUDO_USER": "somebody"}
    done = rtcguard(["proxy", "on"], gnome.folder / "state", variables=told)
    assert done.returncode == 2
    assert b"run this without sudo" in done.stderr


def test_the_names_are_those_of_the_desktops() -> None:
    assert sorted(_NAMES) == sorted(DESKTOPS)


def test_the_memory_is_for_its_owner_only(gnome: Session) -> None:
    gnome.proxy("on")
    file = gnome.folder / "state" / "desktop.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert re.search(r"rtcguard|gnome", file.read_text()) and json.loads(file.read_text())
