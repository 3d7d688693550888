# SPDX-License-Identifier: Apache-2.0
"""What the scenarios of reeve-host share: the daemon with two machines on sockets of their own, hooks that record what they are
called with, and a container's service of the test's (grpcio)."""
import concurrent.futures
import json
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile

import grpc
import pytest

from conftest import BAD_WORDS, BUILD, ROOT, clean_env, wait_for
from grpc_fixtures import LONG_S, messages

HOST = BUILD / "reeve-host"
common, host_pb, guest_pb, vm_pb = messages(
    "vm/proto/common.proto", "vm/proto/container_host.proto", "vm/proto/container_guest.proto", "vm/proto/vm_host.proto",
    folder=ROOT / "src")
LISTENER = host_pb.DESCRIPTOR.services_by_name["ContainerListener"]
GARCON = guest_pb.DESCRIPTOR.services_by_name["Garcon"]
STARTUP = vm_pb.DESCRIPTOR.services_by_name["StartupListener"]


def png_head(width, height):
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height)


PNG = png_head(48, 48) + bytes(64)

RECORDER = """#!/bin/sh
{ for word in "$@"; do printf '%s\\037' "$word"; done; printf '\\036'; } >> "$RECORD"
"""


def classes(method):
    """Python's classes of a method's request and answer."""
    from google.protobuf import message_factory  # its older and newer ways
    if hasattr(message_factory, "GetMessageClass"):
        return [message_factory.GetMessageClass(d) for d in (method.input_type, method.output_type)]
    factory = message_factory.MessageFactory()
    return [factory.GetPrototype(d) for d in (method.input_type, method.output_type)]


METHODS = {m.name: ("/%s/%s" % (s.full_name, m.name), *classes(m)) for s in (LISTENER, STARTUP) for m in s.methods}


class Caller:
    """Whoever calls the host at an address."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address.removeprefix("tcp:"))

    def begin(self, name, timeout=LONG_S, **fields):
        path, request, reply = METHODS[name]
        stub = self.channel.unary_unary(path, request_serializer=request.SerializeToString,
                                        response_deserializer=reply.FromString)
        return stub.future(request(**fields), timeout=timeout)

    def call(self, name, **fields):
        return self.begin(name, **fields).result()

    def code(self, name, **fields):
        return self.begin(name, **fields).code().name


class Garcon:
    """A container's own service: answers what it is told to, and remembers the requests."""

    def __init__(self, path):
        self.requests, self.answers = [], {}
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        handlers = {}
        for m in GARCON.methods:
            request, reply = classes(m)
            handlers[m.name] = grpc.unary_unary_rpc_method_handler(
                self.handler(m.name, reply), request_deserializer=request.FromString,
                response_serializer=reply.SerializeToString)
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(GARCON.full_name, handlers),))
        assert self.server.add_insecure_port("unix:%s" % path)
        self.server.start()

    def handler(self, name, reply):
        def handle(request, context):
            self.requests.append((name, request))
            answer = self.answers.get(name)
            return answer(request, context) if answer else reply()
        return handle

    def asked(self, name):
        return [r for n, r in list(self.requests) if n == name]

    def stop(self):
        self.server.stop(0).wait()


class Host:
    def __init__(self, folder, *options, hooks=None, config=None):
        self.folder = folder
        self.state, self.data = folder / "state", folder / "data"
        self.record = folder / "record"
        self.record.touch()
        recorder = folder / "record.sh"
        recorder.write_text(RECORDER)
        recorder.chmod(0o755)
        self.disk = folder / "disk.img"
        self.home = folder / "home"
        self.home.mkdir()

        def hook(name, *words):
            return [str(recorder), name, "{vm}", "{container}", *words]

        self.config = {
            "vms": [{"name": name, "cid": cid, "listen": "unix:%s/%s.sock" % (folder, name),
                     "garcon": "unix:%s/%s-{port}.sock" % (folder, name), "disk": str(self.disk),
                     "containers": [{"name": "penguin", "address": "100.115.92.204", "enter": ["ssh", "-t", "penguin"],
                                     "paths": [{"inside": "/home/user", "outside": str(self.home)}]}]}
                    for name, cid in (("termina", 5), ("other", 6))],
            "hooks": {"open_url": hook("open_url", "{url}"), "open_terminal": hook("open_terminal", "{enter}", "{params}"),
                      "notify": hook("notify", "{title}", "{text}"), "file_changed": hook("file_changed", "{path}"),
                      "mime_types": hook("mime_types", "{types}"), "metrics": hook("metrics", "{metrics}"),
                      "menu_changed": [], "select_file": ["false"], **(hooks or {})}}
        self.config.update(config or {})
        self.config_path = folder / "host.yaml"
        self.config_path.write_text(json.dumps(self.config))
        self.options = ["--state", str(self.state), "--data-home", str(self.data), "--config", str(self.config_path),
                        "--listen", "unix:%s/main.sock" % folder, *options]
        self.log_path = folder / "log"
        self.start()

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([str(HOST), *self.options, "serve"], stdin=subprocess.DEVNULL, stderr=log,
                                            stdout=subprocess.PIPE, text=True, env=clean_env(RECORD=str(self.record)))
        line = self.process.stdout.readline()
        assert line.startswith("reeve-host: ready"), self.log()

    def vm(self, name="termina"):
        return Caller("unix:%s/%s.sock" % (self.folder, name))

    def main(self):
        return Caller("unix:%s/main.sock" % self.folder)

    def token(self, vm="termina", container="penguin"):
        return (self.state / "tokens" / vm / container).read_text().strip()

    def garcon(self, port=10000, vm="termina"):
        return Garcon("%s/%s-%d.sock" % (self.folder, vm, port))

    def recorded(self, name):
        """What a hook was called with, so far: lists of words, the machine and container first."""
        calls = [r.split("\x1f")[:-1] for r in self.record.read_text().split("\x1e")[:-1]]
        return [c[1:] for c in calls if c[0] == name]

    def wait_recorded(self, name, n=1):
        wait_for(lambda: len(self.recorded(name)) >= n, timeout=LONG_S, what="the hook " + name)
        return self.recorded(name)

    def run(self, *words, code=0):
        r = subprocess.run([str(HOST), "--state", str(self.state), *words], capture_output=True, text=True, timeout=LONG_S,
                           env=clean_env())
        assert r.returncode == code, (r.returncode, r.stdout, r.stderr)
        return r.stdout if code == 0 else r.stderr

    def entries(self):
        folder = self.data / "applications"
        return {p.name: p.read_text() for p in folder.glob("*.desktop")} if folder.exists() else {}

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=LONG_S) == 0, self.log()
        self.process.stdout.close()
        for word in BAD_WORDS:
            assert word not in self.log(), self.log()


@pytest.fixture
def host_factory():
    hosts = []

    def make(*options, **more):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="rh-"))  # short: sockets lie in it
        h = Host(folder, *options, **more)
        hosts.append(h)
        return h

    yield make
    for h in hosts:
        h.stop()
        shutil.rmtree(h.folder)


@pytest.fixture
def host(host_factory):
    return host_factory()


class Container:
    """A container that is up on a machine of the host."""

    def __init__(self, host, vm="termina", port=10000):
        self.host, self.garcon = host, host.garcon(port, vm)
        self.caller, self.token = host.vm(vm), host.token(vm)
        self.caller.call("ContainerReady", token=self.token, garcon_port=port)

    def call(self, name, **fields):
        return self.caller.call(name, token=self.token, **fields)

    def code(self, name, **fields):
        return self.caller.code(name, token=self.token, **fields)


@pytest.fixture
def container(host):
    c = Container(host)
    yield c
    c.garcon.stop()
