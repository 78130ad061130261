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
