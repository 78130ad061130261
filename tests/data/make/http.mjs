// Family 3: HTTP bodies and headers, SIP beside JsSIP's INVITE, SSE, XMPP.
import { createRequire } from "node:module";
import { HOST, HOST2, MDNS, PUBLIC, RELAY, V6, answer, avOffer, offer, ofType, sample, stored } from "./sample.mjs";

const require = createRequire(import.meta.url);
const { createClient } = require("stanza");
const json = (value) => JSON.stringify(value);
const out = { kind: "body", direction: "outbound" };
const back = { kind: "body", direction: "inbound" };
const websocket = { kind: "websocket", direction: "outbound" };
const host = ofType("host");
const description = { type: "offer", sdp: offer() };
const base64 = (text) => Buffer.from(text, "utf8").toString("base64");

// ---- WHIP ----
{
  const chromium = "Chromium's offer as fetch posts it (RFC 9725)";
  const sdp = { format: "whip", content_type: "application/sdp", reader: "none" };
  sample("http/whip-offer.sdp", avOffer(), { ...out, ...sdp, source: chromium });
  sample("http/whip-answer.sdp", answer(), { ...back, ...sdp, source: chromium });
  const line = (type) => `a=${ofType(type).candidate}`;
  const head = ["a=group:BUNDLE 0", "a=ice-ufrag:EsAw", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0"];
  const fragment = {
    ...out,
    format: "sdpfrag",
    content_type: "application/trickle-ice-sdpfrag",
    source: "by hand, by RFC 8840 section 9 and RFC 9725 section 4.3.1, with Chromium's candidates",
    reader: "none",
  };
  const lines = [...head, line("host"), line("srflx"), line("relay")];
  sample("http/sdpfrag.txt", [...lines, ""].join("\r\n"), fragment);
  sample("http/sdpfrag-end.txt", [...lines, "a=end-of-candidates", ""].join("\r\n"), fragment);
  sample("http/sdpfrag-lf.txt", lines.join("\n"), { ...fragment, note: "LF, and no newline at the end." });
  sample("http/sdpfrag-only-end.txt", [...head, "a=end-of-candidates", ""].join("\r\n"), { ...fragment, unchanged: true });
  const discord = offer().split("\r\n").filter((l) => /^a=(ice-|fingerprint|candidate)/.test(l)).join("\n");
  sample("http/sdp-fragment-lines.json", json({ op: 1, d: { protocol: "webrtc", data: discord, sdp: discord } }), {
    ...websocket,
    format: "sdp-fragment",
    source: "by hand, by discord-userdoccers; candidates added",
    reader: "json",
    note: "No v= line, LF between lines.",
  });
  const link = (url, more) => `<${url}>; rel="ice-server"${more}`;
  const secret = '; username="user"; credential="password"; credential-type="password"';
  const links = [link("stun:198.51.100.7:3478", ""), link("turn:198.51.100.7:3478?transport=udp", secret)];
  sample("http/whip-link.txt", links.join(", "), {
    kind: "header",
    direction: "inbound",
    format: "ice-servers",
    source: "by hand, by RFC 9725 section 4.6",
    reader: "none",
    client: [],
    servers: ["stun:198.51.100.7:3478", "turn:198.51.100.7:3478?transport=udp"],
    note: "The value of Link, servers joined with a comma.",
  });
}

// ---- SDP in other clothes ----
{
  const put = (name, content, source, more) =>
    sample(`http/${name}`, content, { ...out, source, format: "encoded-sdp", clear: offer(), reader: "none", ...more });
  const browser = "Chromium's offer through Buffer of Node 20";
  const text = "text/plain;charset=UTF-8";
  put("base64.txt", base64(offer()), browser, { content_type: text });
  put("base64-json.txt", base64(json(description)), browser, { content_type: "plain/text", note: "As Creality's printers want it." });
  put("base64-lines.txt", base64(offer()).replace(/.{76}/g, "$&\r\n"), browser, { content_type: text, note: "Lines of 76 (RFC 2045)." });
  put("base64url-unpadded.txt", Buffer.from(offer()).toString("base64url"), browser, { content_type: text });
  put("base64url-json.json", json({ offer: Buffer.from(json(description)).toString("base64url") }), browser, { content_type: "application/json", reader: "json" });
  put("base64-candidate.json", json({ c: base64(host.candidate) }), browser, { content_type: "application/json", reader: "json", clear: host.candidate });
  put("hex.txt", Buffer.from(offer()).toString("hex"), browser, { content_type: text });
  put("hex-upper.json", json({ sdp: Buffer.from(offer()).toString("hex").toUpperCase() }), browser, { content_type: "application/json", reader: "json" });
  put("percent.txt", encodeURIComponent(offer()), "encodeURIComponent of Node 20", { content_type: text });
  put("percent-form.txt", `sdp=${encodeURIComponent(offer())}&type=offer`, "encodeURIComponent of Node 20", { content_type: "application/x-www-form-urlencoded", reader: "form" });
  const little = Buffer.from(json(description), "utf16le");
  put("utf16le.json", little, browser, { content_type: "application/json; charset=utf-16le", reader: "utf-16-le-json" });
  put("utf16le-bom.json", Buffer.concat([Buffer.from([0xff, 0xfe]), little]), browser, { content_type: "application/json", reader: "utf-16-json" });
  const big = Buffer.from(little).swap16();
  put("utf16be.json", big, browser, { content_type: "application/json; charset=utf-16be", reader: "utf-16-be-json" });
  const escaped = json(offer()).replaceAll(/[/:=]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
  put("json-escapes.json", `{"type":"offer","sdp":${escaped}}`, "JSON.stringify, then characters escaped by hand", { content_type: "application/json", reader: "json", note: "`:` `=` `/` as \\u00xx, legal in JSON." });
  const digits = json(host).replace(HOST, [...HOST].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""));
  put("json-escaped-address.json", digits, "JSON.stringify, then the address escaped by hand", { content_type: "application/json", reader: "json", clear: json(host) });
  put("json-double.json", json({ msg: json(description) }), "JSON.stringify twice", { content_type: "application/json", reader: "json" });
  put("json-triple.json", json({ a: json({ b: json(host) }) }), "JSON.stringify three times", { content_type: "application/json", reader: "json", clear: json(host) });
  put("json-slashes.json", json(description).replaceAll("/", "\\/"), "the escaping of PHP's json_encode, by hand", { content_type: "application/json", reader: "json" });
  put("json-data-url.json", json({ sdp: `data:application/sdp;base64,${base64(offer())}` }), browser, { content_type: "application/json", reader: "json" });
  put("json-base64-percent.json", json({ u: encodeURIComponent(base64(json(description))) }), browser, { content_type: "application/json", reader: "json" });
  put("xml-entities.xml", `<m><sdp>${offer().replaceAll("\r\n", "&#13;&#10;")}</sdp></m>`, "by hand", { content_type: "text/xml", reader: "xml" });
}

// ---- SSE ----
{
  const entry = { ...back, format: "sse", content_type: "text/event-stream", source: "by hand, by the HTML standard 9.2", reader: "sse" };
  const lines = answer().trimEnd().split("\r\n").map((line) => `data: ${line}`);
  sample("http/sse-sdp.txt", ["event: answer", "id: 7", ...lines, "", ""].join("\n"), { ...entry, clear: answer(), note: "One event; the SDP's lines are `data:` lines." });
  sample("http/sse-json.txt", `: hello\n\nid: 8\ndata: ${json(host)}\n\nid: 9\ndata: ${json(description)}\n\n`, entry);
}

// ---- SIP besides what JsSIP wrote ----
{
  const invite = stored("clients/jssip-invite-0.sip");
  const tag = invite.match(/From: .*;tag=(\w+)/)[1];
  const callId = invite.match(/Call-ID: (.*)\r/)[1];
  const contact = invite.match(/Contact: <(.*)>\r/)[1];
  const message = (method, cseq, type, body, extra = []) =>
    [
      `${method} sip:bob@example.org SIP/2.0`,
      `Via: SIP/2.0/WS ${contact.match(/@([^;]+)/)[1]};branch=z9hG4bK${cseq}`,
      "Max-Forwards: 69",
      "To: <sip:bob@example.org>;tag=314159",
      `From: <sip:alice@example.org>;tag=${tag}`,
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} ${method}`,
      ...extra,
      `Content-Type: ${type}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n");
  const entry = { ...websocket, subprotocol: "sip", format: "sip", reader: "sip" };
  const frag = `a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=${host.candidate}\r\na=${ofType("relay").candidate}\r\n`;
  const info = ["Info-Package: trickle-ice", "Content-Disposition: Info-Package"];
  sample("http/sip-info.sip", message("INFO", 938, "application/trickle-ice-sdpfrag", frag, info), { ...entry, source: "by hand, by RFC 8840 section 4, with the dialog of JsSIP's INVITE" });
  const parts = ["--boundary1", "Content-Type: application/sdp", "", offer().trimEnd(), "--boundary1", "Content-Type: application/json", "", json({ display: "Alice" }), "--boundary1--", ""].join("\r\n");
  sample("http/sip-multipart.sip", message("UPDATE", 939, 'multipart/mixed;boundary="boundary1"', parts), { ...entry, source: "by hand, by RFC 5621" });
  const real = ["Record-Route: <sip:sip.example.org;transport=ws;lr>", `Contact: <sip:bob@${HOST2}:5066;transport=ws>`];
  const ok = message("INVITE", 937, "application/sdp", answer(), real).replace(/^.*\r\n/, "SIP/2.0 200 OK\r\n");
  sample("http/sip-200.sip", ok, { ...entry, direction: "inbound", source: "by hand, by RFC 3261, around Chromium's answer", note: `The far side's Contact names ${HOST2}: not SDP.` });
}

// ---- XMPP ----
{
  // StanzaJS makes Jingle of SDP, and writes it as it does on its WebSocket.
  const client = createClient({ jid: "alice@example.org/web", password: "x" });
  const write = (name, value) => client.stanzas.export(name, value).toString();
  const { importFromSDP } = require("stanza/jingle/sdp/Intermediate");
  const { convertIntermediateToRequest } = require("stanza/jingle/sdp/Protocol");
  const transport = "urn:xmpp:jingle:transports:ice-udp:1";
  const jingle = (sdp, action) => ({
    ...convertIntermediateToRequest(importFromSDP(sdp), action === "session-accept" ? "responder" : "initiator", transport),
    action,
    sid: "a73sjjvkla37jfea",
  });
  const iq = (payload) => write("iq", { type: "set", id: "j1", to: "bob@example.org/web", from: "alice@example.org/web", jingle: payload });
  const entry = { ...websocket, subprotocol: "xmpp", format: "jingle", source: "stanza@12.22.1, importFromSDP of Chromium's SDP", reader: "xml" };
  sample("http/jingle-initiate.xml", iq(jingle(avOffer(), "session-initiate")), entry);
  sample("http/jingle-initiate-data.xml", iq(jingle(offer(), "session-initiate")), entry);
  sample("http/jingle-accept.xml", iq(jingle(answer(), "session-accept")), { ...entry, direction: "inbound" });
  const info = (candidates) =>
    `<iq xmlns='jabber:client' type='set' id='j2' to='focus@example.org/focus'><jingle xmlns='urn:xmpp:jingle:1' action='transport-info' sid='a73sjjvkla37jfea' initiator='alice@example.org/web'><content creator='initiator' name='0'><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='EsAw' pwd='P2uYro0UCOQ4zxjKXaWCBui1'>${candidates}</transport></content></jingle></iq>`;
  const hand = { ...entry, source: "by hand, by XEP-0176 and the attributes of lib-jitsi-meet's SDPUtil" };
  const at = (attributes) => `<candidate component='1' foundation='1' generation='0' id='a1' network='0' priority='2122129151' protocol='udp' ${attributes}/>`;
  const some = [
    at(`ip='${HOST}' port='43753' type='host'`),
    at(`ip='${V6}' port='43754' type='host'`),
    at(`ip='${MDNS}' port='43755' type='host'`),
    `<candidate rel-addr='${HOST}' component='1' rel-port='43753' foundation='2' priority='1685921535' protocol='udp' port='43753' type='srflx' ip='${PUBLIC}'/>`,
    at(`ip='${RELAY}' port='50000' rel-addr='${PUBLIC}' rel-port='43753' type='relay'`),
  ].join("");
  sample("http/jingle-transport-info.xml", info(some), hand);
  const first = at(`ip="${HOST}" port="43753" type="host"`).replaceAll("'", '"');
  sample("http/jingle-transport-info-double.xml", info(first).replaceAll("'", '"'), { ...hand, note: "Double quotes." });
  sample("http/jingle-transport-empty.xml", info(""), { ...hand, unchanged: true, note: "No candidate." });
  sample("http/bosh-transport-info.xml", `<body xmlns='http://jabber.org/protocol/httpbind' rid='1573741820' sid='SomeSID'>${info(some)}${info(at(`ip='${HOST2}' port='1' type='host'`))}</body>`, {
    ...hand,
    ...out,
    subprotocol: undefined,
    content_type: "text/xml; charset=utf-8",
    source: "by hand, by XEP-0124 and XEP-0176",
    note: "Two stanzas in one body.",
  });
  const raw = write("message", { type: "chat", to: "bob@example.org", body: `I use ${HOST} for the printer` });
  sample("http/xmpp-chat.xml", raw, { ...entry, client: [], format: "chat", source: "stanza@12.22.1", unchanged: true, note: "A chat that names an address." });
}
