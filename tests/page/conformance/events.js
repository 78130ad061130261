// Handlers, listeners and the order of events: sections 4.4.2, 4.7, 4.8 and 5.7, DOM section 2.
"use strict";

const HANDLERS = [
  "onnegotiationneeded",
  "onicecandidate",
  "onicecandidateerror",
  "onsignalingstatechange",
  "oniceconnectionstatechange",
  "onicegatheringstatechange",
  "onconnectionstatechange",
  "ontrack",
  "ondatachannel",
];
check("events: handlers keep functions and objects only", () =>
  Object.fromEntries(
    HANDLERS.map((name) => {
      const pc = peer();
      const [listener, object] = [() => {}, {handleEvent() {}}];
      const kept = [() => {}, null, 5, "x", undefined, Symbol("x")].map((value) => {
        pc[name] = value;
        return pc[name] === value;
      });
      pc[name] = listener;
      const same = pc[name] === listener;
      pc[name] = object;
      return [name, [...kept, same, pc[name] === object]];
    }),
  ),
);
check("events: a handler holds its place among listeners", () => {
  const pc = peer();
  const log = [];
  pc.addEventListener("mine", () => log.push("never"));
  pc.addEventListener("icecandidate", () => log.push("first"));
  pc.onicecandidate = () => log.push("replaced");
  pc.addEventListener("icecandidate", () => log.push("last"));
  pc.onicecandidate = () => log.push("handler");
  pc.dispatchEvent(new Event("icecandidate"));
  return log;
});
check("events: the handler's this, argument and return", () => {
  const pc = peer();
  let seen;
  pc.onicecandidate = function (...args) {
    seen = [this === pc, args.length, args[0].type];
    return false;
  };
  const event = new Event("icecandidate", {cancelable: true});
  return [pc.dispatchEvent(event), event.defaultPrevented, seen];
});
check("events: a made-up candidate reaches the page", () => {
  const pc = peer();
  const candidate = new RTCIceCandidate({
    candidate: "candidate:1 1 udp 1 127.0.0.1 9 typ host",
    sdpMid: "0",
  });
  const log = [];
  pc.addEventListener("icecandidate", (event) =>
    log.push([event.candidate === candidate, event.isTrusted]),
  );
  pc.dispatchEvent(new RTCPeerConnectionIceEvent("icecandidate", {candidate}));
  pc.dispatchEvent(new RTCPeerConnectionIceEvent("icecandidate"));
  pc.dispatchEvent(new Event("icecandidate"));
  return log;
});
check("events: once, signal, removal, twice the same", () => {
  const pc = peer();
  const log = [];
  const stop = new AbortController();
  const same = () => log.push("same");
  pc.addEventListener("icecandidate", () => log.push("once"), {once: true});
  pc.addEventListener("icecandidate", () => log.push("signal"), {signal: stop.signal});
  pc.addEventListener("icecandidate", same);
  pc.addEventListener("icecandidate", same);
  pc.addEventListener("icecandidate", null);
  pc.dispatchEvent(new Event("icecandidate"));
  stop.abort();
  pc.removeEventListener("icecandidate", same);
  pc.dispatchEvent(new Event("icecandidate"));
  return log;
});
check("events: no other listener is stopped by one that throws", async () => {
  const pc = peer();
  const log = [];
  const told = next(window, "error").then((event) => {
    event.preventDefault();
    log.push(event.message);
  });
  pc.addEventListener("icecandidate", () => {
    throw new RangeError("of mine");
  });
  pc.addEventListener("icecandidate", () => log.push("second"));
  pc.dispatchEvent(new Event("icecandidate"));
  await told;
  return log.sort();
});
check("events: stopImmediatePropagation", () => {
  const pc = peer();
  const log = [];
  pc.addEventListener("icecandidate", (event) => {
    log.push("first");
    event.stopImmediatePropagation();
  });
  pc.addEventListener("icecandidate", () => log.push("second"));
  pc.dispatchEvent(new Event("icecandidate"));
  return log;
});
check("events: wrong arguments of addEventListener", async () => {
  const pc = peer();
  return [
    await failure(() => pc.addEventListener("x")),
    await failure(() => pc.addEventListener("x", 5)),
    await failure(() => pc.dispatchEvent({})),
  ];
});

check("events: constructors", () => {
  const candidate = new RTCIceCandidate({candidate: "", sdpMid: "0"});
  const channel = peer().createDataChannel("x");
  return [
    () =>
      members(new RTCPeerConnectionIceEvent("icecandidate", {candidate}), [
        "type",
        "candidate",
        "url",
        "bubbles",
        "cancelable",
        "isTrusted",
      ]),
    () =>
      members(new RTCPeerConnectionIceErrorEvent("icecandidateerror", {errorCode: 701}), [
        "type",
        "errorCode",
        "errorText",
        "url",
        "address",
        "port",
      ]),
    () =>
      members(new RTCDataChannelEvent("datachannel", {channel}), ["type", "channel", "bubbles"]),
    () => new RTCDataChannelEvent("datachannel"),
    () => new RTCTrackEvent("track"),
    () => new RTCPeerConnectionIceEvent(),
    () => new RTCPeerConnectionIceEvent("icecandidate", {candidate: 5}),
    () =>
      members(
        new RTCErrorEvent("error", {error: new RTCError({errorDetail: "dtls-failure"}, "x")}),
        ["type", "error"],
      ),
  ].map((make) => {
    try {
      return make();
    } catch (error) {
      return nameOf(error);
    }
  });
});

// ---- Events of a call --------------------------------------------------------------------------

// The states in their order, each kind by itself: how the kinds lie among each other is a race.
function states(pc) {
  const found = {};
  for (const [event, name] of [
    ["signalingstatechange", "signalingState"],
    ["icegatheringstatechange", "iceGatheringState"],
    ["iceconnectionstatechange", "iceConnectionState"],
    ["connectionstatechange", "connectionState"],
  ]) {
    found[name] = [pc[name]];
    pc.addEventListener(event, () => found[name].push(pc[name]));
  }
  return found;
}

check("events: the states of a call", async () => {
  const [a, b] = peers();
  const seen = {a: states(a), b: states(b)};
  const channel = a.createDataChannel("x");
  await negotiate(a, b);
  await Promise.all([isOpen(channel), connected(a), connected(b), gathered(a), gathered(b)]);
  // "completed" comes when it likes.
  for (const item of Object.values(seen))
    item.iceConnectionState = item.iceConnectionState.filter((state) => state !== "completed");
  return seen;
});
check("events: states that a closed connection has, without events", async () => {
  const {a, here} = await talk();
  const log = [];
  for (const event of [
    "signalingstatechange",
    "iceconnectionstatechange",
    "connectionstatechange",
    "icegatheringstatechange",
  ])
    a.addEventListener(event, () => log.push(event));
  a.close();
  const now = members(a, [
    "signalingState",
    "iceConnectionState",
    "connectionState",
    "iceGatheringState",
  ]);
  await pause(100);
  return [now, log, here.readyState];
});
check("events: what the other side sees when one closes", async () => {
  const {a, b, there} = await talk();
  const gone = next(there, "close");
  a.close();
  await gone;
  return [there.readyState, b.signalingState];
});
check("events: negotiationneeded", async () => {
  const pc = peer();
  const log = [];
  pc.onnegotiationneeded = (event) => log.push(`${event.type} ${pc.signalingState}`);
  await pause(50);
  log.push("channel");
  const asked = next(pc, "negotiationneeded");
  pc.createDataChannel("x");
  pc.createDataChannel("y");
  await asked;
  await pause(50);
  log.push("transceiver");
  pc.addTransceiver("audio");
  await pause(50);
  return log;
});
check("events: negotiationneeded not after closing", async () => {
  const log = [];
  const pc = peer();
  pc.onnegotiationneeded = (event) => log.push(event.type);
  pc.createDataChannel("x");
  pc.close();
  await pause(100);
  return log;
});
check("events: an event of the browser", async () => {
  const pc = peer();
  const fired = next(pc, "negotiationneeded");
  pc.createDataChannel("x");
  const event = await fired;
  return [
    event.constructor.name,
    event.isTrusted,
    event.target === pc,
    event.bubbles,
    event.cancelable,
    event.composed,
  ];
});
check("events: datachannel before its open", async () => {
  const [a, b] = peers();
  const log = [];
  const here = a.createDataChannel("x");
  const done = new Promise((resolve) => {
    b.ondatachannel = ({channel, constructor}) => {
      log.push(`datachannel ${channel.label} ${channel.readyState} ${constructor.name}`);
      channel.onopen = () => {
        log.push("open");
        resolve();
      };
    };
  });
  await negotiate(a, b);
  await Promise.all([done, isOpen(here)]);
  return log;
});
check("events: track before the promise", async () => {
  const a = peer(),
    b = peer();
  const stream = picture();
  a.addTrack(stream.getTracks()[0], stream);
  const log = [];
  b.ontrack = ({constructor, track: arrived, streams, transceiver, receiver}) =>
    log.push([
      constructor.name,
      arrived.kind,
      arrived.muted,
      streams.length,
      streams[0]?.id === stream.id,
      transceiver.receiver === receiver,
      transceiver.direction,
      transceiver.currentDirection,
    ]);
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription).then(() => log.push("described"));
  return log;
});
