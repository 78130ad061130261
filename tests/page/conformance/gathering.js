// What gathering finds and how it is told: sections 4.4.1.5, 4.8.1 and 4.8.2.
"use strict";
atOnce = 8;

check("candidates: their types", async () =>
  sorted((await gather(peer())).map(({candidate}) => candidate?.type ?? "end")),
);
check("candidates: how they end", async () =>
  (await gather(peer()))
    .slice(-2)
    .map(({candidate}) => candidate && (candidate.candidate ? "candidate" : candidate.candidate)),
);
check("candidates: the event's members", async () => {
  const [event] = await gather(peer());
  return [
    event.constructor.name,
    event.isTrusted,
    event.bubbles,
    event.cancelable,
    event.candidate.constructor.name,
    Object.keys(event.candidate.toJSON()),
  ];
});
check("candidates: where they belong", async () => {
  const pc = peer();
  const found = await gather(pc);
  const ufrag = pc.localDescription.sdp.match(/ice-ufrag:(.*)/)[1].trim();
  return sorted(
    found
      .filter(({candidate}) => candidate)
      .map(({candidate}) =>
        JSON.stringify([
          candidate.sdpMid,
          candidate.sdpMLineIndex,
          candidate.component,
          candidate.usernameFragment === ufrag,
        ]),
      ),
  );
});
check("candidates: their protocols", async () =>
  sorted(
    (await gather(peer())).map(
      ({candidate}) =>
        candidate?.candidate && [candidate.protocol, candidate.tcpType ?? null].join(" "),
    ),
  ),
);
check("candidates: what is known of a relay", async () => {
  const relays = (await gather(peer()))
    .map(({candidate}) => candidate)
    .filter((item) => item?.type === "relay");
  return sorted(
    relays.map((item) =>
      JSON.stringify([item.address, item.relayProtocol ?? null, /^turn:/.test(item.url ?? "")]),
    ),
  );
});
check("candidates: the attributes of the description", async () => {
  const pc = peer();
  await gather(pc);
  return sorted(
    pc.localDescription.sdp.match(/^a=[a-z-]+/gm).filter((name) => name !== "a=candidate"),
  );
});
check("candidates: their types in the description", async () => {
  const pc = peer();
  await gather(pc);
  return sorted(
    pc.localDescription.sdp
      .match(/^a=candidate.*? typ \w+/gm)
      .map((line) => line.split(" ").at(-1)),
  );
});
check("candidates: relay asked for by the page with its own server", async () => {
  const pc = peer({iceTransportPolicy: "relay", iceServers: [pageServer]});
  return sorted(
    (await gather(pc)).map(
      ({candidate}) =>
        candidate?.candidate && [candidate.type, candidate.address, candidate.protocol].join(" "),
    ),
  );
});
check("candidates: relay asked for without a server", async () => {
  const pc = peer({iceTransportPolicy: "relay"});
  return sorted(
    (await gather(pc)).map(({candidate}) => (candidate?.candidate ? candidate.type : "end")),
  );
});
check("candidates: a server that does not answer", async () => {
  const pc = peer({
    iceServers: [{urls: "turn:127.0.0.1:3999?transport=tcp", username: "u", credential: "c"}],
  });
  const log = [];
  pc.onicecandidateerror = ({errorCode, url}) => log.push([errorCode, url]);
  await gather(pc);
  return sorted(log.map(String));
});
check("candidates: a server that refuses the credentials", async () => {
  const pc = peer({
    iceTransportPolicy: "relay",
    iceServers: [{...pageServer, credential: "wrong"}],
  });
  const log = [];
  pc.onicecandidateerror = ({constructor, errorCode}) => log.push([constructor.name, errorCode]);
  await gather(pc);
  return sorted(log.map(String));
});
check("candidates: a pool gathers beforehand", async () => {
  const pc = peer({iceCandidatePoolSize: 1});
  await pause(200);
  return [pc.iceGatheringState, (await gather(pc)).length > 0];
});
check("candidates: what the listeners of the window hear", async () => {
  const log = [];
  const listen = (event) => log.push(event.type);
  window.addEventListener("icecandidate", listen, true);
  await gather(peer());
  window.removeEventListener("icecandidate", listen, true);
  return log;
});
