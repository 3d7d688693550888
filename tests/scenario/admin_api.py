# SPDX-License-Identifier: Apache-2.0
"""What the tests of the admin API share: a server for a module, a world of things in it, and one request for every
operation of the OpenAPI document."""
import io
import tarfile

import pytest

from conftest import Reeved, wait_for

BYTES = {"Content-Type": "application/octet-stream"}
PROBLEM = {"type", "title", "status", "detail", "code", "request_id"}


class Api:
    """A session that speaks /api/v1 and says what went wrong."""

    def __init__(self, session):
        self.session = session

    def __call__(self, method, path, status=None, **kw):
        r = self.session.request(method, "/api/v1" + path, **kw)
        if status is not None:
            assert r.status_code == status, "%s %s: %d, not %d: %s" % (method, path, r.status_code, status, r.text[:2000])
        if r.status_code >= 400:
            assert r.headers["Content-Type"] == "application/problem+json"
            assert PROBLEM <= set(r.json()) and r.json()["status"] == r.status_code, r.text
        return r

    def get(self, path, status=200, **kw):
        return self("GET", path, status, **kw).json()

    def post(self, path, json=None, status=201, **kw):
        return self("POST", path, status, json=json, **kw).json()

    def bad(self, method, path, status, *words, **kw):
        """A refusal whose sentence holds every word."""
        detail = self(method, path, status, **kw).json()["detail"]
        for word in words:
            assert word in detail, detail
        return detail

    def all(self, path, **params):
        """Every row of a list, page by page."""
        items = []
        while True:
            page = self.get(path, params=params)
            items += page["items"]
            if "next" not in page:
                return items
            params["cursor"] = page["next"]


def with_token(server, token):
    session = server.session()
    session.headers["Authorization"] = "Bearer " + token
    return Api(session)


def token_api(server, scopes, **body):
    """An API of a new token with these scopes."""
    api = Api(server.admin())
    body.setdefault("name", "t%d" % len(api.all("/api-tokens")))
    return with_token(server, api.post("/api-tokens", dict(body, scopes=scopes))["token"])


def start(folder, *options):
    server = Reeved(folder, *options)
    server.start()
    wait_for(lambda: server.session().get("/readyz").status_code == 200, what="the signing keys")
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = start(tmp_path_factory.mktemp("admin-api") / "reeved")
    yield s
    s.stop()
    s.check_stderr()


@pytest.fixture(scope="module")
def api(server):
    return Api(server.admin())


def enroll(server, org=None, fleet=None, **body):
    """A device's session, enrolled by a token of the organization."""
    query = {"org": org} if org else {}
    token = Api(server.admin()).post("/enrollment-tokens", {"fleet": fleet} if fleet else {}, params=query)["token"]
    return server.device(token, **body)


def make_deb(package="tiny", version="1.0"):
    """A .deb, made without dpkg: ar around two tar files."""
    control = io.BytesIO()
    with tarfile.open(fileobj=control, mode="w:gz") as tar:
        text = ("Package: %s\nVersion: %s\nArchitecture: all\nDescription: x\n" % (package, version)).encode()
        info = tarfile.TarInfo("./control")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    out = b"!<arch>\n"
    for name, content in (("debian-binary", b"2.0\n"), ("control.tar.gz", control.getvalue()), ("data.tar", b"")):
        out += ("%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (name, 0, 0, 0, 0o100644, len(content))).encode() + content
        out += b"\n" * (len(content) % 2)
    return out


class World:
    """One organization with something of everything in it."""

    def __init__(self, server, org):
        self.server, self.org = server, org
        self.api = api = Api(server.admin())
        q = self.q = {"org": org}
        orgs = {o["name"]: o for o in api.all("/organizations")}
        self.org_id = (orgs.get(org) or api.post("/organizations", {"name": org}))["id"]
        self.fleet = api.post("/fleets", {"name": "Sales"}, params=q)["id"]
        self.device_session = enroll(server, org, str(self.fleet), name=org + " host", serial=org + "-1")
        self.device = self.device_session.device["device_id"]
        assert self.device_session.put("/device/v1/inventory", json={"os": {"name": "Debian"}}).status_code == 204
        assert self.device_session.put("/device/v1/attributes", json={"room": org}).status_code == 204
        api("PUT", "/fleets/%d/settings/camera.disabled" % self.fleet, 200, json={"value": True}, params=q)
        api("PUT", "/devices/%d/settings/wifi.disabled" % self.device, 200, json={"value": True, "level": "recommended"})
        report = {"applied_version": 3, "settings": {"camera.disabled": {"value": True, "state": "applied"}}}
        assert self.device_session.post("/device/v1/report", json=report).status_code == 200
        self.command = api.post("/commands", {"device": self.device, "type": "ping"})["id"]
        self.enrollment_token = api.post("/enrollment-tokens", {}, params=q)["id"]
        self.file = api("POST", "/files", 201, params=dict(q, name="motd"), data=b"hello", headers=BYTES).json()["id"]
        self.api_token = api.post("/api-tokens", {"name": org + "-token", "scopes": ["read"], "organization": org})["id"]
        self.administrator = api.post("/administrators", {"name": org + "-admin", "password": "correct horse",
                                                          "scopes": ["read"], "organization": org})["id"]

    def path(self, template):
        """The template's parameters filled with things of this world; None for server-wide operations."""
        ids = {"devices": self.device, "commands": self.command, "enrollment-tokens": self.enrollment_token,
               "files": self.file, "api-tokens": self.api_token, "administrators": self.administrator}
        path = template.replace("{org}", str(self.org_id)).replace("{fleet}", str(self.fleet))
        path = path.replace("{name}", "camera.disabled" if "/devices/" not in path else "wifi.disabled")
        if "{id}" in path:
            path = path.replace("{id}", str(ids[path.split("/")[1]]))
        return path

    def state(self):
        """Everything of it that a client could change."""
        api, q = self.api, self.q
        return {
            "organization": api.get("/organizations/%d" % self.org_id),
            "export": api.get("/export", params=q),
            "fleets": api.all("/fleets", **q),
            "devices": api.all("/devices", filter="managed in (true,false)", **q),
            "commands": api.all("/commands", **q),
            "enrollment_tokens": api.all("/enrollment-tokens", **q),
            "files": api.all("/files", **q),
            "keys": api.all("/keys", **q),
            "api_tokens": [t for t in api.all("/api-tokens") if t["organization"] == self.org],
            "administrators": [a for a in api.all("/administrators") if a["organization"] == self.org],
        }


# A good body for every operation that takes one, by method and template.
BODIES = {
    ("POST", "/organizations"): {"name": "sample"},
    ("PATCH", "/organizations/{org}"): {"domain": "sample.example"},
    ("POST", "/fleets"): {"name": "Sample"},
    ("PATCH", "/fleets/{fleet}"): {"name": "Renamed"},
    ("PUT", "/fleets/{fleet}/settings/{name}"): {"value": False},
    ("PATCH", "/devices/{id}"): {"name": "renamed"},
    ("PUT", "/devices/{id}/settings/{name}"): {"value": False},
    ("POST", "/plan"): {"documents": [{"fleets": [{"path": "default/Planned"}]}]},
    ("POST", "/apply"): {"documents": [{"fleets": [{"path": "default/Planned"}]}]},
    ("POST", "/commands"): {"filter": "", "type": "ping"},
    ("POST", "/enrollment-tokens"): {},
    ("PUT", "/keys/verification"): {"private_pem": "no key"},
    ("POST", "/api-tokens"): {"name": "sample", "scopes": ["devices:read"]},
    ("POST", "/administrators"): {"name": "sample", "password": "correct horse", "scopes": ["devices:read"]},
    ("PATCH", "/administrators/{id}"): {"scopes": ["read"]},
}
RAW = {("POST", "/files"): ({"name": "sample"}, b"content"), ("POST", "/restore"): ({}, b"no backup")}


def request(api, world, method, template, **query):
    """One request to the operation, about things of the world."""
    kw = {"params": query}
    if (method, template) in BODIES:
        kw["json"] = BODIES[method, template]
    if (method, template) in RAW:
        params, kw["data"] = RAW[method, template]
        kw["headers"] = BYTES
        kw["params"] = dict(query, **params)
    stream = template == "/events/stream"
    r = api(method, world.path(template), stream=stream, **kw)
    if stream:
        r.close()
    return r


def operations(api):
    """(method, template below /api/v1, operation) of every operation of the admin API."""
    paths = api.get("/openapi.json")["paths"]
    for path, methods in paths.items():
        if path.startswith("/api/v1/"):
            for method, operation in methods.items():
                yield method.upper(), path[len("/api/v1"):], operation
