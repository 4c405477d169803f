"""Logs in by slixmpp, and says what came of it.

Arguments: host, port, JID, password.
"""

import asyncio
import sys

import slixmpp

HOST, PORT, JID, PASSWORD = sys.argv[1:]


async def main():
    client = slixmpp.ClientXMPP(JID, PASSWORD)
    done = asyncio.get_running_loop().create_future()
    client.add_event_handler("session_start", lambda _: done.done() or done.set_result(f"bound {client.boundjid.full}"))
    client.add_event_handler("failed_all_auth", lambda _: done.done() or done.set_result("refused"))
    client.connect(HOST, int(PORT))
    print(await done, flush=True)
    client.abort()


asyncio.run(asyncio.wait_for(main(), 50))
