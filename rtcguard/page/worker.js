// In front of every script of a service worker: what the worker answers where a document is opened
// goes through the proxy first, which puts the page guard in as it does everywhere else.
//
// One expression, given the reserved path for that (worker.py writes it in and takes the comments
// and line ends out). script/captured.js tells the rules that hold here too; one more: a promise of
// ours has its own `constructor` and `then`, for awaiting it would ask Promise.prototype, the
// worker's own.
(path) => {
  "use strict";
  const { apply, construct } = Reflect;
  const { defineProperty, getOwnPropertyDescriptor } = Object;
  const uncurry = Function.prototype.bind.bind(Function.prototype.call);
  const { fetch, location, Promise, Response, FetchEvent, InstallEvent } = globalThis;
  if (!FetchEvent) return; // another kind of worker, which imports the same module
  const native = FetchEvent.prototype.respondWith;
  const mark = "rtcguard";
  if (getOwnPropertyDescriptor(native, mark)) return;
  const read = (holder, name) => uncurry(getOwnPropertyDescriptor(holder.prototype, name).get);
  const requestOf = read(FetchEvent, "request");
  const modeOf = read(Request, "mode");
  const destinationOf = read(Request, "destination");
  const typeOf = read(Response, "type");
  const statusOf = read(Response, "status");
  const statusTextOf = read(Response, "statusText");
  const urlOf = read(Response, "url");
  const okOf = read(Response, "ok");
  const bodyOf = read(Response, "body");
  const headersOf = read(Response, "headers");
  const bytesOf = uncurry(Response.prototype.arrayBuffer);
  const errorOf = Response.error;
  const getHeader = uncurry(Headers.prototype.get);
  const eachHeader = uncurry(Headers.prototype.forEach);
  const exec = uncurry(RegExp.prototype.exec);
  const ATTACHMENT = /^attachment/i;
  const { parse, stringify } = JSON;
  const target = location.origin + path;
  const DOCUMENTS = {
    __proto__: null,
    document: 1, iframe: 1, frame: 1, object: 1, embed: 1, fencedframe: 1,
  };
  // What the proxy judges a document by, and edits; a list with nothing above it.
  const NAMES = ["content-type", "content-disposition", "x-content-type-options", "link",
    "content-security-policy", "content-security-policy-report-only"];

  const then = Promise.prototype.then;
  const ours = (promise) => {
    defineProperty(promise, "constructor", { __proto__: null, value: Promise });
    return defineProperty(promise, "then", { __proto__: null, value: then });
  };
  // A promise that is given an object looks for its `then`, on Object.prototype at last.
  const settled = (response) => defineProperty(response, "then", { __proto__: null });

  // Reads the worker's answer once, and makes another of it, which the worker has no hand on.
  const guarded = async (response) => {
    const kind = typeOf(response); // throws for what is no Response, as the browser would
    if (kind === "error" || kind === "opaque" || kind === "opaqueredirect") return settled(response);
    const headers = { __proto__: null };
    eachHeader(headersOf(response), (value, name) => (headers[name] = value));
    const status = statusOf(response);
    const statusText = statusTextOf(response);
    const make = (body) =>
      settled(construct(Response, [body, { __proto__: null, status, statusText, headers }]));
    if (status === 204 || status === 205 || status === 304) return make(null);
    if (exec(ATTACHMENT, headers["content-disposition"] || "")) return make(bodyOf(response));
    const head = { __proto__: null };
    for (let i = 0; i < NAMES.length; i++) {
      if (headers[NAMES[i]] !== undefined) head[NAMES[i]] = headers[NAMES[i]];
    }
    const body = await ours(bytesOf(response));
    const answer = await ours(apply(fetch, globalThis, [target, {
      __proto__: null,
      method: "POST",
      mode: "same-origin",
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      headers: { __proto__: null, "rtcguard-head": stringify(head) },
      body,
    }]));
    // The worker may slip in another answer: one of the proxy's own does no harm.
    const edited = getHeader(headersOf(answer), "rtcguard-head");
    if (urlOf(answer) !== target || !okOf(answer) || edited === null) {
      return settled(apply(errorOf, Response, []));
    }
    const sent = parse(edited);
    for (let i = 0; i < NAMES.length; i++) {
      const found = getOwnPropertyDescriptor(sent, NAMES[i]);
      if (found) headers[NAMES[i]] = found.value;
      else delete headers[NAMES[i]];
    }
    return make(bodyOf(answer));
  };

  const respond = new Proxy(native, {
    __proto__: null,
    apply: (method, event, args) => {
      const request = requestOf(event);
      const opens = modeOf(request) === "navigate" || DOCUMENTS[destinationOf(request)];
      if (!opens || args.length === 0) return apply(method, event, args);
      const answered = args[0];
      const made = (async () => await ours(guarded(await answered)))();
      return apply(method, event, [ours(made)]);
    },
  });
  defineProperty(native, mark, { __proto__: null, value: 1 });
  defineProperty(FetchEvent.prototype, "respondWith", {
    __proto__: null,
    ...getOwnPropertyDescriptor(FetchEvent.prototype, "respondWith"),
    value: respond,
  });
  // Static routes would show what lies in a cache without asking the worker.
  if (InstallEvent) delete InstallEvent.prototype.addRoutes;
}
