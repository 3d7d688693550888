# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the scenarios: real binaries of the build folder (environment REEVE_BUILD, default build/), each with
data of its own, on a free port. Whatever was started is ended by its id, and must end well: exit code 0, no
sanitizer report on stderr.

    def test_x(reeved):                     a running server with default options
    def test_y(reeved_factory):             s = reeved_factory("--mdmcore-open-enrollment"); s.stop(); s.start()
"""
import os
import pathlib
import re
import select
import signal
import subprocess
import time

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("REEVE_BUILD", "build")).resolve()
READY = re.compile(r"^reeved: ready (https?)://(\S+?):(\d+)( mqtts?://\S+)?$")
START_S = 60  # generous: sanitizers, valgrind, a busy machine
BAD_WORDS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:", "MemorySanitizer")


def binary(name):
    path = BUILD / name
    if not path.exists():
        pytest.fail("%s is not built" % path)
    return str(path)


def clean_env(**more):
    """The environment without what would configure our programs from outside."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("REEVE_")}
    env.update(more)
    return env


class Session(requests.Session):
    """requests with a base address, and a time limit for every request."""

    def __init__(self, base, verify=True):
        super().__init__()
        self.base = base
        self.verify = verify
        self.trust_env = False

    def request(self, method, url, **kw):
        kw.setdefault("timeout", 180)
        return super().request(method, url if "://" in url else self.base + url, **kw)


class Reeved:
    """One server: data folder, options, and the process while it runs."""

    def __init__(self, data, *options, env=None, listen="127.0.0.1:0"):
        self.data = pathlib.Path(data)
        self.options = list(options)
        self.env = clean_env(**(env or {}))
        self.listen = listen
        self.process = None
        self.stderr_path = self.data.parent / (self.data.name + ".stderr")
        self.ready_line = self.url = self.port = None
        self.expected_exit = 0

    # ---- life ----

    def command(self):
        return [binary("reeved"), "--data", str(self.data), "--listen", self.listen] + self.options

    def start(self):
        assert self.process is None, "it runs already"
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=stderr, env=self.env)
        line = self._read_line()
        m = READY.match(line)
        if not m:
            self.kill()
            pytest.fail("no ready line but %r; stderr:\n%s" % (line, self.stderr()))
        self.ready_line, self.port = line, int(m.group(3))
        self.url = "%s://%s:%d" % (m.group(1), m.group(2), self.port)
        return self

    def _read_line(self):
        out, line, end = self.process.stdout, b"", time.monotonic() + START_S
        while not line.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0 or not select.select([out], [], [], left)[0]:
                break
            byte = os.read(out.fileno(), 1)
            if not byte:
                break
            line += byte
        return line.decode().rstrip("\n")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=START_S):
        """The exit code; what it wrote to stdout after the ready line is in self.rest."""
        self.rest = self.process.communicate(timeout=timeout)[0].decode()
        code, self.process = self.process.returncode, None
        return code

    def stop(self):
        """SIGTERM; asserts a clean end."""
        if self.process is None:
            return
        self.signal(signal.SIGTERM)
        code = self.wait()
        assert code == self.expected_exit, "exit code %d; stderr:\n%s" % (code, self.stderr())

    def kill(self):
        """As a power cut does it."""
        if self.process is not None:
            self.process.kill()
            self.wait()

    def restart(self):
        self.stop()
        return self.start()

    def stderr(self):
        return self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""

    def check_stderr(self):
        text = self.stderr()
        for word in BAD_WORDS:
            assert word not in text, text

    def settle(self):
        """Waits for the end of the first start: signing keys (which ring every doorbell) and the first password."""
        wait_for(lambda: self.session().get("/readyz").status_code == 200, timeout=START_S, what="the signing keys")
        return self

    # ---- talking to it ----

    @property
    def admin_token(self):
        return (self.data / "admin.token").read_text().strip()

    def session(self):
        """Without credentials."""
        return Session(self.url)

    def admin(self):
        """With the first API token."""
        s = self.session()
        s.headers["Authorization"] = "Bearer " + self.admin_token
        return s

    def enrollment_token(self, **body):
        r = self.admin().post("/api/v1/enrollment-tokens", json=body)
        assert r.status_code == 201, r.text
        return r.json()["token"]

    def device(self, token=None, **body):
        """Enrolls a device; a session with its token, whose .device is the answer."""
        s = self.session()
        body.setdefault("kind", "linux")
        body.setdefault("name", "test")
        body["token"] = token or self.enrollment_token()
        r = s.post("/device/v1/enroll", json=body)
        assert r.status_code == 201, r.text
        s.device = r.json()
        s.headers["Authorization"] = "Bearer " + s.device["device_token"]
        return s


@pytest.fixture
def reeved_factory(tmp_path):
    """reeved_factory(*options, data=None, env=None, start=True) -> Reeved; all are stopped at the end."""
    made = []

    def make(*options, data=None, env=None, start=True, listen="127.0.0.1:0"):
        server = Reeved(data or tmp_path / ("reeved-%d" % len(made)), *options, env=env, listen=listen)
        made.append(server)
        return server.start() if start else server

    yield make
    failures = []
    for server in made:
        try:
            server.stop()
            server.check_stderr()
        except BaseException as e:  # the others must end too
            failures.append(e)
            server.kill()
    if failures:
        raise failures[0]


@pytest.fixture
def reeved(reeved_factory):
    return reeved_factory()


def wait_for(condition, timeout=60.0, what="the condition"):
    """Polls until condition() is true and returns its value; for what has no event to wait for."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, "timed out waiting for " + what
        time.sleep(0.02)
