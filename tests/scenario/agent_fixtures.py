# SPDX-License-Identifier: Apache-2.0
"""What the scenarios of reeve-agent share: the agent on a root of its own, and the fixtures `api` and `agent`."""
import json
import os
import pathlib
import select
import stat
import subprocess
import time

import pytest

from conftest import BAD_WORDS, binary, clean_env
from device_api_standin import DeviceApi

HOMEPAGE = "chrome.HomepageLocation"
POLICY = "etc/chromium/policies/managed/reeve.json"


class Agent:
    """`reeve-agent` with a root and a state folder of its own."""

    def __init__(self, folder, api):
        self.api = api
        self.root = folder / "root"
        self.state = folder / "state"
        self.log = folder / "agent.stderr"
        self.token = "enroll-me"
        self.env = {}
        self.process = None
        self.output = b""
        for path in ("etc", "var/lib/dpkg", "sys/class/rfkill", "sys/bus/usb/devices", "proc/sys/kernel/random"):
            (self.root / path).mkdir(parents=True)
        (self.root / "var/lib/dpkg/status").write_text("")
        self.boot("11111111-1111-1111-1111-111111111111")

    def boot(self, boot_id):
        (self.root / "proc/sys/kernel/random/boot_id").write_text(boot_id + "\n")

    def command(self, *more, server=None):
        return [binary("reeve-agent"), "--server", server or self.api.url, "--state", str(self.state), "--root", str(self.root),
                "--log-level", "debug", *more]

    def environment(self):
        token = {"REEVE_ENROLLMENT_TOKEN": self.token} if self.token else {}
        return clean_env(**token, **self.env)

    def start(self, *more, **kw):
        assert self.process is None
        self.output = b""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(*more, **kw), stdout=subprocess.PIPE, stderr=log, env=self.environment())
        return self

    def run(self, *more, **kw):
        """To its end: (exit code, stdout, stderr)."""
        r = subprocess.run(self.command(*more, **kw), capture_output=True, text=True, timeout=60, env=self.environment())
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(r.stderr)
        return r.returncode, r.stdout, r.stderr

    def line(self, timeout=60):
        """The next line of its stdout; "" at its end."""
        end = time.monotonic() + timeout
        while b"\n" not in self.output:
            left = end - time.monotonic()
            assert left > 0 and select.select([self.process.stdout], [], [], left)[0], "no line; stderr:\n" + self.stderr()
            chunk = os.read(self.process.stdout.fileno(), 4096)
            if not chunk:
                break
            self.output += chunk
        line, _, self.output = self.output.partition(b"\n")
        return line.decode()

    def stderr(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait(self, timeout=60):
        code = self.process.wait(timeout)
        self.process.stdout.close()
        self.process = None
        return code

    def stop(self):
        if self.process:
            self.process.terminate()
            assert self.wait() == 0, self.stderr()

    def kill(self):
        self.process.kill()
        self.wait()

    def policies(self):
        try:
            return json.loads((self.root / POLICY).read_text())
        except FileNotFoundError:
            return {}


@pytest.fixture
def api():
    a = DeviceApi().start()
    yield a
    a.stop()
    assert a.violations == []


@pytest.fixture
def agent(tmp_path, api):
    a = Agent(tmp_path / "machine", api)
    yield a
    a.stop()
    for word in BAD_WORDS:
        assert word not in a.stderr(), a.stderr()
    for token in list(api.devices) + list(api.gone) + ["enroll-me"]:
        assert token not in a.stderr()  # secrets are never logged


def snapshot(folder):
    """Everything that a change of the tree would change, times included."""
    seen = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        s = path.lstat()
        seen[str(path)] = (s.st_mode, s.st_uid, s.st_gid, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino,
                           path.read_bytes() if stat.S_ISREG(s.st_mode) else None)
    return seen
