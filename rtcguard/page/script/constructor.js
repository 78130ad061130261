  // Goes on from the file before (guard.py says in which order); the rules stand in captured.js.

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
