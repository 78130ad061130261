// Ways around the page guard. A classic script that defines `globalThis.WAYS`: name -> function of a
// configuration `ice` (e.g. `{ iceServers: [{ urls: "stun:..." }] }`), which tries to get a connection
// that is not relay-only, and returns a promise of the RTCPeerConnection that it made with `ice`.
//
// - Each way wants a page of its own (HTML, with a body), in which nothing else has been done, and
//   beside it on the same site `/plain`, any HTML page, sent as all others are (with the guard, or without).
//   Popups must be allowed.
// - Where the connection is made in a document of an opaque origin, an `Adapter` comes back: as much
//   of RTCPeerConnection as it takes to gather candidates, at the other end of a message channel.
// - What a browser lacks is an Error that begins with `not here:`. Every other error, and a promise
//   that is never settled, means that the way led nowhere.
(() => {
  const WAYS = {};
  globalThis.WAYS = WAYS;

  const notHere = (what) => {
    throw new Error(`not here: ${what}`);
  };
  const FIREFOX = "mozInnerScreenX" in window;
  const needs = (holder, member) => {
    if (!(member in holder)) notHere(member);
  };

  // ---- Tools -----------------------------------------------------------------------------------

  const PLAIN = new URL("/plain", location.href).href;
  const XHTML = "http://www.w3.org/1999/xhtml";
  const element = (name, members = {}) => Object.assign(document.createElement(name), members);
  const frame = (members) => element("iframe", members);
  const put = (node) => (document.body.append(node), node);
  const last = () => window[window.length - 1];
  const make = (realm, ice) => new realm.RTCPeerConnection(ice);
  const script = (text) => `<script>${text}</` + "script>";
  const blobUrl = (text, type) => URL.createObjectURL(new Blob([text], type === undefined ? {} : { type }));
  const dataUrl = (type, text) => `data:${type},${encodeURIComponent(text)}`;
  const xhtml = (inside) => `<html xmlns="${XHTML}"><head><title>x</title></head><body>${inside}</body></html>`;
  const svg = (inside) =>
    `<svg xmlns="http://www.w3.org/2000/svg"><script xmlns="${XHTML}">${inside}</` + "script></svg>";
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  const loaded = (node) => new Promise((resolve) => node.addEventListener("load", resolve, { once: true }));
  const opened = (url, ...rest) => {
    const popup = window.open(url, ...rest);
    if (!popup) throw new Error("the popup was refused");
    return popup;
  };

  // What a script elsewhere of the same origin says to hand in its constructor.
  const HAND = "(window.opener||top).take(window.RTCPeerConnection)";
  const handed = async (ice, start) => {
    const Taken = await new Promise((resolve, reject) => {
      window.take = resolve;
      Promise.resolve(start()).catch(reject);
    });
    return new Taken(ice);
  };

  // The other end of an Adapter, to be run where only messages come out. Neither `<` nor `&` in it,
  // so that it can stand in XML.
  const agent = (ice) => `(${serve})(${JSON.stringify(ice)})`;
  const serve = (ice) => {
    const out = (message, ports) => (window.opener || top).postMessage(message, "*", ports);
    let pc;
    try {
      pc = new RTCPeerConnection(ice);
    } catch (error) {
      out({ adapter: "failed", error: String(error) }, []);
      return;
    }
    const plain = (value) => (value === undefined ? null : JSON.parse(JSON.stringify(value)));
    const state = () => ({
      configuration: plain(pc.getConfiguration()),
      localDescription: plain(pc.localDescription),
      iceGatheringState: pc.iceGatheringState,
      connectionState: pc.connectionState,
    });
    const { port1, port2 } = new MessageChannel();
    const tell = (type, more) => port1.postMessage({ type, state: state(), ...more });
    pc.onicecandidate = ({ candidate }) => tell("icecandidate", { candidate: plain(candidate) });
    pc.onicegatheringstatechange = () => tell("icegatheringstatechange");
    port1.onmessage = async ({ data: { id, name, given } }) => {
      try {
        const result = await pc[name](...given);
        const value = name === "getStats" ? [...result] : name === "createDataChannel" ? null : plain(result);
        tell("done", { id, value });
      } catch (error) {
        tell("done", { id, error: String(error) });
      }
    };
    out({ adapter: "made", state: state() }, [port2]);
  };

  class Adapter extends EventTarget {
    #port;
    #state;
    #calls = new Map();
    onicecandidate = null;
    onicegatheringstatechange = null;

    constructor(port, state) {
      super();
      this.#state = state;
      this.#port = port;
      port.onmessage = ({ data }) => {
        this.#state = data.state;
        if (data.type === "done") {
          const { resolve, reject } = this.#calls.get(data.id);
          if (data.error) reject(new Error(data.error));
          else resolve(data.value);
          return;
        }
        const event = Object.assign(new Event(data.type), { candidate: data.candidate });
        this[`on${data.type}`]?.(event);
        this.dispatchEvent(event);
      };
    }
    #call(name, ...given) {
      const id = this.#calls.size;
      this.#port.postMessage({ id, name, given });
      return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }));
    }
    getConfiguration() {
      return this.#state.configuration;
    }
    get localDescription() {
      return this.#state.localDescription;
    }
    get iceGatheringState() {
      return this.#state.iceGatheringState;
    }
    get connectionState() {
      return this.#state.connectionState;
    }
    createDataChannel(label) {
      this.#call("createDataChannel", label);
      return { label };
    }
    createOffer() {
      return this.#call("createOffer");
    }
    createAnswer() {
      return this.#call("createAnswer");
    }
    setLocalDescription(...given) {
      return this.#call("setLocalDescription", ...given);
    }
    setRemoteDescription(description) {
      return this.#call("setRemoteDescription", { type: description.type, sdp: description.sdp });
    }
    addIceCandidate(candidate) {
      return this.#call("addIceCandidate", candidate?.toJSON ? candidate.toJSON() : candidate);
    }
    async getStats() {
      return new Map(await this.#call("getStats"));
    }
    close() {
      this.#call("close");
    }
  }

  const adapted = (start) =>
    new Promise((resolve, reject) => {
      window.addEventListener("message", ({ data, ports }) => {
        if (data?.adapter === "made") resolve(new Adapter(ports[0], data.state));
        if (data?.adapter === "failed") reject(new Error(data.error));
      });
      Promise.resolve(start()).catch(reject);
    });

  // ---- Configurations --------------------------------------------------------------------------

  const all = (ice) => ({ ...ice, iceTransportPolicy: "all" });
  const url = (ice) => [ice.iceServers[0].urls].flat()[0];
  // Changes something that everyone shares, and puts it back.
  const meanwhile = (change, restore, act) => {
    try {
      change();
      return act();
    } finally {
      restore();
    }
  };

  Object.assign(WAYS, {
    constructor: (ice) => new RTCPeerConnection(ice),
    "policy all": (ice) => new RTCPeerConnection(all(ice)),
    "accessors that change their answer": (ice) => {
      let policies = 0;
      let lists = 0;
      return new RTCPeerConnection({
        get iceTransportPolicy() {
          return policies++ ? "relay" : "all";
        },
        get iceServers() {
          return lists++ ? [] : ice.iceServers;
        },
      });
    },
    "accessors that answer otherwise the second time": (ice) => {
      let policies = 0;
      let lists = 0;
      return new RTCPeerConnection({
        get iceTransportPolicy() {
          return policies++ ? "all" : location.hash === "#" ? "all" : undefined;
        },
        get iceServers() {
          return lists++ ? ice.iceServers : [...ice.iceServers];
        },
      });
    },
    "inherited accessors": (ice) =>
      new RTCPeerConnection(
        new (class {
          get iceTransportPolicy() {
            return "all";
          }
          get iceServers() {
            return ice.iceServers;
          }
        })(),
      ),
    "proxy as configuration": (ice) => {
      let asked = 0;
      const get = (_, name) => (name === "iceTransportPolicy" ? (asked++ ? "relay" : "all") : ice[name]);
      return new RTCPeerConnection(new Proxy({}, { get }));
    },
    "function as configuration": (ice) => new RTCPeerConnection(Object.assign(() => {}, all(ice))),
    "iterable of servers": (ice) =>
      new RTCPeerConnection({
        iceServers: {
          *[Symbol.iterator]() {
            yield* ice.iceServers;
          },
        },
      }),
    "iterable of urls": (ice) =>
      new RTCPeerConnection({
        iceServers: [
          {
            urls: {
              *[Symbol.iterator]() {
                yield url(ice);
              },
            },
          },
        ],
      }),
    "URLs that change their string": (ice) => {
      let asked = 0;
      const urls = { toString: () => (asked++ ? "stun:192.0.2.1" : url(ice)) };
      return new RTCPeerConnection({ iceServers: [{ urls }] });
    },
    "url and urls": (ice) => new RTCPeerConnection({ iceServers: [{ url: url(ice), urls: [url(ice)] }] }),
    "spelling of the scheme": (ice) =>
      new RTCPeerConnection({ iceServers: [{ urls: url(ice).replace(/^[a-z]+/, (s) => s.toUpperCase()) }] }),
    "a TURN server at the same place": (ice) => {
      const urls = url(ice).replace(/^stuns?:/, "turn:");
      return new RTCPeerConnection({ iceServers: [...ice.iceServers, { urls, username: "u", credential: "c" }] });
    },
    "STUN in a list of TURN servers": (ice) => {
      const urls = [url(ice).replace(/^stuns?:/, "turn:"), url(ice)];
      return new RTCPeerConnection({ iceServers: [{ urls, username: "u", credential: "c" }] });
    },
    "list changed while it is read": (ice) => {
      const iceServers = [];
      return new RTCPeerConnection({
        get bundlePolicy() {
          iceServers.push(...ice.iceServers);
          return "balanced";
        },
        iceServers,
        get iceTransportPolicy() {
          iceServers.push(...ice.iceServers);
          return "all";
        },
      });
    },
    "list changed afterwards": (ice) => {
      const config = { iceServers: [], iceTransportPolicy: "relay" };
      const pc = new RTCPeerConnection(config);
      config.iceServers.push(...ice.iceServers);
      config.iceTransportPolicy = "all";
      pc.setConfiguration(config);
      return pc;
    },
    "a getter that makes a connection": (ice) => {
      let inner;
      new RTCPeerConnection({
        get iceServers() {
          inner = new RTCPeerConnection(ice);
          return [];
        },
      }).close();
      return inner;
    },
    "old iceTransports": (ice) => new RTCPeerConnection({ ...ice, iceTransports: "all" }),
    "setConfiguration of nothing": (ice) => {
      const pc = new RTCPeerConnection({ iceTransportPolicy: "relay" });
      pc.setConfiguration({});
      pc.setConfiguration(ice);
      return pc;
    },
    "setConfiguration with policy all": (ice) => {
      const pc = new RTCPeerConnection({ iceTransportPolicy: "relay" });
      pc.setConfiguration(all(ice));
      return pc;
    },
    "setConfiguration without a prototype's help": (ice) => {
      const pc = new RTCPeerConnection({ iceTransportPolicy: "relay" });
      Reflect.apply(RTCPeerConnection.prototype.setConfiguration, pc, [all(ice)]);
      return pc;
    },
    "setConfiguration of another realm": (ice) => {
      const pc = new RTCPeerConnection({ iceTransportPolicy: "relay" });
      put(frame());
      last().RTCPeerConnection.prototype.setConfiguration.call(pc, all(ice));
      return pc;
    },
    "getConfiguration fed back": (ice) => {
      const pc = new RTCPeerConnection(ice);
      const config = pc.getConfiguration();
      config.iceTransportPolicy = "all";
      config.iceServers = [...config.iceServers, ...ice.iceServers];
      pc.setConfiguration(config);
      return pc;
    },
    "polluted Object.prototype": (ice) => {
      const pollution = {
        iceTransportPolicy: "all",
        iceServers: ice.iceServers,
        get: (_, name) => all(ice)[name],
        construct: (Made) => Reflect.construct(Made, [all(ice)]),
        apply: (method, self) => Reflect.apply(method, self, [all(ice)]),
      };
      return meanwhile(
        () => Object.assign(Object.prototype, pollution),
        () => Object.keys(pollution).forEach((name) => delete Object.prototype[name]),
        () => new RTCPeerConnection({}),
      );
    },
    "array iterator replaced": (ice) => {
      const old = Array.prototype[Symbol.iterator];
      return meanwhile(
        () => {
          Array.prototype[Symbol.iterator] = function () {
            const rest = old.call(this.length || this === ice.iceServers ? this : ice.iceServers);
            return { next: () => rest.next() };
          };
        },
        () => {
          Array.prototype[Symbol.iterator] = old;
        },
        () => new RTCPeerConnection({ iceServers: [ice.iceServers[0]], iceTransportPolicy: "all" }),
      );
    },
    "setter on Array.prototype": (ice) =>
      meanwhile(
        () => Object.defineProperty(Array.prototype, "0", { configurable: true, set() {}, get: () => all(ice) }),
        () => delete Array.prototype[0],
        () => new RTCPeerConnection(ice),
      ),
    "Reflect and RegExp replaced": (ice) => {
      const reflect = Object.getOwnPropertyDescriptors(Reflect);
      const exec = RegExp.prototype.exec;
      return meanwhile(
        () => {
          Reflect.construct = (Made) => new Made(all(ice));
          Reflect.apply = () => null;
          RegExp.prototype.exec = () => null;
        },
        () => {
          Object.defineProperties(Reflect, reflect);
          RegExp.prototype.exec = exec;
        },
        () => new RTCPeerConnection(ice),
      );
    },
  });

  // ---- Constructors ----------------------------------------------------------------------------

  Object.assign(WAYS, {
    "prefixed constructor": (ice) => {
      const Prefixed = window.webkitRTCPeerConnection || window.mozRTCPeerConnection;
      return Prefixed ? new Prefixed(ice) : notHere("a prefixed RTCPeerConnection");
    },
    "constructor of an instance": (ice) => new (new RTCPeerConnection().constructor)(ice),
    "constructor of the prototype": (ice) => new RTCPeerConnection.prototype.constructor(ice),
    "constructor of an instance's prototype": (ice) =>
      new (Object.getPrototypeOf(new RTCPeerConnection()).constructor)(ice),
    "the property's value": (ice) =>
      new (Object.getOwnPropertyDescriptor(window, "RTCPeerConnection").value)(ice),
    subclass: (ice) => new (class extends RTCPeerConnection {})(ice),
    "subclass whose base is exchanged": (ice) => {
      class Sub extends EventTarget {
        constructor(config) {
          super(config);
        }
      }
      Object.setPrototypeOf(Sub, RTCPeerConnection);
      Object.setPrototypeOf(Sub.prototype, RTCPeerConnection.prototype);
      return new Sub(all(ice));
    },
    "old-style wrapper": (ice) => {
      const Native = RTCPeerConnection;
      window.RTCPeerConnection = function (config) {
        return new Native(config);
      };
      window.RTCPeerConnection.prototype = Native.prototype;
      return new RTCPeerConnection(ice);
    },
    "Reflect.construct": (ice) =>
      Object.setPrototypeOf(
        Reflect.construct(RTCPeerConnection, [ice], class Other {}),
        RTCPeerConnection.prototype,
      ),
    "Reflect.construct with a new.target of another realm": (ice) => {
      put(frame());
      const pc = Reflect.construct(RTCPeerConnection, [ice], last().Function());
      return Object.setPrototypeOf(pc, RTCPeerConnection.prototype);
    },
    "new.target that a getter changes": (ice) => {
      const target = function () {}.bind();
      Object.defineProperty(target, "prototype", {
        get() {
          ice.iceTransportPolicy = "all";
          return RTCPeerConnection.prototype;
        },
      });
      return Reflect.construct(RTCPeerConnection, [ice], target);
    },
    bound: (ice) => new (RTCPeerConnection.bind(null, ice))(),
    "proxy around it": (ice) => new (new Proxy(RTCPeerConnection, {}))(ice),
    "deleted and found again": (ice) => {
      const Kept = RTCPeerConnection;
      delete window.RTCPeerConnection;
      return new (window.RTCPeerConnection || Kept)(ice);
    },
    "defined anew": (ice) => {
      const { constructor } = RTCPeerConnection.prototype;
      Object.defineProperty(window, "RTCPeerConnection", { configurable: true, writable: true, value: constructor });
      return new RTCPeerConnection(ice);
    },
    "frozen and sealed": (ice) => {
      Object.freeze(RTCPeerConnection.prototype);
      Object.freeze(RTCPeerConnection);
      Object.freeze(Node.prototype);
      Object.freeze(HTMLIFrameElement.prototype);
      put(frame());
      return make(last(), ice);
    },
    "functions on the stack": (ice) => {
      const found = [];
      if (FIREFOX) notHere("functions in a stack trace");
      const old = Error.prepareStackTrace;
      return meanwhile(
        () => {
          Error.prepareStackTrace = (_, sites) => sites;
        },
        () => {
          Error.prepareStackTrace = old;
        },
        () => {
          const config = {
            get iceServers() {
              for (const site of new Error().stack) found.push(site.getFunction(), site.getThis());
              return ice.iceServers;
            },
          };
          const pc = new RTCPeerConnection(config);
          const Native = found.find((one) => typeof one === "function" && one.name === "RTCPeerConnection");
          return Native ? new Native(ice) : pc;
        },
      );
    },
    "functions by their caller": (ice) => {
      const found = [];
      const config = Object.defineProperty({ iceTransportPolicy: "all" }, "iceServers", {
        get: function getter() {
          try {
            for (let caller = getter.caller; caller; caller = caller.caller) {
              found.push(caller, ...caller.arguments);
            }
          } catch {
            // A strict function, which tells nothing.
          }
          return ice.iceServers;
        },
      });
      const pc = new RTCPeerConnection(config);
      const Native = found.find((one) => typeof one === "function" && one.name === "RTCPeerConnection");
      return Native ? new Native(ice) : pc;
    },
    "the stack is full when a connection is made": (ice) => {
      let pc;
      let tried = 0;
      const dive = (depth) => {
        try {
          dive(depth + 1);
        } catch {
          // Deep down each frame tries in turn, from the one with the least room upwards.
        }
        if (pc || tried > 300) return;
        try {
          tried++;
          pc = new RTCPeerConnection(ice);
        } catch {
          // No room yet.
        }
      };
      dive(0);
      return pc || new RTCPeerConnection(ice);
    },
    "the stack is full when a frame is put in": (ice) => {
      let Found;
      let tried = 0;
      const dive = (depth) => {
        try {
          dive(depth + 1);
        } catch {
          // As above.
        }
        if (Found || tried > 400) return;
        try {
          tried++;
          const f = document.createElement("iframe");
          document.body.appendChild(f);
          Found = window[window.length - 1].RTCPeerConnection;
        } catch {
          // No room yet.
        }
      };
      dive(0);
      if (!Found) put(frame());
      return new (Found || last().RTCPeerConnection)(ice);
    },
  });

  // ---- Windows that are there at once ----------------------------------------------------------

  const at = (act) => (ice) => make(act() || last(), ice);
  Object.assign(WAYS, {
    contentWindow: at(() => put(frame()).contentWindow),
    contentDocument: at(() => put(frame()).contentDocument.defaultView),
    "frames by index": at(() => void put(frame())),
    "frames by name": at(() => (put(frame({ name: "named" })), window.named)),
    "document by name": at(() => {
      put(frame({ name: "named" }));
      return document.named.RTCPeerConnection ? document.named : last();
    }),
    "name given later": at(() => {
      put(frame()).name = "later";
      return window.open("", "later");
    }),
    "open of a frame's name": at(() => (put(frame({ name: "named" })), window.open("", "named"))),
    "parent of a grandchild": at(() => {
      const inner = put(frame()).contentDocument;
      inner.body.innerHTML = "<iframe></iframe>";
      return inner.querySelector("iframe").contentWindow.parent;
    }),
    "a function of the frame": (ice) => {
      const { Function: Made } = put(frame()).contentWindow;
      return Made("ice", "return new RTCPeerConnection(ice)")(ice);
    },
    "a string evaluated in the frame": (ice) => put(frame()).contentWindow.eval("RTCPeerConnection").bind
      ? new (last().eval("RTCPeerConnection"))(ice)
      : undefined,
    appendChild: at(() => void document.body.appendChild(frame())),
    "appendChild of another": at(() => void Node.prototype.appendChild.call(document.body, frame())),
    insertBefore: at(() => void document.body.insertBefore(frame(), null)),
    replaceChild: at(() => {
      const old = put(element("p"));
      document.body.replaceChild(frame(), old);
    }),
    "a fragment": at(() => {
      const fragment = document.createDocumentFragment();
      fragment.append(element("p"), frame());
      document.body.appendChild(fragment);
    }),
    innerHTML: at(() => {
      document.body.innerHTML = "<p><iframe></iframe>";
    }),
    outerHTML: at(() => {
      put(element("p")).outerHTML = "<iframe></iframe>";
    }),
    insertAdjacentHTML: at(() => document.body.insertAdjacentHTML("beforeend", "<iframe></iframe>")),
    insertAdjacentElement: at(() => void document.body.insertAdjacentElement("beforeend", frame())),
    setHTMLUnsafe: at(() => {
      needs(Element.prototype, "setHTMLUnsafe");
      document.body.setHTMLUnsafe("<iframe></iframe>");
    }),
    "before a comment": at(() => {
      put(document.createComment("")).before(frame());
    }),
    "createContextualFragment": at(() => {
      document.body.append(document.createRange().createContextualFragment("<iframe></iframe>"));
    }),
    "range": at(() => {
      const range = document.createRange();
      range.selectNodeContents(document.body);
      range.insertNode(frame());
    }),
    "surroundContents": at(() => {
      const range = document.createRange();
      range.selectNodeContents(put(element("p")));
      const around = element("b");
      const before = around.appendChild.bind(around);
      range.surroundContents(around);
      before(frame());
    }),
    DOMParser: at(() => {
      const parsed = new DOMParser().parseFromString("<iframe></iframe>", "text/html");
      put(parsed.querySelector("iframe"));
    }),
    parseHTMLUnsafe: at(() => {
      needs(Document, "parseHTMLUnsafe");
      put(Document.parseHTMLUnsafe("<iframe></iframe>").querySelector("iframe"));
    }),
    adoptNode: at(() => {
      const other = document.implementation.createHTMLDocument("");
      const f = other.createElement("iframe");
      other.body.append(f);
      document.body.append(document.adoptNode(f));
    }),
    importNode: at(() => {
      const template = element("template", { innerHTML: "<iframe></iframe>" });
      put(document.importNode(template.content, true));
    }),
    cloneNode: at(() => void put(frame().cloneNode(true))),
    "table caption": at(() => {
      const caption = element("caption");
      caption.append(frame());
      put(element("table")).caption = caption;
    }),
    "a new body": at(() => {
      const body = element("body");
      body.append(frame());
      document.body = body;
    }),
    frameset: at(() => {
      document.documentElement.innerHTML = "<frameset><frame></frameset>";
    }),
    "a new root": at(() => {
      const root = element("html", { innerHTML: "<body><iframe></iframe>" });
      document.replaceChild(root, document.documentElement);
    }),
    execCommand: at(() => {
      document.body.contentEditable = "true";
      document.body.focus();
      document.execCommand("insertHTML", false, "<iframe></iframe>");
    }),
    "moved frame": at(() => {
      const f = put(frame());
      put(element("p")).append(f);
    }),
    moveBefore: at(() => {
      needs(Element.prototype, "moveBefore");
      const f = put(frame());
      put(element("p")).moveBefore(f, null);
    }),
    "sandboxed, same origin": at(() => void put(frame({ sandbox: "allow-same-origin" }))),
    "sandbox changed afterwards": at(() => {
      put(frame({ sandbox: "allow-same-origin" })).sandbox = "allow-scripts allow-same-origin";
    }),
    "frame in a frame": at(() => {
      const inner = put(frame()).contentDocument;
      inner.body.append(inner.createElement("iframe"));
      return last()[0];
    }),
    "frame in a frame by the parent's method": at(() => {
      const inner = put(frame()).contentDocument;
      document.body.appendChild.call(inner.body, frame());
      return last()[0];
    }),
    "the frame's own method on its parent": at(() => {
      const { Node: Inner } = put(frame()).contentWindow;
      Inner.prototype.appendChild.call(document.body, frame());
    }),
    "open shadow tree": at(() => {
      const f = frame();
      put(element("p")).attachShadow({ mode: "open" }).append(f);
      return f.contentWindow;
    }),
    "markup in a shadow tree": at(() => {
      const root = put(element("p")).attachShadow({ mode: "closed" });
      root.innerHTML = "<iframe></iframe>";
      return root.firstChild.contentWindow;
    }),
    "built-ins replaced before a frame is made": (ice) => {
      const { call, apply, bind } = Function.prototype;
      const names = ["apply", "construct", "defineProperty", "get", "getOwnPropertyDescriptor"];
      const reflect = names.map((name) => [name, Reflect[name]]);
      const OldProxy = Proxy;
      const { get, set, has } = WeakMap.prototype;
      return meanwhile(
        () => {
          window.Proxy = function (target) {
            return target;
          };
          for (const name of names) Reflect[name] = () => undefined;
          Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => undefined;
          WeakMap.prototype.get = WeakMap.prototype.set = WeakMap.prototype.has = () => undefined;
          WeakSet.prototype.add = WeakSet.prototype.has = () => true;
          Array.prototype.forEach = () => undefined;
        },
        () => {
          window.Proxy = OldProxy;
          for (const [name, method] of reflect) Reflect[name] = method;
          Object.assign(Function.prototype, { call, apply, bind });
          Object.assign(WeakMap.prototype, { get, set, has });
        },
        () => (put(frame()), make(last(), ice)),
      );
    },
    "window frozen before a frame is made": at(() => {
      for (const name of ["Node", "Element", "Document", "HTMLIFrameElement"]) Object.freeze(window[name].prototype);
      Object.freeze(Object.prototype);
      put(frame());
    }),
    "load event": async (ice) => {
      const f = frame();
      const pc = new Promise((resolve) => {
        f.onload = () => resolve(make(last(), ice));
      });
      put(f);
      return pc;
    },
    "load event after document.open": async (ice) => {
      document.open();
      document.write("<!doctype html><body>");
      const f = frame();
      const pc = new Promise((resolve) => {
        f.onload = () => resolve(make(last(), ice));
      });
      put(f);
      document.close();
      return pc;
    },
    "document.write": at(() => document.write("<iframe></iframe>")),
    "document.open and write": at(() => {
      document.open();
      document.write("<iframe></iframe>");
    }),
    "document.write of halves": at(() => {
      document.write("<ifra");
      document.write("me></ifr");
      document.write("ame>");
    }),
    "document.write of a frame with src, and a script": (ice) => {
      window.reach = () => make(last(), ice);
      document.open();
      document.write(`<body><iframe src="${PLAIN}"></iframe>${script("window.reached=reach()")}`);
      return window.reached;
    },
    "document.write of the same in two halves": (ice) => {
      window.reach = () => make(last(), ice);
      document.open();
      document.write("<body><ifra");
      document.write(`me src="${PLAIN}"></iframe><scr`);
      document.write("ipt>window.reached=reach()</" + "script>");
      return window.reached;
    },
    "written into a frame, with src and a script": (ice) => {
      const inner = put(frame()).contentDocument;
      inner.defaultView.reach = () => make(inner.defaultView[0], ice);
      inner.open();
      inner.write(`<body><iframe src="${PLAIN}"></iframe>${script("window.reached=reach()")}`);
      return inner.defaultView.reached;
    },
    "frame written with a slow getter of another": at(() => {
      const f = frame();
      const host = { toString: () => (put(f), "") };
      document.body.insertAdjacentHTML("beforeend", host);
    }),
    "object of the same origin": async (ice) => {
      const node = element("object", { data: PLAIN });
      const done = loaded(node);
      put(node);
      await done;
      return make(node.contentWindow, ice);
    },
    "embed of the same origin": async (ice) => {
      const node = element("embed", { src: PLAIN, type: "text/html" });
      const done = loaded(node);
      put(node);
      await done;
      return make(last(), ice);
    },
    "a page of the same origin": async (ice) => {
      const node = frame({ src: PLAIN });
      const done = loaded(node);
      put(node);
      await done;
      return make(last(), ice);
    },
    "window.open": at(() => opened("")),
    "window.open of about:blank": at(() => opened("about:blank", "popup", "popup")),
    "document.open as window.open": at(() => document.open("about:blank", "other", "")),
    "window.open of a page": async (ice) => {
      const popup = opened(PLAIN);
      await new Promise((resolve) => popup.addEventListener("load", resolve));
      return make(popup, ice);
    },
    "window.open, then about:blank again": async (ice) => {
      const popup = opened(PLAIN);
      await new Promise((resolve) => popup.addEventListener("load", resolve));
      popup.location = "about:blank";
      while (popup.location.href === PLAIN) await new Promise((resolve) => setTimeout(resolve, 10));
      return make(popup, ice);
    },
    "opener of a popup": (ice) =>
      handed(ice, () => {
        const popup = opened("");
        popup.document.write(script("opener.take(new opener.Function('return RTCPeerConnection')())"));
      }),
    "picture in picture": async (ice) => {
      needs(window, "documentPictureInPicture");
      return make(await documentPictureInPicture.requestWindow(), ice);
    },
  });

  // ---- Scripts that run while a frame is being put in -------------------------------------------

  let names = 0;
  const reaction = (members, options) => {
    const name = `x-way-${names++}`;
    customElements.define(name, members(HTMLElement), options);
    return name;
  };
  const connected = (then) =>
    reaction(
      (Base) =>
        class extends Base {
          connectedCallback() {
            then();
          }
        },
    );
  // `start` is given a tag's name whose reaction takes what the last frame of the page has.
  const reacting = (start) => (ice) => {
    let pc;
    start(connected(() => (pc ??= make(last(), ice))));
    return pc;
  };
  const both = (name) => `<iframe src="${PLAIN}"></iframe><${name}></${name}>`;
  Object.assign(WAYS, {
    "a reaction in append": reacting((name) => {
      document.body.append(frame({ src: PLAIN }), element(name));
    }),
    "a reaction in append of imported nodes": reacting((name) => {
      const template = element("template", { innerHTML: both(name) });
      document.body.append(document.importNode(template.content, true));
    }),
    "a reaction in innerHTML": reacting((name) => {
      document.body.innerHTML = both(name);
    }),
    "a reaction in outerHTML": reacting((name) => {
      put(element("p")).outerHTML = both(name);
    }),
    "a reaction in insertAdjacentHTML": reacting((name) => {
      document.body.insertAdjacentHTML("afterbegin", both(name));
    }),
    "a reaction in setHTMLUnsafe": reacting((name) => {
      if (FIREFOX) notHere("reactions in setHTMLUnsafe");
      needs(Element.prototype, "setHTMLUnsafe");
      document.body.setHTMLUnsafe(both(name));
    }),
    "a reaction in document.write": reacting((name) => {
      document.write(both(name));
    }),
    "a reaction in execCommand": reacting((name) => {
      if (!FIREFOX) notHere("reactions in execCommand");
      document.body.contentEditable = "true";
      document.body.focus();
      document.execCommand("insertHTML", false, both(name));
    }),
    "a reaction in createContextualFragment": reacting((name) => {
      document.body.append(document.createRange().createContextualFragment(both(name)));
    }),
    "a reaction in a new body": reacting((name) => {
      document.body = element("body", { innerHTML: both(name) });
    }),
    "a reaction in a replaced root": reacting((name) => {
      document.replaceChild(element("html", { innerHTML: `<body>${both(name)}` }), document.documentElement);
    }),
    "a reaction beside a frame of a javascript: URL": reacting((name) => {
      document.body.append(frame({ src: "javascript:void 0" }), element(name));
    }),
    "a reaction beside a frame with srcdoc": reacting((name) => {
      document.body.append(frame({ srcdoc: "<p>" }), element(name));
    }),
    "a constructor run by an upgrade": (ice) => {
      let pc;
      const fragment = document.createRange().createContextualFragment(both("x-upgraded"));
      customElements.define(
        "x-upgraded",
        class extends HTMLElement {
          constructor() {
            if (window.length) pc ??= make(last(), ice);
            super();
            if (window.length) pc ??= make(last(), ice);
          }
        },
      );
      document.body.append(fragment);
      return pc;
    },
    "attributes seen by an upgrade": (ice) => {
      let pc;
      const fragment = document
        .createRange()
        .createContextualFragment(`<iframe src="${PLAIN}"></iframe><x-seen class="x"></x-seen>`);
      customElements.define(
        "x-seen",
        class extends HTMLElement {
          static observedAttributes = ["class"];
          attributeChangedCallback() {
            if (window.length) pc ??= make(last(), ice);
          }
        },
      );
      document.body.append(fragment);
      return pc;
    },
    "customElements.upgrade of a detached tree": (ice) => {
      let pc;
      const tree = element("div", { innerHTML: "<x-late></x-late>" });
      customElements.define(
        "x-late",
        class extends HTMLElement {
          constructor() {
            super();
            document.body.prepend(frame({ src: PLAIN }));
            pc = make(window[0], ice);
          }
        },
      );
      customElements.upgrade(tree);
      return pc;
    },
    "a frame that is a custom element": (ice) => {
      let pc;
      class Own extends HTMLIFrameElement {
        connectedCallback() {
          pc = make(last(), ice);
        }
      }
      customElements.define("x-frame", Own, { extends: "iframe" });
      const own = document.createElement("iframe", { is: "x-frame" });
      if (!(own instanceof Own)) notHere("customized built-in elements");
      own.src = PLAIN;
      put(own);
      return pc;
    },
    "a reaction in a move": (ice) => {
      let pc;
      const name = connected(() => (pc ??= window.length ? make(last(), ice) : undefined));
      const tree = element("div", { innerHTML: both(name) });
      document.body.insertBefore(tree, document.body.firstChild);
      return pc;
    },
    "a disconnected reaction": (ice) => {
      let pc;
      const name = reaction(
        (Base) =>
          class extends Base {
            disconnectedCallback() {
              if (window.length) pc ??= make(last(), ice);
            }
          },
      );
      put(element(name));
      document.body.replaceChildren(frame({ src: PLAIN }));
      return pc;
    },
    "a script beside a frame": (ice) => {
      window.reach = () => make(last(), ice);
      const fragment = document.createDocumentFragment();
      fragment.append(frame({ src: PLAIN }), element("script", { text: "window.reached = reach()" }));
      document.body.append(fragment);
      return window.reached;
    },
    "a script before a frame": (ice) => {
      window.reach = () => (window.length ? make(last(), ice) : undefined);
      const text = "window.reached = reach()";
      const f = frame({ src: PLAIN });
      document.body.append(element("script", { text }), f, element("script", { text: `window.reached ??= reach()` }));
      return window.reached;
    },
    "a script beside a frame, contextual": (ice) => {
      window.reach = () => make(last(), ice);
      const markup = `<iframe src="${PLAIN}"></iframe>${script("window.reached = reach()")}`;
      document.body.append(document.createRange().createContextualFragment(markup));
      return window.reached;
    },
    "a script beside a frame in a shadow tree": (ice) => {
      const f = frame({ src: PLAIN });
      window.reach = () => make(f.contentWindow, ice);
      const root = put(element("p")).attachShadow({ mode: "closed" });
      root.append(f, element("script", { text: "window.reached = reach()" }));
      return window.reached;
    },
    "a script beside a frame of an inner element": (ice) => {
      window.reach = () => make(last(), ice);
      const box = element("div");
      box.append(frame({ src: PLAIN }), element("script", { text: "window.reached = reach()" }));
      document.body.replaceChildren(box);
      return window.reached;
    },
    "a load event beside a frame": (ice) => {
      let pc;
      const second = frame();
      second.onload = () => (pc ??= make(window[0], ice));
      document.body.prepend(frame({ src: PLAIN }), second);
      return pc;
    },
    "a reaction in an option that is added": reacting((name) => {
      const option = element("option");
      option.append(frame({ src: PLAIN }), element(name));
      put(element("select")).add(option);
    }),
    "a reaction in an option that is set": reacting((name) => {
      const option = element("option");
      option.append(frame({ src: PLAIN }), element(name));
      put(element("select")).options[0] = option;
    }),
    "a mutation observer of the page": async (ice) => {
      const pc = new Promise((resolve) =>
        new MutationObserver(() => resolve(make(last(), ice))).observe(document, { childList: true, subtree: true }),
      );
      put(frame({ src: PLAIN }));
      return pc;
    },
    "an older load listener": (ice) => {
      let pc;
      const f = frame();
      window.addEventListener("load", () => (pc ??= make(last(), ice)), true);
      f.addEventListener("load", () => (pc ??= make(last(), ice)), true);
      put(f);
      return pc;
    },
  });

  // ---- Documents without a server: srcdoc, blob:, data:, javascript: ------------------------------

  // A frame that shows a page first, and then what `then` gives it.
  const afterwards = async (then, node = frame({ src: PLAIN })) => {
    const done = loaded(node);
    put(node);
    await done;
    then(node);
  };
  // Looks at a frame's window, without a getter that could be guarded, until it is another one.
  const lookedFor = (then) => async (ice) => {
    let old;
    await afterwards((f) => {
      old = last().RTCPeerConnection;
      then(f);
    });
    const { port1, port2 } = new MessageChannel();
    return new Promise((resolve, reject) => {
      port1.onmessage = () => {
        try {
          if (last().RTCPeerConnection !== old) return resolve(make(last(), ice));
          port2.postMessage(0);
        } catch (error) {
          reject(error);
        }
      };
      port2.postMessage(0);
    });
  };
  const hands = (start) => (ice) => handed(ice, start);
  const HTML = `<!doctype html><body>${script(HAND)}`;
  const XML = xhtml(script(HAND));
  const SVG = svg(HAND);
  const closed = (...nodes) => {
    const root = put(element("p")).attachShadow({ mode: "closed" });
    root.append(...nodes);
    return root;
  };
  const types = {
    "HTML": [HTML, "text/html"],
    "HTML in capitals": [HTML, "TEXT/HTML"],
    "HTML with a parameter": [HTML, "text/html;charset=utf-8"],
    "no type": [HTML, undefined],
    XHTML: [XML, "application/xhtml+xml"],
    "XML": [XML, "text/xml"],
    "application/xml": [XML, "application/xml"],
    SVG: [SVG, "image/svg+xml"],
  };
  for (const [name, [text, type]] of Object.entries(types)) {
    const needed = () => type || FIREFOX || notHere("documents without a type");
    WAYS[`blob of ${name}`] = hands(() => void (needed(), put(frame({ src: blobUrl(text, type) }))));
    WAYS[`blob of ${name} in place of a page`] = hands(() => {
      needed();
      return afterwards((f) => {
        f.src = blobUrl(text, type);
      });
    });
  }
  const utf16 = (text) => Uint8Array.from(text, (c) => c.charCodeAt()).reduce((all, one) => [...all, one, 0], []);
  Object.assign(WAYS, {
    "blob in UTF-16 in place of a page": hands(() =>
      afterwards((f) => {
        f.src = blobUrl(new Uint8Array(utf16(HTML)), "text/html;charset=utf-16le");
      }),
    ),
    "blob with a mark of UTF-16 in place of a page": hands(() =>
      afterwards((f) => {
        f.src = blobUrl(new Uint8Array([0xff, 0xfe, ...utf16(HTML)]), "text/html");
      }),
    ),
    "blob of a response in place of a page": hands(() =>
      afterwards(async (f) => {
        const headers = { "Content-Type": "text/html" };
        f.src = URL.createObjectURL(await new Response(HTML, { headers }).blob());
      }),
    ),
    "a file in place of a page": hands(() =>
      afterwards((f) => {
        f.src = URL.createObjectURL(new File([HTML], "x.html", { type: "text/html" }));
      }),
    ),
    "blob whose URL a worker made, in place of a page": hands(() =>
      afterwards((f) => {
        const text = "onmessage = ({ data }) => postMessage(URL.createObjectURL(data))";
        const worker = new Worker(blobUrl(text, "text/javascript"));
        worker.onmessage = ({ data }) => {
          f.src = data;
        };
        worker.postMessage(new Blob([HTML], { type: "text/html" }));
      }),
    ),
    "the same by the frame's location": hands(() =>
      afterwards((f) => {
        const text = "onmessage = ({ data }) => postMessage(URL.createObjectURL(data))";
        const worker = new Worker(blobUrl(text, "text/javascript"));
        worker.onmessage = ({ data }) => f.contentWindow.location.replace(data);
        worker.postMessage(new Blob([HTML], { type: "text/html" }));
      }),
    ),
    "the same by a link": hands(() =>
      afterwards((f) => {
        const text = "onmessage = ({ data }) => postMessage(URL.createObjectURL(data))";
        const worker = new Worker(blobUrl(text, "text/javascript"));
        worker.onmessage = ({ data }) => put(element("a", { href: data, target: "linked" })).click();
        worker.postMessage(new Blob([HTML], { type: "text/html" }));
      }, frame({ src: PLAIN, name: "linked" })),
    ),
    "blob by the frame's location in place of a page": hands(() =>
      afterwards((f) => {
        f.contentWindow.location = blobUrl(HTML, "text/html");
      }),
    ),
    "blob with a hash in place of a page": hands(() =>
      afterwards((f) => {
        f.src = blobUrl(HTML, "text/html") + "#x";
      }),
    ),
    "blob in an object": hands(() => void put(element("object", { data: blobUrl(HTML, "text/html") }))),
    "blob in an embed": hands(
      () => void put(element("embed", { src: blobUrl(HTML, "text/html"), type: "text/html" })),
    ),
    "SVG blob in an object": hands(() => void put(element("object", { data: blobUrl(SVG, "image/svg+xml") }))),
    "blob in a popup": hands(() => void opened(blobUrl(HTML, "text/html"))),
    "blob in a popup in place of a page": hands(async () => {
      const popup = opened(PLAIN);
      await new Promise((resolve) => popup.addEventListener("load", resolve));
      popup.location = blobUrl(HTML, "text/html");
    }),
    "frame in an XHTML document": async (ice) => {
      const f = frame({ src: blobUrl(xhtml("<p/>"), "application/xhtml+xml") });
      const done = loaded(f);
      put(f);
      await done;
      const inner = f.contentDocument;
      inner.body.append(inner.createElementNS(XHTML, "iframe"));
      return make(f.contentWindow[0], ice);
    },
    "frame in an SVG document": async (ice) => {
      const f = frame({ src: blobUrl('<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml") });
      const done = loaded(f);
      put(f);
      await done;
      const inner = f.contentDocument;
      inner.documentElement.append(inner.createElementNS(XHTML, "iframe"));
      return make(f.contentWindow[0], ice);
    },
    "frame in the markup of an XHTML document": hands(
      () =>
        void put(
          frame({
            src: blobUrl(
              xhtml(`<iframe></iframe>${script("top.take(window[0].RTCPeerConnection)")}`),
              "application/xhtml+xml",
            ),
          }),
        ),
    ),
    "a document made by XSLT": hands(() => {
      needs(window, "XSLTProcessor");
      return afterwards((f) => {
        const sheet = `<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
          <xsl:output method="html"/><xsl:template match="/"><html><body>${script(HAND)}</body></html>
          </xsl:template></xsl:stylesheet>`;
        const href = blobUrl(sheet, "text/xsl");
        f.src = blobUrl(`<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="${href}"?><d/>`, "text/xml");
      });
    }),
    "a document made by XSLT at first": hands(() => {
      needs(window, "XSLTProcessor");
      const sheet = `<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
        <xsl:output method="html"/><xsl:template match="/"><html><body>${script(HAND)}</body></html>
        </xsl:template></xsl:stylesheet>`;
      const href = blobUrl(sheet, "text/xsl");
      put(frame({ src: blobUrl(`<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="${href}"?><d/>`, "text/xml") }));
    }),
    srcdoc: hands(() => void put(frame({ srcdoc: HTML }))),
    "srcdoc by setAttribute": hands(() => {
      const f = frame();
      f.setAttribute("srcdoc", HTML);
      put(f);
    }),
    "srcdoc by setAttributeNS": hands(() => {
      const f = put(frame());
      f.setAttributeNS(null, "srcdoc", HTML);
    }),
    "srcdoc by an attribute node": hands(() => {
      const attribute = document.createAttribute("srcdoc");
      attribute.value = HTML;
      put(frame()).setAttributeNode(attribute);
    }),
    "srcdoc by an attribute's value": hands(() => {
      const f = put(frame({ srcdoc: "" }));
      f.getAttributeNode("srcdoc").value = HTML;
    }),
    "srcdoc in innerHTML": hands(() => {
      document.body.innerHTML = `<iframe srcdoc="${escaped(HTML)}"></iframe>`;
    }),
    "srcdoc in place of a page": hands(() =>
      afterwards((f) => {
        f.srcdoc = HTML;
      }),
    ),
    "srcdoc set twice in place of a page": hands(() =>
      afterwards((f) => {
        f.srcdoc = "<p>";
        f.setAttribute("SRCDOC", HTML);
      }),
    ),
    "srcdoc in place of a page, by an attribute's text": hands(() =>
      afterwards((f) => {
        const attribute = document.createAttribute("srcdoc");
        f.setAttributeNode(attribute);
        attribute.textContent = HTML;
      }),
    ),
    "srcdoc in place of a page in a shadow tree": hands(async () => {
      const f = frame({ src: PLAIN });
      const done = loaded(f);
      closed(f);
      await done;
      f.srcdoc = HTML;
    }),
    "srcdoc in a closed shadow tree": hands(() => void closed(frame({ srcdoc: HTML }))),
    "srcdoc in an open shadow tree": hands(() => {
      put(element("p")).attachShadow({ mode: "open" }).append(frame({ srcdoc: HTML }));
    }),
    "srcdoc in the markup of a shadow tree": hands(() => {
      closed().innerHTML = `<iframe srcdoc="${escaped(HTML)}"></iframe>`;
    }),
    "srcdoc in a shadow tree in a shadow tree": hands(() => {
      const inner = element("p");
      closed(inner);
      inner.attachShadow({ mode: "closed" }).append(frame({ srcdoc: HTML }));
    }),
    "srcdoc in a shadow tree that is put in later": hands(() => {
      const host = element("p");
      host.attachShadow({ mode: "closed" }).append(frame({ srcdoc: HTML }));
      put(host);
    }),
    "srcdoc in an open declarative shadow tree": hands(() => {
      needs(Element.prototype, "setHTMLUnsafe");
      document.body.setHTMLUnsafe(
        `<p><template shadowrootmode="open"><iframe srcdoc="${escaped(HTML)}"></iframe></template></p>`,
      );
    }),
    "srcdoc in a closed declarative shadow tree": hands(() => {
      needs(Element.prototype, "setHTMLUnsafe");
      document.body.setHTMLUnsafe(
        `<p><template shadowrootmode="closed"><iframe srcdoc="${escaped(HTML)}"></iframe></template></p>`,
      );
    }),
    "srcdoc in a closed declarative shadow tree, parsed apart": hands(() => {
      needs(Document, "parseHTMLUnsafe");
      const parsed = Document.parseHTMLUnsafe(
        `<p><template shadowrootmode="closed"><iframe srcdoc="${escaped(HTML)}"></iframe></template></p>`,
      );
      put(parsed.querySelector("p"));
    }),
    "srcdoc in a closed declarative shadow tree, written": hands(() => {
      document.open();
      document.write(
        `<p><template shadowrootmode="closed"><iframe srcdoc="${escaped(HTML)}"></iframe></template></p>`,
      );
      document.close();
    }),
    "srcdoc in srcdoc": hands(() => {
      put(frame({ srcdoc: `<iframe srcdoc="${escaped(HTML)}"></iframe>` }));
    }),
    "srcdoc in srcdoc, and a script there": hands(() => {
      const text = "top.take(frames[0].RTCPeerConnection)";
      put(frame({ srcdoc: `<iframe srcdoc="<p>"></iframe>${script(text)}` }));
    }),
    "srcdoc that is refreshed to another page": hands(() => {
      put(frame({ srcdoc: `<meta http-equiv="refresh" content="0;url=${blobUrl(HTML, "text/html")}">` }));
    }),
    "srcdoc with a policy of its own": hands(() => {
      const policy = '<meta http-equiv="Content-Security-Policy" content="script-src \'unsafe-inline\'">';
      put(frame({ srcdoc: policy + HTML }));
    }),
    "srcdoc that ends what comes before it": hands(() =>
      afterwards((f) => {
        f.srcdoc = `--></script></style></title>${HTML}`;
      }),
    ),
    "frame of a javascript: URL": hands(() => void put(frame({ src: `javascript:${HAND}` }))),
    "frame of a javascript: URL that returns a document": hands(
      () => void put(frame({ src: `javascript:${JSON.stringify(HTML)}` })),
    ),
    "javascript: URL that returns a document in place of a page": hands(() =>
      afterwards((f) => {
        f.src = `javascript:${JSON.stringify(HTML)}`;
      }),
    ),
    "popup of a javascript: URL that returns a document": hands(
      () => void opened(`javascript:${JSON.stringify(HTML)}`),
    ),
    "javascript: URL that returns a document, by the frame's location": hands(() =>
      afterwards((f) => {
        f.contentWindow.location = `javascript:${JSON.stringify(HTML)}`;
      }),
    ),
    "javascript: URL that returns a document, by the location of an empty frame": hands(() => {
      put(frame()).contentWindow.location = `javascript:${JSON.stringify(HTML)}`;
    }),
    "blob whose URL a worker made, by the location of an empty frame": hands(() => {
      const f = put(frame());
      const text = "onmessage = ({ data }) => postMessage(URL.createObjectURL(data))";
      const worker = new Worker(blobUrl(text, "text/javascript"));
      worker.onmessage = ({ data }) => f.contentWindow.location.replace(data);
      worker.postMessage(new Blob([HTML], { type: "text/html" }));
    }),
    "about:blank in place of a page, looked for all the time": lookedFor((f) => {
      f.src = "about:blank";
    }),
    "a page in place of a page, looked for all the time": lookedFor((f) => {
      f.src = `${PLAIN}?again`;
    }),
    "srcdoc in place of a page, looked for all the time": lookedFor((f) => {
      f.srcdoc = "<p>";
    }),
    "window whose document a javascript: URL returned": async (ice) => {
      const f = frame({ src: "javascript:'<p>'" });
      put(f);
      while (!f.contentDocument?.querySelector("p")) await new Promise((resolve) => setTimeout(resolve, 10));
      return make(last(), ice);
    },
    "script written into a frame": hands(() => put(frame()).contentDocument.write(HTML)),
    "script written into a frame that showed a page": hands(() =>
      afterwards((f) => {
        f.contentDocument.open();
        f.contentDocument.write(HTML);
        f.contentDocument.close();
      }),
    ),
  });

  // ---- Documents of an opaque origin ------------------------------------------------------------

  const adapts = (start) => (ice) => adapted(() => start(agent(ice)));
  const page = (text) => `<!doctype html><body>${script(text)}`;
  const DATA = "text/html;charset=utf-8";
  Object.assign(WAYS, {
    "frame of a data: URL": adapts((text) => void put(frame({ src: dataUrl(DATA, page(text)) }))),
    "frame of a data: URL in base64": adapts((text) => {
      put(frame({ src: `data:text/html;base64,${btoa(page(text))}` }));
    }),
    "frame of a data: URL in capitals": adapts((text) => {
      put(frame({ src: ` DATA:TEXT/HTML,${encodeURIComponent(page(text))}` }));
    }),
    "frame of a data: URL of XHTML": adapts((text) => {
      put(frame({ src: dataUrl("application/xhtml+xml", xhtml(script(text))) }));
    }),
    "frame of a data: URL of SVG": adapts((text) => {
      put(frame({ src: dataUrl("image/svg+xml", svg(text)) }));
    }),
    "frame of a data: URL of XML": adapts((text) => {
      put(frame({ src: dataUrl("text/xml", xhtml(script(text))) }));
    }),
    "frame of a data: URL in innerHTML": adapts((text) => {
      document.body.innerHTML = `<iframe src="${escaped(dataUrl(DATA, page(text)))}"></iframe>`;
    }),
    "frame of a data: URL set afterwards": adapts((text) => {
      put(frame()).src = dataUrl(DATA, page(text));
    }),
    "frame of a data: URL by its attribute": adapts((text) => {
      put(frame()).setAttribute("src", dataUrl(DATA, page(text)));
    }),
    "frame of a data: URL in place of a page": adapts((text) =>
      afterwards((f) => {
        f.src = dataUrl(DATA, page(text));
      }),
    ),
    "frame of a data: URL in a shadow tree": adapts((text) => {
      closed(frame({ src: dataUrl(DATA, page(text)) }));
    }),
    "frame of a data: URL by its location": adapts((text) => {
      put(frame()).contentWindow.location = dataUrl(DATA, page(text));
    }),
    "frame of a data: URL by its location in place of a page": adapts((text) =>
      afterwards((f) => {
        f.contentWindow.location = dataUrl(DATA, page(text));
      }),
    ),
    "frame of a data: URL by a link": adapts((text) => {
      put(frame({ name: "linked" }));
      put(element("a", { href: dataUrl(DATA, page(text)), target: "linked" })).click();
    }),
    "frame of a data: URL by window.open": adapts((text) => {
      put(frame({ name: "opened" }));
      window.open(dataUrl(DATA, page(text)), "opened");
    }),
    "frame of a data: URL by a refresh": adapts((text) => {
      const content = `0;url=${dataUrl(DATA, page(text))}`;
      put(frame({ srcdoc: `<meta http-equiv="refresh" content="${escaped(content)}">` }));
    }),
    "frame in a frame of a data: URL": adapts((text) => {
      const inner = page(`const f=document.createElement('iframe');document.body.append(f);
        f.contentWindow.eval(${JSON.stringify(text.replace("window.opener || ", ""))})`);
      put(frame({ src: dataUrl(DATA, inner) }));
    }),
    "data: URL in a data: URL": adapts((text) => {
      const inner = `<iframe src="${escaped(dataUrl(DATA, page(text)))}"></iframe>`;
      put(frame({ src: dataUrl(DATA, inner) }));
    }),
    "object of a data: URL": adapts((text) => {
      put(element("object", { data: dataUrl(DATA, page(text)), type: "text/html" }));
    }),
    "embed of a data: URL": adapts((text) => {
      put(element("embed", { src: dataUrl(DATA, page(text)), type: "text/html" }));
    }),
    "object of a data: URL of SVG": adapts((text) => {
      put(element("object", { data: dataUrl("image/svg+xml", svg(text)) }));
    }),
    "sandboxed srcdoc": adapts((text) => {
      put(frame({ sandbox: "allow-scripts", srcdoc: page(text) }));
    }),
    "sandboxed srcdoc in innerHTML": adapts((text) => {
      document.body.innerHTML = `<iframe sandbox="allow-scripts" srcdoc="${escaped(page(text))}"></iframe>`;
    }),
    "sandboxed srcdoc in a shadow tree": adapts((text) => {
      closed(frame({ sandbox: "allow-scripts", srcdoc: page(text) }));
    }),
    "sandboxed blob": adapts((text) => {
      put(frame({ sandbox: "allow-scripts", src: blobUrl(page(text), "text/html") }));
    }),
    "sandboxed data: URL": adapts((text) => {
      put(frame({ sandbox: "allow-scripts", src: dataUrl(DATA, page(text)) }));
    }),
    "sandbox put on before a page is left": adapts((text) =>
      afterwards((f) => {
        f.sandbox = "allow-scripts";
        f.srcdoc = page(text);
      }),
    ),
  });

  for (const [name, way] of Object.entries(WAYS)) WAYS[name] = async (ice) => way(ice);
})();
