# SPDX-License-Identifier: Apache-2.0
"""What the scenarios of gRPC share: our test server and client, Python's messages of a .proto, and a peer in gRPC C++."""
import atexit
import fcntl
import importlib
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

from conftest import BAD_WORDS, BUILD, ROOT

GRPC = ROOT / "src/net/grpc"
SERVER = BUILD / "src/net/grpc/grpc-testserver"
CLIENT = BUILD / "src/net/grpc/grpc-testclient"
PEER_SOURCE = ROOT / "bench/peers/grpc_echo.cc"
LONG_S = 60  # never reached when all is well


def messages(*protos, folder):
    """Python's classes of .proto files that lie in one folder: the modules, in order."""
    out = tempfile.mkdtemp(prefix="reeve-pb-")
    subprocess.run(["protoc", "-I%s" % folder, "--python_out=" + out, *protos], check=True)
    sys.path.insert(0, out)
    try:
        return [importlib.import_module(p.replace("/", ".").removesuffix(".proto") + "_pb2") for p in protos]
    finally:
        sys.path.remove(out)
        shutil.rmtree(out)


echo = messages("echo.proto", folder=GRPC)[0]


def target(address):
    """Our address as grpcio writes it."""
    return address.removeprefix("tcp:")


class Process:
    """A program that prints "ready ADDRESS" lines, and must end well."""

    def __init__(self, command, n_ready=1):
        self.stderr = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=self.stderr, text=True)
        atexit.register(self.process.kill)  # should its test fail; once it has been waited for, this does nothing
        self.addresses = []
        for _ in range(n_ready):
            line = self.process.stdout.readline().split()
            assert line and line[0] == "ready", self.log()
            self.addresses.append(line[1])
        self.address = self.addresses[0]

    def log(self):
        self.stderr.seek(0)
        return self.stderr.read()

    def rss_kib(self):
        text = pathlib.Path("/proc/%d/status" % self.process.pid).read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """Returns what it printed since it was ready."""
        if self.process.poll() is None:
            self.terminate()
        out = self.process.communicate(timeout=LONG_S)[0]
        log = self.log()
        assert self.process.returncode == 0, log
        for word in BAD_WORDS:
            assert word not in log, log
        return out


class Server(Process):
    """Ours, which must have nothing left over at its end."""

    def __init__(self, *options, listen=("tcp:127.0.0.1:0",), under=()):
        super().__init__([*under, SERVER, *["--listen=" + a for a in listen], *options], len(listen))

    def stop(self):
        out = super().stop()
        assert "stopped connections=0 calls=0 bytes=0" in out, out
        return out


def client(address, *options):
    """Our client: {(code, message): count}; every answer was right."""
    p = subprocess.run([str(CLIENT), address, *options], capture_output=True, text=True, timeout=LONG_S * 2, check=False)
    assert p.returncode == 0, p.stderr
    for word in BAD_WORDS:
        assert word not in p.stderr, p.stderr
    outcomes = {}
    for line in p.stdout.splitlines():
        m = re.match(r"(\d+) ([A-Z_]+) (.*)$", line)
        if m:
            outcomes[(m.group(2), m.group(3))] = int(m.group(1))
    assert "wrong 0" in p.stdout, p.stdout
    return outcomes


@pytest.fixture
def server():
    s = Server()
    yield s
    s.stop()


def build_cpp_peer():
    """The same service in gRPC C++, compiled once per build folder; None without its packages."""
    if not shutil.which("g++") or not shutil.which("grpc_cpp_plugin"):
        return None
    libraries = subprocess.run(["pkg-config", "--cflags", "--libs", "grpc++", "protobuf"], capture_output=True, text=True,
                               check=True).stdout.split()
    folder = BUILD / "grpc-cpp-peer"
    folder.mkdir(exist_ok=True)
    out, proto = folder / "grpc-echo", GRPC / "echo.proto"
    with open(folder / "lock", "w", encoding="utf-8") as lock: # scenarios run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        newest = max(p.stat().st_mtime for p in (PEER_SOURCE, proto))
        if not out.exists() or out.stat().st_mtime < newest:
            subprocess.run(["protoc", "-I%s" % GRPC, "--cpp_out=%s" % folder, "--grpc_out=%s" % folder,
                            "--plugin=protoc-gen-grpc=" + shutil.which("grpc_cpp_plugin"), "echo.proto"], check=True)
            subprocess.run(["g++", "-std=c++17", "-O2", "-I%s" % folder, str(PEER_SOURCE), str(folder / "echo.pb.cc"),
                            str(folder / "echo.grpc.pb.cc"), "-o", str(out), *libraries], check=True)
    return out
