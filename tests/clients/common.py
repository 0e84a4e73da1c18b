"""What the Python clients share: where the sandbox is, a file to attach, and what it must hold in the end."""

import hashlib
import json
import os
import random
import socket
import ssl
import tempfile
import urllib.request

ENDPOINT = os.environ["GRAPH_ATTACH_ENDPOINT"]
SANDBOX = os.environ["GRAPH_ATTACH_SANDBOX"]
TOKEN = os.environ["GRAPH_ATTACH_TOKEN"]
MESSAGE = os.environ["GRAPH_ATTACH_MESSAGE"]
LARGE = random.Random(1).randbytes(5_000_000)
SMALL = b"hello"


def large_file():
    """A file of 5 MB; the caller holds it as long as it is needed."""
    file = tempfile.NamedTemporaryFile(suffix="-large.bin")
    file.write(LARGE)
    file.flush()
    return file


def control(path, method="GET", body=None):
    """A control request."""
    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{SANDBOX}/sandbox/{path}", data=data, method=method)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    return json.loads(opener.open(request).read())


def check(subject, *contents, folder=None):
    """The item of this subject holds exactly these contents."""
    items = [item for item in control("items") if item["subject"] == subject]
    assert len(items) == 1, f"{len(items)} items `{subject}`"
    held = sorted(file["sha256"] for file in items[0]["attachments"])
    assert held == sorted(hashlib.sha256(content).hexdigest() for content in contents), held
    if folder:
        assert items[0]["folder"] == folder, items[0]["folder"]


def send_microsoft_s_names_here():
    """For clients that have the service's host names built in: their connections come to the sandbox."""
    port = int(SANDBOX.rsplit(":", 1)[1])
    original = socket.getaddrinfo
    names = {"graph.microsoft.com", "outlook.office.com", "outlook.office365.com"}

    def redirected(host, service, *rest, **named):
        if host in names:
            return original("127.0.0.1", port, *rest, **named)
        return original(host, service, *rest, **named)

    socket.getaddrinfo = redirected
