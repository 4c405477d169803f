// Logs in with xmpp.js, sends a message to a friend who echoes, and pings the server. Each step is printed.
// Arguments: service URI, domain, user, password, the friend's JID.

import { webcrypto } from "node:crypto";
// Node.js 18, as Debian 12 has it, does not show it by this name yet.
globalThis.crypto ??= webcrypto;
const { client, xml } = await import("@xmpp/client");

const [service, domain, username, password, friend] = process.argv.slice(2);
const xmpp = client({ service, domain, username, password });

function fail(error) {
  console.error(error);
  process.exit(1);
}
xmpp.on("error", fail);
setTimeout(() => fail(new Error("not done after 50 seconds")), 50_000).unref();

const received = new Promise((resolve) => {
  xmpp.on("stanza", (stanza) => {
    const body = stanza.is("message") && stanza.getChildText("body");
    if (body) resolve(body);
  });
});

const jid = await xmpp.start();
console.log(`online ${jid}`);
await xmpp.send(xml("message", { to: friend, type: "chat" }, xml("body", {}, "hello from xmpp.js")));
console.log(`received ${await received}`);
await xmpp.iqCaller.request(xml("iq", { type: "get", to: domain }, xml("ping", "urn:xmpp:ping")));
console.log("pong");
await xmpp.stop();
