// The far side: it answers each offer that its site hands to it, and sends back what it is sent.
"use strict";

const held = [];  // connections that nobody holds may vanish

async function answer(offer) {
  const pc = new RTCPeerConnection();
  held.push(pc);
  pc.ondatachannel = ({channel}) => { channel.onmessage = ({data}) => channel.send(data); };
  const gathered = new Promise((resolve) => pc.addEventListener("icegatheringstatechange", () => {
    if (pc.iceGatheringState === "complete") resolve();
  }));
  await pc.setRemoteDescription(offer);
  await pc.setLocalDescription();
  await gathered;
  return pc.localDescription;
}

(async () => {
  for (;;) {
    const response = await fetch("/next");
    if (response.status !== 200) continue;
    const description = await answer(await response.json());
    await fetch("/answer", {method: "POST", body: JSON.stringify(description)});
  }
})();
