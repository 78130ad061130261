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

_MOST: Final = 2_000  # lines of one file that are shown


@dataclass(frozen=True, slots=True)
class File:
    """`lines` is empty where it cannot be read. `changed`: it is not what is in force."""

    label: str
    path: str
    lines: list[Line]
    left: int  # lines that are not shown
    changed: bool


def _read(config: Config) -> list[File]:
    made = []
    for path, label in labels(config.files).items():
        try:
            with open(path, "rb") as file:
                text = file.read(MAX_BYTES).decode("utf-8-sig", "replace")
        except OSError:
            made.append(File(label, path, [], 0, True))
            continue
        lines = masked(text)
        if lines is None:
            made.append(File(label, path, [], 0, True))
            continue
        stands = {line.number: line.text for line in lines}
        changed = any(
            rule.name not in stands.get(rule.line, "") for rule in config.rules if rule.file == path
        )
        made.append(File(label, path, lines[:_MOST], max(0, len(lines) - _MOST), changed))
    return made


async def rules(request: Request) -> Response:
    for_machine(request)
    policy = site_of(request).policy
    files = await run_in_threadpool(_read, policy.config)
    warnings = [str(warning) for warning in policy.config.warnings]
    return render(request, "rules.html", files=files, version=policy.version, warnings=warnings)


routes: Final = (Route("/rules", rules),)
