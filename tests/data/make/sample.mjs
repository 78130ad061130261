// What every maker stands on: the documentation addresses, the real browser SDP that other makers
// carry as payload, and `sample`, which writes one message with its manifest entry.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const folder = process.env.SAMPLES;
const entries = process.env.ENTRIES;

export const HOST = "192.168.1.20";
export const HOST2 = "10.20.30.40";
export const PUBLIC = "203.0.113.77";
export const V6 = "2001:db8:1::5";
export const ULA = "fd00:aaaa::17";
export const MDNS = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";
export const RELAY = "198.51.100.7";
export const RELAY6 = "2001:db8:feed::9";
const CLIENT = [HOST, HOST2, PUBLIC, V6, ULA];

// Names of the same spelling, for a browser that makes several.
export const mdnsName = (n) =>
  n === 0 ? MDNS : MDNS.replace("105139dfd8bf", `105139dfd8${(0xbf + n).toString(16)}`);

export function clientIn(text) {
  const names = [...new Set(text.match(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.local/g) ?? [])];
  return [...CLIENT.filter((address) => occurs(address, text)), ...names];
}
export const relaysIn = (text) => [RELAY, RELAY6].filter((address) => occurs(address, text));
function occurs(address, text) {
  const plain = address.replaceAll(".", "\\.");
  return new RegExp(`(?<![0-9A-Fa-f:.])${plain}(?![0-9A-Fa-f:]|\\.[0-9])`).test(text);
}

// `clear` is the text in which the addresses are looked for when the content hides them. A list
// given by hand (`client`, `relays`) wins.
export function sample(file, content, { clear, ...entry }) {
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : Buffer.from(content);
  const seen = clear ?? bytes.toString("latin1");
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  const whole = { file, client: clientIn(seen), relays: relaysIn(seen), ...entry };
  appendFileSync(entries, JSON.stringify(whole) + "\n");
}

export function stored(file) {
  const path = join(folder, file);
  if (!existsSync(path)) throw new Error(`${file} is missing: run the browsers' maker first`);
  return readFileSync(path, "utf8");
}

// Payloads of other makers: what Chromium wrote.
export const offer = () => stored("browser/chromium-data-offer.sdp");
export const relayOffer = () => stored("browser/chromium-relay-offer.sdp");
export const answer = () => stored("browser/chromium-data-answer.sdp");
export const avOffer = () => stored("browser/chromium-av-offer.sdp");
export const candidates = () => JSON.parse(stored("browser/chromium-data-candidates.json"));
export const ofType = (type, protocol = "udp") =>
  candidates().find(
    ({ candidate }) => candidate.includes(` typ ${type}`) && candidate.includes(` ${protocol} `),
  );
