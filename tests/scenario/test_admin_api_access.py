# SPDX-License-Identifier: Apache-2.0
"""Who may do what, over every operation of the OpenAPI document: authentication, scopes, organizations."""
import pytest

from admin_api import Api, World, operations, request, start, token_api, with_token
from conftest import wait_for

SCOPES = ["%s:%s" % (noun, verb) for noun in (
    "organizations", "fleets", "devices", "settings", "commands", "enrollment_tokens", "api_tokens", "administrators",
    "keys", "files", "server") for verb in ("read", "write")] + ["events:read", "commands:destructive"]
OPEN = {("POST", "/sessions"), ("GET", "/openapi.json")}
FOR_ANYBODY = {("GET", "/sessions/current"), ("DELETE", "/sessions/current")}  # who is known
READS = {("POST", "/plan")}
CHROMEOS_ONLY = {"/devices/{id}/raw-reports/{kind}", "/commands/{id}/picture"}  # the devices here have none
WHOLE_SERVER = {("GET", "/backup"), ("POST", "/restore"), ("GET", "/check"), ("POST", "/organizations"),
                ("PUT", "/keys/verification")}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Two organizations: the first, and "b"."""
    server = start(tmp_path_factory.mktemp("access") / "reeved")
    yield World(server, "default"), World(server, "b")
    server.stop()
    server.check_stderr()


def covering(scope):
    """The scopes that hold 'scope'."""
    noun, verb = scope.split(":")
    return {scope, noun + ":write"} if verb == "read" else {scope}


def test_the_document_lists_every_scope(worlds):
    used = {o.get("x-scope") for _, _, o in operations(worlds[0].api)} - {None}
    assert used == set(SCOPES) - {"commands:destructive", "server:read"}  # in the handler; of /metrics


def test_without_a_token(worlds):
    world = worlds[0]
    nobody, wrong = Api(world.server.session()), with_token(world.server, "x" * 43)
    for method, template, _ in operations(world.api):
        if (method, template) in OPEN:
            continue
        r = request(nobody, world, method, template)
        assert r.status_code == 401 and "Bearer" in r.headers["WWW-Authenticate"], (method, template)
        assert request(wrong, world, method, template).status_code == 401, (method, template)


def test_a_device_token_is_no_api_token(worlds):
    world = worlds[0]
    device = Api(world.device_session)
    for method, template, _ in operations(world.api):
        if (method, template) not in OPEN:
            assert request(device, world, method, template).status_code == 401, (method, template)


def test_a_read_only_token_writes_nothing(worlds):
    world = worlds[0]
    reader = token_api(world.server, ["read"], name="reader")
    before = world.state(), worlds[1].state()
    for method, template, operation in operations(world.api):
        r = request(reader, world, method, template)
        if (method, template) in OPEN | FOR_ANYBODY:
            continue
        reads = operation["x-scope"].endswith(":read")
        assert (r.status_code == 403) == (not reads), (method, template, r.status_code)
        assert reads == (method == "GET" and template not in ("/backup", "/check") or (method, template) in READS)
        assert r.status_code in (200, 404 if template in CHROMEOS_ONLY else 200, 403), (method, template, r.text)
    assert (world.state(), worlds[1].state()) == before


def test_every_scope_alone_is_not_enough(worlds):
    """A token with every scope but those that cover the operation's is refused, whatever else it may."""
    world = worlds[0]
    without = {s: token_api(world.server, [x for x in SCOPES if x not in covering(s)], name="without " + s) for s in SCOPES}
    before = world.state()
    for method, template, operation in operations(world.api):
        scope = operation.get("x-scope")
        if scope:
            r = request(without[scope], world, method, template)
            assert r.status_code == 403 and scope in r.json()["detail"], (method, template, r.text[:300])
    after = world.state()
    after["api_tokens"] = before["api_tokens"]
    assert after == before


def test_the_scope_alone_is_enough(worlds):
    """With the operation's scope and nothing else it is let in (and then judged by what it asks for)."""
    world = worlds[0]
    only = {s: token_api(world.server, [s], name="only " + s) for s in SCOPES}
    for method, template, operation in operations(world.api):
        scope = operation.get("x-scope")
        if not scope or method == "DELETE" or template in ("/devices/{id}/unenroll", "/apply", "/restore"):
            continue
        r = request(only[scope], world, method, template)
        assert r.status_code != 401, (method, template)
        if r.status_code == 403:  # handing out what one does not hold
            assert template in ("/api-tokens", "/administrators", "/administrators/{id}"), (method, template, r.text)


def test_apply_needs_the_scopes_of_what_it_makes(worlds):
    world = worlds[0]
    setter = token_api(world.server, ["settings:write"], name="setter")
    document = {"fleets": [{"path": "default", "settings": {"gps.disabled": True}}]}
    setter("POST", "/apply", 200, json={"documents": [document]})
    setter.bad("POST", "/apply", 403, "fleets:write", json={"documents": [{"fleets": [{"path": "default/New"}]}]})
    setter.bad("POST", "/apply", 403, "organizations:write", json={"documents": [{"organization": "new"}]})
    setter.bad("POST", "/apply", 403, "organizations:write", json={"documents": [{"domain": "new.example"}]})
    assert setter("POST", "/plan", 200, json={"documents": [{"fleets": [{"path": "default/New"}]}]}).json()["add"] == 1
    world.api("POST", "/apply", 200, json={"documents": [{"fleets": [{"path": "default", "settings": {}}]}]})


# ---- organizations ----

@pytest.fixture(scope="module")
def bound(worlds):
    """A token that may everything, but only in the first organization."""
    return token_api(worlds[0].server, ["*"], name="bound", organization="default")


def test_bound_things_of_others(worlds, bound):
    """Every operation on things of another organization: 403 or 404, and nothing is changed there."""
    b = worlds[1]
    before = b.state()
    for method, template, _ in operations(b.api):
        if "{" not in template:
            continue
        if template == "/settings/{name}":
            continue
        r = request(bound, b, method, template)
        assert r.status_code in (403, 404), (method, template, r.status_code, r.text[:300])
        assert "b host" not in r.text and b.org + "-" not in r.text
    for ref in ("b", str(b.org_id)):
        for method, template, operation in operations(b.api):
            if any((p["name"], p["in"]) == ("org", "query") for p in operation["parameters"]):
                r = request(bound, b, method, template, org=ref)
                assert r.status_code == 403, (method, template, r.status_code, r.text[:300])
    assert b.state() == before


def test_bound_lists(worlds, bound):
    a, b = worlds
    assert [o["name"] for o in bound.all("/organizations")] == ["default"]
    for path, key in (("/devices", "id"), ("/fleets", "id"), ("/commands", "id"), ("/files", "id"), ("/keys", "id"),
                      ("/enrollment-tokens", "id"), ("/api-tokens", "id"), ("/administrators", "id")):
        mine = {x[key] for x in bound.all(path)}
        theirs = {x[key] for x in b.api.all(path, **({} if path in ("/api-tokens", "/administrators") else b.q))
                  if path not in ("/api-tokens", "/administrators") or x["organization"] != "default"}
        assert mine and theirs and not mine & theirs, path
    assert {e["organization"] for e in bound.all("/events")} == {"default"}
    assert {e["organization"] for e in a.api.all("/events")} >= {"default", "b", None}
    assert {e["organization"] for e in a.api.all("/events", org="b")} == {"b"}
    assert bound.get("/events", params={"device": b.device})["items"] == []
    bound("GET", "/commands", 404, params={"device": b.device})
    assert b.api.get("/commands", params={"device": b.device})["items"]
    assert "b host" not in bound("GET", "/devices", 200, params={"format": "csv"}).text
    documents = bound.get("/export")["documents"]
    assert [d["organization"] for d in documents] == ["default"]


def test_bound_whole_server(worlds, bound):
    before = worlds[1].state()
    for method, template in WHOLE_SERVER:
        assert request(bound, worlds[0], method, template).status_code == 403, (method, template)
    bound.bad("POST", "/keys/rotate", 403, params={"purpose": "token"})
    bound.bad("GET", "/keys/verification", 403, params={"private": "true"})
    assert worlds[1].state() == before


def test_bound_documents(worlds, bound):
    a, b = worlds
    before = b.state()
    for path in ("/plan", "/apply"):
        for document in ({"organization": "b", "fleets": [{"path": "default/X"}]}, {"organization": "new one"},
                         {"organization": str(b.org_id), "domain": "x.example"},
                         {"devices": [{"id": b.device, "settings": {}}]}):
            r = bound("POST", path, json={"documents": [document]})
            assert r.status_code in (400, 403), r.text
    assert b.state() == before and "new one" not in [o["name"] for o in a.api.all("/organizations")]


def test_bound_hands_out_only_its_own(worlds, bound):
    t = bound.post("/api-tokens", {"name": "bound child", "scopes": ["read"]})
    assert t["organization"] == "default"
    m = bound.post("/administrators", {"name": "bound admin", "password": "correct horse", "scopes": ["read"]})
    assert m["organization"] == "default"
    for body in ({"name": "x", "scopes": ["read"], "organization": "b"}, {"name": "x", "scopes": ["read"], "organization": worlds[1].org_id}):
        bound.bad("POST", "/api-tokens", 403, json=body)
        bound.bad("POST", "/administrators", 403, json=dict(body, password="correct horse"))
    every = worlds[0].api.post("/administrators", {"name": "every", "password": "correct horse", "scopes": ["read"]})
    bound("PATCH", "/administrators/%d" % every["id"], 404, json={"disabled": True})
    bound("DELETE", "/administrators/%d" % every["id"], 404)


def test_bound_by_filter_and_reference(worlds, bound):
    """Filters, fleets and commands name things by id, too."""
    a, b = worlds
    before = b.state()
    assert bound.get("/devices/count", params={"filter": "id=%d" % b.device})["count"] == 0
    assert bound.post("/commands", {"filter": "id=%d" % b.device, "type": "ping"}) == {"items": [], "refused": []}
    bound.bad("POST", "/commands", 404, json={"device": b.device, "type": "ping"})
    bound.bad("POST", "/fleets", 404, json={"name": "x", "parent": b.fleet})
    bound.bad("PATCH", "/devices/%d" % a.device, 404, json={"fleet": b.fleet})
    bound.bad("POST", "/enrollment-tokens", 404, json={"fleet": b.fleet})
    bound.bad("GET", "/devices", 400, "no fleet", params={"filter": "fleet=%d" % b.fleet})
    assert b.state() == before


def test_bound_stream(worlds, bound):
    b = worlds[1]
    r = bound("GET", "/events/stream", 200, params={"since": 0}, stream=True)
    b.api("PATCH", "/devices/%d" % b.device, 200, json={"name": "b host renamed"})
    worlds[0].api("PATCH", "/devices/%d" % worlds[0].device, 200, json={"name": "seen by all"})
    seen = ""
    for line in r.iter_lines(decode_unicode=True):
        seen += line
        if "seen by all" in line:
            break
    r.close()
    assert "b host" not in seen and '"organization":"default"' in seen and '"organization":"b"' not in seen
