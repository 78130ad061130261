// Families 2 to 4: clients of other projects, run in Chromium, with a recorder as their server.
import { readFileSync } from "node:fs";
import { JoinResponse, SignalRequest, SignalResponse, WrappedJoinRequest } from "@livekit/protocol";
import { buildSync } from "esbuild";
import { SERVERS, chromium, origin } from "./browser.mjs";
import { recorder } from "./recorder.mjs";
import { clientIn, offer, ofType, relaysIn, sample } from "./sample.mjs";
import { gunzipSync } from "node:zlib";

const versions = JSON.parse(readFileSync("package.json", "utf8")).dependencies;
const chosen = process.env.ONLY?.split(",");
const json = (value) => JSON.stringify(value);
const text = (content) => content.toString("utf8");

const subscribers = new Map();
const tabs = new Map();

const scenarios = {
  jssip: {},
  peerjs: { open: (answer) => answer('{"type":"OPEN"}') },
  simplepeer: {},
  livekit: {
    open: (answer) => {
      const join = new JoinResponse({
        room: { sid: "RM_1", name: "room" },
        participant: { sid: "PA_1", identity: "alice", state: 1, permission: { canPublish: true } },
        serverVersion: "1.9.0",
        protocolVersion: 16,
        iceServers: [
          { urls: ["stun:198.51.100.7:3478"] },
          { urls: ["turn:198.51.100.7:3478?transport=udp"], username: "user", credential: "password" },
        ],
        subscriberPrimary: false,
        pingInterval: 30,
        pingTimeout: 60,
        enabledPublishCodecs: [{ mime: "audio/opus" }, { mime: "video/VP8" }],
      });
      answer(new SignalResponse({ message: { case: "join", value: join } }).toBinary());
    },
    message: (content, answer) => {
      const { message } = SignalRequest.fromBinary(new Uint8Array(content));
      if (message.case !== "addTrack") return;
      const published = { cid: message.value.cid, track: { sid: "TR_1", type: 0, name: "mic" } };
      answer(new SignalResponse({ message: { case: "trackPublished", value: published } }).toBinary());
    },
  },
  ywebrtc: {
    // A server of y-webrtc: what one publishes, the others of the topic get.
    message: (content, answer, connection) => {
      if (JSON.parse(text(content)).type !== "publish") tabs.set(connection, answer);
      else for (const [other, tell] of tabs) if (other !== connection) tell(text(content));
    },
  },
  tracker: {},
  actioncable: {
    open: (answer) => answer('{"type":"welcome"}'),
    message: (content, answer) => {
      const { command, identifier } = JSON.parse(text(content));
      if (command === "subscribe") answer(json({ identifier, type: "confirm_subscription" }));
      // As the far side gets it.
      else answer(json({ identifier, message: JSON.parse(JSON.parse(text(content)).data) }));
    },
  },
  sockjs: {
    open: (answer) => answer("o"),
    message: (content, answer) => answer(`a${text(content)}`),
    http: (request, response, content) => {
      if (request.url.endsWith("/info") || request.url.includes("/info?"))
        response.end('{"websocket":true,"origins":["*:*"],"cookie_needed":false,"entropy":1}');
      else if (request.url.includes("xhr_send")) response.writeHead(204).end();
      else if (request.url.includes("/xhr")) response.end("o\n");
      else return false;
      return true;
    },
  },
  homeassistant: {
    open: (answer) => answer('{"type":"auth_required","ha_version":"2026.11.0"}'),
    message: (content, answer) => {
      const { type, id } = JSON.parse(text(content));
      if (type === "auth") answer('{"type":"auth_ok","ha_version":"2026.11.0"}');
      else if (type.endsWith("offer")) {
        answer(json({ id, type: "result", success: true, result: null }));
        answer(json({ id, type: "event", event: { type: "answer", answer: offer() } }));
        const candidate = ofType("host");
        answer(json({ id, type: "event", event: { type: "candidate", candidate } }));
      }
    },
  },
  matrix: {
    http: (request, response) => {
      response.setHeader("access-control-allow-headers", "*");
      response.setHeader("access-control-allow-methods", "*");
      response.setHeader("content-type", "application/json");
      response.end('{"event_id":"$1"}');
      return true;
    },
  },
  webchannel: {},
  firebase: {
    open: (answer) => {
      const host = "127.0.0.1";
      answer(json({ t: "c", d: { t: "h", d: { ts: 1, v: "5", h: host, s: "session" } } }));
    },
    message: (content, answer) => {
      const seen = text(content).match(/^\{"t":"d","d":\{"r":(\d+)/);
      if (seen) answer(json({ t: "d", d: { r: +seen[1], b: { s: "ok", d: "" } } }));
    },
  },
  multipart: {},
  form: {},
  grpcweb: {},
  trystero: {
    // A relay of Nostr: it hands every event to who asked for its kind and topic.
    message: (content, answer, connection) => {
      const [verb, id, ...filters] = JSON.parse(text(content));
      if (verb === "REQ") subscribers.set(`${id}`, { answer, id, filters, connection });
      if (verb === "EVENT") {
        connection.send(json(["OK", id.id, true, ""]));
        for (const one of subscribers.values())
          if (one.filters.some((filter) => id.tags?.some(([, tag]) => filter["#x"]?.includes(tag))))
            one.answer(json(["EVENT", one.id, id]));
      }
    },
  },
};

const { server, seen } = await recorder(scenarios);
const base = origin(server);
const browser = await chromium();
const version = await browser.version();
buildSync({
  entryPoints: ["pages/clients.js"],
  bundle: true,
  format: "iife",
  globalName: "clients",
  define: { global: "globalThis" },
  // What bundlers for browsers put in for packages that were written for Node.
  banner: { js: "var process = { env: {}, browser: true, nextTick: (f, ...a) => queueMicrotask(() => f(...a)) };" },
  outfile: "clients.bundle.js",
  logLevel: "error",
});
const bundle = readFileSync("clients.bundle.js", "utf8");

async function run(name) {
  const tab = await browser.newPage();
  if (process.env.RAW) tab.on("console", (message) => console.error(name, message.text().slice(0, 300)));
  tab.on("pageerror", (error) => console.error(name, "error", String(error).slice(0, 300)));
  await tab.goto(`${base}/`);
  // With a capture running, the browser names its host addresses.
  await tab.evaluate(async () => {
    window.kept = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  });
  await tab.evaluate(bundle);
  const given = {
    http: base,
    ws: base.replace("http", "ws"),
    servers: SERVERS,
    offer: offer(),
    candidate: ofType("host"),
  };
  await tab.evaluate(
    ([name, given]) => Promise.race([clients[name](given), new Promise((r) => setTimeout(r, 20000))]),
    [name, given],
  );
  await tab.close();
}

const names = Object.keys(scenarios).filter((name) => !chosen || chosen.includes(name));
for (const name of names) {
  // These speak only to others.
  const runs = ["trystero", "ywebrtc"].includes(name) ? [run(name), run(name)] : [run(name)];
  await Promise.all(runs).catch((error) => console.error(name, error));
}
await browser.close();

// ---- what is kept of it ----
const of = (name, what) => `${name}@${versions[name]} in ${version}${what ? `, ${what}` : ""}`;
const websocket = { kind: "websocket" };
const sent = (name) => seen[name].filter(({ content, inbound }) => content && !inbound);
const got = (name) => seen[name].filter(({ inbound }) => inbound);
const hosts = /(127\.0\.0\.1|localhost):\d+/g;

function keepWhere(list, test, limit = 9) {
  return list.filter(({ content }) => test(text(content))).slice(0, limit);
}

function put(file, record, entry) {
  const direction = record.inbound ? "inbound" : "outbound";
  const subprotocol = record.subprotocol ? { subprotocol: record.subprotocol } : {};
  // A client that trickles sends its description before it has gathered anything.
  const clear = entry.clear ?? record.content.toString("latin1");
  const early = clientIn(clear).length + relaysIn(clear).length === 0;
  const unchanged = early ? { unchanged: true, note: "Before gathering: no candidate." } : {};
  sample(`clients/${file}`, record.content, { direction, ...subprotocol, ...unchanged, ...entry });
}

function putAll(name, list, entry, suffix = "json") {
  list.forEach((record, n) => put(`${name}-${n}.${suffix}`, record, entry));
}

const has = (needle) => (content) => content.includes(needle);

const keepers = {
  jssip() {
    const entry = { ...websocket, format: "sip", source: of("jssip"), reader: "sip" };
    putAll("jssip-invite", keepWhere(sent("jssip"), (c) => c.startsWith("INVITE"), 1), entry, "sip");
  },
  peerjs() {
    const entry = { ...websocket, format: "peerjs", source: of("peerjs"), reader: "json" };
    putAll("peerjs-offer", keepWhere(sent("peerjs"), has('"OFFER"'), 1), entry);
    putAll("peerjs-candidate", keepWhere(sent("peerjs"), has('"CANDIDATE"'), 3), entry);
  },
  simplepeer() {
    const entry = { ...websocket, format: "simple-peer", source: of("simple-peer"), reader: "json" };
    putAll("simple-peer-candidate", keepWhere(sent("simplepeer"), has('"type":"candidate"'), 3), entry);
    const whole = (c) => c.startsWith('{"type":"offer"') && c.includes("a=candidate");
    putAll("simple-peer-offer", keepWhere(sent("simplepeer"), whole, 1), entry);
  },
  livekit() {
    const entry = { ...websocket, format: "livekit", reader: "protobuf", source: of("livekit-client") };
    const requests = sent("livekit").map((record) => {
      const { message } = SignalRequest.fromBinary(new Uint8Array(record.content));
      return { ...record, of: message.case, message };
    });
    for (const what of ["offer", "trickle"])
      requests
        .filter((record) => record.of === what)
        .slice(0, 3)
        .forEach((record, n) => put(`livekit-${what}-${n}.bin`, record, entry));
    const upgrade = seen.livekit.find(({ url }) => url?.includes("join_request"));
    const query = new URL(upgrade.url, base).searchParams.get("join_request");
    const wrapped = WrappedJoinRequest.fromBinary(Buffer.from(query, "base64url"));
    const clear = Buffer.from(gunzipSync(wrapped.joinRequest)).toString("latin1");
    sample("clients/livekit-upgrade.url", upgrade.url, {
      ...entry,
      kind: "url",
      direction: "outbound",
      reader: "livekit-join-request",
      clear,
      ...(clientIn(clear).length ? {} : { unchanged: true }),
      note: "join_request: base64url of WrappedJoinRequest, whose JoinRequest is in gzip.",
    });
  },
  ywebrtc() {
    const entry = { ...websocket, format: "y-webrtc", source: of("y-webrtc"), reader: "json" };
    const open = (needle) => (c) => c.includes('"topic":"open"') && c.includes(needle);
    putAll("y-webrtc-offer", keepWhere(sent("ywebrtc"), open('"type":"offer"'), 1), entry);
    putAll("y-webrtc-candidate", keepWhere(sent("ywebrtc"), open("candidate:"), 2), entry);
    const secret = (c) => c.includes('"topic":"secret"') && c.length > 600;
    putAll("y-webrtc-encrypted", keepWhere(sent("ywebrtc"), secret, 1), {
      ...entry,
      format: "opaque",
      unchanged: true,
      note: "AES-GCM with the room's password: nobody on the way can read the SDP inside.",
    });
  },
  tracker() {
    const entry = { ...websocket, format: "webtorrent", source: of("bittorrent-tracker"), reader: "json" };
    putAll("webtorrent-announce", keepWhere(sent("tracker"), has('"offers"'), 1), entry);
  },
  actioncable() {
    const entry = { ...websocket, format: "actioncable", source: of("@rails/actioncable"), reader: "json" };
    const message = has('"command":"message"');
    putAll("actioncable", keepWhere(sent("actioncable"), message), { ...entry, note: "JSON in a string of JSON." });
    const note = "An answer of the recorder, of the shape that Rails sends.";
    putAll("actioncable-inbound", keepWhere(got("actioncable"), has("candidate:"), 2), { ...entry, note });
  },
  sockjs() {
    const entry = { format: "sockjs", source: of("sockjs-client"), reader: "sockjs" };
    const inSocket = sent("sockjs").filter(({ method }) => !method);
    putAll("sockjs-websocket", keepWhere(inSocket, has("candidate:")), { ...entry, ...websocket }, "txt");
    const posted = sent("sockjs").filter(({ url }) => url?.includes("xhr_send"));
    const type = posted[0]?.headers["content-type"];
    const body = { ...entry, kind: "body", content_type: type };
    putAll("sockjs-xhr", keepWhere(posted, has("candidate:")), body, "txt");
    putAll("sockjs-inbound", keepWhere(got("sockjs"), has("candidate:"), 2), { ...entry, ...websocket }, "txt");
  },
  homeassistant() {
    const source = of("home-assistant-js-websocket");
    const entry = { ...websocket, format: "home-assistant", source, reader: "json" };
    putAll("home-assistant", keepWhere(sent("homeassistant"), has("candidate:")), entry);
    putAll("home-assistant-inbound", keepWhere(got("homeassistant"), has("candidate:")), entry);
  },
  matrix() {
    const source = of("matrix-js-sdk", "MatrixCall.placeVoiceCall");
    const entry = { kind: "body", content_type: "application/json", format: "matrix", source, reader: "json" };
    const put = sent("matrix").filter(({ method }) => method === "PUT");
    const event = (type) => put.filter(({ url }) => url.includes(type)).slice(0, 2);
    putAll("matrix-invite", event("m.call.invite"), entry);
    putAll("matrix-candidates", event("m.call.candidates"), entry);
  },
  webchannel() {
    const source = of("@firebase/webchannel-wrapper", "the first request of a channel");
    const entry = { format: "webchannel", source, reader: "form" };
    const posted = sent("webchannel").filter(({ method }) => method === "POST");
    const whole = (part) => decodeURIComponent(part.replaceAll("+", " "));
    const type = { kind: "body", content_type: "application/x-www-form-urlencoded" };
    for (const record of keepWhere(posted, has("candidate"), 1))
      put("webchannel-up.txt", record, { ...entry, ...type, clear: whole(text(record.content)) });
    const { url } = seen.webchannel.find(({ url }) => url.includes("%24req="));
    sample("clients/webchannel-up.url", url, {
      ...entry,
      kind: "url",
      direction: "outbound",
      clear: whole(whole(url)),
      note: "With the fast handshake, which Firestore uses, the messages are percent-encoded twice.",
    });
  },
  firebase() {
    const entry = { ...websocket, format: "firebase", source: of("firebase", "Realtime Database") };
    const frames = sent("firebase");
    const whole = (c) => c.startsWith('{"t":"d"') && c.endsWith("}}}") && c.includes("candidate:");
    putAll("firebase", keepWhere(frames, whole, 2), { ...entry, reader: "json" });
    const at = frames.findIndex(({ content }) => /^\d+$/.test(text(content)));
    const count = at < 0 ? 0 : +text(frames[at].content);
    frames.slice(at, at + 1 + count).forEach((record, n) =>
      put(`firebase-segment-${n}.txt`, record, {
        ...entry,
        reader: "none",
        ...(n === 0 ? { unchanged: true } : {}),
        note: "One message of the database in several of WebSocket: the count, then segments of 16384.",
      }),
    );
  },
  multipart() {
    const entry = { kind: "body", format: "multipart", source: `FormData and fetch of ${version}`, reader: "multipart" };
    sent("multipart").forEach((record, n) =>
      put(`multipart-${n}.bin`, record, { ...entry, content_type: record.headers["content-type"] }),
    );
  },
  form() {
    const source = `URLSearchParams and fetch of ${version}`;
    const type = { content_type: "application/x-www-form-urlencoded;charset=UTF-8" };
    const posted = sent("form").filter(({ method }) => method === "POST");
    const clear = [offer(), offer(), JSON.stringify(ofType("host")), offer()];
    posted.forEach((record, n) =>
      put(`form-${n}.txt`, record, {
        kind: "body",
        format: "form",
        source,
        reader: "form",
        ...type,
        clear: clear[n],
      }),
    );
    const urls = seen.form.filter(({ method }) => method === "GET");
    urls.forEach(({ url }, n) =>
      sample(`clients/query-${n}.url`, url, {
        kind: "url",
        direction: "outbound",
        format: "query",
        source,
        reader: "form",
        clear: n ? offer() : ofType("host").candidate,
      }),
    );
  },
  grpcweb() {
    sent("grpcweb")
      .filter(({ method }) => method === "POST")
      .forEach((record, n) => {
        const type = record.headers["content-type"];
        put(type.includes("text") ? "grpc-web.txt" : "grpc-web.bin", record, {
          kind: "body",
          content_type: type,
          format: "grpc-web",
          source: of("grpc-web", "a message of our own"),
          reader: type.includes("text") ? "grpc-web-text" : "grpc-web",
          clear: offer() + ofType("host").candidate,
        });
      });
  },
  trystero() {
    const entry = { ...websocket, format: "opaque", source: of("trystero", "over Nostr"), reader: "json" };
    const event = (c) => c.startsWith('["EVENT"') && c.length > 1200;
    putAll("trystero", keepWhere(sent("trystero"), event, 1), {
      ...entry,
      unchanged: true,
      note: "The SDP is encrypted, and the event is signed.",
    });
  },
};
for (const name of names) {
  try {
    keepers[name]();
  } catch (error) {
    console.error(name, error);
  }
}
if (process.env.RAW)
  for (const name of names)
    for (const record of seen[name])
      console.error(name, record.inbound ? "<" : ">", record.url ?? "", text(record.content ?? Buffer.alloc(0)).slice(0, 160));
server.close();
process.exit(0);
