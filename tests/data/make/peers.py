"""Family 1, without a browser: the offer of aiortc, which gathers before it writes."""

from __future__ import annotations

import asyncio

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack
from sample import sample


async def main() -> None:
    relay = "198.51.100.7:3478"
    servers = [RTCIceServer(f"stun:{relay}"), RTCIceServer(f"turn:{relay}", "user", "password")]
    peer = RTCPeerConnection(RTCConfiguration(servers))
    peer.createDataChannel("chat")
    peer.addTrack(AudioStreamTrack())
    await peer.setLocalDescription(await peer.createOffer())
    sample(
        "peers/aiortc-offer.sdp",
        peer.localDescription.sdp.encode(),
        format="sdp",
        direction="outbound",
        kind="body",
        content_type="application/sdp",
        source="aiortc 1.16.0 (PyPI), RTCPeerConnection with coturn",
        reader="none",
    )
    await peer.close()


asyncio.run(main())
