"""Options that several commands share."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from rtcguard.app.question import minute_of
from rtcguard.policy.model import HostPort
from rtcguard.policy.yaml_values import parse_duration, parse_host_port

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration; without it, the safe built-in defaults.",
)


class HostPortType(click.ParamType[HostPort]):
    """`127.0.0.1:8080` or `[::1]:8080`."""

    name = "HOST:PORT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> HostPort:
        parsed = parse_host_port(value)
        return parsed or self.fail(f"{value!r} is not HOST:PORT or [IPV6]:PORT", param, ctx)


class MinuteType(click.ParamType[int]):
    """`mon 09:30`: a minute of the week."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        minute = minute_of(value)
        return (
            self.fail(f"{value!r} is not like `mon 09:30`", param, ctx)
            if minute is None
            else minute
        )


class DurationType(click.ParamType[int]):
    """`30m`, `24h`, `90d`: seconds."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return parse_duration(value) or self.fail(
            f"{value!r} is not like 30m, 24h, 90d", param, ctx
        )


class MomentType(click.ParamType[datetime]):
    """`24h` (so long ago), `2026-11-26`, `2026-11-26 10:00`: local time, unless it names a zone. Of
    a date, `end` takes the end of the day."""

    name = "TIME"

    def __init__(self, *, end: bool = False) -> None:
        self._end = end

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        from rtcguard.ledger.span import moment  # its imports take a while

        try:
            return moment(value, end=self._end)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class PatternType(click.ParamType[str]):
    """One of some words, or a pattern with `*` for any of them."""

    name = "NAME"

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if "*" not in value and value not in self._words:
            self.fail(f"{value!r} is none of {', '.join(self._words)}", param, ctx)
        text: str = value
        return text
