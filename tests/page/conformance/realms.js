// Constructors that a page wraps, as adapters do, and those of other realms.
"use strict";

// ---- Pages that wrap, as adapters do -----------------------------------------------------------

check("wrapping: the constructor by an old-style function", () => {
  const native = window.RTCPeerConnection;
  try {
    window.RTCPeerConnection = function (config, constraints) {
      return new native(config, constraints);
    };
    window.RTCPeerConnection.prototype = native.prototype;
    Object.defineProperty(window.RTCPeerConnection, "generateCertificate", {
      get: () => native.generateCertificate,
    });
    const pc = track(new RTCPeerConnection());
    return [
      pc instanceof RTCPeerConnection,
      pc instanceof native,
      pc.constructor === native,
      typeof RTCPeerConnection.generateCertificate,
    ];
  } finally {
    window.RTCPeerConnection = native;
  }
});
check("wrapping: a method on the prototype", async () => {
  const {createOffer} = RTCPeerConnection.prototype;
  try {
    RTCPeerConnection.prototype.createOffer = function (...args) {
      return createOffer.apply(this, args).then(({type}) => `${type} of mine`);
    };
    return await peer().createOffer();
  } finally {
    RTCPeerConnection.prototype.createOffer = createOffer;
  }
});
check("wrapping: setConfiguration on the prototype", () => {
  const {setConfiguration} = RTCPeerConnection.prototype;
  const log = [];
  try {
    RTCPeerConnection.prototype.setConfiguration = function (config) {
      log.push(config);
      return setConfiguration.call(this, config);
    };
    const pc = peer();
    log.push(typeof pc.setConfiguration({bundlePolicy: "balanced"}));
    return log;
  } finally {
    RTCPeerConnection.prototype.setConfiguration = setConfiguration;
  }
});
check("wrapping: a property added to the constructor", () => {
  RTCPeerConnection.mine = 5;
  try {
    return [
      peer().constructor.mine,
      RTCPeerConnection.prototype.constructor.mine,
      Object.keys(RTCPeerConnection),
    ];
  } finally {
    delete RTCPeerConnection.mine;
  }
});
check("wrapping: a getter on instances of the prototype", () => {
  Object.defineProperty(RTCPeerConnection.prototype, "mine", {
    configurable: true,
    get() {
      return this.signalingState;
    },
  });
  try {
    return peer().mine;
  } finally {
    delete RTCPeerConnection.prototype.mine;
  }
});
check("wrapping: addEventListener on the prototype of all targets", () => {
  const {addEventListener} = EventTarget.prototype;
  const log = [];
  try {
    EventTarget.prototype.addEventListener = function (...args) {
      log.push(args[0]);
      return addEventListener.apply(this, args);
    };
    peer().addEventListener("icecandidate", () => {});
    return log;
  } finally {
    EventTarget.prototype.addEventListener = addEventListener;
  }
});

// ---- Other realms ------------------------------------------------------------------------------

check("realms: a frame's constructor", () => {
  const realm = frame().contentWindow;
  const pc = track(new realm.RTCPeerConnection());
  return [
    pc instanceof realm.RTCPeerConnection,
    pc instanceof RTCPeerConnection,
    pc.constructor === realm.RTCPeerConnection,
    realm.RTCPeerConnection === RTCPeerConnection,
    pc.signalingState,
  ];
});
check("realms: this realm's setConfiguration on a frame's connection", () => {
  const pc = track(new (frame().contentWindow.RTCPeerConnection)());
  RTCPeerConnection.prototype.setConfiguration.call(pc, {bundlePolicy: "balanced"});
  return pc.getConfiguration().bundlePolicy;
});
check("realms: the realm of a TypeError", () => {
  const realm = frame().contentWindow;
  try {
    new realm.RTCPeerConnection(5);
  } catch (error) {
    return [error instanceof TypeError, error instanceof realm.TypeError];
  }
});
check("realms: the realm of an error about a server", () => {
  const realm = frame().contentWindow;
  try {
    new realm.RTCPeerConnection({iceServers: [{urls: "foo:bar"}]});
  } catch (error) {
    return [error.name, error instanceof DOMException, error instanceof realm.DOMException];
  }
});
check("realms: the realm of getConfiguration's answer", () => {
  const realm = frame().contentWindow;
  const found = track(new realm.RTCPeerConnection()).getConfiguration();
  return [
    found instanceof Object,
    found instanceof realm.Object,
    found.iceServers instanceof realm.Array,
  ];
});
check("realms: new.target of another realm without a prototype", () => {
  const realm = frame().contentWindow;
  const Other = new realm.Function();
  Other.prototype = null;
  const pc = track(Reflect.construct(RTCPeerConnection, [], Other));
  return [RTCPeerConnection, realm.RTCPeerConnection].map(
    (item) => Object.getPrototypeOf(pc) === item.prototype,
  );
});
check("realms: the constructor of a frame that was taken out", async () => {
  const element = frame();
  const {RTCPeerConnection: Gone} = element.contentWindow;
  element.remove();
  return failure(() => new Gone());
});
check("realms: connections of two realms talk", async () => {
  const a = peer(),
    b = track(new (frame().contentWindow.RTCPeerConnection)());
  const channel = a.createDataChannel("x");
  await negotiate(a, b);
  await isOpen(channel);
  return b.signalingState;
});
