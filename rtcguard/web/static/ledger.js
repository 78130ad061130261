// The ledger's events as they come (server-sent events). What an event says was chosen by web pages:
// it is only ever put in as text.
"use strict";
(() => {
  const live = document.getElementById("live");
  const most = Number(live.dataset.most);
  const table = document.getElementById("events");
  const body = table.tBodies[0];
  const pause = document.getElementById("pause");
  const state = document.getElementById("state");
  const said = document.getElementById("said");
  const pattern = document.getElementById("row").content.querySelector("tr");
  const SAY_EVERY = 15000; // milliseconds between two sentences for screen readers

  let source = null;
  let last = live.dataset.after; // the last event that came
  let held = []; // the newest that came while it was paused, the oldest first
  let count = 0, waiting = 0, missed = 0, some = false, told = 0, paused = false;
  let connection = "Connecting …";
  const shown = new Set([...body.rows].map((row) => row.dataset.id));

  const put = (place, text) => {
    (place.querySelector("bdi") ?? place).textContent = text;
    place.hidden = !text;
  };

  const leads = (place, text, href) => {
    put(place, text);
    if (text) place.setAttribute("href", href);
    else place.removeAttribute("href");
  };

  const made = (event) => {
    const row = pattern.cloneNode(true);
    const part = (name) => row.querySelector(`[data-f="${name}"]`);
    row.dataset.id = event.id;
    const clock = part("clock");
    clock.textContent = event.clock;
    clock.dateTime = event.time;
    clock.title = event.day;
    part("day").textContent = event.day;
    part("done").textContent = event.done;
    part("done").className = `badge a-${event.action}`;
    part("ring").textContent = event.ring;
    leads(part("site"), event.site, `/ledger?site=${encodeURIComponent(event.site)}`);
    const client = part("client");
    if (client) leads(client, event.client, `/ledger?client=${encodeURIComponent(event.client)}`);
    part("text").textContent = event.text;
    part("times").textContent = event.times;
    part("by").hidden = !event.rule;
    leads(part("rule"), event.link ? event.rule : "", event.link);
    put(part("unlinked"), event.link ? "" : event.rule);
    const call = part("call");
    call.hidden = !event.call;
    if (event.call) call.setAttribute("href", `/ledger/calls/${encodeURIComponent(event.id)}`);
    else call.removeAttribute("href");
    part("calltime").textContent = event.clock;
    return row;
  };

  // Rows that would not stay are not made at all: there may be a thousand events a second.
  const show = (events) => {
    const rows = document.createDocumentFragment();
    for (const event of events.slice(-most)) {
      if (shown.has(event.id)) continue;
      shown.add(event.id);
      rows.prepend(made(event));
    }
    body.prepend(rows);
    while (body.rows.length > most) {
      shown.delete(body.rows[body.rows.length - 1].dataset.id);
      body.deleteRow(-1);
    }
    if (body.rows.length) {
      table.hidden = false;
      document.getElementById("none").hidden = true;
    }
  };

  const number = (value) => value.toLocaleString("en");

  const tell = () => {
    const parts = [paused ? "Paused" : connection];
    parts.push(`${number(count)} since this page was opened`);
    if (paused && waiting) parts.push(`${number(waiting)} wait`);
    if (missed) parts.push(`${number(missed)} too many at once, not shown here`);
    if (some) parts.push("some are not shown here: load the page again");
    state.textContent = `${parts.join("; ")}.`;
    const now = Date.now();
    if (now - told >= SAY_EVERY && count) {
      told = now;
      said.textContent = state.textContent;
    }
  };

  const take = (message) => {
    const events = JSON.parse(message.data);
    connection = "Live";
    last = message.lastEventId;
    count += events.length;
    if (paused) {
      waiting += events.length;
      held = held.concat(events).slice(-most);
    } else {
      show(events);
    }
    tell();
  };

  const close = () => {
    source?.close();
    source = null;
  };

  const open = () => {
    const address = new URL(live.dataset.stream, location.href);
    if (last) address.searchParams.set("after", last);
    source = new EventSource(address);
    source.addEventListener("open", () => {
      connection = "Live";
      tell();
    });
    source.addEventListener("error", () => {
      // A refusal ends it; a connection that broke is made again by the browser.
      connection = source.readyState === EventSource.CLOSED
        ? "Not live: too many pages are open, or this one is not allowed it any longer"
        : "The connection broke, and is tried again";
      tell();
    });
    source.addEventListener("events", take);
    source.addEventListener("missed", (message) => {
      const what = JSON.parse(message.data);
      connection = "Live";
      missed += what.count;
      some ||= what.some;
      tell();
    });
    source.addEventListener("trouble", () => {
      connection = "The ledger cannot be read at the moment, and is tried again";
      tell();
    });
  };

  const setPaused = (to) => {
    paused = to;
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) {
      show(held);
      held = [];
      waiting = 0;
    }
    tell();
    said.textContent = state.textContent;
  };

  pause.addEventListener("click", () => setPaused(!paused));
  // Who is within the rows by keyboard would lose the place.
  body.addEventListener("focusin", () => {
    if (!paused) setPaused(true);
  });
  // A browser has few connections to one site: a page that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!source) open();
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => {
    if (event.persisted && !source) open();
  });

  live.hidden = false;
  if (!document.hidden) open();
})();
