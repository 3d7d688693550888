# SPDX-License-Identifier: Apache-2.0
"""Requests of all kinds on raw sockets: what is malformed, what looks odd and is right, pipelines, mutations."""
import json
import os
import random
import re
import signal
import socket

import pytest

from http_peers import Answer, as_bytes, ask, Closed, control, dial, H, is_closed, Server, server  # noqa: F401 (fixtures)

DROPPED = None

MALFORMED = {  # name: (request, status; DROPPED: closed without a word, within the header timeout)
    "no request at all": ("\r\n\r\n\r\n", DROPPED),
    "one word": ("GARBAGE\r\n\r\n", DROPPED),
    "binary": (bytes(range(256)) * 4, (400, DROPPED)),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300), DROPPED),
    "HTTP/0.9": ("GET /hello\r\n\r\n", 400),
    "HTTP/2 preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/2.0": ("GET /hello HTTP/2.0\r\n" + H + "\r\n", 505),
    "HTTP/0.8": ("GET /hello HTTP/0.8\r\n" + H + "\r\n", 505),
    "HTTP/11": ("GET /hello HTTP/11\r\n" + H + "\r\n", 400),
    "http/1.1": ("GET /hello http/1.1\r\n" + H + "\r\n", 400),
    "space in the address": ("GET /hello x HTTP/1.1\r\n" + H + "\r\n", 400),
    "two spaces": ("GET  /hello HTTP/1.1\r\n" + H + "\r\n", 400),
    "space at the end": ("GET /hello HTTP/1.1 \r\n" + H + "\r\n", 400),
    "tab": ("GET\t/hello\tHTTP/1.1\r\n" + H + "\r\n", DROPPED),
    "no Host": ("GET /hello HTTP/1.1\r\n\r\n", 400),
    "two Hosts": ("GET /hello HTTP/1.1\r\n" + H + H + "\r\n", 400),
    "NUL in the method": ("G\0ET /hello HTTP/1.1\r\n" + H + "\r\n", 400),
    "NUL in the address": ("GET /hello\0x HTTP/1.1\r\n" + H + "\r\n", 400),
    "NUL in a query": ("GET /hello?a\0 HTTP/1.1\r\n" + H + "\r\n", 400),
    "NUL in a name": ("GET /hello HTTP/1.1\r\n" + H + "A\0: b\r\n\r\n", 400),
    "NUL in a value": ("GET /hello HTTP/1.1\r\nA: b\0c\r\n" + H + "\r\n", 400),
    "NUL in the last value": ("GET /hello HTTP/1.1\r\n" + H + "A: b\0c\r\n\r\n", 400),
    "NUL hides a header": ("POST /body HTTP/1.1\r\n" + H + "A: b\0\r\nContent-Length: 3\r\n\r\nabc", 400),
    "escaped NUL": ("GET /echo/a%00 HTTP/1.1\r\n" + H + "\r\n", 400),
    "cut escape": ("GET /echo/a%4 HTTP/1.1\r\n" + H + "\r\n", 400),
    "not UTF-8": ("GET /echo/%ff HTTP/1.1\r\n" + H + "\r\n", 400),
    "bare LF": ("GET /hello HTTP/1.1\n" + H + "\r\n", 400),
    "bare LF after a header": ("GET /hello HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400),
    "bare LF at the end": ("GET /hello HTTP/1.1\r\n" + H + "\n", 400),
    "bare CR": ("GET /hello HTTP/1.1\r\n" + H + "A: b\rc\r\n\r\n", 400),
    "folded header": ("GET /hello HTTP/1.1\r\n" + H + "A: b\r\n c\r\n\r\n", 400),
    "folded first": ("GET /hello HTTP/1.1\r\n A: b\r\n" + H + "\r\n", 400),
    "folded Content-Length": ("POST /body HTTP/1.1\r\n" + H + "Content-Length: 1\r\n 0\r\n\r\n0123456789", 400),
    "no colon": ("GET /hello HTTP/1.1\r\n" + H + "nonsense\r\n\r\n", 400),
    "space before the colon": ("GET /hello HTTP/1.1\r\n" + H + "A : b\r\n\r\n", 400),
    "no name": ("GET /hello HTTP/1.1\r\n" + H + ": b\r\n\r\n", 400),
    "control character": ("GET /hello HTTP/1.1\r\n" + H + "A: \x01\r\n\r\n", 400),
    "length and chunks": ("POST /body HTTP/1.1\r\n" + H + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks and length": ("POST /body HTTP/1.1\r\n" + H + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    "two lengths": ("POST /body HTTP/1.1\r\n" + H + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    "the same length twice": ("POST /body HTTP/1.1\r\n" + H + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    "two Authorizations": ("GET /hello HTTP/1.1\r\n" + H + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400),
    "two Content-Types": ("POST /body HTTP/1.1\r\n" + H + "Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 1\r\n\r\na", 400),
    "a list of lengths": ("POST /body HTTP/1.1\r\n" + H + "Content-Length: 3, 3\r\n\r\nabc", 400),
    "negative length": ("POST /body HTTP/1.1\r\n" + H + "Content-Length: -1\r\n\r\n", 400),
    "signed length": ("POST /body HTTP/1.1\r\n" + H + "Content-Length: +3\r\n\r\nabc", 400),
    "hex length": ("POST /body HTTP/1.1\r\n" + H + "Content-Length: 0x3\r\n\r\nabc", 400),
    "empty length": ("POST /body HTTP/1.1\r\n" + H + "Content-Length:\r\n\r\n", 400),
    "huge length": ("POST /body HTTP/1.1\r\n" + H + "Content-Length: 18446744073709551615\r\n\r\n", 413),
    "length over 64 bits": ("POST /body HTTP/1.1\r\n" + H + "Content-Length: 99999999999999999999\r\n\r\n", 413),
    "length over the limit": ("POST /body HTTP/1.1\r\n" + H + "Content-Length: 100001\r\n\r\n", 413),
    "a body where none goes": ("POST /none HTTP/1.1\r\n" + H + "Content-Length: 3\r\n\r\nabc", 413),
    "chunks where none go": ("POST /none HTTP/1.1\r\n" + H + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
    "a body with GET": ("GET /hello HTTP/1.1\r\n" + H + "Content-Length: 3\r\n\r\nabc", 413),
    "unknown encoding": ("POST /body HTTP/1.1\r\n" + H + "Transfer-Encoding: gzip\r\n\r\n", 501),
    "gzip, chunked": ("POST /body HTTP/1.1\r\n" + H + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked twice": ("POST /body HTTP/1.1\r\n" + H + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked of HTTP/1.0": ("POST /body HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunk size that is none": ("POST /body HTTP/1.1\r\n" + H + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", 400),
    "negative chunk size": ("POST /body HTTP/1.1\r\n" + H + "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size over 64 bits": ("POST /body HTTP/1.1\r\n" + H + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 413),
    "chunk longer than it says": ("POST /body HTTP/1.1\r\n" + H + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", 400),
    "chunks over the limit": ("POST /body HTTP/1.1\r\n" + H + "Transfer-Encoding: chunked\r\n\r\n186a1\r\n" + "x" * 100001, 413),
    "wrong content type": ("POST /json HTTP/1.1\r\n" + H + "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415),
    "no content type": ("POST /json HTTP/1.1\r\n" + H + "Content-Length: 2\r\n\r\n{}", 415),
    "nearly the content type": ("POST /json HTTP/1.1\r\n" + H + "Content-Type: application/json5\r\nContent-Length: 2\r\n\r\n{}", 415),
    "unknown expectation": ("POST /body HTTP/1.1\r\n" + H + "Expect: miracles\r\nContent-Length: 3\r\n\r\nabc", 417),
    "a header of 17 KiB": ("GET /hello HTTP/1.1\r\n" + H + "A: " + "b" * 17408 + "\r\n\r\n", 431),
    "a header of 33 KiB": ("GET /hello HTTP/1.1\r\n" + H + "A: " + "b" * 33792 + "\r\n\r\n", 431),
    "a header of 1 MiB": ("GET /hello HTTP/1.1\r\n" + H + "A: " + "b" * (1 << 20) + "\r\n\r\n", 431),
    "101 headers": ("GET /hello HTTP/1.1\r\n" + H + "A: b\r\n" * 100 + "\r\n", 431),
    "5000 headers": ("GET /hello HTTP/1.1\r\n" + H + "A: b\r\n" * 5000 + "\r\n", 431),
    "a cookie of 33 KiB": ("GET /hello HTTP/1.1\r\n" + H + "Cookie: " + "b" * 33792 + "\r\n\r\n", 431),
    "4000 cookies": ("GET /hello HTTP/1.1\r\n" + H + "Cookie: " + "a=b;" * 4000 + "\r\n\r\n", 431),
    "an address of 9 KiB": ("GET /echo/" + "a" * 9000 + " HTTP/1.1\r\n" + H + "\r\n", 414),
    "an address of 1 MiB": ("GET /echo/" + "a" * (1 << 20) + " HTTP/1.1\r\n" + H + "\r\n", 414),
    "65 query parameters": ("GET /hello?" + "&".join("p%d" % i for i in range(65)) + " HTTP/1.1\r\n" + H + "\r\n", 400),
    "CONNECT": ("CONNECT x:443 HTTP/1.1\r\n" + H + "\r\n", 400),
    "a relative address": ("GET hello HTTP/1.1\r\n" + H + "\r\n", 400),
}
# libmicrohttpd answers these itself, in HTML, before any of our code sees them.
BY_LIBRARY = re.compile("HTTP/|http/1.1|tab|binary|space at the end|two spaces|no colon|NUL in a name|folded first|list of lengths|negative|"
                        "signed length|hex length|empty length|over 64 bits|chunk size|chunk longer|33 KiB|1 MiB|"
                        "5000|4000 cookies")


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(server, name):
    request, expected = MALFORMED[name]
    expected = expected if isinstance(expected, tuple) else (expected,)
    with dial(server.port) as s:
        try:
            s.sendall(as_bytes(request))
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            answer = Answer(s)
        except Closed:
            answer = None
        assert (answer.status if answer else DROPPED) in expected
        if answer:
            if not BY_LIBRARY.search(name):
                answer.problem()
            if "escape" not in name and "UTF-8" not in name and "query parameters" not in name:
                assert is_closed(s)


GOOD = {  # name: (request, status, text in the body)
    "HTTP/1.0": ("GET /hello HTTP/1.0\r\n\r\n", 200, "hello"),
    "absolute form": ("GET http://x/echo/a?q=1 HTTP/1.1\r\n" + H + "\r\n", 200, '"q":"1"'),
    "absolute form without a path": ("GET http://x HTTP/1.1\r\n" + H + "\r\n", 404, "not-found"),
    "lower case method": ("get /hello HTTP/1.1\r\n" + H + "\r\n", 405, "method-not-allowed"),
    "unknown method": ("BREW /hello HTTP/1.1\r\n" + H + "\r\n", 405, "method-not-allowed"),
    "slash at the end": ("GET /hello/ HTTP/1.1\r\n" + H + "\r\n", 404, "not-found"),
    "dots are text": ("GET /items/../hello HTTP/1.1\r\n" + H + "\r\n", 404, "not-found"),
    "dots in the rest": ("GET /rest/../%2e%2e/x HTTP/1.1\r\n" + H + "\r\n", 200, '"name":"../../x"'),
    "escaped slash": ("GET /echo/a%2Fb HTTP/1.1\r\n" + H + "\r\n", 200, '"name":"a/b"'),
    "escaped letters": ("GET /%65cho/%C3%A9?q=%2B+%26 HTTP/1.1\r\n" + H + "\r\n", 200, '"q":"+ &"'),
    "header names fold case": ("GET /echo/a HTTP/1.1\r\nhOST: x\r\nx-tEST:  v \r\n\r\n", 200, '"header":"v'),
    "cookies": ("GET /echo/a HTTP/1.1\r\n" + H + "Cookie: xsession=1; session=2 ;session=3\r\n\r\n", 200, '"cookie":"2'),
    "sane request id": ("GET /echo/a HTTP/1.1\r\n" + H + "X-Request-Id: a.b-C_9\r\n\r\n", 200, '"id":"a.b-C_9"'),
    "duplicate parameter": ("GET /hello?a=1&a=2 HTTP/1.1\r\n" + H + "\r\n", 400, "more than once"),
    "unknown parameter": ("GET /items/1?limmit=2 HTTP/1.1\r\n" + H + "\r\n", 400, "limmit"),
    "parameter out of range": ("GET /items/1?limit=0 HTTP/1.1\r\n" + H + "\r\n", 400, "limit"),
    "id that is none": ("GET /items/-1 HTTP/1.1\r\n" + H + "\r\n", 400, "positive"),
    "100 headers": ("GET /hello HTTP/1.1\r\n" + H + "A: b\r\n" * 99 + "\r\n", 200, "hello"),
    "15 KiB of headers": ("GET /hello HTTP/1.1\r\n" + H + ("A: " + "b" * 1000 + "\r\n") * 15 + "\r\n", 200, "hello"),
    "an address of 8 KiB": ("GET /echo/" + "a" * 8000 + " HTTP/1.1\r\n" + H + "\r\n", 200, "aaaa"),
    "empty body": ("POST /body HTTP/1.1\r\n" + H + "Content-Length: 0\r\n\r\n", 200, ""),
    "no body": ("POST /body HTTP/1.1\r\n" + H + "\r\n", 200, ""),
    "chunks": ("POST /body HTTP/1.1\r\n" + H + "Transfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: x\r\n\r\n", 200, "abc0123456789"),
    "content type with a parameter": ("POST /json HTTP/1.1\r\n" + H + "Content-Type: Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}", 201, "{}"),
    "JSON that is none": ("POST /json HTTP/1.1\r\n" + H + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{]", 400, "invalid"),
    "blank lines before": ("\r\n\r\nGET /hello HTTP/1.1\r\n" + H + "\r\n", 200, "hello"),
    "wrong token": ("POST /secret HTTP/1.1\r\n" + H + "Authorization: Bearer x\r\nContent-Length: 900\r\n\r\n", 401, "sesame"),
    "right token": ("POST /secret HTTP/1.1\r\n" + H + "Authorization: Bearer sesame\r\nContent-Length: 3\r\n\r\nabc", 200, "abc"),
    "OPTIONS": ("OPTIONS /items/1 HTTP/1.1\r\n" + H + "\r\n", 204, ""),
    "OPTIONS *": ("OPTIONS * HTTP/1.1\r\n" + H + "\r\n", 204, ""),
    "unexpected failure": ("GET /fail/unexpected HTTP/1.1\r\n" + H + "\r\n", 500, "internal"),
    "a handler that forgets": ("GET /fail/silent HTTP/1.1\r\n" + H + "\r\n", 500, "internal"),
    "unavailable": ("GET /fail/unavailable HTTP/1.1\r\n" + H + "\r\n", 503, "unavailable"),
}


@pytest.mark.parametrize("name", GOOD)
def test_good(server, name):
    request, status, text = GOOD[name]
    answer = ask(server.port, request)
    assert answer.status == status
    assert text in answer.text()
    assert re.fullmatch("[A-Za-z0-9._-]{1,64}", answer.headers["x-request-id"])
    assert answer.headers["cache-control"] == "no-store"
    if status >= 400:
        answer.problem()
    if status == 405:
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    if status == 503:
        assert int(answer.headers["retry-after"]) > 0
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("bad", ["", "a b", "x" * 65, "a\"b", "a;b", "\xe9"])
def test_insane_request_id_is_replaced(server, bad):
    answer = ask(server.port, "GET /hello HTTP/1.1\r\n" + H + "X-Request-Id: %s\r\n\r\n" % bad)
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])


def test_head_is_get_without_body(server):
    with dial(server.port) as s:
        for _ in range(2):
            s.sendall(b"HEAD /hello HTTP/1.1\r\n" + H.encode() + b"\r\n")
            answer = Answer(s, head=True)
            assert answer.status == 200 and answer.headers["content-length"] == "13" and not answer.rest


def test_cors(server):
    answer = ask(server.port, "OPTIONS /cors/a HTTP/1.1\r\n" + H + "Origin: http://o\r\nAccess-Control-Request-Method: PUT\r\n\r\n")
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, PUT"
    assert answer.headers["access-control-allow-headers"] == "Content-Type"
    for request in "GET /cors/a", "PUT /cors/%ff":
        answer = ask(server.port, request + " HTTP/1.1\r\n" + H + "Origin: http://o\r\n\r\n")
        assert (answer.headers.get("access-control-allow-origin") == "*") == (answer.status == 200)
    answer = ask(server.port, "OPTIONS /hello HTTP/1.1\r\n" + H + "Origin: http://o\r\n\r\n")
    assert "access-control-allow-origin" not in answer.headers


def test_keep_alive_survives_refusals_without_body(server):
    with dial(server.port) as s:
        for path, status in ("/nope", 404), ("/hello", 200), ("/items/x", 400), ("/echo/%", 400), ("/hello", 200):
            s.sendall(("GET %s HTTP/1.1\r\n%s\r\n" % (path, H)).encode())
            assert Answer(s).status == status


def test_expect_continue(server):
    with dial(server.port) as s:
        s.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert Answer(s).status == 100
        s.sendall(b"abc")
        answer = Answer(s)
        assert answer.status == 200 and answer.body == b"abc"
    for path, length, status in ("/body", 100001, 413), ("/none", 3, 413), ("/nope", 3, 404), ("/secret", 3, 401):
        answer = ask(server.port, "POST %s HTTP/1.1\r\n%sExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (path, H, length))
        assert answer.status == status
        answer.problem()


def test_refusal_reaches_a_peer_that_keeps_sending(server):
    """413 comes at once, and is not lost to a reset while the peer is still writing."""
    for _ in range(5):
        with dial(server.port) as s:
            s.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n")
            try:
                for _ in range(10):
                    s.sendall(b"x" * 50000)
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = Answer(s)
            assert answer.status == 413
            answer.problem()
            assert is_closed(s)


def test_chunked_is_counted_while_it_comes(server):
    """A chunked body over the limit is answered in its middle."""
    with dial(server.port) as s:
        s.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(11):
            s.sendall(b"2710\r\n" + b"x" * 10000 + b"\r\n")
        answer = Answer(s)
        assert answer.status == 413
        answer.problem()
        assert is_closed(s)


def test_pipelining(server):
    n = 200
    requests = b"".join(b"GET /echo/%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(n))
    requests += b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /defer?ms=20 HTTP/1.1\r\nHost: x\r\n\r\n"
    requests += b"GET /echo/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with dial(server.port) as s:
        s.sendall(requests)
        rest = b""
        for i in range(n):
            answer = Answer(s, rest)
            rest = answer.rest
            assert json.loads(answer.body)["name"] == str(i)
        bodies = []
        for _ in range(3):
            answer = Answer(s, rest)
            rest = answer.rest
            bodies.append(answer.text())
        assert bodies[0] == "abc" and "late" in bodies[1] and '"last"' in bodies[2]
        assert not rest and is_closed(s)


def test_nothing_of_a_refused_body_is_a_request(server):
    """A body that looks like a request is never run as one."""
    before = server.stats()["requests"]
    smuggled = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
    with dial(server.port) as s:
        s.sendall(("POST /none HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (H, len(smuggled), smuggled)).encode())
        assert Answer(s).status == 413
        assert is_closed(s)
    assert before < server.stats()["requests"]


def test_mutations(server):
    """Requests with some bytes changed, lost, doubled: an answer that is one, or the connection is closed."""
    dice = random.Random(1)
    seeds = [as_bytes(case[0])[:2000] for case in [*MALFORMED.values(), *GOOD.values()] if case[0]]
    special = b"\0\r\n :;,%/?&=\t\xff0" + bytes(range(0, 256, 17))

    def mutant():
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(len(data))
            data[at:at + dice.randrange(3)] = bytes(dice.choice(special) for _ in range(dice.randrange(3)))
            data = data or bytearray(b"x")
        return bytes(data)

    for _ in range(2):
        peers = [dial(server.port) for _ in range(250)]
        for s in peers:
            s.sendall(mutant())
            s.shutdown(socket.SHUT_WR)
        for s in peers:
            data = b""
            try:
                while more := s.recv(65536):
                    data += more
            except ConnectionResetError:
                pass
            assert not data or re.match(rb"HTTP/1\.1 [1-5]\d\d ", data)
            s.close()


def test_a_burst_to_one_worker_is_answered_at_once():
    """More events than libmicrohttpd's array takes, exactly as many, and fewer: none waits for the next peer to say something."""
    server = Server("--workers=1", "--idle-timeout=60s")
    try:
        for n in 100, 127, 128, 129, 256, 300:
            peers = [dial(server.port, 20) for _ in range(n)]
            for s in peers:  # the worker has met all of them, and sleeps
                s.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
                assert Answer(s).status == 200
            os.kill(server.process.pid, signal.SIGSTOP)  # so that it finds them all when it wakes
            for s in peers:
                s.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            os.kill(server.process.pid, signal.SIGCONT)
            for s in peers:
                assert Answer(s).status == 200
                s.close()
    finally:
        server.stop()
