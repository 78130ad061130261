// Family 2: framings of realtime libraries, each by the code that really writes it.
import { createRequire } from "node:module";
import autobahn from "autobahn";
import * as eio from "engine.io-parser";
import eio3 from "engine.io-parser-v3";
import { createClient as graphqlClient } from "graphql-ws";
import mqtt from "mqtt-packet";
import { once } from "node:events";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { io } from "socket.io-client";
import ioV2 from "socket.io-client-v2";
import WebSocket, { WebSocketServer } from "ws";
import { answer, candidates, offer, ofType, sample } from "./sample.mjs";

const require = createRequire(import.meta.url);
const { JsonHubProtocol, MessageType } = require("@microsoft/signalr");
const { HandshakeProtocol } = require("@microsoft/signalr/dist/cjs/HandshakeProtocol.js");
const { MessagePackHubProtocol } = require("@microsoft/signalr-protocol-msgpack");
const { FrameImpl } = require("@stomp/stompjs");
const { Serializer } = require("phoenix");
const { SubscriptionClient } = require("subscriptions-transport-ws");

const websocket = { kind: "websocket", direction: "outbound" };
const body = { kind: "body", direction: "outbound" };
const host = ofType("host");
const description = { type: "offer", sdp: offer() };
const json = (value) => JSON.stringify(value);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function listen(handler) {
  return new Promise((resolve) => {
    const server = createServer(handler);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

// ---- Socket.IO 4, as its client writes it ----
{
  const server = await listen();
  const sockets = new Server(server, { allowEIO3: true });
  const seen = { polling: [], websocket: [], inbound: [] };
  sockets.of("/calls").on("connection", (socket) => {
    socket.on("signal", (data, done) => done?.("ok"));
    socket.emit("signal", { type: "answer", sdp: answer() });
  });
  const { port } = server.address();
  for (const transport of ["websocket", "polling"]) {
    const socket = io(`http://127.0.0.1:${port}/calls`, { transports: [transport], forceNew: true });
    socket.io.engine.once("upgrade", () => {});
    await new Promise((resolve) => socket.on("connect", resolve));
    const { transport: carrier } = socket.io.engine;
    if (transport === "websocket") {
      const { ws } = carrier;
      const send = ws.send.bind(ws);
      ws.send = (data, ...rest) => {
        seen.websocket.push(Buffer.from(data));
        return send(data, ...rest);
      };
    } else {
      const write = carrier.doWrite.bind(carrier);
      carrier.doWrite = (data, done) => {
        seen.polling.push(Buffer.from(data));
        return write(data, done);
      };
    }
    socket.emit("signal", description);
    socket.emit("signal", host, () => {});
    socket.emit("binary", { sdp: Buffer.from(offer()), of: "alice" });
    await pause(400);
    socket.disconnect();
  }
  const source = "socket.io-client@4.8.4 against socket.io@4.8.4";
  const of = { format: "socket.io", source };
  for (const [n, name, entry] of [
    [0, "event", {}],
    [1, "ack", {}],
    [2, "binary-header", { unchanged: true, note: "Announces one attachment." }],
    [3, "binary-attachment", { reader: "none", note: "The attachment: SDP as a binary message." }],
  ])
    sample(`framings/socketio4-${name}.${n === 3 ? "bin" : "txt"}`, seen.websocket[n], {
      ...websocket,
      ...of,
      reader: "socket.io",
      ...entry,
    });
  const clear = offer() + json(host);
  seen.polling
    .filter((content) => content.includes("candidate"))
    .forEach((content, n) =>
      sample(`framings/socketio4-polling-${n}.txt`, content, {
        ...body,
        ...of,
        content_type: "text/plain;charset=UTF-8",
        reader: "engine.io-4",
        clear,
        note: "Packets with 0x1e between them; a binary packet is `b` and base64.",
      }),
    );
  // What a server answers a poll with, by the parser that both sides use.
  const packets = [
    { type: "message", data: `2/calls,["signal",${json({ type: "answer", sdp: answer() })}]` },
    { type: "message", data: Buffer.from(answer()) },
    { type: "noop" },
  ];
  eio.encodePayload(packets, (payload) =>
    sample("framings/engineio4-polling-inbound.txt", payload, {
      kind: "body",
      direction: "inbound",
      format: "socket.io",
      content_type: "text/plain; charset=UTF-8",
      source: "engine.io-parser@5.2.3 encodePayload",
      reader: "engine.io-4",
      clear: answer(),
    }),
  );
  // ---- Socket.IO 2 (Engine.IO 3) ----
  const old = ioV2(`http://127.0.0.1:${port}/calls`, { transports: ["websocket"], forceNew: true });
  await new Promise((resolve) => old.on("connect", resolve));
  const { ws } = old.io.engine.transport;
  const sent = [];
  const send = ws.send.bind(ws);
  ws.send = (data, ...rest) => {
    sent.push(Buffer.from(data));
    return send(data, ...rest);
  };
  old.emit("signal", description);
  old.emit("binary", Buffer.from(offer()));
  await pause(300);
  const of2 = { format: "socket.io", source: "socket.io-client@2.5.0 against socket.io@4.8.4 (allowEIO3)" };
  sample("framings/socketio2-event.txt", sent[0], { ...websocket, ...of2, reader: "socket.io" });
  const attachment = sent.find((content) => content[0] === 4 && content.includes("v=0"));
  sample("framings/socketio2-binary-attachment.bin", attachment, {
    ...websocket,
    ...of2,
    reader: "none",
    note: "Engine.IO 3 puts a byte 0x04 before the attachment.",
  });
  old.disconnect();
  sockets.close();
  const texts = [
    { type: "message", data: `2/calls,["signal",${json(description)}]` },
    { type: "message", data: `2/calls,1["signal","ünï ${host.candidate}"]` },
  ];
  const of3 = { ...body, format: "socket.io", source: "engine.io-parser@2.2.1 encodePayload" };
  eio3.encodePayload(texts, false, (payload) =>
    sample("framings/engineio3-polling-text.txt", payload, {
      ...of3,
      content_type: "text/plain;charset=UTF-8",
      reader: "engine.io-3",
      note: "Length in UTF-16 units, colon, packet.",
    }),
  );
  const mixed = [...texts, { type: "message", data: Buffer.from(offer()) }];
  eio3.encodePayload(mixed, true, (payload) =>
    sample("framings/engineio3-polling-binary.bin", payload, {
      ...of3,
      content_type: "application/octet-stream",
      reader: "engine.io-3",
      note: "0 or 1, decimal digits as bytes, 0xff, packet.",
    }),
  );
  eio3.encodePayload(mixed, false, (payload) =>
    sample("framings/engineio3-polling-base64.txt", payload, {
      ...of3,
      content_type: "text/plain;charset=UTF-8",
      reader: "engine.io-3",
      clear: offer() + json(host),
      note: "The binary packet is `b4` and base64.",
    }),
  );
}

// ---- SignalR ----
{
  const invocation = (target, argument, invocationId) => ({
    type: MessageType.Invocation,
    headers: {},
    target,
    arguments: [argument],
    streamIds: [],
    invocationId,
  });
  const messages = [
    ["offer", [invocation("Signal", json(description))]],
    ["object", [invocation("Signal", description, "1")]],
    ["several", [invocation("Candidate", host, "2"), { type: MessageType.Ping }, invocation("Candidate", candidates()[1])]],
  ];
  for (const [name, list] of messages) {
    const texts = new JsonHubProtocol();
    sample(`framings/signalr-${name}.txt`, list.map((m) => texts.writeMessage(m)).join(""), {
      ...websocket,
      format: "signalr",
      source: "@microsoft/signalr@10.0.11 JsonHubProtocol",
      reader: "signalr",
      note: "Each record ends with 0x1e.",
    });
    const binary = new MessagePackHubProtocol();
    const parts = list.map((m) => Buffer.from(binary.writeMessage(m)));
    sample(`framings/signalr-${name}.bin`, Buffer.concat(parts), {
      ...websocket,
      format: "signalr-msgpack",
      source: "@microsoft/signalr-protocol-msgpack@10.0.11 MessagePackHubProtocol",
      reader: "signalr-msgpack",
      note: "Each record begins with its length as a varint.",
    });
  }
  const handshake = new HandshakeProtocol().writeHandshakeRequest({ protocol: "json", version: 1 });
  sample("framings/signalr-handshake.txt", handshake, {
    ...websocket,
    format: "signalr",
    source: "@microsoft/signalr@10.0.11 HandshakeProtocol",
    reader: "signalr",
    unchanged: true,
  });
}

// ---- Phoenix ----
{
  const message = (payload) => ({ join_ref: "3", ref: "7", topic: "call:1", event: "signal", payload });
  const entry = { format: "phoenix", source: "phoenix@1.8.16 Serializer" };
  const encoded = (payload) => {
    let result;
    Serializer.encode(message(payload), (data) => (result = data));
    return result;
  };
  const texts = [encoded(description), encoded({ candidate: host })];
  texts.forEach((data, n) =>
    sample(`framings/phoenix-${n}.json`, data, { ...websocket, ...entry, reader: "json" }),
  );
  const bytes = new TextEncoder().encode(json(description)).buffer;
  sample("framings/phoenix-binary.bin", Buffer.from(encoded(bytes)), {
    ...websocket,
    ...entry,
    reader: "none",
    note: "A kind, four sizes of one byte, four strings, and the rest is the payload.",
  });
  sample("framings/phoenix-longpoll.ndjson", texts.join("\n"), {
    ...body,
    ...entry,
    content_type: "application/x-ndjson",
    reader: "ndjson",
    note: "As longpoll.js joins a batch.",
  });
}

// ---- WAMP ----
{
  const { JSONSerializer, MsgpackSerializer, CBORSerializer } = autobahn.serializer;
  for (const [name, serializer, reader] of [
    ["json", new JSONSerializer(), "json"],
    ["msgpack", new MsgpackSerializer(), "msgpack"],
    ["cbor", new CBORSerializer(), "cbor"],
  ]) {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: ([p]) => p });
    await once(server, "listening");
    const sent = [];
    server.on("connection", (socket) =>
      socket.on("message", async (content) => {
        sent.push(content);
        const roles = { broker: {}, dealer: {} };
        if (sent.length === 1) socket.send(await serializer.serialize([2, 1, { roles }]));
      }),
    );
    const connection = new autobahn.Connection({
      url: `ws://127.0.0.1:${server.address().port}`,
      realm: "realm1",
      serializers: [serializer],
    });
    const session = await new Promise((resolve) => {
      connection.onopen = resolve;
      connection.open();
    });
    session.publish("org.example.call.offer", [description], { from: "alice" });
    session.publish("org.example.call.candidate", [host.candidate, host.sdpMid]);
    await pause(300);
    sent.slice(1, 3).forEach((content, n) =>
      sample(`framings/wamp-${name}-${n}.${name === "json" ? "json" : "bin"}`, content, {
        ...websocket,
        subprotocol: serializer.SERIALIZER_ID ? `wamp.2.${serializer.SERIALIZER_ID}` : "wamp.2.json",
        format: "wamp",
        source: "autobahn@22.11.1 Session.publish",
        reader,
      }),
    );
    connection.close();
    server.close();
  }
}

// ---- STOMP ----
{
  const entry = { ...websocket, subprotocol: "v12.stomp", format: "stomp", reader: "stomp" };
  const source = "@stomp/stompjs@7.5.0 FrameImpl.marshall";
  const headers = { destination: "/app/call/1", "content-type": "application/json" };
  const frame = (of) => FrameImpl.marshall({ command: "SEND", escapeHeaderValues: true, ...of });
  sample("framings/stomp-length.txt", frame({ headers: { ...headers }, body: json(description) }), { ...entry, source });
  const bare = frame({ headers: { ...headers }, body: json(host), skipContentLengthHeader: true });
  sample("framings/stomp-no-length.txt", bare, { ...entry, source });
  const binaryBody = new TextEncoder().encode(offer());
  const binary = frame({ headers: { destination: "/app/call/1" }, binaryBody });
  sample("framings/stomp-binary.bin", Buffer.from(binary), { ...entry, source });
}

// ---- MQTT ----
{
  const publish = (of, version) =>
    mqtt.generate({ cmd: "publish", topic: "calls/1/signal", qos: 1, messageId: 10, dup: false, retain: false, ...of }, { protocolVersion: version });
  const entry = { ...websocket, subprotocol: "mqtt", format: "mqtt", reader: "mqtt", source: "mqtt-packet@9.0.2 generate" };
  sample("framings/mqtt4-publish.bin", publish({ payload: json(description) }, 4), entry);
  const five = { payload: json(host), properties: { contentType: "application/json", userProperties: { candidate: host.candidate } } };
  sample("framings/mqtt5-publish.bin", publish(five, 5), { ...entry, reader: "mqtt5", note: "MQTT 5; the candidate is in a user property, too." });
  const bare = publish({ payload: host.candidate, qos: 0 }, 4);
  sample("framings/mqtt4-bare.bin", bare, { ...entry, note: "The payload is the candidate string; topic before it, nothing after it." });
  const several = [mqtt.generate({ cmd: "pingreq" }), bare, publish({ payload: json(description) }, 4), bare];
  sample("framings/mqtt4-several.bin", Buffer.concat(several), { ...entry, note: "Four packets in one message." });
  const tuya = { protocol: 302, data: { header: { type: "candidate", from: "a", to: "b" }, msg: { mode: "webrtc", candidate: `a=${host.candidate}\r\n` } } };
  sample("framings/mqtt4-tuya.bin", publish({ payload: json(tuya) }, 4), { ...entry, note: "The shape of Tuya's cameras, by go2rtc pkg/tuya." });
  const whole = publish({ payload: json(description) }, 4);
  const at = whole.indexOf("192.168.1.20") + 5;
  [whole.subarray(0, at), whole.subarray(at)].forEach((part, n) =>
    sample(`framings/mqtt4-cut-${n}.bin`, part, {
      ...entry,
      reader: "none",
      ...(n === 0 ? { client: [], relays: [] } : {}),
      note: "One packet in two messages of WebSocket, cut inside an address (`192.1` and the rest).",
    }),
  );
}

// ---- GraphQL ----
{
  const query = "mutation Signal($offer: String!) { signal(offer: $offer) { id } }";
  for (const [name, protocol, start] of [
    ["graphql-ws", "graphql-transport-ws", (url) => {
      const client = graphqlClient({ url, webSocketImpl: WebSocket, lazy: false });
      client.subscribe({ query, variables: { offer: offer(), candidate: host } }, { next() {}, error() {}, complete() {} });
      return () => client.dispose();
    }],
    ["subscriptions-transport-ws", "graphql-ws", (url) => {
      const client = new SubscriptionClient(url, { reconnect: false }, WebSocket);
      client.request({ query, variables: { offer: offer(), candidate: host } }).subscribe({ next() {}, error() {} });
      return () => client.close();
    }],
  ]) {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: ([p]) => p });
    await once(server, "listening");
    const sent = [];
    server.on("connection", (socket) =>
      socket.on("message", (content) => {
        sent.push(content);
        if (sent.length === 1) socket.send('{"type":"connection_ack"}');
      }),
    );
    const stop = start(`ws://127.0.0.1:${server.address().port}`);
    await pause(500);
    const content = sent.find((one) => one.includes("candidate"));
    const version = name === "graphql-ws" ? "6.4.2" : "0.11.0";
    sample(`framings/${name}.json`, content, {
      ...websocket,
      subprotocol: protocol,
      format: "graphql",
      source: `${name}@${version}`,
      reader: "json",
    });
    stop();
    server.close();
  }
  const next = { id: "1", type: "next", payload: { data: { signaled: { type: "answer", sdp: answer() } } } };
  sample("framings/graphql-next.json", json(next), {
    kind: "websocket",
    direction: "inbound",
    subprotocol: "graphql-transport-ws",
    format: "graphql",
    source: "by hand, by the protocol text of graphql-ws",
    reader: "json",
  });
}
process.exit(0);
