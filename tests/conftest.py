"""What every test stands on."""

import functools
import os
import re
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# Tests start rtcguard and other programs of ours some hundred times, each in several processes:
# what they import is compiled once, whatever the environment says.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A loaded machine makes one example slow; that is no defect. The same examples each time make a red
# run one that anybody can repeat; RTCGUARD_EXAMPLES=5000 looks for new ones.
look_for_new = "RTCGUARD_EXAMPLES" in os.environ
settings.register_profile("rtcguard", deadline=None, derandomize=not look_for_new)
settings.load_profile("rtcguard")

_BROWSERS: Final = re.compile(
    r"^(from|import) (tests\.browsers|tests\.lab\.browser|playwright)", re.M
)
_ROOT: Final = Path(__file__).parents[1]

# About how many seconds the longest files take; every other is taken for a short one.
_SHORT: Final = 15
_SECONDS: Final = {
    "tests/lab/applications/test_applications.py": 240,
    "tests/lab/test_ways.py": 170,
    "tests/signaling/test_rewriter_properties.py": 85,
    "tests/proxy/test_kinds_browser.py": 75,
    "tests/lab/test_presets.py": 65,
    "tests/lab/test_calls.py": 60,
    "tests/lab/test_leaktest.py": 60,
    "tests/page/test_conformance.py": 60,
    "tests/lab/test_guarded.py": 55,
    "tests/lab/transparent/test_browsers.py": 50,
    "tests/lab/transparent/test_killed.py": 50,
    "tests/proxy/test_turn.py": 50,
    "tests/lab/test_policy.py": 45,
    "tests/lab/transparent/test_programs.py": 45,
    "tests/proxy/test_worker_documents.py": 45,
    "tests/lab/test_control.py": 40,
    "tests/lab/test_sinkhole.py": 40,
    "tests/lab/transparent/test_senders.py": 40,
    "tests/page/test_documents_browser.py": 40,
    "tests/page/test_realms_browser.py": 35,
    "tests/app/test_gateway.py": 30,
    "tests/cli/test_ca.py": 30,
    "tests/cli/test_proxy.py": 25,
    "tests/app/test_doctor_machine.py": 25,
    "tests/lab/test_demo.py": 25,
    "tests/lab/test_doctor.py": 20,
    "tests/ledger/fleet/test_outages.py": 30,
    "tests/page/test_guard_browser.py": 30,
    "tests/web/test_accessible_browser.py": 30,
    "tests/web/test_leaktest_page.py": 30,
    "tests/web/test_onboarding_browser.py": 30,
}


@functools.cache
def _has_browsers(file: str) -> bool:
    """Whether the tests of a file start browsers."""
    if file.startswith(("tests/lab/", "tests/page/")):
        return True
    return _BROWSERS.search((_ROOT / file).read_text()) is not None


class _Parts(LoadScopeScheduling):
    """Parts the tests between the processes of `make test`: file by file, for those of a file share
    what it sets up, and the longest first, so that no process is left with a long one at the end.

    Two browsers at once are a lot for a small machine. So those with browsers are the first
    process's, and the others help it with them only when they have done all else."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]

    def _assign_work_unit(self, node: WorkerController) -> None:
        first = node is self.nodes[0]

        def rank(file: str) -> tuple[bool, int]:
            return _has_browsers(file) is first, _SECONDS.get(file, _SHORT)

        self.workqueue.move_to_end(max(self.workqueue, key=rank), last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _Parts:
    return _Parts(config, log)
