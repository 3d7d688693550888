# SPDX-License-Identifier: Apache-2.0
"""The golden corpus of Chrome's protocol, tests/golden/chrome/*.case: requests byte by byte, replayed against a server.

A case: who asks (new: not enrolled yet; browser, chromeos, leaver: enrolled), query and Authorization with {deviceid},
{dm}, {enrollment} and {oauth} filled in, the body in hex, the HTTP status, and the answer: in bytes where it can only
be one, else its shape. A shape lists every field there may be: {5:{3:{3:* 10?:*}}} is field 5, in it field 3, in it
field 3 and perhaps field 10, and nothing else anywhere; a number is an exact value, * anything.
"""
import pathlib
import re
import uuid

import pytest

from chrome_fixtures import DOMAIN, Chrome, TokenInfo
from chrome_http import Wire, seed_headers
from chrome_proto import seed
from conftest import ROOT, Reeved

CASES = sorted((ROOT / "tests/golden/chrome").glob("*.case"))
TOKEN = re.compile(r"\s*(\d+\??:|\{|\}|\*|\d+)")


def read_case(path):
    case, body = {"answer": None, "answer-bytes": None, "authorization": None}, []
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith("  "):
            body.append(line)
        elif not line.startswith("#"):
            name, _, value = line.partition(":")
            case[name] = value.strip()
    case["body"] = bytes.fromhex("".join(body))
    return case


# ---- shapes ----

def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            return value, at


def fields(data):
    """[(number, value)] of a message; value is an int or bytes."""
    found, at = [], 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size, at = varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at:at + size], at + size
            assert len(value) == size
        found.append((number, value))
    return found


def parse_shape(text):
    tokens = TOKEN.findall(text)
    assert "".join(tokens) == text.replace(" ", ""), text
    shape = _parse(tokens)
    assert not tokens
    return shape


def _parse(tokens):
    token = tokens.pop(0)
    if token != "{":
        return token if token == "*" else int(token)
    shape = {}
    while tokens[0] != "}":
        name = tokens.pop(0)
        number = int(name.rstrip("?:"))
        shape[number] = ("?" in name, _parse(tokens))
    tokens.pop(0)
    return shape


def check_shape(value, shape, where="answer"):
    if shape == "*":
        return
    if isinstance(shape, int):
        assert value == shape, "%s is %r" % (where, value)
        return
    found = fields(value)
    numbers = [n for n, _ in found]
    assert set(numbers) <= set(shape), "%s has fields %s" % (where, numbers)
    for number, (optional, inner) in shape.items():
        values = [v for n, v in found if n == number]
        assert values or optional, "%s has no field %d" % (where, number)
        assert len(values) <= 1 or inner == "*", "%s has field %d twice" % (where, number)
        for v in values:
            check_shape(v, inner, "%s.%d" % (where, number))


def test_shapes():
    message = b"\x2a\x08\x1a\x06\x1a\x01x\x52\x01y"
    for good in ("*", "{5:*}", "{5:{3:*}}", "{5:{3:{3:* 10?:*}}}", "{5:{3:{3:* 10:* 11?:7}} 6?:{}}"):
        check_shape(message, parse_shape(good))
    for bad in ("{}", "{5:{}}", "{5:{3:{3:*}}}", "{5:{3:{3:* 10:* 11:*}}}", "{5:{3:*} 6:*}"):
        with pytest.raises(AssertionError):
            check_shape(message, parse_shape(bad))
    check_shape(b"\x08\x02", parse_shape("{1:2}"))
    with pytest.raises(AssertionError):
        check_shape(b"\x08\x02", parse_shape("{1:3}"))


# ---- replay ----

class World:
    """A server with one client of each sort."""

    def __init__(self, folder):
        self.info = TokenInfo(admin="admin@" + DOMAIN)
        self.server = Reeved(folder / "reeved", "--chrome-domain", DOMAIN, "--chrome-token-info-url", self.info.url)
        self.server.start()
        self.chrome = Chrome(self.server)
        self.enrollment = self.chrome.token()
        self.clients = {"browser": self.chrome.browser(token=self.enrollment),
                        "leaver": self.chrome.seed_device(), "chromeos": self.chrome.seed_device()}
        self.wire = Wire(self.server.url, seed)

    def values(self, who):
        client = self.clients.get(who)
        return {"deviceid": client.device_id if client else str(uuid.uuid4()), "dm": client.dm_token if client else "",
                "enrollment": self.enrollment, "oauth": "admin"}

    def send(self, case):
        values = self.values(case["client"])

        def fill(text):
            return re.sub(r"\{(\w+)\}", lambda m: values[m.group(1)], text)

        authorization = fill(case["authorization"]) if case["authorization"] else None
        return self.wire.send(fill(case["query"]), seed_headers(authorization), case["body"])

    def close(self):
        self.wire.close()
        self.server.stop()
        self.info.close()
        self.server.check_stderr()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("golden"))
    yield w
    w.close()


@pytest.mark.parametrize("path", CASES, ids=[p.stem for p in CASES])
def test_case(world, path):
    case = read_case(path)
    answer = world.send(case)
    assert answer.status == int(case["status"]), answer
    assert answer.headers["Content-Type"] == "application/x-protobuffer"
    if case["answer-bytes"] is not None:
        assert answer.body == bytes.fromhex(case["answer-bytes"])
    if case["answer"] is not None:
        check_shape(answer.body, parse_shape(case["answer"]))


def test_the_corpus_is_there():
    assert len(CASES) > 40


def test_one_connection_takes_the_whole_corpus(world):
    """Good and bad one after the other on one connection: none spoils the next."""
    wire, world.wire = world.wire, Wire(world.server.url, seed)
    statuses = {}
    for path in CASES:
        case = read_case(path)
        if case["client"] != "leaver":
            statuses[path.stem] = (world.send(case).status, int(case["status"]))
    world.wire.close()
    world.wire = wire
    assert {name: s for name, s in statuses.items() if s[0] != s[1]} == {}
