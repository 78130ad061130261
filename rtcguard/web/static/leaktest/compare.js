// What the two frames found and what the network saw, as rows of the table and one verdict. Pure.
//
// `before` and `after` are what probe.js gives; `events` are the STUN packets that rtcguard saw,
// each with `guarded`: whether it is the guarded frame's.

const V4 = /(?<![\d.])\d{1,3}(?:\.\d{1,3}){2}\.(?:\d{1,3}|x)(?![\d.])/g; // Chromium's errors have x in the place of the last
const V6 = /(?<![0-9a-fx:.])(?:(?:[0-9a-f]{0,4}|x):){2,7}(?:[0-9a-f]{0,4}|x|\d{1,3}(?:\.\d{1,3}){3})(?![0-9a-fx:.])/gi;
const NOBODY = /^(0\.0\.0\.0|0\.0\.0\.x|255\.255\.255\.255|2[4-5]\d\..*|127\..*|::1?|100::.*|0:0:0:.*)$/;

const unique = (list) => [...new Set(list)];
const told = (list) => unique(list.filter((address) => address && !NOBODY.test(address)));
const inText = (text) => [...(text.match(V4) ?? []), ...(text.match(V6) ?? [])];

export const isName = (address) => address.endsWith(".local");
const isV6 = (address) => address.includes(":");
const isV4 = (address) => !isV6(address) && !isName(address);

// In words, for people.
export function scopeOf(address) {
  if (isName(address)) return "a name in place of the LAN address";
  if (/^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address)) return "LAN address";
  if (/^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(address)) return "the provider's network";
  if (/^(169\.254\.|fe[89ab])/i.test(address)) return "link-local address";
  if (/^f[cd]/i.test(address)) return "LAN address, IPv6";
  return address.includes(":") ? "public IPv6 address" : "public address";
}

// One candidate line in parts; RFC 8839, section 5.1.
function parts(line) {
  const words = line.trim().split(/\s+/);
  const after = (word) => words[words.indexOf(word, 6) + 1] ?? "";
  return {
    address: words[4] ?? "",
    type: after("typ"),
    related: words.includes("raddr", 6) ? after("raddr") : "",
  };
}

// The addresses of relays are not this machine's.
const relaysIn = (found) => [
  ...found.candidates.map(parts).filter(({ type }) => type === "relay").map(({ address }) => address),
  ...found.stats.filter(({ type }) => type === "relay").map(({ address }) => address),
];

const own = (found) => {
  const lines = found.candidates.map(parts);
  const of = (...types) => told(lines.filter(({ type }) => types.includes(type)).map(({ address }) => address));
  const relays = relaysIn(found);
  const free = (list) => told(list).filter((address) => !relays.includes(address));
  return {
    hosts: of("host", "prflx"),
    mapped: of("srflx"),
    related: free(lines.filter(({ type }) => type === "relay").map(({ related }) => related)),
    stats: free(found.stats.flatMap(({ type, address, related }) => (type === "relay" ? [related] : [address, related]))),
    lines: free(found.lines.flatMap(inText)),
    errors: free(found.errors.flatMap(({ address }) => inText(address))),
  };
};

const EMPTY = { candidates: [], stats: [], lines: [], errors: [], urls: [] };
const all = (side) => Object.values(side.attempts);
const merged = (side, name) => unique(all(side).flatMap((found) => own(found)[name]));
const of = (side, way) => own(side.attempts[way] ?? EMPTY);
const everything = (found) => unique(Object.values(own(found)).flat());

const packets = (events, guarded, test) =>
  told(events.filter((event) => event.guarded === guarded && test(event)).map(({ address }) => address));
const ways = {
  stun: ({ method, transport, check }) => method === "Binding" && transport === "udp" && !check,
  "stun-tcp": ({ method, transport, check }) => method === "Binding" && transport === "tcp" && !check,
  turn: ({ method, transport }) => method === "Allocate" && transport === "udp",
  "turn-tcp": ({ method, transport }) => method === "Allocate" && transport === "tcp",
  peer: ({ check }) => check,
  name: ({ method }) => method === "name",
};

// By row: the addresses of one side, and the attempt whose state tells why there are none.
const READ = {
  lan4: (side) => [merged({ attempts: withoutMedia(side) }, "hosts").filter(isV4), "host"],
  lan6: (side) => [merged({ attempts: withoutMedia(side) }, "hosts").filter(isV6), "host"],
  mdns: (side) => [merged(side, "hosts").filter(isName), "host"],
  media: (side) => [of(side, "media").hosts, "media"],
  stun: (side, saw) => [unique([...merged(side, "mapped"), ...saw("stun")]), "stun"],
  "stun-tcp": (side, saw) => [saw("stun-tcp"), "stun-tcp"],
  turn: (side, saw) => [saw("turn"), "turn"],
  "turn-tcp": (side, saw) => [saw("turn-tcp"), "turn-tcp"],
  peer: (side, saw) => [saw("peer"), "peer"],
  name: (side, saw) => [saw("name"), "name"],
  raddr: (side) => [merged(side, "related"), "relay"],
  stats: (side) => [merged(side, "stats"), "host"],
  sdp: (side) => [merged(side, "lines"), "host"],
  errors: (side) => [merged(side, "errors"), "stun"],
  frame: (side) => [everything(side.attempts.frame ?? EMPTY), "frame"],
  srcdoc: (side) => [everything(side.attempts.srcdoc ?? EMPTY), "srcdoc"],
  blank: (side) => [everything(side.attempts.blank ?? EMPTY), "blank"],
  worker: (side) => [[], "worker"],
};
const withoutMedia = (side) =>
  Object.fromEntries(Object.entries(side.attempts).filter(([way]) => way !== "media"));

const cell = (side, row, events, guarded) => {
  if (!side.webrtc) return { state: "none", found: [], note: "no WebRTC here" };
  const [found, way] = READ[row](side, (name) => packets(events, guarded, ways[name]));
  const attempt = side.attempts[way];
  if (found.length) return { state: "told", found, note: "" };
  if (attempt === undefined) return { state: "skipped", found: [], note: "not asked for" };
  if (attempt.state === "skipped") return { state: "skipped", found: [], note: attempt.note };
  if (attempt.inWorker) return { state: "unclear", found: [], note: "there, where no page guard reaches" };
  if (attempt.state === "refused") return { state: "none", found: [], note: refusal(attempt) };
  if (attempt.state === "slow") return { state: "unclear", found: [], note: "it did not come to an end" };
  return { state: "none", found: [], note: "" };
};
const refusal = ({ error }) =>
  error === "NotAllowedError" ? "WebRTC is blocked" : "this browser does not do that";

// What a site's server got of one payload, by what the site said.
const signalCell = (answer) => {
  if (!answer) return { state: "unclear", found: [], note: "it could not be tried" };
  const found = unique(answer.told);
  if (answer.blocked) return { state: "none", found, note: "all of it was blocked" };
  const note = `${found.length ? "" : "nothing of "}${answer.lines} lines with an address`;
  if (!answer.lines) return { state: "skipped", found, note: "there was nothing to send" };
  return { state: found.length ? "told" : "none", found, note };
};

const NETWORK = ["stun", "stun-tcp", "turn", "turn-tcp", "peer"];

// Which ring is the reason that the guarded side is clean where the other is not.
function ringOf(row, before, after, facts) {
  if (before.state !== "told") return "";
  if (after.state === "told") return NETWORK.includes(row) && facts.held ? "network" : "";
  if (row === "signaling") return "signaling";
  return facts.guarded ? "page" : "";
}

// `network` is null where the site could not be asked.
export function compare({ before, after, signaled, network, facts }) {
  const events = network?.events ?? [];
  const rows = Object.fromEntries(
    Object.keys(READ).map((row) => [
      row,
      { before: cell(before, row, events, false), after: cell(after, row, events, true) },
    ]),
  );
  // The responder tells the like packets of a minute once, with the first: here the guarded side's.
  for (const name of NETWORK) {
    const { before, after } = rows[name];
    if (after.state !== "told" || before.state !== "none" || before.note) continue;
    rows[name].before = { state: "unclear", found: [], note: "counted together with those of the other side" };
  }
  rows.signaling = { before: signalCell(signaled.before), after: signalCell(signaled.after) };
  for (const [name, row] of Object.entries(rows)) {
    row.ring = ringOf(name, row.before, row.after, { ...facts, ...network });
    row.leaks = row.after.state === "told" && row.ring !== "network";
  }
  return { rows, relayHere: isRelayHere(rows, after), ...judge(rows, { before, after, network, facts }) };
}

// Whether the peer saw this machine because the relay is on it: what it relays is sent from here.
const isRelayHere = ({ peer }, after) =>
  all(after).flatMap(relaysIn).some((relay) => peer.after.found.includes(relay) || (peer.after.found.length > 0 && /^(127\.|::1$)/.test(relay)));

function judge(rows, { before, after, network, facts }) {
  const leaks = Object.values(rows).filter(({ leaks }) => leaks);
  const addresses = unique(leaks.flatMap(({ after }) => after.found));
  const control = Object.values(rows).some(({ before }) => before.state === "told");
  if (!before.webrtc && !after.webrtc) return { verdict: "none", addresses, control };
  if (leaks.length) return { verdict: "red", addresses, control };
  const doubts = [];
  if (!network) doubts.push("rtcguard could not be asked what its STUN responder saw.");
  else if (facts.guard && after.webrtc && !network.guarded) {
    doubts.push("The page guard did not report in from the guarded frame.");
  }
  for (const [name, row] of Object.entries(rows)) {
    if (row.after.state === "unclear") doubts.push({ row: name, note: row.after.note });
  }
  return { verdict: doubts.length ? "unclear" : "green", addresses, control, doubts };
}
