"""The time of day that rules speak of: this machine's own."""

import time


def minute_of_week() -> int:
    """Minutes since Monday 00:00, local time."""
    now = time.localtime()
    return (now.tm_wday * 24 + now.tm_hour) * 60 + now.tm_min
