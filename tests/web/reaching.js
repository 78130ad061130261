/* What a page of another site does to get at a document at this address: by frames, a popup, fetch.
   `spoken` is what the document says to it; `own` is what its own connections are like. */
async (address) => {
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const spoken = [];
  const targets = [];
  const found = {};
  const policyIn = (realm) => new realm.RTCPeerConnection().getConfiguration().iceTransportPolicy;
  // Until the window shows something else than the empty document that it begins with, if it will.
  const shown = async (target) => {
    for (let left = 200; left > 0; left--) {
      try {
        const { URL: url, readyState } = target().document;
        if (url !== "about:blank" && readyState === "complete") return;
      } catch {
        return; // of another origin
      }
      await pause(25);
    }
  };
  const reach = async (name, target) => {
    await shown(target);
    try {
      found[name] = policyIn(target());
    } catch (error) {
      found[name] = error.name;
    }
    targets.push(target());
  };
  // As the leak test's page asks its frames.
  const ask = (target) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => spoken.push(JSON.stringify(data));
    port1.postMessage({ run: { servers: [], relays: [], name: "" } });
    target.postMessage("leaktest", "*", [port2]);
  };
  const framed = async (name, tag, source, set = () => {}) => {
    const made = document.createElement(tag);
    set(made);
    made[source] = address;
    document.body.append(made);
    await reach(name, () => made.contentWindow ?? window[window.length - 1]);
  };
  await framed("iframe", "iframe", "src");
  await framed("sandboxed", "iframe", "src", (made) => (made.sandbox = "allow-scripts allow-same-origin"));
  await framed("object", "object", "data");
  await framed("embed", "embed", "src");
  const popup = open(address);
  await reach("popup", () => popup);
  for (const mode of ["cors", "no-cors"]) {
    const text = fetch(address, { mode }).then((response) => response.text());
    found[mode] = await text.then((got) => (got ? "read" : "TypeError"), (error) => error.name);
  }
  await pause(400); // their scripts run by now
  targets.forEach(ask);
  await pause(400);
  popup.close();
  return { found, spoken, own: policyIn(window) };
}
