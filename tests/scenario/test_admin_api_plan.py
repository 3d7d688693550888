# SPDX-License-Identifier: Apache-2.0
"""Plan, apply, export: documents in, changes out, all or nothing."""
import random
import threading

import pytest

from admin_api import Api, World, api, enroll, server, token_api  # noqa: F401 (fixtures)


@pytest.fixture(scope="module")
def world(server):
    return World(server, "default")


def last_event(api):
    return api.get("/events", params={"newest": "true", "limit": 1})["last"]


def plan(api, *documents, **kw):
    return api("POST", "/plan", 200, json=dict(documents=list(documents), **kw)).json()


def apply(api, *documents, **kw):
    return api("POST", "/apply", 200, json=dict(documents=list(documents), **kw)).json()


def nothing(answer):
    return answer == {"changes": [], "add": 0, "change": 0, "delete": 0}


def test_export_changes_nothing(api, world):
    api("PUT", "/fleets/default/settings/chrome.ManagedBookmarks", 200,
        json={"value": [{"name": "x", "url": "https://x.example"}]})
    api("PUT", "/fleets/default/settings/password.min_length", 200, json={"value": 8, "level": "recommended"})
    api("PATCH", "/organizations/default", 200, json={"domain": "d.example", "config": {"poll.interval": "5m"}})
    documents = api.get("/export")["documents"]
    before = last_event(api)
    (d,) = documents
    assert d["organization"] == "default" and d["domain"] == "d.example" and d["config"] == {"poll.interval": "5m"}
    fleets = {f["path"]: f["settings"] for f in d["fleets"]}
    assert fleets["default"]["password.min_length"] == {"value": 8, "level": "recommended"}
    assert fleets["default/Sales"] == {"camera.disabled": True}
    assert [(x["id"], x["settings"]) for x in d["devices"]] == [
        (world.device, {"wifi.disabled": {"value": True, "level": "recommended"}})]
    for prune in (False, True):
        assert nothing(plan(api, *documents, prune=prune)) and nothing(apply(api, *documents, prune=prune))
    assert last_event(api) == before, "something was written"
    assert api.get("/export")["documents"] == documents


def test_plan_writes_nothing_and_apply_does_what_it_says(api, server, world):
    reader = token_api(server, ["read"], name="planner")
    document = {"domain": "new.example", "fleets": [
        {"path": "default/P/Q", "settings": {"camera.disabled": True, "password.min_length": {"value": 9, "level": "recommended"}}},
        {"path": "default/Sales", "settings": {"camera.disabled": False}}],
        "devices": [{"id": world.device, "settings": {"gps.disabled": True}}]}
    before, events = world.state(), last_event(api)
    planned = plan(reader, document)
    assert world.state() == before and last_event(api) == events
    short = [(c["op"], c["kind"], c["fleet"], c["device"], c["name"], c["before"], c["after"]) for c in planned["changes"]]
    assert short == [
        ("change", "organization", None, None, "domain", "d.example", "new.example"),
        ("add", "fleet", "default/P", None, "P", None, None),
        ("add", "fleet", "default/P/Q", None, "Q", None, None),
        ("add", "setting", "default/P/Q", None, "camera.disabled", None, True),
        ("add", "setting", "default/P/Q", None, "password.min_length", None, {"value": 9, "level": "recommended"}),
        ("change", "setting", "default/Sales", None, "camera.disabled", True, False),
        ("add", "setting", None, world.device, "gps.disabled", None, True),
        ("delete", "setting", None, world.device, "wifi.disabled", {"value": True, "level": "recommended"}, None)]
    assert (planned["add"], planned["change"], planned["delete"]) == (5, 2, 1)
    assert apply(api, document) == planned
    assert nothing(apply(api, document)) and nothing(plan(api, document))
    assert api.get("/fleets/P%2FQ")["path"] == "default/P/Q"
    assert [s["name"] for s in api.get("/devices/%d/settings" % world.device)["items"]] == ["gps.disabled"]
    made = api.all("/events", since=events)
    assert {e["actor"] for e in made} == {"token:admin"} and len({e["at"] for e in made}) == 1
    assert {e["type"] for e in made} == {"organization.changed", "fleet.created", "setting.set", "setting.unset"}


def test_a_fleets_change_reaches_its_devices(api, world):
    version = api.get("/devices/%d" % world.device)["version"]
    apply(api, {"fleets": [{"path": "default/Sales", "settings": {"camera.disabled": True, "bluetooth.disabled": True}}]})
    assert api.get("/devices/%d" % world.device)["version"] == version + 2


def test_prune(api, server, world):
    apply(api, {"fleets": [{"path": "default/Old/Deep", "settings": {"camera.disabled": True}}]})
    d = enroll(server, fleet="Deep", name="left behind").device["device_id"]
    (document,) = api.get("/export")["documents"]
    document["fleets"] = [f for f in document["fleets"] if not f["path"].startswith("default/Old")]
    document["devices"] = []
    assert nothing(plan(api, document))  # without prune what is not named stays
    planned = plan(api, document, prune=True)
    assert [(c["op"], c["kind"], c["fleet"]) for c in planned["changes"]][-2:] == [
        ("delete", "fleet", "default/Old/Deep"), ("delete", "fleet", "default/Old")]
    assert {c["device"] for c in planned["changes"]} >= {world.device}
    assert apply(api, document, prune=True) == planned
    assert nothing(apply(api, document, prune=True))
    assert api.get("/devices/%d" % d)["fleet_path"] == "default"
    assert api.get("/devices/%d/settings" % world.device)["items"] == []
    (after,) = api.get("/export")["documents"]
    assert after["fleets"] == document["fleets"] and after["devices"] == []


def test_organizations(api):
    document = {"organization": "made by apply", "domain": "m.example", "config": {"poll.interval": "1h"},
                "fleets": [{"path": "default", "settings": {"camera.disabled": True}}, {"path": "default/X"}]}
    planned = plan(api, document)
    assert (planned["changes"][0]["op"], planned["changes"][0]["kind"]) == ("add", "organization")
    assert apply(api, document) == planned and nothing(apply(api, document, prune=True))
    o = api.get("/organizations/made%20by%20apply")
    assert o["domain"] == "m.example" and o["config"] == {"poll.interval": "1h"}
    assert [f["path"] for f in api.all("/fleets", org="made by apply")] == ["default", "default/X"]
    # ?org= says whose documents are that name none
    assert nothing(plan(Api(api.session), {"config": {"poll.interval": "1h"}}, prune=True)) is False
    r = api("POST", "/plan", 200, params={"org": "made by apply"}, json={"documents": [{"config": {"poll.interval": "1h"}}]})
    assert nothing(r.json())


def test_every_mistake_at_once(api, world):
    before, events = world.state(), last_event(api)
    documents = [
        {"fleets": [{"path": "default/Good", "settings": {"camera.disabled": True}},
                    {"path": "Elsewhere"}, {"path": "default/Sales", "settings": {"camera.disable": True, "wifi.disabled": 5}}]},
        {"organisation": "x", "devices": [{"id": 999999}], "config": {"nope": 1}}]
    for path in ("/plan", "/apply"):
        r = api("POST", path, 400, json={"documents": documents}).json()
        found = [(e["document"], e["path"], e["key"]) for e in r["errors"]]
        assert found == [(1, "fleets[1]", "path"), (1, "fleets[2].settings", "camera.disable"),
                         (1, "fleets[2].settings", "wifi.disabled"), (2, "", "organisation"), (2, "config", "nope"),
                         (2, "devices[0]", "id")]
        assert "camera.disabled" in r["errors"][1]["detail"] and "6 mistakes" in r["detail"] and r["code"] == "invalid"
    assert world.state() == before and last_event(api) == events


@pytest.mark.parametrize("body, word", [
    (b"", "object"), (b"[]", "object"), (b"{}", "documents"), (b'{"documents":{}}', "documents"),
    (b'{"documents":[],"prun":1}', "prun"), (b'{"documents":[],"prune":"yes"}', "prune"), (b"{", "JSON")])
def test_bad_bodies(api, body, word):
    for path in ("/plan", "/apply"):
        api.bad("POST", path, 400, word, data=body, headers={"Content-Type": "application/json"})


def test_large_documents(api):
    """Larger than other bodies may be: a thousand fleets with settings."""
    fleets = [{"path": "default/Many/F%04d" % i, "settings": {"camera.disabled": True, "chrome.HomepageLocation":
               "https://%s.example/%d" % ("x" * 1000, i)}} for i in range(1000)]
    assert apply(api, {"fleets": fleets})["add"] == 1 + 1000 * 3
    assert nothing(plan(api, {"fleets": fleets}))
    (document,) = api.get("/export")["documents"]
    kept = [f for f in document["fleets"] if not f["path"].startswith("default/Many")]
    assert apply(api, {"fleets": kept}, prune=True)["delete"] == 1001


def random_document(rng, devices):
    names = ["A", "B", "C", "D"]
    settings = {"camera.disabled": [True, False], "wifi.disabled": [True, False], "password.min_length": [4, 8, 12],
                "chrome.HomepageLocation": ["https://a.example", "https://b.example"],
                "chrome.ManagedBookmarks": [[], [{"name": "v", "url": "https://v.example"}]]}

    def some():
        out = {}
        for name in rng.sample(list(settings), rng.randint(0, 4)):
            value = rng.choice(settings[name])
            out[name] = rng.choice([value, {"value": value}, {"value": value, "level": rng.choice(["mandatory", "recommended"])}])
        return out
    document = {}
    if rng.random() < .9:
        paths = {"/".join(["default"] + rng.choices(names, k=rng.randint(0, 3))) for _ in range(rng.randint(0, 5))}
        document["fleets"] = [dict({"path": p}, **({"settings": some()} if rng.random() < .8 else {})) for p in paths]
    if rng.random() < .5:
        document["devices"] = [{"id": d, "settings": some()} for d in rng.sample(devices, rng.randint(0, len(devices)))]
    if rng.random() < .3:
        document["config"] = rng.choice([{}, {"poll.interval": "1h"}])
    return document


def test_random_documents(api, server):
    """Whatever is applied: it is what was planned, applying it again changes nothing, nor does applying the export."""
    devices = [enroll(server, name="random %d" % i).device["device_id"] for i in range(3)]
    rng = random.Random(20261125)
    for round_ in range(60):
        document, prune = random_document(rng, devices), rng.random() < .5
        planned = plan(api, document, prune=prune)
        assert apply(api, document, prune=prune) == planned, (round_, document)
        assert nothing(apply(api, document, prune=prune)), (round_, document, prune)
        exported = api.get("/export")["documents"]
        assert nothing(plan(api, *exported, prune=True)), (round_, document, prune)
    assert api.get("/check") == {"findings": []}


def test_applied_at_once(api):
    """Two that apply opposite documents over and over: what is there is always one of the two, never a mixture."""
    documents = [{"fleets": [{"path": "default/Race/R%d" % i, "settings": {"camera.disabled": on}} for i in range(20)]}
                 for on in (True, False)]
    apply(api, documents[0])
    stop, mixed = threading.Event(), []

    def run(document):
        mine = Api(api.session.__class__(api.session.base))
        mine.session.headers.update(api.session.headers)
        while not stop.is_set():
            apply(mine, document)
    threads = [threading.Thread(target=run, args=(d,)) for d in documents]
    for t in threads:
        t.start()
    for _ in range(30):
        fleets = api.get("/export")["documents"][0]["fleets"]
        values = {f["settings"]["camera.disabled"] for f in fleets if f["path"].startswith("default/Race/")}
        if len(values) != 1:
            mixed.append(values)
    stop.set()
    for t in threads:
        t.join()
    assert not mixed
