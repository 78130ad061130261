// Tries one way around the guard, and writes down what a page gets by it. The ways themselves are in
// tests/page/ways.js. They meddle with built-ins, so little is used here once one has begun.
"use strict";

const WAY_MS = 4000;        // a promise that is not settled by then means that the way led nowhere
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

async function attempt([name, ice]) {
  const lab = window.__lab = {done: false, error: null, configuration: null, candidates: [], sdp: ""};
  try {
    const pc = await within(WAY_MS, WAYS[name](ice));
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
