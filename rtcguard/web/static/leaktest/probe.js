// Runs in a frame of /leaktest and asks this document's WebRTC for all that a site could ask it for.
//
// It does nothing by itself: the page that it is a frame of, of the same origin, hands it a port and
// what to try. Everything that it finds goes back through that port alone.
const LIMIT = 10_000; // ms that one connection may gather; what came until then counts
const SOON = 700; // ms that checks towards a far side are waited for

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const fresh = () => ({ candidates: [], stats: [], lines: [], errors: [], policy: "", urls: [], ufrag: "" });

function watch(connection, found) {
  connection.addEventListener("icecandidate", ({ candidate }) => {
    if (candidate?.candidate) found.candidates.push(candidate.candidate);
  });
  connection.addEventListener("icecandidateerror", ({ address, hostCandidate, url, errorCode }) =>
    found.errors.push({ address: address || hostCandidate || "", url: url || "", code: errorCode }),
  );
}

const gathered = (connection) =>
  new Promise((resolve) => {
    const look = () => connection.iceGatheringState === "complete" && resolve(true);
    connection.addEventListener("icegatheringstatechange", look);
    look();
  });

// Everything that a page can read of a connection besides its events.
async function read(connection, found) {
  const texts = [(await connection.createOffer()).sdp];
  for (const name of ["localDescription", "currentLocalDescription", "pendingLocalDescription"]) {
    if (connection[name]) texts.push(connection[name].sdp);
  }
  const transport = connection.sctp?.transport?.iceTransport;
  for (const { candidate } of transport?.getLocalCandidates?.() ?? []) found.candidates.push(candidate);
  for (const line of texts.join("\r\n").split(/\r?\n/)) {
    if (line.startsWith("a=candidate:")) found.candidates.push(line.slice(2));
    else if (/^(o=|c=|a=rtcp:)/.test(line)) found.lines.push(line);
    else if (line.startsWith("a=ice-ufrag:")) found.ufrag ||= line.slice(12);
  }
  for (const stat of (await connection.getStats()).values()) {
    if (stat.type !== "local-candidate") continue;
    const { candidateType, address, ip, relatedAddress, url } = stat;
    found.stats.push({ type: candidateType, address: address || ip || "", related: relatedAddress || "", url: url || "" });
  }
  for (const name of ["candidates", "lines"]) found[name] = [...new Set(found[name])];
}

// One connection of a realm from its making to its end. `then` is given it once it gathers.
async function gather(Connection, servers, then) {
  const found = fresh();
  const connection = new Connection({ iceServers: servers });
  try {
    watch(connection, found);
    connection.createDataChannel("");
    const { iceTransportPolicy, iceServers } = connection.getConfiguration();
    found.policy = iceTransportPolicy;
    found.urls = iceServers.flatMap(({ urls }) => urls);
    found.servers = iceServers.map(({ urls, username, credential }) => ({ urls, username, credential }));
    await connection.setLocalDescription(await connection.createOffer());
    found.complete = Boolean(await Promise.race([gathered(connection), pause(LIMIT)]));
    await then?.(connection);
    found.description = connection.localDescription?.sdp ?? "";
    await read(connection, found);
  } finally {
    connection.close();
  }
  return found;
}

// Answers a connection with a far side that is the responder: the browser's checks go there, as they
// would to any peer. The answer is one that this browser made, so that nothing in it is odd.
const meet = (Connection, servers) => async (connection) => {
  const other = new Connection();
  try {
    await other.setRemoteDescription(connection.localDescription);
    await connection.setRemoteDescription(await other.createAnswer());
    const [, sdpMid] = /^a=mid:(\S*)/m.exec(connection.localDescription.sdp);
    for (const [number, { host, port }] of servers.entries()) {
      const address = host.replace(/^\[|\]$/g, "");
      const over = [`udp 2122260223 ${address} ${port} typ host`, `tcp 1518280447 ${address} ${port} typ host tcptype passive`];
      for (const [index, rest] of over.entries()) {
        await connection.addIceCandidate({ candidate: `candidate:${number}${index} 1 ${rest}`, sdpMid });
      }
    }
    await pause(SOON);
  } finally {
    other.close();
  }
};

function frame(set) {
  const made = document.createElement("iframe");
  made.title = "part of the leak test";
  if (!set) {
    document.body.append(made); // a script can use its window at once
    return made.contentWindow;
  }
  return new Promise((resolve) => {
    made.addEventListener("load", () => resolve(made.contentWindow));
    set(made);
    document.body.append(made);
  });
}

const inWorker = () =>
  new Promise((resolve, reject) => {
    const worker = new Worker("/static/leaktest/worker.js");
    worker.addEventListener("message", ({ data }) => resolve(data));
    worker.addEventListener("error", () => reject(new Error("the worker did not start")));
  });

class Skipped extends Error {}

// By way: what is tried. All at a time, but for what needs leave to use a microphone.
const ways = ({ servers, relays, name }) => {
  const all = (transport, scheme) =>
    servers.map(({ host, port }) => `${scheme}:${host}:${port}${transport && `?transport=${transport}`}`);
  const some = (list, what) => {
    if (!list.length) throw new Skipped(what);
    return list;
  };
  const nowhere = "no STUN responder of rtcguard can be reached from here";
  const stun = (transport) => [{ urls: some(all(transport, "stun"), nowhere) }];
  const named = () => [{ urls: some(name ? [`stun:${name}`] : [], "rtcguard's DNS sinkhole is off") }];
  const turn = (transport) => [{ urls: some(all(transport, "turn"), nowhere), username: "leak", credential: "test" }];
  return {
    host: () => gather(RTCPeerConnection, []),
    stun: () => gather(RTCPeerConnection, stun("")),
    "stun-tcp": () => gather(RTCPeerConnection, stun("tcp")),
    turn: () => gather(RTCPeerConnection, turn("udp")),
    "turn-tcp": () => gather(RTCPeerConnection, turn("tcp")),
    relay: () => gather(RTCPeerConnection, relays && some(relays, "no relay is known here")),
    name: () => gather(RTCPeerConnection, named()),
    peer: () => gather(RTCPeerConnection, [], meet(RTCPeerConnection, some(servers, nowhere))),
    blank: () => gather(frame().RTCPeerConnection, []),
    srcdoc: async () => gather((await frame((made) => (made.srcdoc = "<!doctype html><title>part</title>"))).RTCPeerConnection, []),
    frame: async () => gather((await frame((made) => (made.src = `${location.pathname}?inner`))).RTCPeerConnection, []),
    worker: async () => {
      if (!(await inWorker())) throw new Skipped("this browser has no WebRTC in workers");
      return { ...fresh(), inWorker: true };
    },
  };
};

async function media() {
  if (!navigator.mediaDevices?.getUserMedia) throw new Skipped("only a page by HTTPS may ask for it");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) {
    throw new Skipped(error.name === "NotAllowedError" ? "it was not allowed" : `this browser has none to give (${error.name})`);
  }
  try {
    return await gather(RTCPeerConnection, []); // Firefox tells while it records
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}

async function attempt(act, tell) {
  let made;
  try {
    made = { state: "done", ...(await act()) };
    if (!made.complete && !made.inWorker) made.state = "slow";
  } catch (error) {
    made = { state: error instanceof Skipped ? "skipped" : "refused", note: String(error.message ?? error), ...fresh() };
    made.error = error.name;
  }
  tell();
  return made;
}

async function run(asked, tell) {
  if (typeof RTCPeerConnection !== "function") return { webrtc: false, attempts: {} };
  const attempts = {};
  const one = async (way, act) => {
    attempts[way] = await attempt(act, tell);
  };
  await Promise.all(Object.entries(ways(asked)).map(([way, act]) => one(way, act)));
  if (asked.media) await one("media", media);
  return { webrtc: true, attempts };
}

// What a site's own server gets of a page's descriptions and candidates.
async function signal(content) {
  const response = await fetch(document.body.dataset.signal, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
  });
  if (response.ok) return response.json();
  // What a rule blocks never reaches the site.
  const lines = content.descriptions.length + content.candidates.length;
  if ((await response.text()).startsWith("rtcguard: blocked:")) return { lines, told: [], blocked: true };
  throw new Error(`the site answered ${response.status}`);
}

addEventListener("message", (event) => {
  // No other origin, no popup's opener, no frame below.
  if (event.origin !== location.origin || event.source !== parent || parent === window) return;
  const [port] = event.ports;
  port.onmessage = async ({ data: { run: asked, signal: content } }) => {
    try {
      const tell = () => port.postMessage({ progress: 1 });
      port.postMessage({ result: asked ? await run(asked, tell) : await signal(content) });
    } catch (error) {
      port.postMessage({ error: String(error.message ?? error) });
    }
  };
});
