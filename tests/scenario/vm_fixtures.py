# SPDX-License-Identifier: Apache-2.0
"""What the scenarios of virtual machines share: reeve-host and the machines that it starts with qemu, of Debian's kernel and
reeve-guest as their init."""
import fcntl
import json
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import grpc
import pytest

from conftest import BAD_WORDS, BUILD, ROOT, clean_env
from guest_fixtures import METHODS

HOST = BUILD / "reeve-host"
IMAGE = BUILD / "guest-image"
BOOT_S = 240  # under emulation, beside everything else


@pytest.fixture(scope="module")
def image():
    agent = BUILD / "reeve-guest"
    made = IMAGE / "initrd"
    maker = ROOT / "tools/guest-image"
    with open(BUILD / "guest-image.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests of other files run at the same time
        if not made.exists() or made.stat().st_mtime < max(agent.stat().st_mtime, maker.stat().st_mtime):
            subprocess.run([str(maker), str(BUILD)], check=True, stdout=subprocess.DEVNULL, timeout=BOOT_S)
    return IMAGE


class Machines:
    """A daemon and its virtual machines."""

    def __init__(self, folder, image):
        self.folder, self.image, self.state = folder, image, folder / "s"
        self.daemons_state = str(self.state)  # as the daemon is told, which runs in the folder
        self.env = clean_env()  # of the daemon
        self.program = [str(HOST)]  # the daemon
        self.log_path = folder / "log"
        self.start_daemon()

    def start_daemon(self, *options):
        with open(self.log_path, "ab") as log:
            self.daemon = subprocess.Popen(
                [*self.program, "--state", self.daemons_state, "--no-menu", "--listen", "unix:%s/main.sock" % self.folder,
                 *options, "serve"],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, env=self.env)
        assert self.daemon.stdout.readline().startswith("reeve-host: ready"), self.log()

    def stop_daemon(self):
        self.daemon.send_signal(signal.SIGTERM)
        assert self.daemon.wait(timeout=60) == 0, self.log()
        self.daemon.stdout.close()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def run(self, *words, code=0):
        r = subprocess.run([str(HOST), "--state", str(self.state), *map(str, words)], capture_output=True, text=True,
                           timeout=BOOT_S, env=clean_env())
        assert r.returncode == code, (r.returncode, r.stdout, r.stderr, self.log()[-3000:])
        return r.stdout if code == 0 else r.stderr

    def words_of_boot(self, name, *options):
        return ["vm", "start", name, "--kernel", self.image / "vmlinuz", "--initrd", self.image / "initrd", "--memory", "192M", *options]

    def boot(self, name, *options):
        return self.run(*self.words_of_boot(name, *options))

    def begin_boot(self, name, *options):
        """The command, which waits for the machine."""
        return subprocess.Popen([str(HOST), "--state", str(self.state), *map(str, self.words_of_boot(name, *options))],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_env())

    def info(self, name):
        return next((v for v in json.loads(self.run("vm", "list", "-o", "json")) if v["name"] == name), None)

    def sh(self, name, script, code=0):
        return self.run("vm", "exec", name, "--", "sh", "-c", script, code=code)

    def output(self, name, script):
        """What it prints: by way of the machine's console, between two marks."""
        mark = "mark-%d" % time.monotonic_ns()
        self.run("vm", "exec", "--console", name, "--", "sh", "-c", "echo %s; (%s) 2>&1; echo %s" % (mark, script, mark))
        text = self.run("vm", "console", name).split(mark)[1]
        lines = [x for x in text.splitlines() if not re.match(r"time=\d|\[ *\d+\.\d+\]", x)]  # the agent's and the kernel's own
        return "\n".join(lines).strip("\n")

    def agent(self, name):
        """A call to the machine's agent, past the daemon."""
        pid = self.info(name)["pid"]
        listing = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
        port = next(re.search(r"127\.0\.0\.1:(\d+)", line).group(1) for line in listing.splitlines() if "pid=%d," % pid in line)
        token = (self.state / "vms" / name / "token").read_text().strip()
        channel = grpc.insecure_channel("127.0.0.1:" + port)

        def call(method, shown=token, **fields):
            request, reply = METHODS[method]
            stub = channel.unary_unary("/vm_tools.Maitred/" + method, request_serializer=request.SerializeToString,
                                       response_deserializer=reply.FromString)
            return stub(request(**fields), timeout=BOOT_S, metadata=[("authorization", "Bearer " + shown)] if shown else None)

        return call

    def kill_daemon(self):
        self.daemon.kill()
        self.daemon.wait()
        self.daemon.stdout.close()

    def restart_daemon(self):
        self.stop_daemon()
        self.start_daemon()

    def close(self):
        for v in json.loads(self.run("vm", "list", "-o", "json")):
            if v["pid"]:
                self.run("vm", "stop", "--force", v["name"])
        self.stop_daemon()
        for word in BAD_WORDS:
            assert word not in self.log(), self.log()


@pytest.fixture(scope="module")
def machines(image):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rv-"))
    m = Machines(folder, image)
    yield m
    m.close()
    shutil.rmtree(folder)


@pytest.fixture
def own_machines(image):
    """For a test that does to the daemon what no other test should see."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rv-"))
    m = Machines(folder, image)
    yield m
    m.close()
    shutil.rmtree(folder)
