"""Benchmarks: what rtcguard costs, side by side with what would run without it.

    python -m tests.bench            all of them, in under three minutes
    python -m tests.bench proxy      one; the others: startup, rewrite, first_byte,
                                     messages, download, stun

Figures are printed, never asserted: the same code is twice as slow on a busy machine. What can be
compared is measured in alternating rounds of the same minute, on the same core.
"""
