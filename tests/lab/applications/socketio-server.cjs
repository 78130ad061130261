// The signaling server of countless tutorials: what one client says, all others hear.
// Usage: node socketio-server.cjs NODE_MODULES PORT
"use strict";
const [modules, port] = process.argv.slice(2);
const { Server } = require(`${modules}/socket.io`);

const io = new Server({ serveClient: false });
io.on("connection", (socket) => {
  socket.on("signal", (message, acknowledge) => {
    socket.broadcast.emit("signal", message);
    acknowledge();
  });
});
// Only on the loopback, where the site's front is.
const http = require("node:http").createServer();
io.attach(http);
http.listen(Number(port), "127.0.0.1");
