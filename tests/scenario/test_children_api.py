# SPDX-License-Identifier: Apache-2.0
"""Machines that a host speaks for, docs/device-api.md: virtual machines and containers as devices of their own."""
import concurrent.futures

import pytest

from conftest import Session, wait_for
from test_device_api import API, later, parked, problem, send

CHILDREN = "/device/v1/children"


def put(host, key, kind="vm", **more):
    return host.post(CHILDREN, json={"key": key, "kind": kind, **more})


def child(reeved, host, key, kind="vm", **more):
    """A session with the child's token; .id is its number."""
    r = put(host, key, kind, **more)
    assert r.status_code == 201, r.text
    s = Session(reeved.url)
    s.headers["Authorization"] = "Bearer " + r.json()["device_token"]
    s.id = r.json()["device_id"]
    return s


def show(reeved, device_id):
    r = reeved.admin().get(API + "/devices/%d" % device_id)
    return r.json() if r.status_code == 200 else None


def listed(host):
    r = host.get(CHILDREN)
    assert r.status_code == 200, r.text
    return {c["key"]: c for c in r.json()["children"]}


# ---- enrolling ----

def test_a_vm_and_a_container_in_it(reeved):
    host = reeved.device(name="host7")
    r = put(host, "web", name="Web", serial="S", model="qemu", os_version="Debian 12", agent_version="1")
    assert r.status_code == 201
    vm = r.json()
    assert set(vm) == {"device_id", "device_token", "key", "fleet", "next_poll_s"}
    assert (vm["key"], vm["fleet"], len(vm["device_token"])) == ("web", "default", 43)
    box = child(reeved, host, "box", "container", parent="web")
    host_id = host.device["device_id"]
    device = show(reeved, vm["device_id"])
    assert {k: device[k] for k in ("name", "kind", "channel", "serial", "model", "os_version", "parent", "external_id",
                                   "verdict", "version")} == {
        "name": "Web", "kind": "vm", "channel": "vm", "serial": "S", "model": "qemu", "os_version": "Debian 12",
        "parent": host_id, "external_id": "%d:web" % host_id, "verdict": "UNKNOWN", "version": 1}
    assert show(reeved, box.id)["parent"] == vm["device_id"]
    assert listed(host) == {
        "web": {"id": vm["device_id"], "key": "web", "kind": "vm", "name": "Web", "parent": None, "version": 1,
                "commands": 0, "managed": True},
        "box": {"id": box.id, "key": "box", "kind": "container", "name": "box", "parent": "web", "version": 1,
                "commands": 0, "managed": True}}
    below = reeved.admin().get(API + "/devices", params={"filter": "parent=%d" % host_id}).json()["items"]
    assert [d["id"] for d in below] == [vm["device_id"]]


def test_the_same_key_is_the_same_record(reeved):
    host = reeved.device()
    first = child(reeved, host, "web")
    second = child(reeved, host, "web")
    assert second.id == first.id
    problem(first.get("/device/v1/desired"), 401)  # the answer with the first token counts as lost
    assert second.get("/device/v1/desired").status_code == 200
    assert child(reeved, reeved.device(), "web").id != first.id  # another host's


def test_the_same_key_many_times_at_once(reeved):
    host = reeved.device()
    token = host.headers["Authorization"]

    def one(_):
        s = Session(reeved.url)
        s.headers["Authorization"] = token
        return put(s, "web").json()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(24)))
    assert len({a["device_id"] for a in answers}) == 1
    good = 0
    for a in answers:
        s = Session(reeved.url)
        s.headers["Authorization"] = "Bearer " + a["device_token"]
        good += s.get("/device/v1/desired").status_code == 200
    assert good == 1


def test_killed_between(reeved):
    """What was answered is there after a crash; what was not can be asked for again."""
    host = reeved.device()
    vm = child(reeved, host, "web")
    reeved.kill()
    reeved.start()
    host.base = vm.base = reeved.url
    assert vm.get("/device/v1/desired").status_code == 200
    assert child(reeved, host, "web").id == vm.id


@pytest.mark.parametrize("body, status", [
    ({"kind": "vm"}, 400),
    ({"key": "", "kind": "vm"}, 400),
    ({"key": 7, "kind": "vm"}, 400),
    ({"key": "k" * 201, "kind": "vm"}, 400),
    ({"key": "a\nb", "kind": "vm"}, 400),
    ({"key": "\u0085", "kind": "vm"}, 400),
    ({"key": "x"}, 400),
    ({"key": "x", "kind": "linux"}, 400),
    ({"key": "x", "kind": "android"}, 400),
    ({"key": "x", "kind": "vm", "name": "n" * 256}, 400),
    ({"key": "x", "kind": "vm", "parent": "nobody"}, 409),
    ({"key": "x", "kind": "vm", "parent": "p" * 201}, 400),
    ([], 400),
])
def test_refused(reeved, body, status):
    host = reeved.device()
    problem(host.post(CHILDREN, json=body), status)
    assert listed(host) == {}


def test_hostile_keys(reeved):
    """A key is a name and nothing else: neither another host's child, nor a path, nor SQL."""
    host, other = reeved.device(), reeved.device()
    theirs = child(reeved, other, "web")
    other_id = other.device["device_id"]
    keys = ["%d:web" % other_id, ":", "1:1:1", "../../etc/passwd", "'; DROP TABLE device; --", "%00", "\u00e4\U0001f427",
            "k" * 200, " ", "\\", "\""]
    ids = {child(reeved, host, k).id for k in keys}
    assert len(ids) == len(keys) and theirs.id not in ids
    assert set(listed(host)) == set(keys)
    assert set(listed(other)) == {"web"}


def test_who_may_have_children(reeved):
    host = reeved.device()
    vm = child(reeved, host, "vm")
    inner = child(reeved, vm, "inner")  # a guest that has guests
    box = child(reeved, host, "box", "container")
    problem(put(box, "x", "container"), 409)
    problem(put(inner, "x", "container"), 409)  # too deep
    problem(put(reeved.device(kind="android"), "x"), 409)
    problem(put(reeved.session(), "x"), 401)
    assert set(listed(host)) == {"vm", "box"} and set(listed(vm)) == {"inner"}


def test_at_most_so_many(reeved_factory):
    reeved = reeved_factory("--limits-children", "3")
    host = reeved.device()
    machines = [child(reeved, host, "vm%d" % i) for i in range(3)]
    problem(put(host, "more"), 409)
    assert child(reeved, host, "vm0").id == machines[0].id
    assert host.delete(CHILDREN + "/%d" % machines[1].id).status_code == 204
    assert put(host, "more").status_code == 201


# ---- leaving ----

def test_gone_for_good(reeved):
    host, other = reeved.device(), reeved.device()
    vm = child(reeved, host, "web")
    box = child(reeved, host, "box", "container", parent="web")
    problem(other.delete(CHILDREN + "/%d" % vm.id), 404)
    problem(host.delete(CHILDREN + "/%d" % host.device["device_id"]), 404)
    problem(vm.delete(CHILDREN + "/%d" % host.device["device_id"]), 404)
    problem(host.delete(CHILDREN + "/777"), 404)
    problem(host.delete(CHILDREN + "/0"), 400)
    problem(host.delete(CHILDREN + "/x"), 400)
    for _ in range(2):
        assert host.delete(CHILDREN + "/%d" % vm.id).status_code == 204
    problem(vm.get("/device/v1/desired"), 410)
    problem(box.get("/device/v1/desired"), 410)
    assert show(reeved, vm.id)["managed"] is False
    assert listed(host) == {}
    assert child(reeved, host, "web").id > box.id  # another machine of that name


def test_an_administrator_unenrolls_it(reeved):
    host = reeved.device()
    vm = child(reeved, host, "web")
    assert reeved.admin().post(API + "/devices/%d/unenroll" % vm.id).status_code == 200
    problem(vm.get("/device/v1/desired"), 410)
    assert listed(host)["web"]["managed"] is False
    problem(put(host, "web"), 410)
    assert host.delete(CHILDREN + "/%d" % vm.id).status_code == 204
    assert child(reeved, host, "web").id != vm.id


@pytest.mark.parametrize("how", ["unenroll", "delete", "leave"])
def test_the_host_leaves_with_them(reeved, how):
    host = reeved.device()
    vm = child(reeved, host, "web")
    box = child(reeved, host, "box", "container", parent="web")
    path = API + "/devices/%d" % host.device["device_id"]
    r = {"unenroll": lambda: reeved.admin().post(path + "/unenroll"),
         "delete": lambda: reeved.admin().delete(path),
         "leave": lambda: host.post("/device/v1/unenroll")}[how]()
    assert r.status_code in (200, 204), r.text
    for s in vm, box:
        problem(s.get("/device/v1/desired"), 401 if how == "delete" else 410)
    problem(put(host, "web"), 401 if how == "delete" else 410)


# ---- the rest of the device API, and the doorbell ----

def test_a_child_is_a_device(reeved):
    host = reeved.device()
    vm = child(reeved, host, "web")
    desired = vm.get("/device/v1/desired").json()
    assert (desired["version"], desired["settings"]) == (1, {})
    r = vm.post("/device/v1/report", json={"applied_version": 1, "settings": {}})
    assert r.json()["verdict"] == "COMPLIANT"
    assert vm.put("/device/v1/attributes", json={"vm.state": "running"}).status_code == 204
    assert vm.put("/device/v1/inventory", json={"applications": [{"id": "gimp"}]}).status_code == 204
    device = show(reeved, vm.id)
    assert device["attributes"] == {"vm.state": "running"}
    assert device["inventory"] == {"applications": [{"id": "gimp"}]}
    found = reeved.admin().get(API + "/devices", params={"filter": "attribute.vm.state=running"}).json()["items"]
    assert [d["id"] for d in found] == [vm.id]


@pytest.mark.parametrize("kind, type, params, good", [
    ("vm", "reboot", {}, True),
    ("vm", "shutdown", {}, True),
    ("vm", "ping", {}, True),
    ("vm", "launch", {"argv": ["/bin/true"], "env": {"A": "b"}, "wait_for_exit": True}, True),
    ("vm", "launch", {}, False),
    ("vm", "launch", {"argv": "/bin/true"}, False),
    ("vm", "mount", {"source": "/dev/vdb", "target": "/mnt", "fstype": "ext4", "mountflags": 1}, True),
    ("vm", "mount", {"source": "/dev/vdb"}, False),
    ("vm", "lock", {}, False),
    ("vm", "launch_application", {"desktop_file_id": "gimp"}, False),
    ("container", "launch_application", {"desktop_file_id": "gimp", "files": ["/a"]}, True),
    ("container", "launch", {"argv": ["/bin/true"]}, True),
    ("container", "ping", {}, True),
    ("container", "mount", {"source": "a", "target": "b", "fstype": "c"}, False),
    ("container", "reboot", {}, False),
])
def test_commands(reeved, kind, type, params, good):
    host = reeved.device()
    machine = child(reeved, host, "m", kind)
    r = reeved.admin().post(API + "/commands", json={"device": machine.id, "type": type, "params": params})
    if not good:
        assert r.status_code in (400, 409), r.text
        assert machine.get("/device/v1/commands").json()["commands"] == []
        return
    assert r.status_code == 201, r.text
    assert listed(host)["m"]["commands"] == 1
    command = machine.get("/device/v1/commands").json()["commands"][0]
    assert (command["type"], command["params"]) == (type, params)
    problem(host.post("/device/v1/commands/%d" % command["id"], json={"state": "done"}), 404)  # not its own
    assert machine.post("/device/v1/commands/%d" % command["id"], json={"state": "done"}).status_code == 200
    assert listed(host)["m"]["commands"] == 0


def ring_of(reeved, host, act, status=200):
    """What the host's parked request answers once 'act' has happened."""
    etag = host.get(CHILDREN).headers["ETag"]
    for known in etag, "W/" + etag, '"0", ' + etag:
        assert host.get(CHILDREN, headers={"If-None-Match": known}).status_code == 304
    waiting = later(lambda: host.get(CHILDREN, params={"wait": 300}, headers={"If-None-Match": etag}))
    parked(reeved)
    act()
    r = waiting.result(timeout=60)
    assert r.status_code == status, r.text
    return r


def test_one_doorbell_for_all(reeved):
    reeved.settle()
    host = reeved.device()
    vm = child(reeved, host, "web")
    box = child(reeved, host, "box", "container", parent="web")
    r = ring_of(reeved, host, lambda: send(reeved, box.id)).json()
    assert {c["key"]: c["commands"] for c in r["children"]} == {"web": 0, "box": 1}
    # while something waits, nothing is held back
    etag = host.get(CHILDREN).headers["ETag"]
    assert host.get(CHILDREN, params={"wait": 300}, headers={"If-None-Match": etag}).status_code == 200
    command = box.get("/device/v1/commands").json()["commands"][0]
    box.post("/device/v1/commands/%d" % command["id"], json={"state": "done"})
    admin = reeved.admin()
    r = ring_of(reeved, host, lambda: admin.put(API + "/devices/%d/settings/camera.disabled" % vm.id,
                                                json={"value": True})).json()
    assert {c["key"]: c["version"] for c in r["children"]} == {"web": 2, "box": 1}
    r = ring_of(reeved, host, lambda: send(reeved, host.device["device_id"])).json()
    assert r["commands"] == 1
    command = host.get("/device/v1/commands").json()["commands"][0]
    host.post("/device/v1/commands/%d" % command["id"], json={"state": "done"})
    r = ring_of(reeved, host, lambda: admin.delete(API + "/devices/%d" % box.id)).json()
    assert [c["key"] for c in r["children"]] == ["web"]
    r = ring_of(reeved, host, lambda: admin.post(API + "/devices/%d/unenroll" % vm.id)).json()
    assert [c["managed"] for c in r["children"]] == [False]
    ring_of(reeved, host, lambda: admin.post(API + "/devices/%d/unenroll" % host.device["device_id"]), 410)


def test_moved_with_the_host(reeved):
    admin = reeved.admin()
    for name in "Sales", "Lab":
        assert admin.post(API + "/fleets", json={"name": name}).status_code == 201
    host = reeved.device()
    vm, box = child(reeved, host, "web"), child(reeved, host, "box", "container")
    assert admin.patch(API + "/devices/%d" % box.id, json={"fleet": "Lab"}).status_code == 200
    assert admin.patch(API + "/devices/%d" % host.device["device_id"], json={"fleet": "Sales"}).status_code == 200
    assert (show(reeved, vm.id)["fleet"], show(reeved, box.id)["fleet"]) == ("Sales", "Lab")
    # of a child in another fleet the host hears within the wait that is cut short for it
    etag = host.get(CHILDREN).headers["ETag"]
    waiting = later(lambda: host.get(CHILDREN, params={"wait": 300}, headers={"If-None-Match": etag}))
    parked(reeved)
    fleets = {f["name"]: f["id"] for f in admin.get(API + "/fleets").json()["items"]}
    assert admin.put(API + "/fleets/%d/settings/camera.disabled" % fleets["Lab"],
                     json={"value": True}).status_code == 200
    r = waiting.result(timeout=100)
    assert r.status_code == 200 and listed(host)["box"]["version"] == 3
