# SPDX-License-Identifier: Apache-2.0
"""The admin API noun by noun: every operation, good and bad."""
import hashlib
import subprocess

import pytest

from admin_api import BYTES, Api, api, enroll, make_deb, server, start, token_api, with_token  # noqa: F401 (fixtures)
from conftest import Reeved, wait_for


# ---- organizations ----

def test_organizations(api):
    o = api.post("/organizations", {"name": "acme", "domain": "acme.example"})
    assert {k: o[k] for k in ("name", "domain", "config", "revision")} == {
        "name": "acme", "domain": "acme.example", "config": {}, "revision": 1}
    r = api("GET", "/organizations/acme", 200)
    assert r.json() == o and r.headers["ETag"] == '"1"'
    assert api.get("/organizations/%d" % o["id"]) == o
    assert [f["name"] for f in api.all("/fleets", org="acme")] == ["default"]

    r = api("PATCH", "/organizations/acme", 200, json={"config": {"poll.interval": "5m"}}, headers={"If-Match": '"1"'})
    assert r.json()["config"] == {"poll.interval": "5m"} and r.headers["ETag"] == '"2"'
    api.bad("PATCH", "/organizations/acme", 412, json={"name": "x"}, headers={"If-Match": '"1"'})
    r = api("PATCH", "/organizations/acme", 200, json={"name": "acme2", "config": {"poll.interval": None}})
    assert r.json()["name"] == "acme2" and r.json()["config"] == {}
    api("GET", "/organizations/acme", 404)


@pytest.mark.parametrize("body, words", [
    ({}, ["name", "missing"]),
    ({"name": ""}, ["name", "empty"]),
    ({"name": "x", "nmae": 1}, ["nmae"]),
    ({"name": 5}, ["name", "string"]),
    ({"name": "12"}, ["name", "number"]),
    ({"name": "a/b"}, ["name"]),
    ({"name": "a\u0000b"}, ["NUL"]),
    ({"name": "a\nb"}, ["control"]),
    ({"name": "x" * 200}, ["128"]),
    ({"name": "x", "domain": "no domain"}, ["no domain"]),
    ([], ["object"]),
    ("text", ["object"]),
])
def test_organization_bad_bodies(api, body, words):
    api.bad("POST", "/organizations", 400, *words, json=body)


def test_organization_conflicts(api):
    api.post("/organizations", {"name": "twice"})
    api.bad("POST", "/organizations", 409, "twice", json={"name": "twice"})
    api.bad("PATCH", "/organizations/twice", 400, "nope", json={"config": {"nope": 1}})
    api.bad("PATCH", "/organizations/twice", 400, "poll.interval", json={"config": {"poll.interval": "soon"}})
    api.bad("PATCH", "/organizations/nobody", 404, json={"name": "x"})
    api.bad("GET", "/devices", 404, "nobody", params={"org": "nobody"})


def test_not_json(api):
    r = api("POST", "/fleets", 400, data=b"{", headers={"Content-Type": "application/json"})
    assert "JSON" in r.json()["detail"]
    api("POST", "/fleets", 415, data=b"{}", headers={"Content-Type": "text/plain"})
    api("POST", "/fleets", 413, data=b'{"name":"' + b"x" * (2 << 20) + b'"}', headers={"Content-Type": "application/json"})
    api.bad("GET", "/fleets", 400, "bogus", params={"bogus": "1"})
    api("GET", "/nothing", 404)
    api("PUT", "/fleets", 405)


# ---- fleets ----

def test_fleets(api):
    sales = api.post("/fleets", {"name": "Sales"})
    assert sales["path"] == "default/Sales" and sales["devices"] == 0
    berlin = api.post("/fleets", {"name": "Berlin", "parent": "Sales"})
    assert berlin["path"] == "default/Sales/Berlin" and berlin["parent"] == sales["id"]
    by_id = api.post("/fleets", {"name": "Paris", "parent": sales["id"]})
    assert by_id["parent"] == sales["id"]
    for ref in ("Berlin", str(berlin["id"]), "default%2FSales%2FBerlin", "Sales%2FBerlin"):
        r = api("GET", "/fleets/" + ref, 200)
        assert r.json() == berlin and r.headers["ETag"] == '"%d"' % berlin["revision"], ref

    moved = api("PATCH", "/fleets/Berlin", 200, json={"parent": "default", "name": "Hamburg"},
                headers={"If-Match": '"%d"' % berlin["revision"]}).json()
    assert moved["path"] == "default/Hamburg" and moved["id"] == berlin["id"] and moved["revision"] > berlin["revision"]
    api.bad("PATCH", "/fleets/Hamburg", 412, json={"name": "x"}, headers={"If-Match": '"%d"' % berlin["revision"]})
    api.bad("PATCH", "/fleets/Hamburg", 412, json={"name": "x"}, headers={"If-Match": '"abc"'})
    api("DELETE", "/fleets/Hamburg", 412, headers={"If-Match": '"999"'})
    api("DELETE", "/fleets/Hamburg", 204, headers={"If-Match": '"%d"' % moved["revision"]})
    api("GET", "/fleets/Hamburg", 404)
    api("DELETE", "/fleets/Sales", 204)
    assert api.get("/fleets/Paris")["path"] == "default/Paris"
    api("DELETE", "/fleets/Paris", 204)


def test_fleets_bad(api):
    api.post("/fleets", {"name": "A"})
    api.post("/fleets", {"name": "B", "parent": "A"})
    api.bad("POST", "/fleets", 409, "A", json={"name": "A"})
    api.bad("POST", "/fleets", 404, "nowhere", json={"name": "C", "parent": "nowhere"})
    for name, word in (("", "empty"), ("a/b", "/"), ("7", "number"), (" x", "blank")):
        api.bad("POST", "/fleets", 400, word, json={"name": name})
    api.bad("PATCH", "/fleets/A", 409, json={"parent": "B"})
    api.bad("PATCH", "/fleets/A", 400, "nothing to change", json={})
    api.bad("PATCH", "/fleets/nowhere", 404, json={"name": "x"})
    api.bad("DELETE", "/fleets/default", 409)
    api.bad("DELETE", "/fleets/nowhere", 404)
    api.post("/fleets", {"name": "B"})
    api.bad("GET", "/fleets/B", 409, "B")  # not unique
    assert api.get("/fleets/A%2FB")["path"] == "default/A/B"


# ---- settings ----

def test_catalogue(api):
    rows = api.all("/settings", limit=200)
    names = [r["name"] for r in rows]
    assert len(names) > 600 and names == sorted(names) and len(set(names)) == len(names)
    assert api.get("/settings/camera.disabled") in rows
    api.bad("GET", "/settings/camera.disable", 404, "camera.disabled")


def test_types_of_commands(api):
    rows = {r["name"]: r for r in api.all("/command-types", limit=5)}
    assert list(rows) == sorted(rows) and {"ping", "wipe", "launch", "reset_password"} <= set(rows)
    assert rows["wipe"]["destructive"] and not rows["ping"]["destructive"]
    assert rows["ping"]["params"] == [] and rows["ping"]["expires_s"] == 600
    assert rows["reset_password"]["kinds"] == ["android"] and rows["reset_password"]["channels"] == ["flyve"]
    assert rows["reset_password"]["params"] == [{"name": "password", "type": "secret", "required": True}]
    assert [p["name"] for p in rows["launch"]["params"] if p["required"]] == ["argv"]


def test_fleet_settings(api):
    api.post("/fleets", {"name": "Set"})
    r = api("PUT", "/fleets/Set/settings/password.min_length", 200, json={"value": 8}).json()
    assert r == {"name": "password.min_length", "value": 8, "level": "mandatory", "changed": True}
    r = api("PUT", "/fleets/Set/settings/password.min_length", 200, json={"value": 8}).json()
    assert r["changed"] is False
    r = api("PUT", "/fleets/Set/settings/password.min_length", 200, json={"value": 8, "level": "recommended"}).json()
    assert r["changed"] is True and r["level"] == "recommended"
    (row,) = api.get("/fleets/Set/settings")["items"]
    assert row["value"] == 8 and row["level"] == "recommended" and row["actor"] == "token:admin" and row["changed"]
    (row,) = api.get("/fleets/Set/effective")["items"]
    assert row == {"name": "password.min_length", "value": 8, "level": "recommended", "source": "fleet",
                   "source_id": api.get("/fleets/Set")["id"], "source_name": "default/Set", "applies": True}
    api("DELETE", "/fleets/Set/settings/password.min_length", 204)
    api("DELETE", "/fleets/Set/settings/password.min_length", 404)
    assert api.get("/fleets/Set/settings")["items"] == []


@pytest.mark.parametrize("name, body, status, words", [
    ("camera.disabled", {"value": 1}, 400, ["camera.disabled"]),
    ("camera.disabled", {}, 400, ["value"]),
    ("camera.disabled", {"value": True, "level": "maybe"}, 400, ["level", "maybe"]),
    ("camera.disabled", {"value": True, "levle": "x"}, 400, ["levle"]),
    ("password.min_length", {"value": -1}, 400, ["password.min_length"]),
    ("nothing", {"value": True}, 404, ["nothing"]),
])
def test_settings_bad(api, server, name, body, status, words):
    api.bad("PUT", "/fleets/default/settings/" + name, status, *words, json=body)


def test_device_settings(api, server):
    d = enroll(server, name="settings")
    path = "/devices/%d" % d.device["device_id"]
    version = api.get(path)["version"]
    api("PUT", path + "/settings/camera.disabled", 200, json={"value": True})
    assert api.get(path)["version"] == version + 1
    assert [s["name"] for s in api.get(path + "/settings")["items"]] == ["camera.disabled"]
    effective = api.get(path + "/effective")
    assert effective["version"] == version + 1
    (row,) = [i for i in effective["items"] if i["name"] == "camera.disabled"]
    assert (row["source"], row["source_id"], row["source_name"], row["applies"]) == (
        "device", d.device["device_id"], "settings", True)
    api("PUT", path + "/settings/launcher.enabled", json={"value": True})
    api("DELETE", path + "/settings/camera.disabled", 204)
    api("DELETE", path + "/settings/camera.disabled", 404)
    api("PUT", "/devices/999999/settings/camera.disabled", 404, json={"value": True})


# ---- devices ----

def test_device_in_full(api, server):
    api.post("/fleets", {"name": "Full"})
    api("PUT", "/fleets/Full/settings/camera.disabled", 200, json={"value": True})
    api("PUT", "/fleets/Full/settings/password.min_length", 200, json={"value": 8, "level": "recommended"})
    s = enroll(server, fleet="Full", name="host", serial="S1", model="M", os_version="12", agent_version="1.0")
    path = "/devices/%d" % s.device["device_id"]
    d = api.get(path)
    assert (d["name"], d["serial"], d["model"], d["os_version"], d["agent_version"]) == ("host", "S1", "M", "12", "1.0")
    assert (d["fleet"], d["fleet_path"], d["verdict"], d["report"], d["managed"]) == (
        "Full", "default/Full", "UNKNOWN", None, True)
    by_name = {i["name"]: i for i in d["settings"]}
    assert by_name["camera.disabled"]["satisfied"] is None and by_name["camera.disabled"]["observed"] is None
    assert by_name["camera.disabled"]["source"] == "fleet default/Full"
    api("GET", path + "/report", 404)

    s.put("/device/v1/inventory", json={"os": {"name": "Debian"}, "disks": []})
    s.put("/device/v1/attributes", json={"room": "1"})
    s.post("/device/v1/report", json={"applied_version": d["version"], "settings": {
        "camera.disabled": {"value": True, "state": "applied", "message": "done", "at": "2026-01-01T00:00:00Z"},
        "password.min_length": {"value": 4, "state": "observed"},
        "wifi.disabled": {"value": False, "state": "observed"}}})
    api.post("/commands", {"device": s.device["device_id"], "type": "ping"})
    d = api.get(path)
    assert d["verdict"] == "COMPLIANT" and d["attributes"] == {"room": "1"} and d["commands_waiting"] == 1
    assert d["inventory"] == {"os": {"name": "Debian"}, "disks": []} == api.get(path + "/inventory")
    assert d["report"]["applied_version"] == d["version"] == api.get(path + "/report")["applied_version"]
    by_name = {i["name"]: i for i in d["settings"]}
    camera, password, wifi = (by_name[n] for n in ("camera.disabled", "password.min_length", "wifi.disabled"))
    assert (camera["desired"], camera["observed"], camera["state"], camera["message"], camera["satisfied"]) == (
        True, True, "applied", "done", True)
    assert (password["level"], password["desired"], password["observed"], password["satisfied"]) == (
        "recommended", 8, 4, False)
    assert (wifi["desired"], wifi["observed"], wifi["level"], wifi["satisfied"], wifi["source"]) == (
        None, False, None, None, None)
    assert api.get(path + "/report")["observed"]["camera.disabled"]["state"] == "applied"


def test_device_changes(api, server):
    api.post("/fleets", {"name": "From"})
    api.post("/fleets", {"name": "To", "parent": "From"})
    s = enroll(server, fleet="From", name="moving")
    path = "/devices/%d" % s.device["device_id"]
    before = api("GET", path, 200)
    r = api("PATCH", path, 200, json={"name": "moved", "fleet": "To"}, headers={"If-Match": before.headers["ETag"]})
    d = r.json()
    assert d["name"] == "moved" and d["fleet_path"] == "default/From/To" and d["version"] == before.json()["version"] + 1
    assert r.headers["ETag"] == '"%d"' % d["revision"] == api("GET", path, 200).headers["ETag"]
    api.bad("PATCH", path, 412, json={"name": "x"}, headers={"If-Match": before.headers["ETag"]})
    assert api.get(path)["name"] == "moved"
    api("PATCH", path, 200, json={"fleet": api.get("/fleets/From")["id"]})
    # One transaction: the move is refused, so the new name is not kept either.
    api.bad("PATCH", path, 404, "nowhere", json={"name": "x", "fleet": "nowhere"})
    assert api.get(path)["name"] == "moved"
    api.bad("PATCH", path, 400, "nothing to change", json={})
    api.bad("PATCH", path, 400, "fleett", json={"fleett": 1})
    api.bad("PATCH", path, 400, "control", json={"name": "a\tb"})
    for bad in ("/devices/999999", "/devices/0", "/devices/x", "/devices/-1", "/devices/9223372036854775808"):
        assert api("PATCH", bad, json={"name": "x"}).status_code in (400, 404), bad


def test_device_ends(api, server):
    s = enroll(server, name="ending")
    path = "/devices/%d" % s.device["device_id"]
    open_command = api.post("/commands", {"device": s.device["device_id"], "type": "ping"})["id"]
    d = api("POST", path + "/unenroll", 200).json()
    assert d["managed"] is False
    assert s.get("/device/v1/desired").status_code == 410
    assert api.get("/commands/%d" % open_command)["state"] == "cancelled"
    assert s.device["device_id"] not in [i["id"] for i in api.all("/devices")]
    assert s.device["device_id"] in [i["id"] for i in api.all("/devices", filter="managed=false")]
    api.bad("POST", "/commands", 409, json={"device": s.device["device_id"], "type": "ping"})
    api("DELETE", path, 412, headers={"If-Match": '"999"'})
    api("DELETE", path, 204)
    api("GET", path, 404)
    api("DELETE", path, 404)
    assert s.get("/device/v1/desired").status_code == 401
    assert enroll(server, name="next").device["device_id"] > s.device["device_id"]


# ---- enrollment tokens ----

def test_enrollment_tokens(api, server):
    api.post("/fleets", {"name": "Enrolling"})
    t = api.post("/enrollment-tokens", {"fleet": "Enrolling", "uses": 1, "expires": "24h", "email": "a@example.org"})
    assert (t["kind"], t["fleet"], t["uses"], t["uses_max"], t["email"]) == ("agent", "Enrolling", 0, 1, "a@example.org")
    assert t["token"].startswith(t["hint"]) and len(t["token"]) == 43 and t["expires"] and t["revoked"] is None
    assert server.device(t["token"]).device["fleet"] in ("Enrolling", "default/Enrolling")
    assert server.session().post("/device/v1/enroll", json={"token": t["token"]}).status_code == 401  # used up
    (row,) = [r for r in api.all("/enrollment-tokens") if r["id"] == t["id"]]
    assert "token" not in row and row["uses"] == 1
    t = api.post("/enrollment-tokens", {})
    assert (t["fleet"], t["uses_max"], t["expires"]) == ("default", 0, None)
    api("DELETE", "/enrollment-tokens/%d" % t["id"], 204)
    assert server.session().post("/device/v1/enroll", json={"token": t["token"]}).status_code == 401
    (row,) = [r for r in api.all("/enrollment-tokens") if r["id"] == t["id"]]
    assert row["revoked"]
    api("DELETE", "/enrollment-tokens/999999", 404)


@pytest.mark.parametrize("body, status, words", [
    ({"kind": "toaster"}, 400, ["kind", "toaster"]),
    ({"uses": 0}, 400, ["uses"]),
    ({"uses": "1"}, 400, ["uses", "integer"]),
    ({"expires": "tomorrow"}, 400, ["expires", "tomorrow"]),
    ({"expires": "-1h"}, 400, ["expires"]),
    ({"fleet": "nowhere"}, 404, ["nowhere"]),
    ({"flete": "x"}, 400, ["flete"]),
])
def test_enrollment_tokens_bad(api, body, status, words):
    api.bad("POST", "/enrollment-tokens", status, *words, json=body)


# ---- API tokens ----

def test_api_tokens(api, server):
    t = api.post("/api-tokens", {"name": "ci", "scopes": ["devices:read", "fleets:write"], "expires": "1h"})
    assert t["scopes"] == ["devices:read", "fleets:write"] and t["organization"] is None and t["expires"]
    ci = with_token(server, t["token"])
    assert ci.get("/devices") and ci.get("/fleets")
    ci.bad("GET", "/events", 403, "events:read")
    (row,) = [r for r in api.all("/api-tokens") if r["id"] == t["id"]]
    assert "token" not in row and row["actor"] == "token:admin"
    api.bad("POST", "/api-tokens", 409, "ci", json={"name": "ci", "scopes": ["read"]})
    api("DELETE", "/api-tokens/%d" % t["id"], 204)
    ci("GET", "/devices", 401)
    api.post("/api-tokens", {"name": "ci", "scopes": ["read"]})  # the name is free again
    api("DELETE", "/api-tokens/999999", 404)
    key = server.session()
    key.headers["X-API-Key"] = server.admin_token
    assert key.get("/api/v1/devices").status_code == 200


def test_api_token_expires(api, server):
    t = api.post("/api-tokens", {"name": "short", "scopes": ["read"], "expires": "500ms"})
    short = with_token(server, t["token"])
    wait_for(lambda: short("GET", "/devices").status_code == 401)


@pytest.mark.parametrize("body, words", [
    ({"name": "x"}, ["scopes"]),
    ({"name": "x", "scopes": []}, ["scope"]),
    ({"name": "x", "scopes": ["devices:reed"]}, ["devices:reed"]),
    ({"name": "x", "scopes": ["read *"]}, ["scopes"]),
    ({"name": "x", "scopes": "read"}, ["scopes"]),
    ({"name": "x", "scopes": ["read"], "organization": []}, ["organization"]),
])
def test_api_tokens_bad(api, body, words):
    api.bad("POST", "/api-tokens", 400, *words, json=body)


def test_nobody_hands_out_more_than_he_holds(api, server):
    maker = token_api(server, ["api_tokens:write", "administrators:write", "devices:read"], name="maker")
    maker.post("/api-tokens", {"name": "less", "scopes": ["devices:read"]})
    for scopes in (["*"], ["devices:write"], ["read"], ["devices:read", "keys:write"]):
        maker.bad("POST", "/api-tokens", 403, json={"name": "more", "scopes": scopes})
        maker.bad("POST", "/administrators", 403, json={"name": "more", "password": "correct horse", "scopes": scopes})
    strong = api.post("/administrators", {"name": "strong", "password": "correct horse", "scopes": ["*"]})
    for body in ({"password": "battery staple"}, {"disabled": True}, {"scopes": ["devices:read"]}):
        maker.bad("PATCH", "/administrators/%d" % strong["id"], 403, json=body)
    maker.bad("DELETE", "/administrators/%d" % strong["id"], 403)


# ---- administrators and sessions ----

def log_in(server, name, password):
    s = server.session()
    r = s.post("/api/v1/sessions", json={"name": name, "password": password})
    if r.status_code == 201:
        s.headers["X-CSRF-Token"] = r.json()["csrf_token"]
    return s, r


def test_administrators_and_sessions(api, server):
    a = api.post("/administrators", {"name": "ada", "password": "correct horse", "scopes": ["devices:read", "fleets:write"]})
    assert a["name"] == "ada" and a["disabled"] is False and a["last_login"] is None and "password" not in str(a)
    s, r = log_in(server, "ada", "correct horse")
    assert r.status_code == 201 and r.json()["administrator"] == "ada"
    assert r.json()["scopes"] == ["devices:read", "fleets:write"]
    cookie = r.headers["Set-Cookie"]
    for part in ("reeve_session=", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in cookie
    assert "Secure" not in cookie  # plain HTTP on loopback
    ada = Api(s)
    assert ada.get("/sessions/current") == r.json()
    ada.get("/devices")
    ada.bad("GET", "/events", 403, "events:read")
    ada.post("/fleets", {"name": "By Ada"})
    (event,) = api.get("/events", params={"newest": "true", "limit": "1"})["items"]
    assert event["type"] == "fleet.created" and event["actor"] == "admin:ada"

    no_csrf = server.session()
    no_csrf.cookies.update(s.cookies)
    Api(no_csrf).bad("POST", "/fleets", 403, "CSRF", json={"name": "x"})
    no_csrf.headers["X-CSRF-Token"] = "wrong"
    Api(no_csrf).bad("DELETE", "/sessions/current", 403, "CSRF")

    r = ada("DELETE", "/sessions/current", 204)
    assert "Max-Age=0" in r.headers["Set-Cookie"]
    no_csrf.cookies.update({"reeve_session": cookie.split("=", 1)[1].split(";")[0]})
    Api(no_csrf)("GET", "/devices", 401)
    api("GET", "/sessions/current", 404)  # a token has none

    api.bad("POST", "/administrators", 409, "ada", json={"name": "ada", "password": "correct horse", "scopes": ["read"]})


def test_administrator_changes_end_sessions(api, server):
    a = api.post("/administrators", {"name": "bob", "password": "correct horse", "scopes": ["read"]})
    path = "/administrators/%d" % a["id"]
    s, _ = log_in(server, "bob", "correct horse")
    assert api("PATCH", path, 200, json={"password": "battery staple"}).json()["name"] == "bob"
    Api(s)("GET", "/devices", 401)
    assert log_in(server, "bob", "correct horse")[1].status_code == 401
    s, r = log_in(server, "bob", "battery staple")
    assert r.status_code == 201
    assert api("PATCH", path, 200, json={"scopes": ["fleets:read"]}).json()["scopes"] == ["fleets:read"]
    Api(s)("GET", "/devices", 403)
    assert api("PATCH", path, 200, json={"disabled": True}).json()["disabled"] is True
    Api(s)("GET", "/fleets", 401)
    assert log_in(server, "bob", "battery staple")[1].status_code == 401
    api("PATCH", path, 200, json={"disabled": False})
    s, r = log_in(server, "bob", "battery staple")
    assert r.status_code == 201
    assert [x["last_login"] for x in api.all("/administrators") if x["name"] == "bob"] != [None]
    api("DELETE", path, 204)
    Api(s)("GET", "/fleets", 401)
    api("DELETE", path, 404)


@pytest.mark.parametrize("body, words", [
    ({"name": "x", "scopes": ["read"]}, ["password"]),
    ({"name": "x", "password": "short", "scopes": ["read"]}, ["password", "8"]),
    ({"name": "x", "password": "x" * 300, "scopes": ["read"]}, ["password"]),
    ({"name": "x", "password": "correct horse", "scopes": ["nope"]}, ["nope"]),
    ({"name": "", "password": "correct horse", "scopes": ["read"]}, ["name"]),
])
def test_administrators_bad(api, body, words):
    detail = api.bad("POST", "/administrators", 400, *words, json=body)
    assert "correct horse" not in detail


def test_last_administrator_stays(tmp_path):
    server = start(tmp_path / "reeved")
    try:
        api = Api(server.admin())
        (only,) = api.all("/administrators")
        api.bad("DELETE", "/administrators/%d" % only["id"], 409)
        api.bad("PATCH", "/administrators/%d" % only["id"], 400, "nothing to change", json={})
    finally:
        server.stop()


def test_log_in_refused_alike(api, server):
    api.post("/administrators", {"name": "eve", "password": "correct horse", "scopes": ["read"]})
    _, wrong = log_in(server, "eve", "battery staple")
    _, unknown = log_in(server, "nobody at all", "battery staple")
    _, long = log_in(server, "n" * 1000, "battery staple")
    strip = lambda r: {k: v for k, v in r.json().items() if k != "request_id"}  # noqa: E731
    assert wrong.status_code == unknown.status_code == 401
    assert strip(wrong) == strip(unknown) == strip(long)
    refused = [e for e in api.all("/events") if e["type"] == "session.refused"]
    assert {e["object"] for e in refused} >= {"eve", "nobody at all"}
    assert all(e["after"] == {"peer": "127.0.0.1"} for e in refused)


def test_log_in_throttled(tmp_path):
    server = start(tmp_path / "reeved", "--limits-login", "3")
    try:
        Api(server.admin()).post("/administrators", {"name": "ada", "password": "correct horse", "scopes": ["read"]})
        for _ in range(5):  # those that are right do not count
            assert log_in(server, "ada", "correct horse")[1].status_code == 201
        codes = [log_in(server, "ada", "wrong")[1].status_code for _ in range(5)]
        assert codes == [401, 401, 401, 429, 429]
        r = log_in(server, "ada", "correct horse")[1]
        assert r.status_code == 429 and 1 <= int(r.headers["Retry-After"]) <= 60 and r.json()["code"] == "rate-limited"
    finally:
        server.stop()


def test_cookie_under_tls(tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    server = Reeved(tmp_path / "reeved", "--tls-cert", str(cert), "--tls-key", str(key)).start()
    try:
        wait_for(lambda: (server.data / "admin.password").exists())
        session = server.session()
        session.verify = str(cert)
        body = {"name": "admin", "password": (server.data / "admin.password").read_text().strip()}
        r = wait_for(lambda: [x for x in [session.post("/api/v1/sessions", json=body)] if x.status_code == 201])[0]
        assert "; Secure" in r.headers["Set-Cookie"]
        assert session.get("/api/v1/sessions/current").status_code == 200
    finally:
        server.stop()


# ---- keys ----

def test_keys(api):
    (key,) = [k for k in api.all("/keys") if k["purpose"] == "policy" and not k["retired"] and k["organization"] == "default"]
    new = api.post("/keys/rotate")
    assert new["version"] == key["version"] + 1 and new["public_pem"].startswith("-----BEGIN PUBLIC KEY-----")
    keys = {k["id"]: k for k in api.all("/keys")}
    assert keys[key["id"]]["retired"] and keys[new["id"]] == new
    assert {k["purpose"] for k in keys.values()} == {"policy", "verification", "token"}
    assert {k["purpose"] for k in api.all("/keys", org="default")} == {"policy"}
    rotated = api.post("/keys/rotate", params={"purpose": "verification"})
    assert rotated["organization"] is None and rotated["version"] == 2
    api.bad("POST", "/keys/rotate", 400, "nope", params={"purpose": "nope"})


def test_verification_key(api, server, tmp_path):
    current = api.get("/keys/verification")
    assert "private_pem" not in current
    private = api.get("/keys/verification", params={"private": "true"})["private_pem"]
    assert private.startswith("-----BEGIN PRIVATE KEY-----") and private not in server.stderr()
    pem = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                         capture_output=True, text=True, check=True).stdout
    imported = api("PUT", "/keys/verification", 200, json={"private_pem": pem}).json()
    public = subprocess.run(["openssl", "pkey", "-pubout"], input=pem, capture_output=True, text=True, check=True).stdout
    assert imported["public_pem"] == public and imported["version"] == current["version"] + 1
    assert api.get("/keys/verification", params={"private": "true"})["public_pem"] == public
    n_files = len(list((server.data / "keys").iterdir()))
    small = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
                           capture_output=True, text=True, check=True).stdout
    for bad in ("", "no key", small, pem[:200]):
        api.bad("PUT", "/keys/verification", 400, json={"private_pem": bad})
    assert len(list((server.data / "keys").iterdir())) == n_files
    token_api(server, ["keys:read"], name="key-reader").bad("GET", "/keys/verification", 403, "keys:write", params={"private": "true"})


# ---- files ----

def blobs(server):
    return sorted(p.name for p in (server.data / "files").iterdir())


def upload(api, content, status=201, **params):
    return api("POST", "/files", status, params=params, data=content, headers=BYTES).json()


def test_files(api, server):
    content = b"hello\n" * 1000
    f = upload(api, content, name="motd", content_type="text/plain")
    assert (f["kind"], f["name"], f["version"], f["size"], f["content_type"], f["package"]) == (
        "file", "motd", 1, len(content), "text/plain", None)
    assert f["sha256"] == hashlib.sha256(content).hexdigest() and f["sha256"] in blobs(server)
    path = "/files/%d" % f["id"]
    r = api("GET", path + "/content", 200)
    assert r.content == content and r.headers["Content-Type"] == "text/plain"
    assert r.headers["Content-Disposition"] == "attachment" and r.headers["ETag"] == '"%s"' % f["sha256"]
    r = api("GET", path + "/content", 206, headers={"Range": "bytes=6-11"})
    assert r.content == content[6:12]
    api("GET", path + "/content", 416, headers={"Range": "bytes=999999-"})
    assert api("GET", path + "/content", 304, headers={"If-None-Match": r.headers["ETag"]}).content == b""

    again = upload(api, b"new content", name="motd")
    assert again["id"] == f["id"] and again["version"] == 2
    wait_for(lambda: f["sha256"] not in blobs(server), what="the replaced content to go")
    other = upload(api, b"new content", name="twin")
    api("DELETE", path, 204)
    api("GET", path, 404)
    api("GET", path + "/content", 404)
    assert api("GET", "/files/%d/content" % other["id"], 200).content == b"new content"  # still named by the twin
    api("DELETE", "/files/%d" % other["id"], 204)
    wait_for(lambda: other["sha256"] not in blobs(server), what="the content to go")


def test_apps(api, server):
    app = upload(api, make_deb("hello", "2.10-3"), kind="app")
    assert (app["name"], app["package"], app["package_version"]) == ("hello", "hello", "2.10-3")
    assert [a["id"] for a in api.all("/files", kind="app")] == [app["id"]]
    before = blobs(server)
    for bad in (b"no package", b"!<arch>\n", make_deb("Bad Name"), make_deb()[:100]):
        detail = api.bad("POST", "/files", 400, "not a Debian package", params={"kind": "app"}, data=bad, headers=BYTES)
        assert len(detail) < 300
    # what an earlier test deleted may go meanwhile
    wait_for(lambda: set(blobs(server)) <= set(before), what="the refused contents to go")
    deploy = [{"app": app["id"], "remove_on_delete": True}]
    api("PUT", "/fleets/default/settings/apps.deploy", 200, json={"value": deploy})
    api.bad("DELETE", "/files/%d" % app["id"], 409, "apps.deploy", "fleet 1")
    api("DELETE", "/fleets/default/settings/apps.deploy", 204)
    api("DELETE", "/files/%d" % app["id"], 204)


def test_files_bad(api, server):
    before = blobs(server)
    api.bad("POST", "/files", 400, "name", data=b"x", headers=BYTES)
    api.bad("POST", "/files", 400, "name", params={"name": "a/b"}, data=b"x", headers=BYTES)
    r = api("POST", "/files?name=%ff", 400, data=b"x", headers=BYTES)
    assert "UTF-8" in r.json()["detail"]
    api.bad("POST", "/files", 400, "kind", params={"name": "x", "kind": "toy"}, data=b"x", headers=BYTES)
    api.bad("POST", "/files", 400, "content_type", params={"name": "x", "content_type": "a\r\nb/c"}, data=b"x", headers=BYTES)
    api.bad("GET", "/files", 400, "kind", params={"kind": "toy"})
    api("POST", "/files", 415, params={"name": "x"}, data=b"x", headers={"Content-Type": "text/html"})
    for method, path in (("GET", "/files/999"), ("GET", "/files/999/content"), ("DELETE", "/files/999")):
        api(method, path, 404)
    # what an earlier test deleted may go meanwhile
    wait_for(lambda: set(blobs(server)) <= set(before), what="the refused contents to go")
    assert not [p for p in (server.data / "tmp").iterdir() if p.is_file()]


# ---- commands ----

def test_commands(api, server):
    s = enroll(server, name="commanded")
    d = s.device["device_id"]
    c = api.post("/commands", {"device": d, "type": "ping", "expires": "1h"})
    assert (c["device"], c["device_name"], c["type"], c["state"], c["actor"], c["params"]) == (
        d, "commanded", "ping", "queued", "token:admin", {})
    assert c["created"] < c["expires"] and c["sent"] is None and c["result"] is None
    assert api.get("/commands/%d" % c["id"]) == c
    assert [x["id"] for x in s.get("/device/v1/commands").json()["commands"]] == [c["id"]]
    assert s.post("/device/v1/commands/%d" % c["id"], json={"state": "acknowledged"}).status_code == 200
    assert s.post("/device/v1/commands/%d" % c["id"], json={"state": "done", "result": {"ms": 3}}).status_code == 200
    c = api.get("/commands/%d" % c["id"])
    assert c["state"] == "done" and c["result"] == {"ms": 3} and c["sent"] and c["acknowledged"] and c["finished"]
    api.bad("POST", "/commands/%d/cancel" % c["id"], 409, "done")
    c2 = api.post("/commands", {"device": d, "type": "ping"})
    assert api("POST", "/commands/%d/cancel" % c2["id"], 200).json()["state"] == "cancelled"
    assert [x["id"] for x in api.all("/commands", device=d)] == [c2["id"], c["id"]]
    assert [x["id"] for x in api.all("/commands", device=d, state="done")] == [c["id"]]
    api("GET", "/commands/999999", 404)
    api("POST", "/commands/999999/cancel", 404)
    api.bad("GET", "/commands", 400, "state", params={"state": "asleep"})


def test_commands_bad(api, server):
    d = enroll(server, name="bad commands").device["device_id"]
    for body, status, words in (
            ({"device": d}, 400, ["type"]),
            ({"type": "ping"}, 400, ["device", "filter"]),
            ({"type": "ping", "device": d, "filter": ""}, 400, ["device", "filter"]),
            ({"type": "fly", "device": d}, 400, ["fly"]),
            ({"type": "ping", "device": d, "params": {"x": 1}}, 400, ["x"]),
            ({"type": "ping", "device": d, "params": []}, 400, ["params"]),
            ({"type": "ping", "device": d, "expires": "never"}, 400, ["expires", "never"]),
            ({"type": "ping", "device": 999999}, 404, ["999999"]),
            ({"type": "ping", "filter": "kind="}, 400, ["column"]),
            ({"type": "ping", "filter": "nope=1"}, 400, ["column", "nope"]),
            ({"type": "wipe", "filter": ""}, 400, ["destructive", "empty"])):
        api.bad("POST", "/commands", status, *words, json=body)


def test_destructive_commands(api, server):
    d = enroll(server, name="wipeable").device["device_id"]
    writer = token_api(server, ["commands:write"], name="command-writer")
    writer.post("/commands", {"device": d, "type": "ping"})
    writer.bad("POST", "/commands", 403, "commands:destructive", json={"device": d, "type": "wipe"})
    writer.bad("POST", "/commands", 403, "commands:destructive", json={"filter": "id=%d" % d, "type": "wipe"})
    wiper = token_api(server, ["commands:write", "commands:destructive"], name="wiper")
    wiper.post("/commands", {"device": d, "type": "wipe"})


# ---- overview, check, health ----

def test_overview(api, server):
    before = api.get("/overview")
    enroll(server, name="counted")
    after = api.get("/overview")
    assert after["devices"]["total"] == before["devices"]["total"] + 1
    assert after["devices"]["by_verdict"]["UNKNOWN"] == before["devices"]["by_verdict"]["UNKNOWN"] + 1
    assert sum(after["devices"]["by_kind"].values()) == sum(after["devices"]["by_channel"].values()) == after["devices"]["total"]
    assert after["devices"]["total"] == api.get("/devices/count")["count"] == len(api.all("/devices"))
    assert after["commands_open"] == len([c for c in api.all("/commands") if not c["finished"]])
    assert after["version"] == server.session().get("/version").json()["version"]
    per_fleet = {f["path"]: f["devices"] for f in api.all("/fleets")}
    assert sum(per_fleet.values()) == after["devices"]["total"]


def test_check(api, server):
    assert api.get("/check") == {"findings": []}
    f = upload(api, b"to be lost", name="lost")
    (server.data / "files" / f["sha256"]).unlink()
    (finding,) = api.get("/check")["findings"]
    assert "file %d" % f["id"] in finding
    api("GET", "/files/%d/content" % f["id"], 500)
    upload(api, b"to be lost", name="lost")
    assert api.get("/check") == {"findings": []}
    api("DELETE", "/files/%d" % f["id"], 204)
