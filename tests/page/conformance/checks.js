// What the checks share. Each check tells what it saw as JSON, without judging it: the test compares
// what a guarded page saw with what the bare browser showed. So nothing that differs from run to run
// (times, ports, fingerprints, ids) may be told.
"use strict";

const CHECK_MS = 20000;
const checks = new Map();

function check(name, look) {
  if (checks.has(name)) throw new Error(`two checks are called ${name}`);
  checks.set(name, look);
}

// ---- What came of an attempt -------------------------------------------------------------------

function nameOf(error) {
  if (typeof error !== "object" || error === null) return `${typeof error} ${String(error)}`;
  const kind = error.constructor.name;
  return kind === error.name ? kind : `${kind} ${error.name}`;
}

// "none", or how an attempt failed: thrown at once, or by its promise.
async function failure(attempt) {
  let how = "throws";
  try {
    const made = attempt();
    how = "rejects";
    await made;
    return "none";
  } catch (error) {
    return `${how} ${nameOf(error)}`;
  }
}

// The same for what is no promise.
function failureOf(attempt) {
  try {
    attempt();
    return "none";
  } catch (error) {
    return nameOf(error);
  }
}
function message(attempt) {
  try {
    attempt();
    return "none";
  } catch (error) {
    return `${error}`;
  }
}

// ---- Connections -------------------------------------------------------------------------------

let endings = []; // what is to be done after the checks that run
const closing = RTCPeerConnection.prototype.close;

// A connection that is closed after the check.
function peer(...args) {
  return track(new RTCPeerConnection(...args));
}

function track(connection) {
  endings.push(() => closing.call(connection));
  return connection;
}

function peers() {
  return [peer(), peer()];
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Waits until `happened` is true, which is asked now and at every such event.
function until(target, event, happened) {
  return new Promise((resolve) => {
    const look = () => happened() && resolve();
    target.addEventListener(event, look);
    look();
  });
}

const next = (target, event) =>
  new Promise((resolve) => target.addEventListener(event, resolve, {once: true}));

const connected = (pc) =>
  until(pc, "connectionstatechange", () => pc.connectionState === "connected");
const gathered = (pc) =>
  until(pc, "icegatheringstatechange", () => pc.iceGatheringState === "complete");
const isOpen = (channel) => until(channel, "open", () => channel.readyState === "open");

// Offer and answer, with the candidates sent one by one as a signaling channel would.
async function negotiate(a, b) {
  let ready;
  const described = new Promise((resolve) => {
    ready = resolve;
  });
  for (const [from, to] of [
    [a, b],
    [b, a],
  ]) {
    from.addEventListener("icecandidate", async ({candidate}) => {
      await described;
      if (candidate && to.signalingState !== "closed") await to.addIceCandidate(candidate);
    });
  }
  await describeBoth(a, b);
  ready();
}

async function describeBoth(a, b) {
  await a.setLocalDescription(await a.createOffer());
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription(await b.createAnswer());
  await a.setRemoteDescription(b.localDescription);
}

// Two connected peers with a channel open at both ends.
async function talk(options) {
  const [a, b] = peers();
  const here = a.createDataChannel("talk", options);
  const arrived = next(b, "datachannel");
  await negotiate(a, b);
  const there = (await arrived).channel;
  await Promise.all([isOpen(here), isOpen(there), connected(a), connected(b)]);
  return {a, b, here, there};
}

// Waits until statistics of this type have counted something.
async function counted(pc, type, name) {
  const entries = async () => [...(await pc.getStats()).values()];
  while (!(await entries()).some((entry) => entry.type === type && entry[name] > 0))
    await pause(20);
}

// A moving picture without a camera.
function picture() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 16;
  const draw = canvas.getContext("2d");
  const timer = setInterval(() => {
    draw.fillStyle = `rgb(${Date.now() % 255} 0 0)`;
    draw.fillRect(0, 0, 16, 16);
  }, 40);
  const stream = canvas.captureStream(25);
  endings.push(() => {
    clearInterval(timer);
    stream.getTracks().forEach((item) => item.stop());
  });
  return stream;
}

// Gathers to the end; returns the icecandidate events.
async function gather(pc) {
  const found = [];
  pc.addEventListener("icecandidate", (event) => found.push(event));
  pc.createDataChannel("x");
  const done = gathered(pc);
  await pc.setLocalDescription();
  await done;
  await pause(30);
  return found;
}

const OFFER = {
  type: "offer",
  sdp: [
    "v=0",
    "o=- 1 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "c=IN IP4 0.0.0.0",
    "a=mid:0",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:abcdefghijklmnopqrstuvwx",
    "a=ice-options:trickle",
    `a=fingerprint:sha-256 ${Array(32).fill("AB").join(":")}`,
    "a=setup:actpass",
    "a=sctp-port:5000",
    "",
  ].join("\r\n"),
};

// An element in the document, taken out after the check.
function place(name = "div", html = "") {
  const element = document.createElement(name);
  document.body.append(element);
  element.innerHTML = html;
  endings.push(() => element.remove());
  return element;
}

// A frame that is taken out after the check.
function frame() {
  const element = document.createElement("iframe");
  document.body.append(element);
  endings.push(() => element.remove());
  return element;
}

const certificate = () =>
  RTCPeerConnection.generateCertificate({name: "ECDSA", namedCurve: "P-256"});

// ---- Values ------------------------------------------------------------------------------------

const sorted = (items) => [...new Set(items)].sort();

// The object's members of primitive type; the names of the classes of the others.
function members(object, names) {
  return Object.fromEntries(
    names.map((name) => {
      let value;
      try {
        value = object[name];
      } catch (error) {
        return [name, nameOf(error)];
      }
      if (typeof value === "function") return [name, "function"];
      if (typeof value !== "object" || value === null)
        return [name, value === undefined ? "undefined" : value];
      return [name, Object.prototype.toString.call(value)];
    }),
  );
}

function shape(descriptor) {
  if (!descriptor) return null;
  const flags = ["writable", "enumerable", "configurable"].filter((name) => descriptor[name]);
  const found = {flags};
  for (const name of ["value", "get", "set"]) {
    const value = descriptor[name];
    if (typeof value === "function") found[name] = [value.name, value.length, "prototype" in value];
    else if (value !== undefined) found[name] = typeof value === "object" ? "object" : value;
  }
  return found;
}

// What a configuration sees of being read, member for member.
function reading() {
  const log = [];
  const watched = new Proxy(
    {},
    {
      get(_, name) {
        log.push(`get ${String(name)}`);
      },
      has(_, name) {
        log.push(`has ${String(name)}`);
        return true;
      },
      ownKeys() {
        log.push("ownKeys");
        return [];
      },
      getOwnPropertyDescriptor(_, name) {
        log.push(`descriptor ${String(name)}`);
      },
      getPrototypeOf() {
        log.push("prototype");
        return null;
      },
    },
  );
  return [watched, log];
}

// What a connection shows before anything was done with it.
const FIRST = [
  "signalingState",
  "iceGatheringState",
  "iceConnectionState",
  "connectionState",
  "canTrickleIceCandidates",
  "localDescription",
  "currentLocalDescription",
  "pendingLocalDescription",
  "remoteDescription",
  "currentRemoteDescription",
  "pendingRemoteDescription",
  "sctp",
  "onicecandidate",
  "onnegotiationneeded",
  "ontrack",
  "ondatachannel",
  "peerIdentity",
  "idpLoginUrl",
  "id",
];

// ---- Running them ------------------------------------------------------------------------------

const loadErrors = [];
const noteLoading = (event) => loadErrors.push(event.message);
addEventListener("error", noteLoading);
addEventListener("load", () => removeEventListener("error", noteLoading));

// How many checks of a file run at once: more than one where none changes what others stand on.
let atOnce = 1;

async function run(look) {
  const limit = pause(CHECK_MS).then(() => {
    throw new Error("the check did not come to its end");
  });
  try {
    // What JSON has no form for is told by name.
    const saw = await Promise.race([look(), limit]);
    return JSON.stringify(saw, (_, value) => (value === undefined ? "undefined" : value));
  } catch (error) {
    return `failed: ${error}\n${error.stack}`;
  }
}

async function runAll() {
  if (loadErrors.length) throw new Error(loadErrors.join("\n"));
  const found = {};
  const waiting = [...checks.entries()];
  while (waiting.length) {
    await Promise.all(
      waiting.splice(0, atOnce).map(async ([name, look]) => {
        found[name] = await run(look);
      }),
    );
    for (const end of endings) end();
    endings = [];
  }
  return found;
}
