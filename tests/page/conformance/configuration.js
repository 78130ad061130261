// RTCConfiguration: sections 4.2.1 to 4.2.6, 4.4.1.6 ("set the configuration"), getConfiguration and
// setConfiguration. What is wrong in a configuration is asked twice, of either way to give one.
"use strict";

const TURN = {urls: "turn:turn.invalid", username: "u", credential: "c"};

const servers = (...list) => ({iceServers: list});
const CONFIGURATIONS = {
  "iceServers a number": {iceServers: 5},
  "iceServers a string": {iceServers: "ab"},
  "iceServers null": {iceServers: null},
  "iceServers an object": {iceServers: {}},
  "iceServers undefined": {iceServers: undefined},
  "iceServers empty": servers(),
  "a server null": servers(null),
  "a server undefined": servers(undefined),
  "a server a number": servers(5),
  "a server a string": servers("stun:127.0.0.1"),
  "a server without members": servers({}),
  "a server with url only": servers({url: "stun:127.0.0.1"}),
  "a server with url and urls": servers({url: "stun:127.0.0.1", urls: "stun:127.0.0.1"}),
  "urls null": servers({urls: null}),
  "urls undefined": servers({urls: undefined}),
  "urls a number": servers({urls: 5}),
  "urls a symbol": servers({urls: Symbol("x")}),
  "urls an empty array": servers({urls: []}),
  "urls an empty string": servers({urls: ""}),
  "urls an array with an empty string": servers({urls: [""]}),
  "urls an array of arrays": servers({urls: [["stun:127.0.0.1"]]}),
  "a good and a bad url": servers({urls: ["stun:127.0.0.1", "http://127.0.0.1"]}),
  "a good and a bad server": servers({urls: "stun:127.0.0.1"}, {urls: "http://127.0.0.1"}),
  stun: servers({urls: "stun:127.0.0.1"}),
  "stun in capitals": servers({urls: "STUN:127.0.0.1"}),
  "stun, two urls": servers({urls: ["stun:127.0.0.1", "stun:127.0.0.1:3479"]}),
  "stun, a name": servers({urls: "stun:stun.invalid"}),
  "stun, a name that is not ASCII": servers({urls: "stun:stün.invalid"}),
  "stun, a very long name": servers({urls: `stun:${"a".repeat(300)}.invalid`}),
  "stun, IPv6": servers({urls: "stun:[::1]:3478"}),
  "stun, IPv6 without brackets": servers({urls: "stun:::1"}),
  "stun, IPv6 not closed": servers({urls: "stun:[::1"}),
  "stun, spaces around": servers({urls: " stun:127.0.0.1 "}),
  "stun, a space within": servers({urls: "stun:127.0 .0.1"}),
  "stun, a line break at the end": servers({urls: "stun:127.0.0.1\n"}),
  "stun, nothing behind it": servers({urls: "stun:"}),
  "stun, only a port": servers({urls: "stun::3478"}),
  "stun, an empty port": servers({urls: "stun:127.0.0.1:"}),
  "stun, port 0": servers({urls: "stun:127.0.0.1:0"}),
  "stun, a port that is blocked": servers({urls: "stun:127.0.0.1:9"}),
  "stun, port 65535": servers({urls: "stun:127.0.0.1:65535"}),
  "stun, port 65536": servers({urls: "stun:127.0.0.1:65536"}),
  "stun, a port of letters": servers({urls: "stun:127.0.0.1:abc"}),
  "stun, a negative port": servers({urls: "stun:127.0.0.1:-1"}),
  "stun, slashes": servers({urls: "stun://127.0.0.1"}),
  "stun, a path": servers({urls: "stun:127.0.0.1/path"}),
  "stun, a fragment": servers({urls: "stun:127.0.0.1#x"}),
  "stun, a user": servers({urls: "stun:user@127.0.0.1"}),
  "stun, a transport": servers({urls: "stun:127.0.0.1?transport=udp"}),
  "stun, an empty query": servers({urls: "stun:127.0.0.1?"}),
  "stun with credentials": servers({urls: "stun:127.0.0.1", username: "u", credential: "c"}),
  stuns: servers({urls: "stuns:127.0.0.1"}),
  "another scheme": servers({urls: "foo:127.0.0.1"}),
  https: servers({urls: "https://127.0.0.1/"}),
  "no scheme": servers({urls: "127.0.0.1"}),
  "a scheme after a space": servers({urls: "x stun:127.0.0.1"}),
  turn: servers(TURN),
  turns: servers({...TURN, urls: "turns:turn.invalid"}),
  "turn in capitals": servers({...TURN, urls: "TURN:turn.invalid"}),
  "turn, transport udp": servers({...TURN, urls: "turn:turn.invalid?transport=udp"}),
  "turn, transport tcp": servers({...TURN, urls: "turn:turn.invalid?transport=tcp"}),
  "turn, transport in capitals": servers({...TURN, urls: "turn:turn.invalid?transport=TCP"}),
  "turn, another transport": servers({...TURN, urls: "turn:turn.invalid?transport=sctp"}),
  "turn, an empty transport": servers({...TURN, urls: "turn:turn.invalid?transport="}),
  "turn, another query": servers({...TURN, urls: "turn:turn.invalid?x=udp"}),
  "turn, more in the query": servers({...TURN, urls: "turn:turn.invalid?transport=udp&x=1"}),
  "turn, two queries": servers({...TURN, urls: "turn:turn.invalid?transport=udp?transport=tcp"}),
  "turn, a fragment": servers({...TURN, urls: "turn:turn.invalid?transport=udp#x"}),
  "turn, nothing behind it": servers({...TURN, urls: "turn:"}),
  "turn, port 0": servers({...TURN, urls: "turn:turn.invalid:0"}),
  "turn, port 65536": servers({...TURN, urls: "turn:turn.invalid:65536"}),
  "turn, slashes": servers({...TURN, urls: "turn://turn.invalid"}),
  "turn without credentials": servers({urls: "turn:turn.invalid"}),
  "turn without username": servers({urls: "turn:turn.invalid", credential: "c"}),
  "turn without credential": servers({urls: "turn:turn.invalid", username: "u"}),
  "turn with empty credentials": servers({urls: "turn:turn.invalid", username: "", credential: ""}),
  "turn, username null": servers({...TURN, username: null}),
  "turn, username a symbol": servers({...TURN, username: Symbol("u")}),
  "turn, credential an object": servers({...TURN, credential: {accessToken: "a", macKey: "m"}}),
  "turn, a username of 509 bytes": servers({...TURN, username: "u".repeat(509)}),
  "turn, a username of 510 bytes": servers({...TURN, username: "u".repeat(510)}),
  "turn, credentialType password": servers({...TURN, credentialType: "password"}),
  "turn, credentialType oauth": servers({...TURN, credentialType: "oauth"}),
  "turn, credentialType unknown": servers({...TURN, credentialType: "token"}),
  "turns without credentials": servers({urls: "turns:turn.invalid"}),
  "turn and stun in one, without credentials": servers({
    urls: ["stun:127.0.0.1", "turn:turn.invalid"],
  }),
  "a hundred servers": servers(...Array(100).fill({urls: "stun:127.0.0.1"})),
  "iceTransportPolicy all": {iceTransportPolicy: "all"},
  "iceTransportPolicy relay": {iceTransportPolicy: "relay"},
  "iceTransportPolicy unknown": {iceTransportPolicy: "bogus"},
  "iceTransportPolicy none": {iceTransportPolicy: "none"},
  "iceTransportPolicy in capitals": {iceTransportPolicy: "Relay"},
  "iceTransportPolicy empty": {iceTransportPolicy: ""},
  "iceTransportPolicy null": {iceTransportPolicy: null},
  "iceTransportPolicy undefined": {iceTransportPolicy: undefined},
  "iceTransportPolicy a symbol": {iceTransportPolicy: Symbol("all")},
  "iceTransportPolicy an object": {iceTransportPolicy: {toString: () => "all"}},
  "bundlePolicy unknown": {bundlePolicy: "bogus"},
  "bundlePolicy null": {bundlePolicy: null},
  "rtcpMuxPolicy require": {rtcpMuxPolicy: "require"},
  "rtcpMuxPolicy negotiate": {rtcpMuxPolicy: "negotiate"},
  "rtcpMuxPolicy unknown": {rtcpMuxPolicy: "bogus"},
  "iceCandidatePoolSize negative": {iceCandidatePoolSize: -1},
  "iceCandidatePoolSize 256": {iceCandidatePoolSize: 256},
  "iceCandidatePoolSize not a number": {iceCandidatePoolSize: NaN},
  "iceCandidatePoolSize infinite": {iceCandidatePoolSize: Infinity},
  "iceCandidatePoolSize a bigint": {iceCandidatePoolSize: 1n},
  "certificates a number": {certificates: 5},
  "certificates null": {certificates: null},
  "certificates of objects": {certificates: [{}]},
  "certificates of null": {certificates: [null]},
  "certificates empty": {certificates: []},
  peerIdentity: {peerIdentity: "someone@example.org"},
  "servers wrong, policy wrong": {iceServers: [{urls: "foo:bar"}], iceTransportPolicy: "bogus"},
  "servers wrong, bundlePolicy wrong": {iceServers: [{urls: "foo:bar"}], bundlePolicy: "bogus"},
};

for (const [name, config] of Object.entries(CONFIGURATIONS)) {
  check(`configuration: constructor with ${name}`, () => failure(() => peer(config)));
  check(`configuration: setConfiguration with ${name}`, () =>
    failure(() => peer().setConfiguration(config)),
  );
}

check("configuration: an expired certificate", async () => {
  const old = await RTCPeerConnection.generateCertificate({
    name: "ECDSA",
    namedCurve: "P-256",
    expires: 0,
  });
  await pause(20);
  return failure(() => peer({certificates: [old]}));
});
check("configuration: the words of errors", () =>
  [
    5,
    servers({urls: "foo:bar"}),
    servers({urls: "stun:127.0.0.1:0"}),
    servers({urls: "turn:turn.invalid"}),
    servers({}),
    {iceServers: 5},
    servers(5),
    {bundlePolicy: "bogus"},
    {certificates: 5},
  ].map((config) => message(() => peer(config))),
);
check("configuration: the words of an error about the policy", () =>
  message(() => peer({iceTransportPolicy: "bogus"})),
);
check("configuration: the words of errors of setConfiguration", () =>
  [5, servers({urls: "foo:bar"}), {bundlePolicy: "max-bundle"}, {rtcpMuxPolicy: "bogus"}].map(
    (config) => message(() => peer().setConfiguration(config)),
  ),
);

// ---- getConfiguration --------------------------------------------------------------------------

const CONFIGURED = {
  iceServers: [
    {urls: "stun:127.0.0.1:3999"},
    {urls: ["turn:turn.invalid", "turns:turn.invalid"], username: "u", credential: "c"},
  ],
  iceTransportPolicy: "all",
  bundlePolicy: "max-bundle",
  rtcpMuxPolicy: "require",
  iceCandidatePoolSize: 0,
};
// Everything but what the guard is there to change.
function others(config) {
  const {iceServers, iceTransportPolicy, ...rest} = config;
  return {...rest, certificates: rest.certificates?.length};
}

check(
  "getConfiguration: the policy where none was asked for",
  () => peer().getConfiguration().iceTransportPolicy,
);
check(
  "getConfiguration: the servers where none were asked for",
  () => peer().getConfiguration().iceServers.length,
);
check(
  "getConfiguration: the policy all",
  () => peer(CONFIGURED).getConfiguration().iceTransportPolicy,
);
check(
  "getConfiguration: the policy relay",
  () => peer({iceTransportPolicy: "relay"}).getConfiguration().iceTransportPolicy,
);
check("getConfiguration: the servers that were asked for", () =>
  peer(CONFIGURED)
    .getConfiguration()
    .iceServers.map(({urls}) => urls),
);
check("getConfiguration: the names of its members", () =>
  Object.keys(peer(CONFIGURED).getConfiguration()),
);
check("getConfiguration: all else by default", () => others(peer().getConfiguration()));
check("getConfiguration: all else as asked for", () => others(peer(CONFIGURED).getConfiguration()));
check("getConfiguration: the kinds of its members", () => {
  const found = peer().getConfiguration();
  const members = ["iceServers", "certificates"].map((name) => Array.isArray(found[name]));
  return [Object.getPrototypeOf(found) === Object.prototype, ...members];
});
check("getConfiguration: a new object each time", () => {
  const pc = peer();
  const found = pc.getConfiguration();
  found.iceServers.push({urls: "stun:127.0.0.1"});
  found.bundlePolicy = "mine";
  const again = pc.getConfiguration();
  return [found === again, found.iceServers.length - again.iceServers.length, again.bundlePolicy];
});
check("getConfiguration: the certificate that was given", async () => {
  const made = await certificate();
  const [found, ...more] = peer({certificates: [made]}).getConfiguration().certificates ?? [];
  return [
    more.length,
    found && JSON.stringify(found.getFingerprints()) === JSON.stringify(made.getFingerprints()),
    found === made,
  ];
});
check("getConfiguration: after it was closed", () => {
  const pc = peer({bundlePolicy: "max-bundle"});
  pc.close();
  return pc.getConfiguration().bundlePolicy;
});
check("getConfiguration: fed to another connection", () =>
  failure(() => peer(peer(CONFIGURED).getConfiguration())),
);

// ---- setConfiguration --------------------------------------------------------------------------

check("setConfiguration: what it returns", () => [
  typeof peer().setConfiguration({}),
  typeof peer().setConfiguration(),
]);
check("setConfiguration: getConfiguration fed back", () => {
  const pc = peer(CONFIGURED);
  const found = pc.getConfiguration();
  pc.setConfiguration(found);
  return JSON.stringify(pc.getConfiguration()) === JSON.stringify(found);
});
check("setConfiguration: the policy is changed", () => {
  const pc = peer();
  return ["relay", "all", undefined].map((iceTransportPolicy) => {
    pc.setConfiguration({iceTransportPolicy});
    return pc.getConfiguration().iceTransportPolicy;
  });
});
check("setConfiguration: the servers are changed", () => {
  const pc = peer();
  return [[{urls: "stun:127.0.0.1:3999"}], [TURN], []].map((iceServers) => {
    pc.setConfiguration({iceServers});
    return pc.getConfiguration().iceServers.length;
  });
});
check("setConfiguration: the pool is changed", () => {
  const pc = peer();
  pc.setConfiguration({iceCandidatePoolSize: 2});
  return pc.getConfiguration().iceCandidatePoolSize;
});
check("setConfiguration: the pool after a local description", async () => {
  const pc = peer();
  await pc.setLocalDescription();
  return [
    await failure(() => pc.setConfiguration({iceCandidatePoolSize: 3})),
    await failure(() => pc.setConfiguration({})),
  ];
});
for (const [name, before, after] of [
  ["bundlePolicy", {bundlePolicy: "max-bundle"}, {bundlePolicy: "balanced"}],
  ["bundlePolicy left out", {bundlePolicy: "max-bundle"}, {}],
  ["bundlePolicy the same", {bundlePolicy: "max-bundle"}, {bundlePolicy: "max-bundle"}],
  ["rtcpMuxPolicy the same", {rtcpMuxPolicy: "require"}, {rtcpMuxPolicy: "require"}],
]) {
  check(`setConfiguration: ${name}`, () => failure(() => peer(before).setConfiguration(after)));
}
check("setConfiguration: another certificate", async () => {
  const [one, two] = [await certificate(), await certificate()];
  const pc = peer({certificates: [one]});
  return [
    await failure(() => pc.setConfiguration({certificates: [two]})),
    await failure(() => pc.setConfiguration({certificates: [one]})),
    await failure(() => pc.setConfiguration({certificates: [one, two]})),
  ];
});
check("setConfiguration: on a closed connection", async () => {
  const pc = peer();
  pc.close();
  return [
    await failure(() => pc.setConfiguration({})),
    await failure(() => pc.setConfiguration(5)),
    await failure(() => pc.setConfiguration(servers({urls: "foo:x"}))),
  ];
});
check("setConfiguration: one that fails changes nothing", async () => {
  const pc = peer(CONFIGURED);
  const before = JSON.stringify(pc.getConfiguration());
  const how = await failure(() =>
    pc.setConfiguration({
      ...CONFIGURED,
      iceTransportPolicy: "relay",
      iceServers: [{urls: "foo:x"}],
    }),
  );
  return [how, JSON.stringify(pc.getConfiguration()) === before];
});
check("setConfiguration: on no connection", async () => {
  const {setConfiguration} = RTCPeerConnection.prototype;
  return [
    await failure(() => setConfiguration.call({}, {})),
    await failure(() => setConfiguration({})),
    await failure(() => new setConfiguration({})),
  ];
});
check("setConfiguration: on no connection, nothing is read", async () => {
  const [watched, log] = reading();
  const how = await failure(() => RTCPeerConnection.prototype.setConfiguration.call({}, watched));
  return [how, log];
});
check("setConfiguration: which members are read", () => {
  const [watched, log] = reading();
  peer().setConfiguration(watched);
  return sorted(log);
});
check("setConfiguration: the order in which members are read", () => {
  const [watched, log] = reading();
  peer().setConfiguration(watched);
  return log;
});
check("setConfiguration: in the midst of a call", async () => {
  const {a, here, there} = await talk();
  a.setConfiguration({iceServers: [{urls: "stun:127.0.0.1:3999"}]});
  const arrived = next(there, "message");
  here.send("still here");
  return [(await arrived).data, a.connectionState];
});
