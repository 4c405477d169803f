"""Becomes a contact of a friend, chats, and resumes its stream when its connection is lost. Each step is printed.

Arguments: host, port, JID, password, the friend's bare JID.
"""

import asyncio
import sys

import slixmpp

HOST, PORT, JID, PASSWORD, FRIEND = sys.argv[1:]


def say(text):
    print(text, flush=True)


class User(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(JID, PASSWORD)
        self.register_plugin("xep_0198")
        self.auto_authorize = None
        self.auto_subscribe = False
        self.done = asyncio.get_running_loop().create_future()
        self.stopping = False
        self.sees = False
        for name in ("session_start", "session_resumed", "presence_subscribe", "presence_available", "message", "disconnected"):
            self.add_event_handler(name, getattr(self, "on_" + name))

    async def on_session_start(self, _):
        say(f"online {self.boundjid.bare}")
        roster = await self.get_roster()
        say(f"roster {len(roster['roster']['items'])}")
        self.send_presence()
        self.send_presence_subscription(pto=FRIEND)

    def on_session_resumed(self, _):
        say("resumed")

    def on_presence_subscribe(self, presence):
        if presence["from"].bare == FRIEND:
            self.send_presence(pto=FRIEND, ptype="subscribed")

    def on_presence_available(self, presence):
        if presence["from"].bare == FRIEND and not self.sees:
            self.sees = True
            say(f"sees {FRIEND}")
            self.send_message(mto=FRIEND, mbody="hello", mtype="chat")

    def on_message(self, message):
        if message["from"].bare == FRIEND and message["body"]:
            say(f"received {message['body']}")
            self.send_message(mto=FRIEND, mbody="still here", mtype="chat")
            self.stopping = True
            self.disconnect()

    def on_disconnected(self, _):
        if self.stopping:
            self.done.set_result(None)
        else:
            self.connect(HOST, int(PORT))


async def main():
    user = User()
    user.connect(HOST, int(PORT))
    await user.done


asyncio.run(asyncio.wait_for(main(), 50))
