// Finds out what the page could not say when it was made: whether this browser comes through the
// proxy, and whether it trusts the authority. An image at rtcguard.test comes in no other way.
"use strict";

const PATIENCE = 8000; // milliseconds

function arrives(url) {
  return new Promise((resolve) => {
    const image = new Image();
    const timer = setTimeout(() => resolve("unknown"), PATIENCE);
    const settle = (state) => () => { clearTimeout(timer); resolve(state); };
    image.onload = settle("yes");
    image.onerror = settle("no");
    image.src = `${url}?${Date.now()}`;
  });
}

function show(step, state) {
  step.dataset.state = state;
  for (const text of step.querySelectorAll("[data-when]")) {
    text.hidden = !text.dataset.when.split(" ").includes(state);
  }
}

async function find() {
  for (const step of document.querySelectorAll("[data-probe]")) {
    if (step.dataset.state === "yes") continue;
    show(step, "asking");
    const state = await arrives(step.dataset.probe);
    show(step, state);
    if (state !== "yes" && step.id === "proxy") {
      show(document.getElementById("trust"), "later");
      return;
    }
  }
}

find();
