# SPDX-License-Identifier: Apache-2.0
"""Peers that are slow, silent, half closed, gone, or do not read: cut in bounded time, and nobody else notices."""
import os
import re
import socket
import struct
import time

import pytest

from http_peers import Answer, BODY_S, comes_true, control, dial, H, HEADER_S, IDLE_S, is_closed, server, trickle  # noqa: F401 (fixtures)

SLOW = {
    "request line": b"GET /" + b"a" * 200,
    "headers": b"GET /hello HTTP/1.1\r\n" + b"A: b\r\n" * 100,
    "blank lines": b"\r\n" * 200,
    "silence": b"",
}


@pytest.mark.parametrize("name", SLOW)
def test_slow_headers_are_cut(server, name):
    start = time.monotonic()
    with dial(server.port) as s:
        assert trickle(s, SLOW[name], 0.05, 60)
    assert time.monotonic() - start > 0.8 * HEADER_S


@pytest.mark.parametrize("path", ["/body", "/json", "/file"])
def test_slow_body_is_cut(server, path):
    with dial(server.port) as s:
        s.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n" % path.encode())
        if path == "/file":  # as long as it gets on
            assert not trickle(s, b"x" * 1000, 0.2, 1.5 * BODY_S)
            assert is_closed(s)
        else:
            assert trickle(s, b"x" * 1000, 0.05, 60)


def test_slow_second_request_is_cut(server):
    with dial(server.port) as s:
        s.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        assert Answer(s).status == 200
        assert trickle(s, b"GET /hello HTTP/1.1\r\n" + b"A: b\r\n" * 1000, 0.05, 60)


def test_idle_connection_is_closed(server):
    with dial(server.port) as s:
        s.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        assert Answer(s).status == 200
        start = time.monotonic()
        assert is_closed(s)
        assert time.monotonic() - start > 0.8 * IDLE_S


def test_many_slow_peers_hurt_nobody(server):
    peers = [dial(server.port) for _ in range(300)]
    try:
        for s in peers:
            s.sendall(b"GET /hello HTTP/1.1\r\nA: b")
        for s in peers:
            assert is_closed(s, 10)
    finally:
        for s in peers:
            s.close()


def test_half_closed_peers(server):
    with dial(server.port) as s:
        s.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        s.shutdown(socket.SHUT_WR)
        assert Answer(s).status == 200
        assert is_closed(s)
    with dial(server.port) as s:  # libmicrohttpd takes it for gone when the answer comes: docs/internals/http.md
        s.sendall(b"GET /defer?ms=50 HTTP/1.1\r\nHost: x\r\n\r\n")
        s.shutdown(socket.SHUT_WR)
        assert is_closed(s)
    for request in "GET /hello HTTP/1.1\r\nHo", "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na":
        with dial(server.port) as s:
            s.sendall(request.encode())
            s.shutdown(socket.SHUT_WR)
            assert is_closed(s)


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def test_peers_that_vanish(server):
    for request in ("GET /big HTTP/1.1\r\n" + H + "\r\n", "GET /defer?ms=30 HTTP/1.1\r\n" + H + "\r\n",
                    "POST /file HTTP/1.1\r\n" + H + "Content-Length: 100\r\n\r\nabc",
                    "GET /stream?n=1000&ms=1 HTTP/1.1\r\n" + H + "\r\n", "GET /hel"):
        for how in socket.socket.close, reset:
            for _ in range(5):
                s = dial(server.port)
                s.sendall(request.encode())
                how(s)
    assert comes_true(lambda: not server.stats()["deferred"] and not server.stats()["streams"])
    assert comes_true(lambda: server.stats()["connections"] <= 2)
    assert not os.listdir(server.folder / "spool")


def test_reader_that_does_not_read(server):
    """4 MiB, of which the peer takes nothing: cut, in a time that follows from its size or silence."""
    with dial(server.port) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        assert comes_true(lambda: server.stats()["connections"] <= 2)


def test_stream_reader_that_does_not_read(server):
    with dial(server.port) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"GET /stream?n=100000&ms=1&bytes=20000 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert comes_true(lambda: server.stats()["streams"] == 1)
        assert comes_true(lambda: server.stats()["streams"] == 0)


def test_stream(server):
    with dial(server.port) as s:
        s.sendall(b"GET /stream?n=5&ms=10 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = b""
        while True:
            more = s.recv(4096)
            if not more:
                break
            data += more
    assert re.findall(rb"data: (\d)", data) == [b"0", b"1", b"2", b"3", b"4"]
    assert data.endswith(b"0\r\n\r\n") and b"text/event-stream" in data
    with dial(server.port) as s:  # HTTP/1.0 has no chunks
        s.sendall(b"GET /stream?n=2&ms=1 HTTP/1.0\r\n\r\n")
        data = b""
        while True:
            more = s.recv(4096)
            if not more:
                break
            data += more
    assert data.endswith(b"\r\n\r\ndata: 0\n\ndata: 1\n\n") and b"chunked" not in data
