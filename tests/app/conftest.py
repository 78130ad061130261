"""The namespaces of the firewall's tests."""

from tests.network.conftest import wires

__all__ = ["wires"]
