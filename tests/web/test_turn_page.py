"""The approved TURN servers, asked from the site by real allocations on a real coturn."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import sync_playwright

from tests.lab.browser import CHROMIUM
from tests.origin import free_port
from tests.process import running
from tests.turn import PASSWORD, USER, running_turn
from tests.web.asking import Answered, ask

WRONG = "a-wrong-password"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a site with a server that works, one with another password, and one that is not there."""
    folder, port = tmp_path_factory.mktemp("turn"), free_port()
    with running_turn(folder / "coturn") as turn:
        of = "turn:127.0.0.1"
        servers = ", ".join(
            f"{{urls: ['{of}:{at}?transport={how}'], username: {USER}, credential: {password}}}"
            for at, how, password in (
                (turn.port, "udp", PASSWORD),
                (turn.port, "tcp", WRONG),
                (free_port(), "tcp", PASSWORD),
            )
        )
        config = f"web: {{listen: '127.0.0.1:{port}'}}\nrelay: {{servers: [{servers}]}}\n"
        with running(folder / "run", config):
            yield port


def posted(port: int, origin: str | None, **more: str) -> Answered:
    headers = {} if origin is None else {"origin": origin}
    return ask(port, "/turn", {**headers, **more}, method="POST")


def test_asked_by_a_button(port: int) -> None:
    before = ask(port, "/turn")
    assert before.status == 200 and "not asked since" in before.text
    for origin in ("http://elsewhere.example", "null", None, f"http://localhost:{port}"):
        assert posted(port, origin).status == 403, origin
    assert (
        posted(port, f"http://127.0.0.1:{port}", **{"sec-fetch-site": "cross-site"}).status == 403
    )
    assert "not asked since" in ask(port, "/turn").text  # none of these has asked

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        tab = browser.new_page()
        tab.goto(f"http://127.0.0.1:{port}/turn")
        tab.get_by_role("button", name="Ask each of them").click(timeout=60_000)
        tab.get_by_role("heading", name="What came of it").wait_for()
        browser.close()
    page = ask(port, "/turn").text
    sections = [part.partition("</section>")[0] for part in page.split("<section")[1:]]
    assert len(sections) == 3
    assert "allocates at 127.0.0.1" in sections[0] and "does not work" not in sections[0]
    assert "answers 401" in sections[1] and "does not work" in sections[1]
    assert "does not work" in sections[2] and "What to do:" in sections[2]
    assert not any(secret in page for secret in (PASSWORD, WRONG))

    again = posted(port, f"http://127.0.0.1:{port}")
    assert again.status == 429 and int(again.headers["retry-after"]) > 0
    assert "asked a moment ago" in again.text
