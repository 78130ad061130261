  // Goes on from the file before (guard.py says in which order); the rules stand in captured.js.

  // ---- What puts a node in, or gives out a window --------------------------------------------

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
