// Family 1, without a browser: offers of the other stacks, with all their candidates.
import nodeDataChannel from "node-datachannel";
import * as werift from "werift";
import wrtc from "@roamhq/wrtc";
import { SERVERS } from "./browser.mjs";
import { sample } from "./sample.mjs";

const sdp = { format: "sdp", direction: "outbound", kind: "body", content_type: "application/sdp" };
const candidateInit = { format: "candidate-init", direction: "outbound", kind: "websocket" };

function keep(name, source, description, candidates, more = {}) {
  sample(`peers/${name}-offer.sdp`, description, { ...sdp, source, reader: "none", ...more });
  candidates.forEach((candidate, n) =>
    sample(`peers/${name}-candidate-${n}.json`, JSON.stringify(candidate), {
      ...candidateInit,
      source,
      reader: "json",
    }),
  );
}

async function gather(peer) {
  const seen = [];
  const done = new Promise((resolve) => {
    peer.onicecandidate = ({ candidate }) =>
      candidate ? seen.push(candidate.toJSON?.() ?? candidate) : resolve();
    setTimeout(resolve, 8000);
  });
  peer.createDataChannel("chat");
  await peer.setLocalDescription(await peer.createOffer());
  await done;
  return seen;
}

{
  const peer = new wrtc.RTCPeerConnection({ iceServers: SERVERS });
  const seen = await gather(peer);
  keep("wrtc", "@roamhq/wrtc@0.10.0", peer.localDescription.sdp, seen.slice(0, 1), {
    note: "Outside a browser, libwebrtc has loopback candidates as well (127.0.0.1, ::1).",
  });
  peer.close();
}
{
  const iceServers = SERVERS.map(({ urls, ...rest }) => ({ ...rest, urls: [urls].flat()[0] }));
  const peer = new werift.RTCPeerConnection({ iceServers });
  const seen = await gather(peer);
  keep("werift", "werift@0.25.2", peer.localDescription.sdp, seen.slice(0, 2));
  await peer.close();
}
{
  const peer = new nodeDataChannel.PeerConnection("client", {
    iceServers: ["stun:198.51.100.7:3478", "turn:user:password@198.51.100.7:3478"],
    enableIceTcp: false,
  });
  const seen = [];
  const done = new Promise((resolve) => {
    peer.onLocalCandidate((candidate, mid) => seen.push({ candidate, mid }));
    peer.onGatheringStateChange((state) => state === "complete" && resolve());
    setTimeout(resolve, 8000);
  });
  peer.createDataChannel("chat");
  await done;
  keep("libdatachannel", "node-datachannel@0.33.4", peer.localDescription().sdp, seen.slice(0, 2));
  peer.close();
}
process.exit(0);
