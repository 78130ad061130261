"""rtcguard: a local filtering proxy and TURN-only enforcer against WebRTC address leaks."""

__version__ = "0.1.0"
