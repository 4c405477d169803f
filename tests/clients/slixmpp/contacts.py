"""Two users of slixmpp become contacts, see each other come and go, and leave each other messages.

Arguments: host, port, JID and password of one, JID and password of the other.
"""

import asyncio
import sys

import slixmpp

HOST, PORT, ROMEO, ROMEO_PASSWORD, JULIET, JULIET_PASSWORD = sys.argv[1:]


def say(text):
    print(text, flush=True)


class User(slixmpp.ClientXMPP):
    """A user whose events are waited for by name and sender."""

    def __init__(self, jid, password):
        super().__init__(jid, password)
        self.register_plugin("xep_0203")
        # Each request is answered by hand, so that it is seen.
        self.auto_authorize = None
        self.auto_subscribe = False
        self.events = asyncio.Queue()
        self.seen = []
        for name in ("presence_subscribe", "presence_subscribed", "got_online", "got_offline", "message"):
            self.add_event_handler(name, lambda stanza, name=name: self.events.put_nowait((name, stanza)))
        self.started = asyncio.get_running_loop().create_future()
        self.add_event_handler("session_start", lambda _: self.started.set_result(None))

    async def go_online(self):
        self.connect(HOST, int(PORT))
        await self.started
        await self.get_roster()
        self.send_presence()

    async def go_offline(self):
        gone = asyncio.get_running_loop().create_future()
        self.add_event_handler("disconnected", lambda _: gone.done() or gone.set_result(None))
        self.disconnect()
        await gone

    async def until(self, wanted, sender):
        """The first such event that was not waited for before; others stay for their turn."""
        while True:
            for index, (name, stanza) in enumerate(self.seen):
                if name == wanted and stanza["from"].bare == sender:
                    return self.seen.pop(index)[1]
            self.seen.append(await self.events.get())

    def item(self, jid):
        return self.client_roster[jid]


async def main():
    romeo, juliet = User(ROMEO, ROMEO_PASSWORD), User(JULIET, JULIET_PASSWORD)
    await romeo.go_online()
    await juliet.go_online()

    romeo.send_presence_subscription(pto=JULIET)
    await juliet.until("presence_subscribe", ROMEO)
    juliet.send_presence(pto=ROMEO, ptype="subscribed")
    await romeo.until("presence_subscribed", JULIET)
    juliet.send_presence_subscription(pto=ROMEO)
    await romeo.until("presence_subscribe", JULIET)
    romeo.send_presence(pto=JULIET, ptype="subscribed")
    await romeo.until("got_online", JULIET)
    await juliet.until("got_online", ROMEO)
    say("see each other")

    await juliet.update_roster(ROMEO, name="Romeo", groups=["Montague"])
    await juliet.get_roster()
    item = juliet.item(ROMEO)
    say(f"{item['name']} {item['groups']} {item['subscription']}")

    await juliet.go_offline()
    await romeo.until("got_offline", JULIET)
    say("saw her go")
    for body in ("one", "two", "three"):
        romeo.send_message(mto=JULIET, mbody=body, mtype="chat")
    # Its answer says that all before it was dealt with.
    await romeo.get_roster()

    juliet = User(JULIET, JULIET_PASSWORD)
    await juliet.go_online()
    for _ in range(3):
        message = await juliet.until("message", ROMEO)
        say(f"{message['body']} {'late' if message['delay']['stamp'] else 'at once'}")
    await romeo.until("got_online", JULIET)
    say("saw her come back")
    await romeo.go_offline()
    await juliet.go_offline()


asyncio.run(asyncio.wait_for(main(), 50))
