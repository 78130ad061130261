// A small client of Janus: requests with a transaction each, replies to them, and events.
"use strict";

function newJanus(send) {
  const waiting = new Map();  // by transaction
  let answer;
  const answered = new Promise((resolve) => { answer = resolve; });

  // A request that Janus cannot read is never acknowledged.
  const ask = (request) => new Promise((resolve, reject) => {
    const transaction = `t${waiting.size}`;
    waiting.set(transaction, {resolve, reject});
    setTimeout(() => reject(new Error(`no reply to ${request.janus}`)), 30000);
    send({...request, transaction});
  });

  const receive = (message) => {
    const asker = waiting.get(message.transaction);
    if (message.janus === "error") {
      const error = new Error(`Janus: ${message.error.code} ${message.error.reason}`);
      if (asker) asker.reject(error);
      else failed("janus", error);
    } else if (message.janus === "ack" || message.janus === "success") {
      asker.resolve(message);
    } else if (message.jsep) {
      answer(message.jsep);
    }
  };
  return {ask, receive, answered, listen() {}};
}

async function overJanusProtocol() {
  const url = `${location.protocol.replace("http", "ws")}//${location.host}/janus`;
  const socket = new WebSocket(url, "janus-protocol");
  const janus = newJanus((request) => socket.send(JSON.stringify(request)));
  socket.onmessage = ({data}) => janus.receive(JSON.parse(data));
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("the WebSocket failed"));
  });
  return janus;
}

function overPolling() {
  const janus = newJanus(async ({session_id, handle_id, ...request}) => {
    const path = ["/janus", session_id, handle_id].filter(Boolean).join("/");
    const response = await fetch(path, {method: "POST", body: JSON.stringify(request)});
    janus.receive(await response.json());
  });
  janus.listen = async (session) => {
    while (!lab.done) {
      const events = await (await fetch(`/janus/${session}?maxev=5`)).json();
      for (const event of [events].flat()) janus.receive(event);
    }
  };
  return janus;
}
