// The constructor: W3C WebRTC, section 4.4.1, and how WebIDL makes one callable.
"use strict";

for (const [name, args] of [
  ["no argument", []],
  ["undefined", [undefined]],
  ["null", [null]],
  ["an empty object", [{}]],
  ["a function", [() => {}]],
  ["an array", [[]]],
  ["a date", [new Date(0)]],
  ["a regular expression", [/x/]],
  ["an object without prototype", [Object.create(null)]],
  ["a proxy", [new Proxy({}, {})]],
  ["unknown members", [{mine: 1, iceTransports: 3}]],
  ["legacy constraints", [{}, {optional: [{DtlsSrtpKeyAgreement: true}], mandatory: {}}]],
  ["more arguments than it takes", [{}, 1, 2, 3]],
]) {
  check(`constructor: the states after ${name}`, () => members(peer(...args), FIRST));
}

for (const [name, value] of [
  ["a number", 5],
  ["a string", "x"],
  ["a boolean", true],
  ["a symbol", Symbol("x")],
  ["a bigint", 5n],
]) {
  check(`constructor: ${name} as configuration`, () => failure(() => peer(value)));
}

check("constructor: called without new", () => failure(() => RTCPeerConnection({})));
check("constructor: called as a method", () =>
  failure(() => RTCPeerConnection.call(Object.create(RTCPeerConnection.prototype))),
);
check("constructor: applied", () => failure(() => Reflect.apply(RTCPeerConnection, undefined, [])));
check("constructor: called by super in a function", () =>
  failure(() => {
    function Mine() {
      return RTCPeerConnection.apply(this, arguments);
    }
    Mine.prototype = Object.create(RTCPeerConnection.prototype);
    return new Mine();
  }),
);

check("constructor: which members are read", () => {
  const [watched, log] = reading();
  peer(watched);
  return sorted(log);
});
check("constructor: how often members are read", () => {
  const [watched, log] = reading();
  peer(watched);
  return log.length;
});
check("constructor: the order in which members are read", () => {
  const [watched, log] = reading();
  peer(watched);
  return log;
});
check("constructor: which members of a server are read", () => {
  const log = [];
  const server = new Proxy(
    {urls: "stun:127.0.0.1:3999"},
    {
      get(target, name) {
        log.push(String(name));
        return target[name];
      },
    },
  );
  peer({iceServers: [server]});
  return sorted(log);
});
check("constructor: the order in which members of a server are read", () => {
  const log = [];
  const server = new Proxy(
    {urls: "stun:127.0.0.1:3999"},
    {
      get(target, name) {
        log.push(String(name));
        return target[name];
      },
    },
  );
  peer({iceServers: [server]});
  return log;
});
check("constructor: inherited members are read", () => {
  class Configuration {
    get bundlePolicy() {
      return "max-bundle";
    }
  }
  return peer(new Configuration()).getConfiguration().bundlePolicy;
});
check("constructor: members that are not enumerable are read", () => {
  const config = Object.defineProperty({}, "bundlePolicy", {value: "max-bundle"});
  return peer(config).getConfiguration().bundlePolicy;
});
check("constructor: the receiver of an accessor", () => {
  const seen = [];
  const config = {
    get bundlePolicy() {
      seen.push(this === config);
    },
    get iceServers() {
      seen.push(this === config);
    },
  };
  peer(config);
  return seen;
});
check("constructor: what a member throws comes through", () => {
  return [
    "iceServers",
    "iceTransportPolicy",
    "bundlePolicy",
    "certificates",
    "iceCandidatePoolSize",
  ].map((name) => {
    const mine = new Error(name);
    try {
      peer({
        get [name]() {
          throw mine;
        },
      });
    } catch (error) {
      return error === mine;
    }
  });
});
check("constructor: what a server's member throws comes through", () => {
  return ["urls", "username", "credential"].map((name) => {
    const mine = new Error(name);
    try {
      peer({
        iceServers: [
          {
            urls: "stun:127.0.0.1",
            get [name]() {
              throw mine;
            },
          },
        ],
      });
    } catch (error) {
      return error === mine;
    }
  });
});
check("constructor: the first of two wrong members decides", () => {
  const seen = [];
  const config = {
    get bundlePolicy() {
      seen.push("bundlePolicy");
      throw new Error("bundlePolicy");
    },
    get iceServers() {
      seen.push("iceServers");
      throw new Error("iceServers");
    },
  };
  return [message(() => peer(config)), seen];
});
check("constructor: the configuration is left as it was", () => {
  const config = {iceServers: [{urls: "stun:127.0.0.1:3999"}], iceTransportPolicy: "all"};
  Object.freeze(config.iceServers[0]);
  Object.freeze(config.iceServers);
  Object.freeze(config);
  peer(config);
  return config;
});
check("constructor: a configuration changed afterwards changes nothing", () => {
  const config = {bundlePolicy: "max-bundle"};
  const pc = peer(config);
  config.bundlePolicy = "balanced";
  return pc.getConfiguration().bundlePolicy;
});
check("constructor: servers in an iterable that is no array", () =>
  failure(() => peer({iceServers: new Set([{urls: "stun:127.0.0.1"}])})),
);
check("constructor: urls in an iterable that is no array", () =>
  failure(() => peer({iceServers: [{urls: new Set(["stun:127.0.0.1"])}]})),
);
check("constructor: an iterator is closed when a server is wrong", () => {
  const log = [];
  const iceServers = {
    [Symbol.iterator]: () => ({
      next() {
        log.push("next");
        return {value: {urls: "foo:bar"}, done: log.length > 3};
      },
      return() {
        log.push("return");
        return {};
      },
    }),
  };
  return failure(() => peer({iceServers})).then((how) => [how, log]);
});
check("constructor: an urls object becomes a string", () =>
  failure(() => peer({iceServers: [{urls: {toString: () => "stun:127.0.0.1"}}]})),
);

// ---- Subclasses and new.target -----------------------------------------------------------------

check("subclass: an instance", () => {
  class Mine extends RTCPeerConnection {
    field = 1;
    static of = () => "static";
    constructor(config, label) {
      super(config);
      this.label = label;
    }
    createDataChannel(label) {
      return super.createDataChannel(`mine ${label}`);
    }
    get extra() {
      return this.signalingState;
    }
  }
  const pc = track(new Mine({bundlePolicy: "max-bundle"}, "label"));
  return [
    pc instanceof Mine,
    pc instanceof RTCPeerConnection,
    pc.constructor === Mine,
    pc.constructor.name,
    Object.getPrototypeOf(Mine) === RTCPeerConnection,
    Object.getPrototypeOf(Mine.prototype) === RTCPeerConnection.prototype,
    pc.field,
    pc.label,
    pc.extra,
    Mine.of(),
    pc.createDataChannel("x").label,
    typeof Mine.generateCertificate,
    pc.getConfiguration().bundlePolicy,
    Object.keys(pc),
    String(pc),
  ];
});
check("subclass: new.target in the subclass", () => {
  let seen;
  class Mine extends RTCPeerConnection {
    constructor() {
      seen = new.target;
      super();
    }
  }
  track(new Mine());
  return seen === Mine;
});
check("subclass: of a subclass", () => {
  class One extends RTCPeerConnection {}
  class Two extends One {}
  const pc = track(new Two());
  return [pc instanceof One, pc instanceof Two, pc.constructor.name];
});
check("subclass: this before super", () =>
  failure(() => {
    class Mine extends RTCPeerConnection {
      constructor() {
        this.x = 1;
        super();
      }
    }
    return new Mine();
  }),
);
check("subclass: overridden setConfiguration", () => {
  class Mine extends RTCPeerConnection {
    setConfiguration(config) {
      this.asked = Object.keys(config);
      return super.setConfiguration(config);
    }
  }
  const pc = track(new Mine());
  return [pc.setConfiguration({bundlePolicy: "balanced"}), pc.asked];
});
check("subclass: extends the prototype's constructor", () => {
  class Mine extends RTCPeerConnection.prototype.constructor {}
  return track(new Mine()) instanceof RTCPeerConnection;
});
check("new.target: its prototype is taken", () => {
  function Other() {}
  const pc = track(Reflect.construct(RTCPeerConnection, [], Other));
  const state = Object.getOwnPropertyDescriptor(RTCPeerConnection.prototype, "signalingState").get;
  return [pc instanceof Other, pc instanceof RTCPeerConnection, state.call(pc)];
});
check("new.target: without a prototype", () => {
  function Other() {}
  Other.prototype = 5;
  const pc = track(Reflect.construct(RTCPeerConnection, [], Other));
  return Object.getPrototypeOf(pc) === RTCPeerConnection.prototype;
});
check("new.target: when its prototype is read", () => {
  const log = [];
  const Other = new Proxy(function () {}, {
    get(target, name) {
      log.push(String(name));
      return name === "prototype" ? RTCPeerConnection.prototype : target[name];
    },
  });
  track(
    Reflect.construct(
      RTCPeerConnection,
      [
        {
          get bundlePolicy() {
            log.push("config");
          },
        },
      ],
      Other,
    ),
  );
  return log;
});
check("new.target: not a constructor", () =>
  failure(() => Reflect.construct(RTCPeerConnection, [], () => {})),
);
check("new.target: a bound constructor", () => {
  const Bound = RTCPeerConnection.bind(null, {bundlePolicy: "max-bundle"});
  const pc = track(new Bound());
  return [Bound.name, Bound.length, pc instanceof Bound, pc.getConfiguration().bundlePolicy];
});
check("new.target: a page's proxy around the constructor", () => {
  const Mine = new Proxy(RTCPeerConnection, {
    construct: (target, args, newTarget) => Reflect.construct(target, args, newTarget),
  });
  const pc = track(new Mine());
  return [pc instanceof Mine, pc instanceof RTCPeerConnection, Mine.name];
});
