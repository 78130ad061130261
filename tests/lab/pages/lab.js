// A page of a usual leaking site, which writes down everything that a page can read.
//
// Query: signaling=ws|http, servers=json|script, limit=<ms until it gives up>.
"use strict";

const lab = window.__lab = {
  done: false,
  connected: false,
  echo: null,
  gatheringMs: null,
  selected: null,        // the selected pair's local and remote candidate, from getStats
  configuration: [],     // what getConfiguration says
  offers: [],            // SDP out of createOffer
  candidates: [],        // every icecandidate event
  candidateErrors: [],   // every icecandidateerror event
  descriptions: [],      // local, current and pending description whenever something happened
  states: [],            // [ms, kind, value]
  stats: [],             // every getStats entry, each time it was read
  transport: [],         // what RTCIceTransport tells
  errors: [],            // what failed, in order
  packetsSent: 0,        // RTP packets of the camera and the microphone
};

const query = new URLSearchParams(location.search);
const began = performance.now();
const elapsed = () => Math.round(performance.now() - began);
const failed = (where, error) => lab.errors.push(`${elapsed()} ${where}: ${error}`);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
window.addEventListener("error", (event) => failed("window", event.message));
window.addEventListener("unhandledrejection", (event) => failed("promise", event.reason));

function describe(pc, when) {
  for (const name of ["localDescription", "currentLocalDescription", "pendingLocalDescription"]) {
    if (pc[name]) lab.descriptions.push({at: elapsed(), when, name, sdp: pc[name].sdp});
  }
}

const watched = [];  // every connection of this page

// Writes down what this connection tells; to be called before it is given a local description.
// Applications whose library makes the connection call it as soon as they get hold of it.
function watch(pc) {
  watched.push(pc);
  let began = 0;
  pc.addEventListener("icegatheringstatechange", () => {
    if (pc.iceGatheringState === "gathering") began ||= performance.now();
    if (pc.iceGatheringState === "complete") lab.gatheringMs ??= Math.round(performance.now() - began);
  });
  pc.addEventListener("icecandidate", ({candidate, url}) => {
    lab.candidates.push(candidate && {
      at: elapsed(), candidate: candidate.candidate, type: candidate.type, protocol: candidate.protocol,
      address: candidate.address, port: candidate.port, relatedAddress: candidate.relatedAddress,
      relatedPort: candidate.relatedPort, url: candidate.url || url || null, json: JSON.stringify(candidate),
    });
    describe(pc, "icecandidate");
  });
  pc.addEventListener("icecandidateerror", (event) => lab.candidateErrors.push({
    at: elapsed(), url: event.url, address: event.address, port: event.port,
    hostCandidate: event.hostCandidate ?? null, code: event.errorCode, text: event.errorText,
  }));
  for (const [event, property] of [
    ["iceconnectionstatechange", "iceConnectionState"], ["connectionstatechange", "connectionState"],
    ["icegatheringstatechange", "iceGatheringState"], ["signalingstatechange", "signalingState"],
  ]) {
    pc.addEventListener(event, () => {
      lab.states.push([elapsed(), property, pc[property]]);
      describe(pc, event);
    });
  }
}

async function readStats(pc) {
  const report = await pc.getStats();
  const entry = (id) => (id ? report.get(id) : undefined);
  lab.packetsSent = 0;
  for (const stat of report.values()) {
    lab.stats.push({at: elapsed(), ...stat});
    if (stat.type === "outbound-rtp") lab.packetsSent += stat.packetsSent;
    // Firefox marks the pair itself.
    const pair = stat.type === "transport" ? entry(stat.selectedCandidatePairId) : stat.selected && stat;
    if (pair) lab.selected = {local: entry(pair.localCandidateId), remote: entry(pair.remoteCandidateId)};
  }
  const ice = pc.sctp?.transport?.iceTransport;
  if (ice) {
    const pair = ice.getSelectedCandidatePair?.();
    lab.transport.push({
      at: elapsed(), locals: (ice.getLocalCandidates?.() ?? []).map((item) => item.candidate),
      local: pair?.local?.candidate ?? null, remote: pair?.remote?.candidate ?? null,
    });
  }
}

function overWebSocket(pc) {
  // A srcdoc document has no location of its own.
  const socket = new WebSocket(new URL("/ws", document.baseURI).href.replace(/^http/, "ws"));
  const opened = new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("the WebSocket failed"));
  });
  const send = (message) => opened.then(() => socket.send(JSON.stringify(message)));
  socket.onclose = (event) => lab.states.push([elapsed(), "websocket closed", event.code]);
  socket.onmessage = async ({data}) => {
    const message = JSON.parse(data);
    try {
      await (message.type ? pc.setRemoteDescription(message) : pc.addIceCandidate(message));
    } catch (error) {
      failed(`remote ${message.type ?? message.candidate}`, error);
    }
  };
  pc.addEventListener("icecandidate", ({candidate}) => candidate && send(candidate));
  return () => send(pc.localDescription);
}

function overHttp(pc, gathered) {
  return async () => {
    await gathered;
    const headers = {"Content-Type": "application/sdp"};
    const response = await fetch("/whip", {method: "POST", headers, body: pc.localDescription.sdp});
    if (!response.ok) throw new Error(`the offer was answered by ${response.status}`);
    await pc.setRemoteDescription({type: "answer", sdp: await response.text()});
  };
}

function gathering(pc) {
  return new Promise((resolve) => pc.addEventListener("icegatheringstatechange", () => {
    if (pc.iceGatheringState === "complete") resolve();
  }));
}

const greeting = `hello ${Math.random()}`;

// Says hello on a data channel, and is done when the far side has said it back, be it in a sentence.
function echoOf(channel) {
  return new Promise((resolve) => {
    channel.onopen = () => channel.send(greeting);
    channel.onmessage = ({data}) => {
      lab.echo = String(data).endsWith(greeting);
      resolve();
    };
  });
}

async function call(pc, addTracks) {
  watch(pc);
  const gathered = gathering(pc);
  const offered = query.get("signaling") === "http" ? overHttp(pc, gathered) : overWebSocket(pc);
  const echoed = echoOf(pc.createDataChannel("lab"));
  await addTracks(pc);
  const offer = await pc.createOffer();
  lab.offers.push(offer.sdp);
  await pc.setLocalDescription(offer);
  await offered();
  await Promise.all([echoed, gathered]);
}

async function readAll(pc) {
  lab.configuration.push(JSON.stringify(pc.getConfiguration()));
  describe(pc, "end");
  await readStats(pc);
  lab.offers.push((await pc.createOffer()).sdp);
}

// Sites fetch their servers, or have them in a script.
async function configured() {
  const {iceServers} = query.get("servers") === "script"
    ? (await import("/config.js")).default
    : await (await fetch("/config.json")).json();
  return {iceServers, iceTransportPolicy: "all"};
}

// Runs a call to its end, or to its limit, and then reads everything once more. `start` gets the
// configuration that a usual site would give its connection.
async function run(start) {
  const limit = pause(Number(query.get("limit") ?? 60000)).then(() => { throw new Error("too late"); });
  try {
    const configuration = await configured();
    try {
      await Promise.race([start(configuration), limit]);
      lab.connected = true;
      await pause(500);  // let some media and the last checks pass
    } finally {
      for (const pc of watched) await readAll(pc).catch((error) => failed("reading", error));
    }
  } catch (error) {
    failed("call", error);
  }
  lab.done = true;
}

const main = (addTracks) => run((configuration) => call(new RTCPeerConnection(configuration), addTracks));
