// Family 6: what names addresses or looks like signaling, and must come back byte for byte.
import { gzipSync, deflateSync } from "node:zlib";
import { encode as msgpack } from "@msgpack/msgpack";
import protobuf from "protobufjs";
import { HOST, HOST2, MDNS, V6, sample } from "./sample.mjs";

const json = (value) => JSON.stringify(value);
const out = { direction: "outbound", client: [], relays: [], unchanged: true, source: "by hand" };
const body = { ...out, kind: "body", content_type: "application/json", reader: "json" };
const text = { ...out, kind: "body", content_type: "text/plain;charset=UTF-8", reader: "none" };
const socket = { ...out, kind: "websocket", reader: "json" };
const put = (name, content, format, entry) =>
  sample(`unchanged/${name}`, typeof content === "object" && !Buffer.isBuffer(content) ? json(content) : content, { format, ...entry });

// ---- prose ----
put("chat.txt", `my server is ${HOST}, ping it`, "chat", text);
put("chat.json", { type: "message", to: "bob", text: `try ${HOST2} or [${V6}]:8080, else ${MDNS}` }, "chat", socket);
put("chat-socketio.txt", `42${json(["chat", { text: `ssh root@${HOST} -p 22` }])}`, "chat", { ...socket, reader: "socket.io" });
put("forum-post.json", { title: "My candidates", post: `In an a=candidate: line, "typ host" means an address of the machine, such as ${HOST}, and "typ srflx" what STUN saw. Is typ host my LAN?` }, "forum", body);
put("forum-lines.json", { post: `The candidate: I have is udp and ${HOST}, the one I want is typ relay.\nWhat is raddr?` }, "forum", body);
put("readme.md", `# Network\n\nThe router is ${HOST}. It announces \`${V6}\`.\n\n| host | address |\n|---|---|\n| nas | ${HOST2} |\n`, "chat", text);
put("many-scripts.json", { text: "Ελληνικά Русский עברית العربية हिन्दी ไทย 日本語 한국어 ქართული አማርኛ 🦊👩‍👩‍👧 é é ﬁ \u202eabc\u202c", "клю́ч": "значение", "鍵": ["値", "\u0000", "\ud800"] }, "json", body);
put("many-scripts.txt", "Жизнь 生命 حياة ζωή जीवन ชีวิต 🧬\r\n", "chat", text);

// ---- keys that mean something else ----
put("election.json", { candidate: "Ada Lovelace", party: "udp", votes: 1815, host: "town hall", type: "host" }, "json", body);
put("job-application.json", { candidate: { name: "Grace Hopper", email: "grace@example.org", type: "relay race" }, ip: "intellectual property", port: "Le Havre" }, "json", body);
put("inventory.json", { type: "host", address: "10.0.0.1" }, "json", { ...body, note: "An item of an inventory: no port, no protocol, no foundation." });
put("inventory-list.json", { hosts: [{ type: "host", ip: HOST, name: "printer" }, { type: "host", ip: HOST2, name: "nas", tags: ["candidate"] }] }, "json", body);
put("allowlist.json", { allow: [HOST, `${HOST2}/8`, V6], comment: "firewall" }, "json", body);
put("dns.json", { Status: 0, Answer: [{ name: "nas.example.org.", type: 1, TTL: 60, data: HOST }] }, "json", body);
put("sdp-key.json", { sdp: "South Dakota Parks", type: "offer", price: 9.5 }, "json", body);
put("offer.json", { type: "offer", title: "20 % off", url: "https://shop.example.org/a=candidate" }, "json", body);
put("version.json", { version: "10.20.30.40", build: "v=0", changelog: "c=IN, o=out" }, "json", { ...body, note: "A version of four numbers." });
put("geo.json", { type: "Feature", geometry: { type: "Point", coordinates: [1.5, 48.1] }, properties: { address: "10 Downing St", port: 1, type: "host" } }, "json", body);

// ---- spelling ----
put("numbers.json", '{"a":1e3,"b":1E+3,"c":-0,"d":0.10,"e":1e-7,"f":123456789012345678901234567890,"g":1.0,"a":2}', "json", { ...body, note: "Spellings that a parse and a dump would change; a key twice." });
put("escapes.json", String.raw`{"a":"\/\u0041\u00e9\ud83e\udd8a\b\f\n\r\t\"\\","b":"\ud800 lone","c":"\u002F"}`, "json", body);
put("spacing.json", '\n{\t"a" : [ 1 ,2,\r\n3 ] ,\n  "b":{ } , "c" : null }\n\n', "json", body);
put("bom.json", Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('{"a":1}')]), "json", { ...body, reader: "none" });
put("broken.json", '{"candidate": "Ada", "votes": [1, 2', "json", { ...body, reader: "none" });
put("not-utf8.bin", Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x80, 0xc3, 0x28, 0x22, 0x7d]), "binary", { ...text, content_type: "application/octet-stream" });
put("empty.txt", "", "empty", text);
put("null-bytes.bin", Buffer.alloc(64), "binary", { ...text, content_type: "application/octet-stream" });

// ---- binary ----
// The smallest PNG: one black pixel.
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=";
put("pixel.png", Buffer.from(png, "base64"), "binary", { ...text, content_type: "image/png" });
put("pixel.json", { avatar: `data:image/png;base64,${png}`, raw: png }, "json", body);
const log = Buffer.from(Array.from({ length: 40 }, (_, n) => `${n} GET /index.html 200 ${HOST}\n`).join(""));
put("log.gz", gzipSync(log), "binary", { ...text, content_type: "application/gzip" });
put("log-base64.json", { log: gzipSync(log).toString("base64") }, "json", body);
put("zlib.json", { data: deflateSync(Buffer.from("the quick brown fox jumps over the lazy dog ".repeat(20))).toString("base64") }, "json", body);
put("token.json", { jwt: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImlwIjoiMTkyLjE2OC4xLjIwIn0.c2lnbmF0dXJl" }, "json", { ...body, note: "A claim in the token names an address; any edit breaks its signature." });
const writer = protobuf.Writer.create().uint32(10).string("weather").uint32(18).string("10.5 to 19.2 degrees").uint32(24).uint32(1234).uint32(34).bytes(Buffer.from([1, 2, 3]));
put("weather.bin", Buffer.from(writer.finish()), "protobuf", { ...socket, reader: "protobuf" });
put("game.bin", Buffer.from(msgpack({ type: "host", x: 1.5, y: -2, players: ["ada", "grace"], candidate: false })), "msgpack", { ...socket, reader: "msgpack" });
put("random.bin", Buffer.from(Array.from({ length: 512 }, (_, n) => (n * 167 + ((n * n) >> 3)) & 255)), "binary", { ...text, content_type: "application/octet-stream" });

// ---- scripts and documents ----
const script = 'var r=/^candidate:(\\S+) (\\d) (udp|tcp) (\\d+) (\\S+) (\\d+) typ (host|srflx|relay)/;function p(e){return"a=candidate:"+e.foundation+" "+e.component+" typ "+e.type}var d="0.0.0.0";';
put("script.json", { file: "sdp.min.js", source: script }, "json", { ...body, note: "A minified parser of candidates." });
put("script.js", script, "script", { ...text, content_type: "text/javascript" });
put("template.json", { template: "a=candidate:${foundation} ${component} ${protocol} ${priority} ${ip} ${port} typ ${type}" }, "json", body);
put("css.txt", ".candidate:host{content:'typ host'}a=b{c:d}", "script", { ...text, content_type: "text/css" });
put("form.txt", "q=my+server+192.168.1.20&page=2&type=host", "form", { ...text, content_type: "application/x-www-form-urlencoded", reader: "form" });

// ---- ends of candidates ----
const end = { ...socket };
put("end-empty.json", { candidate: "" }, "end-of-candidates", end);
put("end-empty-mid.json", { candidate: "", sdpMid: "0", sdpMLineIndex: 0, usernameFragment: "KW23" }, "end-of-candidates", end);
put("end-null.json", { type: "candidate", candidate: null }, "end-of-candidates", end);
put("end-completed.json", { janus: "trickle", transaction: "t", candidate: { completed: true } }, "end-of-candidates", end);
put("end-array.json", { candidates: [] }, "end-of-candidates", end);
put("end-line.json", { candidate: "a=end-of-candidates" }, "end-of-candidates", end);
put("end-prefix.json", { candidate: "candidate:" }, "end-of-candidates", end);
put("end-socketio.txt", '42["ice",{"candidate":"","sdpMid":"0","sdpMLineIndex":0}]', "end-of-candidates", { ...end, reader: "socket.io" });
put("inert.json", { candidate: "candidate:0 1 udp 1 0.0.0.0 9 typ host", sdpMid: "0" }, "candidate-init", { ...end, note: "An inert candidate names nobody." });

// ---- keeping a connection up ----
put("ping-engineio.txt", "2", "keepalive", { ...end, reader: "none" });
put("ping-phoenix.json", [null, "5", "phoenix", "heartbeat", {}], "keepalive", end);
put("ping-signalr.txt", '{"type":6}\u001e', "keepalive", { ...end, reader: "signalr" });
put("ping-stomp.txt", "\n", "keepalive", { ...end, reader: "none" });
put("ping-mqtt.bin", Buffer.from([0xc0, 0x00]), "keepalive", { ...end, reader: "mqtt" });
put("ping-peerjs.json", { type: "HEARTBEAT" }, "keepalive", end);
