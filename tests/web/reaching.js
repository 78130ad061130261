/* What a page of another site does to get at a document at this address: by frames, a popup, fetch.
   `spoken` is what the document says to it; `own` is what its own connections are like. */
async (address) => {
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const spoken = [];
  const found = {};
  const policyIn = (realm) => new realm.RTCPeerConnection().getConfiguration().iceTransportPolicy;
  const reach = (name, target) => {
    try {
      found[name] = policyIn(target());
    } catch (error) {
      found[name] = error.name;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => spoken.push(JSON.stringify(data));
    port1.postMessage({ run: { servers: [], relays: [], name: "" } });
    target().postMessage("leaktest", "*", [port2]);
  };
  const framed = async (name, tag, source, set = () => {}) => {
    const made = document.createElement(tag);
    set(made);
    made[source] = address;
    document.body.append(made);
    await pause(400);
    reach(name, () => made.contentWindow ?? window[window.length - 1]);
  };
  await framed("iframe", "iframe", "src");
  await framed("sandboxed", "iframe", "src", (made) => (made.sandbox = "allow-scripts allow-same-origin"));
  await framed("object", "object", "data");
  await framed("embed", "embed", "src");
  const popup = open(address);
  await pause(600);
  reach("popup", () => popup);
  for (const mode of ["cors", "no-cors"]) {
    const text = fetch(address, { mode }).then((response) => response.text());
    found[mode] = await text.then((got) => (got ? "read" : "TypeError"), (error) => error.name);
  }
  await pause(600);
  popup.close();
  return { found, spoken, own: policyIn(window) };
}
