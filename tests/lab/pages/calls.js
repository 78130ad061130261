// Calls in the ordinary ways, one a page: ?mode=<a name of MODES>. Most of them call the site's peer;
// what that cannot do (offers from both sides, a restart of ICE) happens between two connections of
// the page itself.
"use strict";

const microphone = () => navigator.mediaDevices.getUserMedia({audio: true});

async function addTrack(pc) {
  const stream = await microphone();
  for (const track of stream.getTracks()) pc.addTrack(track, stream);
}

async function addTransceivers(pc) {
  const [track] = (await microphone()).getTracks();
  pc.addTransceiver(track, {direction: "sendonly"});
  pc.addTransceiver("video", {direction: "recvonly"});
}

// The methods' old forms, which take callbacks in place of giving promises.
function withCallbacks(pc) {
  for (const name of ["createOffer", "setLocalDescription", "setRemoteDescription", "addIceCandidate"]) {
    const method = pc[name].bind(pc);
    pc[name] = (...given) => new Promise((resolve, reject) => { method(...given, resolve, reject); });
  }
  return pc;
}

// A frame with a call of its own, of which all is read.
async function inFrame(members) {
  const frame = Object.assign(document.createElement("iframe"), members);
  document.body.append(frame);
  while (!frame.contentWindow.__lab?.done) await pause(50);
  Object.assign(lab, frame.contentWindow.__lab, {done: false});
  if (!lab.connected) throw new Error("the frame's call failed");
}

// Perfect negotiation, as https://w3c.github.io/webrtc-pc/#perfect-negotiation-example has it.
function negotiate(pc, polite, send) {
  let offering = false;
  let ignoring = false;
  let answering = false;
  pc.addEventListener("negotiationneeded", async () => {
    offering = true;
    await pc.setLocalDescription().finally(() => { offering = false; });
    send({description: pc.localDescription});
  });
  pc.addEventListener("icecandidate", ({candidate}) => send({candidate}));
  return async ({description, candidate}) => {
    if (!description) {
      await pc.addIceCandidate(candidate).catch((error) => { if (!ignoring) throw error; });
      return;
    }
    const ready = !offering && (pc.signalingState === "stable" || answering);
    ignoring = description.type === "offer" && !ready && !polite;
    if (ignoring) return;
    answering = description.type === "answer";
    await pc.setRemoteDescription(description);
    answering = false;
    if (description.type !== "offer") return;
    await pc.setLocalDescription();
    send({description: pc.localDescription});
  };
}

// Two connections of this page, until the one has heard the other's echo.
async function meet(configuration) {
  const pair = [new RTCPeerConnection(configuration), new RTCPeerConnection(configuration)];
  pair.forEach(watch);
  const receive = pair.map((pc, index) => negotiate(pc, index === 0, (message) => {
    const copy = JSON.parse(JSON.stringify(message));
    setTimeout(() => receive[1 - index](copy).catch((error) => failed("negotiation", error)));
  }));
  pair[1].ondatachannel = ({channel}) => { channel.onmessage = ({data}) => channel.send(data); };
  const channel = pair[0].createDataChannel("lab");
  await echoOf(channel);
  return {pair, channel};
}

// Both sides want to send at the same time, so that their offers collide.
async function collide(configuration) {
  const {pair} = await meet(configuration);
  const stream = await microphone();
  const arrived = pair.map((pc) => new Promise((resolve) => { pc.ontrack = resolve; }));
  for (const pc of pair) pc.addTrack(stream.getTracks()[0], stream);
  await Promise.all(arrived);
}

// Restarts ICE and waits until the new session carries the channel.
async function restart({pair: [pc], channel}) {
  const session = () => /a=ice-ufrag:(.*)/.exec(pc.currentLocalDescription.sdp)[1];
  const before = session();
  pc.restartIce();
  while (session() === before || pc.signalingState !== "stable") await pause(20);
  await gatheredAgain(pc);
  const echoed = new Promise((resolve) => { channel.onmessage = resolve; });
  channel.send("once more");
  await echoed;
}

async function gatheredAgain(pc) {
  while (pc.iceGatheringState !== "complete" || !/connected|completed/.test(pc.iceConnectionState)) await pause(20);
}

const MODES = {
  addTrack: (configuration) => call(new RTCPeerConnection(configuration), addTrack),
  addTransceiver: (configuration) => call(new RTCPeerConnection(configuration), addTransceivers),
  callbacks: (configuration) => call(withCallbacks(new RTCPeerConnection(configuration)), addTrack),
  two: (configuration) =>
    Promise.all([1, 2].map(() => call(new RTCPeerConnection(configuration), addTrack))),
  frame: () => inFrame({src: "/data.html"}),
  srcdoc: async () => inFrame({srcdoc: await (await fetch("/data.html")).text()}),
  negotiation: collide,
  restart: async (configuration) => restart(await meet(configuration)),
  setConfiguration: async (configuration) => {
    const met = await meet(configuration);
    for (const pc of met.pair) pc.setConfiguration({...configuration, iceTransportPolicy: "all"});
    await restart(met);
  },
};

run(MODES[query.get("mode")]);
