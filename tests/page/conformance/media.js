// Tracks, senders, receivers, transceivers: section 5.
"use strict";
atOnce = 8;

for (const [name, args] of Object.entries({
  audio: ["audio"],
  video: ["video"],
  "an unknown kind": ["bogus"],
  nothing: [],
  null: [null],
  "a track that is none": [{}],
  recvonly: ["audio", {direction: "recvonly"}],
  "an unknown direction": ["audio", {direction: "bogus"}],
  stopped: ["audio", {direction: "stopped"}],
  "two encodings": ["video", {sendEncodings: [{rid: "a"}, {rid: "b", scaleResolutionDownBy: 2}]}],
  "the same rid twice": ["video", {sendEncodings: [{rid: "a"}, {rid: "a"}]}],
  "a wrong rid": ["video", {sendEncodings: [{rid: "a b"}, {rid: "c"}]}],
  "a scale below one": ["video", {sendEncodings: [{scaleResolutionDownBy: 0.5}]}],
})) {
  check(`media: addTransceiver of ${name}`, async () => {
    let made;
    const how = await failure(() => {
      made = peer().addTransceiver(...args);
    });
    if (!made) return how;
    const {direction, currentDirection, mid, sender, receiver} = made;
    return [
      direction,
      currentDirection,
      mid,
      sender.track,
      receiver.track.kind,
      receiver.track.muted,
      receiver.track.readyState,
      sender.getParameters().encodings.length,
    ];
  });
}
check("media: addTrack", async () => {
  const pc = peer();
  const stream = picture();
  const [one] = stream.getTracks();
  const sender = pc.addTrack(one, stream);
  return [
    sender.constructor.name,
    sender.track === one,
    pc.getSenders()[0] === sender,
    pc.getTransceivers()[0].direction,
    await failure(() => pc.addTrack(one)),
    await failure(() => pc.addTrack({})),
    await failure(() => pc.addTrack(one, {})),
  ];
});
check("media: removeTrack", async () => {
  const pc = peer();
  const sender = pc.addTrack(picture().getTracks()[0]);
  pc.removeTrack(sender);
  return [
    sender.track,
    pc.getTransceivers()[0].direction,
    await failure(() => pc.removeTrack(sender)),
    await failure(() => pc.removeTrack(peer().addTransceiver("audio").sender)),
    await failure(() => pc.removeTrack(null)),
  ];
});
check("media: addTrack takes a transceiver that is free", () => {
  const pc = peer();
  const transceiver = pc.addTransceiver("video", {direction: "recvonly"});
  const sender = pc.addTrack(picture().getTracks()[0]);
  return [pc.getTransceivers().length, transceiver.sender === sender, transceiver.direction];
});
check("media: directions after a negotiation", async () => {
  const a = peer(),
    b = peer();
  a.addTransceiver("video", {direction: "sendonly"});
  await describeBoth(a, b);
  const [one] = a.getTransceivers(),
    [two] = b.getTransceivers();
  return [one.mid === two.mid, one.currentDirection, two.direction, two.currentDirection];
});
check("media: a transceiver is stopped", async () => {
  const pc = peer();
  const transceiver = pc.addTransceiver("audio");
  transceiver.stop?.();
  return [
    transceiver.direction,
    transceiver.currentDirection,
    transceiver.receiver.track.readyState,
    await failure(() => {
      transceiver.direction = "sendonly";
    }),
  ];
});
check("media: replaceTrack", async () => {
  const sender = peer().addTransceiver("video").sender;
  const [one] = picture().getTracks();
  const made = await sender.replaceTrack(one);
  return [
    made,
    sender.track === one,
    await failure(() => sender.replaceTrack(null)),
    sender.track,
    await failure(() => sender.replaceTrack({})),
  ];
});
check("media: capabilities", () =>
  [RTCRtpSender, RTCRtpReceiver].map((kind) => [
    kind.getCapabilities("bogus"),
    sorted(kind.getCapabilities("audio").codecs.map(({mimeType}) => mimeType)),
    sorted(kind.getCapabilities("video").codecs.map(({mimeType}) => mimeType)),
  ]),
);
check("media: setCodecPreferences", async () => {
  const pc = peer();
  const transceiver = pc.addTransceiver("audio");
  const {codecs} = RTCRtpReceiver.getCapabilities("audio");
  transceiver.setCodecPreferences(codecs.filter(({mimeType}) => mimeType === "audio/PCMU"));
  return [
    (await pc.createOffer()).sdp.match(/^m=audio.*/gm),
    await failure(() => transceiver.setCodecPreferences([{mimeType: "audio/bogus", clockRate: 1}])),
  ];
});
check("media: parameters", async () => {
  const {sender} = peer().addTransceiver("video");
  const found = sender.getParameters();
  found.encodings[0].maxBitrate = 100000;
  return [
    Object.keys(found).sort(),
    await failure(() => sender.setParameters(found)),
    await failure(() => sender.setParameters({})),
  ];
});
check("media: dtmf", () => {
  const pc = peer();
  return [
    String(pc.addTransceiver("audio").sender.dtmf),
    String(pc.addTransceiver("video").sender.dtmf),
  ];
});
check("media: an offer of tracks", async () => {
  const pc = peer();
  const stream = picture();
  pc.addTrack(stream.getTracks()[0], stream);
  const {sdp} = await pc.createOffer();
  return [
    sdp.match(/^m=\w+/gm),
    sdp
      .match(/^a=(sendrecv|msid:.*)/gm)
      .map((line) => line.replace(/\S+-\S+|\{.*?\}/g, "id").split(":")[0]),
    sdp.match(/^a=rtcp-mux/gm),
  ];
});
check("media: a picture arrives", async () => {
  const a = peer(),
    b = peer();
  const stream = picture();
  a.addTrack(stream.getTracks()[0], stream);
  const arrived = next(b, "track");
  await negotiate(a, b);
  const event = await arrived;
  await Promise.all([
    until(event.track, "unmute", () => !event.track.muted),
    connected(a),
    connected(b),
  ]);
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = event.streams[0];
  await video.play();
  const size = [video.videoWidth, video.videoHeight];
  video.srcObject = null;
  return [
    event.track.kind,
    event.track.readyState,
    size,
    a.getSenders()[0].transport?.state,
    b.getReceivers()[0].transport?.state,
  ];
});
check("media: packets are counted", async () => {
  const a = peer(),
    b = peer();
  const stream = picture();
  a.addTrack(stream.getTracks()[0], stream);
  await negotiate(a, b);
  await connected(b);
  await counted(a, "outbound-rtp", "packetsSent");
  await counted(b, "inbound-rtp", "packetsReceived");
  return "both sides";
});
