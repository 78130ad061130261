// Clients of services that run in Node: Kinesis' signaling client against a server of our own.
import { createRequire } from "node:module";
import { once } from "node:events";
import { WebSocketServer, WebSocket } from "ws";
import { offer, ofType, sample } from "./sample.mjs";

const require = createRequire(import.meta.url);
globalThis.WebSocket = WebSocket;
const { SignalingClient, Role } = require("amazon-kinesis-video-streams-webrtc");

const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
await once(server, "listening");
const seen = [];
server.on("connection", (socket) => socket.on("message", (content) => seen.push(content)));
const url = `ws://127.0.0.1:${server.address().port}`;
const client = new SignalingClient({
  role: Role.VIEWER,
  clientId: "viewer",
  channelARN: "arn:aws:kinesisvideo:eu-west-1:123456789012:channel/demo/1",
  channelEndpoint: url,
  region: "eu-west-1",
  requestSigner: { getSignedURL: async () => url },
});
client.open();
await once(client, "open");
const types = ["host", "srflx", "relay"];
client.sendSdpOffer({ type: "offer", sdp: offer() });
for (const type of types) client.sendIceCandidate(ofType(type));
while (seen.length < 4) await new Promise((resolve) => setTimeout(resolve, 50));
const entry = {
  kind: "websocket",
  direction: "outbound",
  format: "kinesis",
  source: "amazon-kinesis-video-streams-webrtc@2.9.0 SignalingClient",
  reader: "json",
  note: "messagePayload is base64 of JSON.",
};
sample("services/kinesis-offer.json", seen[0], { ...entry, clear: offer() });
types.forEach((type, n) =>
  sample(`services/kinesis-candidate-${type}.json`, seen[n + 1], { ...entry, clear: ofType(type).candidate }),
);
client.close();
server.close();
process.exit(0);
