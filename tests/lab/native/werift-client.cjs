// A native client made with werift: one call by WHIP. Usage: node werift-client.cjs NODE_MODULES ORDER
//
// Takes an order as JSON (order.py), prints what came of it as JSON.
"use strict";
const [modules, text] = process.argv.slice(2);
const { RTCPeerConnection } = require(`${modules}/werift`);
const order = JSON.parse(text);
const outcome = { connected: false, error: null, offer: "", answer: "", pair: null };
const GREETING = "hello from a program";
const CANDIDATE_LINE = /a=candidate:[^\r\n]*\r?\n/g;

const SIGNALING_SECONDS = 60;
let hearAnswer;
const answered = new Promise((resolve) => { hearAnswer = resolve; });

const limit = (seconds) =>
  new Promise((_, reject) => setTimeout(() => reject(new Error("too late")), seconds * 1000));

async function exchange(offer) {
  const headers = { "Content-Type": "application/sdp" };
  const answer = await fetch(order.url, { method: "POST", headers, body: offer });
  if (!answer.ok) throw new Error(`the offer was answered by ${answer.status}`);
  return answer.text();
}

async function call(pc) {
  const channel = pc.createDataChannel("native");
  const echoed = new Promise((resolve) => {
    channel.onopen = () => channel.send(GREETING);
    channel.onMessage.subscribe(resolve);
  });
  await pc.setLocalDescription(await pc.createOffer());
  outcome.offer = pc.localDescription.sdp;
  // As order.py does it.
  let offer = outcome.offer.replace(/a=end-of-candidates\r?\n/g, "");
  if (order.silent) offer = offer.replace(CANDIDATE_LINE, "");
  let answer = (outcome.answer = await exchange(offer));
  hearAnswer();
  if (order.remote.length) {
    const lines = order.remote.map((line) => `a=${line}\r\n`).join("");
    answer = answer.replace(CANDIDATE_LINE, "").replace("a=end-of-candidates", `${lines}a=end-of-candidates`);
  }
  await pc.setRemoteDescription({ type: "answer", sdp: answer });
  await echoed;
}

async function main() {
  const iceServers = order.ice_servers.flatMap(({ urls, ...user }) => [urls].flat().map((url) => ({ urls: url, ...user })));
  const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: order.policy, iceUseTcp: true });
  try {
    await Promise.race([call(pc), limit(SIGNALING_SECONDS), answered.then(() => limit(order.limit))]);
    outcome.connected = true;
  } catch (error) {
    outcome.error = `${error.message}: ${error.cause?.message ?? ""}`;
  }
  const pair = pc.iceTransports[0]?.connection?.nominated;
  if (pair) outcome.pair = { local: pair.localCandidate.type, remote: pair.remoteCandidate.type };
  console.log(JSON.stringify(outcome));
  process.exit(0);
}

main();
