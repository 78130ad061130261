// getStats: section 8, and the identifiers of webrtc-stats.
"use strict";
atOnce = 8;

const entries = async (pc) => [...(await pc.getStats()).values()];

// The selected pair of a connected peer, with both its candidates.
async function selected(pc) {
  const report = await pc.getStats();
  for (const entry of report.values()) {
    const pair =
      entry.type === "transport"
        ? report.get(entry.selectedCandidatePairId)
        : entry.selected && entry;
    if (pair)
      return {
        pair,
        local: report.get(pair.localCandidateId),
        remote: report.get(pair.remoteCandidateId),
      };
  }
  return null;
}

// The same, once the pair has counted more bytes than so many out and some in.
async function exchanged(pc, least) {
  for (;;) {
    const found = await selected(pc);
    if (found?.pair.bytesSent > least && found.pair.bytesReceived > 0) return found;
    await pause(20);
  }
}

check("stats: the report", async () => {
  const report = await peer().getStats();
  const seen = [];
  report.forEach((value, key, self) => seen.push(value.id === key && self === report));
  return [
    report.constructor.name,
    report instanceof RTCStatsReport,
    typeof report.size,
    report.get("bogus"),
    report.has("bogus"),
    typeof report[Symbol.iterator],
    seen.every(Boolean),
    String(report),
  ];
});
check("stats: of a new connection", async () =>
  sorted((await entries(peer())).map(({type}) => type)),
);
check("stats: an entry", async () => {
  const {a} = await talk();
  const entry = (await entries(a)).find(({type}) => type === "data-channel");
  return [
    Object.getPrototypeOf(entry) === Object.prototype,
    typeof entry.timestamp,
    typeof entry.id,
    Object.keys(entry).sort(),
    entry.state,
    entry.label,
  ];
});
check("stats: the types of a call of data", async () => {
  const {a} = await talk();
  return sorted((await entries(a)).map(({type}) => type));
});
check("stats: the types of a call with media", async () => {
  const a = peer(),
    b = peer();
  a.addTrack(picture().getTracks()[0]);
  await negotiate(a, b);
  await counted(a, "outbound-rtp", "packetsSent");
  // Reports of the far side come when they come.
  const types = new Set((await entries(a)).map(({type}) => type));
  types.delete("remote-inbound-rtp");
  return sorted(types);
});
check("stats: the types of local candidates", async () => {
  const {a} = await talk();
  await gathered(a);
  return sorted(
    (await entries(a))
      .filter(({type}) => type === "local-candidate")
      .map(({candidateType}) => candidateType),
  );
});
check("stats: the types of remote candidates", async () => {
  const {a, b} = await talk();
  await gathered(b);
  await pause(50);
  return sorted(
    (await entries(a))
      .filter(({type}) => type === "remote-candidate")
      .map(({candidateType}) => candidateType),
  );
});
check("stats: the selected pair's types", async () => {
  const {local, remote} = await selected((await talk()).a);
  return [local.candidateType, remote.candidateType];
});
check("stats: the selected pair's relay", async () => {
  const {local} = await selected((await talk()).a);
  return [local.relayProtocol ?? null, /^turn:/.test(local.url ?? ""), local.protocol];
});
check("stats: the names of a local candidate's members", async () => {
  const {local} = await selected((await talk()).a);
  return Object.keys(local).sort();
});
check("stats: the names of a pair's members", async () => {
  const {a, here, there} = await talk();
  here.send("x");
  there.send("y");
  const {pair} = await exchanged(a, 0);
  return [Object.keys(pair).sort(), pair.state, pair.nominated];
});
check("stats: bytes of the pair are counted", async () => {
  const {a, here} = await talk();
  here.send("x".repeat(1000));
  const {pair} = await exchanged(a, 1000);
  return typeof pair.bytesSent;
});
check("stats: the connection's channels are counted", async () => {
  const {a} = await talk();
  const found = (await entries(a)).find(({type}) => type === "peer-connection");
  return found ? members(found, ["dataChannelsOpened", "dataChannelsClosed"]) : "none";
});
check("stats: certificates", async () => {
  const {a} = await talk();
  return (await entries(a)).filter(({type}) => type === "certificate").length;
});
check("stats: references lead somewhere", async () => {
  const {a} = await talk();
  const report = await a.getStats();
  const lost = [];
  for (const entry of report.values()) {
    for (const [name, value] of Object.entries(entry))
      if (
        /Id$/.test(name) &&
        name !== "trackIdentifier" &&
        typeof value === "string" &&
        name !== "dataChannelIdentifier" &&
        !report.has(value)
      )
        lost.push(name);
  }
  return sorted(lost);
});
check("stats: of a sender and of a receiver", async () => {
  const a = peer();
  const sender = a.addTrack(picture().getTracks()[0]);
  return [
    (await sender.getStats()).constructor.name,
    (await a.getReceivers()[0].getStats()).constructor.name,
  ];
});
check("stats: of a track", async () => {
  const pc = peer();
  const [one] = picture().getTracks();
  const [stranger] = picture().getTracks();
  pc.addTrack(one);
  return [
    await failure(() => pc.getStats(one)),
    await failure(() => pc.getStats(stranger)),
    await failure(() => pc.getStats(null)),
    await failure(() => pc.getStats({})),
  ];
});
check("stats: after closing", async () => {
  const {a} = await talk();
  a.close();
  const report = await Promise.race([a.getStats(), pause(500)]);
  return report ? [report.constructor.name, report.size > 0] : "pending";
});
check("stats: as JSON", async () => {
  const {a} = await talk();
  return typeof JSON.stringify([...(await a.getStats())]);
});
