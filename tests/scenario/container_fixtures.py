# SPDX-License-Identifier: Apache-2.0
"""What the scenarios of reeve-container share: a strict host in grpcio that remembers every message, and the program in a home
of its own."""
import concurrent.futures
import os
import signal
import subprocess
import threading

import grpc
import pytest

from conftest import BAD_WORDS, BUILD, clean_env, wait_for
from grpc_fixtures import LONG_S
from host_fixtures import GARCON, LISTENER, classes, guest_pb, host_pb

CONTAINER = BUILD / "reeve-container"
TOKEN = "3f1bc010-c87b-452c-8a6c-798edb9bf13a"
VIM = "[Desktop Entry]\nType=Application\nName=Vim\nName[fr]=Vi\nExec=sh -c \"true\" %F\nMimeType=text/plain;\nIcon=vim\n"


class StandInHost:
    """ContainerListener: wants the token in every message that has one, remembers them, answers what it is told to."""

    def __init__(self, path, token=TOKEN):
        self.path, self.token, self.lock = path, token, threading.Lock()
        self.messages, self.raw, self.answers = [], [], {}
        self.start()

    def start(self):
        self.ready = False
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        handlers = {}
        for m in LISTENER.methods:
            request, reply = classes(m)
            handlers[m.name] = grpc.unary_unary_rpc_method_handler(
                self.handler(m.name, request, reply), response_serializer=lambda answer: answer.SerializeToString())
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(LISTENER.full_name, handlers),))
        assert self.server.add_insecure_port("unix:%s" % self.path)
        self.server.start()

    def stop(self):
        self.server.stop(0).wait()

    def handler(self, name, request, reply):
        def handle(raw, context):
            message = request.FromString(raw)
            self.metadata = dict(context.invocation_metadata())
            with self.lock:
                self.messages.append((name, message))
                self.raw.append((name, raw))
            if name == "ContainerReady":
                self.ready = True
            elif not self.ready and name not in ("OpenUrl", "OpenTerminal", "SelectFile", "GetDiskInfo", "RequestSpace",
                                                 "ReleaseSpace", "ReportMetrics", "ForwardSecurityKeyMessage"):
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no such container")
            if hasattr(message, "token") and message.token != self.token:
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no such token")
            answer = self.answers.get(name)
            if isinstance(answer, grpc.StatusCode):
                context.abort(answer, "as the test wants it")
            return answer or reply()
        return handle

    def got(self, name):
        with self.lock:
            return [m for n, m in self.messages if n == name]

    def wait_for(self, name, n=1, timeout=LONG_S):
        """The n-th message of that call (from 1)."""
        wait_for(lambda: len(self.got(name)) >= n, timeout=timeout, what="%s, %d times" % (name, n))
        return self.got(name)[n - 1]


class Container:
    def __init__(self, folder, host="unix:/nowhere", options=()):
        self.folder = folder
        self.home, self.system = folder / "home", folder / "system"
        self.applications = self.home / ".local/share/applications"
        for d in (self.applications, self.system / "applications", self.system / "mime"):
            d.mkdir(parents=True)
        self.token_file = folder / "token"
        self.token_file.write_text(TOKEN + "\n")
        self.env = clean_env(HOME=str(self.home), XDG_DATA_DIRS=str(self.system), REEVE_CONTAINER_HOST=host,
                             REEVE_CONTAINER_TOKEN_FILE=str(self.token_file), DISPLAY_LOW_DENSITY=":7")
        self.options, self.process, self.log_path = list(options), None, folder / "log"

    def install(self, name, text=VIM, system=False):
        path = (self.system / "applications" if system else self.applications) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(self, socket=None):
        self.socket = socket or "%s/10000.sock" % self.folder
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(CONTAINER), "daemon", "--allow-root", "--listen", "unix:" + self.socket, "--port", "10000", "--check-every",
                 "1s", "--mime-folder", str(self.system / "mime"), *self.options], env=self.env, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline().split()
        assert line and line[0] == "ready", self.log()
        self.address = line[1]
        self.channel = grpc.insecure_channel("unix:" + self.socket)
        return self

    def run(self, *words, program=CONTAINER, code=0):
        done = subprocess.run([str(program), *words], env=self.env, cwd=self.home, capture_output=True, text=True,
                              timeout=LONG_S)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        for word in BAD_WORDS:
            assert word not in done.stderr, done.stderr
        return done.stdout if code == 0 else done.stderr

    def open_files(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def begin(self, name, **fields):
        request, reply = next(classes(m) for m in GARCON.methods if m.name == name)
        stub = self.channel.unary_unary("/vm_tools.container.Garcon/" + name, request_serializer=request.SerializeToString,
                                        response_deserializer=reply.FromString)
        return stub.future(request(**fields), timeout=LONG_S)

    def call(self, name, **fields):
        return self.begin(name, **fields).result()

    def code(self, name, **fields):
        return self.begin(name, **fields).code().name

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self):
        if self.process and self.process.poll() is None:
            self.channel.close()
            self.process.send_signal(signal.SIGTERM)
            self.process.communicate(timeout=LONG_S)
            assert self.process.returncode == 0, self.log()
        for word in BAD_WORDS:
            assert word not in self.log(), self.log()


@pytest.fixture
def stand_in(tmp_path_factory):
    h = StandInHost("%s/s" % tmp_path_factory.mktemp("h"))
    yield h
    h.stop()


@pytest.fixture
def container(stand_in, tmp_path_factory):
    c = Container(tmp_path_factory.mktemp("c"), "unix:%s" % stand_in.path)
    yield c
    c.stop()
