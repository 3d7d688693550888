# SPDX-License-Identifier: Apache-2.0
"""gRPC against an independent implementation: grpcio calls our server, our client calls grpcio's server."""
import concurrent.futures
import os
import pathlib
import socket
import threading
import time

import grpc
import pytest

from conftest import wait_for
from grpc_fixtures import LONG_S, Server, client, echo, server, target  # noqa: F401 (fixture)

LARGE = [("grpc.max_receive_message_length", 1 << 28), ("grpc.max_send_message_length", 1 << 28)]


class Stub:
    def __init__(self, address, options=()):
        self.channel = grpc.insecure_channel(target(address), options=list(options))

    def method(self, name, request=echo.EchoRequest, reply=echo.EchoReply):
        return self.channel.unary_unary("/reeve.test.Echo/" + name, request_serializer=request.SerializeToString,
                                        response_deserializer=reply.FromString)

    def say(self, _timeout=LONG_S, **fields):
        return self.method("Say")(echo.EchoRequest(**fields), timeout=_timeout)

    def counts(self):
        return self.method("Count", echo.Nothing, echo.Counts)(echo.Nothing(), timeout=LONG_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()


def code_of(f, *args, **kw):
    with pytest.raises(grpc.RpcError) as e:
        f(*args, **kw)
    return e.value.code(), e.value.details()


# ---- grpcio calls us ----


def test_answers(server):
    with Stub(server.address) as stub:
        reply = stub.say(text="grüße", blob=b"\0\1\2")
        assert (reply.text, reply.blob) == ("grüße", b"\0\1\2")
        assert reply.peer.startswith("tcp:127.0.0.1:")
        assert 0 < reply.left_ms <= LONG_S * 1000 + 1000  # grpcio rounds it up
        assert stub.say(text="late", delay_ms=50).text == "late"
        assert stub.method("Say")(echo.EchoRequest()).left_ms == -1


def test_unix_socket_tells_who_calls(tmp_path):
    s = Server(listen=("unix:%s/s" % tmp_path, "tcp:127.0.0.1:0"))
    with Stub(s.address) as stub:
        reply = stub.say(text="x")
        assert reply.uid == os.getuid() and reply.peer.startswith("unix:")
    assert os.stat(tmp_path / "s").st_mode & 0o777 == 0o600
    s.stop()
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("code", range(1, 17))
def test_every_status(server, code):
    message = "what “went” wrong\nin 100% of all cases"
    with Stub(server.address) as stub:
        got, details = code_of(stub.say, code=code, message=message)
        assert (got.value[0], details) == (code, message)


def test_large_messages(server):
    with Stub(server.address, LARGE) as stub:
        assert len(stub.say(blob=b"x" * (4 << 20 - 1)).blob) == 4 << 20 - 1
        assert len(stub.say(reply_size=30_000_000).blob) == 30_000_000
        code, _ = code_of(stub.say, blob=b"x" * (4 << 20))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert code_of(stub.method("Small"), echo.EchoRequest(blob=b"x" * 100))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert stub.method("Small")(echo.EchoRequest(blob=b"x" * 90)).blob
        assert stub.say(text="fine").text == "fine"


def test_many_calls_at_once(server):
    with Stub(server.address) as stub:
        say = stub.method("Say")
        calls = [say.future(echo.EchoRequest(text=str(i), delay_ms=i % 5 * 10), timeout=LONG_S) for i in range(1000)]
        assert [c.result().text for c in calls] == [str(i) for i in range(1000)]


def test_large_ones_side_by_side(server):
    """Together more than a connection's window, by far."""
    with Stub(server.address, LARGE) as stub:
        say = stub.method("Say")
        calls = [say.future(echo.EchoRequest(blob=bytes([i]) * 1_000_000, delay_ms=i % 3), timeout=LONG_S) for i in range(30)]
        assert all(c.result().blob == bytes([i]) * 1_000_000 for i, c in enumerate(calls))
        wait_for(lambda: stub.counts().open_calls == 0, what="the end of the calls")


def test_deadline(server):
    with Stub(server.address) as stub:
        begin = time.monotonic()
        code, _ = code_of(stub.method("Never"), echo.EchoRequest(), timeout=0.2)
        assert code == grpc.StatusCode.DEADLINE_EXCEEDED
        assert time.monotonic() - begin < LONG_S / 2
        wait_for(lambda: stub.counts().cancelled == 1, what="the handler to be told")


def test_cancelled_calls(server):
    with Stub(server.address) as stub:
        never = stub.method("Never")
        calls = [never.future(echo.EchoRequest()) for _ in range(50)]
        wait_for(lambda: stub.counts().open_calls == 50, what="the calls to arrive")
        for c in calls:
            c.cancel()
        wait_for(lambda: stub.counts().cancelled == 50, what="the handlers to be told")
        assert stub.counts().open_calls == 0
        assert stub.say(text="fine").text == "fine"


def test_peer_goes_away(server):
    with Stub(server.address) as stub, Stub(server.address, [("grpc.use_local_subchannel_pool", 1)]) as other:
        never = other.method("Never")
        calls = [never.future(echo.EchoRequest()) for _ in range(10)]  # kept: a forgotten one cancels itself
        wait_for(lambda: stub.counts().open_calls == 10, what="the calls to arrive")
        assert not any(c.done() for c in calls)
        other.channel.close()
        wait_for(lambda: stub.counts().cancelled == 10, what="the handlers to be told")
        wait_for(lambda: stub.counts().connections == 1, what="the connection to go")


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_is_refused(server, compression):
    with Stub(server.address) as stub:
        request = echo.EchoRequest(blob=b"x" * 10000)
        code, _ = code_of(stub.method("Say"), request, compression=compression, timeout=LONG_S)
        assert code == grpc.StatusCode.UNIMPLEMENTED
        assert stub.say(text="fine").text == "fine"


def test_refusals(server):
    with Stub(server.address) as stub:
        raw = lambda name: stub.channel.unary_unary(name)  # noqa: E731
        assert code_of(raw("/reeve.test.Echo/Nope"), b"")[0] == grpc.StatusCode.UNIMPLEMENTED
        assert code_of(raw("/other.Service/Say"), b"")[0] == grpc.StatusCode.UNIMPLEMENTED
        assert code_of(raw("/reeve.test.Echo/Say"), b"\xff\xff")[0] == grpc.StatusCode.INTERNAL
        assert code_of(raw("/reeve.test.Echo/Forbidden"), b"")[0] == grpc.StatusCode.PERMISSION_DENIED
        two = stub.channel.stream_unary("/reeve.test.Echo/Say")
        assert code_of(two, iter([b"", b""]))[0] == grpc.StatusCode.INTERNAL
        assert code_of(two, iter([]))[0] == grpc.StatusCode.INTERNAL
        code, _ = code_of(raw("/reeve.test.Echo/Say"), b"", metadata=[("x-many", "v" * 5000)] * 4, timeout=LONG_S)
        assert code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL)  # theirs may refuse to send it
        assert stub.say(text="fine").text == "fine"


def test_metadata_and_user_agents_do_not_matter(server):
    with Stub(server.address, [("grpc.primary_user_agent", "x" * 1000)]) as stub:
        reply = stub.method("Say")(echo.EchoRequest(text="x"), metadata=[("a-bin", b"\0\xff"), ("b", "c")])
        assert reply.text == "x"


def test_graceful_stop(tmp_path):
    s = Server()
    with Stub(s.address) as stub:
        stub.say(text="x")
        calls = [stub.method("Say").future(echo.EchoRequest(text=str(i), delay_ms=500)) for i in range(20)]
        wait_for(lambda: stub.counts().open_calls == 20, what="the calls to arrive")
        s.terminate()
        assert [c.result(timeout=LONG_S).text for c in calls] == [str(i) for i in range(20)]
        s.stop()
        assert code_of(stub.say, text="x")[0] == grpc.StatusCode.UNAVAILABLE


def test_more_connections_than_allowed():
    s = Server("--connections=2")
    stubs = [Stub(s.address, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(3)]
    assert stubs[0].say(text="a").text == "a" and stubs[1].say(text="b").text == "b"
    assert code_of(stubs[2].say, text="c", _timeout=2)[0] in (
        grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    stubs[0].channel.close()
    wait_for(lambda: stubs[1].counts().connections == 1, what="room")
    wait_for(lambda: not stubs[2].method("Say").future(echo.EchoRequest(), wait_for_ready=True, timeout=LONG_S).exception(),
             what="the third to get in")
    for stub in stubs:
        stub.channel.close()
    s.stop()


def test_out_of_descriptors():
    """Those that do not fit wait, the server does not spin, and when there is room again they get in."""
    s = Server(under=["prlimit", "--nofile=16"])
    host, port = s.address.removeprefix("tcp:").split(":")
    idle = [socket.create_connection((host, int(port)), LONG_S) for _ in range(30)]
    time.sleep(0.5)
    ticks = lambda: sum(map(int, pathlib.Path("/proc/%d/stat" % s.process.pid).read_text().split()[13:15]))  # noqa: E731
    before = ticks()
    time.sleep(1)
    assert ticks() - before < 20  # of a hundred a second
    with Stub(s.address) as stub:
        waiting = stub.method("Say").future(echo.EchoRequest(text="x"), wait_for_ready=True, timeout=LONG_S)
        for c in idle:
            c.close()
        assert waiting.result().text == "x"
    s.stop()


def test_requests_share_one_budget():
    """Four megabytes each are allowed, all of them together are not."""
    s = Server("--memory=10000000")
    with Stub(s.address, LARGE) as stub:
        say = stub.method("Say")
        calls = [say.future(echo.EchoRequest(blob=b"x" * 3_900_000, delay_ms=1000), timeout=LONG_S) for _ in range(12)]
        codes = [c.code() for c in calls]
        assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
        wait_for(lambda: stub.counts().bytes < 1000, what="the memory to be free again")
        assert len(stub.say(blob=b"x" * 3_900_000).blob) == 3_900_000
    s.stop()


def test_keepalive_pings_keep_honest_peers():
    s = Server("--keepalive=100ms", "--ping=5s")
    with Stub(s.address) as stub:
        stub.say(text="x")
        time.sleep(1)  # some pings
        assert stub.counts().connections == 1
    s.stop()


# ---- we call grpcio ----


class Peer:
    """The service of echo.proto in grpcio."""

    def __init__(self, address="127.0.0.1:0", **options):
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), options=LARGE, **options)
        handler = lambda f: grpc.unary_unary_rpc_method_handler(  # noqa: E731
            f, echo.EchoRequest.FromString, echo.EchoReply.SerializeToString)
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
            "reeve.test.Echo", {"Say": handler(self.say), "Never": handler(self.never)})])
        port = self.server.add_insecure_port(address)
        self.address = address if address.startswith("unix:") else "tcp:127.0.0.1:%d" % port
        self.told = threading.Event()
        self.seen = {}
        self.server.start()

    def say(self, request, context):
        self.seen = dict(context.invocation_metadata())
        self.left = context.time_remaining()
        if request.code:
            context.abort(next(c for c in grpc.StatusCode if c.value[0] == request.code), request.message)
        time.sleep(request.delay_ms / 1000)
        return echo.EchoReply(text=request.text, blob=bytes(request.reply_size) or request.blob)

    def never(self, request, context):
        context.add_callback(self.told.set)
        self.told.wait(LONG_S)
        return echo.EchoReply()

    def stop(self):
        self.server.stop(0).wait()


@pytest.fixture
def peer():
    p = Peer()
    yield p
    p.stop()


def test_client_calls(peer):
    assert client(peer.address, "--text=grüße") == {("OK", ""): 1}
    assert peer.seen["user-agent"].startswith("reeve/")
    assert 0 < peer.left <= 30
    assert client(peer.address, "--calls=2000", "--at-once=200", "--text=x") == {("OK", ""): 2000}


def test_client_over_unix(tmp_path):
    p = Peer("unix:%s/peer" % tmp_path)
    assert client(p.address, "--calls=100", "--at-once=10") == {("OK", ""): 100}
    p.stop()


@pytest.mark.parametrize("code", [1, 3, 9, 14, 16])
def test_client_sees_statuses(peer, code):
    name = next(c for c in grpc.StatusCode if c.value[0] == code).name
    assert client(peer.address, "--code=%d" % code, "--message=“why” 100%") == {(name, "“why” 100%"): 1}


def test_client_large(peer):
    assert client(peer.address, "--size=20000000", "--max=30000000") == {("OK", ""): 1}
    assert client(peer.address, "--reply-size=4000000", "--calls=20", "--at-once=20") == {("OK", ""): 20}
    [(code, _)] = client(peer.address, "--reply-size=5000000")
    assert code == "RESOURCE_EXHAUSTED"


def test_client_deadline_and_cancel(peer):
    [(code, _)] = client(peer.address, "--method=Never", "--timeout=2s")
    assert code == "DEADLINE_EXCEEDED"
    assert peer.told.wait(LONG_S)
    peer.told.clear()
    assert client(peer.address, "--method=Never", "--cancel-after=2s") == {
        ("CANCELLED", "the caller cancelled it"): 1}
    assert peer.told.wait(LONG_S)


def test_client_unknown_method(peer):
    [(code, _)] = client(peer.address, "--method=Nope")
    assert code == "UNIMPLEMENTED"


def test_client_refuses_compressed_answers():
    p = Peer(compression=grpc.Compression.Gzip)
    [(code, _)] = client(p.address, "--reply-size=100000")
    p.stop()
    assert code in ("INTERNAL", "OK")  # grpcio compresses only for those who say that they accept it


def test_client_waits_for_a_server(tmp_path):
    address = "unix:%s/late" % tmp_path
    assert client(address)  # ends at once
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(client, address, "--wait")
        time.sleep(0.3)
        p = Peer(address)
        assert waiting.result(LONG_S) == {("OK", ""): 1}
        p.stop()
    [(code, message)] = client(address)
    assert code == "UNAVAILABLE" and address in message


def test_client_survives_a_restart(tmp_path):
    """Calls run all the time; the server is replaced gracefully under them: none is lost."""
    address = "unix:%s/s" % tmp_path
    first = Server(listen=(address,))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        calls = pool.submit(client, address, "--wait", "--calls=400", "--at-once=4", "--delay=5ms", "--text=x")
        time.sleep(0.5)
        first.stop()
        second = Server(listen=(address,))
        assert calls.result(LONG_S * 2) == {("OK", ""): 400}
        second.stop()
