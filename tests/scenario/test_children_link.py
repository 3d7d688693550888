# SPDX-License-Identifier: Apache-2.0
"""The link of a host of machines (src/vm/fleet) to a real server, driven by fleet-testhost."""
import json
import os
import select
import stat
import subprocess
import time

import pytest

from conftest import binary, clean_env, wait_for
from device_api_standin import DeviceApi
from test_device_api import API

WAIT_S = 60


class Host:
    def __init__(self, folder, reeved, token=None):
        self.folder, self.reeved, self.token = folder, reeved, token
        folder.mkdir(exist_ok=True)
        self.stderr = folder / "stderr"
        self.process = None

    def start(self, token=True):
        args = [binary("src/vm/fleet/fleet-testhost"), str(self.folder), self.reeved.url]
        with open(self.stderr, "ab") as err:
            self.process = subprocess.Popen(args + ([self.token] if token and self.token else []), stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=err, env=clean_env())
        self.pending = b""
        return self

    def say(self, **what):
        self.process.stdin.write(json.dumps(what).encode() + b"\n")
        self.process.stdin.flush()

    def put(self, key, kind="vm", state="running", **more):
        self.say(put={"key": key, "kind": kind, "attributes": {kind + ".state": state}, **more})

    def read(self, timeout=WAIT_S):
        """The next line; None: there is none in time."""
        end = time.monotonic() + timeout
        while b"\n" not in self.pending:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            more = os.read(self.process.stdout.fileno(), 65536)
            assert more, "it has ended: " + self.stderr.read_text()
            self.pending += more
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line)

    def status(self):
        self.say(status=True)
        return self.read()

    def stop(self):
        if self.process:
            self.process.stdin.close()
            assert self.process.wait(WAIT_S) == 0, self.stderr.read_text()
            self.process.stdout.close()
            self.process = None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None

    # ---- what the server knows ----

    def devices(self, managed=True):
        r = self.reeved.admin().get(API + "/devices", params={"filter": "managed=%s" % str(managed).lower()})
        return {d["name"]: d for d in r.json()["items"]}

    def wait_for(self, *names):
        wait_for(lambda: set(self.devices()) == set(names), what="the devices %s" % (names,))
        return self.devices()

    def show(self, name):
        return self.reeved.admin().get(API + "/devices/%d" % self.devices()[name]["id"]).json()

    def state(self, name):
        attributes = self.show(name)["attributes"]
        return attributes.get("vm.state", attributes.get("container.state"))

    def send(self, name, type, **params):
        r = self.reeved.admin().post(API + "/commands", json={"device": self.devices()[name]["id"], "type": type,
                                                              "params": params})
        assert r.status_code == 201, r.text
        return r.json()["id"]

    def result(self, command_id, *states):
        def there():
            c = self.reeved.admin().get(API + "/commands/%d" % command_id).json()
            return c if c["state"] in (states or ("done", "failed")) else None
        wait_for(there, what="the end of the command")
        return there()


@pytest.fixture
def host(reeved, tmp_path):
    h = Host(tmp_path / "host", reeved.settle(), reeved.enrollment_token(uses=1))
    yield h.start()
    h.stop()
    for word in ("AddressSanitizer", "runtime error:", "ThreadSanitizer", "device_token"):
        assert word not in h.stderr.read_text()


def test_machines_appear_change_and_go(host):
    host.put("box", "container", parent="web", name="Box")  # before what it runs in
    host.put("web", os_version="Debian 12")
    devices = host.wait_for("testhost", "web", "Box")
    assert devices["web"]["parent"] == devices["testhost"]["id"] and devices["Box"]["parent"] == devices["web"]["id"]
    assert (devices["web"]["kind"], devices["Box"]["kind"], devices["web"]["os_version"]) == ("vm", "container", "Debian 12")
    wait_for(lambda: host.state("web") == host.state("Box") == "running", what="their states")
    wait_for(lambda: {d["verdict"] for d in host.devices().values()} == {"COMPLIANT"}, what="reports")
    host.put("web", state="crashed", os_version="Debian 12", inventory={"applications": [{"id": "gimp"}]})
    wait_for(lambda: host.state("web") == "crashed" and host.show("web")["inventory"], what="the change")
    assert host.show("web")["inventory"] == {"applications": [{"id": "gimp"}]}
    assert host.status()["children"] == 2
    host.say(gone="web")
    host.wait_for("testhost")
    assert set(host.devices(managed=False)) == {"web", "Box"}
    host.put("web")  # another one of that name
    again = host.wait_for("testhost", "web")
    assert again["web"]["id"] not in (devices["web"]["id"], devices["Box"]["id"])
    assert stat.S_IMODE((host.folder / "fleet.json").stat().st_mode) == 0o600


def test_commands_reach_them(host):
    host.put("web")
    host.put("off", state="stopped")
    host.put("box", "container")
    host.wait_for("testhost", "web", "off", "box")
    wait_for(lambda: host.state("web") == "running" and host.state("off") == "stopped", what="their states")
    n = host.send("web", "launch", argv=["/bin/true"], wait_for_exit=True)
    c = host.read()
    assert c == {"command": n, "key": "web", "type": "launch", "params": {"argv": ["/bin/true"], "wait_for_exit": True}}
    m = host.send("web", "mount", source="/dev/vdb", target="/mnt", fstype="ext4")
    assert host.read()["command"] == m
    host.say(failed=m, message="EINVAL")
    host.say(done=n, message="exited", result={"code": 0})
    assert host.result(m)["state"] == "failed"
    answer = host.result(n)
    assert (answer["state"], answer["message"], answer["result"]) == ("done", "exited", {"code": 0})
    for type in "reboot", "shutdown":
        n = host.send("web", type)
        assert (host.read()["command"], host.say(done=n)) == (n, None)
        assert host.result(n)["state"] == "done"
    assert host.result(host.send("web", "ping"))["state"] == "done"
    assert host.result(host.send("off", "ping"))["message"] == "stopped"
    assert host.result(host.send("box", "inventory"))["state"] == "done"
    assert host.result(host.send("testhost", "lock"))["state"] == "failed"
    host.say(done=12345)  # nobody's
    assert host.status()["enrolled"] is True


def test_while_the_server_is_away(host):
    host.put("web")
    host.put("old")
    host.wait_for("testhost", "web", "old")
    ids = {d["id"] for d in host.devices().values()}
    n = host.send("web", "launch", argv=["/bin/true"])
    assert host.read()["command"] == n
    host.reeved.listen = "127.0.0.1:%d" % host.reeved.port
    host.reeved.stop()
    host.say(done=n)
    host.put("web", state="stopped")
    host.put("new")
    host.say(gone="old")
    wait_for(lambda: host.status()["trouble"], what="the failure")
    host.reeved.start()
    host.wait_for("testhost", "web", "new")
    assert host.result(n)["state"] == "done"
    wait_for(lambda: host.state("web") == "stopped", what="the state")
    assert len(ids & {d["id"] for d in host.devices().values()}) == 2  # the same records


def test_restarts(host):
    host.put("web")
    host.put("gone")
    before = host.wait_for("testhost", "web", "gone")
    wait_for(lambda: host.state("web") == "running", what="the state")
    n = host.send("web", "launch", argv=["/bin/true"])
    assert host.read()["command"] == n
    host.kill()
    host.start(token=False)  # it is enrolled
    answer = host.result(n)  # it is not run twice
    assert (answer["state"], "restart" in answer["message"]) == ("failed", True)
    host.put("web", state="stopped")
    host.say(complete=True)
    after = host.wait_for("testhost", "web")
    assert after["web"]["id"] == before["web"]["id"]
    wait_for(lambda: host.state("web") == "stopped", what="the state")
    # what it forgot is cleared away, too
    host.stop()
    book = json.loads((host.folder / "fleet.json").read_text())
    book["children"] = []
    (host.folder / "fleet.json").write_text(json.dumps(book))
    host.start(token=False)
    host.put("other")
    host.say(complete=True)
    host.wait_for("testhost", "other")


def test_unenrolled(host):
    host.put("web")
    host.put("box", "container")
    devices = host.wait_for("testhost", "web", "box")
    admin = host.reeved.admin()
    assert admin.post(API + "/devices/%d/unenroll" % devices["web"]["id"]).status_code == 200
    host.put("web", state="crashed")
    host.put("box", "container", state="stopped")
    wait_for(lambda: host.state("box") == "stopped", what="the other's state")
    host.wait_for("testhost", "box")  # it does not come back
    assert admin.post(API + "/devices/%d/unenroll" % devices["testhost"]["id"]).status_code == 200
    wait_for(lambda: host.status()["unenrolled"], what="the host to notice")
    host.stop()
    host.start()  # not with the token that it had
    assert host.status()["enrolled"] is False and host.devices() == {}
    host.stop()
    host.token = host.reeved.enrollment_token()
    host.start().put("web")
    host.wait_for("testhost", "web")


def test_told_to_leave(host):
    host.put("web")
    devices = host.wait_for("testhost", "web")
    n = host.send("testhost", "unenroll")
    wait_for(lambda: host.devices() == {}, what="both to leave")
    assert host.reeved.admin().get(API + "/commands/%d" % n).json()["state"] == "done"
    assert host.status()["unenrolled"] is True
    assert {d["id"] for d in host.devices(managed=False).values()} == {d["id"] for d in devices.values()}


def test_forgotten(host):
    """An administrator deletes the record of a machine, then of the host: they enroll again, if they may."""
    host.token = host.reeved.enrollment_token()
    host.stop()
    host.start().put("web")
    first = host.wait_for("testhost", "web")
    admin = host.reeved.admin()
    assert admin.delete(API + "/devices/%d" % first["web"]["id"]).status_code == 204
    host.put("web", state="stopped")
    wait_for(lambda: host.devices().get("web", {}).get("id", 0) > first["web"]["id"], timeout=90, what="a new record")
    assert admin.delete(API + "/devices/%d" % first["testhost"]["id"]).status_code == 204
    wait_for(lambda: len(host.devices()) == 2, timeout=90, what="both to enroll again")
    assert host.devices()["testhost"]["id"] > first["testhost"]["id"]


def test_one_at_a_time(host):
    host.status()
    other = subprocess.run([binary("src/vm/fleet/fleet-testhost"), str(host.folder), host.reeved.url], input=b"",
                           capture_output=True, timeout=WAIT_S, env=clean_env())
    assert other.returncode == 1 and b"in use" in other.stderr


def test_a_server_without_the_list(tmp_path):
    """An older one, that refuses what it does not know: it is asked more and more seldom."""
    api = DeviceApi()
    api.start()
    host = Host(tmp_path / "host", api, "enroll-me")

    def asked():
        return [r.at for r in api.requests if r.path.startswith("/device/v1/children?")]
    try:
        host.start()
        api.wait(lambda: len(asked()) >= 5, what="the list to be asked for five times")
        at = asked()
        assert at[4] - at[0] >= 0.25 + 0.5 + 1 + 2  # the shortest that chance allows
        assert "does not list the machines" in host.stderr.read_text()
    finally:
        host.stop()
        api.down()
