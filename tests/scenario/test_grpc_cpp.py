# SPDX-License-Identifier: Apache-2.0
"""gRPC against gRPC C++, which is what is at the other end in the field: its client calls our server, ours its server."""
import subprocess

import pytest

from grpc_fixtures import LONG_S, Process, Server, build_cpp_peer, client, target


@pytest.fixture(scope="module")
def cpp():
    program = build_cpp_peer()
    if not program:
        pytest.skip("gRPC C++ is not installed")
    return program


@pytest.fixture(params=["tcp", "unix"])
def listen(request, tmp_path):
    return "tcp:127.0.0.1:0" if request.param == "tcp" else "unix:%s/s" % tmp_path


def call(cpp, address, *options):
    out = subprocess.run([str(cpp), "call", target(address), *options], capture_output=True, text=True,
                         timeout=LONG_S * 2, check=True).stdout
    return out.split("\n")[:-1]


def test_its_client_calls_us(cpp, listen):
    s = Server(listen=(listen,))
    assert call(cpp, s.address, "1", "1") == ["1 0", "wrong 0"]
    assert call(cpp, s.address, "5000", "300") == ["5000 0", "wrong 0"]
    assert call(cpp, s.address, "10", "10", "4000000") == ["10 0", "wrong 0"]
    assert call(cpp, s.address, "2", "1", "5000000") == ["2 8", "wrong 0"]
    s.stop()


@pytest.mark.parametrize("kind", ["serve", "serve-async"])
def test_our_client_calls_it(cpp, listen, kind):
    p = Process([cpp, kind, listen if listen.startswith("unix") else "127.0.0.1:0"])
    assert client(p.address, "--text=grüße") == {("OK", ""): 1}
    assert client(p.address, "--text=x", "--calls=5000", "--at-once=300") == {("OK", ""): 5000}
    assert client(p.address, "--size=20000000", "--max=30000000") == {("OK", ""): 1}
    assert client(p.address, "--code=9", "--message=“why” 100%") == {("FAILED_PRECONDITION", "“why” 100%"): 1}
    assert list(client(p.address, "--method=Small")) == [("UNIMPLEMENTED", "")]
    p.stop()


def test_deadline_and_cancel(cpp):
    p = Process([cpp, "serve", "127.0.0.1:0"])
    ends = client(p.address, "--method=Never", "--timeout=500ms", "--calls=3", "--at-once=3")
    assert {code for code, _ in ends} == {"DEADLINE_EXCEEDED"} and sum(ends.values()) == 3  # it or we notice first
    assert client(p.address, "--method=Never", "--cancel-after=500ms") == {("CANCELLED", "the caller cancelled it"): 1}
    p.stop()
