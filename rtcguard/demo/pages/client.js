// A page as sites have it: it makes a connection, sends the offer to its site, and says hello to the
// peer. It writes down what it could read of the client's addresses.
"use strict";

const demo = window.demo = {
  done: false,
  connected: false,
  echo: false,         // the peer has sent back what it was sent
  gatheringMs: null,
  candidates: [],      // the text of each
  descriptions: [],    // SDP
  local: null,         // the candidates of the pair that is used, from getStats
  remote: null,
  errors: [],
};

function gathering(pc) {
  return new Promise((resolve) => pc.addEventListener("icegatheringstatechange", () => {
    if (pc.iceGatheringState === "complete") resolve();
  }));
}

function echoOf(channel) {
  const greeting = `hello ${Math.random()}`;
  return new Promise((resolve) => {
    channel.onopen = () => channel.send(greeting);
    channel.onmessage = ({data}) => {
      demo.echo = data === greeting;
      resolve();
    };
  });
}

async function readPair(pc) {
  const report = await pc.getStats();
  for (const stat of report.values()) {
    if (stat.type !== "transport" || !stat.selectedCandidatePairId) continue;
    const pair = report.get(stat.selectedCandidatePairId);
    demo.local = report.get(pair.localCandidateId);
    demo.remote = report.get(pair.remoteCandidateId);
  }
}

async function call() {
  const {iceServers} = await (await fetch("/config.json")).json();
  const pc = new RTCPeerConnection({iceServers});
  pc.addEventListener("icecandidate", ({candidate}) => {
    if (candidate) demo.candidates.push(candidate.candidate);
  });
  pc.addEventListener("connectionstatechange", () => {
    if (pc.connectionState === "connected") demo.connected = true;
  });
  const gathered = gathering(pc);
  const echoed = echoOf(pc.createDataChannel("demo"));
  const began = performance.now();
  await pc.setLocalDescription();
  await gathered;
  demo.gatheringMs = Math.round(performance.now() - began);
  const headers = {"Content-Type": "application/json"};
  const response = await fetch("/offer", {method: "POST", headers, body: JSON.stringify(pc.localDescription)});
  if (!response.ok) throw new Error(`the offer was answered by ${response.status}`);
  await pc.setRemoteDescription(await response.json());
  const late = new Promise((resolve) => setTimeout(resolve, 15_000));
  await Promise.race([echoed, late]);
  await readPair(pc);
  demo.descriptions.push(pc.localDescription.sdp);
}

call().catch((error) => demo.errors.push(String(error))).finally(() => { demo.done = true; });
