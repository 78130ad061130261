"""`/rules`: the configuration's files, with a place for each line to be led to."""

from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rtcguard.policy.model import Config
from rtcguard.policy.yaml_nodes import MAX_BYTES
from rtcguard.web.rule_lines import Line, labels, masked
from rtcguard.web.serving import for_machine, render, site_of
from rtcguard.web.site import digest

_MOST: Final = 2_000  # lines of one file that are shown


@dataclass(frozen=True, slots=True)
class File:
    """`lines` is empty where it cannot be read."""

    label: str
    path: str
    lines: list[Line]
    left: int  # lines that are not shown
    changed: bool  # since it was taken


def _read(config: Config, taken: dict[str, str]) -> list[File]:
    """`taken` are the digests of what the files were when the policy in force was made of them."""
    made = []
    for path, label in labels(config.files).items():
        try:
            with open(path, "rb") as file:
                content = file.read(MAX_BYTES)
        except OSError:
            content = b""
        lines = masked(content.decode("utf-8-sig", "replace")) or []
        changed = digest(content) != taken.get(path)
        made.append(File(label, path, lines[:_MOST], max(0, len(lines) - _MOST), changed))
    return made


async def rules(request: Request) -> Response:
    for_machine(request)
    site = site_of(request)
    policy = site.policy
    files = await run_in_threadpool(_read, policy.config, site.taken)
    warnings = [str(warning) for warning in policy.config.warnings]
    return render(request, "rules.html", files=files, version=policy.version, warnings=warnings)


routes: Final = (Route("/rules", rules),)
