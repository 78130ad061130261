"""What every test stands on."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A loaded machine makes one example slow; that is no defect. The same examples each time make a red
# run one that anybody can repeat; RTCGUARD_EXAMPLES=5000 looks for new ones.
look_for_new = "RTCGUARD_EXAMPLES" in os.environ
settings.register_profile("rtcguard", deadline=None, derandomize=not look_for_new)
settings.load_profile("rtcguard")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Parts the tests among the processes of `make test`: the lab is built once, so its tests all
    go to one; of the others those of a file stay together, for they share what it sets up."""
    root = Path(__file__).parent
    for item in items:
        place = item.path.relative_to(root)
        group = "lab" if place.parts[0] == "lab" else str(place)
        item.add_marker(pytest.mark.xdist_group(group))
