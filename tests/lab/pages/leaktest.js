// A leak test, written the way the public ones work: many connections at once, made in every way
// that such pages know, and everything that comes out of them read.
//
// Query: camera=granted asks for camera and microphone first.
"use strict";

const lab = window.__lab = {
  done: false,
  found: {},    // by source: {candidates, fields, sdp, stats, errors}, all strings
  missing: {},  // by source: what this browser said instead
  ips: {},      // by source: what a regular expression takes for an address, as such pages show it
};
const LIMIT_MS = 10_000; // beyond what browsers wait for servers that do not answer
const ADDRESS = /([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[a-f0-9]{1,4}(?::{1,2}[a-f0-9]{1,4}){2,7})/g;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function watch(pc, found) {
  pc.addEventListener("icecandidate", ({candidate}) => {
    if (!candidate) return;
    found.candidates.push(candidate.candidate);
    found.fields.push(JSON.stringify([candidate, candidate.address, candidate.relatedAddress, candidate.url]));
  });
  pc.addEventListener("icecandidateerror", ({address, port, hostCandidate, url, errorCode, errorText}) =>
    found.errors.push(JSON.stringify({address, port, hostCandidate, url, errorCode, errorText})));
}

const gathered = (pc) => new Promise((resolve) => {
  const look = () => pc.iceGatheringState === "complete" && resolve();
  pc.addEventListener("icegatheringstatechange", look);
  look();
});

async function read(pc, found) {
  for (const name of ["localDescription", "currentLocalDescription", "pendingLocalDescription"]) {
    if (pc[name]) found.sdp.push(pc[name].sdp);
  }
  found.sdp.push((await pc.createOffer()).sdp);
  for (const stat of (await pc.getStats()).values()) {
    if (/candidate/.test(stat.type)) found.stats.push(JSON.stringify(stat));
  }
}

// The usual course: a data channel, an offer, and whatever trickles in.
async function gather(pc, found, prepare = (pc) => pc.createDataChannel("")) {
  watch(pc, found);
  await prepare(pc);
  await pc.setLocalDescription(await pc.createOffer());
  await Promise.race([gathered(pc), pause(LIMIT_MS)]);
  await read(pc, found);
  pc.close();
}

function frame(srcdoc) {
  const made = document.createElement("iframe");
  if (srcdoc === undefined) {
    document.body.append(made);
    return made.contentWindow;
  }
  return new Promise((resolve) => {
    made.onload = () => resolve(made.contentWindow);
    made.srcdoc = srcdoc;
    document.body.append(made);
  });
}

// By source: what a leak test does with STUN servers, a TURN server, and whatever the browser has.
const SOURCES = ({stun, stun6, turn}) => {
  const all = {iceServers: [stun, stun6, turn]};
  const only = (server) => (found) => gather(new RTCPeerConnection({iceServers: [server]}), found);
  const over = (server, transport) => ({...server, urls: server.urls.replace(/(\?.*)?$/, `?transport=${transport}`)});
  const others = [30997, 30998, 30999].map((port) => ({urls: stun.urls.replace(/\d+$/, port)}));
  return {
    "no server": (found) => gather(new RTCPeerConnection(), found),
    "STUN": only(stun),
    "STUN over IPv6": only(stun6),
    "STUN over TCP": only(over(stun, "tcp")),
    "many STUN servers": (found) => gather(new RTCPeerConnection({iceServers: others}), found),
    "TURN": only(turn),
    "TURN over TCP": only(over(turn, "tcp")),
    "TURN with a wrong password": only({...turn, credential: "wrong"}),
    "offer to receive": (found) =>
      gather(new RTCPeerConnection(all), found, (pc) => {
        pc.addTransceiver("audio", {direction: "recvonly"});
        pc.addTransceiver("video", {direction: "recvonly"});
      }),
    "no trickling": async (found) => {
      const pc = new RTCPeerConnection(all);
      pc.createDataChannel("");
      await pc.setLocalDescription();
      await Promise.race([gathered(pc), pause(LIMIT_MS)]);
      await read(pc, found);
      pc.close();
    },
    "gathered in advance": (found) =>
      gather(new RTCPeerConnection({...all, iceCandidatePoolSize: 10}), found, async (pc) => {
        await pause(300);
        pc.createDataChannel("");
      }),
    "policy set back to all": (found) => {
      const pc = new RTCPeerConnection({...all, iceTransportPolicy: "relay"});
      pc.setConfiguration({...all, iceTransportPolicy: "all"});
      return gather(pc, found);
    },
    "five connections": (found) =>
      Promise.all(Array.from({length: 5}, () => gather(new RTCPeerConnection(all), found))),
    "prefixed name and callbacks": async (found) => {
      const Prefixed = window.webkitRTCPeerConnection || window.mozRTCPeerConnection;
      if (!Prefixed) throw new Error("not here: a prefixed RTCPeerConnection");
      const pc = new Prefixed(all, {optional: [{RtpDataChannels: true}]});
      pc.onicecandidate = ({candidate}) => candidate && found.candidates.push(candidate.candidate);
      pc.createDataChannel("");
      pc.createOffer((offer) => pc.setLocalDescription(offer, () => {}, () => {}), () => {});
      await Promise.race([gathered(pc), pause(LIMIT_MS)]);
      await read(pc, found);
      pc.close();
    },
    "callbacks": async (found) => {
      const pc = new RTCPeerConnection(all);
      pc.onicecandidate = ({candidate}) => candidate && found.candidates.push(candidate.candidate);
      pc.createDataChannel("");
      pc.createOffer((offer) => pc.setLocalDescription(offer, () => {}, () => {}), () => {});
      await Promise.race([gathered(pc), pause(LIMIT_MS)]);
      await read(pc, found);
      pc.close();
    },
    "empty frame": (found) => gather(new (frame().RTCPeerConnection)(all), found),
    "srcdoc frame": async (found) => gather(new (await frame("<p>")).RTCPeerConnection(all), found),
    "two that meet": async (found) => {
      const [one, two] = [new RTCPeerConnection(all), new RTCPeerConnection(all)];
      for (const pc of [one, two]) watch(pc, found);
      one.onicecandidate = ({candidate}) => two.addIceCandidate(candidate);
      two.onicecandidate = ({candidate}) => one.addIceCandidate(candidate);
      const open = new Promise((resolve) => { one.createDataChannel("").onopen = resolve; });
      await one.setLocalDescription();
      await two.setRemoteDescription(one.localDescription);
      await two.setLocalDescription();
      await one.setRemoteDescription(two.localDescription);
      await Promise.race([open, pause(LIMIT_MS)]);
      for (const pc of [one, two]) await read(pc, found);
      for (const pc of [one, two]) pc.close();
    },
    "ORTC": async (found) => {
      if (!window.RTCIceGatherer) throw new Error("not here: RTCIceGatherer");
      const gatherer = new RTCIceGatherer({gatherPolicy: "all", iceServers: all.iceServers});
      gatherer.onlocalcandidate = ({candidate}) => found.fields.push(JSON.stringify(candidate));
      gatherer.gather?.();
      await pause(1000);
    },
    "ICE without a connection": async (found) => {
      if (!window.RTCIceTransport?.prototype.gather) throw new Error("not here: RTCIceTransport.gather");
      const transport = new RTCIceTransport();
      transport.onicecandidate = ({candidate}) => candidate && found.candidates.push(candidate.candidate);
      transport.gather({gatherPolicy: "all", iceServers: all.iceServers});
      await pause(1000);
    },
  };
};

(async () => {
  try {
    if (new URLSearchParams(location.search).get("camera") === "granted") {
      const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
      lab.devices = (await navigator.mediaDevices.enumerateDevices()).length;
      for (const track of stream.getTracks()) track.stop();
    }
    const [stuns, turn] = (await import("/config.js")).default.iceServers;
    const [stun, stun6] = stuns.urls.map((urls) => ({urls}));
    const sources = SOURCES({stun, stun6, turn: {...turn, urls: turn.urls[0]}});
    await Promise.all(Object.entries(sources).map(async ([source, act]) => {
      const found = lab.found[source] = {candidates: [], fields: [], sdp: [], stats: [], errors: []};
      try {
        await act(found);
      } catch (error) {
        lab.missing[source] = String(error);
      }
      lab.ips[source] = [...new Set(JSON.stringify(found).match(ADDRESS))];
    }));
  } catch (error) {
    lab.missing.page = String(error);
  }
  lab.done = true;
})();
