"""`rtcguard doctor`: what works, what does not, and what to do about it.

To add checks: a module here with a function that gives `Check`s, and a line in `checks.py`.
"""
