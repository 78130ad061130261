// Whether this browser has WebRTC in workers, where the page guard does not reach.
postMessage(typeof RTCPeerConnection === "function");
