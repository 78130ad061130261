// Starts the real browsers, and serves their pages from 127.0.0.1, a secure context to both.
import { createServer } from "node:http";
import puppeteer from "puppeteer-core";

export const SERVERS = [
  { urls: "stun:198.51.100.7:3478" },
  {
    urls: ["turn:198.51.100.7:3478", "turn:[2001:db8:feed::9]:3478"],
    username: "user",
    credential: "password",
  },
];

export function serve(handler) {
  return new Promise((resolve) => {
    const server = createServer((request, response) => {
      if (handler?.(request, response)) return;
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><title>samples</title>");
    });
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

export const origin = (server) => `http://127.0.0.1:${server.address().port}`;

// Without `permitted`, pages that ask for no microphone get .local names for host addresses.
export const chromium = (permitted = true) =>
  puppeteer.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      ...(permitted ? ["--use-fake-ui-for-media-stream"] : []),
      "--use-fake-device-for-media-stream",
      "--disable-background-networking",
      "--no-proxy-server",
    ],
  });

export const firefox = (permitted = true) =>
  puppeteer.launch({
    browser: "firefox",
    executablePath: "/usr/bin/firefox-esr",
    extraPrefsFirefox: {
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "network.proxy.type": 0,
      // No download of a codec in the middle of a capture.
      "media.gmp-manager.updateEnabled": false,
      // What an active capture does, which the fake devices do not.
      "media.peerconnection.ice.obfuscate_host_addresses": !permitted,
    },
  });
