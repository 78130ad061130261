"""`/help`: the texts of `help/*.md`, rendered. HTML in them is shown as it is written."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rtcguard.web.serving import FOLDER, render

_FOLDER: Final = FOLDER / "help"


@dataclass(frozen=True, slots=True)
class Text:
    name: str
    title: str
    html: Markup


def read(folder: Path) -> dict[str, Text]:
    """Every text of a folder, by its name; the first heading of each is its title."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    made = {}
    for path in sorted(folder.glob("*.md")):
        tokens = reader.parse(path.read_text("utf-8"))
        title = ""
        for token, after in pairwise(tokens):
            if token.type == "heading_open":
                token.attrSet("id", _anchor(after.content))
                title = title or after.content
            elif token.type == "table_open":
                token.attrSet("tabindex", "0")
        html = reader.renderer.render(tokens, reader.options, {})
        # On a phone, lines of code and tables are wider than the page: keys have to reach what
        # scrolls.
        html = html.replace("<pre>", '<pre tabindex="0">')
        made[path.stem] = Text(path.stem, title or path.stem, Markup(html))
    return made


def _anchor(title: str) -> str:
    """As GitHub has it, so that links hold in both places."""
    kept = "".join(one for one in title.lower() if one.isalnum() or one in " -_")
    return kept.replace(" ", "-")


@cache
def texts() -> dict[str, Text]:
    return read(_FOLDER)


async def index(request: Request) -> Response:
    return render(request, "help.html", texts=list(texts().values()), text=None)


async def text(request: Request) -> Response:
    name = request.path_params["name"].removesuffix(".md")
    found = texts().get(name)
    if found is None:
        raise HTTPException(404)
    return render(request, "help.html", texts=list(texts().values()), text=found)


routes: Final = (Route("/help", index), Route("/help/{name}", text))
