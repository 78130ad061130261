// A web server that records what clients in the page send to it: WebSocket messages and bodies.
import { WebSocketServer } from "ws";
import { serve } from "./browser.mjs";

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

export async function recorder(scenarios) {
  const seen = Object.fromEntries(Object.keys(scenarios).map((name) => [name, []]));
  // Firebase's path is its own.
  const of = (url) => url.split("/")[1].split("?")[0].replace(".ws", "firebase");
  const server = await serve((request, response) => {
    const name = of(request.url);
    if (!(name in scenarios)) return false;
    body(request).then((content) => {
      const { method, url, headers } = request;
      seen[name].push({ method, url, headers, content });
      response.setHeader("access-control-allow-origin", "*");
      if (!scenarios[name].http?.(request, response, content)) response.end();
    });
    return true;
  });
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: ([first]) => first });
  server.on("upgrade", (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (connection) => {
      const name = of(request.url);
      if (!(name in scenarios)) return connection.close();
      seen[name].push({ url: request.url, headers: request.headers });
      const answer = (data) => {
        seen[name].push({ content: Buffer.from(data), inbound: true });
        connection.send(data);
      };
      connection.on("message", (content, binary) => {
        seen[name].push({ content, binary, subprotocol: connection.protocol });
        scenarios[name].message?.(content, answer, connection, seen[name]);
      });
      scenarios[name].open?.(answer, request);
    }),
  );
  return { server, seen };
}
