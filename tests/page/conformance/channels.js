// Data channels: sections 6.1 to 6.4, and the transports under them (5.5, 5.6).
"use strict";
atOnce = 8;

const CHANNEL = [
  "label",
  "ordered",
  "maxPacketLifeTime",
  "maxRetransmits",
  "protocol",
  "negotiated",
  "id",
  "readyState",
  "bufferedAmount",
  "bufferedAmountLowThreshold",
  "binaryType",
  "priority",
  "reliable",
];
const OPTIONS = {
  none: [],
  undefined: [undefined],
  null: [null],
  unordered: [{ordered: false}],
  maxRetransmits: [{maxRetransmits: 0}],
  maxPacketLifeTime: [{maxPacketLifeTime: 100}],
  both: [{maxRetransmits: 1, maxPacketLifeTime: 1}],
  protocol: [{protocol: "mine"}],
  negotiated: [{negotiated: true, id: 5}],
  "negotiated without id": [{negotiated: true}],
  "an id without negotiated": [{id: 7}],
  "id 65534": [{negotiated: true, id: 65534}],
  "id 65535": [{negotiated: true, id: 65535}],
  "id 65536": [{negotiated: true, id: 65536}],
  "a negative id": [{negotiated: true, id: -1}],
  priority: [{priority: "high"}],
  "an unknown priority": [{priority: "bogus"}],
  "a long protocol": [{protocol: "p".repeat(65536)}],
  "a number": [5],
};
for (const [name, args] of Object.entries(OPTIONS)) {
  check(`channels: created with ${name}`, async () => {
    let channel;
    const how = await failure(() => {
      channel = peer().createDataChannel("label", ...args);
    });
    return channel ? members(channel, CHANNEL) : how;
  });
}
check("channels: labels", () =>
  ["", 5, null, undefined, "ü", "\ud800", {toString: () => "mine"}].map(
    (label) => peer().createDataChannel(label).label,
  ),
);
check("channels: labels that are refused", async () => [
  await failure(() => peer().createDataChannel()),
  await failure(() => peer().createDataChannel("l".repeat(65536))),
  await failure(() => peer().createDataChannel(Symbol("x"))),
]);
check("channels: the same id twice", async () => {
  const pc = peer();
  pc.createDataChannel("x", {negotiated: true, id: 3});
  return failure(() => pc.createDataChannel("y", {negotiated: true, id: 3}));
});
check("channels: binaryType", () => {
  const channel = peer().createDataChannel("x");
  return ["blob", "arraybuffer", "bogus", null].map((value) => {
    try {
      channel.binaryType = value;
    } catch (error) {
      return nameOf(error);
    }
    return channel.binaryType;
  });
});
check("channels: sending before it is open", () =>
  failure(() => peer().createDataChannel("x").send("x")),
);
check("channels: closing before it is open", async () => {
  const channel = peer().createDataChannel("x");
  channel.close();
  return channel.readyState;
});

check("channels: messages of every kind", async () => {
  const {here, there} = await talk();
  here.binaryType = there.binaryType = "arraybuffer";
  const bytes = new Uint8Array([0, 1, 255]);
  const sent = [
    "",
    "text",
    "ü\u{1f600}",
    "x".repeat(20000),
    bytes,
    bytes.buffer,
    new DataView(bytes.buffer, 1),
    new Uint8Array(0),
    new Blob(["blob"]),
  ];
  const log = [];
  const done = new Promise((resolve) => {
    there.onmessage = ({data}) => {
      log.push(
        typeof data === "string"
          ? `string ${data.length} ${data.slice(0, 8)}`
          : `${data.constructor.name} ${[...new Uint8Array(data)]}`,
      );
      if (log.length === sent.length) resolve();
    };
  });
  for (const item of sent) here.send(item);
  await done;
  return log;
});
check("channels: a blob arrives", async () => {
  const {here, there} = await talk();
  there.binaryType = "blob";
  const arrived = next(there, "message");
  here.send(new Uint8Array([104, 105]));
  const {data} = await arrived;
  return [data.constructor.name, await data.text()];
});
check("channels: a message back", async () => {
  const {here, there} = await talk();
  there.onmessage = ({data}) => there.send(`${data} back`);
  const arrived = next(here, "message");
  here.send("there and");
  const event = await arrived;
  return [event.data, event.constructor.name, event.origin, event.source, event.ports.length];
});
check("channels: a large message", async () => {
  const {here, there} = await talk();
  there.binaryType = "arraybuffer";
  const arrived = next(there, "message");
  here.send(new Uint8Array(200000).fill(7));
  const {data} = await arrived;
  return [data.byteLength, new Uint8Array(data)[199999]];
});
check("channels: one too large", async () => {
  const {a, here} = await talk();
  const {maxMessageSize} = a.sctp;
  return maxMessageSize > 2 ** 24
    ? maxMessageSize
    : failure(() => here.send(new Uint8Array(maxMessageSize + 1)));
});
check("channels: things that cannot be sent", async () => {
  const {here} = await talk();
  return [await failure(() => here.send()), await failure(() => here.send(Symbol("x")))];
});
check("channels: much is sent in order", async () => {
  const {here, there} = await talk();
  let ordered = true,
    count = 0;
  const done = new Promise((resolve) => {
    there.onmessage = ({data}) => {
      ordered &&= Number(data.split(" ")[0]) === count++;
      if (count === 300) resolve();
    };
  });
  for (let i = 0; i < 300; i++) here.send(`${i} ${"x".repeat(500)}`);
  await done;
  return ordered;
});
check("channels: bufferedamountlow", async () => {
  const {here} = await talk();
  here.bufferedAmountLowThreshold = 10;
  const low = next(here, "bufferedamountlow");
  here.send("x".repeat(50000));
  const during = here.bufferedAmount;
  await low;
  return [during, here.bufferedAmount <= 10];
});
check("channels: negotiated by both", async () => {
  const [a, b] = peers();
  const ends = [a, b].map((pc) => pc.createDataChannel("n", {negotiated: true, id: 4}));
  await negotiate(a, b);
  await Promise.all(ends.map(isOpen));
  const arrived = next(ends[1], "message");
  ends[0].send("x");
  return [(await arrived).data, ends.map(({id}) => id)];
});
check("channels: several, and their ids", async () => {
  const {a, b, here} = await talk();
  const arrived = next(b, "datachannel");
  const second = a.createDataChannel("second", {ordered: false, maxRetransmits: 2, protocol: "p"});
  await isOpen(second);
  const {channel} = await arrived;
  return [members(channel, CHANNEL), here.id !== second.id, here.id % 2 === second.id % 2];
});
check("channels: one is closed", async () => {
  const {here, there} = await talk();
  const log = [];
  // The far side's "closing" may be passed over.
  for (const [name, channel] of [
    ["here", here],
    ["there", there],
  ]) {
    for (const event of ["close", "error"])
      channel.addEventListener(event, () => log.push(`${name} ${event} ${channel.readyState}`));
  }
  const gone = Promise.all([next(here, "close"), next(there, "close")]);
  here.close();
  const now = here.readyState;
  await gone;
  return [now, log.sort(), await failure(() => here.send("x"))];
});
check("channels: what they see when their connection is closed", async () => {
  const {a, b, here, there} = await talk();
  const log = [];
  for (const event of ["close", "error"]) {
    here.addEventListener(event, () => log.push(`here ${event}`));
    there.addEventListener(event, ({error}) =>
      log.push(`there ${event} ${error ? `${nameOf(error)} ${error.errorDetail}` : ""}`),
    );
  }
  const gone = next(there, "close");
  a.close();
  await gone;
  await pause(50);
  b.close();
  return [log.sort(), here.readyState, there.readyState];
});

// ---- Transports --------------------------------------------------------------------------------

check("transports: of the channel", async () => {
  const {a} = await talk();
  const {sctp} = a;
  return [
    members(sctp, ["state", "maxMessageSize", "maxChannels"]),
    sctp.transport?.state,
    sctp.constructor.name,
    sctp.transport?.constructor.name,
  ];
});
check("transports: before and after a description", async () => {
  const pc = peer();
  pc.createDataChannel("x");
  const before = pc.sctp;
  await pc.setLocalDescription();
  return [before, pc.sctp?.state ?? null, pc.sctp?.transport?.state ?? null];
});
check("transports: DTLS", async () => {
  const {a, b} = await talk();
  return [a, b].map(({sctp}) => [
    sctp.transport?.state,
    sctp.transport?.getRemoteCertificates?.().map((item) => item.constructor.name),
  ]);
});
check("transports: ICE", async () => {
  const {a, b} = await talk();
  await Promise.all([gathered(a), gathered(b)]);
  return [a, b].map(({sctp}) => {
    const ice = sctp.transport?.iceTransport;
    if (!ice) return "none";
    const names = ["role", "component", "gatheringState"].map((name) => ice[name] ?? "undefined");
    return [
      ...names,
      ["connected", "completed"].includes(ice.state),
      ...["getLocalParameters", "getRemoteParameters"].map((name) =>
        Object.keys(ice[name]?.() ?? {}),
      ),
    ];
  });
});
check("transports: local candidates of ICE", async () => {
  const {a} = await talk();
  await gathered(a);
  return sorted(
    (a.sctp.transport?.iceTransport?.getLocalCandidates?.() ?? []).map(({type}) => type),
  );
});
check("transports: remote candidates of ICE", async () => {
  const {a, b} = await talk();
  await gathered(b);
  await pause(50);
  return sorted(
    (a.sctp.transport?.iceTransport?.getRemoteCandidates?.() ?? []).map(({type}) => type),
  );
});
check("transports: the selected pair of ICE", async () => {
  const {a} = await talk();
  const pair = a.sctp.transport?.iceTransport?.getSelectedCandidatePair?.();
  return pair ? [pair.local.type, pair.remote.type, pair.local.constructor.name] : "none";
});
check("transports: after closing", async () => {
  const {a} = await talk();
  const {sctp} = a;
  a.close();
  return [sctp.state, sctp.transport?.state, sctp.transport?.iceTransport?.state ?? null];
});
