# SPDX-License-Identifier: Apache-2.0
"""Raw HTTP/2 against the gRPC server, as h2spec does it: frames written by hand, on real sockets, beside a well-behaved
client that must not notice. Each case ends in a clear error or in a closed connection, in bounded time."""
import contextlib
import socket
import struct
import threading
import time

import grpc
import hpack
import pytest

from conftest import wait_for
from grpc_fixtures import LONG_S, Server, echo

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONT = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 1, 1, 4, 8, 32
NO_ERROR, PROTOCOL, INTERNAL, FLOW, _, STREAM_CLOSED, SIZE, REFUSED, CANCEL, COMPRESSION, _, CALM = range(12)
HELLO = b"\0\0\0\0\7\x0a\5hello"
GOOD = {":method": "POST", ":scheme": "http", ":path": "/reeve.test.Echo/Say", ":authority": "x", "te": "trailers",
        "content-type": "application/grpc"}


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Raw:
    """A connection of which we write every byte."""

    def __init__(self, address, preface=True):
        host, port = address.removeprefix("tcp:").rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), LONG_S)
        self.encoder, self.decoder, self.rest = hpack.Encoder(), hpack.Decoder(), b""
        if preface:
            self.send(PREFACE + frame(SETTINGS))

    def send(self, data):
        with contextlib.suppress(OSError):  # it may have closed already
            self.socket.sendall(data)

    def block(self, **other):
        fields = dict(GOOD, **{k.replace("__", ":").replace("_", "-"): v for k, v in other.items()})
        return self.encoder.encode([(k, v) for k, v in fields.items() if v is not None])

    def head(self, stream, flags=0, **other):
        self.send(frame(HEADERS, END_HEADERS | flags, stream, self.block(**other)))

    def call(self, stream, **other):
        self.head(stream, **other)
        self.send(frame(DATA, END_STREAM, stream, HELLO))

    def _read(self, n):
        while len(self.rest) < n:
            try:
                piece = self.socket.recv(65536)
            except ConnectionError:
                piece = b""
            if not piece:
                return None
            self.rest += piece
        out, self.rest = self.rest[:n], self.rest[n:]
        return out

    def next(self):
        """(kind, flags, stream, payload), or None at the end of the connection."""
        head = self._read(9)
        if head is None:
            return None
        payload = self._read(int.from_bytes(head[:3], "big"))
        if payload is None:
            return None
        return head[3], head[4], int.from_bytes(head[5:9], "big"), payload

    def until(self, wanted):
        """The first frame for which wanted(frame) is true; fails when the connection ends before."""
        while True:
            f = self.next()
            assert f is not None, "the connection ended"
            if wanted(f):
                return f

    def answer(self, stream):
        """All headers and trailers of an answer."""
        fields = {}
        while True:
            f = self.until(lambda f: f[2] == stream and f[0] in (HEADERS, RST))
            if f[0] == RST:
                return dict(fields, rst=struct.unpack(">I", f[3])[0])
            fields.update(self.decoder.decode(f[3]))
            if f[1] & END_STREAM:
                return fields

    def rest_of_it(self):
        """What comes until the server closes: {"goaway": code or None, "resets": {stream: code}}."""
        goaway, resets = None, {}
        while (f := self.next()) is not None:
            if f[0] == GOAWAY:
                goaway = struct.unpack(">II", f[3][:8])[1]
            if f[0] == RST:
                resets[f[2]] = struct.unpack(">I", f[3])[0]
        return {"goaway": goaway, "resets": resets}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


@pytest.fixture(scope="module")
def server():
    s = Server("--handshake=1s", "--request=1s", "--answer=1s", "--keepalive=1s", "--ping=1s")
    yield s
    s.stop()


@pytest.fixture(autouse=True)
def control(server):
    """The well-behaved client: all of its calls are answered, whatever the case does."""
    channel, end, failures = grpc.insecure_channel(server.address.removeprefix("tcp:")), threading.Event(), []
    say = channel.unary_unary("/reeve.test.Echo/Say", request_serializer=echo.EchoRequest.SerializeToString,
                              response_deserializer=echo.EchoReply.FromString)

    def run():
        while not end.wait(0.01):
            try:
                assert say(echo.EchoRequest(text="x"), timeout=LONG_S).text == "x"
            except Exception as e:  # noqa: BLE001
                failures.append(e)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    end.set()
    thread.join()
    channel.close()
    assert not failures, failures[0]


def test_good(server):
    with Raw(server.address) as c:
        for stream in range(1, 100, 2):
            c.call(stream)
            assert c.answer(stream) == {":status": "200", "content-type": "application/grpc", "grpc-status": "0"}


def test_settings_and_pings_are_acknowledged(server):
    with Raw(server.address) as c:
        c.until(lambda f: f[0] == SETTINGS and f[1] & ACK)
        c.send(frame(PING, 0, 0, b"12345678"))
        assert c.until(lambda f: f[0] == PING and f[1] & ACK)[3] == b"12345678"


def test_unknown_frames_settings_and_flags_are_ignored(server):
    with Raw(server.address) as c:
        c.send(frame(0xbe, 0xff, 0, b"x" * 100) + frame(SETTINGS, 0, 0, struct.pack(">HI", 0xfe, 7)))
        c.send(frame(PING, 0xfe, 0, b"12345678"))
        c.call(1)
        assert c.answer(1)["grpc-status"] == "0"


@pytest.mark.parametrize("name, data, error", [
    ("frame larger than allowed", b"\xff\xff\xff\0\0\0\0\0\1", SIZE),
    ("DATA on an idle stream", frame(DATA, 0, 1, b"x"), PROTOCOL),
    ("DATA on stream 0", frame(DATA, 0, 0, b"x"), PROTOCOL),
    ("HEADERS on stream 0", frame(HEADERS, 5, 0, b"\x82"), PROTOCOL),
    ("HEADERS on an even stream", frame(HEADERS, 5, 2, b"\x82"), PROTOCOL),
    ("padding longer than the frame", frame(HEADERS, 5 | PADDED, 1, b"\xff\x82"), PROTOCOL),
    ("no HPACK", frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff"), COMPRESSION),
    ("HPACK index 0", frame(HEADERS, 5, 1, b"\x80"), COMPRESSION),
    ("PRIORITY of a wrong size", frame(PRIORITY, 0, 1, b"\0\0\0\1"), SIZE),
    ("RST_STREAM of an idle stream", frame(RST, 0, 1, b"\0\0\0\x08"), PROTOCOL),
    ("RST_STREAM of a wrong size", frame(RST, 0, 1, b"\0\0\0"), SIZE),
    ("SETTINGS of a wrong size", frame(SETTINGS, 0, 0, b"\0\0\0\0\0"), SIZE),
    ("SETTINGS on a stream", frame(SETTINGS, 0, 1), PROTOCOL),
    ("SETTINGS ACK with something in it", frame(SETTINGS, ACK, 0, b"\0" * 6), SIZE),
    ("ENABLE_PUSH that is no flag", frame(SETTINGS, 0, 0, struct.pack(">HI", 2, 2)), PROTOCOL),
    ("a window of 2^31", frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31)), FLOW),
    ("MAX_FRAME_SIZE too small", frame(SETTINGS, 0, 0, struct.pack(">HI", 5, 100)), PROTOCOL),
    ("PUSH_PROMISE from a client", frame(PUSH, 4, 1, b"\0\0\0\2\x82"), PROTOCOL),
    ("PING of a wrong size", frame(PING, 0, 0, b"1234567"), SIZE),
    ("PING on a stream", frame(PING, 0, 1, b"12345678"), PROTOCOL),
    ("GOAWAY on a stream", frame(GOAWAY, 0, 1, b"\0" * 8), PROTOCOL),
    ("WINDOW_UPDATE by nothing", frame(WINDOW, 0, 0, b"\0\0\0\0"), PROTOCOL),
    ("WINDOW_UPDATE beyond 2^31", frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff"), FLOW),
    ("WINDOW_UPDATE of an idle stream", frame(WINDOW, 0, 1, b"\0\0\0\1"), PROTOCOL),
    ("CONTINUATION of nothing", frame(CONT, 4, 1, b"\x82"), PROTOCOL),
    ("HEADERS interrupted by a frame", frame(HEADERS, 0, 1, b"\x82") + frame(PING, 0, 0, b"12345678"), PROTOCOL),
    ("HEADERS interrupted by another stream's", frame(HEADERS, 0, 1, b"\x82") + frame(CONT, 4, 3), PROTOCOL),
])
def test_broken_frames_end_the_connection(server, name, data, error):
    for step in len(data), 1:
        with Raw(server.address) as c:
            for i in range(0, len(data), step):
                c.send(data[i:i + step])
            got = c.rest_of_it()
            assert got["goaway"] == error or (got["goaway"] in (PROTOCOL, SIZE, FLOW) and step == 1), got


@pytest.mark.parametrize("other", [
    {"Te": "trailers"}, {"connection": "close"}, {"__path": ""}, {"__path": None}, {"__method": None},
    {"__scheme": None}, {"__status": "200"}, {"__unknown": "x"}, {"te": "gzip"}, {"transfer_encoding": "chunked"},
    {"content_length": "3"}, {"bad name": "x"}, {"x_y": "a\r\nb"},
])
def test_broken_headers_reset_their_stream(server, other):
    with Raw(server.address) as c:
        c.call(1, **other)
        got = c.answer(1)
        assert got.get("rst") == PROTOCOL or got.get("grpc-status", "0") != "0", got
        c.call(3)  # the connection lives
        assert c.answer(3)["grpc-status"] == "0"


@pytest.mark.parametrize("data, code", [
    (b"", 13), (b"\0", 13), (b"\0\0\0\0", 13), (b"\0\0\0\0\5abc", 13), (b"\0\0\0\0\0\0", 13), (b"\7\0\0\0\0", 13),
    (b"\0\0\0\0\1\xff", 13), (b"\0\x7f\xff\xff\xff", 8), (b"\0\0\x40\0\1", 8), (b"\1\0\0\0\1x", 13),
])
def test_broken_messages(server, data, code):
    with Raw(server.address) as c:
        c.head(1)
        for i in range(len(data)):
            c.send(frame(DATA, 0, 1, data[i:i + 1]))
        c.send(frame(DATA, END_STREAM, 1))
        assert c.answer(1)["grpc-status"] == str(code)
        c.call(3)
        assert c.answer(3)["grpc-status"] == "0"


def test_what_is_not_grpc(server):
    with Raw(server.address) as c:
        c.call(1, content_type="application/json")
        assert c.answer(1)[":status"] == "415"
        c.call(3, content_type=None)
        assert c.answer(3)[":status"] == "415"
        c.call(5, __method="GET")
        assert c.answer(5)[":status"] == "405"
        c.call(7, te=None)
        assert c.answer(7)["grpc-status"] == "13"
        c.call(9, grpc_timeout="soon")
        assert c.answer(9)["grpc-status"] == "13"
        c.call(11, __path="/")
        assert c.answer(11)["grpc-status"] == "12"


def test_compressed_says_what_is_accepted(server):
    with Raw(server.address) as c:
        c.head(1, grpc_encoding="br")
        c.send(frame(DATA, END_STREAM, 1, b"\1\0\0\0\1x"))
        got = c.answer(1)
        assert (got["grpc-status"], got["grpc-accept-encoding"]) == ("12", "identity")


def test_headers_beyond_the_limit(server):
    with Raw(server.address) as c:
        block = c.encoder.encode([*GOOD.items(), *[("x-many", "%0100d" % i) for i in range(140)]], huffman=False)
        c.send(frame(HEADERS, 0, 1, block[:16000]) + frame(CONT, END_HEADERS, 1, block[16000:]))
        assert c.answer(1)["grpc-status"] == "8"
        c.call(3)
        assert c.answer(3)["grpc-status"] == "0"
    with Raw(server.address) as c:  # and those that would not end
        block = c.encoder.encode([("x-%d" % i, "v" * 8000) for i in range(30)], huffman=False)
        c.send(frame(HEADERS, 0, 1, block[:16000]))
        for i in range(16000, len(block), 16000):
            c.send(frame(CONT, 0, 1, block[i:i + 16000]))
        assert c.rest_of_it()["goaway"] in (COMPRESSION, PROTOCOL, CALM, None)


@pytest.mark.parametrize("flood", [
    frame(PING, 0, 0, b"12345678"), frame(PING, ACK, 0, b"12345678"), frame(SETTINGS), frame(PRIORITY, 0, 1, b"\0\0\0\0\1"),
    frame(WINDOW, 0, 0, b"\0\0\0\1"), frame(0xbe), frame(DATA, 0, 1), frame(RST, 0, 1, b"\0\0\0\0"),
])
def test_floods_are_ended(server, flood):
    before = server.rss_kib()
    with Raw(server.address) as c:
        c.head(1)
        for _ in range(100):
            c.send(flood * 100)
        got = c.rest_of_it()
        assert got["goaway"] in (CALM, None), got  # None: the kernel's reset overtook it, as we still send
    assert server.rss_kib() - before < 20000


def test_rapid_resets_are_ended(server):
    with Raw(server.address) as c:
        for stream in range(1, 20000, 2):
            c.head(stream, __path="/reeve.test.Echo/Never")
            c.send(frame(RST, 0, stream, b"\0\0\0\x08"))
        c.rest_of_it()


def test_streams_beyond_the_limit_are_refused(server):
    with Raw(server.address) as c:
        for stream in range(1, 241, 2):
            c.head(stream, __path="/reeve.test.Echo/Never")
        refused = {c.until(lambda f: f[0] == RST)[2] for _ in range(20)}
        assert refused == set(range(201, 241, 2))


# ---- time ----


@pytest.mark.parametrize("data", [
    b"", b"PRI", PREFACE, PREFACE + b"\0\0", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\0" * 100,
])
def test_who_does_not_begin_is_closed(server, data):
    with Raw(server.address, preface=False) as c:
        c.send(data)
        begin = time.monotonic()
        c.rest_of_it()
        assert time.monotonic() - begin < LONG_S / 2


def test_requests_that_do_not_end(server):
    with Raw(server.address) as c:
        c.head(1)
        c.send(frame(DATA, 0, 1, b"\0\0\0\0\7\x0a"))
        assert c.answer(1)["grpc-status"] == "4"
        c.call(3)
        assert c.answer(3)["grpc-status"] == "0"


def test_answers_that_nobody_takes(server):
    """A window of nothing: the call is given up, not the connection."""
    with Raw(server.address) as c:
        c.send(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)))
        c.call(1)
        assert c.answer(1)["rst"] == CANCEL


def test_answers_that_are_not_read(server):
    """The socket takes nothing more: the connection is given up."""
    with Raw(server.address) as c:
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.send(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0x7fffffff)) + frame(WINDOW, 0, 0, b"\x7f\xff\0\0"))
        body = echo.EchoRequest(reply_size=50_000_000).SerializeToString()
        c.head(1)
        c.send(frame(DATA, END_STREAM, 1, b"\0" + struct.pack(">I", len(body)) + body))
        with grpc.insecure_channel(server.address.removeprefix("tcp:")) as channel:
            count = channel.unary_unary("/reeve.test.Echo/Count", response_deserializer=echo.Counts.FromString)
            counts = lambda: count(b"", timeout=LONG_S)  # noqa: E731
            wait_for(lambda: counts().connections <= 2, timeout=LONG_S, what="the connection to be given up")


def test_who_does_not_answer_a_ping_is_closed(server):
    with Raw(server.address) as c:
        begin = time.monotonic()
        c.until(lambda f: f[0] == PING)
        c.rest_of_it()
        assert time.monotonic() - begin < LONG_S / 2


def test_half_closed(server):
    with Raw(server.address) as c:
        c.head(1)
        c.socket.shutdown(socket.SHUT_WR)
        c.rest_of_it()
