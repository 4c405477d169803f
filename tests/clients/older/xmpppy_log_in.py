"""Logs in by xmpppy, which sends its bare JID as PLAIN's authorization identity, and says which resource it has.

Arguments: host, port, domain, user, password.
"""

import sys

import xmpp

HOST, PORT, DOMAIN, USER, PASSWORD = sys.argv[1:]

client = xmpp.Client(DOMAIN, debug=[])
assert client.connect(server=(HOST, int(PORT)), use_srv=False) == "tls", "no TLS"
how = client.auth(USER, PASSWORD, "balcony")
print(how, client.isConnected(), flush=True)
