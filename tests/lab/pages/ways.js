// Tries one way around the guard, and writes down what a page gets by it. The ways themselves are in
// tests/page/ways.js. They meddle with built-ins, so little is used here once one has begun.
"use strict";

const GATHERING_MS = 2500;

const within = (ms, promise) => Promise.race([
  promise,
  new Promise((_, reject) => setTimeout(() => reject(new Error(`nothing after ${ms} ms`)), ms)),
]);

async function gather(pc, lab) {
  const gathered = new Promise((resolve) => {
    pc.addEventListener("icecandidate", ({candidate}) => {
      if (candidate) lab.candidates[lab.candidates.length] = candidate.candidate;
      else resolve();
    });
  });
  pc.createDataChannel("lab");
  await pc.setLocalDescription(await pc.createOffer());
  await within(GATHERING_MS, gathered).catch(() => {});
  lab.sdp = pc.localDescription.sdp;
  lab.configuration = pc.getConfiguration();
}

// `patience`: a promise that is not settled after so many ms means that the way led nowhere.
async function attempt([name, ice, patience]) {
  const lab = window.__lab = {done: false, error: null, configuration: null, candidates: [], sdp: ""};
  try {
    const pc = await within(patience, WAYS[name](ice));
    try {
      await gather(pc, lab);
    } finally {
      pc.close();
    }
  } catch (error) {
    lab.error = `${error && error.message || error}`;
  }
  lab.done = true;
}
