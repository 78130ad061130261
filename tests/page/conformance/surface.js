// What WebIDL makes of the interfaces: classes, their members, and how they look from outside.
"use strict";

const INTERFACES = [
  "RTCPeerConnection",
  "webkitRTCPeerConnection",
  "RTCSessionDescription",
  "RTCIceCandidate",
  "RTCPeerConnectionIceEvent",
  "RTCPeerConnectionIceErrorEvent",
  "RTCCertificate",
  "RTCRtpSender",
  "RTCRtpReceiver",
  "RTCRtpTransceiver",
  "RTCDtlsTransport",
  "RTCIceTransport",
  "RTCTrackEvent",
  "RTCSctpTransport",
  "RTCDataChannel",
  "RTCDataChannelEvent",
  "RTCDTMFSender",
  "RTCDTMFToneChangeEvent",
  "RTCStatsReport",
  "RTCError",
  "RTCErrorEvent",
  "RTCRtpScriptTransform",
  "RTCEncodedVideoFrame",
];
const ownMembers = (holder) =>
  Object.fromEntries(
    Reflect.ownKeys(holder).map((key) => [
      String(key),
      shape(Object.getOwnPropertyDescriptor(holder, key)),
    ]),
  );

check("surface: the interfaces of the window", () =>
  Reflect.ownKeys(window)
    .filter((name) => /RTC/.test(String(name)))
    .sort(),
);
for (const name of INTERFACES) {
  check(`surface: ${name} on the window`, () =>
    shape(Object.getOwnPropertyDescriptor(window, name)),
  );
  check(`surface: members of ${name}`, () => {
    const found = window[name];
    if (!found) return "not there";
    const {prototype} = found;
    return [
      ownMembers(found),
      ownMembers(prototype),
      Object.getPrototypeOf(prototype)[Symbol.toStringTag] ?? "Object",
      Object.getPrototypeOf(found).name,
    ];
  });
}
check("surface: the order of the constructor's members", () => [
  Reflect.ownKeys(RTCPeerConnection).map(String),
  Reflect.ownKeys(RTCPeerConnection.prototype).map(String),
]);
check("surface: an instance", () => {
  const pc = peer();
  const names = [];
  for (const name in pc) names.push(name);
  return [
    Object.keys(pc),
    Reflect.ownKeys(pc),
    names,
    JSON.stringify(pc),
    String(pc),
    Object.prototype.toString.call(pc),
    Object.isExtensible(pc),
  ];
});
check("surface: instanceof and Symbol.hasInstance", () => {
  const pc = peer();
  return [
    pc instanceof RTCPeerConnection,
    pc instanceof EventTarget,
    {} instanceof RTCPeerConnection,
    Object.create(RTCPeerConnection.prototype) instanceof RTCPeerConnection,
    RTCPeerConnection[Symbol.hasInstance](pc),
    Object.hasOwn(RTCPeerConnection, Symbol.hasInstance),
    RTCPeerConnection.prototype.isPrototypeOf(pc),
    null instanceof RTCPeerConnection,
  ];
});
check("surface: the class itself", () => [
  typeof RTCPeerConnection,
  RTCPeerConnection.name,
  RTCPeerConnection.length,
  Object.prototype.toString.call(RTCPeerConnection),
  RTCPeerConnection instanceof Function,
  Object.getPrototypeOf(RTCPeerConnection) === EventTarget,
  Object.getPrototypeOf(RTCPeerConnection.prototype) === EventTarget.prototype,
  RTCPeerConnection.prototype.constructor === RTCPeerConnection,
  peer().constructor === RTCPeerConnection,
  Object.isExtensible(RTCPeerConnection),
  RTCPeerConnection.prototype[Symbol.toStringTag],
  "arguments" in RTCPeerConnection,
  Object.hasOwn(RTCPeerConnection, "caller"),
  RTCPeerConnection[Symbol.species] === undefined,
]);
check("surface: the source text of the class", () =>
  Function.prototype.toString.call(RTCPeerConnection),
);
check("surface: the class made a string", () => `${RTCPeerConnection}`);
check("surface: the source text of setConfiguration", () =>
  Function.prototype.toString.call(RTCPeerConnection.prototype.setConfiguration),
);
check("surface: the source text of all other members", () => {
  const found = {};
  for (const [name, {value, get, set}] of Object.entries(
    Object.getOwnPropertyDescriptors(RTCPeerConnection.prototype),
  )) {
    if (name === "setConfiguration" || name === "constructor") continue;
    for (const part of [value, get, set])
      if (typeof part === "function")
        (found[name] ??= []).push(Function.prototype.toString.call(part));
  }
  return found;
});
check("surface: the source text of functions that put elements in", () =>
  [
    Node.prototype.appendChild,
    Element.prototype.append,
    Element.prototype.insertAdjacentHTML,
    document.write,
    window.open,
    Object.getOwnPropertyDescriptor(Element.prototype, "innerHTML").set,
    Object.getOwnPropertyDescriptor(HTMLIFrameElement.prototype, "contentWindow").get,
  ].map((item) => Function.prototype.toString.call(item)),
);
check("surface: names and lengths of functions that put elements in", () =>
  [
    Node.prototype.appendChild,
    Element.prototype.append,
    Element.prototype.insertAdjacentHTML,
    document.write,
    window.open,
    Object.getOwnPropertyDescriptor(Element.prototype, "innerHTML").set,
    Object.getOwnPropertyDescriptor(HTMLIFrameElement.prototype, "contentWindow").get,
  ].map((item) => [item.name, item.length, "prototype" in item]),
);
check("surface: the prototype property", () =>
  failure(() => {
    RTCPeerConnection.prototype = {};
  }),
);
check("surface: new of its methods", async () => {
  const pc = peer();
  return [
    await failure(() => new pc.createOffer()),
    await failure(() => new pc.setConfiguration()),
    await failure(() => new pc.close()),
    await failure(() => new RTCPeerConnection.generateCertificate()),
  ];
});
check("surface: the class is replaced, deleted, put back", () => {
  const found = Object.getOwnPropertyDescriptor(window, "RTCPeerConnection");
  try {
    window.RTCPeerConnection = 5;
    const replaced = window.RTCPeerConnection;
    const deleted = delete window.RTCPeerConnection;
    return [replaced, deleted, "RTCPeerConnection" in window, typeof peerConstructorOf(found)];
  } finally {
    Object.defineProperty(window, "RTCPeerConnection", found);
  }
});
const peerConstructorOf = (descriptor) => descriptor.value ?? descriptor.get?.call(window);
check("surface: cloning and posting a connection", async () => [
  await failure(() => structuredClone(peer())),
  await failure(() => window.postMessage(peer(), "*")),
  await failure(() => structuredClone({pc: peer()})),
  await failure(() => structuredClone(RTCPeerConnection)),
]);
check("surface: cloning a candidate and a description", async () => [
  await failure(() => structuredClone(new RTCIceCandidate({candidate: "", sdpMid: "0"}))),
  await failure(() => structuredClone(new RTCSessionDescription({type: "offer"}))),
]);
check("surface: as keys of maps, sets, weak references", () => {
  const pc = peer();
  return [
    new Map([[pc, 1]]).get(pc),
    new WeakSet([pc]).has(pc),
    new WeakRef(pc).deref() === pc,
    new Set([RTCPeerConnection, pc.constructor]).size,
  ];
});
check("surface: properties of one's own on a connection", () => {
  const pc = peer();
  pc.mine = 5;
  Object.defineProperty(pc, "signalingState", {value: "mine"});
  Object.freeze(pc);
  return [pc.mine, pc.signalingState, Object.isFrozen(pc)];
});
check("surface: the prototype of a connection is replaced", () => {
  const pc = track(
    Object.setPrototypeOf(new RTCPeerConnection(), {
      __proto__: RTCPeerConnection.prototype,
      mine: 5,
    }),
  );
  return [pc.mine, pc.signalingState, pc instanceof RTCPeerConnection];
});
check("surface: the class in a worker", async () => {
  const url = URL.createObjectURL(new Blob(["postMessage(typeof RTCPeerConnection)"]));
  const worker = new Worker(url);
  endings.push(() => worker.terminate());
  return (await next(worker, "message")).data;
});
check("surface: attributes are read-only", async () => {
  const pc = peer();
  const found = {};
  for (const name of [
    "signalingState",
    "localDescription",
    "connectionState",
    "sctp",
    "canTrickleIceCandidates",
  ])
    found[name] = await failure(() => {
      pc[name] = "mine";
    });
  return found;
});
check("surface: a frozen class works", () => {
  const realm = frame().contentWindow;
  Object.freeze(realm.RTCPeerConnection);
  Object.freeze(realm.RTCPeerConnection.prototype);
  return track(new realm.RTCPeerConnection()).signalingState;
});

// ---- What else of the guard a page can see -----------------------------------------------------

check("traces: frames on the stack while a configuration is read", () => {
  let depth;
  peer({
    get bundlePolicy() {
      depth = new Error().stack.trim().split("\n").length;
    },
  });
  return depth - new Error().stack.trim().split("\n").length;
});
check("traces: the first frame of an error's stack", () => {
  try {
    peer({iceServers: [{urls: "foo:bar"}]});
  } catch (error) {
    return /surface\.js|checks\.js/.test(
      error.stack.split("\n").find((line) => /:\d+:\d+/.test(line)),
    );
  }
});
check("traces: elements of the document", () =>
  [...document.querySelectorAll("*")].map(({localName}) => localName),
);
check("traces: names on the window", () => Reflect.ownKeys(window).map(String).sort());
check("traces: what the page has loaded", () =>
  sorted(
    performance
      .getEntriesByType("resource")
      .filter(({initiatorType}) => initiatorType !== "other")
      .map(({name, initiatorType}) => `${initiatorType} ${new URL(name).pathname}`),
  ),
);
check("traces: storage and cookies", () => [
  localStorage.length,
  sessionStorage.length,
  document.cookie,
  history.length > 0,
  window.name,
]);
check("traces: errors that nobody caught", async () => {
  const log = [];
  const listen = (event) => log.push(event.type);
  for (const type of ["error", "unhandledrejection", "securitypolicyviolation"])
    window.addEventListener(type, listen);
  const {a} = await talk();
  a.setConfiguration({});
  a.close();
  await pause(50);
  for (const type of ["error", "unhandledrejection", "securitypolicyviolation"])
    window.removeEventListener(type, listen);
  return log;
});
