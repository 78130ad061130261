"""What browsers of every kind of test have in common: their variables, and their errors."""

from __future__ import annotations

import os
from pathlib import Path


class BrowserError(Exception):
    """What a browser says where a page does not open, throws, or does not come to its end."""


def environment(home: Path) -> dict[str, str]:
    """The tests' own environment, without what would tell a browser of proxies and folders."""
    variables = {**os.environ, "HOME": str(home)}
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "XDG_DATA_HOME"):
        variables.pop(name, None)
        variables.pop(name.upper(), None)
    return variables
