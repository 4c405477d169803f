// Becomes a contact of a friend, chats, and resumes its stream when its connection is lost. Each step is printed.
// Arguments: service URI, domain, user, password, the friend's bare JID.

import { webcrypto } from "node:crypto";
// Node.js 18, as Debian 12 has it, does not show it by this name yet.
globalThis.crypto ??= webcrypto;
const { client, xml } = await import("@xmpp/client");

const [service, domain, username, password, friend] = process.argv.slice(2);
const xmpp = client({ service, domain, username, password });

setTimeout(() => {
  console.error("not done after 50 seconds");
  process.exit(1);
}, 50_000).unref();

// A connection that is lost is told of as an error, too; the library comes back by itself.
xmpp.on("error", (error) => console.error(error));
xmpp.streamManagement.on("resumed", () => console.log("resumed"));

const chat = (body) => xmpp.send(xml("message", { to: friend, type: "chat" }, xml("body", {}, body)));
let seen = false;

xmpp.on("stanza", async (stanza) => {
  const { type, from } = stanza.attrs;
  if (!from?.startsWith(friend)) return;
  if (stanza.is("presence") && type === "subscribe") {
    await xmpp.send(xml("presence", { to: friend, type: "subscribed" }));
  } else if (stanza.is("presence") && !type && !seen) {
    seen = true;
    console.log(`sees ${friend}`);
    await chat("hello");
  }
  const body = stanza.is("message") && stanza.getChildText("body");
  if (!body) return;
  console.log(`received ${body}`);
  await chat("still here");
  await xmpp.stop();
});

const jid = await xmpp.start();
console.log(`online ${jid.bare()}`);
const roster = await xmpp.iqCaller.request(xml("iq", { type: "get" }, xml("query", "jabber:iq:roster")));
console.log(`roster ${roster.getChild("query", "jabber:iq:roster").getChildren("item").length}`);
await xmpp.send(xml("presence"));
await xmpp.send(xml("presence", { to: friend, type: "subscribe" }));
