// /leaktest: starts the two frames, asks what the network saw, and shows both side by side.
import { compare, isName, scopeOf } from "/static/leaktest/compare.js";

const byId = (id) => document.getElementById(id);
const verdict = byId("verdict");
const form = byId("start");
const facts = JSON.parse(byId("frames").dataset.facts);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const say = (text) => (byId("progress").textContent = text);

const make = (name, text = "", className = "") => {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
};

async function ask(path, content) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

// A frame with one of the two documents, and a way to ask it that nobody else has.
async function open(path, tell) {
  const frame = make("iframe");
  frame.title = "part of the leak test";
  frame.src = path;
  const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
  byId("frames").append(frame);
  await loaded;
  const { port1, port2 } = new MessageChannel();
  const waiting = [];
  port1.onmessage = ({ data }) => {
    if (data.progress) return tell();
    const { resolve, reject } = waiting.shift();
    if (data.error) reject(new Error(data.error));
    else resolve(data.result);
  };
  frame.contentWindow.postMessage("leaktest", location.origin, [port2]);
  const send = (message) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      port1.postMessage(message);
      setTimeout(() => reject(new Error(`the frame ${path} did not answer`)), 60_000);
    });
  return { run: (asked) => send({ run: asked }), signal: (content) => send({ signal: content }) };
}

// What a site's page would send to its server for calls.
const signaling = (side) => {
  const attempts = Object.values(side.attempts);
  return {
    descriptions: attempts.filter(({ description }) => description).map(({ description: sdp }) => ({ type: "offer", sdp })),
    candidates: [...new Set(attempts.flatMap(({ candidates }) => candidates))].map((candidate) => ({ candidate, sdpMid: "0" })),
  };
};

const fragments = (side) => Object.values(side.attempts).map(({ ufrag }) => ufrag).filter(Boolean);

// The responder tells the same packets of a minute as one: a second test waits for the next.
async function quiet() {
  let asked = await ask(facts.seen, {});
  for (let left = Math.ceil(asked.wait); left > 0; left--) {
    say(`Packets were counted in this minute already. The test begins in ${left} s.`);
    await pause(1000);
  }
  if (asked.wait) asked = await ask(facts.seen, {});
  return asked;
}

async function test(withMedia) {
  const { servers } = await ask(facts.begin, {});
  const began = (await quiet()).now;
  const nonce = crypto.getRandomValues(new Uint32Array(2)).reduce((text, n) => text + n.toString(36), "");
  const name = (side) => (facts.names ? `stun.${side}${nonce}.rtcguard.test` : "");
  let done = 0;
  const total = 2 * (facts.ways + Number(withMedia));
  const tell = () => {
    done += 1;
    byId("bar").value = done / total;
    say(`Tried ${done} of ${total} ways.`);
  };
  const asked = { servers, media: withMedia };
  const guarded = await open(facts.after, tell);
  const after = await guarded.run({ ...asked, name: name("a") });
  const between = (await ask(facts.seen, {})).now;
  const plain = await open(facts.before, tell);
  const relays = (after.attempts.host?.servers ?? []).filter(({ username }) => username);
  const before = await plain.run({ ...asked, relays, name: name("b") });
  say("Looking at what the network saw.");
  const content = signaling(before);
  const signaled = {
    before: await plain.signal(content).catch(() => null),
    after: await guarded.signal(content).catch(() => null),
  };
  const network = await saw(began, between, fragments(after), fragments(before), name("a")).catch(() => null);
  return { before, after, signaled, network };
}

// Asked again until nothing more comes: events are written a moment after the packets.
async function saw(began, between, guardedOnes, others, guardedName) {
  let last;
  for (let count = -1; !last || last.events.length > count; ) {
    count = last?.events.length ?? -1;
    if (last) await pause(250);
    last = await ask(facts.seen, { since: began, ufrags: [...guardedOnes, ...others] });
  }
  for (const event of last.events) {
    event.check = event.ufrag !== "";
    if (event.method === "name") event.guarded = event.name === guardedName;
    else if (event.check) event.guarded = guardedOnes.includes(event.ufrag);
    else event.guarded = event.time < between;
  }
  return last;
}

// ---- Showing ---------------------------------------------------------------------------------

const RINGS = { page: "Ring 1, the page guard", signaling: "Ring 2, signaling", network: "Ring 3, the network" };

function showCell(target, { state, found, note }) {
  target.dataset.state = state;
  target.replaceChildren();
  const shown = make("ul", "", "found");
  const names = found.filter(isName);
  for (const address of [...found.filter((one) => !isName(one)), ...names.slice(0, 1)]) {
    const item = make("li");
    const code = make("code", isName(address) ? `${address.slice(0, 8)}….local` : address);
    code.title = address;
    item.append(code, make("span", ` ${scopeOf(address)}`, "quiet"));
    shown.append(item);
  }
  if (names.length > 1) shown.append(make("li", `and ${names.length - 1} more such`, "quiet"));
  if (found.length) target.append(shown);
  const words = { none: "nothing", skipped: "not tried", unclear: "unclear" }[state];
  if (words) target.append(make("span", words, "state"));
  if (note) target.append(make("span", `${words ? ": " : ""}${note}`, "quiet"));
}

function showRows(rows) {
  for (const [name, row] of Object.entries(rows)) {
    const line = document.querySelector(`[data-row="${name}"]`);
    showCell(line.querySelector(".before"), row.before);
    showCell(line.querySelector(".after"), row.after);
    const ring = line.querySelector(".ring");
    ring.dataset.ring = row.ring;
    line.dataset.leaks = row.leaks;
    ring.textContent = RINGS[row.ring] ?? (row.leaks ? "Nothing stopped it" : "—");
  }
}

// Each connection has a name of its own.
const list = (addresses) => {
  const names = addresses.filter(isName).length;
  const all = addresses.filter((one) => !isName(one) && !one.endsWith("x"));
  if (names) all.push(names > 1 ? `${names} .local names for the LAN address` : "a .local name for the LAN address");
  return all.join(", ");
};

function words(result) {
  const { addresses, control, doubts = [] } = result;
  const without = [...new Set(Object.values(result.rows).flatMap(({ before }) => before.found))];
  switch (result.verdict) {
    case "none":
      return ["This browser has no WebRTC: there is nothing to leak by it.", "", []];
    case "green":
      if (!control) {
        return ["Nothing came out, with rtcguard and without.", "This browser keeps its addresses to itself, by its own settings or an extension.", []];
      }
      return ["With rtcguard, this browser tells nobody its addresses.", `Without it, these would have come out: ${list(without)}.`, notes(result)];
    case "red":
      return ["This browser tells its addresses.", `These came out: ${list(addresses)}.`, causes(result)];
    default:
      return [
        "It is unclear whether this browser is safe.",
        doubts.map((doubt) => (doubt.row ? `${titleOf(doubt.row)}: ${doubt.note}.` : doubt)).join(" "),
        ["Reload this page and test once more.", "If it stays so, look at `rtcguard report --site rtcguard.test` on the machine that runs rtcguard."],
      ];
  }
}

const titleOf = (row) => document.querySelector(`[data-row="${row}"] th`).firstChild.textContent.trim();
const notes = ({ rows }) => {
  const made = [];
  made.push("This is true of pages in this browser. Other programs are held only by the firewall (`rtcguard gateway up`).");
  if (!facts.relays) made.push("No relay is configured: pages are safe, but their calls cannot connect. Name a TURN server under `relay.servers`.");
  if (rows.stun.after.state === "skipped") made.push("What the network sees was not tested: no STUN responder can be reached from here. Add an address of this machine to `stun.listen`.");
  return made;
};
function causes({ relayHere }) {
  if (!facts.proxied) return ["This page did not come through rtcguard: it was opened on the site's own port. Set rtcguard as this browser's proxy, then open http://rtcguard.test/leaktest."];
  if (facts.mode === "monitor") return ["`mode: monitor` only records. Set `mode: enforce` in the configuration."];
  if (!facts.guard) return ["The page guard is off. Set `page: {guard: true}` in the configuration."];
  if (relayHere) return ["The relay runs on this machine, so what it relays comes from here: peers see this machine's address. Name a TURN server on another machine under `relay.servers`."];
  return ["Close all windows of this browser, clear its cache, open it again and test once more.", "If it stays so, `rtcguard report --site rtcguard.test` tells what was seen; please report it."];
}

const link = (url) => Object.assign(make("a", url), { href: url });

// `code` in backquotes, as everywhere in rtcguard's own texts, and links.
function rich(text) {
  const made = make("li");
  for (const part of text.split(/(`[^`]+`|http:\S+[^\s.])/)) {
    if (part.startsWith("`")) made.append(make("code", part.slice(1, -1)));
    else if (part.startsWith("http:")) made.append(link(part));
    else made.append(part);
  }
  return made;
}

function show(result) {
  const [headline, why, todo] = words(result);
  byId("verdict-words").textContent = headline;
  byId("verdict-why").textContent = why;
  byId("verdict-todo").replaceChildren(...todo.map(rich));
  showRows(result.rows);
  verdict.dataset.control = result.control;
  verdict.dataset.addresses = result.addresses.join(" ");
  const { rows, addresses, control, doubts } = result;
  byId("json").textContent = JSON.stringify({ verdict: result.verdict, control, addresses, doubts, rows }, null, 1);
  verdict.dataset.verdict = result.verdict; // the last thing: who waits for it finds all else there
}

const button = form.querySelector("button");

async function begin() {
  button.setAttribute("aria-disabled", "true"); // it keeps the keyboard's focus
  byId("bar").hidden = false;
  byId("bar").value = 0;
  verdict.dataset.verdict = "running";
  byId("verdict-words").textContent = "Testing…";
  byId("verdict-why").textContent = "";
  byId("verdict-todo").replaceChildren();
  byId("frames").replaceChildren();
  try {
    show(compare({ ...(await test(byId("media").checked)), facts }));
    say("Done.");
  } catch (error) {
    byId("verdict-words").textContent = "The test did not come to its end.";
    byId("verdict-why").textContent = String(error.message ?? error);
    byId("verdict-todo").replaceChildren(rich("Reload this page and test once more."));
    say("");
    verdict.dataset.verdict = "unclear";
  }
  byId("bar").hidden = true;
  byId("frames").replaceChildren();
  button.removeAttribute("aria-disabled");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!button.hasAttribute("aria-disabled")) begin();
});
button.disabled = false;
if (!isSecureContext) {
  byId("media").disabled = true;
  byId("media-note").replaceChildren("(only at ", link("https://rtcguard.test/leaktest"), ", once the certificate is trusted)");
}

// On the site's own port: browsers send nothing for this machine itself through a proxy, so a test
// here says nothing of a browser that has one.
if (!facts.proxied) {
  const probe = new Image();
  probe.addEventListener("load", () => {
    byId("elsewhere").hidden = false;
    form.hidden = true;
  });
  probe.src = `http://rtcguard.test/probe.svg?${Date.now()}`;
}
