"""The time of day that rules speak of: this machine's own."""

import time


def minute_of_week(at: float | None = None) -> int:
    """Minutes since Monday 00:00, local time; now, or at a time in seconds since 1970."""
    now = time.localtime(at)
    return (now.tm_wday * 24 + now.tm_hour) * 60 + now.tm_min
