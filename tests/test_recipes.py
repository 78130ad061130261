"""The recipes of the help pages, run as they are written there."""

import http.server
import json
import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from tests.browsers.environment import environment
from tests.documents import HELP, blocks
from tests.lab.browser import CHROMIUM
from tests.origin import free_port
from tests.turn import running_turn

RECIPES = next(file for file in HELP if file.name == "recipes.md").read_text()
# A page that looks for its addresses, and tells what it found.
PAGE = b"""<!doctype html><script>
async function gather() {
  const connection = new RTCPeerConnection(), found = [];
  connection.createDataChannel("x");
  connection.onicecandidate = ({candidate}) => candidate && found.push(candidate.candidate);
  const ended = new Promise((resolve) => {
    connection.onicegatheringstatechange = () =>
      connection.iceGatheringState === "complete" && resolve();
  });
  await connection.setLocalDescription();
  await ended;
  return found.filter((text) => text);
}
</script>"""
SANDBOX = "'--no-sandbox'"  # root's browsers cannot have one


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def page() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def block(language: str, word: str) -> str:
    """The only block of that language with that word."""
    (found,) = (
        one.text for one in blocks(RECIPES) if one.language == language and word in one.text
    )
    return found


def test_without_rtcguard_the_page_finds_addresses(page: str, tmp_path: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], env=dict(environment(tmp_path))
        )
        tab = browser.new_page()
        tab.goto(page)
        assert any(" typ host" in one for one in tab.evaluate("gather()"))
        browser.close()


def test_browsers_in_ci_with_playwright(page: str, tmp_path: Path) -> None:
    port = free_port()
    code = block("python", "playwright").replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    assert "http://127.0.0.1:3000/" in code
    code = code.replace("http://127.0.0.1:3000/", page)
    code = code.replace("launch(", f"launch(executable_path={CHROMIUM!r}, args=[{SANDBOX}], ")
    code += "    import json; print(json.dumps(page.evaluate('gather()')), flush=True)\n"
    tests = tmp_path / "browser-tests"
    tests.write_text(f"#!{sys.executable}\n{code}")
    tests.chmod(0o755)

    script = block("sh", "./browser-tests")
    with running_turn(tmp_path / "turn") as turn:
        config = {"version": 1, "listen": f"127.0.0.1:{port}", "stun": {"listen": []}}
        config["relay"] = {"servers": [turn.server]}
        (tmp_path / "ci.yaml").write_text(json.dumps(config))
        variables = environment(tmp_path)
        variables["PATH"] = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-ec", f"{script}wait $!\n"],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found and all(" typ relay raddr 0.0.0.0" in one for one in found)
    assert (tmp_path / ".rtcguard" / "ledger.sqlite3").is_file()
    assert (tmp_path / "addresses.csv").read_text().startswith("address,")


def test_seleniums_recipe_is_python() -> None:
    """It was run by hand: its package and driver are not among what the tests install."""
    compile(block("python", "selenium"), "recipe", "exec")
