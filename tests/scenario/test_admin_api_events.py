# SPDX-License-Identifier: Apache-2.0
"""The event stream: catching up, live, resumed, ended when rights change; slow readers hurt nobody."""
import json
import socket
import threading
import time

import pytest

from admin_api import Api, api, enroll, server, start, token_api, with_token  # noqa: F401 (fixtures)
from conftest import wait_for


class Stream:
    """Reads a stream on a thread: events, in .events."""

    def __init__(self, api, **params):
        headers = params.pop("headers", {})
        self.r = api("GET", "/events/stream", 200, params=params, headers=headers, stream=True, timeout=60)
        assert self.r.headers["Content-Type"] == "text/event-stream"
        self.events, self.ended, self.pings = [], False, 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        event = {}
        try:
            for line in self.r.iter_lines(decode_unicode=True):
                if line.startswith(":"):
                    self.pings += 1
                elif line:
                    key, value = line.split(": ", 1)
                    event[key] = value
                elif "data" in event:
                    data = json.loads(event["data"])
                    assert data["id"] == int(event["id"]) and data["type"]
                    assert "event" not in event  # a browser gives those only to who asked for the type
                    self.events.append(data)
                    event = {}
            self.ended = True
        except Exception as e:  # the connection was cut
            self.ended = e

    def ids(self):
        return [e["id"] for e in list(self.events)]

    def wait(self, last):
        wait_for(lambda: last in self.ids(), what="event %d; have %s" % (last, self.ids()[-3:]))

    def close(self):
        """As a client that goes away; the reader's thread would hold up an ordinary close."""
        try:
            self.r.raw._original_response.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        except (AttributeError, OSError):
            pass  # it has ended already
        self.thread.join()
        self.r.close()


def last_event(api):
    return api.get("/events", params={"limit": 1})["last"]


def change(api, n=1):
    """n events; the last one's id."""
    for i in range(n):
        api("PATCH", "/organizations/default", 200, json={"domain": "d%d.example" % time.monotonic_ns()})
    return last_event(api)


def test_live(api):
    before = change(api)
    s = Stream(api)
    wait_for(lambda: api.session.get("/metrics").status_code == 200)
    last = change(api, 20)
    s.wait(last)
    assert s.ids() == list(range(before + 1, last + 1))
    assert s.events == api.all("/events", since=before)
    s.close()


def test_catches_up_then_live(api):
    """From the beginning while others write: every event once, in order."""
    change(api, 300)
    stop = threading.Event()
    writer_api = Api(api.session.__class__(api.session.base))
    writer_api.session.headers.update(api.session.headers)

    def write():
        while not stop.is_set():
            change(writer_api)
    writer = threading.Thread(target=write)
    writer.start()
    streams = [Stream(api, since=0) for _ in range(4)]
    wait_for(lambda: all(len(s.events) > 350 for s in streams))
    stop.set()
    writer.join()
    last = last_event(api)
    for s in streams:
        s.wait(last)
        ids = s.ids()
        assert ids == [e["id"] for e in api.all("/events", limit=1000)]
        s.close()


def test_resumes(api):
    s = Stream(api, since=last_event(api))
    first = change(api, 3)
    s.wait(first)
    s.close()
    missed = change(api, 5)
    s = Stream(api, headers={"Last-Event-ID": str(first)}, since=0)  # the header counts
    s.wait(missed)
    now = change(api)
    s.wait(now)
    assert s.ids() == list(range(first + 1, now + 1))
    s.close()


def test_over_a_restart(tmp_path):
    server = start(tmp_path / "reeved")
    api = Api(server.admin())
    s = Stream(api, since=0)
    last = change(api)
    s.wait(last)
    server.stop()
    wait_for(lambda: s.ended)
    server.start()
    api = Api(server.admin())
    s = Stream(api, headers={"Last-Event-ID": str(last)})
    now = change(api)
    s.wait(now)
    assert s.ids() == list(range(last + 1, now + 1))
    server.stop()
    server.check_stderr()


def test_by_device_and_organization(api, server):
    d = enroll(server, name="watched").device["device_id"]
    api.post("/organizations", {"name": "watched org"})
    before = last_event(api)
    of_device, of_org = Stream(api, since=before, device=d), Stream(api, since=before, org="watched org")
    change(api, 3)
    api.post("/commands", {"device": d, "type": "ping"})
    api.post("/fleets", {"name": "X"}, params={"org": "watched org"})
    wait_for(lambda: of_device.events and of_org.events)
    last = change(api)
    assert last
    assert [e["type"] for e in of_device.events] == ["command.queued"]
    assert {e["organization"] for e in of_org.events} == {"watched org"}
    assert "fleet.created" in [e["type"] for e in of_org.events]
    of_device.close()
    of_org.close()


def test_ends_when_rights_change(api, server):
    t = api.post("/api-tokens", {"name": "listener", "scopes": ["events:read"]})
    listener = with_token(server, t["token"])
    s = Stream(listener, since=last_event(api))
    api("DELETE", "/api-tokens/%d" % t["id"], 204)
    wait_for(lambda: s.ended)
    listener("GET", "/events/stream", 401)


def test_bad_parameters(api):
    api("GET", "/events/stream", 400, headers={"Last-Event-ID": "x"})
    api("GET", "/events/stream", 400, params={"since": "-1"})
    api("GET", "/events/stream", 400, params={"newest": "true"})
    api("GET", "/events/stream", 404, params={"org": "nobody"})


def test_a_large_event(api):
    """Larger than a stream would take: it comes without before and after."""
    s = Stream(api, since=last_event(api))
    api("PUT", "/fleets/default/settings/chrome.ManagedBookmarks", 200,
        json={"value": [{"name": "n%d" % i, "url": "https://%s.example" % ("x" * 200)} for i in range(1500)]})
    s.wait(change(api))
    (event,) = [e for e in s.events if e["type"] == "setting.set"]
    assert event["after"] is None and event["object"]
    assert not s.ended
    s.close()


def test_a_slow_reader(api, server):
    """It is dropped once it is too far behind; writers and other readers notice nothing."""
    before = n_streams(api)
    slow = socket.create_connection(("127.0.0.1", server.port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(b"GET /api/v1/events/stream?since=%d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
                 % (last_event(api), server.admin_token.encode()))
    assert b"200" in slow.recv(100)
    good = Stream(api, since=last_event(api))
    value = [{"name": "n%d" % i, "url": "https://%s.example" % ("y" * 200)} for i in range(100)]
    for i in range(150):  # some 8 MB of events
        value[0]["name"] = "round %d" % i
        api("PUT", "/fleets/default/settings/chrome.ManagedBookmarks", 200, json={"value": value})
    good.wait(last_event(api))
    wait_for(lambda: n_streams(api) <= before + 1, what="the slow reader to be dropped")
    good.close()
    slow.close()


def n_streams(api):
    for line in api.session.get("/metrics").text.splitlines():
        if line.startswith("reeve_http_streams"):
            return float(line.split()[-1])
    raise AssertionError("no such metric")


def test_many_streams_come_and_go(api, server):
    base = n_streams(api)
    streams = [Stream(api, since=last_event(api)) for _ in range(30)]
    last = change(api)
    for s in streams:
        s.wait(last)
        s.close()
    for _ in range(3):
        change(api, 2)
    wait_for(lambda: n_streams(api) <= base, what="the streams to be gone")
