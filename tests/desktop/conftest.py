"""Two authorities of one name."""

from pathlib import Path

import pytest

from rtcguard.desktop.certificate import Certificate, read
from rtcguard.proxy import authority


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return made(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="session")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Of the same name as ours, as every authority that mitmproxy makes."""
    return made(tmp_path_factory.mktemp("earlier"))


def made(folder: Path) -> Certificate:
    authority.make(folder)
    return read(folder / "mitmproxy-ca-cert.pem")
