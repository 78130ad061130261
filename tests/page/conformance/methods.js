// Operations and their promises: sections 4.4.2, 4.4.4 (legacy extensions: offer options) and 4.4.5.
"use strict";

const AUDIO = "audio";

// Every operation of a connection, with arguments that would do.
const OPERATIONS = {
  createOffer: (pc) => pc.createOffer(),
  createAnswer: (pc) => pc.createAnswer(),
  setLocalDescription: (pc) => pc.setLocalDescription(),
  setRemoteDescription: (pc) => pc.setRemoteDescription(OFFER),
  addIceCandidate: (pc) => pc.addIceCandidate({candidate: "", sdpMid: "0"}),
  addIceCandidateNone: (pc) => pc.addIceCandidate(),
  restartIce: (pc) => pc.restartIce(),
  getConfiguration: (pc) => typeof pc.getConfiguration(),
  close: (pc) => pc.close(),
  addTransceiver: (pc) => pc.addTransceiver(AUDIO),
  addTrack: (pc) => pc.addTrack(picture().getTracks()[0]),
  removeTrack: (pc) => pc.removeTrack(new RTCPeerConnection().addTransceiver(AUDIO).sender),
  createDataChannel: (pc) => pc.createDataChannel("x"),
  getSenders: (pc) => pc.getSenders(),
  getReceivers: (pc) => pc.getReceivers(),
  getTransceivers: (pc) => pc.getTransceivers(),
  getStats: (pc) => pc.getStats(),
};
for (const [name, operate] of Object.entries(OPERATIONS)) {
  check(`methods: ${name} on a new connection`, () => failure(() => operate(peer())));
  check(`methods: ${name} on a closed connection`, () => {
    const pc = peer();
    pc.close();
    // A promise of a closed connection may never be settled.
    return Promise.race([failure(() => operate(pc)), pause(150).then(() => "pending")]);
  });
}

// A member called on what is no connection: promises are rejected, all else throws.
const PROMISING = [
  "createOffer",
  "createAnswer",
  "setLocalDescription",
  "setRemoteDescription",
  "addIceCandidate",
  "getStats",
];
const PLAIN = [
  "getConfiguration",
  "close",
  "addTransceiver",
  "addTrack",
  "removeTrack",
  "createDataChannel",
  "getSenders",
  "restartIce",
];
for (const [name, self] of [
  ["an object", {}],
  ["the prototype", null],
  ["a window", globalThis],
  ["an event target", new EventTarget()],
]) {
  check(`methods: on ${name}`, async () => {
    const found = {};
    for (const method of [...PROMISING, ...PLAIN]) {
      const target = self ?? RTCPeerConnection.prototype;
      found[method] = await failure(() =>
        RTCPeerConnection.prototype[method].call(target, "audio"),
      );
    }
    return found;
  });
}
check("methods: attributes on what is no connection", () => {
  const found = {};
  for (const [name, {get}] of Object.entries(
    Object.getOwnPropertyDescriptors(RTCPeerConnection.prototype),
  )) {
    if (get) found[name] = message(() => get.call({})).split(":")[0];
  }
  return found;
});
check("methods: promises are this realm's own", async () => {
  const pc = peer();
  const promises = [pc.createOffer(), pc.setLocalDescription(), pc.getStats()];
  return [
    promises.map((item) => item.constructor === Promise),
    (await Promise.allSettled(promises)).map(({status}) => status),
  ];
});
check("methods: how many arguments are needed", async () => {
  const found = {};
  for (const name of [...PROMISING, ...PLAIN]) {
    const pc = peer();
    found[name] = await failure(() => pc[name]());
  }
  return found;
});

check("methods: closing twice, and what is left", () => {
  const pc = peer();
  pc.createDataChannel("x");
  pc.close();
  pc.close();
  return members(pc, FIRST);
});
check("methods: createOffer's answer", async () => {
  const pc = peer();
  pc.createDataChannel("x");
  const offer = await pc.createOffer();
  return [
    offer.type,
    Object.prototype.toString.call(offer),
    offer.sdp.match(/^m=.*/gm),
    Object.keys(offer),
    pc.signalingState,
    pc.localDescription,
  ];
});
check("methods: createOffer with nothing to offer", async () =>
  (await peer().createOffer()).sdp.match(/^m=/gm),
);
for (const [name, options] of [
  ["offerToReceiveAudio", {offerToReceiveAudio: true}],
  ["offerToReceiveVideo", {offerToReceiveVideo: 1}],
  ["offerToReceiveAudio false", {offerToReceiveAudio: false}],
  ["both", {offerToReceiveAudio: true, offerToReceiveVideo: true}],
  ["iceRestart", {iceRestart: true}],
  ["null", null],
  ["a number", 5],
  ["voiceActivityDetection", {voiceActivityDetection: false}],
]) {
  check(`methods: createOffer with ${name}`, async () => {
    const pc = peer();
    const how = await failure(() => pc.createOffer(options));
    const directions = pc
      .getTransceivers()
      .map(({direction, receiver}) => `${receiver.track.kind} ${direction}`);
    return [
      how,
      directions,
      how === "none" ? (await pc.createOffer()).sdp.match(/^m=\w+/gm) : null,
    ];
  });
}
check("methods: createAnswer without an offer", () => failure(() => peer().createAnswer()));
check("methods: createAnswer of an offer", async () => {
  const pc = peer();
  await pc.setRemoteDescription(OFFER);
  const answer = await pc.createAnswer();
  return [
    answer.type,
    answer.sdp.match(/^m=.*/gm),
    answer.sdp.match(/^a=setup.*/gm),
    pc.signalingState,
  ];
});
check("methods: createAnswer without an offer fails before later operations", async () => {
  const pc = peer();
  const log = [];
  const first = pc.createAnswer().catch((error) => log.push(error.name));
  const second = pc.setRemoteDescription(OFFER).then(() => log.push("described"));
  await Promise.all([first, second]);
  return log;
});
check("methods: operations are chained in order", async () => {
  const pc = peer();
  pc.createDataChannel("x");
  const log = [];
  await Promise.all([
    pc.createOffer().then(() => log.push("offer")),
    pc.setLocalDescription().then((made) => log.push(`local ${made}`)),
    pc.createOffer().then(() => log.push("offer again")),
    pc.addIceCandidate({candidate: "", sdpMid: "0"}).catch((error) => log.push(error.name)),
  ]);
  return log;
});
for (const [name, description] of [
  ["no type", {sdp: ""}],
  ["an unknown type", {type: "bogus", sdp: ""}],
  ["a type null", {type: null}],
  ["a string", "offer"],
  ["an answer", {type: "answer", sdp: OFFER.sdp}],
  ["a provisional answer", {type: "pranswer", sdp: OFFER.sdp}],
  ["a rollback", {type: "rollback"}],
  ["an offer that is not SDP", {type: "offer", sdp: "bogus"}],
  ["an empty offer", {type: "offer", sdp: ""}],
  ["an offer with a broken line", {type: "offer", sdp: OFFER.sdp.replace("t=0 0", "t=x")}],
  [
    "an offer without fingerprint",
    {type: "offer", sdp: OFFER.sdp.replace(/a=fingerprint.*\r\n/, "")},
  ],
  ["an offer without ufrag", {type: "offer", sdp: OFFER.sdp.replace(/a=ice-ufrag.*\r\n/, "")}],
  ["an offer that is good", OFFER],
]) {
  check(`methods: setRemoteDescription of ${name}`, () =>
    failure(() => peer().setRemoteDescription(description)),
  );
  check(`methods: setLocalDescription of ${name}`, () =>
    failure(() => peer().setLocalDescription(description)),
  );
}
check("methods: setLocalDescription makes what is due", async () => {
  const [a, b] = peers();
  a.createDataChannel("x");
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
  return [a.localDescription.type, b.localDescription.type, a.signalingState, b.signalingState];
});
check("methods: an offer that was changed is refused or not", async () => {
  const pc = peer();
  pc.createDataChannel("x");
  const offer = await pc.createOffer();
  return failure(() =>
    pc.setLocalDescription({
      type: "offer",
      sdp: offer.sdp.replace(/ice-ufrag:.*/, "ice-ufrag:mine"),
    }),
  );
});
check("methods: a rollback of either side", async () => {
  const a = peer(),
    b = peer();
  a.createDataChannel("x");
  await a.setLocalDescription();
  await a.setLocalDescription({type: "rollback"});
  await b.setRemoteDescription(OFFER);
  const before = b.getTransceivers().length;
  await b.setRemoteDescription({type: "rollback"});
  return [a.signalingState, a.localDescription, b.signalingState, b.remoteDescription, before];
});
check("methods: glare rolls the polite one back", async () => {
  const [a, b] = peers();
  a.createDataChannel("x");
  b.createDataChannel("y");
  await Promise.all([a.setLocalDescription(), b.setLocalDescription()]);
  const offer = b.localDescription;
  await a.setRemoteDescription(offer);
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  return [a.signalingState, b.signalingState, a.currentLocalDescription.type];
});
check("methods: restartIce asks for a negotiation with a new ufrag", async () => {
  const {a, b} = await talk();
  const ufrag = () => a.localDescription.sdp.match(/ice-ufrag:(.*)/)[1];
  const before = ufrag();
  const asked = next(a, "negotiationneeded");
  a.restartIce();
  await asked;
  await describeBoth(a, b);
  return [before !== ufrag(), a.signalingState];
});
check("methods: iceRestart reconnects", async () => {
  const {a, b, here, there} = await talk();
  await a.setLocalDescription(await a.createOffer({iceRestart: true}));
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
  const arrived = next(there, "message");
  here.send("after the restart");
  return [(await arrived).data, a.connectionState];
});
check("methods: the thenable of setLocalDescription", async () => {
  const pc = peer();
  return [await pc.setLocalDescription(), pc.setLocalDescription().then === Promise.prototype.then];
});
check("methods: an error of a description", async () => {
  try {
    await peer().setRemoteDescription({type: "offer", sdp: "v=0\r\nbogus"});
  } catch (error) {
    return [
      nameOf(error),
      error instanceof DOMException,
      typeof error.message,
      error.code,
      error.errorDetail,
      typeof error.sdpLineNumber,
    ];
  }
});
check("methods: generateCertificate's algorithms", async () => {
  const found = [];
  for (const algorithm of [
    {name: "ECDSA", namedCurve: "P-256"},
    {
      name: "RSASSA-PKCS1-v1_5",
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: "SHA-256",
    },
    "ECDSA",
    "bogus",
    {name: "ECDSA"},
    {name: "ECDSA", namedCurve: "P-999"},
    {name: "AES-GCM", length: 128},
    {},
    5,
    null,
    {name: "ECDSA", namedCurve: "P-256", expires: -1},
    {name: "ECDSA", namedCurve: "P-256", expires: 1e9},
    {name: "ECDSA", namedCurve: "P-256", expires: "x"},
  ])
    found.push(await failure(() => RTCPeerConnection.generateCertificate(algorithm)));
  return found;
});
check("methods: generateCertificate without argument", () =>
  failure(() => RTCPeerConnection.generateCertificate()),
);
check("methods: generateCertificate without its class", async () => {
  const {generateCertificate} = RTCPeerConnection;
  class Mine extends RTCPeerConnection {}
  const made = await Promise.all([
    generateCertificate.call(null, {name: "ECDSA", namedCurve: "P-256"}),
    Mine.generateCertificate({name: "ECDSA", namedCurve: "P-256"}),
  ]);
  return made.map((item) => item instanceof RTCCertificate);
});
check("methods: a certificate", async () => {
  const made = await certificate();
  const [{algorithm, value}] = made.getFingerprints();
  return [
    typeof made.expires,
    made.expires > Date.now(),
    algorithm,
    /^([0-9a-f]{2}:){31}[0-9a-f]{2}$/i.test(value),
    String(made),
  ];
});
check("methods: a certificate is offered", async () => {
  const made = await certificate();
  const pc = peer({certificates: [made]});
  pc.createDataChannel("x");
  const offered = (await pc.createOffer()).sdp.match(/^a=fingerprint:sha-256 (.*)$/m)[1].trim();
  return offered.toLowerCase() === made.getFingerprints()[0].value.toLowerCase();
});
check("methods: a certificate is cloned", async () => {
  const made = await certificate();
  const cloned = structuredClone(made);
  return [
    cloned instanceof RTCCertificate,
    cloned.expires === made.expires,
    await failure(() => peer({certificates: [cloned]})),
  ];
});
