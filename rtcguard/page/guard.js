// The page guard: the first script of every document. It makes WebRTC in the page relay-only, with
// approved TURN servers, before a script of the page can take hold of RTCPeerConnection.
//
// One expression: a function of the settings (guard.py writes them in, and has comments and spaces
// taken out and local names shortened). Four rules hold throughout, because page scripts share this realm:
// - What is needed later is captured at once. After that, no method of a built-in is looked up:
//   `uncurry(f)(self, ...)` stands for `self.f(...)`, and every object handed to the browser or to
//   Reflect has no prototype (`bare`), so that polluted prototypes, setters, iterators see nothing.
// - Array spreading, array destructuring and for-of are not used: they ask Array.prototype.
// - What the page hands in is read once; the browser gets the copy, never the page's object.
// - `undefined` is `nothing`, an argument never given: minifiers write it as a property's value.
// That a page can find out that a guard is there is accepted; that it gets around it is not.
(settings, nothing) => {
  "use strict";
  const window = globalThis;
  const { document, navigator, fetch, origin, Object, Proxy, Blob, URL } = window;
  const { unescape, atob, btoa } = window;
  const Observer = MutationObserver;
  const element = document.currentScript;
  element?.remove(); // out of sight before the page looks
  if (element?.id) return; // a guard that is here asks whether this text may run

  const { apply, construct, get, defineProperty, deleteProperty } = Reflect;
  const describe = Reflect.getOwnPropertyDescriptor;
  const { setPrototypeOf } = Object;
  const uncurry = Function.prototype.bind.bind(Function.prototype.call);
  const bare = (object = {}) => setPrototypeOf(object, null);
  // Methods and attributes' getters of an interface by name; nothing for what is missing here.
  const from = (name) =>
    new Proxy(bare(), {
      get: (_, member) => {
        const found = window[name] && describe(window[name].prototype, member);
        return found ? uncurry(found.value || found.get) : () => nothing;
      },
    });
  const { forEach: each } = from("Array");
  const { exec } = from("RegExp");
  const { toLowerCase: lower, slice, split } = from("String");
  const { has, add, delete: forget } = from("WeakSet");
  const { addEventListener: listenTo } = from("EventTarget");
  const { target, currentTarget, stopImmediatePropagation: stop, preventDefault: prevent } = from("Event");
  const { destination } = from("NavigateEvent");
  const { url: destinationUrl } = from("NavigationDestination");
  const { observe: observeTree } = from("MutationObserver");
  const { target: changed, addedNodes } = from("MutationRecord");
  const { length: count } = from("NodeList");
  const { nodeType, ownerDocument, isConnected, parentNode, appendChild } = from("Node");
  const methods = from("Element");
  const { localName, shadowRoot, getAttribute, setAttribute, removeAttribute } = methods;
  const { remove, replaceWith } = methods;
  const { content } = from("HTMLTemplateElement");
  const { defaultView, documentElement, createElementNS: create, querySelectorAll: search } =
    from("Document");
  const { commonAncestorContainer: rangeNode } = from("Range");
  const { then } = from("Promise");
  const { createObjectURL: createUrl } = URL;
  const { type: blobType, slice: blobSlice } = from("Blob");
  const { blob: readBlob } = from("Response");
  const { candidate: eventCandidate } = from("RTCPeerConnectionIceEvent");
  const { candidate: candidateText } = from("RTCIceCandidate");
  const { toString: trustedText } = from("TrustedHTML");
  const { createHTML, createScript } = from("TrustedTypePolicy");
  const setText = uncurry(describe(HTMLScriptElement.prototype, "text").set);
  const setHtml = uncurry(describe(Element.prototype, "innerHTML").set);
  const frameElement = uncurry(describe(window, "frameElement").get);
  const frameCount = uncurry(describe(window, "length").get);
  // Where a page demands Trusted Types, its policy was made to name this one (csp.py).
  const same = (text) => text;
  let trust;
  try {
    trust = window.trustedTypes?.createPolicy("rtcguard", bare({ createHTML: same, createScript: same }));
  } catch {
    // Then what needs it fails, and shows nothing.
  }
  const trusted = (text) => (trust ? createHTML(trust, text) : text);
  const stringify = JSON.stringify;
  const iteratorKey = Symbol.iterator;
  const { token, keep } = settings;
  const blocks = settings.mode === "block";
  const enforces = settings.mode !== "observe";
  const isObject = (value) => Object(value) === value;

  // A list that no prototype can meddle with: assigning to it meets no setter, JSON finds no
  // toJSON, and the browser, which reads a sequence by its iterator, finds this one.
  const newList = (list = []) => {
    setPrototypeOf(list, null);
    const iterate = () => {
      let index = 0;
      const next = () => bare({ done: index >= list.length, value: list[index++] });
      return bare({ next });
    };
    defineProperty(list, iteratorKey, bare({ value: iterate }));
    return list;
  };
  const push = (list, value) => {
    list[list.length] = value;
  };
  // ---- Reports -------------------------------------------------------------------------------

  const beacon = navigator.sendBeacon;
  // Absolute, for a <base> would move a relative path. data: documents have no server.
  const server = exec(/^http/, origin) && origin + settings.path;

  const send = (report) => {
    report.token = token;
    try {
      if (server) apply(beacon, navigator, [server, stringify(bare(report))]);
    } catch {
      // The page's Content-Security-Policy may forbid it; the guard holds all the same.
    }
  };

  // A candidate that is not a relay's must not show up in a guarded page: this tells of a bypass.
  const onCandidate = (event) => {
    try {
      const text = event.isTrusted && candidateText(eventCandidate(event));
      if (!text || exec(/ typ relay/, text)) return;
      send({ kind: "candidate", candidate: text });
    } catch {
      // The last event has none; and listening must never disturb the page.
    }
  };

  // ---- The configuration ---------------------------------------------------------------------

  // Scheme, host, port, transport. Spaces around are allowed because browsers strip them.
  const ICE =
    /^[\0- ]*(stun|turn)(s?):(\[[^\]]*\]|[^\0- :/?#@[\]\\]+)(?::(\d+))?(?:\?transport=(udp|tcp))?[\0- ]*$/;

  // A TURN server as text, with the defaults of RFC 7065; "" for a STUN server; undefined: neither.
  const serverKey = (url) => {
    const parts = exec(ICE, lower(url));
    if (!parts) return nothing;
    const port = +(parts[4] || (parts[2] ? 5349 : 3478));
    if (port < 1 || port > 65535) return nothing;
    if (parts[1] === "stun") return parts[5] ? nothing : "";
    return parts[3] + " " + port + " " + (parts[5] || (parts[2] ? "tcp" : "udp"));
  };

  const approved = newList();
  const approvedKeys = bare();
  each(settings.servers, (server) => {
    each(server.urls, (url) => {
      approvedKeys[serverKey(url)] = true;
    });
    newList(server.urls);
    push(approved, bare(server));
  });

  // What becomes of one URL: undefined leaves it out.
  const judgeUrl = (url, complete) => {
    const key = serverKey(url);
    // Must not reach the browser, which may read it more leniently; the page gets the SyntaxError
    // that such a URL deserves.
    if (key === nothing) return ":";
    // Chromium sends a Binding request to every STUN server, even when it is relay-only. Approved
    // servers are put in anyhow.
    if (!key || approvedKeys[key]) return nothing;
    if (keep) return url;
    // A TURN server without credentials is an InvalidAccessError: leave that to the browser.
    return complete ? nothing : "turn:x.invalid";
  };

  // Reads an iterable as WebIDL's sequence<T> does, asking for nothing twice; tells if it is none.
  const collect = (iterable, take) => {
    const iterate = isObject(iterable) ? iterable[iteratorKey] : nothing;
    if (iterate == null) return true;
    const iterator = apply(iterate, iterable, []);
    const { next } = iterator;
    for (;;) {
      const step = apply(next, iterator, []);
      if (!isObject(step)) throw new TypeError();
      if (step.done) return false;
      take(step.value);
    }
  };

  // One RTCIceServer; undefined leaves it out. What the browser would refuse comes back as what it
  // refuses in the same way.
  const copyServer = (server, asked) => {
    if (server == null) return bare();
    if (!isObject(server)) return server;
    const copy = bare();
    const text = (name) => {
      const value = server[name];
      if (value !== nothing) copy[name] = `${value}`;
    };
    text("credential");
    text("credentialType");
    const { url } = server; // an old spelling, that Chromium still reads
    const { urls = url } = server;
    text("username");
    if (urls === nothing) return copy;
    copy.urls = newList();
    let dropped = false;
    const take = (value) => {
      value = `${value}`;
      if (asked.urls.length < 64) push(asked.urls, slice(value, 0, 512));
      if (enforces) value = judgeUrl(value, copy.username && copy.credential);
      if (value === nothing) dropped = true;
      else push(copy.urls, value);
    };
    if (collect(urls, take)) take(urls);
    return dropped && !copy.urls.length ? nothing : copy;
  };

  const copyServers = (servers, asked) => {
    if (servers === nothing) return enforces ? approved : nothing;
    if (!isObject(servers)) return servers;
    const list = newList();
    for (let i = 0; enforces && i < approved.length; i++) push(list, approved[i]);
    const none = collect(servers, (item) => {
      const copy = copyServer(item, asked);
      if (copy !== nothing) push(list, copy);
    });
    return none ? bare() : list;
  };

  // What the page asked for, and what the browser is given in its stead. Every member that is not
  // judged here is fetched from the page's object by the browser itself, once, whatever its name.
  const copyConfiguration = (config, asked) => {
    if (config == null) config = bare();
    if (!isObject(config)) return config;
    const iceServers = copyServers(config.iceServers, asked);
    let iceTransportPolicy = config.iceTransportPolicy;
    if (iceTransportPolicy !== nothing) asked.policy = iceTransportPolicy = `${iceTransportPolicy}`;
    // No value of an enumeration ends in a space: what is not known stays a TypeError.
    if (enforces) {
      iceTransportPolicy = exec(/^(all|relay)$/, asked.policy) ? "relay" : asked.policy + " ";
    }
    const given = bare({ iceServers, iceTransportPolicy });
    if (enforces) given.iceTransports = nothing;
    return new Proxy(
      bare(),
      bare({ get: (_, name) => (name in given ? given[name] : get(config, name)) }),
    );
  };

  // The arguments of the constructor or of setConfiguration with the first one replaced.
  const guardArguments = (args, via) => {
    const asked = { kind: "connection", policy: "all", urls: newList(), via };
    const config = copyConfiguration(args.length > 0 ? args[0] : nothing, asked);
    asked.policy = slice(asked.policy, 0, 64);
    send(asked);
    defineProperty(args, 0, bare({ value: config })); // no setter of Array.prototype sees it
  };

  // getConfiguration stays the browser's own: it shows the policy and the servers in force. Hiding
  // the relay's credentials there would be for show, since a page can read its own source, and
  // this script in it; that is why they are limited in time.

  // ---- The constructor -----------------------------------------------------------------------

  const replace = (holder, name, make, field) => {
    const found = holder && describe(holder, name);
    if (!found) return;
    field ||= (bare(found).value ? "value" : "set");
    found[field] = make(found[field]);
    if (!defineProperty(holder, name, found)) throw name;
  };
  // Puts `around` in the place of a method or accessor, and has `see` look at what came of it.
  const hook = (holder, name, around, see, field) =>
    replace(
      holder,
      name,
      (native) =>
        new Proxy(native, bare({
          apply: (_, self, args) => {
            const act = () => apply(native, self, args);
            let result;
            try {
              return (result = around ? around(act, self, args) : act());
            } finally {
              try {
                see(result, self);
              } catch {
                // What came of the call is the page's; what follows it is ours.
              }
            }
          },
        })),
      field,
    );

  const PREFIXES = ["", "webkit"];
  // What a guarded constructor answers to, whichever guard it is from: a window may have a guard of
  // its own and one of its parent. A page that imitates this only keeps itself from what it lacks.
  const mark = token;

  // A proxy keeps what the constructor has: name, length, prototype, static members, `instanceof`,
  // and new.target, so that subclasses and Reflect.construct pass through here too.
  const guardConnections = (realm, native) => {
    const Refusal = realm.DOMException;
    const made = bare({
      get: (constructor, name) => name === mark || get(constructor, name),
      construct: (constructor, args, newTarget) => {
        guardArguments(args, "constructor");
        if (blocks) throw new Refusal("Blocked", "NotAllowedError");
        const connection = construct(constructor, args, newTarget);
        listenTo(connection, "icecandidate", onCandidate);
        return connection;
      },
    });
    const guarded = new Proxy(native, made);
    const make = (found) => (found === native ? guarded : new Proxy(found, made));
    replace(native.prototype, "constructor", make);
    hook(native.prototype, "setConfiguration", (act, _, args) => {
      guardArguments(args, "setConfiguration");
      return act();
    });
    each(PREFIXES, (prefix) => replace(realm, prefix + "RTCPeerConnection", make));
  };

  // ---- Documents without a server: srcdoc, data:, blob: ---------------------------

  // A document that does not come through the proxy gets the guard in its source. This text is what
  // a Content-Security-Policy, which such documents inherit, lets run.
  const self = element?.textContent;
  const guard = "<script>" + self + "<" + "/script>";
  const HTML = "<!doctype html><meta charset=utf-8>" + guard;
  const XHTML = "http://www.w3.org/1999/xhtml";
  const NOTHING = "data:,"; // an empty text, of no origin
  const known = bare({ [NOTHING]: 1 }); // URLs that are harmless, or of our making
  const makeBlob = (part, blob, type) => new Blob(newList([part, blob]), bare({ type }));

  // XML has no place before its root where a script could stand: it is shown as an image is, which
  // SVG can be, and in which nothing runs.
  const picture = (url) => `<img src="${url}">`;
  const XML = /xml|xsl|rdf/i;
  const VAGUE = /^$|multipart|xml|xsl|rdf/i;

  // What URL.createObjectURL gives. HTML gets the guard in front, whatever its encoding: what is not
  // UTF-8 cannot be read then. Of other documents the URL stays the browser's, for images, say, and
  // is `adopt`ed where one is to be shown.
  const guardedUrl = (blob, isKnown) => {
    const type = blobType(blob);
    const html = exec(/^\s*text\/html/i, type);
    const url = apply(createUrl, URL, [html ? makeBlob(HTML, blob, "text/html") : blob]);
    if (isKnown || html || !exec(VAGUE, type)) known[url] = 1;
    return url;
  };
  const adopt = async (url, use) => {
    let blob = await readBlob(await apply(fetch, window, [url]));
    const type = blobType(blob);
    if (exec(XML, type)) blob = makeBlob("", picture(url), "text/html");
    else if (exec(VAGUE, type)) blob = blobSlice(blob, 0, nothing, "text/plain");
    use(guardedUrl(blob, true));
  };

  // A data: URL with the guard in it; undefined where that cannot be, or for a blob not known here.
  const safeUrl = (url) => {
    const found = exec(/^(?:data:([^,;]*)[^,]*?(; *base64 *)?,|blob:)([^#]*)/i, url);
    if (!found || found[0] in known) return url;
    const type = found[1];
    if (type === nothing) return type;
    try {
      const isXml = exec(XML, type);
      if (!isXml && !exec(/html/i, type)) return url;
      let text = unescape(found[3]);
      if (found[2]) text = atob(text);
      if (isXml) text = picture(url);
      const made = "data:text/html;base64," + btoa(HTML + text);
      known[made] = 1;
      return made;
    } catch {
      return nothing;
    }
  };

  // Whether the policy of a document lets the guard's text run in what inherits it.
  const runs = (page) => {
    const probe = create(page, XHTML, "script");
    setAttribute(probe, "id", mark);
    setText(probe, trust ? createScript(trust, self) : self);
    appendChild(documentElement(page), probe);
    const ran = !isConnected(probe);
    remove(probe);
    return ran;
  };

  // By the elements' names: the attribute with the source, its URL, the document that is shown.
  const kind = (name, source = "src") => {
    const of = from(`HTML${name}Element`);
    return [source, of[source], of.contentDocument];
  };
  const KINDS = bare({
    iframe: kind("IFrame"),
    frame: kind("Frame"),
    embed: kind("Embed"),
    object: kind("Object", "data"),
  });

  // Whether an element shows only what is guarded; if not, it is made so, and loads anew.
  const secure = (frame) => {
    const found = KINDS[localName(frame)];
    if (!found) return true;
    const name = found[0];
    const html = getAttribute(frame, "srcdoc");
    const url = found[1](frame);
    const to = safeUrl(url);
    const bad = html !== null && slice(html, 0, guard.length) !== guard;
    const good = !bad && to === url;
    if (good && !exec(/^(blob|data:t)/, url)) return true;
    try {
      const page = ownerDocument(frame);
      if (!runs(defaultView(page) ? page : document)) throw 0;
      if (bad) setAttribute(frame, "srcdoc", trusted(guard + html));
      if (to !== url) setAttribute(frame, name, to || NOTHING);
      if (!to) adopt(url, (made) => setAttribute(frame, name, made));
    } catch {
      // A policy without the guard in it: better nothing than one unguarded.
      removeAttribute(frame, "srcdoc");
      setAttribute(frame, name, NOTHING);
    }
    return good;
  };

  // ---- Other realms of the same origin -------------------------------------------------------

  // A frame that a script just put in has a window, with an RTCPeerConnection, at once. It is
  // guarded at the first moment at which a script can reach it: when a getter gives it out, when
  // a method that may have inserted it returns, when it has loaded, when the parser (which runs
  // the observer before the next script) put it in. Chromium and Firefox keep this first window for
  // the document that the frame then loads, if that is of the same origin: srcdoc, blob, network.
  const entered = new WeakSet(); // documents and shadow roots
  const met = new WeakSet(); // windows of frames, of any origin
  const hidden = new WeakSet(); // frames whose load event is ours alone
  let defined = false; // custom elements, whose reactions run inside of what inserts them

  const guardRealm = (realm) => {
    const page = realm.document; // throws if it is of another origin
    if (has(entered, page)) return;
    add(entered, page);
    try {
      const native = realm.RTCPeerConnection;
      if (native && !native[mark] && !native.prototype?.constructor?.[mark]) {
        guardConnections(realm, native);
        guardDoors(realm);
      }
      watch(page);
    } catch (error) {
      // Better none than one unguarded.
      each(PREFIXES, (prefix) => deleteProperty(realm, prefix + "RTCPeerConnection"));
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
  const enterDocument = (page) => enter(defaultView(page));

  const enterFrame = (frame) => enterDocument(KINDS[localName(frame)][2](frame));

  const sweep = (realm) => {
    const count = frameCount(realm);
    for (let i = 0; i < count; i++) {
      const child = realm[i];
      if (has(met, child)) continue;
      add(met, child);
      enter(child);
    }
  };

  const watch = (page) => {
    listenTo(page, "load", look, true);
    observe(page);
    sweep(defaultView(page));
  };
  const look = (event) => {
    try {
      sweep(defaultView(currentTarget(event)));
      const element = target(event);
      if (has(hidden, element)) stop(event);
      enterFrame(element);
    } catch {
      // Not a frame, or a window that is gone.
    }
  };

  // Sees to every frame in a tree, as it comes in and as its attributes change.
  const observe = (root) => {
    add(entered, root);
    const observer = new Observer((records) => {
      sweep(defaultView(ownerDocument(root) || root));
      for (let i = 0; i < records.length; i++) {
        const element = changed(records[i]);
        if (nodeType(element) === 1) secure(element);
        const nodes = addedNodes(records[i]);
        for (let j = count(nodes) - 1; j >= 0; j--) scan(nodes[j]);
      }
    });
    observeTree(
      observer,
      root,
      bare({
        childList: true,
        subtree: true,
        attributeFilter: newList(["src", "srcdoc", "data"]),
      }),
    );
    scan(root);
  };

  const scan = (node) => {
    const one = (element) => {
      secure(element);
      const root = shadowRoot(element);
      if (root && !has(entered, root)) observe(root);
    };
    const type = nodeType(node);
    if (type === 1) one(node);
    const all = select(node, "*");
    for (let i = all ? count(all) - 1 : -1; i >= 0; i--) one(all[i]);
  };
  const selectors = bare({
    1: methods.querySelectorAll,
    9: search,
    11: from("DocumentFragment").querySelectorAll,
  });
  const select = (node, what) => {
    const find = selectors[nodeType(node)];
    return find && find(node, what);
  };

  const isNode = (value) => {
    try {
      return nodeType(value);
    } catch {
      return 0;
    }
  };

  // There must be room on the stack for what follows an insertion, before it is done.
  const room = (depth = 1500) => (depth ? room(depth - 1) + 1 : 0);

  // Scripts and reactions of custom elements run inside of the method that inserts them, when a
  // frame beside them already has a window; but one without a source has loaded, and been guarded,
  // by then. So the sources are taken away, and put back afterwards.
  const hold = (nodes, act) => {
    const held = newList();
    let risk = defined;
    for (let i = 0; i < nodes.length; i++) {
      if (!isNode(nodes[i])) continue;
      const look = (frame) => {
        secure(frame); // a source that began to load may run before it is taken back
        if (exec(/^i?frame$/, localName(frame))) push(held, frame);
        else risk = true;
      };
      if (nodeType(nodes[i]) === 1) look(nodes[i]);
      const found = select(nodes[i], "iframe,frame,object,embed,script,svg");
      for (let j = 0; found && j < count(found); j++) look(found[j]);
    }
    if (!held.length) return act();
    room();
    if (!risk) return act();
    const kept = newList();
    each(held, (frame) => {
      each(["srcdoc", "src"], (name) => {
        const value = getAttribute(frame, name);
        if (value === null) return;
        removeAttribute(frame, name);
        push(kept, [frame, name, value]);
        add(hidden, frame);
      });
    });
    try {
      return act();
    } finally {
      for (let i = 0; i < kept.length; i++) {
        forget(hidden, kept[i][0]);
        setAttribute(kept[i][0], kept[i][1], trusted(kept[i][2]));
      }
    }
  };

  const FRAME = /<(i?frame|object|embed)/i;
  const inert = document.implementation.createHTMLDocument("");
  const HOLE = `template[id="${mark}"]`;

  // Markup with frames in it becomes nodes where nothing runs. They are put in with their sources
  // held, in place of a template that marks where the browser would have put them.
  const MARKUP = bare({ innerHTML: 0, outerHTML: 0, setHTMLUnsafe: 0 });
  MARKUP.insertAdjacentHTML = 1;
  MARKUP.execCommand = 2;
  const insertMarkup = (at, act, self, args) => {
    if (args.length <= at || args[at] === null) return act();
    let html;
    try {
      html = trustedText(args[at]);
    } catch {
      html = args[at] = `${args[at]}`;
    }
    if (!exec(FRAME, html)) return act();
    room();
    if (!isConnected(self) || !(defined || exec(/srcdoc|data:|blob:/i, html))) return act();
    const box = create(inert, XHTML, "template");
    setHtml(box, args[at]);
    args[at] = trusted(`<template id="${mark}"></template>`);
    const around = parentNode(self) || self;
    const result = act();
    const hole = select(around, HOLE)[0];
    const made = content(box);
    hold([made], () => replaceWith(hole, made));
    return result;
  };

  const INSERTERS =
    "Node appendChild insertBefore replaceChild|Range insertNode surroundContents" +
    "|Element insertAdjacentElement insertAdjacentHTML innerHTML outerHTML setHTMLUnsafe" +
    "|ShadowRoot innerHTML setHTMLUnsafe|Document body execCommand|HTMLSelectElement add" +
    "|HTMLOptionsCollection add|HTMLTableElement caption tHead tFoot";
  const TREE = " append prepend before after replaceWith replaceChildren moveBefore";
  const TREES = "|Element|CharacterData|DocumentType|Document|DocumentFragment";

  // All that puts a node into a document, or gives out the window of another one.
  const guardDoors = (realm) => {
    const on = (name, member, around, see, field) =>
      hook(realm[name]?.prototype, member, around, see, field);
    const settle = (_, self) => {
      const page = ownerDocument(self) || self;
      if (page === self) listenTo(page, "load", look, true); // document.open() takes it off
      sweep(defaultView(page));
    };

    each(split(INSERTERS + TREES, "|"), (row, index) => {
      const names = split(index < 8 ? row : row + TREE, " ");
      const isRange = names[0] === "Range";
      each(names, (member, index) => {
        if (!index) return;
        const around = (act, self, args) => {
          if (member in MARKUP) return insertMarkup(MARKUP[member], act, self, args);
          return isNode(self) && !isConnected(self) ? act() : hold(args, act);
        };
        const see = (_, self) => settle(_, isRange ? rangeNode(self) : self);
        on(names[0], member, around, see);
      });
    });
    // Piece by piece, so that a frame is seen to before what stands behind it runs.
    const { write } = realm.document;
    each(["write", "writeln"], (name) =>
      on("Document", name, (_, self, args) => {
        let text = "";
        for (let i = 0; i < args.length; i++) text += `${args[i]}`;
        if (name === "writeln") text += "\n";
        do {
          const piece = exec(/^[^>]*>?/, text)[0];
          room();
          apply(write, self, [trusted(piece)]);
          settle(_, self);
          text = slice(text, piece.length);
        } while (text);
      }),
    );
    on("Document", "open", null, (opened, self) => {
      settle(0, self);
      enter(opened); // it may be window.open by another name
    });
    hook(realm, "open", null, enter);
    each(["IFrame", "Frame", "Object"], (tag) => {
      const name = `HTML${tag}Element`;
      const see = (_, self) => enterFrame(self);
      on(name, "contentWindow", null, see, "get");
      on(name, "contentDocument", null, see, "get");
      on(name, "getSVGDocument", null, see);
    });
    on("Element", "attachShadow", (act) => room() && act(), observe);
    on("CustomElementRegistry", "define", (act) => {
      defined = true;
      return act();
    });
    hook(realm.URL, "createObjectURL", (act, _, args) => {
      try {
        blobType(args[0]);
      } catch {
        return act(); // no blob: no document either
      }
      return guardedUrl(args[0]);
    });
    on("DocumentPictureInPicture", "requestWindow", (act) => then(act(), (opened) => enter(opened) || opened));
    // Every navigation of a window that has shown a document passes here first. A window's first
    // about:blank tells of none; there the sources are all that is guarded.
    if (realm.navigation) {
      listenTo(realm.navigation, "navigate", (event) => {
        try {
          const url = destinationUrl(destination(event));
          const go = (made) => realm.location.replace(made);
          if (url === "about:srcdoc") return secure(frameElement(realm)) || prevent(event);
          const to = safeUrl(url);
          if (to === url) return;
          prevent(event);
          if (to) go(to);
          else adopt(url, go);
        } catch {
          prevent(event);
        }
      });
    }
  };

  guardRealm(window);
  if (exec(/^http/, document.URL)) send({ kind: "guard" });
}
