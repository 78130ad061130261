"""The far side of the call: an aiortc peer with host candidates only, as an SFU has.

It echoes on the data channel, takes in the media, and tells what its ICE agent learned of the other
side, because peer-reflexive addresses reach a site without ever being in its signaling.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

import aioice.ice
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceTransport,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.sdp import candidate_from_sdp

Record = Callable[[dict[str, Any]], None]

# A browser stops gathering once it is connected. The lab has no distances, so without this pause a
# call would sometimes connect before the browser had found all that it would tell elsewhere.
THINKING_SECONDS = 0.4

# An SFU does not resolve other people's mDNS names, and waiting for it would slow the lab down.
MDNS_LINE = re.compile(r"a=candidate:[^\r\n]*\.local [^\r\n]*\r?\n")
CANDIDATE_LINE = re.compile(r"^a=(candidate:[^\r\n]*)", re.MULTILINE)


def bind_only_to(addresses: Sequence[str]) -> None:
    """Let aioice gather on these addresses alone.

    All roles of the lab's internet share one namespace, and aioice has no option for the addresses
    to use: it takes every one of the machine.
    """

    def role_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        return [item for item in addresses if (use_ipv6 if ":" in item else use_ipv4)]

    aioice.ice.get_host_addresses = role_addresses


class Peer:
    """One call: answers one offer, takes trickled candidates, reports through `record`."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.on("datachannel", self._on_channel)
        self._connection.on("track", self._on_track)
        self._tasks: set[asyncio.Task[None]] = set()
        self._seen: dict[str, Any] = {}

    async def answer(self, sdp: str) -> RTCSessionDescription:
        """The answer to an offer, complete with all of this peer's candidates."""
        offer = RTCSessionDescription(sdp=MDNS_LINE.sub("", sdp), type="offer")
        await self._connection.setRemoteDescription(offer)
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        self._spawn(self._watch_ice())
        return self._connection.localDescription

    def trickle(self) -> list[dict[str, Any]]:
        """The same candidates once more as messages, for the path that carries them apart."""
        sdp = self._connection.localDescription.sdp
        # Bundled: every section repeats the candidates of the first.
        lines = dict.fromkeys(CANDIDATE_LINE.findall(sdp))
        place = {"sdpMid": "0", "sdpMLineIndex": 0}
        return [{"candidate": line, **place} for line in (*lines, "")]

    async def add_candidate(self, message: dict[str, Any]) -> None:
        """Take one trickled candidate; an empty one means there are no more.

        The call is bundled into its first section. Firefox gathers for each section apart, and ends
        each apart: what is said of the others belongs to transports that are gone.
        """
        if message.get("sdpMLineIndex"):
            return
        text = str(message["candidate"])
        if not text:
            await self._connection.addIceCandidate(None)
        elif ".local " not in text:
            candidate = candidate_from_sdp(text.removeprefix("candidate:"))
            candidate.sdpMid = message.get("sdpMid")
            candidate.sdpMLineIndex = message.get("sdpMLineIndex")
            await self._connection.addIceCandidate(candidate)

    async def close(self) -> None:
        self._report_ice()
        for task in self._tasks:
            task.cancel()
        await self._connection.close()

    def _spawn(self, coroutine: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_channel(self, channel: RTCDataChannel) -> None:
        def echo(message: str | bytes) -> None:
            self._record({"event": "channel", "message": str(message)})
            channel.send(message)

        channel.on("message", echo)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._spawn(self._consume(track))

    async def _consume(self, track: MediaStreamTrack) -> None:
        """Take frames until the track ends; the first of each kind is worth a line."""
        try:
            await track.recv()
            self._record({"event": "media", "kind": track.kind})
            while True:
                await track.recv()
        except MediaStreamError:
            return

    async def _watch_ice(self) -> None:
        """Report whenever the agent's view of the other side has changed."""
        while self._connection.connectionState != "closed":
            self._report_ice()
            await asyncio.sleep(0.1)

    def _report_ice(self) -> None:
        remotes: set[str] = set()
        selected: set[str] = set()
        for transport in self._transports():
            for candidate in transport.getRemoteCandidates():
                remotes.add(f"{candidate.type} {candidate.ip} {candidate.port}")
            # aiortc has no public way to the selected pair.
            for pair in transport._connection._nominated.values():
                remote = pair.remote_candidate
                selected.add(f"{remote.type} {remote.host} {remote.port}")
        seen = {
            "state": self._connection.iceConnectionState,
            "remotes": sorted(remotes),
            "selected": sorted(selected),
        }
        if seen != self._seen:
            self._seen = seen
            self._record({"event": "ice", **seen})

    def _transports(self) -> set[RTCIceTransport]:
        dtls = [item.receiver.transport for item in self._connection.getTransceivers()]
        if self._connection.sctp is not None:
            dtls.append(self._connection.sctp.transport)
        return {transport.transport for transport in dtls}
