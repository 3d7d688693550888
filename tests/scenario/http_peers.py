# SPDX-License-Identifier: Apache-2.0
"""A server of net/http, raw sockets to it, and a well-behaved client that asks all the time: what the tests of hostile peers
share.

Every case has a defined outcome: a clear status, or the connection is dropped in bounded time. While a
case runs, the well-behaved client must get its answers promptly. When the server
stops, it must have nothing left over.
"""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

BUILD = os.environ.get("REEVE_BUILD", "build")
SERVER = os.path.join(BUILD, "src", "net", "http", "http-testserver")
HEADER_S = BODY_S = 3  # the server's limits: well-behaved peers of a loaded machine must keep within them
IDLE_S = 5
PROMPT_S = 2.5  # what the well-behaved client may have to wait at most: less than a peer that holds a worker up would cost


class Server:
    def __init__(self, *options):
        self.process = subprocess.Popen(
            [SERVER, "--header-timeout=%ds" % HEADER_S, "--body-timeout=%ds" % BODY_S, "--idle-timeout=%ds" % IDLE_S, *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().split()
        assert line and line[0] == "ready", self.process.stderr.read()
        self.port = int(line[1])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out, self.log = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, self.log
        assert "stopped connections=0 deferred=0 streams=0" in out

    def stats(self):
        return json.loads(ask(self.port, "GET /stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").body)

    def rss_kib(self):
        with open("/proc/%d/status" % self.process.pid, encoding="utf-8") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


class Control(threading.Thread):
    """The well-behaved client."""

    def __init__(self, port):
        super().__init__()
        self.port, self.end, self.worst, self.n, self.failure = port, threading.Event(), 0.0, 0, None

    def run(self):
        try:
            with dial(self.port) as s:
                last = False
                while not last:
                    last = self.end.wait(0.005)  # one more after the case
                    start = time.monotonic()
                    s.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
                    answer = Answer(s)
                    assert answer.status == 200 and answer.body == b"hello, world\n"
                    self.worst = max(self.worst, time.monotonic() - start)
                    self.n += 1
        except Exception as e:  # told by check()
            self.failure = e

    def check(self):
        self.end.set()
        self.join()
        assert self.failure is None
        assert self.n > 0 and self.worst < PROMPT_S


class Closed(Exception):
    """The server closed the connection before an answer."""


class Answer:
    """Reads one answer off a socket; keeps what follows it in s_rest."""

    def __init__(self, s, rest=b"", head=False):
        data = bytearray(rest)
        while b"\r\n\r\n" not in data:
            data += self.more(s)
        top, data = data.split(b"\r\n\r\n", 1)
        lines = top.decode("latin-1").split("\r\n")
        self.version, status, *_ = lines[0].split(" ", 2)
        self.status = int(status)
        self.headers = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            assert name.lower() not in self.headers or name.lower() == "set-cookie", lines
            self.headers[name.lower()] = value
        if self.status in (100, 204, 304) or head:
            n = 0
        elif "content-length" in self.headers:
            n = int(self.headers["content-length"])
        else:
            n = None
        self.rest = b""
        if n is not None:
            while len(data) < n:
                data += self.more(s)
            data, self.rest = data[:n], bytes(data[n:])
        self.body = bytes(data)
        if self.status >= 200:
            assert self.headers.get("x-content-type-options") == "nosniff" or "<html" in self.text()

    @staticmethod
    def more(s):
        try:
            data = s.recv(65536)
        except ConnectionResetError as e:
            raise Closed() from e
        if not data:
            raise Closed()
        return data

    def text(self):
        return self.body.decode("utf-8", "replace")

    def problem(self):
        assert self.headers["content-type"] == "application/problem+json"
        p = json.loads(self.body)
        assert p["status"] == self.status and p["request_id"] == self.headers["x-request-id"]
        assert p["type"] == "urn:reeve:error:" + p["code"] and p["title"] and p["detail"]
        return p


def dial(port, timeout=30):
    s = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def as_bytes(request):
    return request.encode("latin-1") if isinstance(request, str) else request


def ask(port, request):
    """One request, one answer; raises Closed."""
    with dial(port) as s:
        try:
            s.sendall(as_bytes(request))
        except (BrokenPipeError, ConnectionResetError):
            pass  # it answered before it had all
        return Answer(s)


def is_closed(s, within_s=30):
    """Does the server close within this time?"""
    s.settimeout(within_s)
    try:
        while s.recv(65536):
            pass
        return True
    except ConnectionResetError:
        return True
    except socket.timeout:
        return False


def comes_true(condition, within_s=60):
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("http")
    (folder / "file").write_bytes(bytes(range(256)) * 4096)
    (folder / "spool").mkdir()
    (folder / "spool" / "spool-left").write_bytes(b"by a crash")
    s = Server("--body-dir", str(folder / "spool"), "--file", str(folder / "file"), "--workers=2")
    s.folder = folder
    assert not os.listdir(folder / "spool")
    yield s
    s.stop()
    assert not os.listdir(folder / "spool")
    assert "Sanitizer" not in s.log, s.log


@pytest.fixture(autouse=True)
def control(request):
    if "server" not in request.fixturenames:
        yield
        return
    c = Control(request.getfixturevalue("server").port)
    c.start()
    yield
    c.check()


H = "Host: x\r\n"


def trickle(s, data, interval_s, total_s):
    """One byte at a time; True when the server closed before total_s."""
    end = time.monotonic() + total_s
    s.settimeout(interval_s)
    for byte in data:
        try:
            s.sendall(bytes([byte]))
            if not s.recv(4096):
                return True
        except socket.timeout:
            pass
        except (BrokenPipeError, ConnectionResetError):
            return True
        if time.monotonic() > end:
            return False
    return is_closed(s, max(0.01, end - time.monotonic()))
