"""A process of the lab's, as the demo's are."""

from rtcguard.demo.process import NetworkError as LabError
from rtcguard.demo.process import Process

__all__ = ["LabError", "Process"]
