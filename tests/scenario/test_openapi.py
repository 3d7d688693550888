# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document against the running server: it is well formed, it lists every route, every documented operation
is called, and every answer is one that the document promises."""
import json
import re

import jsonschema
import pytest

from admin_api import BYTES, Api, World, enroll, make_deb, start
from chrome_proto import seed
from chrome_seed_device import SeedDevice, TokenInfo
from chrome_upload import png, upload
from conftest import ROOT

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}


def checker():
    formats = jsonschema.FormatChecker(formats=())
    formats.checks("date-time")(lambda v: not isinstance(v, str) or bool(TIME.match(v)))
    return formats


class Document:
    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver("", document)
        self.routes = []
        for path, methods in document["paths"].items():
            pattern = re.compile(re.sub(r"\\\{\w+\\\}", r"[^/]+", re.escape(path)) + "$")
            for method, operation in methods.items():
                self.routes.append((method.upper(), path, pattern, operation))

    def find(self, method, path):
        """The operation; a path without parameters comes first."""
        found = [r for r in self.routes if r[0] == method and r[2].match(path)]
        assert found, "%s %s is not documented" % (method, path)
        return min(found, key=lambda r: r[1].count("{"))

    def validate(self, schema, value):
        jsonschema.Draft202012Validator(schema, resolver=self.resolver, format_checker=checker()).validate(value)

    def check(self, r):
        """The answer is a documented one, and as documented."""
        path = r.request.path_url.split("?")[0]
        method, template, _, operation = self.find(r.request.method, path)
        status = str(r.status_code)
        assert status in operation["responses"], "%s %s answered %s: %s" % (method, template, status, r.text[:300])
        content = operation["responses"][status].get("content")
        media_type = r.headers.get("Content-Type", "").split(";")[0]
        if content and "application/octet-stream" not in content:
            assert media_type in content, (method, template, media_type)
            if media_type.endswith("json"):
                self.validate(content[media_type]["schema"], r.json())
        return operation["operationId"], status


class Checked(Api):
    """Every answer is checked against the document."""

    def __init__(self, session, document, seen):
        super().__init__(session)
        self.document, self.seen = document, seen

    def __call__(self, method, path, status=None, **kw):
        r = super().__call__(method, path, status, **kw)
        if not kw.get("stream"):
            self.seen.add(self.document.check(r))
        else:
            self.seen.add((self.document.find(method, r.request.path_url.split("?")[0])[3]["operationId"], str(r.status_code)))
        return r


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    info = TokenInfo(admin="admin@example.com")
    s = start(tmp_path_factory.mktemp("openapi") / "reeved", "--mdmcore-open-enrollment", "--chrome-domain", "example.com",
              "--chrome-token-info-url", info.url)
    yield s
    s.stop()
    info.close()
    s.check_stderr()


@pytest.fixture(scope="module")
def document(server):
    r = server.session().get("/api/v1/openapi.json")
    assert r.status_code == 200 and r.headers["Content-Type"] == "application/json"
    return Document(r.json())


# ---- the document itself ----

def test_form(document):
    d = document.document
    assert d["openapi"] == "3.1.0" and d["info"]["title"] and d["info"]["version"]
    ids = [o["operationId"] for *_, o in document.routes]
    assert len(ids) == len(set(ids)) > 80
    schemes = set(d["components"]["securitySchemes"])
    for method, path, _, o in document.routes:
        where = "%s %s" % (method, path)
        assert method.lower() in METHODS and path.startswith("/"), where
        assert o["summary"] and o["responses"] and o["tags"], where
        assert any(s[0] in "23" for s in o["responses"]), where
        for need in o["security"]:
            assert set(need) <= schemes, where
        names = [(p["name"], p["in"]) for p in o["parameters"]]
        assert len(names) == len(set(names)), where
        assert {n for n, place in names if place == "path"} == set(re.findall(r"\{(\w+)\}", path)), where
        for p in o["parameters"]:
            assert p["in"] in ("path", "query", "header") and p["description"] and p["required"] == (p["in"] == "path"), where
            assert p["schema"]["type"] in ("string", "integer", "boolean"), where
        if method in ("GET", "DELETE"):
            assert "requestBody" not in o, where
        for status, answer in o["responses"].items():
            assert answer["description"] and re.match(r"[2345]\d\d$", status), where


def test_schemas(document):
    schemas = document.document["components"]["schemas"]
    used = set(re.findall(r"#/components/schemas/(\w+)", str(document.document)))
    assert used <= set(schemas), used - set(schemas)
    assert set(schemas) - used == set(), "schemas that nothing refers to"
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        if "properties" in schema:
            assert set(schema.get("required", [])) <= set(schema["properties"]), name


def source_routes():
    """(method, pattern) of the tables in the source."""
    rows = []
    text = (ROOT / "src/server/api/routes.c").read_text()
    text = text[text.index("const struct http_route api_routes[]"):]
    for macro, args in re.findall(r"\b(READ|WRITE|DO|TAKE_FILE|ANY)\(([^)]*)\)", text):
        strings = re.findall(r'"([^"]*)"', args)
        method = {"READ": "GET", "TAKE_FILE": "POST"}.get(macro) or strings.pop(0)
        rows.append((method, "/api/v1" + strings[0]))
    for name in ("src/channel/device/routes.c", "src/channel/mdmcore/routes.c", "src/server/ops.c"):
        text = (ROOT / name).read_text()
        rows += [(None, p) for p in re.findall(r'"(/[\w/{}*.-]*\w\*?\}?)"', text)]
    return rows


def test_every_route_is_documented(document):
    documented = {(m, p) for m, p, *_ in document.routes}
    paths = {p for _, p in documented}
    rows = source_routes()
    assert len(rows) > 70
    for method, pattern in rows:
        path = pattern.replace("*", "")
        assert (method, path) in documented if method else any(p.endswith(path) for p in paths), (method, path)
    assert {r for r in documented if r[1].startswith("/api/v1")} == {r for r in rows if r[0]}


def test_every_documented_route_is_served(document, server):
    """Without credentials: whatever it answers, it is documented, and it is not "no such route"."""
    session = server.session()
    for method, path, _, operation in document.routes:
        if path.startswith(("/console", "/favicon")) or path == "/":
            continue
        r = session.request(method, re.sub(r"\{\w+\}", "1", path), stream=True)
        assert str(r.status_code) in operation["responses"], (method, path, r.status_code, r.text[:200])
        if operation["security"]:
            assert r.status_code == 401, (method, path)
        r.close()


# ---- every operation of the admin API ----

def call_all(api, server, world):
    """Each operation with an answer that is no error."""
    q = {"org": "default"}
    d, path = world.device, "/devices/%d" % world.device
    lists = ["/organizations", "/fleets", "/devices", path + "/settings", path + "/effective", "/settings", "/commands", "/command-types",
             "/enrollment-tokens", "/events", "/keys", "/files", "/api-tokens", "/administrators",
             "/fleets/%d/settings" % world.fleet, "/fleets/%d/effective" % world.fleet]
    for p in lists:
        assert api.get(p, params={"limit": 2})["items"], p
        api("GET", p, 200, params={"format": "csv"})
    for p in ("/openapi.json", "/organizations/default", "/fleets/default", "/devices/count", path, path + "/inventory",
              path + "/report", "/settings/camera.disabled", "/export", "/commands/%d" % world.command, "/keys/verification",
              "/files/%d" % world.file, "/overview", "/check"):
        api.get(p)
    api.get("/keys/verification", params={"private": "true"})
    api("GET", "/files/%d/content" % world.file, 200)
    api("GET", "/events/stream", 200, params=q, stream=True).close()

    api("PATCH", "/organizations/default", 200, json={"domain": "x.example"})
    fleet = api.post("/fleets", {"name": "Called"})["id"]
    api("PATCH", "/fleets/%d" % fleet, 200, json={"name": "Called again"})
    for p in ("/fleets/%d" % fleet, path):
        api("PUT", p + "/settings/gps.disabled", 200, json={"value": True})
        api("DELETE", p + "/settings/gps.disabled", 204)
    api("DELETE", "/fleets/%d" % fleet, 204)
    api("PATCH", path, 200, json={"name": "called"})
    documents = {"documents": [{"domain": "y.example", "fleets": [{"path": "default/P", "settings": {"gps.disabled": True}}],
                                "devices": [{"id": d, "settings": {}}]}]}
    assert api("POST", "/plan", 200, json=documents).json()["changes"]
    assert api("POST", "/apply", 200, json=documents).json()["changes"]
    api("POST", "/apply", 400, json={"documents": [{"fleets": [{"path": "x"}]}]})
    c = api.post("/commands", {"device": d, "type": "ping"})["id"]
    api("POST", "/commands/%d/cancel" % c, 200)
    assert api.post("/commands", {"filter": "", "type": "reboot"})["items"]
    t = api.post("/enrollment-tokens", {"uses": 3, "expires": "1h", "email": "a@b.example"})["id"]
    api("DELETE", "/enrollment-tokens/%d" % t, 204)
    api.post("/keys/rotate")
    pem = api.get("/keys/verification", params={"private": "true"})["private_pem"]
    api("PUT", "/keys/verification", 200, json={"private_pem": pem})
    f = api("POST", "/files", 201, params={"kind": "app"}, data=make_deb(), headers=BYTES).json()["id"]
    api("DELETE", "/files/%d" % f, 204)
    t = api.post("/api-tokens", {"name": "called", "scopes": ["read"], "expires": "1h", "organization": "default"})["id"]
    api("DELETE", "/api-tokens/%d" % t, 204)
    a = api.post("/administrators", {"name": "called", "password": "correct horse", "scopes": ["read"]})["id"]
    api("PATCH", "/administrators/%d" % a, 200, json={"disabled": False})
    call_sessions(api, server)
    call_chrome(api, server)
    api("DELETE", "/administrators/%d" % a, 204)
    other = enroll(server, name="other").device["device_id"]
    api("POST", "/devices/%d/unenroll" % other, 200)
    api("DELETE", "/devices/%d" % other, 204)
    api("POST", "/restore", 200, data=api("GET", "/backup", 200).content, headers=BYTES)


def call_chrome(api, server):
    """What only a ChromeOS device has: measurements, raw reports, a picture."""
    device = SeedDevice(server.url, b"")
    assert device.register("admin").status == 200
    device.status(seed.DeviceStatusReportRequest(os_version="12", cpu_utilization_pct=[1, 2]))
    number = api.get("/devices", params={"filter": "kind=chromeos"})["items"][0]["id"]
    path = "/devices/%d" % number
    assert api.get(path + "/samples", params={"limit": 1, "since": "1h"})["items"]
    api("GET", path + "/samples", 200, params={"format": "csv"})
    api("GET", path + "/samples", 400, params={"name": "mood"})
    assert api.get(path + "/raw-reports")["items"][0]["kind"] == "status"
    api("GET", path + "/raw-reports/status", 200)
    command = api.post("/commands", {"device": number, "type": "screenshot"})["id"]
    (got,) = device.commands()
    assert upload(json.loads(got.payload)["fileUploadUrl"], png(), command=command).status_code == 200
    api("GET", "/commands/%d/picture" % command, 200)
    api("GET", "/commands/%d/picture" % command, 404, params={"number": 1})


def call_sessions(api, server):
    session = Checked(server.session(), api.document, api.seen)
    session("POST", "/sessions", 401, json={"name": "called", "password": "wrong horse"})
    r = session("POST", "/sessions", 201, json={"name": "called", "password": "correct horse"})
    session.session.headers["X-CSRF-Token"] = r.json()["csrf_token"]
    session.get("/sessions/current")
    session("DELETE", "/sessions/current", 204)


def test_every_operation(document, server):
    seen = set()
    World(server, "b")
    world = World(server, "default")
    api = Checked(server.admin(), document, seen)
    api.post("/organizations", {"name": "checked"})
    call_all(api, server, world)
    for method, path, _, o in document.routes:
        if path.startswith("/api/v1"):
            assert any(i == o["operationId"] and s[0] == "2" for i, s in seen), "%s %s was not called" % (method, path)


def test_errors_are_as_documented(document, server):
    """Bad requests to every operation: each answer is documented and is problem+json."""
    seen = set()
    world = World(server, "errors")
    api = Checked(server.admin(), document, seen)
    for method, path, _, operation in document.routes:
        if not path.startswith("/api/v1/"):
            continue
        here = re.sub(r"\{\w+\}", "999999", path[len("/api/v1"):])
        if "{" in path:
            assert api(method, here).status_code in (400, 404, 415), (method, path)
        if path not in ("/api/v1/openapi.json",):
            api(method, here, 400, params={"bogus": "1"})
        if "requestBody" in operation:
            for body, how in ((b"{", "application/json"), (b"[]", "application/json"), (b'{"bogus":1}', "application/json"),
                              (b"x", "text/plain"), (b"", "application/json"), (b"x", "application/octet-stream")):
                r = api(method, here, data=body, headers={"Content-Type": how})
                assert r.status_code >= 400, (method, path, body)
        else:
            r = api(method, here, data=b"a body that nobody asked for", headers=BYTES)
            assert r.status_code in (400, 404, 413), (method, path, r.status_code)
    assert world.device in [d["id"] for d in api.all("/devices", org="errors")]


def test_other_surfaces(document, server):
    """Health, version, metrics, the device API and MDMCore answer as documented."""
    s = server.session()
    for path in ("/healthz", "/readyz", "/version", "/metrics"):
        document.check(s.get(path))
    device = enroll(server, name="surfaces")
    for r in (device.get("/device/v1/desired"), device.get("/device/v1/commands"),
              device.post("/device/v1/report", json={"applied_version": 1, "settings": {}}),
              device.put("/device/v1/inventory", json={"os": {}}), device.put("/device/v1/attributes", json={"a": "b"}),
              device.put("/device/v1/fcm-token", json={"token": "x"}), device.get("/device/v1/files/1"),
              device.post("/device/v1/commands/1", json={"state": "done"}), device.post("/device/v1/unenroll"),
              device.get("/device/v1/desired"), s.get("/device/v1/desired")):
        document.check(r)
