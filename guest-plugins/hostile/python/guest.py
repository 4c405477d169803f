"""Misbehaves as the request's `kind` says: rows 1, 3, 6, 13, 14 and 21 of the matrix of hostile guests, from Python."""

import encodings.idna  # for socket, which asks for it by name
import os
import random
import socket
import sys
import time

from wit_world import exports
from wit_world.exports import iq_handler
from wit_world.imports import manifest, types

NAMESPACE = "urn:example:hostile-python"


def loop():
    while True:
        pass


def allocate():
    hoard = []
    while True:
        hoard.append(bytearray(1 << 20))


def trap():
    raise RuntimeError("raised on purpose")


def answer(xml):
    return iq_handler.Handled_Answer(xml)


def good():
    return answer(f"<good xmlns='{NAMESPACE}'/>")


def sleep():
    time.sleep(3600)
    return good()


def discriminant():
    # A condition that the interface does not have.
    return iq_handler.Handled_Refuse(types.StanzaError("no-such-condition", None, None, None))


def surrogate():
    # Half of a surrogate pair, which is no Unicode text.
    return answer(f"<bad xmlns='{NAMESPACE}' half='\ud800'/>")


def attempt(what):
    """What an attempt to reach outside comes to."""
    try:
        return repr(what())
    except OSError as error:
        return type(error).__name__


def probe():
    """Tells what there is of files, network, environment, arguments, time and chance."""
    found = {
        "environment": len(os.environ),
        "arguments": len([argument for argument in sys.argv if argument]),
        "root": attempt(lambda: os.listdir("/")),
        "passwd": attempt(lambda: open("/etc/passwd").read()),
        "write": attempt(lambda: open("/tmp/x", "w").write("x")),
        "connect": attempt(lambda: socket.create_connection(("127.0.0.1", 5222), 1)),
        "resolve": attempt(lambda: socket.getaddrinfo("localhost", 5222)),
        "input": attempt(lambda: sys.stdin.read()),
        "year": time.gmtime().tm_year,
        "random": random.SystemRandom().getrandbits(64),
    }
    sys.stdout.write("probed\n")
    sys.stdout.flush()
    attributes = " ".join(f"{name}='{escape(value)}'" for name, value in found.items())
    return f"<found xmlns='{NAMESPACE}' {attributes}/>"


def escape(value):
    text = str(value)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), ("'", "&apos;")):
        text = text.replace(character, entity)
    return text


KINDS = {
    "good": good,
    "loop": loop,
    "allocate": allocate,
    "trap": trap,
    "sleep": sleep,
    "discriminant": discriminant,
    "surrogate": surrogate,
    "type": lambda: answer(7),
    "probe": lambda: answer(Lifecycle.found),
}


class Lifecycle(exports.Lifecycle):
    found = ""

    def describe(self):
        return manifest.PluginManifest(
            name="hostile-python",
            version="1.0.0",
            summary="misbehaves in Python",
            implements=[],
            features=[],
            account_features=[],
            settings=[],
            asks=[],
            nodes=[],
            subscriptions=[
                manifest.Subscription_Iq(
                    manifest.IqFilter(
                        payload=types.Name(NAMESPACE, "query"),
                        types=manifest.RequestTypes.GET,
                        node=None,
                        recipients=types.Recipients.OWN_SERVER,
                    )
                )
            ],
            dependencies=[],
            placement=manifest.Placement.POOLED,
            limits=manifest.Limits(None, None, None),
        )

    def init(self, scope):
        # Here, where nothing is lent: the errors hold on to the frames that they passed.
        Lifecycle.found = probe()

    def started(self):
        pass

    def save(self):
        return b""

    def restore(self, version, leftovers):
        pass

    def shutdown(self):
        pass


class IqHandler(exports.IqHandler):
    def handle(self, request, token):
        query = request.payload(types.Name(NAMESPACE, "query"))
        kind = query.attribute("kind")
        return KINDS[kind]()
