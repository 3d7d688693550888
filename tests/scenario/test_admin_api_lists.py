# SPDX-License-Identifier: Apache-2.0
"""Lists: paging that is stable while rows come and go, filters, CSV of every list."""
import csv
import io
import json

import pytest

from admin_api import BYTES, Api, World, api, enroll, operations, server, start  # noqa: F401 (fixtures)
from conftest import wait_for

N = 120
CHROMEOS_ONLY = "/samples", "/raw-reports"  # the devices here have none


@pytest.fixture(scope="module")
def many(server, api):
    """N devices, fleets, commands, files and tokens."""
    World(server, "default")
    token = api.post("/enrollment-tokens", {})["token"]
    devices = [server.device(token, name="d%03d" % i, serial="S%d" % i).device["device_id"] for i in range(N)]
    for i in range(N):
        api.post("/enrollment-tokens", {"uses": i + 1})
        api("POST", "/files", 201, params={"name": "n%03d" % i}, data=b"%d" % i, headers=BYTES)
        api.post("/api-tokens", {"name": "many%d" % i, "scopes": ["read"]})
        api.post("/commands", {"device": devices[0], "type": "ping"})
    on = {row["name"]: True for row in api.all("/settings", limit=1000) if row["type"] == "boolean"}
    fleets = [{"path": "default/f%03d" % i, "settings": on if i == 0 else {}} for i in range(N)]
    api("POST", "/apply", 200, json={"documents": [{"fleets": fleets, "devices": [{"id": devices[0], "settings": on}]}]})
    for i in range(10):
        api.post("/organizations", {"name": "org%d" % i})
    for i in range(10):  # each gets a key, which is an event
        wait_for(lambda: api.get("/keys", params={"org": "org%d" % i})["items"])
    return devices


def lists(api, devices):
    for method, template, operation in operations(api):
        content = operation["responses"].get("200", {}).get("content", {})
        if "text/csv" in content:
            yield template.replace("{id}", str(devices[0])).replace("{fleet}", "f000")


def test_every_list(many, api):
    """By pages of 7 and in one piece: the same rows, none twice; and CSV says the same."""
    seen = list(lists(api, many))
    assert len(seen) >= 17  # the document names them: a new one is tried without being named here
    for path in seen:
        one_piece = api.get(path, params={"limit": 1000})
        rows = one_piece["items"]
        paged = api.all(path, limit=7)
        assert len(paged) == len({json.dumps(r, sort_keys=True) for r in paged}), path
        if "next" not in one_piece:
            assert paged == rows, path
        else:
            assert paged[:1000] == rows, path
        assert rows or path.endswith(CHROMEOS_ONLY), path
        check_csv(api, path, paged)


def cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        value = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    elif not isinstance(value, str):
        return json.dumps(value)
    return "'" + value if value[:1] in tuple("=+-@\t\r") and value else value


def check_csv(api, path, rows):
    r = api("GET", path, 200, params={"format": "csv"})
    assert r.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert r.headers["Content-Disposition"].startswith("attachment; filename=")
    text = r.content.decode()
    assert text.endswith("\r\n")
    header, *lines = csv.reader(io.StringIO(text, newline=""))
    assert header == list(rows[0]) if rows else header, path
    assert len(lines) == len(rows), path
    for line, row in zip(lines, rows):
        for name, text, value in zip(header, line, row.values()):
            if name not in ("last_used", "last_seen"):  # they move on
                assert text == cell(value), (path, name)
    r = api("GET", path, 200, params={"limit": 2}, headers={"Accept": "text/csv"})
    assert r.headers["Content-Type"].startswith("text/csv") and len(list(csv.reader(io.StringIO(r.text)))) == 1 + min(2, len(rows))


def test_csv_is_harmless(server, api):
    d = enroll(server, name='=cmd|" /C calc"!A0', serial="a,b", model='say "hi"', os_version="@12", agent_version="-1")
    r = api("GET", "/devices", 200, params={"format": "csv", "filter": "id=%d" % d.device["device_id"]})
    header, line = csv.reader(io.StringIO(r.text, newline=""))
    row = dict(zip(header, line))
    assert row["name"] == "'=cmd|\" /C calc\"!A0" and row["serial"] == "a,b" and row["model"] == 'say "hi"'
    assert row["os_version"] == "'@12" and row["agent_version"] == "'-1"


def test_cursors_are_stable(many, api, server):
    """Rows that come and go between two pages neither repeat nor hide others."""
    first = api.get("/devices", params={"limit": 50, "filter": "name~d0"})
    gone = first["items"][10]["id"], first["items"][-1]["id"]
    for i in gone:
        api("DELETE", "/devices/%d" % i, 204)
    late = enroll(server, name="d0 late").device["device_id"]
    rest = api.all("/devices", limit=50, filter="name~d0", cursor=first["next"])
    ids = [d["id"] for d in first["items"] + rest]
    assert ids == sorted(set(ids)) and late in ids
    assert set(ids) - set(gone) == {d["id"] for d in api.all("/devices", filter="name~d0")}
    # newest first: new ones come before what was seen
    page = api.get("/commands", params={"limit": 10})
    newer = api.post("/commands", {"device": many[0], "type": "ping"})["id"]
    older = api.get("/commands", params={"limit": 10, "cursor": page["next"]})
    ids = [c["id"] for c in page["items"] + older["items"]]
    assert ids == sorted(set(ids), reverse=True) and newer not in ids and len(ids) == 20


@pytest.mark.parametrize("params, word", [
    ({"limit": "0"}, "limit"), ({"limit": "1001"}, "limit"), ({"limit": "x"}, "limit"), ({"limit": "-5"}, "limit"),
    ({"cursor": "x"}, "cursor"), ({"cursor": "ZmxlZXRzOjE"}, "cursor"),  # of the list of fleets
    ({"cursor": "ZGV2aWNlczp4"}, "cursor"), ({"cursor": "ZGV2aWNlczotNQ"}, "cursor"),  # devices:x, devices:-5
    ({"format": "xml"}, "xml"), ({"filter": "kind"}, "column"), ({"filter": "kind=linux and"}, "column"),
    ({"filter": "a" * 5000}, "4096"), ({"filter": "(" * 100}, ""), ({"filtre": "x"}, "filtre")])
def test_bad_parameters(api, params, word):
    api.bad("GET", "/devices", 400, word, params=params)


def test_filters(many, server, api):
    d = enroll(server, name="filtered", serial="F1", kind="vm")
    i = d.device["device_id"]
    for text in ("serial=F1", "kind=vm and name=filtered", "id=%d" % i, "not serial!=F1", "name in ('x',\"filtered\")",
                 "last_seen<1h and serial=F1", "verdict=UNKNOWN and serial=F1", "within=default and kind=vm"):
        assert i in [x["id"] for x in api.all("/devices", filter=text)], text
        assert api.get("/devices/count", params={"filter": text})["count"] == len(api.all("/devices", filter=text)), text
    for text in ("serial=F2", "kind=vm and last_seen>1h", "verdict=COMPLIANT and serial=F1"):
        assert i not in [x["id"] for x in api.all("/devices", filter=text)], text
    assert api.get("/devices/count")["count"] == len(api.all("/devices"))


def test_events_list(api):
    everything = api.all("/events", limit=1000)
    ids = [e["id"] for e in everything]
    assert ids == sorted(ids)
    page = api.get("/events", params={"limit": 10, "since": ids[4]})
    assert [e["id"] for e in page["items"]] == ids[5:15] and page["last"] >= ids[-1]
    newest = api.get("/events", params={"limit": 10, "newest": "true"})
    assert [e["id"] for e in newest["items"]] == sorted(ids, reverse=True)[:10]
    more = api.get("/events", params={"limit": 10, "newest": "true", "cursor": newest["next"]})
    assert [e["id"] for e in more["items"]] == sorted(ids, reverse=True)[10:20]
    assert api.get("/events", params={"since": page["last"]})["items"] == []
    api.bad("GET", "/events", 400, "newest", params={"newest": "maybe"})
    api.bad("GET", "/events", 400, "since", params={"since": "-1"})
    assert set(everything[0]) == {"id", "at", "type", "actor", "organization", "fleet", "device", "object", "before", "after"}


def test_large_rows(tmp_path):
    """Pages end early when rows are large; nothing is left out."""
    server = start(tmp_path / "reeved")
    try:
        api = Api(server.admin())
        value = [{"name": "n%d" % i, "url": "https://%s.example" % ("x" * 230)} for i in range(1500)]
        for i in range(25):
            value[0]["name"] = "round %d" % i
            api("PUT", "/fleets/default/settings/chrome.ManagedBookmarks", 200, json={"value": value})
        r = api("GET", "/events", 200, params={"limit": 1000})
        assert 8 << 20 < len(r.content) < 11 << 20 and "next" in r.json()
        events = api.all("/events", limit=1000)
        assert [e["id"] for e in events] == list(range(1, events[-1]["id"] + 1))
        assert [e["after"]["value"][0]["name"] for e in events if e["type"] == "setting.set"] == ["round %d" % i for i in range(25)]
        api.bad("GET", "/events", 413, "fewer", params={"limit": 1000, "format": "csv"})
        csv.field_size_limit(10 << 20)
        text = api("GET", "/events", 200, params={"format": "csv"}).content.decode()
        assert len(list(csv.reader(io.StringIO(text, newline="")))) == 1 + len(events)
    finally:
        server.stop()
