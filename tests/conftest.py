"""What every test stands on."""

import os
from typing import Final

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# Tests start rtcguard and other programs of ours some hundred times, each in several processes: what
# they import is compiled once, whatever the environment says.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A loaded machine makes one example slow; that is no defect. The same examples each time make a red
# run one that anybody can repeat; RTCGUARD_EXAMPLES=5000 looks for new ones.
look_for_new = "RTCGUARD_EXAMPLES" in os.environ
settings.register_profile("rtcguard", deadline=None, derandomize=not look_for_new)
settings.load_profile("rtcguard")

_WITH_BROWSERS: Final = (
    "tests/lab/",
    "tests/page/",
    "tests/proxy/test_kinds_browser.py",
    "tests/proxy/test_reports.py",
    "tests/proxy/test_worker_documents.py",
)


class _Parts(LoadScopeScheduling):
    """Parts the tests between the processes of `make test`. Those with browsers go to one, for the
    lab is built once, and two browsers at once want more than a small machine has; of the others
    those of a file stay together, for they share what it sets up."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        return "browsers" if file.startswith(_WITH_BROWSERS) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _Parts:
    return _Parts(config, log)
