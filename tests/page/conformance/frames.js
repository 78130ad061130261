// Frames, windows and blobs, behind which other realms are (HTML sections 4.8.5, 7.2, 8.4; File API
// section 8): the guard that enters them must not be felt.
"use strict";

const HERE = location.origin;
// Addresses of blobs are told without their number.
const told = (url) =>
  String(url)
    .replace(/blob:.*/, "blob")
    .replaceAll(HERE, "");
const blobUrl = (text, type = "text/html") => URL.createObjectURL(new Blob([text], {type}));

async function loadedFrame(attributes) {
  const element = document.createElement("iframe");
  endings.push(() => element.remove());
  const loaded = next(element, "load");
  Object.assign(element, attributes);
  document.body.append(element);
  await loaded;
  return element;
}

const look = ({contentWindow, contentDocument}) => {
  if (!contentDocument)
    return [
      contentDocument,
      failureOf(() => contentWindow.document),
      contentWindow.parent === window,
    ];
  const names = ["readyState", "compatMode", "contentType", "characterSet"];
  return [
    told(contentDocument.URL),
    told(contentDocument.baseURI),
    members(contentDocument, names),
    contentDocument.referrer && "referrer",
    contentDocument.documentElement.outerHTML,
    contentWindow.parent === window,
    contentWindow.name,
    contentWindow.opener,
  ];
};
check("frames: at once", () => {
  const element = document.createElement("iframe");
  const before = [element.contentWindow, element.contentDocument];
  document.body.append(element);
  endings.push(() => element.remove());
  return [
    before,
    look(element),
    element.contentWindow === element.contentDocument.defaultView,
    element.contentWindow.frameElement === element,
  ];
});
for (const [name, attributes] of Object.entries({
  "about:blank": {},
  srcdoc: {srcdoc: "<!doctype html><title>x</title><p>hello"},
  "srcdoc without doctype": {srcdoc: "<p>hello"},
  "srcdoc, empty": {srcdoc: ""},
  "a blob without doctype": {src: blobUrl("<p>hello")},
  "a blob": {src: blobUrl("<!doctype html><title>x</title><p>hello")},
  "a blob of text": {src: blobUrl("<p>hello", "text/plain")},
  "a blob of XHTML": {
    src: blobUrl(
      "<html xmlns='http://www.w3.org/1999/xhtml'><body><p>hello</p></body></html>",
      "application/xhtml+xml",
    ),
  },
  "a blob of SVG": {
    src: blobUrl("<svg xmlns='http://www.w3.org/2000/svg'><title>x</title></svg>", "image/svg+xml"),
  },
  "javascript:": {src: "javascript:'<p>hello'"},
  "data:": {src: "data:text/html,<p>hello"},
  "a page of the site": {src: "/checks.js"},
  "a sandbox": {sandbox: "allow-same-origin", srcdoc: "<p>hello"},
  "a closed sandbox": {sandbox: "", srcdoc: "<p>hello"},
  "a name": {name: "called", srcdoc: "<p>hello"},
})) {
  check(`frames: ${name}`, async () => look(await loadedFrame(attributes)));
  check(`frames: attributes of ${name}`, async () => {
    const element = await loadedFrame(attributes);
    return [...element.attributes]
      .map((item) => [item.name, told(item.value)])
      .concat([[element.srcdoc], [told(element.src)]]);
  });
}
check("frames: srcdoc reads back what was written", () => {
  const element = document.createElement("iframe");
  const text = '<!doctype html><html><head></head><body><p title="x">&amp;</p></body></html>';
  element.srcdoc = text;
  const second = document.createElement("iframe");
  second.setAttribute("srcdoc", text);
  return [
    element.srcdoc === text,
    element.getAttribute("srcdoc") === text,
    second.srcdoc === text,
    element.outerHTML === second.outerHTML,
    element.cloneNode().srcdoc === text,
  ];
});
check("frames: how often load comes", async () => {
  const log = [];
  const element = document.createElement("iframe");
  element.onload = () => log.push(told(element.contentDocument.URL));
  document.body.append(element);
  endings.push(() => element.remove());
  log.push("put in");
  await pause(30);
  element.srcdoc = "<p>";
  await next(element, "load");
  const after = next(element, "load");
  element.contentWindow.location.replace("about:blank");
  await after;
  await pause(30);
  return log;
});
check("frames: scripts in srcdoc run in order", async () => {
  window.order = [];
  await loadedFrame({
    srcdoc:
      "<script>parent.order.push([document.readyState, document.scripts.length, document.head.childNodes.length])</" +
      "script><script>parent.order.push('second')</" +
      "script>",
  });
  const seen = window.order;
  delete window.order;
  return seen;
});
check("frames: the first script sees itself first", async () => {
  window.order = [];
  await loadedFrame({
    src: blobUrl(
      "<!doctype html><script>parent.order.push([document.currentScript === document.scripts[0], document.documentElement.outerHTML])</" +
        "script>",
    ),
  });
  const seen = window.order;
  delete window.order;
  return seen;
});
check("frames: a document is written", () => {
  const element = frame();
  const page = element.contentDocument;
  const made = page.open();
  page.write("<!doctype html><title>x</title><p>one", "<p>two");
  page.writeln("<iframe></iframe>");
  page.close();
  return [
    made === page,
    page.documentElement.outerHTML,
    page.compatMode,
    told(page.URL),
    page.defaultView.length,
    page === element.contentDocument,
  ];
});
check("frames: written piece by piece", () => {
  const page = frame().contentDocument;
  page.open();
  for (const letter of "<p id=a>x<iframe></iframe></p>") page.write(letter);
  page.close();
  return [page.body.innerHTML, page.defaultView.length];
});
check("frames: a script that is written runs at once", () => {
  const realm = frame().contentWindow;
  realm.document.write("<script>window.ran = document.scripts.length</" + "script>");
  return [realm.ran, realm.document.documentElement.outerHTML];
});
check("frames: a window stays for the document that comes", async () => {
  const element = document.createElement("iframe");
  element.src = "/checks.js";
  document.body.append(element);
  endings.push(() => element.remove());
  const early = element.contentWindow;
  early.mine = 5;
  await next(element, "load");
  return [early === element.contentWindow, typeof element.contentWindow.mine];
});
check("frames: messages and their source", async () => {
  const element = await loadedFrame({
    srcdoc:
      "<script>addEventListener('message', ({data, source, origin}) => source.postMessage([data, origin], '*'))</" +
      "script>",
  });
  const answer = next(window, "message");
  element.contentWindow.postMessage("x", "*");
  const {data, source, origin} = await answer;
  return [data.map(told), source === element.contentWindow, told(origin)];
});
check("frames: moved ones load anew", async () => {
  const element = await loadedFrame({srcdoc: "<p>"});
  const before = element.contentWindow;
  const again = next(element, "load");
  place().append(element);
  await again;
  return [
    before === element.contentWindow,
    before.closed ?? null,
    element.contentDocument.body.innerHTML,
  ];
});
check("frames: taken out", () => {
  const element = frame();
  const realm = element.contentWindow;
  element.remove();
  return [
    element.contentWindow,
    element.contentDocument,
    realm.closed,
    realm.parent,
    realm.frameElement,
    frames.length,
  ];
});
check("frames: indices and names", () => {
  place("div", "<iframe name=first></iframe><iframe id=second></iframe>");
  return [
    frames.length,
    frames[0] === window.first,
    frames[1] === window.second?.contentWindow,
    "first" in window,
    frames[2] ?? null,
    Object.keys(window).filter((name) => /^\d+$/.test(name)),
  ];
});
check("frames: an XML document", () => {
  const page = document.implementation.createDocument(null, "x");
  return [failureOf(() => page.write("x")), failureOf(() => page.open()), page.defaultView];
});
check("frames: windows that are opened", async () => {
  const opened = window.open("", "door", "popup");
  const seen = [
    opened !== null,
    opened?.opener === window,
    opened?.name,
    told(opened?.document.URL),
    window.open("", "door") === opened,
  ];
  opened?.close();
  return [seen, failureOf(() => window.open("http://[")), window.open.call.length];
});
check("frames: windows without an opener", () => window.open("about:blank", "_blank", "noopener"));
check("frames: getters on the wrong object", () =>
  ["contentWindow", "contentDocument"].map((name) =>
    failureOf(() =>
      Object.getOwnPropertyDescriptor(HTMLIFrameElement.prototype, name).get.call({}),
    ),
  ),
);
check("frames: other origins", async () => {
  const element = await loadedFrame({src: HERE.replace("127.0.0.1", "localhost") + "/checks.js"});
  return [
    element.contentDocument,
    failureOf(() => element.contentWindow.document),
    typeof element.contentWindow.postMessage,
    Object.keys(element.contentWindow).length,
  ];
});

// ---- Blobs and workers -------------------------------------------------------------------------

for (const type of [
  "text/html",
  "TEXT/HTML; charset=utf-8",
  "application/xhtml+xml",
  "image/svg+xml",
  "text/plain",
  "",
  "text/javascript",
]) {
  check(`blobs: what is fetched of ${type || "no type"}`, async () => {
    const blob = new Blob(["<p>", "hello"], {type});
    const url = URL.createObjectURL(blob);
    const response = await fetch(url);
    const text = await response.text();
    URL.revokeObjectURL(url);
    return [
      blob.size,
      blob.type,
      told(url),
      text,
      response.headers.get("content-type"),
      await failure(() => fetch(url)),
    ];
  });
}
check("blobs: wrong arguments", async () => [
  await failure(() => URL.createObjectURL()),
  await failure(() => URL.createObjectURL({})),
  await failure(() => URL.createObjectURL("x")),
  URL.createObjectURL.length,
  URL.createObjectURL.name,
]);
check("blobs: a file keeps its name", async () => {
  const file = new File(["<p>x"], "x.html", {type: "text/html", lastModified: 5});
  URL.createObjectURL(file);
  return [file.name, file.lastModified, await file.text(), String(file)];
});
check("blobs: a worker of one", async () => {
  const worker = new Worker(
    blobUrl("postMessage([typeof RTCPeerConnection, location.protocol])", "text/javascript"),
  );
  endings.push(() => worker.terminate());
  return (await next(worker, "message")).data;
});
check("blobs: an image of one", async () => {
  const image = new Image();
  image.src = blobUrl(
    "<svg xmlns='http://www.w3.org/2000/svg' width='5' height='7'></svg>",
    "image/svg+xml",
  );
  await image.decode();
  return [image.width, image.height];
});
