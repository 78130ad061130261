  // Goes on from the file before (guard.py says in which order); the rules stand in captured.js.

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
