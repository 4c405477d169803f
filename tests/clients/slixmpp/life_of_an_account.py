"""The life of an account as slixmpp lives it, each step printed when it is done.

Arguments: host, port, JID, password, new password, JID of a friend who echoes.
"""

import asyncio
import sys

import slixmpp

HOST, PORT, JID, PASSWORD, NEW_PASSWORD, FRIEND = sys.argv[1:]


def say(text):
    print(text, flush=True)


def connect(client):
    """Connects by STARTTLS to the address given, whatever the DNS says."""
    client.connect(HOST, int(PORT))


class Registration(slixmpp.ClientXMPP):
    """Registers before it authenticates, then logs in on the same stream."""

    def __init__(self):
        super().__init__(JID, PASSWORD)
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0066")
        self.register_plugin("xep_0077")
        self.plugin["xep_0077"].force_registration = True
        self.done = asyncio.get_running_loop().create_future()
        self.add_event_handler("register", self.register)
        self.add_event_handler("session_start", lambda _: self.done.set_result(None))
        self.add_event_handler("failed_all_auth", lambda _: self.fail("not authenticated"))

    async def register(self, _):
        iq = self.Iq()
        iq["type"] = "set"
        iq["register"]["username"] = self.boundjid.user
        iq["register"]["password"] = self.password
        await iq.send()
        say("registered")

    def fail(self, why):
        if not self.done.done():
            self.done.set_exception(RuntimeError(why))


async def session(password):
    """A session logged in with a password."""
    client = slixmpp.ClientXMPP(JID, password)
    client.register_plugin("xep_0030")
    client.register_plugin("xep_0077")
    client.register_plugin("xep_0199")
    started = asyncio.get_running_loop().create_future()
    client.add_event_handler("session_start", lambda _: started.set_result(None))
    client.add_event_handler("failed_all_auth", lambda _: started.set_exception(RuntimeError("not authenticated")))
    connect(client)
    await started
    return client


async def leave(client):
    gone = asyncio.get_running_loop().create_future()
    client.add_event_handler("disconnected", lambda _: gone.done() or gone.set_result(None))
    client.disconnect()
    await gone


async def main():
    client = Registration()
    connect(client)
    await client.done
    say("logged in")
    await leave(client)

    client = await session(PASSWORD)
    received = asyncio.get_running_loop().create_future()
    client.add_event_handler("message", lambda message: received.set_result(message["body"]))
    client.send_message(mto=FRIEND, mbody="hello from slixmpp", mtype="chat")
    say(f"received {await received}")
    await client.plugin["xep_0199"].ping(slixmpp.JID("localhost"), timeout=30)
    say("pong")
    await client.plugin["xep_0077"].change_password(NEW_PASSWORD)
    say("password changed")
    await leave(client)

    client = await session(NEW_PASSWORD)
    say("logged in with the new password")
    ended = asyncio.get_running_loop().create_future()
    client.add_event_handler("stream_error", lambda error: ended.set_result(error["condition"]))
    await client.plugin["xep_0077"].cancel_registration()
    say("removed")
    say(f"stream error {await ended}")


asyncio.run(asyncio.wait_for(main(), 50))
