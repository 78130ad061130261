"""Ring 2, pure: SDP and candidates found inside whatever carries them, edited with equal length.

    message   what comes in and what goes out
    views     windows of clear text on a message's bytes, with the way back
    sdp       where candidates and addresses stand in SDP
    edits     what is written over them
    rewriter  the walk: views, findings, decisions, edits

To look through one more encoding: a view in `views.py`, and where `_nested` opens it.
"""

from rtcguard.signaling.message import Message, Rewrite
from rtcguard.signaling.rewriter import rewrite

__all__ = ["Message", "Rewrite", "rewrite"]
