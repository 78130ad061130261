// Descriptions and candidates: sections 4.3.2, 4.4.1.5, 4.4.1.9 (adding a candidate), 4.6, 4.8.1.
"use strict";
atOnce = 8;

check("descriptions: pending and current", async () => {
  const [a, b] = peers();
  a.createDataChannel("x");
  const NAMES = [
    "currentLocalDescription",
    "pendingLocalDescription",
    "currentRemoteDescription",
    "pendingRemoteDescription",
  ];
  const look = (pc) => NAMES.map((name) => pc[name]?.type ?? null);
  const log = [];
  await a.setLocalDescription();
  log.push(look(a));
  await b.setRemoteDescription(a.localDescription);
  log.push(look(b));
  await b.setLocalDescription();
  log.push(look(b));
  await a.setRemoteDescription(b.localDescription);
  log.push(look(a));
  return log;
});
check("descriptions: the object", async () => {
  const pc = peer();
  pc.createDataChannel("x");
  await pc.setLocalDescription();
  const found = pc.localDescription;
  return [
    found.constructor.name,
    found === pc.pendingLocalDescription,
    Object.keys(found),
    Object.keys(found.toJSON()),
    JSON.parse(JSON.stringify(found)).type,
    String(found),
  ];
});
check("descriptions: what an offer has", async () => {
  const pc = peer();
  pc.createDataChannel("x");
  pc.addTransceiver("audio");
  const {sdp} = await pc.createOffer();
  return [
    sorted(sdp.match(/^[a-z]=[a-z-]*/gm)),
    sdp.match(/^m=\w+/gm),
    sdp.match(/^a=setup.*/gm),
    sdp.match(/^c=.*/gm),
    sdp.match(/^a=ice-options.*/gm),
  ];
});
check("descriptions: the addresses of an offer before gathering", async () => {
  const pc = peer();
  pc.createDataChannel("x");
  const {sdp} = await pc.createOffer();
  return [sdp.match(/^c=.*/gm), sdp.match(/^m=\w+ \d+/gm), sdp.match(/^o=.* (IN .*)/m)[1]];
});
check("descriptions: the default address after gathering", async () => {
  const pc = peer();
  await gather(pc);
  const {sdp} = pc.localDescription;
  return [
    /^c=IN IP4 (0\.0\.0\.0|127\.)/m.test(sdp),
    sdp.match(/^m=\w+ 9 /m) ? "port 9" : "another port",
  ];
});
check("descriptions: whether the end of candidates is told", async () => {
  const pc = peer();
  await gather(pc);
  return pc.localDescription.sdp.includes("a=end-of-candidates");
});
check("descriptions: the remote one is kept word for word", async () => {
  const pc = peer();
  await pc.setRemoteDescription(OFFER);
  return [
    pc.remoteDescription.sdp === OFFER.sdp,
    pc.remoteDescription.type,
    pc.canTrickleIceCandidates,
  ];
});
check("descriptions: canTrickleIceCandidates without the option", async () => {
  const pc = peer();
  await pc.setRemoteDescription({
    type: "offer",
    sdp: OFFER.sdp.replace("a=ice-options:trickle\r\n", ""),
  });
  return pc.canTrickleIceCandidates;
});
check("descriptions: RTCSessionDescription", async () => [
  members(new RTCSessionDescription({type: "offer", sdp: "x"}), ["type", "sdp"]),
  members(new RTCSessionDescription({type: "answer"}), ["type", "sdp"]),
  await failure(() => new RTCSessionDescription()),
  await failure(() => new RTCSessionDescription({type: "bogus"})),
  await failure(() => new RTCSessionDescription({})),
]);
check("descriptions: provisional answers", async () => {
  const [a, b] = peers();
  a.createDataChannel("x");
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  const {sdp} = await b.createAnswer();
  const how = await failure(() => b.setLocalDescription({type: "pranswer", sdp}));
  if (how !== "none") return how;
  await a.setRemoteDescription({type: "pranswer", sdp});
  const during = [a.signalingState, b.signalingState];
  await b.setLocalDescription({type: "answer", sdp});
  await a.setRemoteDescription({type: "answer", sdp});
  return [during, a.signalingState, b.signalingState];
});

// ---- Candidates --------------------------------------------------------------------------------

const FIELDS = [
  "candidate",
  "sdpMid",
  "sdpMLineIndex",
  "foundation",
  "component",
  "priority",
  "address",
  "protocol",
  "port",
  "type",
  "tcpType",
  "relatedAddress",
  "relatedPort",
  "usernameFragment",
];
const LINES = {
  host: "candidate:1 1 udp 2113937151 192.0.2.1 50000 typ host",
  "host, mDNS":
    "candidate:1 1 udp 2113937151 0f7a1c2e-0000-4000-8000-000000000000.local 50000 typ host",
  srflx: "candidate:2 1 udp 1677729535 198.51.100.1 50000 typ srflx raddr 192.0.2.1 rport 50001",
  relay:
    "candidate:3 2 UDP 33562367 203.0.113.1 50000 typ relay raddr 198.51.100.1 rport 50001 generation 0 ufrag abcd",
  tcp: "candidate:4 1 tcp 1518280447 2001:db8::1 9 typ host tcptype active",
  empty: "",
  "no candidate": "bogus",
  "no type": "candidate:1 1 udp 2113937151 192.0.2.1 50000",
};
for (const [name, candidate] of Object.entries(LINES)) {
  check(`candidates: RTCIceCandidate, ${name}`, () => {
    const made = new RTCIceCandidate({
      candidate,
      sdpMid: "0",
      sdpMLineIndex: 1,
      usernameFragment: "mine",
    });
    return [members(made, FIELDS), made.toJSON(), String(made)];
  });
}
check("candidates: RTCIceCandidate, wrong arguments", async () => [
  await failure(() => new RTCIceCandidate()),
  await failure(() => new RTCIceCandidate({})),
  await failure(() => new RTCIceCandidate({candidate: LINES.host})),
  await failure(
    () => new RTCIceCandidate({candidate: LINES.host, sdpMid: null, sdpMLineIndex: null}),
  ),
  await failure(() => new RTCIceCandidate({sdpMid: "0"})),
  await failure(() => new RTCIceCandidate({candidate: LINES.host, sdpMLineIndex: 0})),
  await failure(() => RTCIceCandidate({candidate: ""})),
]);

const ADDED = {
  nothing: [],
  null: [null],
  undefined: [undefined],
  "an empty object": [{}],
  "an empty candidate": [{candidate: "", sdpMid: "0"}],
  "an empty candidate of no place": [{candidate: ""}],
  "a host candidate": [{candidate: LINES.host, sdpMid: "0"}],
  "a host candidate by index": [{candidate: LINES.host, sdpMLineIndex: 0}],
  "a host candidate as a line": [{candidate: `a=${LINES.host}`, sdpMid: "0"}],
  "an mDNS candidate": [{candidate: LINES["host, mDNS"], sdpMid: "0"}],
  "a relay candidate": [{candidate: LINES.relay, sdpMid: "0"}],
  "a TCP candidate": [{candidate: LINES.tcp, sdpMid: "0"}],
  "an RTCIceCandidate": [new RTCIceCandidate({candidate: LINES.srflx, sdpMid: "0"})],
  "no place": [{candidate: LINES.host}],
  "an unknown place": [{candidate: LINES.host, sdpMid: "9"}],
  "an unknown index": [{candidate: LINES.host, sdpMLineIndex: 9}],
  "another ufrag": [{candidate: LINES.host, sdpMid: "0", usernameFragment: "other"}],
  "the right ufrag": [{candidate: LINES.host, sdpMid: "0", usernameFragment: "abcd"}],
  nonsense: [{candidate: "nonsense", sdpMid: "0"}],
  "an unknown type": [
    {candidate: "candidate:1 1 udp 2113937151 192.0.2.1 50000 typ bogus", sdpMid: "0"},
  ],
  "an inert one": [{candidate: "candidate:0 1 udp 1 0.0.0.0 9 typ host", sdpMid: "0"}],
  "a number": [5],
};
for (const [name, args] of Object.entries(ADDED)) {
  check(`candidates: addIceCandidate of ${name}`, async () => {
    const pc = peer();
    await pc.setRemoteDescription(OFFER);
    return failure(() => pc.addIceCandidate(...args));
  });
  check(`candidates: addIceCandidate of ${name} without a description`, () =>
    failure(() => peer().addIceCandidate(...args)),
  );
}
check("candidates: added ones show in the remote description", async () => {
  const pc = peer();
  await pc.setRemoteDescription(OFFER);
  await pc.addIceCandidate({candidate: LINES.host, sdpMid: "0"});
  await pc.addIceCandidate({candidate: "", sdpMid: "0"});
  return pc.remoteDescription.sdp.match(/^a=(candidate|end-of).*/gm);
});
check("candidates: added while an operation runs", async () => {
  const pc = peer();
  const log = [];
  await Promise.all([
    pc.setRemoteDescription(OFFER).then(() => log.push("described")),
    pc.addIceCandidate({candidate: LINES.host, sdpMid: "0"}).then(() => log.push("added")),
  ]);
  return log;
});
check("candidates: ones gathered are sent on as JSON", async () => {
  const [a, b] = peers();
  const channel = a.createDataChannel("x");
  await describeBoth(a, b);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ]) {
    await gathered(from);
    for (const line of from.localDescription.sdp.match(/^a=candidate.*/gm)) {
      await to.addIceCandidate(
        JSON.parse(JSON.stringify({candidate: line.slice(2).trim(), sdpMid: "0"})),
      );
    }
  }
  await isOpen(channel);
  return channel.readyState;
});
check("candidates: a call without trickling", async () => {
  const [a, b] = peers();
  const channel = a.createDataChannel("x");
  await a.setLocalDescription();
  await gathered(a);
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await gathered(b);
  await a.setRemoteDescription(b.localDescription);
  await isOpen(channel);
  return channel.readyState;
});
