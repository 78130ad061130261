// Runs in the page, bundled: one function a client, each talking to the recorder at `base`.
import { createConsumer } from "@rails/actioncable";
import { createWebChannelTransport } from "@firebase/webchannel-wrapper/webchannel-blob";
import Tracker from "bittorrent-tracker";
import { initializeApp } from "firebase/app";
import { getDatabase, ref, set } from "firebase/database";
import grpcWeb from "grpc-web";
import { createConnection, createLongLivedTokenAuth } from "home-assistant-js-websocket";
import JsSIP from "jssip";
import { Room } from "livekit-client";
import { createClient, createNewMatrixCall } from "matrix-js-sdk";
import { Peer } from "peerjs";
import SimplePeer from "simple-peer";
import SockJS from "sockjs-client";
import { joinRoom } from "@trystero-p2p/nostr";
import { WebrtcProvider } from "y-webrtc";
import * as Y from "yjs";

const config = (servers) => ({ iceServers: servers });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const socket = (url, protocol) =>
  new Promise((resolve) => {
    const ws = new WebSocket(url, protocol);
    ws.onopen = () => resolve(ws);
  });

export async function jssip({ ws, servers }) {
  const agent = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(`${ws}/jssip`)],
    uri: "sip:alice@example.org",
    register: false,
  });
  agent.start();
  await new Promise((resolve) => agent.on("connected", resolve));
  const session = agent.call("sip:bob@example.org", {
    mediaConstraints: { audio: true, video: false },
    pcConfig: config(servers),
  });
  await pause(6000);
  session.terminate();
}

export async function peerjs({ ws, servers }) {
  const { hostname, port } = new URL(ws);
  const peer = new Peer("alice", { host: hostname, port: +port, path: "/peerjs", config: config(servers) });
  await new Promise((resolve) => peer.on("open", resolve));
  peer.connect("bob");
  await pause(3000);
  peer.destroy();
}

export async function simplepeer({ ws, servers }) {
  const channel = await socket(`${ws}/simplepeer`);
  for (const trickle of [true, false]) {
    const peer = new SimplePeer({ initiator: true, trickle, config: config(servers) });
    peer.on("signal", (signal) => channel.send(JSON.stringify(signal)));
    await pause(3000);
    peer.destroy();
  }
}

export async function livekit({ ws, servers }) {
  // One connection puts its offer into the URL, two send it as a message.
  for (const singlePeerConnection of [true, false]) {
    const room = new Room({ singlePeerConnection });
    const report = (error) => console.log(String(error));
    room.connect(`${ws}/livekit`, "token", { rtcConfig: config(servers) }).catch(report);
    await pause(1500);
    room.localParticipant.setMicrophoneEnabled(true).catch(report);
    await pause(5000);
    room.disconnect();
  }
}

export async function ywebrtc({ ws, servers }) {
  for (const password of [null, "correct horse"]) {
    const name = password ? "secret" : "open";
    const provider = new WebrtcProvider(name, new Y.Doc(), {
      signaling: [`${ws}/ywebrtc`],
      password,
      filterBcConns: false,
      peerOpts: { config: config(servers) },
    });
    await pause(4000);
    provider.destroy();
  }
}

export async function tracker({ ws, servers }) {
  const client = new Tracker({
    infoHash: "bee1c3a2d5f60718293a4b5c6d7e8f9001020304",
    peerId: "2d5757303030302da1b2c3d4e5f60718293a4b5c",
    announce: [`${ws}/tracker`],
    rtcConfig: config(servers),
  });
  client.on("error", (error) => console.log("tracker", String(error)));
  client.start({ numwant: 2 });
  await pause(8000);
  client.destroy();
}

export async function actioncable({ ws, offer, candidate }) {
  const consumer = createConsumer(`${ws}/actioncable`);
  const subscription = consumer.subscriptions.create({ channel: "SignalingChannel", room: "1" });
  await pause(1000);
  subscription.perform("signal", { type: "offer", sdp: offer });
  subscription.perform("signal", { candidate });
  await pause(500);
  consumer.disconnect();
}

export async function sockjs({ http, offer, candidate }) {
  for (const transports of [["websocket"], ["xhr-polling"]]) {
    const channel = new SockJS(`${http}/sockjs`, null, { transports });
    await Promise.race([new Promise((resolve) => (channel.onopen = resolve)), pause(2000)]);
    channel.send(JSON.stringify({ type: "offer", sdp: offer }));
    channel.send(JSON.stringify(candidate));
    await pause(1000);
    channel.close();
  }
}

export async function homeassistant({ http, offer, candidate }) {
  const auth = createLongLivedTokenAuth(`${http}/homeassistant`, "token");
  const connection = await createConnection({ auth });
  const entity_id = "camera.door";
  connection.sendMessage({ type: "camera/webrtc/get_client_config", entity_id });
  connection.sendMessage({ type: "camera/webrtc/offer", entity_id, offer });
  connection.sendMessage({ type: "camera/webrtc/candidate", entity_id, session_id: "01JB", candidate });
  await pause(500);
  connection.close();
}

export async function matrix({ http, servers }) {
  const client = createClient({
    baseUrl: `${http}/matrix`,
    userId: "@alice:example.org",
    deviceId: "ALICE",
    accessToken: "token",
    fallbackICEServerAllowed: false,
  });
  client.getTurnServers = () => servers;
  client.checkTurnServers = async () => true;
  const call = createNewMatrixCall(client, "!room:example.org");
  call.on("error", (error) => console.log("matrix", String(error)));
  await call.placeVoiceCall();
  await pause(8000);
  call.hangup("user_hangup", false);
}

export async function webchannel({ http, offer, candidate }) {
  const transport = createWebChannelTransport();
  for (const fastHandshake of [true, false]) {
    const channel = transport.createWebChannel(`${http}/webchannel`, {
      messageHeaders: { "X-Goog-Api-Client": "gl-js/ fire/12" },
      initMessageHeaders: {},
      sendRawJson: true,
      encodeInitMessageHeaders: true,
      fastHandshake,
      supportsCrossDomainXhr: true,
    });
    const string = (stringValue) => ({ stringValue });
    const update = (name, fields) => channel.send({ writes: [{ update: { name, fields } }] });
    channel.open();
    channel.send({ database: "projects/p/databases/(default)" });
    update("calls/1", { type: string("offer"), offer: string(offer) });
    update("calls/1/c", { c: string(candidate.candidate) });
    await pause(2000);
    channel.close();
  }
}

export async function firebase({ http, offer, candidate }) {
  const { host } = new URL(http);
  const app = initializeApp({ databaseURL: `${http}/?ns=demo`, projectId: "demo" });
  const database = getDatabase(app, `http://${host}/?ns=demo`);
  set(ref(database, "calls/1/candidate"), JSON.stringify(candidate));
  set(ref(database, "calls/1/offer"), { type: "offer", sdp: offer });
  // One that is cut into segments of 16384 characters, a candidate before and after the cut.
  const list = Array.from({ length: 140 }, () => candidate);
  set(ref(database, "calls/1/many"), list);
  await pause(3000);
}

export async function multipart({ http, offer }) {
  const form = new FormData();
  form.append("sdp", offer);
  form.append("session", JSON.stringify({ type: "realtime", model: "gpt-realtime" }));
  await fetch(`${http}/multipart`, { method: "POST", body: form });
  const blob = new FormData();
  blob.append("offer", new Blob([offer], { type: "application/sdp" }), "offer.sdp");
  await fetch(`${http}/multipart`, { method: "POST", body: blob });
}

export async function form({ http, offer, candidate }) {
  const post = (body) => fetch(`${http}/form`, { method: "POST", body });
  await post(new URLSearchParams({ data: btoa(offer) }));
  await post(new URLSearchParams({ type: "offer", sdp: offer }));
  await post(new URLSearchParams({ candidate: JSON.stringify(candidate) }));
  await post(new URLSearchParams({ data: btoa(JSON.stringify({ type: "offer", sdp: offer })) }));
  await fetch(`${http}/form?candidate=${encodeURIComponent(candidate.candidate)}`);
  await fetch(`${http}/form?offer=${encodeURIComponent(btoa(offer))}`);
}

export async function grpcweb({ http, offer, candidate }) {
  const writeString = (field, text) => {
    const bytes = new TextEncoder().encode(text);
    const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
    return [(field << 3) | 2, ...length, ...bytes];
  };
  const serialize = ({ sdp, candidate }) =>
    new Uint8Array([...writeString(1, sdp), ...writeString(4, candidate), ...writeString(5, "alice")]);
  const { MethodDescriptor, MethodType, GrpcWebClientBase } = grpcWeb;
  const of = new MethodDescriptor("/signal.Signal/Offer", MethodType.UNARY, Object, Object, serialize, () => ({}));
  for (const format of ["text", "binary"]) {
    const client = new GrpcWebClientBase({ format });
    client.rpcCall(`${http}/grpcweb/signal.Signal/Offer`, { sdp: offer, candidate: candidate.candidate }, {}, of, () => {});
    await pause(500);
  }
}

export async function trystero({ ws, servers, host }) {
  const room = joinRoom(
    { appId: "samples", relayConfig: { urls: [`${ws}/trystero`] }, rtcConfig: config(servers) },
    "room",
  );
  room.onPeerJoin = () => console.log("trystero joined", host);
  await pause(12000);
  room.leave();
}
