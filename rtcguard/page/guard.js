// The page guard: the first script of every document. It makes WebRTC in the page relay-only, with
// approved TURN servers, before a script of the page can take hold of RTCPeerConnection.
//
// One expression: a function of the settings (guard.py writes them in; comments and indentation are
// left out of what is sent). Three rules hold throughout, because page scripts share this realm:
// - What is needed later is captured at once. After that, no method of a built-in is looked up:
//   `uncurry(f)(self, ...)` stands for `self.f(...)`, and every object handed to the browser or to
//   Reflect has no prototype, so that polluted prototypes, setters and iterators see nothing.
// - Array spreading, array destructuring and for-of are not used: they ask Array.prototype.
// - What the page hands in is read once; the browser gets the copy, never the page's object.
// That a page can find out that a guard is there is accepted; that it gets around it is not.
(settings) => {
  "use strict";
  const { apply, construct, get, defineProperty, deleteProperty, getOwnPropertyDescriptor } =
    Reflect;
  const { setPrototypeOf } = Object;
  const uncurry = Function.prototype.bind.bind(Function.prototype.call);
  const window = globalThis;
  const { document, navigator, fetch, location, Proxy } = window;
  const exec = uncurry(RegExp.prototype.exec);
  const lower = uncurry(String.prototype.toLowerCase);
  const slice = uncurry(String.prototype.slice);
  const each = uncurry(Array.prototype.forEach);
  const has = uncurry(WeakSet.prototype.has);
  const add = uncurry(WeakSet.prototype.add);
  const listenTo = uncurry(EventTarget.prototype.addEventListener);
  const observe = uncurry(MutationObserver.prototype.observe);
  const Observer = MutationObserver;
  const stringify = JSON.stringify;
  const beacon = navigator.sendBeacon;
  const iteratorKey = Symbol.iterator;
  const setListener = uncurry(WeakMap.prototype.set);
  const listenerOf = uncurry(WeakMap.prototype.get);
  const { token, site_servers: siteServers } = settings;
  const blocks = settings.mode === "block";
  const enforces = settings.mode !== "observe";

  const getterOf = (holder, name) => {
    const found = holder && getOwnPropertyDescriptor(holder, name);
    return found && found.get ? uncurry(found.get) : () => undefined;
  };
  const prototypeOf = (realm, name) => realm[name] && realm[name].prototype;
  const own = (name, member) => getterOf(prototypeOf(window, name), member);
  const ownerDocument = own("Node", "ownerDocument");
  const defaultView = own("Document", "defaultView");
  const rangeNode = own("Range", "commonAncestorContainer");
  const localName = own("Element", "localName");
  const eventTarget = own("Event", "target");
  const candidateOf = own("RTCPeerConnectionIceEvent", "candidate");
  const candidateText = own("RTCIceCandidate", "candidate");
  const candidateType = own("RTCIceCandidate", "type");
  const candidateAddress = own("RTCIceCandidate", "address");
  const frameCount = getterOf(window, "length");
  const contentDocument = {
    __proto__: null,
    iframe: own("HTMLIFrameElement", "contentDocument"),
    frame: own("HTMLFrameElement", "contentDocument"),
    object: own("HTMLObjectElement", "contentDocument"),
  };

  const isObject = (value) =>
    (typeof value === "object" && value !== null) || typeof value === "function";
  const bare = () => ({ __proto__: null });

  // A list that no prototype can meddle with: assigning to it meets no setter, JSON finds no
  // toJSON, and the browser, which reads a sequence by its iterator, finds this one.
  const newList = () => {
    const list = setPrototypeOf([], null);
    const iterate = () => {
      let index = 0;
      const next = () =>
        index < list.length
          ? { __proto__: null, done: false, value: list[index++] }
          : { __proto__: null, done: true, value: undefined };
      return { __proto__: null, next };
    };
    defineProperty(list, iteratorKey, { __proto__: null, value: iterate });
    return list;
  };

  // ---- Reports -------------------------------------------------------------------------------

  // Absolute, for a <base> would move a relative path. about: and data: documents have no server of
  // their own; those a page made are guarded, and reported, by the guard of that page.
  const target = exec(/^https?:/, location.href)
    ? location.origin + settings.report_path
    : undefined;

  const send = async (report) => {
    if (target === undefined) return;
    report.token = token;
    const body = stringify(report);
    try {
      await apply(fetch, window, [
        target,
        {
          __proto__: null,
          method: "POST",
          mode: "same-origin",
          credentials: "omit",
          cache: "no-store",
          redirect: "error",
          keepalive: true,
          body,
        },
      ]);
    } catch {
      try {
        apply(beacon, navigator, [target, body]);
      } catch {
        // The page's Content-Security-Policy may forbid both; the guard holds all the same.
      }
    }
  };

  const reportConnection = (asked, via) => {
    const urls = newList();
    for (let i = 0; i < asked.urls.length && i < 64; i++) urls[i] = slice(asked.urls[i], 0, 512);
    const policy = slice(asked.policy, 0, 64);
    send({ __proto__: null, kind: "connection", policy, urls, via });
  };

  // A candidate that is not a relay's must not show up in a guarded page: this tells of a bypass.
  const onCandidate = (event) => {
    try {
      const found = event.isTrusted ? candidateOf(event) : null;
      const type = found ? candidateType(found) : "relay";
      const text = found ? candidateText(found) : "";
      if (type === "relay" || text === "") return;
      send({
        __proto__: null,
        kind: "candidate",
        candidate: slice(text, 0, 1024),
        type: type || "",
        address: slice(candidateAddress(found) || "", 0, 256),
      });
    } catch {
      // Listening must never disturb the page.
    }
  };

  // ---- The configuration ---------------------------------------------------------------------

  // Host, port, transport. Spaces around are allowed because browsers strip them.
  const TURN = new RegExp(
    "^[\\0- ]*turns?:(\\[[^\\]]*\\]|[^\\0- :/?#@\\[\\]\\\\]+)(?::(\\d+))?" +
      "(?:\\?transport=(\\w+))?[\\0- ]*$",
    "i",
  );
  const STUN = /^[\0- ]*stuns?:(?:\[[^\]]*\]|[^\0- :/?#@[\]\\]+)(?::(\d+))?[\0- ]*$/i;
  const SCHEME = /^([a-z][a-z0-9+.-]*):/i;
  const ICE_SCHEME = /^(?:stun|turn)s?$/i;
  const SECURE = /^[\0- ]*turns/i;

  // Host, port and transport of a TURN URL with the defaults of RFC 7065; undefined: not one.
  const turnKey = (url) => {
    const parts = exec(TURN, url);
    if (!parts || !portIsRight(parts[2])) return undefined;
    const secure = exec(SECURE, url);
    const port = parts[2] === undefined ? (secure ? 5349 : 3478) : +parts[2];
    const transport = parts[3] === undefined ? (secure ? "tcp" : "udp") : lower(parts[3]);
    if (transport !== "udp" && transport !== "tcp") return undefined;
    return lower(parts[1]) + " " + port + " " + transport;
  };
  const portIsRight = (port) => port === undefined || (+port > 0 && +port < 65536);

  const approved = newList();
  const approvedKeys = bare();
  each(settings.servers, (server) => {
    const copy = bare();
    copy.urls = newList();
    each(server.urls, (url) => {
      copy.urls[copy.urls.length] = url;
      approvedKeys[turnKey(url)] = true;
    });
    copy.username = server.username;
    copy.credential = server.credential;
    approved[approved.length] = copy;
  });

  // A URL that no pattern here knows must not reach the browser, which may read it more leniently;
  // the page gets the SyntaxError that such a URL deserves.
  const unreadable = (url) => {
    const scheme = exec(SCHEME, url);
    if (!scheme) return ":";
    return exec(ICE_SCHEME, scheme[1]) ? scheme[0] : url;
  };

  // What becomes of one URL: undefined leaves it out.
  const judgeUrl = (url, complete) => {
    const key = turnKey(url);
    if (key !== undefined) {
      if (approvedKeys[key]) return undefined; // ours is put in instead
      if (siteServers === "keep") return url;
      // A TURN server without credentials is an InvalidAccessError: leave that to the browser.
      return complete ? undefined : "turn:rtcguard.invalid";
    }
    // Chromium sends a Binding request to every STUN server, even when it is relay-only.
    const stun = exec(STUN, url);
    return stun && portIsRight(stun[1]) ? undefined : unreadable(url);
  };

  // Reads an iterable as WebIDL's sequence<T> does, asking for nothing twice.
  const collect = (iterable, method, take) => {
    const iterator = apply(method, iterable, []);
    const next = iterator.next;
    for (;;) {
      const step = apply(next, iterator, []);
      if (!isObject(step)) throw new TypeError("Iterator result is not an object");
      if (step.done) return;
      take(step.value);
    }
  };

  // One RTCIceServer; undefined leaves it out. What the browser would refuse comes back as what it
  // refuses in the same way.
  const copyServer = (server, asked) => {
    if (server === undefined || server === null) return bare();
    if (!isObject(server)) return server;
    const copy = bare();
    const credential = server.credential;
    if (credential !== undefined) copy.credential = `${credential}`;
    const credentialType = server.credentialType;
    if (credentialType !== undefined) copy.credentialType = `${credentialType}`;
    const url = server.url;
    const urls = server.urls;
    const username = server.username;
    if (username !== undefined) copy.username = `${username}`;
    if (url === undefined && urls === undefined) return copy;

    const complete = !!copy.username && !!copy.credential;
    let left = 0;
    let dropped = 0;
    const judge = (text) => {
      asked.urls[asked.urls.length] = text;
      const kept = enforces ? judgeUrl(text, complete) : text;
      if (kept === undefined) dropped++;
      else left++;
      return kept;
    };
    if (url !== undefined) {
      const kept = judge(`${url}`); // an old spelling, one string, that Chromium still reads
      if (kept !== undefined) copy.url = kept;
    }
    if (urls !== undefined) {
      const method = isObject(urls) ? urls[iteratorKey] : undefined;
      if (method === undefined || method === null) {
        const kept = judge(`${urls}`);
        if (kept !== undefined) copy.urls = kept;
      } else {
        copy.urls = newList();
        collect(urls, method, (item) => {
          const kept = judge(`${item}`);
          if (kept !== undefined) copy.urls[copy.urls.length] = kept;
        });
        if (url !== undefined && dropped && !copy.urls.length) delete copy.urls;
      }
    }
    return dropped && !left ? undefined : copy;
  };

  const copyServers = (servers, asked) => {
    if (servers === undefined) return enforces ? approved : undefined;
    if (!isObject(servers)) return servers;
    const method = servers[iteratorKey];
    if (method === undefined || method === null) return bare();
    const list = newList();
    for (let i = 0; enforces && i < approved.length; i++) list[i] = approved[i];
    collect(servers, method, (item) => {
      const copy = copyServer(item, asked);
      if (copy !== undefined) list[list.length] = copy;
    });
    return list;
  };

  // What the page asked for, and what the browser is given in its stead. Every member that is not
  // judged here is fetched from the page's object by the browser itself, once, whatever its name.
  const copyConfiguration = (config, asked) => {
    if (config === undefined || config === null) config = bare();
    if (!isObject(config)) return config;
    const iceServers = copyServers(config.iceServers, asked);
    const policy = config.iceTransportPolicy;
    if (policy !== undefined) asked.policy = `${policy}`;
    const known = policy === undefined || asked.policy === "all" || asked.policy === "relay";
    let iceTransportPolicy = policy === undefined ? undefined : asked.policy;
    // No value of an enumeration ends in a space: what is not known stays a TypeError.
    if (enforces) iceTransportPolicy = known ? "relay" : asked.policy + " ";
    return new Proxy(bare(), {
      __proto__: null,
      get: (_, name) => {
        if (name === "iceServers") return iceServers;
        if (name === "iceTransportPolicy") return iceTransportPolicy;
        if (name === "iceTransports" && enforces) return undefined;
        return get(config, name);
      },
    });
  };

  // The arguments of the constructor or of setConfiguration with the first one replaced.
  const guardArguments = (args, via) => {
    const asked = { __proto__: null, policy: "all", urls: newList() };
    const config = copyConfiguration(args.length > 0 ? args[0] : undefined, asked);
    reportConnection(asked, via);
    if (args.length === 0) return [config];
    args[0] = config;
    return args;
  };

  // getConfiguration stays the browser's own: it shows the policy and the servers in force. Hiding
  // the relay's credentials there would be for show, since a page can read its own source, and
  // this script in it; that is why they are limited in time.

  // ---- The constructor -----------------------------------------------------------------------

  // Whether a constructor is guarded already, by whichever guard: a frame may have its own guard
  // and one of its parent. A page that imitates this only keeps itself from what it already lacks.
  const mark = "rtcguard:" + token;

  // A proxy keeps what the constructor has: name, length, prototype, static members, `instanceof`,
  // and new.target, so that subclasses and Reflect.construct pass through here too.
  const guardConstructor = (native, Refusal) =>
    new Proxy(native, {
      __proto__: null,
      get: (constructor, name) => (name === mark ? true : get(constructor, name)),
      construct: (constructor, args, newTarget) => {
        const given = guardArguments(args, "constructor");
        if (blocks) {
          throw new Refusal("WebRTC is blocked here by policy", "NotAllowedError");
        }
        const connection = construct(constructor, given, newTarget);
        listenTo(connection, "icecandidate", onCandidate);
        return connection;
      },
    });

  const replace = (holder, name, field, make) => {
    const found = holder && getOwnPropertyDescriptor(holder, name);
    if (!found || typeof found[field] !== "function") return;
    defineProperty(holder, name, { __proto__: null, ...found, [field]: make(found[field]) });
  };

  const NAMES = ["RTCPeerConnection", "webkitRTCPeerConnection", "mozRTCPeerConnection"];

  const guardConnections = (realm) => {
    const native = realm.RTCPeerConnection;
    if (typeof native !== "function") return false;
    const prototype = native.prototype;
    const constructor = prototype && prototype.constructor;
    if (native[mark] === true || (constructor && constructor[mark] === true)) return false;
    const guarded = guardConstructor(native, realm.DOMException);
    const make = (found) =>
      found === native ? guarded : guardConstructor(found, realm.DOMException);
    replace(prototype, "constructor", "value", make);
    replace(
      prototype,
      "setConfiguration",
      "value",
      (setter) =>
        new Proxy(setter, {
          __proto__: null,
          apply: (method, self, args) =>
            apply(method, self, guardArguments(args, "setConfiguration")),
        }),
    );
    each(NAMES, (name) => replace(realm, name, "value", make));
    return true;
  };

  // ---- Other realms of the same origin -------------------------------------------------------

  // A frame that a script just put in has a window, with an RTCPeerConnection, at once. It is
  // guarded at the first moment at which a script can reach it: when a getter gives it out, when
  // a method that may have inserted it returns, when it has loaded, when the parser (which runs
  // the observer before the next script) put it in. Chromium and Firefox keep this first window for
  // the document that the frame then loads, if that is of the same origin: srcdoc, blob, network.
  const entered = new WeakSet(); // documents
  const met = new WeakSet(); // windows of frames, of any origin

  const guardRealm = (realm) => {
    const page = realm.document; // throws if it is of another origin
    if (!isObject(page) || has(entered, page)) return;
    add(entered, page);
    try {
      if (guardConnections(realm)) guardDoors(realm);
      watch(realm, page);
    } catch (error) {
      each(NAMES, (name) => deleteProperty(realm, name)); // better none than one unguarded
      throw error;
    }
  };

  const enter = (realm) => {
    try {
      guardRealm(realm);
    } catch {
      // Of another origin, most often: it is out of reach for the page as well.
    }
  };

  const enterDocument = (page) => {
    if (page) enter(defaultView(page));
  };

  const sweep = (realm) => {
    const count = frameCount(realm);
    for (let i = 0; i < count; i++) {
      const child = realm[i];
      if (has(met, child)) continue;
      add(met, child);
      enter(child);
    }
  };

  const listeners = new WeakMap(); // of documents, for what is loaded in them

  const listen = (page) => {
    const listener = listenerOf(listeners, page);
    if (listener) listenTo(page, "load", listener, true);
  };

  const watch = (realm, page) => {
    const look = (event) => {
      try {
        sweep(realm);
        const element = eventTarget(event);
        enterDocument(contentDocument[localName(element)](element));
      } catch {
        // Not an event, not a frame, or a window that is gone.
      }
    };
    setListener(listeners, page, look);
    listen(page);
    observe(new Observer(look), page, { __proto__: null, childList: true, subtree: true });
    look();
  };

  // Calls the native function and then `after`, whatever came of it.
  const replaceHook = (holder, name, field, after) =>
    replace(
      holder,
      name,
      field,
      (native) =>
        new Proxy(native, {
          __proto__: null,
          apply: (method, self, args) => {
            let result;
            try {
              result = apply(method, self, args);
              return result;
            } finally {
              try {
                after(self, result);
              } catch {
                // What came of the call is the page's; what follows it is ours.
              }
            }
          },
        }),
    );

  const TREE = ["append", "prepend", "before", "after", "replaceWith", "replaceChildren"];
  const INSERTERS = [
    ["Node", "value", ["appendChild", "insertBefore", "replaceChild"]],
    ["Element", "value", TREE],
    ["Element", "value", ["insertAdjacentElement", "insertAdjacentHTML", "moveBefore"]],
    ["Element", "value", ["setHTML", "setHTMLUnsafe"]],
    ["Element", "set", ["innerHTML", "outerHTML"]],
    ["CharacterData", "value", TREE],
    ["DocumentType", "value", TREE],
    ["Document", "value", TREE],
    ["Document", "value", ["open", "write", "writeln", "execCommand", "moveBefore"]],
    ["Document", "set", ["body"]],
    ["HTMLTableElement", "set", ["caption", "tHead", "tFoot"]],
    ["Range", "value", ["insertNode", "surroundContents"]],
  ];

  const guardDoors = (realm) => {
    const hook = (name, member, field, after) =>
      replaceHook(prototypeOf(realm, name), member, field, after);
    each(INSERTERS, (row) => {
      const nodeOf = row[0] === "Range" ? rangeNode : (self) => self;
      each(row[2], (name) =>
        hook(row[0], name, row[1], (self) => {
          const node = nodeOf(self);
          const page = ownerDocument(node) || node;
          if (page === self) listen(page); // document.open() takes every listener off
          sweep(defaultView(page));
        }),
      );
    });
    each(["HTMLIFrameElement", "HTMLFrameElement", "HTMLObjectElement"], (name) => {
      // null where the frame is of another origin, which spares an exception for each look.
      const inner = getterOf(prototypeOf(realm, name), "contentDocument");
      const after = (self) => enterDocument(inner(self));
      hook(name, "contentWindow", "get", after);
      hook(name, "contentDocument", "get", after);
      hook(name, "getSVGDocument", "value", after);
    });
    hook("HTMLEmbedElement", "getSVGDocument", "value", (_, page) => enterDocument(page));
    hook("Document", "open", "value", (_, opened) => opened && enter(opened));
    replaceHook(realm, "open", "value", (_, opened) => opened && enter(opened));
  };

  // Out of sight before the page looks.
  if (document.currentScript) document.currentScript.remove();
  guardRealm(window);
  send({ __proto__: null, kind: "guard" });
}
