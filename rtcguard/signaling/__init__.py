"""Ring 2, pure: SDP and candidates found inside whatever carries them, edited with equal length.

message     what comes in and what goes out
scan        one search for everything that the rest begins from
views       windows of clear text on a message's bytes, with the way back; `opening` says which are
            opened where: `escapes`, `radix`, `deflate`
sdp         where candidates and addresses stand in SDP; `structured`: in fields; `servers`: where
            ICE servers do
judge       what is decided about each, what is written over it (`edits`), what is recorded
rewriter    the walk: views, findings, decisions, edits
offers      approved servers put into lists; `links`: into HTTP headers; `livekit`, `chime`
            (`protobuf`): into what these clients are sent
segments    messages that a protocol cuts over several of WebSocket
"""

from rtcguard.signaling.judge import forget
from rtcguard.signaling.message import Message, Rewrite
from rtcguard.signaling.rewriter import rewrite

__all__ = ["Message", "Rewrite", "forget", "rewrite"]
