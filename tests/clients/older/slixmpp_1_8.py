"""Logs in by slixmpp 1.8, and says by which mechanism, and which were refused before.

Arguments: host, port, JID, password.
"""

import asyncio
import sys

import slixmpp

HOST, PORT, JID, PASSWORD = sys.argv[1:]


async def main():
    client = slixmpp.ClientXMPP(JID, PASSWORD)
    sasl = client["feature_mechanisms"]
    done = asyncio.get_running_loop().create_future()

    refused = []

    def bound(_):
        print("bound", client.boundjid.bare, "by", sasl.mech.name, "after", *sorted(refused), flush=True)
        done.done() or done.set_result(None)

    client.add_event_handler("session_start", bound)
    client.add_event_handler("failed_auth", lambda _: refused.append(sasl.mech.name))
    client.add_event_handler("failed_all_auth", lambda _: done.done() or done.set_exception(RuntimeError("refused")))
    client.connect((HOST, int(PORT)))
    await done
    client.abort()


asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(), 50))
