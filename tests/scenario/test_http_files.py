# SPDX-License-Identifier: Apache-2.0
"""Uploads, ranges and conditions."""
import hashlib
import json
import os

import pytest

from http_peers import Answer, ask, control, dial, H, server  # noqa: F401 (fixtures)


def test_upload(server):
    content = os.urandom(3 << 20)
    answer = ask(server.port, b"POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
    assert answer.status == 201
    assert json.loads(answer.body) == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert ask(server.port, "POST /file HTTP/1.1\r\n" + H + "\r\n").status == 204
    chunked = b"".join(b"%x\r\n" % len(c) + c + b"\r\n" for c in (content[:7], content[7:70000], content[70000:80000]))
    answer = ask(server.port, b"POST /file HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + b"0\r\n\r\n")
    assert json.loads(answer.body)["sha256"] == hashlib.sha256(content[:80000]).hexdigest()


RANGES = {  # Range header: (status, first, last)
    "bytes=0-9": (206, 0, 9),
    "bytes=1048570-": (206, 1048570, 1048575),
    "bytes=-10": (206, 1048566, 1048575),
    "bytes=1048576-": (416, 0, 0),
    "bytes=0-1,5-6": (200, 0, 1048575),
    "bytes=x": (200, 0, 1048575),
}


@pytest.mark.parametrize("value", RANGES)
def test_ranges(server, value):
    status, first, last = RANGES[value]
    content = (server.folder / "file").read_bytes()
    answer = ask(server.port, "GET /file HTTP/1.1\r\n" + H + "Range: %s\r\n\r\n" % value)
    assert answer.status == status
    assert answer.headers["etag"] == '"v1"' and answer.headers["accept-ranges"] == "bytes"
    if status == 416:
        assert answer.headers["content-range"] == "bytes */1048576"
        answer.problem()
        return
    assert answer.body == content[first:last + 1]
    assert answer.headers.get("content-range") == ("bytes %d-%d/1048576" % (first, last) if status == 206 else None)


def test_conditional_file(server):
    with dial(server.port) as s:
        for condition, status in (('If-None-Match: "v1"', 304), ('If-None-Match: W/"x", "v1"', 304), ('If-None-Match: "v2"', 200),
                                  ('If-Range: "v1"\r\nRange: bytes=0-1', 206), ('If-Range: "v2"\r\nRange: bytes=0-1', 200)):
            s.sendall(("GET /file HTTP/1.1\r\n%s%s\r\n\r\n" % (H, condition)).encode())
            answer = Answer(s)
            assert answer.status == status and answer.headers["etag"] == '"v1"' and not answer.rest
        s.sendall(b"HEAD /file HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n")
        answer = Answer(s, head=True)
        assert answer.status == 200 and answer.headers["content-length"] == "1048576" and not answer.rest
