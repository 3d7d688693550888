# SPDX-License-Identifier: Apache-2.0
"""Deployments and removals that contradict each other are refused, in both directions, wherever the two are set."""
import io
import struct
import zipfile

import pytest

from admin_api import BYTES, make_deb
from flyve_agents import D1, Rest, agents, ask, device, invite, make_fleet, server  # noqa: F401 (fixtures)


def put(server, where, name, value, status=200):
    return ask(server, "PUT", "/%s/settings/%s" % (where, name), status, {"value": value})


def upload(server, content, **params):
    r = server.admin().post("/api/v1/files", params=params, data=content, headers=BYTES)
    assert r.status_code == 201, r.text
    return r.json()["id"]


@pytest.fixture
def tree(server):
    """default / phones, and a device in it."""
    make_fleet(server)
    tree = {"app": upload(server, make_deb("hello", "1.0"), kind="app"), "file": upload(server, b"x", name="motd")}
    tree["apps"] = [{"app": tree["app"]}]
    tree["files"] = [{"file": tree["file"], "destination": "%SDCARD%/notes/"}]
    return tree


PAIRS = [("apps", "apps.deploy", "apps.remove", "hello"), ("files", "files.deploy", "files.remove", "%SDCARD%/notes/motd")]


@pytest.mark.parametrize("what, deploy, remove, thing", PAIRS)
def test_both_directions(server, agents, tree, what, deploy, remove, thing):
    own = "devices/%d" % agents(D1, "SER1").enroll(invite(server, fleet="phones")).record["id"]
    places = ["fleets/default", "fleets/phones", own]
    for here in places:
        for there in places:
            for first, value, second, refused in ((deploy, tree[what], remove, ["other", thing]),
                                                  (remove, [thing], deploy, tree[what])):
                put(server, here, first, value)
                problem = put(server, there, second, refused, 409)
                assert all(word in problem["detail"] for word in (deploy, remove, thing)), problem
                put(server, there, second, ["other"] if second == remove else [])
                ask(server, "DELETE", "/%s/settings/%s" % (here, first), 204)
                ask(server, "DELETE", "/%s/settings/%s" % (there, second), 204)
    assert put(server, places[0], deploy, tree[what])["changed"]
    put(server, "fleets/phones", deploy, [])  # the nearest wins: nothing is deployed below
    put(server, "fleets/phones", remove, [thing])
    put(server, own, deploy, tree[what], 409)


def test_refused_changes_nothing(server, agents, tree):
    a = agents(D1, "SER1").enroll(invite(server, fleet="phones")).connect()
    put(server, "fleets/phones", "apps.remove", ["hello"])
    a.wait(lambda: [p for t, p in a.heard if t.endswith("/application") and "removeApp" in p], "the removal")
    before = device(server, a.record["id"])["version"]
    put(server, "fleets/phones", "apps.deploy", tree["apps"], 409)
    put(server, "fleets/phones", "apps.remove", ["hello", "hello"], 409)
    assert device(server, a.record["id"])["version"] == before
    put(server, "fleets/phones", "apps.remove", [])
    put(server, "fleets/phones", "apps.deploy", tree["apps"])
    a.wait(lambda: [p for t, p in a.heard if t.endswith("/application") and "deployApp" in p], "the deployment")
    assert not [p for _, p in a.heard if "removeApp" in p and "deployApp" in p]


def make_apk(package, version):
    """An archive with nothing but a manifest, in the binary form that Android's tools write."""
    texts = ["manifest", "package", "versionCode", package]
    strings, offsets = b"", b""
    for t in texts:
        offsets += struct.pack("<I", len(strings))
        strings += bytes([len(t), len(t)]) + t.encode() + b"\0"
    start = 28 + len(offsets)
    pool = struct.pack("<HHIIIIII", 1, 28, start + len(strings), len(texts), 0, 0x100, start, 0) + offsets + strings
    attributes = b"".join(struct.pack("<IIIHBBI", 0xffffffff, name, 0xffffffff, 8, 0, kind, value)
                          for name, kind, value in ((2, 0x10, version), (1, 3, 3)))
    element = struct.pack("<HHIIIIIHHHHHH", 0x102, 16, 36 + len(attributes), 1, 0xffffffff, 0xffffffff, 0, 20, 20, 2, 0, 0, 0)
    body = pool + element + attributes
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("AndroidManifest.xml", struct.pack("<HHI", 3, 8, 8 + len(body)) + body)
    return out.getvalue()


def make_zip(entries, **kw):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **kw) as z:
        for name, content in entries.items():
            z.writestr(name, content)
    return out.getvalue()


def one(message, key):
    """The entry of a group's message that has the key."""
    found = [e for e in message["application"] if key in e]
    assert len(found) == 1, message
    return found[0]


def test_applications(server, agents):
    root = "/0/fleet/%d" % make_fleet(server)["id"]
    a = agents(D1, "SER1").enroll(invite(server, fleet="phones")).connect()
    for version in (2, 3):
        content = make_apk("com.example.app", version)
        r = server.admin().post("/api/v1/files", params={"kind": "app"}, data=content, headers=BYTES)
        assert r.status_code == 201, r.text
        app = r.json()
        if version == 2:
            put(server, "fleets/phones", "apps.deploy", [{"app": app["id"], "remove_on_delete": True}])
        entry = one(a.wait_message(root + "/application", lambda m: one(m, "deployApp")["versionCode"] == str(version)),
                    "deployApp")
        assert (entry["deployApp"], entry["version"], entry["id"]) == ("com.example.app", str(version), str(app["id"]))
    rest = Rest(a.rest_url, a.record["api_token"])
    assert rest.ask("GET", "PluginFlyvemdmPackage/%d" % app["id"])["package_name"] == "com.example.app"
    r = rest.http.get("%s/PluginFlyvemdmPackage/%d?alt=media" % (a.rest_url, app["id"]), timeout=60)
    assert r.content == content
    put(server, "fleets/phones", "apps.deploy", [])
    assert one(a.wait_message(root + "/application", lambda m: "removeApp" in m["application"][0]),
               "removeApp")["removeApp"] == "com.example.app"


def make_upk(name="app/my.apk", apk=None, manifest=None):
    manifest = manifest or '<?xml version="1.0"?><upk><application fileName="%s"/></upk>' % name
    return make_zip({"icon.png": b"x", "UPKManifest.xml": manifest, name: apk or make_apk("com.example.packed", 7)},
                    compression=zipfile.ZIP_DEFLATED)


def test_upk(server, agents):
    """A .upk is an application: named as the package inside of it, given as it is."""
    fleet = make_fleet(server)
    content = make_upk()
    app = server.admin().post("/api/v1/files", params={"kind": "app"}, data=content, headers=BYTES).json()
    assert (app["name"], app["package"], app["package_version"]) == ("com.example.packed", "com.example.packed", "7")
    a = agents(D1, "SER1").enroll(invite(server, fleet="phones")).connect()
    put(server, "fleets/phones", "apps.deploy", [{"app": app["id"]}])
    message = a.wait_message("/0/fleet/%d/application" % fleet["id"], lambda m: m["application"])["application"][0]
    assert (message["deployApp"], message["versionCode"], message["version"]) == ("com.example.packed", "7", "7")
    rest = Rest(a.rest_url, a.record["api_token"])
    record = rest.ask("GET", "PluginFlyvemdmPackage/%d" % app["id"])
    assert record["package_name"] == "com.example.packed" and record["dl_filename"] == "com.example.packed.upk"
    assert rest.http.get("%s/PluginFlyvemdmPackage/%d?alt=media" % (a.rest_url, app["id"]), timeout=60).content == content
    put(server, "fleets/phones", "apps.remove", ["com.example.packed"], 409)


BAD_UPKS = {
    "no application": make_upk(manifest="<upk/>"),
    "no such file": make_upk(manifest='<upk><application fileName="other.apk"/></upk>'),
    "no XML": make_upk(manifest="fileName"),
    "an entity": make_upk(manifest='<!DOCTYPE u [<!ENTITY e SYSTEM "file:///etc/passwd">]><u><application fileName="&e;"/></u>'),
    "no archive inside": make_upk(apk=b"no archive"),
    "no package inside": make_upk(apk=make_zip({"classes.dex": b"x"})),
    "a long manifest": make_upk(manifest="<upk>" + "<x/>" * 100000 + '<application fileName="app/my.apk"/></upk>'),
    "cut": make_upk()[:300],
}


@pytest.mark.parametrize("what", BAD_UPKS)
def test_bad_upk(reeved, what):
    r = reeved.admin().post("/api/v1/files", params={"kind": "app", "name": "x"}, data=BAD_UPKS[what], headers=BYTES)
    assert r.status_code == 400 and "package" in r.json()["detail"] and len(r.json()["detail"]) < 300, r.text


def test_apply_looks_at_the_end(server, tree):
    """Within one plan a thing may go from one list to the other; what contradicts itself in the end is refused whole."""
    put(server, "fleets/phones", "apps.deploy", tree["apps"])

    def plan(**settings):
        document = {"fleets": [{"path": "default/phones",
                                "settings": {k.replace("_", "."): v for k, v in settings.items()}}]}
        return server.admin().post("/api/v1/apply", json={"documents": [document]})

    r = plan(apps_remove=["hello"], apps_deploy=tree["apps"])
    assert r.status_code == 409 and "apps.remove" in r.json()["detail"], r.text
    assert plan(apps_remove=["hello"], apps_deploy=[]).status_code == 200
    assert plan(apps_remove=[], apps_deploy=tree["apps"]).status_code == 200
