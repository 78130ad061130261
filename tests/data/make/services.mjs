// Families 2, 3 and 5: the JSON of services and servers, by their public sources, around what
// Chromium wrote; no client of theirs was run. Lists of ICE servers in all known shapes.
import { HOST, HOST2, MDNS, PUBLIC, RELAY, ULA, V6 } from "./sample.mjs";
import { answer, candidates, offer, ofType, sample } from "./sample.mjs";

const json = (value) => JSON.stringify(value);
const base64 = (text) => Buffer.from(text, "utf8").toString("base64");
const host = ofType("host");
const srflx = ofType("srflx");
const relay = ofType("relay");
const description = { type: "offer", sdp: offer() };
const reply = { type: "answer", sdp: answer() };

const websocket = { kind: "websocket", direction: "outbound" };
const inSocket = { kind: "websocket", direction: "inbound" };
const post = { kind: "body", direction: "outbound", content_type: "application/json" };
const response = { kind: "body", direction: "inbound", content_type: "application/json" };

const put = (name, value, format, by, entry) =>
  sample(`services/${name}.json`, typeof value === "string" ? value : json(value), {
    format,
    source: `by hand, by ${by}`,
    reader: "json",
    ...entry,
  });

// ---- Janus ----
{
  const by = "src/mainpage.dox of janus-gateway";
  const of = { transaction: "x1", session_id: 1, handle_id: 2 };
  const entry = { ...websocket, subprotocol: "janus-protocol" };
  put("janus-offer", { janus: "message", body: { request: "publish" }, jsep: description, ...of }, "janus", by, entry);
  put("janus-trickle", { janus: "trickle", candidate: host, ...of }, "janus", by, entry);
  put("janus-trickle-array", { janus: "trickle", candidates: [host, srflx, relay], ...of }, "janus", by, entry);
  put("janus-trickle-completed", { janus: "trickle", candidate: { completed: true }, ...of }, "janus", by, { ...entry, unchanged: true });
  put("janus-event", { janus: "event", sender: 2, plugindata: { plugin: "janus.plugin.videoroom", data: {} }, jsep: reply }, "janus", by, { ...entry, ...inSocket });
  put("janus-double", { payload: json({ janus: "message", jsep: json(description) }) }, "janus", by, { ...websocket, note: "Escaped twice by a proxy of the site." });
  put("janus-http", { janus: "trickle", candidates: candidates().slice(0, 4), ...of }, "janus", by, post);
}
// ---- Kurento, OpenVidu, Verto ----
{
  const call = (method, params, id) => ({ jsonrpc: "2.0", method, params, id });
  put("openvidu-publish", call("publishVideo", { sdpOffer: offer(), hasAudio: true }, 3), "openvidu", "openvidu-browser@2.32.2 Connection.js", websocket);
  put("openvidu-candidate", call("onIceCandidate", { endpointName: "con_1", ...host }, 4), "openvidu", "openvidu-browser@2.32.2 Connection.js", websocket);
  put("openvidu-answer", { id: 3, jsonrpc: "2.0", result: { sdpAnswer: answer(), sessionId: "s" } }, "openvidu", "openvidu-browser@2.32.2 Session.js", inSocket);
  put("kurento-candidate", call("invoke", { object: "ep", operation: "addIceCandidate", operationParams: { candidate: { __module__: "kurento", __type__: "IceCandidate", ...host } } }, 5), "kurento", "the Kurento protocol text", websocket);
  const dialogParams = { callID: "b7e2", caller_id_name: "Alice", destination_number: "3000", remote_caller_id_name: "Outbound Call" };
  put("verto-invite", call("verto.invite", { sdp: offer(), dialogParams, sessid: "e1" }, 6), "verto", "verto.js of FreeSWITCH", websocket);
  put("verto-media", call("verto.media", { callID: "b7e2", sdp: answer() }, 7), "verto", "verto.js of FreeSWITCH", inSocket);
  const trickle = { jsonrpc: "2.0", method: "trickle", params: { session: "s1", candidate: host.candidate } };
  put("onvif-trickle", trickle, "onvif", "doc/WebRTC.xml of onvif/specs", websocket);
  put("ion-sfu-trickle", { method: "trickle", params: { target: 0, candidate: host } }, "ion-sfu", "ion-sdk-js json-rpc-impl.ts", websocket);
}
// ---- other products ----
{
  put("twilio-video", { type: "msg", body: { type: "update", peer_connections: [{ id: "p", ice: { candidates: [host, srflx, relay], ufrag: host.usernameFragment, revision: 2, complete: false } }, { id: "q", description: { ...description, revision: 1 } }] } }, "twilio", "twilio-video lib/signaling/v2/peerconnection.js", websocket);
  put("twilio-voice", { type: "invite", version: "1.6", payload: { sdp: offer(), callsid: "CA1", twilio: {} } }, "twilio", "@twilio/voice-sdk@2.18.5 pstream.js", websocket);
  const nextcloud = (data) => ({ type: "message", message: { recipient: { type: "session", sessionid: "s2" }, data: { to: "s2", roomType: "video", sid: "1", ...data } } });
  put("nextcloud-offer", nextcloud({ type: "offer", payload: { nick: "Alice", ...description } }), "nextcloud", "api/signaling.go of nextcloud-spreed-signaling", websocket);
  put("nextcloud-candidate", nextcloud({ type: "candidate", payload: { candidate: host } }), "nextcloud", "api/signaling.go of nextcloud-spreed-signaling", websocket);
  put("nextcloud-internal", [{ ev: "message", fn: json(nextcloud({ type: "candidate", payload: { candidate: srflx } })), sessionId: "s1" }], "nextcloud", "the internal signaling of spreed", post);
  put("ant-media-offer", { command: "takeConfiguration", streamId: "s", type: "offer", sdp: offer() }, "ant-media", "StreamApp websocket_adaptor.js", websocket);
  put("ant-media-candidate", { command: "takeCandidate", streamId: "s", label: 0, id: "0", candidate: host.candidate }, "ant-media", "StreamApp websocket_adaptor.js", websocket);
  const roap = json({ roapMessage: { messageType: "OFFER", version: "2", seq: 1, tieBreaker: 4294967294, sdps: [offer()], headers: ["includeAnswerInHttpResponse"] }, audioMuted: false });
  put("webex-roap", { device: { url: "https://wdm.example.org/d/1" }, localMedias: [{ type: "SDP", localSdp: roap }] }, "webex", "the notes on /locus of signaling-formats.md", post);
  const xtls = answer().replace("a=ice-ufrag", "a=candidate:6 1 xTLS 1795159807 media.example.org 443 typ host tcptype passive fingerprint sha-1;DD:EE\r\na=ice-ufrag");
  put("webex-answer", { mediaConnections: [{ remoteSdp: json({ roapMessage: { messageType: "ANSWER", sdps: [xtls] } }) }] }, "webex", "the notes on /locus of signaling-formats.md", { ...response, note: "An xTLS candidate with a name; it is the server's." });
  put("pixel-streaming-offer", { type: "offer", sdp: offer(), playerId: "1" }, "pixel-streaming", "signalling_messages.proto of PixelStreamingInfrastructure", websocket);
  put("pixel-streaming-candidate", { type: "iceCandidate", candidate: host, playerId: "1" }, "pixel-streaming", "signalling_messages.proto of PixelStreamingInfrastructure", websocket);
  put("bbb-start", { id: "start", type: "audio", role: "sendrecv", sdpOffer: offer() }, "bigbluebutton", "bbb-webrtc-sfu/audio-broker.js", websocket);
  put("bbb-candidate", { id: "iceCandidate", candidate: host }, "bigbluebutton", "bbb-webrtc-sfu/sfu-base-broker.js", websocket);
  put("wowza", { direction: "publish", command: "sendOffer", streamInfo: { applicationName: "live" }, sdp: description }, "wowza", "Wowza's publish.js", websocket);
  put("wowza-response", { status: 200, sdp: reply, iceCandidates: [host, relay] }, "wowza", "Wowza's publish.js", inSocket);
  put("cloudflare-tracks", { sessionDescription: description, tracks: [{ location: "local", mid: "0", trackName: "a" }] }, "cloudflare", "Cloudflare Realtime's reference", post);
  put("whatsapp-calling", { messaging_product: "whatsapp", action: "connect", session: { sdp_type: "offer", sdp: offer() } }, "whatsapp", "the Graph API's reference", post);
  put("nest-sdm", { command: "sdm.devices.commands.CameraLiveStream.GenerateWebRtcStream", params: { offerSdp: offer() } }, "nest", "go2rtc pkg/nest/api.go", post);
  put("ring-ice", { method: "ice", dialog_id: "d", body: { ice: host.candidate, mlineindex: 0 } }, "ring", "go2rtc pkg/ring/ws.go", websocket);
  put("go2rtc-candidate", { type: "webrtc/candidate", value: host.candidate }, "go2rtc", "go2rtc www/video-rtc.js", websocket);
  put("go2rtc-offer", { type: "webrtc/offer", value: offer() }, "go2rtc", "go2rtc www/video-rtc.js", websocket);
  put("milestone", { sessionId: "s", offerSDP: json(description), iceServers: [{ url: "stun:198.51.100.7:3478" }] }, "milestone", "go2rtc internal/webrtc/milestone.go", post);
  put("roborock", { id: 1, method: "send_sdp_to_robot", params: { app_sdp: base64(json(description)), app_ice: base64(json(host)) } }, "roborock", "go2rtc pkg/roborock/client.go", { ...websocket, clear: offer() });
  put("snowflake", `1.0\n${json({ offer: json(description), nat: "unknown", fingerprint: "2B280B23E1107BB62ABFC40DDCC8824814F80A72" })}`, "snowflake", "snowflake common/messages/client.go", { ...post, content_type: undefined, reader: "none" });
  put("parsec-candex", { action: "candex", version: 1, payload: { to: "peer", attempt_id: "a", data: { ip: PUBLIC, port: 43753, lan: false, from_stun: true, sync: false } } }, "parsec", "the notes of signaling-formats.md", websocket);
  put("parsec-candex-lan", { action: "candex", version: 1, payload: { to: "peer", attempt_id: "a", data: { ip: `::ffff:${HOST}`, port: 43753, lan: true, from_stun: false, sync: false } } }, "parsec", "the notes of signaling-formats.md", { ...websocket, client: [HOST], note: "An IPv4-mapped IPv6 address." });
  put("apprtc", { cmd: "send", msg: json({ type: "candidate", label: 0, id: "0", candidate: host.candidate }) }, "apprtc", "AppRTC's signaling, from memory", websocket);
  put("nostr", ["EVENT", { kind: 25000, content: json(description), id: "0".repeat(64), sig: "0".repeat(128), pubkey: "1".repeat(64), tags: [], created_at: 1795417830 }], "nostr", "NIP-01", { ...websocket, note: "Any edit breaks id and sig: the relay will refuse the event." });
  put("sdp-in-object", { a: { b: [{ c: { sdp: { sdp: offer(), type: "offer" } } }] } }, "json", "the usual nesting of hand-made signaling", websocket);
  put("candidates-strings", { candidates: candidates().map(({ candidate }) => candidate) }, "json", "the usual hand-made signaling", websocket);
  put("mdns-candidate", { candidate: `candidate:1 1 udp 2113937151 ${MDNS} 58093 typ host generation 0 ufrag KW23 network-cost 999`, sdpMid: "0", sdpMLineIndex: 0 }, "candidate-init", "a candidate of Chromium without permission", websocket);
}
// ---- neither here nor there ----
{
  const quote = `Chrome gives me "a=candidate:1 1 udp 2122129151 ${HOST} 43753 typ host" and I wonder why.`;
  const note = "A whole candidate inside a sentence. Whether it goes is a decision: nothing is asked here.";
  put("prose-candidate", { post: quote }, "prose-candidate", "no source", { ...post, client: [], note });
  const log = `got local ICE 0 ${host.candidate}`;
  put("prose-log", { logs: [log] }, "prose-candidate", "the log of matrix-js-sdk, as bug reports upload it", { ...post, client: [], relays: [], note });
}
// ---- Kinesis, beyond what its client writes ----
{
  const message = (messageType, payload) => ({ messageType, messagePayload: base64(json(payload)), senderClientId: "viewer" });
  const entry = { ...inSocket, clear: json(host) };
  put("kinesis-candidate-inbound", message("ICE_CANDIDATE", host), "kinesis", "src/SignalingClient.ts", entry);
  put("kinesis-answer-inbound", message("SDP_ANSWER", reply), "kinesis", "src/SignalingClient.ts", { ...entry, clear: answer() });
}
// ---- Matrix ----
{
  const content = (more) => ({ call_id: "c1", version: "1", party_id: "P", ...more });
  const event = (type, more) => ({ type, sender: "@bob:example.org", event_id: `$${type}`, origin_server_ts: 1, content: content(more) });
  const events = [event("m.call.invite", { offer: description, lifetime: 60000 }), event("m.call.candidates", { candidates: [host, relay, { candidate: "", sdpMid: "0" }] }), { type: "m.room.message", sender: "@bob:example.org", event_id: "$3", content: { msgtype: "m.text", body: "calling you" } }];
  put("matrix-sync", { next_batch: "s2", rooms: { join: { "!room:example.org": { timeline: { events, limited: false, prev_batch: "s1" } } } } }, "matrix", "the client-server specification", response);
  put("matrix-end", content({ candidates: [{ candidate: "", sdpMid: "0", sdpMLineIndex: 0 }] }), "matrix", "matrix-js-sdk call.ts", { ...post, unchanged: true });
  put("matrix-negotiate", content({ description, lifetime: 1 }), "matrix", "matrix-js-sdk call.ts", post);
}
// ---- structured candidates ----
{
  const one = (ip, type, more) => ({ foundation: "udpcandidate", ip, address: ip, port: 43753, priority: 1076302079, protocol: "udp", type, ...more });
  const ice = { id: "t1", iceParameters: { iceLite: true, usernameFragment: "u", password: "p" }, dtlsParameters: { role: "auto", fingerprints: [] } };
  const server = [one("198.51.100.60", "host"), one("198.51.100.60", "host", { protocol: "tcp", tcpType: "passive" })];
  const sfu = { client: [], note: "An SFU's own host candidates, which a relay-only client needs." };
  put("mediasoup-transport", { response: true, id: 1, ok: true, data: { ...ice, iceCandidates: server } }, "mediasoup", "mediasoup-client@3.18.7 Transport.d.ts", { ...inSocket, subprotocol: "protoo", ...sfu });
  put("agora-join", { _id: "a1", _result: "success", _message: { ortc: { iceParameters: { iceUfrag: "u", icePwd: "p", candidates: [{ foundation: "1", protocol: "udp", priority: 1, ip: "198.51.100.61", port: 4500, type: "host" }] } } } }, "agora", "agora-rtc-sdk-ng@4.24.8", { ...inSocket, ...sfu });
  const own = [one(HOST, "host"), one(V6, "host"), one(PUBLIC, "srflx", { relatedAddress: HOST, relatedPort: 43753 }), one(RELAY, "relay", { relatedAddress: PUBLIC, relatedPort: 43753 }), one(MDNS, "host")];
  put("ortc-candidates", { request: true, id: 2, method: "addCandidates", data: { iceCandidates: own } }, "ortc", "the dictionary RTCIceCandidate of ORTC", websocket);
  put("ortc-single", { candidate: one(HOST2, "host") }, "ortc", "the dictionary RTCIceCandidate of ORTC", websocket);
  const long = { candidateType: "host", address: ULA, port: 9, protocol: "tcp", tcpType: "active", component: 1, foundation: "3", priority: 1, usernameFragment: "KW23" };
  put("candidate-attributes", { candidate: long }, "ortc", "the attributes of RTCIceCandidate in W3C WebRTC", websocket);
  const reordered = { "port": 43753, "transport": "UDP", "host": HOST, "type": "srflx", "base": { "host": HOST2, "port": 1 } };
  put("candidate-other-keys", { c: { ...reordered, protocol: "udp", ip: HOST } }, "ortc", "no source: keys in another order", websocket);
}
// ---- lists of ICE servers ----
{
  const stun = "stun:198.51.100.7:3478";
  const turn = "turn:198.51.100.7:3478?transport=udp";
  const turns = "turns:turn.example.org:443?transport=tcp";
  const [username, credential] = ["1795417830:alice", "Zm9v"];
  const list = [{ urls: stun }, { urls: [turn, turns], username, credential }];
  const shapes = {
    array: [{ iceServers: list }, "RTCConfiguration in W3C WebRTC"],
    root: [list, "Metered's reference"],
    object: [{ iceServers: { urls: [stun, turn], username, credential } }, "Cloudflare's older answer"],
    cloudflare: [{ iceServers: [{ urls: [stun, turn, turns], username, credential }] }, "Cloudflare's generate-ice-servers"],
    url: [{ iceServers: [{ url: stun }, { url: turn, username, credential }] }, "the older dictionary RTCIceServer"],
    "turn-rest": [{ username, password: credential, ttl: 86400, uris: [turn, turns] }, "draft-uberti-behave-turn-rest, Matrix' /voip/turnServer"],
    "ant-media": [{ command: "iceServerConfig", stunServerUri: turn, turnServerUsername: username, turnServerCredential: credential }, "StreamApp webrtc_adaptor.js"],
    bigbluebutton: [{ stunServers: [{ url: stun }], turnServers: [{ username, password: credential, url: turn, ttl: 86400 }], remoteIceCandidates: [] }, "fetchStunTurnServers.js"],
    twilio: [{ ice_servers: [{ url: stun, urls: stun }, { url: turn, username, urls: turn, credential }], ttl: "86400", username, password: credential }, "Twilio's Tokens resource"],
    "twilio-iced": [{ type: "msg", body: { type: "iced", ice_servers: list } }, "twilio-video twilioconnectiontransport.js"],
    kinesis: [{ IceServerList: [{ Password: credential, Ttl: 300, Uris: [turn, turns], Username: username }] }, "Kinesis' get-ice-server-config"],
    janus: [{ server: "wss://janus.example.org", iceServers: list, iceTransportPolicy: "all" }, "janus.js"],
    "pixel-streaming": [{ type: "config", peerConnectionOptions: { iceServers: list } }, "SignallingServer.ts of PixelStreamingInfrastructure"],
    opentok: [[{ session_id: "1_MX", partner_id: "100", ice_servers: [{ url: turn, urls: turn, username, credential }], properties: { clientCandidates: "all", p2p: { preference: { value: "disabled" } } } }], "@opentok/client@2.35.2 session info"],
    "home-assistant": [{ id: 5, type: "result", success: true, result: { configuration: { iceServers: list }, getCandidatesUpfront: false } }, "components/camera/webrtc.py"],
    xirsys: [{ s: "ok", v: { iceServers: { username, credential, urls: [stun, turn] } } }, "Xirsys' _turn, as Millicast answers, too"],
    millicast: [{ s: "ok", v: { iceServers: [{ url: stun }, { username, credential, url: turn }] } }, "Xirsys' _turn, older form"],
    openvidu: [{ id: 1, jsonrpc: "2.0", result: { customIceServers: [{ url: turn, username, credential }], coturnIp: RELAY } }, "openvidu-browser@2.32.2"],
    jitsi: [{ services: [{ type: "stun", host: RELAY, port: "3478" }, { type: "turns", host: "turn.example.org", port: "443", transport: "tcp", username, password: credential }] }, "strophe.jingle.js of lib-jitsi-meet"],
    nextcloud: [{ ocs: { data: { stunservers: [{ urls: [stun] }], turnservers: [{ urls: [turn], username, credential }] } } }, "spreed's signaling settings, from memory"],
    onvif: [{ jsonrpc: "2.0", id: "1", result: { session: "s1", iceServers: list.map((s) => ({ ...s, urls: [s.urls].flat() })) } }, "doc/WebRTC.xml of onvif/specs"],
    apprtc: [{ params: { pc_config: json({ iceServers: list, rtcpMuxPolicy: "require" }) } }, "AppRTC's join answer, from memory"],
    hostport: [{ rtcConfiguration: { iceServers: [{ hostname: RELAY, host: RELAY, port: 3478, type: "turn", transport: "udp", user: username, password: credential }] } }, "no source: keys of section 4 of signaling-formats.md"],
  };
  for (const [name, [value, by]] of Object.entries(shapes))
    put(`ice-servers-${name}`, value, "ice-servers", by, { ...response, client: [], servers: serversIn(json(value)) });
  const service = (attributes) => `<service ${attributes}/>`;
  const services = [
    service(`type='stun' host='${RELAY}' port='3478' transport='udp'`),
    service(`type='turn' host='${RELAY}' port='3478' transport='udp' username='${username}' password='${credential}' restricted='1'`),
    service(`type='turns' host='turn.example.org' port='443' transport='tcp' username='${username}' password='${credential}'`),
  ].join("");
  sample("services/ice-servers-xep-0215.xml", `<iq xmlns='jabber:client' type='result' id='e1'><services xmlns='urn:xmpp:extdisco:2'>${services}</services></iq>`, {
    ...inSocket,
    subprotocol: "xmpp",
    client: [],
    format: "ice-servers",
    source: "by hand, by XEP-0215",
    reader: "xml",
    servers: [],
  });
  function serversIn(text) {
    return [...new Set(text.replaceAll("\\", "").match(/(?:stun|turn)s?:[^"]+/g) ?? [])];
  }
}
// ---- WebChannel, downwards ----
{
  const chunk = (value) => `${json(value).length}\n${json(value)}`;
  const change = (document) => [{ documentChange: { document: { name: "calls/1", fields: document } } }];
  const first = chunk([[0, ["c", "session", "", 8, 14, 30000]]]);
  const second = chunk([[1, change({ answer: { stringValue: answer() }, name: { stringValue: "Зоя 🦊" } })], [2, ["noop"]]]);
  const third = chunk([[3, change({ candidate: { stringValue: host.candidate } })]]);
  sample("services/webchannel-down.txt", first + second + third, {
    ...response,
    content_type: "text/plain; charset=utf-8",
    format: "webchannel",
    source: "by hand, by wirev8.js of closure-library",
    reader: "webchannel",
    note: "The length before a chunk counts UTF-16 units.",
  });
}
