// Runs in the page: two peer connections, their descriptions, candidates and statistics.
window.call = async ({ media, policy, servers, restart }) => {
  const config = { iceServers: servers, iceTransportPolicy: policy ?? "all" };
  const [one, two] = [new RTCPeerConnection(config), new RTCPeerConnection(config)];
  const candidates = { one: [], two: [] };
  const complete = (peer, into) =>
    new Promise((resolve) => {
      peer.onicecandidate = ({ candidate }) => {
        if (!candidate) return resolve();
        into.push(candidate.toJSON());
      };
    });
  if (media) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of stream.getTracks()) {
      one.addTrack(track, stream);
      two.addTrack(track, stream);
    }
  }
  const channel = one.createDataChannel("chat");
  const opened = new Promise((resolve) => (channel.onopen = resolve));
  // Candidates are exchanged when all are there: a connected Chromium gathers no more.
  const gathered = [complete(one, candidates.one), complete(two, candidates.two)];
  const early = await one.createOffer();
  await one.setLocalDescription(early);
  await two.setRemoteDescription(early);
  const reply = await two.createAnswer();
  await two.setLocalDescription(reply);
  await one.setRemoteDescription(reply);
  const within = (promise) =>
    Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 15000, "late"))]);
  const late = [await within(Promise.all(gathered))];
  for (const candidate of candidates.one) await two.addIceCandidate(candidate);
  for (const candidate of candidates.two) await one.addIceCandidate(candidate);
  late.push(await within(opened));
  const result = {
    late: late.includes("late"),
    early: early.sdp,
    offer: JSON.parse(JSON.stringify(one.localDescription)),
    answer: JSON.parse(JSON.stringify(two.localDescription)),
    candidates: candidates.one,
    stats: [...(await one.getStats()).values()],
  };
  if (restart) {
    const again = complete(one, []);
    await one.setLocalDescription(await one.createOffer({ iceRestart: true }));
    await within(again);
    result.restart = one.localDescription.sdp;
  }
  one.close();
  two.close();
  return result;
};
