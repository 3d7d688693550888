# SPDX-License-Identifier: Apache-2.0
"""The device API, docs/device-api.md, route by route: what is promised, and what a peer may do wrong."""
import concurrent.futures
import hashlib
import signal
import threading
import time

import pytest
import requests

from conftest import wait_for

API = "/api/v1"


def problem(r, status):
    assert r.status_code == status, (r.status_code, r.text)
    assert r.headers["Content-Type"] == "application/problem+json"
    body = r.json()
    assert body["status"] == status and body["detail"] and body["request_id"] == r.headers["X-Request-Id"]
    return body


def set_camera(reeved, device_id, value):
    r = reeved.admin().put(API + "/devices/%d/settings/camera.disabled" % device_id, json={"value": value})
    assert r.status_code == 200, r.text


def send(reeved, device_id, kind="ping", **more):
    r = reeved.admin().post(API + "/commands", json={"device": device_id, "type": kind, **more})
    assert r.status_code == 201, r.text
    return r.json()["id"]


def later(fn):
    """Runs it in a thread; the future of its result."""
    return concurrent.futures.ThreadPoolExecutor(1).submit(fn)


def parked(reeved, n=1):
    wait_for(lambda: "reeve_doorbells_parked %d\n" % n in reeved.session().get("/metrics").text, what="the long-poll")


# ---- enrollment ----

def test_enroll(reeved):
    s = reeved.session()
    r = s.post("/device/v1/enroll", json={
        "token": reeved.enrollment_token(), "kind": "linux", "name": "host7", "serial": "PF3XYZ",
        "model": "ThinkPad X1", "os_version": "Debian GNU/Linux 12", "agent_version": "1.0", "unknown": [1]})
    assert r.status_code == 201
    body = r.json()
    assert set(body) == {"device_id", "device_token", "organization", "fleet", "next_poll_s"}
    assert (body["organization"], body["fleet"]) == ("default", "default")
    assert len(body["device_token"]) == 43
    assert r.headers["Reeve-Next-Poll"] == str(body["next_poll_s"])
    device = reeved.admin().get(API + "/devices/%d" % body["device_id"]).json()
    assert {k: device[k] for k in ("name", "kind", "channel", "serial", "model", "os_version", "agent_version",
                                   "verdict", "version", "external_id")} == {
        "name": "host7", "kind": "linux", "channel": "device", "serial": "PF3XYZ", "model": "ThinkPad X1",
        "os_version": "Debian GNU/Linux 12", "agent_version": "1.0", "verdict": "UNKNOWN", "version": 1,
        "external_id": str(body["device_id"])}


def test_enroll_into_a_fleet(reeved):
    assert reeved.admin().post(API + "/fleets", json={"name": "Sales"}).status_code == 201
    device = reeved.device(token=reeved.enrollment_token(fleet="Sales"))
    assert device.device["fleet"] == "Sales"


def test_enrollment_tokens_run_out(reeved):
    admin, s = reeved.admin(), reeved.session()
    once = reeved.enrollment_token(uses=1)
    assert s.post("/device/v1/enroll", json={"token": once}).status_code == 201
    revoked = reeved.enrollment_token()
    tokens = admin.get(API + "/enrollment-tokens").json()["items"]
    newest = max(tokens, key=lambda t: t["id"])
    assert admin.delete(API + "/enrollment-tokens/%d" % newest["id"]).status_code == 204
    other_kind = reeved.enrollment_token(kind="chrome")
    short = reeved.enrollment_token(expires="1s")
    time.sleep(1.1)  # its life is what is tested
    details = {problem(s.post("/device/v1/enroll", json={"token": t}), 401)["detail"]
               for t in (once, revoked, other_kind, short, "nonsense", "", reeved.admin_token)}
    assert len(details) == 1  # nothing is learned by trying


def test_one_use_admits_one(reeved):
    token = reeved.enrollment_token(uses=3)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        done = list(pool.map(lambda _: reeved.session().post("/device/v1/enroll", json={"token": token}).status_code,
                             range(24)))
    assert sorted(done) == [201] * 3 + [401] * 21


@pytest.mark.parametrize("body", [
    "", "{", "[]", "null", "{}", '{"token": 5}', '{"token": null}', '{"token": "t", "kind": "toaster"}',
    '{"token": "t", "name": 7}', '{"token": "t", "name": "a\\u0007b"}', '{"token": "t", "serial": "%s"}' % ("x" * 256),
    '{"token": "%s"}' % ("x" * 600), '{"token": "t", "name": "\\ud800"}'])
def test_bad_enrollment(reeved, body):
    r = reeved.session().post("/device/v1/enroll", data=body, headers={"Content-Type": "application/json"})
    problem(r, 400)
    assert int(r.headers["Reeve-Next-Poll"]) > 0


def test_a_lost_answer_leaves_no_second_record(reeved):
    """The same enrollment_key again: the same record with another token, and the enrollment token is used once."""
    admin, s = reeved.admin(), reeved.session()
    body = {"token": reeved.enrollment_token(uses=2), "name": "lost", "enrollment_key": "k" * 43}

    def enroll(**more):
        return s.post("/device/v1/enroll", json=dict(body, **more))
    first = enroll().json()
    reeved.restart()
    s.base = admin.base = reeved.url
    again = enroll(os_version="12.8").json()
    assert again["device_id"] == first["device_id"] and again["device_token"] != first["device_token"]
    device = admin.get(API + "/devices/%d" % first["device_id"]).json()
    assert (device["os_version"], device["version"]) == ("12.8", 1)
    bearer = [{"Authorization": "Bearer " + r["device_token"]} for r in (first, again)]
    assert [s.get("/device/v1/desired", headers=h).status_code for h in bearer] == [401, 200]
    (token,) = admin.get(API + "/enrollment-tokens").json()["items"]
    assert token["uses"] == 1
    # another key is another device, and then the token is used up, but not for who has been here
    other = enroll(enrollment_key="o" * 43).json()
    assert other["device_id"] != first["device_id"]
    problem(enroll(enrollment_key="p" * 43), 401)
    assert enroll().json()["device_id"] == first["device_id"]
    # a key is of its enrollment token; and what was unenrolled does not come back by it
    third = enroll(token=reeved.enrollment_token()).json()
    assert third["device_id"] not in (first["device_id"], other["device_id"])
    assert admin.post(API + "/devices/%d/unenroll" % first["device_id"]).status_code in (200, 204)
    problem(enroll(), 401)
    for wrong in ("short", "x" * 201, 7):
        problem(enroll(enrollment_key=wrong), 400)


def test_enroll_again(reeved):
    d = reeved.device(name="first")
    set_camera(reeved, d.device["device_id"], True)
    d.post("/device/v1/report", json={"applied_version": 2, "settings": {}})
    r = d.post("/device/v1/enroll", json={"token": reeved.enrollment_token(), "name": "again"})
    assert r.status_code == 201
    assert r.json()["device_id"] == d.device["device_id"] and r.json()["device_token"] != d.device["device_token"]
    problem(d.get("/device/v1/desired"), 401)  # the old token is gone
    d.headers["Authorization"] = "Bearer " + r.json()["device_token"]
    assert d.get("/device/v1/desired").json()["version"] == 1
    assert d.get("/device/v1/desired").json()["settings"]["camera.disabled"]["value"] is True  # its own stay
    assert reeved.admin().get(API + "/devices/%d" % d.device["device_id"]).json()["verdict"] == "UNKNOWN"
    # a token that nobody knows does not hinder a new device
    s = reeved.session()
    s.headers["Authorization"] = "Bearer nonsense"
    r = s.post("/device/v1/enroll", json={"token": reeved.enrollment_token()})
    assert r.status_code == 201 and r.json()["device_id"] != d.device["device_id"]


# ---- who may ----

ROUTES = [("GET", "desired"), ("POST", "report"), ("GET", "commands"), ("POST", "commands/1"), ("PUT", "inventory"),
          ("PUT", "attributes"), ("PUT", "fcm-token"), ("GET", "files/1"), ("GET", "files/1/description"),
          ("POST", "unenroll")]


@pytest.mark.parametrize("method, route", ROUTES)
def test_tokens(reeved, method, route):
    d = reeved.device()

    def ask(headers):
        return reeved.session().request(method, "/device/v1/" + route, json={} if method != "GET" else None,
                                        headers=headers)

    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"},
                    {"Authorization": "Bearer " + reeved.admin_token}, {"Authorization": "Bearer " + "x" * 5000}):
        r = ask(headers)
        problem(r, 401)
        assert r.headers["WWW-Authenticate"].startswith("Bearer")
        assert int(r.headers["Reeve-Next-Poll"]) > 0
    assert reeved.admin().post(API + "/devices/%d/unenroll" % d.device["device_id"]).status_code == 200
    r = ask({"Authorization": d.headers["Authorization"]})
    problem(r, 410)
    assert int(r.headers["Reeve-Next-Poll"]) > 0


def test_device_token_is_no_api_token(reeved):
    d = reeved.device()
    assert d.get(API + "/devices").status_code == 401


def test_deleted_device_is_unknown(reeved):
    d = reeved.device()
    assert d.get("/device/v1/desired").status_code == 200
    assert reeved.admin().delete(API + "/devices/%d" % d.device["device_id"]).status_code == 204
    problem(d.get("/device/v1/desired"), 401)


def test_deleted_while_it_waits(reeved):
    reeved.settle()
    d = reeved.device()
    etag = d.get("/device/v1/desired").headers["ETag"]
    waiting = later(lambda: d.get("/device/v1/desired", params={"wait": 300}, headers={"If-None-Match": etag}))
    parked(reeved)
    assert reeved.admin().delete(API + "/devices/%d" % d.device["device_id"]).status_code == 204
    problem(waiting.result(timeout=60), 401)


def test_unenroll(reeved):
    d = reeved.device()
    assert d.post("/device/v1/unenroll").status_code == 204
    problem(d.get("/device/v1/desired"), 410)
    problem(d.post("/device/v1/unenroll"), 410)
    # with an enrollment token it may come back
    r = d.post("/device/v1/enroll", json={"token": reeved.enrollment_token()})
    assert r.status_code == 201 and r.json()["device_id"] == d.device["device_id"]


def test_next_poll(reeved_factory):
    server = reeved_factory("--poll-interval", "100s", "--poll-jitter", "20%")
    token, seen = server.enrollment_token(), set()
    for _ in range(12):
        d = server.device(token=token)
        values = {int(d.get("/device/v1/desired").headers["Reeve-Next-Poll"]) for _ in range(3)}
        assert len(values) == 1  # steady for a device
        seen |= values
        r = d.get("/device/v1/commands")
        assert r.json()["next_poll_s"] == int(r.headers["Reeve-Next-Poll"])
    assert all(80 <= s <= 120 for s in seen) and len(seen) > 3


# ---- desired state ----

def test_desired(reeved):
    d = reeved.device()
    r = d.get("/device/v1/desired")
    assert r.json() == {"version": 1, "settings": {}, "commands": 0, "next_poll_s": r.json()["next_poll_s"]}
    assert r.headers["ETag"] == '"1"'
    r = d.get("/device/v1/desired", headers={"If-None-Match": '"1"'})
    assert (r.status_code, r.content, r.headers["Reeve-Commands"], r.headers["ETag"]) == (304, b"", "0", '"1"')
    for known in 'W/"1"', '"0", "1"', '"7",W/"1"', "*":  # a proxy that compresses weakens it
        assert d.get("/device/v1/desired", headers={"If-None-Match": known}).status_code == 304
    for other in '"0"', 'W/"2"', '"0", "2"', "1":
        assert d.get("/device/v1/desired", headers={"If-None-Match": other}).status_code == 200
    set_camera(reeved, d.device["device_id"], True)
    r = d.get("/device/v1/desired", headers={"If-None-Match": '"1"'})
    assert r.status_code == 200 and r.headers["ETag"] == '"2"'
    assert r.json()["settings"] == {"camera.disabled": {"value": True, "level": "mandatory"}}
    # what Linux cannot say is not said
    admin = reeved.admin()
    assert admin.put(API + "/fleets/default/settings/sms_mms.disabled", json={"value": True}).status_code == 200
    admin.put(API + "/fleets/default/settings/wifi.disabled", json={"value": True, "level": "recommended"})
    r = d.get("/device/v1/desired")
    assert r.json()["settings"]["wifi.disabled"] == {"value": True, "level": "recommended"}
    send(reeved, d.device["device_id"])
    r = d.get("/device/v1/desired", headers={"If-None-Match": r.headers["ETag"]})
    assert (r.status_code, r.headers["Reeve-Commands"]) == (304, "1")


@pytest.mark.parametrize("wait", ["-1", "301", "x", "1.5", ""])
def test_bad_wait(reeved, wait):
    d = reeved.device()
    for route in ("desired", "commands"):
        problem(d.get("/device/v1/%s?wait=%s" % (route, wait)), 400)


def test_doorbell_rings(reeved):
    """Each kind of change wakes whom it concerns, at once, and nobody else."""
    reeved.settle()
    admin = reeved.admin()
    admin.post(API + "/fleets", json={"name": "Sales"})
    admin.post(API + "/fleets", json={"name": "Berlin", "parent": "Sales"})
    sales = reeved.device(token=reeved.enrollment_token(fleet="Berlin"))
    other = reeved.device()

    def wait(d, version, seconds):
        start = time.monotonic()
        r = d.get("/device/v1/desired?wait=%d" % seconds, headers={"If-None-Match": '"%d"' % version})
        return r, time.monotonic() - start

    version = 1
    quiet = later(lambda: wait(other, 1, 100))
    parked(reeved, 1)
    for change in (lambda: set_camera(reeved, sales.device["device_id"], True),
                   lambda: admin.put(API + "/fleets/Sales/settings/wifi.disabled", json={"value": True}),
                   lambda: admin.delete(API + "/fleets/Sales/settings/wifi.disabled"),
                   lambda: admin.patch(API + "/fleets/Berlin", json={"parent": "default"}),
                   lambda: admin.patch(API + "/devices/%d" % sales.device["device_id"], json={"fleet": "Sales"}),
                   lambda: admin.delete(API + "/fleets/Sales")):
        waiting = later(lambda: wait(sales, version, 100))
        parked(reeved, 2)
        r = change()
        assert r is None or r.status_code in (200, 204), r.text
        answer, took = waiting.result(timeout=60)
        version += 1
        assert answer.status_code == 200 and answer.json()["version"] == version
        assert took < 90
        if not quiet.done():
            continue
        # deleting a fleet rings everybody of the organization: then nothing is new for the others
        assert quiet.result()[0].status_code == 304
    # a command is no new version, but it rings
    waiting = later(lambda: wait(sales, version, 100))
    wait_for(lambda: "reeve_doorbells_parked 0" not in reeved.session().get("/metrics").text)
    send(reeved, sales.device["device_id"])
    answer, _ = waiting.result(timeout=60)
    assert (answer.status_code, answer.headers["Reeve-Commands"]) == (304, "1")
    # and so is the end
    d = reeved.device()
    waiting = later(lambda: wait(d, 1, 100))
    wait_for(lambda: "reeve_doorbells_parked 0" not in reeved.session().get("/metrics").text)
    admin.post(API + "/devices/%d/unenroll" % d.device["device_id"])
    assert waiting.result(timeout=60)[0].status_code == 410


def test_wait_ends(reeved):
    reeved.settle()
    d = reeved.device()
    start = time.monotonic()
    r = d.get("/device/v1/desired?wait=1", headers={"If-None-Match": '"1"'})
    assert r.status_code == 304 and time.monotonic() - start > 0.9
    r = d.get("/device/v1/commands?wait=1")
    assert r.json()["commands"] == []
    assert d.get("/device/v1/desired?wait=100").status_code == 200  # has nothing: no reason to wait


def test_no_ring_is_lost(reeved):
    """Changes while the device is between its answer and its next long-poll."""
    d = reeved.device()
    stop, versions = threading.Event(), []

    def follow():
        version = 1
        while not stop.is_set():
            r = d.get("/device/v1/desired?wait=20", headers={"If-None-Match": '"%d"' % version})
            if r.status_code == 200:
                version = r.json()["version"]
                versions.append(version)

    thread = threading.Thread(target=follow)
    thread.start()
    for i in range(60):
        set_camera(reeved, d.device["device_id"], i % 2 == 0)
    wait_for(lambda: versions and versions[-1] == 61, what="the last version")
    stop.set()
    set_camera(reeved, d.device["device_id"], True)
    thread.join()


def test_restore_rings(reeved):
    """A restore sets versions and the event log back: whoever waits hears of it, and doorbells go on ringing."""
    reeved.settle()
    d, admin = reeved.device(), reeved.admin()
    backup = admin.get(API + "/backup").content
    for value in (True, False, True):
        set_camera(reeved, d.device["device_id"], value)
    waiting = later(lambda: d.get("/device/v1/desired?wait=100", headers={"If-None-Match": '"4"'}))
    parked(reeved)
    r = admin.post(API + "/restore", data=backup, headers={"Content-Type": "application/octet-stream"})
    assert r.status_code == 200, r.text
    assert waiting.result(timeout=60).json()["version"] == 1
    r = d.get("/device/v1/desired", headers={"If-None-Match": '"1"'})  # no old answer is kept
    assert r.status_code == 200 and r.json()["version"] == 1 and r.headers["ETag"] != '"1"'
    for version in (2, 3):
        have = {"If-None-Match": d.get("/device/v1/desired").headers["ETag"]}
        waiting = later(lambda have=have: d.get("/device/v1/desired?wait=100", headers=have))
        parked(reeved)
        set_camera(reeved, d.device["device_id"], version % 2 == 0)
        assert waiting.result(timeout=60).json()["version"] == version


def test_stop_sends_long_polls_away(reeved):
    reeved.settle()
    devices = [reeved.device() for _ in range(8)]
    waiting = [later(lambda d=d: d.get("/device/v1/desired?wait=200", headers={"If-None-Match": '"1"'}))
               for d in devices]
    parked(reeved, 8)
    start = time.monotonic()
    reeved.stop()
    assert time.monotonic() - start < 30
    answers = [w.result(timeout=30) for w in waiting]
    assert {a.status_code for a in answers} == {503}
    assert all(2 <= int(a.headers["Retry-After"]) <= 29 for a in answers)
    assert len({a.headers["Retry-After"] for a in answers}) > 1  # not all at once


# ---- reports ----

def test_report(reeved):
    d = reeved.device()
    device_id = d.device["device_id"]
    set_camera(reeved, device_id, True)

    def report(version, **camera):
        r = d.post("/device/v1/report", json={"applied_version": version, "settings": {"camera.disabled": camera}})
        assert r.status_code == 200, r.text
        assert set(r.json()) == {"verdict", "version", "next_poll_s"} and r.json()["version"] == 2
        return r.json()["verdict"]

    assert report(1, value=True, state="applied") == "STALE"
    assert report(2, value=False, state="observed") == "NON_COMPLIANT"
    assert report(2, value=True, state="failed", message="no permission") == "NON_COMPLIANT"
    assert report(2, value=True, state="applied", message="", at="2026-11-25T14:06:06.123Z") == "COMPLIANT"
    shown = reeved.admin().get(API + "/devices/%d" % device_id).json()
    assert shown["verdict"] == "COMPLIANT" and shown["applied_version"] == 2
    set_camera(reeved, device_id, False)
    assert reeved.admin().get(API + "/devices/%d" % device_id).json()["verdict"] == "STALE"


def test_answered_report_survives_a_power_cut(reeved):
    d = reeved.device()
    set_camera(reeved, d.device["device_id"], True)
    r = d.post("/device/v1/report", json={"applied_version": 2, "settings": {
        "camera.disabled": {"value": True, "state": "applied"}}})
    assert r.json()["verdict"] == "COMPLIANT"
    reeved.kill()
    reeved.start()
    assert reeved.admin().get(API + "/devices/%d" % d.device["device_id"]).json()["verdict"] == "COMPLIANT"


@pytest.mark.parametrize("body", [
    "", "{", "[]", "{}", '{"applied_version": 1}', '{"applied_version": "1", "settings": {}}',
    '{"applied_version": -1, "settings": {}}', '{"applied_version": 1.5, "settings": {}}',
    '{"applied_version": 1, "settings": []}', '{"applied_version": 1, "settings": {"camera.disabled": true}}',
    '{"applied_version": 1, "settings": {"camera.disabled": {"value": true}}}',
    '{"applied_version": 1, "settings": {"camera.disabled": {"value": true, "state": "great"}}}',
    '{"applied_version": 1, "settings": {"camera.disabled": {"value": true, "state": "applied", "at": "now"}}}'])
def test_bad_reports(reeved, body):
    d = reeved.device()
    problem(d.post("/device/v1/report", data=body, headers={"Content-Type": "application/json"}), 400)
    assert reeved.admin().get(API + "/devices/%d" % d.device["device_id"]).json()["verdict"] == "UNKNOWN"


def test_body_limits(reeved_factory):
    server = reeved_factory("--limits-body", "2000")
    d = server.device()
    big = {"applied_version": 1, "settings": {}, "padding": "x" * 3000}
    problem(d.post("/device/v1/report", json=big), 413)
    server.stop()
    server.options = []
    server.start()
    d.base = server.url
    assert d.post("/device/v1/report", json=big).status_code == 200
    problem(d.post("/device/v1/report", json={**big, "padding": "x" * 1100000}), 413)
    problem(d.post("/device/v1/report", data="x", headers={"Content-Type": "text/plain"}), 415)


# ---- commands ----

def test_commands(reeved):
    d = reeved.device()
    device_id = d.device["device_id"]
    assert d.get("/device/v1/commands").json()["commands"] == []
    ids = [send(reeved, device_id), send(reeved, device_id, "inventory")]
    got = d.get("/device/v1/commands").json()["commands"]
    assert [(c["id"], c["type"], c["params"]) for c in got] == [(ids[0], "ping", {}), (ids[1], "inventory", {})]
    assert set(got[0]) == {"id", "type", "params", "created", "expires"}
    assert d.get("/device/v1/commands").json()["commands"] == []  # sent already, not lost yet

    def say(n, **body):
        return d.post("/device/v1/commands/%d" % n, json=body)

    assert say(ids[0], state="acknowledged").json() == {"state": "acknowledged"}
    assert say(ids[0], state="done", message="pong", result={"a": [1]}).json() == {"state": "done"}
    assert say(ids[0], state="done").status_code == 200  # the answer was lost
    problem(say(ids[0], state="failed"), 409)
    assert say(ids[1], state="failed", message="no").status_code == 200
    shown = reeved.admin().get(API + "/commands/%d" % ids[0]).json()
    assert (shown["state"], shown["message"], shown["result"]) == ("done", "pong", {"a": [1]})
    assert all(shown[k] for k in ("created", "sent", "acknowledged", "finished"))
    cancelled = send(reeved, device_id)
    assert reeved.admin().post(API + "/commands/%d/cancel" % cancelled).status_code == 200
    problem(say(cancelled, state="done"), 409)
    other = reeved.device()
    problem(other.post("/device/v1/commands/%d" % ids[0], json={"state": "done"}), 404)
    problem(say(99999, state="done"), 404)
    for path in ("0", "-1", "x", "99999999999999999999"):
        assert d.post("/device/v1/commands/" + path, json={"state": "done"}).status_code in (400, 404)
    for body in ({}, {"state": "queued"}, {"state": "cancelled"}, {"state": 5}, {"state": "done", "message": 5},
                 {"state": "done", "result": []}, {"state": "done", "message": "x" * 2000}):
        problem(say(ids[1], **body), 400)


def test_commands_wait(reeved):
    d = reeved.device()
    waiting = later(lambda: d.get("/device/v1/commands?wait=100"))
    parked(reeved)
    n = send(reeved, d.device["device_id"])
    assert [c["id"] for c in waiting.result(timeout=60).json()["commands"]] == [n]


def test_commands_expire(reeved):
    d = reeved.device()
    n = send(reeved, d.device["device_id"], expires="1s")
    wait_for(lambda: reeved.admin().get(API + "/commands/%d" % n).json()["state"] == "expired", timeout=90,
             what="expiry")
    assert d.get("/device/v1/commands").json()["commands"] == []
    problem(d.post("/device/v1/commands/%d" % n, json={"state": "done"}), 409)


def test_unenrolled_devices_commands_are_cancelled(reeved):
    d = reeved.device()
    n = send(reeved, d.device["device_id"])
    assert d.post("/device/v1/unenroll").status_code == 204
    assert reeved.admin().get(API + "/commands/%d" % n).json()["state"] == "cancelled"


# ---- what it knows of itself ----

def test_inventory(reeved):
    d = reeved.device()
    url = API + "/devices/%d/inventory" % d.device["device_id"]
    assert d.put("/device/v1/inventory", json={"os": {"name": "Debian"}, "disks": [{"size": 1}]}).status_code == 204
    assert d.put("/device/v1/inventory", json={"disks": []}).status_code == 204
    assert reeved.admin().get(url).json() == {"os": {"name": "Debian"}, "disks": []}
    for body in ({"os": 5}, {"os": "x"}, {"": {}}, {"x" * 65: {}}, {"a\u0007": {}}, []):
        problem(d.put("/device/v1/inventory", json=body), 400)
    many = {"s%d" % i: {} for i in range(65)}
    problem(d.put("/device/v1/inventory", json=many), 413)
    # nor by and by
    assert d.put("/device/v1/inventory", json={"s%d" % i: {} for i in range(62)}).status_code == 204
    problem(d.put("/device/v1/inventory", json={"one": {}}), 413)
    assert d.put("/device/v1/inventory", json={"s0": [1], "os": {}}).status_code == 204
    assert len(reeved.admin().get(url).json()) == 64


def test_attributes(reeved):
    d = reeved.device()
    url = API + "/devices/%d" % d.device["device_id"]
    assert d.put("/device/v1/attributes", json={"hostname": "h\u00f6st", "asset": "7"}).status_code == 204
    assert d.put("/device/v1/attributes", json={"asset": ""}).status_code == 204
    assert reeved.admin().get(url).json()["attributes"] == {"hostname": "h\u00f6st"}
    for body in ({"a": 5}, {"": "x"}, {"x" * 65: "y"}, {"a": "x" * 1025}, {"a": "b\u001bc"}, []):
        problem(d.put("/device/v1/attributes", json=body), 400)
    problem(d.put("/device/v1/attributes", json={"a%d" % i: "x" for i in range(257)}), 413)
    assert d.put("/device/v1/attributes", json={"a%d" % i: "x" for i in range(255)}).status_code == 204
    problem(d.put("/device/v1/attributes", json={"more": "x"}), 413)
    found = reeved.admin().get(API + "/devices", params={"filter": "attribute.hostname='h\u00f6st'"}).json()["items"]
    assert [f["id"] for f in found] == [d.device["device_id"]]


def test_fcm_token(reeved):
    d = reeved.device()
    assert d.put("/device/v1/fcm-token", json={"token": "abc"}).status_code == 204
    assert d.put("/device/v1/fcm-token", json={"token": ""}).status_code == 204
    for body in ({}, {"token": 5}, {"token": "x" * 5000}, {"token": "a\nb"}):
        problem(d.put("/device/v1/fcm-token", json=body), 400)


def test_last_seen(reeved):
    d = reeved.device()
    url = API + "/devices/%d" % d.device["device_id"]
    first = reeved.admin().get(url).json()["last_seen"]

    def moved():
        d.get("/device/v1/desired")
        return reeved.admin().get(url).json()["last_seen"] > first

    wait_for(moved, what="last_seen")
    d.get("/device/v1/desired")
    reeved.restart()  # what was noted is written at the stop
    assert reeved.admin().get(url).json()["last_seen"] > first


# ---- deployables ----

def test_files(reeved):
    d, admin = reeved.device(), reeved.admin()
    content = b"0123456789" * 1000
    r = admin.post(API + "/files?kind=file&name=motd&content_type=text/plain", data=content,
                   headers={"Content-Type": "application/octet-stream"})
    assert r.status_code == 201, r.text
    n = r.json()["id"]
    problem(d.get("/device/v1/files/%d" % n), 404)  # no setting names it
    problem(d.get("/device/v1/files/%d/description" % n), 404)
    r = admin.put(API + "/devices/%d/settings/files.deploy" % d.device["device_id"],
                  json={"value": [{"file": n, "destination": "/etc/motd", "remove_on_delete": True}]})
    assert r.status_code == 200, r.text
    r = d.get("/device/v1/files/%d" % n)
    assert (r.status_code, r.content, r.headers["Content-Type"]) == (200, content, "text/plain")
    sha256 = hashlib.sha256(content).hexdigest()
    assert r.headers["ETag"] == '"%s"' % sha256
    assert d.get("/device/v1/files/%d" % n, headers={"If-None-Match": r.headers["ETag"]}).status_code == 304
    r = d.get("/device/v1/files/%d" % n, headers={"Range": "bytes=9990-"})
    assert (r.status_code, r.content) == (206, b"0123456789")
    r = d.get("/device/v1/files/%d/description" % n)
    assert r.json() == {"id": n, "kind": "file", "name": "motd", "version": 1, "sha256": sha256, "size": 10000,
                        "content_type": "text/plain", "package": "", "package_version": ""}
    problem(reeved.device().get("/device/v1/files/%d" % n), 404)  # another device
    admin.delete(API + "/devices/%d/settings/files.deploy" % d.device["device_id"])
    problem(d.get("/device/v1/files/%d" % n), 404)


# ---- storms ----

def test_a_device_that_writes_too_much(reeved):
    d = reeved.device()
    codes = set()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        def burst(_):
            s = requests.Session()
            s.headers["Authorization"] = d.headers["Authorization"]
            for _ in range(250):
                r = s.put(reeved.url + "/device/v1/attributes", json={"a": "b"}, timeout=60)
                codes.add(r.status_code)
                if r.status_code == 429:
                    assert int(r.headers["Retry-After"]) >= 1 and int(r.headers["Reeve-Next-Poll"]) >= 1
                    return
        list(pool.map(burst, range(8)))
    assert codes == {204, 429}
    assert d.get("/device/v1/desired").status_code == 200  # reading goes on
    assert reeved.device().put("/device/v1/attributes", json={"a": "b"}).status_code == 204  # others too


def test_enrollments_a_second(reeved_factory):
    server = reeved_factory("--limits-enroll-per-second", "3")
    token, codes = server.enrollment_token(), []
    for _ in range(12):
        r = server.session().post("/device/v1/enroll", json={"token": token})
        codes.append(r.status_code)
        if r.status_code == 429:
            assert int(r.headers["Retry-After"]) >= 1
    assert set(codes) == {201, 429} and codes[:3] == [201] * 3
    assert server.session().get("/healthz").status_code == 200


def test_nothing_is_left(reeved):
    """After clients went away in every state, no request and no doorbell stays behind."""
    reeved.settle()
    d = reeved.device()
    for path in ("/device/v1/desired?wait=2", "/device/v1/commands?wait=2"):
        with pytest.raises(requests.exceptions.ReadTimeout):
            d.get(path, headers={"If-None-Match": '"1"'}, timeout=0.3)
    parked(reeved, 0)
    reeved.signal(signal.SIGTERM)
    assert reeved.wait() == 0
