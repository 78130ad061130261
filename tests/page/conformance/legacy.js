// Callbacks instead of promises (section 4.4.3), and names from before the standard.
"use strict";

// Which of the two callbacks came, with what, and what the call itself gave back.
function called(operate) {
  return new Promise((resolve) => {
    let returned;
    const answer =
      (which) =>
      (...args) =>
        queueMicrotask(() => {
          const told = args.map((item) =>
            item instanceof Error || item instanceof DOMException
              ? nameOf(item)
              : (item?.type ?? typeof item),
          );
          resolve({which, told, returned: Object.prototype.toString.call(returned)});
        });
    try {
      returned = operate(answer("success"), answer("failure"));
      returned?.catch?.((error) => resolve({rejected: nameOf(error)}));
    } catch (error) {
      resolve({threw: nameOf(error)});
    }
    pause(600).then(() =>
      resolve({which: "neither", returned: Object.prototype.toString.call(returned)}),
    );
  });
}

check("legacy: createOffer", () => called((good, bad) => peer().createOffer(good, bad)));
check("legacy: createOffer with options", async () => {
  const pc = peer();
  const found = await called((good, bad) => pc.createOffer(good, bad, {offerToReceiveAudio: true}));
  return [found, pc.getTransceivers().length];
});
check("legacy: createOffer on a closed connection", () => {
  const pc = peer();
  pc.close();
  return called((good, bad) => pc.createOffer(good, bad));
});
check("legacy: createOffer without the second callback", () =>
  failure(() => peer().createOffer(() => {})),
);
check("legacy: createOffer with callbacks null", () =>
  failure(() => peer().createOffer(null, null)),
);
check(
  "legacy: createOffer resolves with nothing",
  async () =>
    typeof (await peer().createOffer(
      () => {},
      () => {},
    )),
);
check("legacy: createAnswer", async () => {
  const pc = peer();
  await pc.setRemoteDescription(OFFER);
  return called((good, bad) => pc.createAnswer(good, bad));
});
check("legacy: createAnswer without an offer", () =>
  called((good, bad) => peer().createAnswer(good, bad)),
);
check("legacy: setLocalDescription", async () => {
  const pc = peer();
  const offer = await pc.createOffer();
  return called((good, bad) => pc.setLocalDescription(offer, good, bad));
});
check("legacy: setLocalDescription of an answer", () =>
  called((good, bad) => peer().setLocalDescription({type: "answer", sdp: OFFER.sdp}, good, bad)),
);
check("legacy: setRemoteDescription", () =>
  called((good, bad) => peer().setRemoteDescription(OFFER, good, bad)),
);
check("legacy: setRemoteDescription of nonsense", () =>
  called((good, bad) => peer().setRemoteDescription({type: "offer", sdp: "x"}, good, bad)),
);
check("legacy: setRemoteDescription of a wrong type", () =>
  called((good, bad) => peer().setRemoteDescription({type: "bogus"}, good, bad)),
);
check("legacy: addIceCandidate", async () => {
  const pc = peer();
  await pc.setRemoteDescription(OFFER);
  const line = "candidate:1 1 udp 2113937151 127.0.0.1 9 typ host";
  return called((good, bad) => pc.addIceCandidate({candidate: line, sdpMid: "0"}, good, bad));
});
check("legacy: addIceCandidate without a description", () =>
  called((good, bad) =>
    peer().addIceCandidate(
      {candidate: "candidate:1 1 udp 1 127.0.0.1 9 typ host", sdpMid: "0"},
      good,
      bad,
    ),
  ),
);
check("legacy: getStats", () => called((good, bad) => peer().getStats(good, bad)));
check("legacy: getStats of a track", () => called((good, bad) => peer().getStats(null, good, bad)));
check("legacy: what a callback throws", async () => {
  const told = next(window, "error");
  peer().createOffer(
    () => {
      throw new RangeError("of mine");
    },
    () => {},
  );
  return Promise.race([
    told.then((event) => {
      event.preventDefault();
      return event.message;
    }),
    pause(300).then(() => "nothing"),
  ]);
});
check("legacy: a call by callbacks alone", async () => {
  const [a, b] = peers();
  a.createDataChannel("x");
  const log = [];
  await new Promise((resolve, reject) => {
    const step = (name, then) => (made) => {
      log.push(name);
      then(made);
    };
    a.createOffer(
      step("offer", (offer) =>
        a.setLocalDescription(
          offer,
          step("local", () =>
            b.setRemoteDescription(
              offer,
              step("remote", () =>
                b.createAnswer(
                  step("answer", (answer) =>
                    b.setLocalDescription(
                      answer,
                      step("local", () =>
                        a.setRemoteDescription(answer, step("remote", resolve), reject),
                      ),
                      reject,
                    ),
                  ),
                  reject,
                ),
              ),
              reject,
            ),
          ),
          reject,
        ),
      ),
      reject,
    );
  });
  return [log, a.signalingState, b.signalingState];
});

const OLD_NAMES = [
  "webkitRTCPeerConnection",
  "mozRTCPeerConnection",
  "RTCSessionDescription",
  "mozRTCSessionDescription",
  "RTCIceCandidate",
  "mozRTCIceCandidate",
  "RTCPeerConnectionStatic",
  "RTCIceGatherer",
  "RTCIdentityAssertion",
];
check("legacy: old names on the window", () =>
  Object.fromEntries(OLD_NAMES.map((name) => [name, typeof window[name]])),
);
check("legacy: old names are the same class", () =>
  OLD_NAMES.slice(0, 2).map((name) => window[name] && window[name] === RTCPeerConnection),
);
check("legacy: an instance by an old name", () => {
  const Old = window.webkitRTCPeerConnection ?? window.mozRTCPeerConnection ?? RTCPeerConnection;
  const pc = track(new Old({iceServers: []}, {optional: []}));
  return [
    pc instanceof RTCPeerConnection,
    pc instanceof Old,
    Old.name,
    pc.constructor === RTCPeerConnection,
  ];
});
const OLD_MEMBERS = [
  "addStream",
  "removeStream",
  "getLocalStreams",
  "getRemoteStreams",
  "getStreamById",
  "createDTMFSender",
  "updateIce",
  "onaddstream",
  "onremovestream",
  "onidentityresult",
  "setIdentityProvider",
  "getIdentityAssertion",
  "generateCertificate",
];
check("legacy: old members", () => {
  const pc = peer();
  return Object.fromEntries(OLD_MEMBERS.map((name) => [name, name in pc]));
});
check("legacy: a stream is added whole", () => {
  const pc = peer();
  if (!pc.addStream) return "no such member";
  pc.addStream(picture());
  return [pc.getLocalStreams?.().length, pc.getSenders().length];
});
check("legacy: constraints of createOffer", () =>
  failure(() => peer().createOffer({mandatory: {OfferToReceiveAudio: true}, optional: []})),
);
