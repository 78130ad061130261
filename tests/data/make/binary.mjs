// Family 4: protobuf, msgpack, CBOR, compressed payloads.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import {
  JoinRequest,
  JoinResponse,
  ReconnectResponse,
  SessionDescription,
  SignalRequest,
  SignalResponse,
  SignalTarget,
  TrickleRequest,
  WrappedJoinRequest,
  WrappedJoinRequest_Compression,
} from "@livekit/protocol";
import { encode as msgpack } from "@msgpack/msgpack";
import { Encoder } from "cbor-x";
import lzString from "lz-string";
import { deflate, gzip } from "pako";
import protobuf from "protobufjs";
import { HOST, HOST2, PUBLIC, RELAY, ULA, V6 } from "./sample.mjs";
import { answer, avOffer, offer, ofType, sample, stored } from "./sample.mjs";

const require = createRequire(import.meta.url);
const chime = require("amazon-chime-sdk-js/build/signalingprotocol/SignalingProtocol.js");
const cbor = new Encoder({ useRecords: false });
const websocket = { kind: "websocket", direction: "outbound" };
const inbound = { kind: "websocket", direction: "inbound" };
const json = (value) => JSON.stringify(value);
const host = ofType("host");
const description = { type: "offer", sdp: offer() };
const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

// A candidate of exactly `length` characters, so that a length byte is what a test wants it to be.
function bare(length, address = HOST) {
  const rest = ` 1 udp 2122129151 ${address} 43753 typ host`;
  const foundation = length - "candidate:".length - rest.length;
  if (foundation < 1 || foundation > 32) throw new Error(`no candidate of ${length}`);
  return `candidate:${"842163049842163049842163049842163049".slice(0, foundation)}${rest}`;
}

// ---- LiveKit ----
{
  const entry = { format: "livekit", source: "@livekit/protocol@2.0.0", reader: "protobuf" };
  const request = (name, of, value, more = {}) =>
    sample(`binary/livekit-${name}.bin`, new SignalRequest({ message: { case: of, value } }).toBinary(), {
      ...websocket,
      ...entry,
      ...more,
    });
  const trickle = (candidate, more = {}) =>
    new TrickleRequest({ candidateInit: json(candidate), target: SignalTarget.PUBLISHER, ...more });
  const sdp = (type, text) => new SessionDescription({ type, sdp: text, id: 1 });
  request("offer", "offer", sdp("offer", avOffer()));
  request("answer", "answer", sdp("answer", answer()));
  for (const type of ["host", "srflx", "relay"]) request(`trickle-${type}`, "trickle", trickle(ofType(type)));
  request("trickle-final", "trickle", trickle({ candidate: "", sdpMid: "0", sdpMLineIndex: 0 }, { final: true }), {
    unchanged: true,
    note: "End of candidates.",
  });
  const response = (name, of, value, more = {}) =>
    sample(`binary/livekit-${name}-inbound.bin`, new SignalResponse({ message: { case: of, value } }).toBinary(), {
      ...inbound,
      ...entry,
      ...more,
    });
  const iceServers = [
    { urls: ["stun:198.51.100.7:3478"] },
    {
      urls: ["turn:198.51.100.7:3478?transport=udp", "turns:turn.example.org:443?transport=tcp"],
      username: "1795417830:alice",
      credential: "Zm9v",
    },
  ];
  const urls = iceServers.flatMap((server) => server.urls);
  const servers = { client: [], servers: urls, note: "A list of ICE servers, towards the client." };
  response(
    "join",
    "join",
    new JoinResponse({
      room: { sid: "RM_a", name: "room" },
      participant: { sid: "PA_a", identity: "alice" },
      iceServers,
      subscriberPrimary: true,
      clientConfiguration: { forceRelay: 1 },
      pingInterval: 5,
      pingTimeout: 15,
    }),
    servers,
  );
  response("reconnect", "reconnect", new ReconnectResponse({ iceServers }), servers);
  response("offer", "offer", sdp("offer", offer()));
  response("trickle", "trickle", trickle(ofType("host")));
  for (const [name, compression, pack] of [
    ["gzip", WrappedJoinRequest_Compression.GZIP, gzipSync],
    ["none", WrappedJoinRequest_Compression.NONE, (bytes) => bytes],
  ]) {
    const join = new JoinRequest({
      clientInfo: { sdk: 1, version: "2.23.0", protocol: 16 },
      connectionSettings: { autoSubscribe: true },
      publisherOffer: sdp("offer", offer()),
    });
    const wrapped = new WrappedJoinRequest({ compression, joinRequest: pack(join.toBinary()) });
    // The client's own alphabet: base64url, but with its padding, which a query then escapes.
    const text = base64(wrapped.toBinary()).replaceAll("+", "-").replaceAll("/", "_");
    const query = new URLSearchParams({ access_token: "token", join_request: text });
    sample(`binary/livekit-join-request-${name}.url`, `/rtc/v1?${query}`, {
      ...entry,
      kind: "url",
      direction: "outbound",
      reader: "livekit-join-request",
      clear: offer(),
      note: `WrappedJoinRequest, compression ${name.toUpperCase()}, with a gathered publisher_offer.`,
    });
  }
}

// ---- Amazon Chime ----
{
  const entry = { format: "chime", source: "amazon-chime-sdk-js@3.32.0 SignalingProtocol", reader: "chime" };
  const { SdkSignalFrame, SdkStreamServiceType } = chime;
  const frame = (name, type, value, more, direction = websocket) => {
    const bytes = SdkSignalFrame.encode({ timestampMs: 1795417830484, type, ...value }).finish();
    const content = Buffer.concat([Buffer.from([direction === inbound ? 0x02 : 0x05]), bytes]);
    sample(`binary/chime-${name}.bin`, content, { ...direction, ...entry, ...more });
  };
  const { Type } = SdkSignalFrame;
  const sub = { duplex: SdkStreamServiceType.RX, sendStreams: [], receiveStreamIds: [1], audioHost: "audio.example.org" };
  frame("subscribe", Type.SUBSCRIBE, { sub: { ...sub, sdpOffer: offer() } });
  frame(
    "subscribe-compressed",
    Type.SUBSCRIBE,
    { sub: { ...sub, compressedSdpOffer: deflateRawSync(offer()) } },
    { clear: offer(), note: "compressed_sdp_offer: raw deflate, as ZLIBTextCompressor writes a first offer." },
  );
  const clientDetails = { appName: "demo", chimeSdkVersion: "3.32.0", platformName: "Chrome" };
  const join = { protocolVersion: 2, maxNumOfVideos: 16, flags: 6, clientDetails, wantsCompressedSdp: true };
  frame("join", Type.JOIN, { join }, { note: "wants_compressed_sdp (field 7): a rewriter may clear it, so that SDP comes in clear." });
  const turnCredentials = {
    username: "1795417830:alice",
    password: "c2VjcmV0",
    ttl: 300,
    uris: ["turn:198.51.100.7:3478?transport=udp", "turns:turn.example.org:443?transport=tcp"],
  };
  const servers = { client: [], servers: turnCredentials.uris, note: "turn_credentials: a list of ICE servers, towards the client." };
  frame("join-ack", Type.JOIN_ACK, { joinack: { turnCredentials, videoSubscriptionLimit: 25, wantsCompressedSdp: true } }, servers, inbound);
  frame("join-ack-bare", Type.JOIN_ACK, { joinack: { videoSubscriptionLimit: 25, wantsCompressedSdp: true } }, { unchanged: true }, inbound);
  frame("subscribe-ack", Type.SUBSCRIBE_ACK, { suback: { duplex: 1, allocations: [], sdpAnswer: answer(), tracks: [] } }, {}, inbound);
}

// ---- protobuf of a schema that nobody knows ----
{
  const entry = { ...websocket, format: "protobuf", source: "protobufjs@8.8.1 Writer, a schema of our own", reader: "protobuf" };
  // Tags of wire type 2: field 4 is 0x22, 5 is 0x2a, 6 is 0x32, 7 is 0x3a, 8 is 0x42.
  const message = (fields) => {
    const writer = protobuf.Writer.create();
    for (const [field, value] of fields) writer.uint32((field << 3) | 2).string(value);
    return writer.finish();
  };
  const put = (name, fields, note, more = {}) =>
    sample(`binary/protobuf-${name}.bin`, message(fields), { ...entry, note, ...more });
  put("sdp", [[1, "offer"], [2, offer()], [6, "alice"]], "The SDP's last line ends with CRLF, then a tag.");
  put("sdp-no-final-newline", [[2, offer().trimEnd()], [6, "alice in wonderland, behind the looking glass"]], "0x32 0x2d follows the last line: `2-`.");
  for (const [field, length] of [[4, 0x57], [5, 0x3d], [6, 0x41], [7, 0x30], [8, 0x20]]) {
    const tail = "x".repeat(length);
    const tag = ((field << 3) | 2).toString(16);
    put(`candidate-before-${tag}`, [[1, bare(0x41)], [field, tail]],
      `The candidate's length byte is 0x41 (A); 0x${tag} and 0x${length.toString(16)} follow it.`);
  }
  put("candidate-after-equals", [[1, bare(0x3d)], [3, "0"]], "The length byte is 0x3d: the bytes read `=candidate:`.");
  put("candidate-after-a", [[1, `${bare(0x51)} network-id 1 ufrag F7gIx`.slice(0, 0x61)], [3, "0"]],
    "The length byte is 0x61: the bytes read `acandidate:`.");
  const several = ["host", "srflx", "relay"].map((type) => [4, ofType(type).candidate]);
  put("candidates-repeated", several, 'A repeated field: `"` (0x22) and a length before each.');
  put("addresses", [[1, "host"], [5, HOST], [6, "43753"], [7, PUBLIC], [7, V6], [7, "udp"]],
    `No key says that these are of a candidate: 0x32 (2) follows ${HOST}, 0x3a (:) ${PUBLIC} and ${V6}.`,
    { format: "bare-address", client: [HOST, PUBLIC, V6] });
  const srflx = `candidate:1 1 udp 1685921535 ${PUBLIC} 43753 typ srflx raddr ${HOST} rport 43753`;
  put("candidate-rport-then-digit", [[2, srflx], [6, "0123456789012345678901234567890123456789012345678"]],
    "The last token is rport, and 0x32 0x31 (`21`) follows: no byte ends the number.");
  const inner = message([[1, bare(0x48)], [2, "0"]]);
  const outer = protobuf.Writer.create().uint32(10).string("trickle").uint32(18).bytes(inner).uint32(24).uint32(7).finish();
  sample("binary/protobuf-nested.bin", outer, { ...entry, note: "A message in a message; a varint after it." });
  const inJson = message([[2, json({ candidate: host.candidate, sdpMid: "0" })], [6, "0"]]);
  sample("binary/protobuf-json.bin", inJson, { ...entry, note: "JSON in a string field." });
  const compressed = protobuf.Writer.create().uint32(10).string("sdp").uint32(18).bytes(gzipSync(offer())).finish();
  sample("binary/protobuf-gzip.bin", compressed, { ...entry, clear: offer(), note: "gzip in a bytes field." });
}

// ---- gRPC-web, as a server streams it ----
{
  const payload = protobuf.Writer.create().uint32(10).string(answer()).uint32(50).string(host.candidate).finish();
  const prefix = (flag, bytes) => {
    const head = Buffer.alloc(5);
    head.writeUInt8(flag);
    head.writeUInt32BE(bytes.length, 1);
    return Buffer.concat([head, bytes]);
  };
  const trailers = prefix(0x80, Buffer.from("grpc-status:0\r\ngrpc-message:\r\n"));
  const whole = Buffer.concat([prefix(0, payload), trailers]);
  const entry = { kind: "body", direction: "inbound", format: "grpc-web", source: "by hand, by the protocol text of gRPC-Web" };
  const clear = answer() + host.candidate;
  sample("binary/grpc-web-inbound.bin", whole, { ...entry, content_type: "application/grpc-web+proto", reader: "grpc-web", clear });
  sample("binary/grpc-web-inbound.txt", base64(prefix(0, payload)) + base64(trailers), {
    ...entry,
    content_type: "application/grpc-web-text+proto",
    reader: "grpc-web-text",
    clear,
    note: "Each frame is base64 of its own, with padding in the middle of the body.",
  });
}

// ---- msgpack and CBOR ----
for (const [name, encode, source] of [
  ["msgpack", msgpack, "@msgpack/msgpack@3.1.3"],
  ["cbor", (value) => cbor.encode(value), "cbor-x@1.6.9"],
]) {
  const entry = { ...websocket, format: name, source, reader: name };
  const put = (what, value, note, more = {}) =>
    sample(`binary/${name}-${what}.bin`, encode(value), { ...entry, ...(note ? { note } : {}), ...more });
  put("offer", { type: "offer", sdp: offer() });
  put("candidate-init", { candidate: host.candidate, sdpMid: "0", sdpMLineIndex: 0 });
  put("candidate-41", { t: "c", c: bare(0x41), m: "0" }, "The length byte before the candidate is 0x41 (A).");
  put("candidate-3d", { t: "c", c: bare(0x3d), m: "0" }, "The length byte before the candidate is 0x3d (=).");
  put("candidates", ["host", "srflx", "relay"].map((type) => ofType(type).candidate));
  put("structured", { ip: HOST, port: 43753, type: "host", protocol: "udp", foundation: "1", priority: 1 },
    "The type byte of the next key follows the address.", { client: [HOST] });
  put("structured-v6", { address: V6, date: 1, port: 9, type: "host", protocol: "udp", foundation: "1", priority: 1 },
    "In CBOR the address is followed by 0x64 (d), which could be one more digit of it.", { client: [V6] });
  put("json", { data: json({ candidate: host }), to: "bob" }, "JSON in a string.");
}

// ---- OpenTok: Rumor frames with Raptor's JSON ----
{
  // The module inside the published bundle; the bundle's start needs a browser, the module does not.
  const bundle = readFileSync(require.resolve("@opentok/client"), "utf8");
  const opened = bundle.replace("function __webpack_require__(moduleId) {", "globalThis.inner = __webpack_require__;$&");
  const { TextDecoder, TextEncoder } = globalThis;
  try {
    new Function("module", "exports", "window", "self", opened)({ exports: {} }, {}, globalThis, globalThis);
  } catch {
    // Expected: there is no document.
  }
  Object.assign(globalThis, { TextDecoder, TextEncoder });
  // RumorMessage has this number in 2.35.2.
  const rumor = globalThis.inner(50726).default;
  const uri = "/v2/partner/100/session/1_MX4xMDB/stream/6c1b/subscriber/9d2e";
  const headers = { "Content-Type": "application/x-raptor+v2", "TRANSACTION-ID": "0f6ac1e2-5e7a-4b37-8a35-3d3b4a6f8a11", "X-TB-FROM-ADDRESS": "alice" };
  const entry = { ...websocket, format: "opentok", source: "@opentok/client@2.35.2 RumorMessage", reader: "rumor" };
  for (const [name, method, content] of [
    ["offer", "offer", { sdp: offer(), type: "offer" }],
    ["candidate", "candidate", { candidate: host.candidate, sdpMid: "0", sdpMLineIndex: 0 }],
  ]) {
    const message = rumor.Publish(["/v2/partner/100/session/1_MX4xMDB"], json({ method, uri, content }), headers);
    sample(`binary/opentok-${name}.bin`, Buffer.from(message.serialize()), entry);
  }
}

// ---- compressed SDP in text ----
{
  const put = (name, content, source, more = {}) =>
    sample(`binary/${name}`, content, { ...websocket, format: "compressed", source, clear: offer(), ...more });
  const wrap = (text) => json({ type: "offer", sdp: text });
  put("gzip-base64.json", wrap(base64(gzip(offer()))), "pako@3.0.3 gzip", { reader: "json" });
  put("zlib-base64.json", wrap(base64(deflate(offer()))), "pako@3.0.3 deflate", { reader: "json" });
  put("deflate-base64.json", wrap(base64(deflateRawSync(offer()))), "zlib of Node 20, raw deflate", { reader: "json" });
  put("gzip-base64url.json", wrap(base64url(gzipSync(offer()))), "zlib of Node 20, gzip", { reader: "json" });
  put("zlib-base64url.txt", base64url(deflateSync(json(description))), "zlib of Node 20", { reader: "none", note: "JSON, compressed; the whole message." });
  put("gzip.bin", gzipSync(json(description)), "zlib of Node 20", { reader: "none", kind: "body", content_type: "application/octet-stream", note: "A body in gzip without Content-Encoding." });
  put("gzip-candidate.json", json({ candidate: base64(gzipSync(json(host))) }), "zlib of Node 20", { reader: "json", clear: json(host) });
  put("lz-string-uri.json", json({ data: lzString.compressToEncodedURIComponent(json(description)) }), "lz-string@1.5.0", {
    reader: "json",
    format: "lz-string",
    note: "LZ78 in 65 letters: not base64 of anything. Readable only by an implementation of lz-string.",
  });
  put("lz-string-base64.json", json({ data: lzString.compressToBase64(json(description)) }), "lz-string@1.5.0", {
    reader: "json",
    format: "lz-string",
    note: "Looks like base64, decodes to noise.",
  });
}

// ---- Zoom, Teams, telemetry: by hand ----
{
  const sdp = base64(gzipSync(offer()));
  const record = (body) => {
    const head = Buffer.alloc(3);
    head.writeUInt8(5);
    head.writeUInt16BE(body.length, 1);
    return Buffer.concat([head, body]);
  };
  const zoom = (value) => record(Buffer.concat([Buffer.from([0, 0, 0, 7, 0x37, 0xf9, 0, 1]), Buffer.from(json(value))]));
  const entry = { ...websocket, format: "zoom", source: "by hand, by the notes of webrtc-extract-sdp; field order of the head may drift", reader: "none", clear: offer() };
  sample("binary/zoom-rwg-offer.bin", zoom({ evt: 32769, body: { sdp, sdpEncoding: 1, type: "offer" }, seq: 3 }), { ...entry, note: "body.sdp is base64 of gzip; the record's length has 16 bits." });
  sample("binary/zoom-rwg-plain.bin", zoom({ evt: 24321, body: { offer: { sdp: offer(), type: "offer" } }, seq: 2 }), entry);
  const teams = (direction, content, name, more = {}) =>
    sample(`binary/${name}`, content, { kind: "websocket", direction, format: "trouter", source: "by hand, by the README of webrtc-extract-sdp", reader: "trouter", clear: offer(), ...more });
  const call = { callAcceptance: { mediaContent: { contentType: "application/sdp-ngc-1.0", blob: offer() } } };
  const trouter = (body, headers) => `3:::${json({ id: 7, method: "POST", url: "/v4/f/callAgent/1/", headers, body })}`;
  teams("inbound", trouter(json(call), { "Content-Type": "application/json" }), "trouter-json.txt");
  teams("inbound", trouter(base64(gzipSync(json(call))), { "X-Microsoft-Skype-Content-Encoding": "gzip" }), "trouter-gzip.txt", { note: "body is base64 of gzip of JSON." });
  const invitation = { callInvitation: { callModalities: ["Audio"], mediaContent: { contentType: "application/sdp-ngc-1.0", blob: offer() } } };
  sample("binary/teams-invitation.json", json(invitation), { kind: "body", direction: "outbound", content_type: "application/json", format: "teams", source: "by hand, by the README of webrtc-extract-sdp", reader: "json" });
  const tcpAct = offer().replace(/ tcp (\d+) (\S+) 9 typ host tcptype active/g, " tcp-act $1 $2 9 typ host").replaceAll("UDP/DTLS/SCTP webrtc-datachannel", "RTP/SAVP 111");
  sample("binary/teams-sdp-ngc.json", json({ mediaContent: { blob: tcpAct } }), { kind: "body", direction: "outbound", content_type: "application/json", format: "teams", source: "by hand: Chromium's offer with Teams' transport token tcp-act", reader: "json" });
  const stats = stored("browser/chromium-stats.json");
  const upload = (name, content, more) =>
    sample(`binary/${name}`, content, { kind: "body", direction: "outbound", format: "telemetry", source: "by hand around Chromium's getStats()", content_type: "application/json", reader: "json", clear: stats, ...more });
  const reports = JSON.parse(stats).filter(({ type }) => type === "local-candidate").slice(0, 8);
  const small = json({ client: "web", at: 1795417830484, reports });
  upload("telemetry-plain.json", small, { clear: small });
  upload("telemetry-gzip-base64.json", json({ encoding: "gzip", data: base64(gzipSync(small)) }), { clear: small });
  const event = { action: "SendIceCandidate", variation: "Event", payload: [{ candidate: host.candidate, remote: HOST2, ula: ULA, relay: RELAY }] };
  upload("telemetry-event.json", json([event, json(event)]), { clear: json(event), note: "The event as JSON, and once more as JSON in a string." });
}
