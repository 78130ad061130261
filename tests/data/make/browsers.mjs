// Family 1: what Chromium and Firefox write.
import { readFileSync } from "node:fs";
import { SERVERS, chromium, firefox, origin, serve } from "./browser.mjs";
import { mdnsName, sample } from "./sample.mjs";

const page = readFileSync("pages/peer.js", "utf8");
const server = await serve();

async function inPage(browser, task) {
  const tab = await browser.newPage();
  await tab.goto(`${origin(server)}/`);
  await tab.evaluate(page);
  const text = JSON.stringify(await tab.evaluate((task) => window.call(task), task));
  await tab.close();
  const names = [...new Set(text.match(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.local/g) ?? [])];
  const named = names.reduce((so, name, n) => so.replaceAll(name, mdnsName(n)), text);
  const result = JSON.parse(named);
  if (result.late) console.error("late:", JSON.stringify(task).slice(0, 60));
  return { ...result, renamed: names.length > 0 };
}

function keep(name, source, result) {
  const renamed = result.renamed
    ? { note: "The browser's random .local names are replaced by names of equal spelling." }
    : {};
  const of = { source, direction: "outbound", ...renamed };
  const sdp = { ...of, format: "sdp", kind: "body", content_type: "application/sdp", reader: "none" };
  const json = { ...of, kind: "websocket", reader: "json" };
  sample(`browser/${name}-offer.sdp`, result.offer.sdp, sdp);
  return { sdp, json };
}

async function hidden(name, source, browser) {
  const result = await inPage(browser, { servers: SERVERS });
  const of = keep(`${name}-mdns`, source, result);
  result.candidates.forEach((candidate, n) => {
    if (candidate.candidate.includes(".local"))
      sample(`browser/${name}-mdns-candidate-${n}.json`, JSON.stringify(candidate), {
        ...of.json,
        format: "candidate-init",
      });
  });
}

async function seen(name, source, browser) {
  // A page that may use the microphone gets the host addresses.
  const result = await inPage(browser, { media: true, servers: SERVERS, restart: true });
  const { sdp, json } = keep(`${name}-av`, source, result);
  sample(`browser/${name}-av-answer.sdp`, result.answer.sdp, sdp);
  sample(`browser/${name}-av-early-offer.sdp`, result.early, {
    ...sdp,
    unchanged: true,
    note: "Before gathering: no candidate, and c= and o= name no address of the client.",
  });
  sample(`browser/${name}-av-restart-offer.sdp`, result.restart, sdp);
  sample(`browser/${name}-stats.json`, JSON.stringify(result.stats), {
    ...json,
    format: "getstats",
    kind: "body",
    content_type: "application/json",
  });
  const tab = await browser.newPage();
  await tab.goto(`${origin(server)}/`);
  await tab.evaluate(() => navigator.mediaDevices.getUserMedia({ audio: true }).then(() => {}));
  await tab.evaluate(page);
  const ask = async (task) => {
    const result = await tab.evaluate((task) => window.call(task), task);
    if (result.late) console.error("late:", name, JSON.stringify(task).slice(0, 60));
    return result;
  };
  const data = await ask({ servers: SERVERS });
  sample(`browser/${name}-data-offer.sdp`, data.offer.sdp, sdp);
  sample(`browser/${name}-data-answer.sdp`, data.answer.sdp, sdp);
  sample(`browser/${name}-data-offer.json`, JSON.stringify(data.offer), {
    ...json,
    format: "description-json",
  });
  sample(`browser/${name}-data-offer-inbound.json`, JSON.stringify(data.answer), {
    ...json,
    format: "description-json",
    direction: "inbound",
    note: "The far side's answer, as it comes in: its host and srflx candidates are `client`.",
  });
  sample(`browser/${name}-data-candidates.json`, JSON.stringify(data.candidates), {
    ...json,
    format: "candidate-init",
  });
  data.candidates.forEach((candidate, n) => {
    const type = candidate.candidate.match(/ typ (\w+)/)?.[1] ?? "end";
    const tcp = / tcp /i.test(candidate.candidate) ? "-tcp" : "";
    sample(`browser/${name}-candidate-${n}-${type}${tcp}.json`, JSON.stringify(candidate), {
      ...json,
      format: "candidate-init",
      ...(type === "end" ? { unchanged: true, note: "End of candidates, or of a generation." } : {}),
    });
  });
  const relayed = await ask({ policy: "relay", servers: SERVERS });
  sample(`browser/${name}-relay-offer.sdp`, relayed.offer.sdp, {
    ...sdp,
    note: "iceTransportPolicy relay: raddr is 0.0.0.0 or :: in Chromium, the relay's own address in Firefox.",
  });
  await tab.close();
}

const of = (browser, how) => browser.version().then((version) => `${version}, ${how}`);
const how = "two RTCPeerConnections in a page, coturn as STUN and TURN server";
for (const [name, launch] of [
  ["chromium", chromium],
  ["firefox", firefox],
]) {
  for (const [permitted, capture] of [
    [false, hidden],
    [true, seen],
  ]) {
    const browser = await launch(permitted);
    await capture(name, await of(browser, how), browser);
    await browser.close();
  }
}
server.close();
