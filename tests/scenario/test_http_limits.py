# SPDX-License-Identifier: Apache-2.0
"""Rates, connections, memory, a full disk; stopping and listening."""
import os
import socket
import subprocess
import time

import pytest

from http_peers import Answer, ask, BUILD, comes_true, dial, H, is_closed, SERVER, Server


def test_rate_limit():
    server = Server()
    try:
        answers = [ask(server.port, "GET /limited HTTP/1.1\r\n" + H + "\r\n") for _ in range(8)]
        assert [a.status for a in answers[:5]] == [200] * 5
        limited = [a for a in answers if a.status == 429]
        assert limited and all(int(a.headers["retry-after"]) >= 1 for a in limited)
        limited[0].problem()
        assert ask(server.port, "GET /hello HTTP/1.1\r\n" + H + "\r\n").status == 200
        assert server.stats()["rate_limited"] == len(limited)
    finally:
        server.stop()


def test_connection_limits():
    server = Server("--per-ip=10", "--workers=1")
    try:
        peers = [dial(server.port) for _ in range(20)]
        assert sum(is_closed(s, 0.2) for s in peers) >= 10
        for s in peers:
            s.close()
    finally:
        server.stop()
    server = Server("--connections=20", "--workers=2")
    try:  # those who hold all connections and say nothing lose them; those who wait get their turn
        peers = [dial(server.port) for _ in range(40)]
        assert ask(server.port, "GET /hello HTTP/1.1\r\n" + H + "\r\n").status == 200
        for s in peers:
            s.close()
    finally:
        server.stop()


def test_who_waits_for_a_connection_gets_it_at_once():
    server = Server("--connections=1", "--workers=1", "--header-timeout=60s", "--idle-timeout=60s")
    try:
        held = dial(server.port, 20)
        for _ in range(100):
            held.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            assert Answer(held).status == 200
            waiting = dial(server.port, 20)  # by the kernel only: the server has stopped listening
            held.close()
            held = waiting
        held.close()
    finally:
        server.stop()


def test_memory_is_bounded():
    server = Server("--header-timeout=60s")
    try:
        before = server.rss_kib()
        peers = [dial(server.port) for _ in range(200)]
        for s in peers:
            s.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 15000)
        for s in peers[:100]:
            s.sendall(b"\r\nContent-Length: 1000000000\r\n")
        time.sleep(0.3)
        assert ask(server.port, "GET /hello HTTP/1.1\r\n" + H + "\r\n").status == 200
        assert server.rss_kib() - before < 200 * 40 + 4096 + (200000 if "asan" in BUILD or "tsan" in BUILD else 0)
        for s in peers:
            s.close()
    finally:
        server.stop()


def test_disk_full(tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    if subprocess.call(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(spool)], stderr=subprocess.DEVNULL):
        pytest.skip("cannot mount a small file system here")
    server = Server("--body-dir", str(spool))
    try:
        for body in b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000000, b"Transfer-Encoding: chunked\r\n\r\nf4240\r\n" + b"x" * 1000000:
            answer = ask(server.port, b"POST /file HTTP/1.1\r\nHost: x\r\n" + body)
            assert answer.status == 507
            answer.problem()
        assert comes_true(lambda: not os.listdir(spool))
        assert ask(server.port, b"POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc").status == 201
    finally:
        server.stop()
        subprocess.check_call(["umount", str(spool)])


def test_stop_answers_what_runs():
    server = Server("--stop-timeout=60s")
    with dial(server.port) as deferred, dial(server.port) as stream, dial(server.port) as idle:
        deferred.sendall(b"GET /defer?ms=300 HTTP/1.1\r\nHost: x\r\n\r\n")
        stream.sendall(b"GET /stream?n=100000&ms=10 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in stream.recv(4096)
        idle.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        assert Answer(idle).status == 200
        start = time.monotonic()
        server.stop()
        assert time.monotonic() - start < 40  # when what runs has ended, not when the time is over
        answer = Answer(deferred)
        assert answer.status == 200 and answer.headers["connection"] == "close"
        data = b""
        while True:
            more = stream.recv(65536)
            if not more:
                break
            data += more
        assert data.endswith(b"0\r\n\r\n")  # ended, not cut
        assert is_closed(idle)


def test_stop_gives_up_in_time():
    server = Server("--stop-timeout=200ms")
    with dial(server.port) as deferred:
        deferred.sendall(b"GET /defer?ms=60000 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.1)
        start = time.monotonic()
        server.stop()
        assert time.monotonic() - start < 40  # the handler would take 60
        answer = Answer(deferred)
        assert answer.status == 503 and answer.headers["connection"] == "close" and answer.headers["retry-after"]
        answer.problem()


def test_listening_errors():
    server = Server()
    try:
        for address, text in (("127.0.0.1:%d" % server.port, "another reeved"), ("nonsense", "should look like")):
            other = subprocess.run([SERVER, "--listen", address], capture_output=True, text=True, timeout=10, check=False)
            assert other.returncode == 1 and text in other.stderr
    finally:
        server.stop()
    try:
        server = Server("--listen=[::1]:0")
    except AssertionError:
        pytest.skip("no IPv6 here")
    with socket.create_connection(("::1", server.port)) as s:
        s.sendall(b"GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert '"peer":"::1"' in Answer(s).text()
    server.stop()
