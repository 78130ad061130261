  // Goes on from the file before (guard.py says in which order); the rules stand in captured.js.

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

  // A server, its place as text, with the defaults of RFC 7064 and 7065; undefined: it is none.
  const readServer = (url) => {
    const parts = exec(ICE, lower(url));
    if (!parts) return nothing;
    const port = +(parts[4] || (parts[2] ? 5349 : 3478));
    const turn = parts[1] === "turn";
    if (port < 1 || port > 65535 || (parts[5] && !turn)) return nothing;
    const place = parts[3] + " " + port + " " + (parts[5] || (parts[2] ? "tcp" : "udp"));
    return bare({ turn, place, text: parts[1] + parts[2] + ":" + place });
  };

  const approved = newList();
  const approvedPlaces = bare();
  each(settings.servers, (server) => {
    each(server.urls, (url) => {
      approvedPlaces[readServer(url).place] = true;
    });
    newList(server.urls);
    push(approved, bare(server));
  });

  const rules = newList();
  each(settings.rules, (rule) => {
    const not = rule[2] && new RegExp(rule[2]);
    push(rules, bare({ action: rule[0], of: new RegExp(rule[1]), not }));
  });

  // What the first rule that is of a server says; undefined: none is.
  const ruleFor = (text) => {
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i];
      if (exec(rule.of, text) && !(rule.not && exec(rule.not, text))) return rule.action;
    }
  };

  // What becomes of one URL: undefined leaves it out.
  const judgeUrl = (url, complete, seen) => {
    const server = readServer(url);
    // Must not reach the browser, which may read it more leniently; the page gets the SyntaxError
    // that such a URL deserves.
    if (!server) return ":";
    const { turn } = server;
    const isApproved = turn && approvedPlaces[server.place];
    const says = ruleFor(server.text);
    seen[says === "drop" && !isApproved ? "dropped" : "replaced"] = true;
    if (isApproved) return nothing; // put in anyhow
    // Chromium sends a Binding request to every STUN server, even when it is relay-only.
    if (says ? says === "keep" : keep && turn) return url;
    // A TURN server without credentials is an InvalidAccessError: leave that to the browser.
    return complete || !turn ? nothing : "turn:x.invalid";
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
  const copyServer = (server, asked, seen) => {
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
      if (enforces) value = judgeUrl(value, copy.username && copy.credential, seen);
      if (value === nothing) dropped = true;
      else push(copy.urls, value);
    };
    if (collect(urls, take)) take(urls);
    return dropped && !copy.urls.length ? nothing : copy;
  };

  const copyServers = (servers, asked) => {
    if (servers === nothing) return enforces ? approved : nothing;
    if (!isObject(servers)) return servers;
    const own = newList();
    const seen = bare();
    const none = collect(servers, (item) => {
      const copy = copyServer(item, asked, seen);
      if (copy !== nothing) push(own, copy);
    });
    if (none) return bare();
    const list = newList();
    // In the place of what a rule drops, nothing comes.
    const offers = enforces && (seen.replaced || !seen.dropped);
    for (let i = 0; offers && i < approved.length; i++) push(list, approved[i]);
    for (let i = 0; i < own.length; i++) push(list, own[i]);
    return list;
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
