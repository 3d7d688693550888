# SPDX-License-Identifier: Apache-2.0
"""MDMCore's protocol, played by an agent and a console written strictly after its documentation: an unmodified peer
knows exactly these eight routes, these bodies and these statuses."""
import threading

import pytest
import requests

from conftest import wait_for

OPEN = "--mdmcore-open-enrollment"


class Agent:
    """runMdmSync: token, policy, enforce, report; enrolls when it has no id or hears 404."""

    def __init__(self, base, model="Pixel 7", fcm_token="fcm-token"):
        self.base, self.model, self.fcm_token = base, model, fcm_token
        self.id = None
        self.camera_disabled = False
        self.applied = 0
        self.http = requests.Session()
        self.http.trust_env = False

    def enroll(self):
        r = self.http.post(self.base + "/enroll", timeout=60,
                           json={"model": self.model, "osVersion": "Android 34", "agentVersion": "1.0"})
        assert r.status_code == 200
        body = r.json()
        assert set(body) == {"deviceId", "policy"} and set(body["deviceId"]) == {"value"}
        self.id = body["deviceId"]["value"]
        return body

    def sync(self):
        if self.id is None:
            self.enroll()
        self.http.post("%s/devices/%s/token" % (self.base, self.id), json={"token": self.fcm_token}, timeout=60)
        r = self.http.get("%s/devices/%s/policy" % (self.base, self.id), timeout=60)
        if r.status_code == 404:
            self.id = None
            return self.sync()
        policy = r.json()
        assert set(policy) == {"version", "cameraDisabled"}
        self.camera_disabled, self.applied = policy["cameraDisabled"], policy["version"]
        assert self.report().status_code == 202
        return policy

    def report(self, **changes):
        body = {"deviceId": {"value": self.id}, "appliedPolicyVersion": self.applied,
                "cameraDisabled": self.camera_disabled, "compliant": True}
        body.update(changes)
        return self.http.post("%s/devices/%s/report" % (self.base, self.id), json=body, timeout=60)


class Console:
    def __init__(self, base):
        self.base = base

    def devices(self):
        r = requests.get(self.base + "/devices", timeout=60)
        assert r.status_code == 200 and r.headers["Content-Type"].startswith("application/json")
        return r.json()

    def put(self, device, camera_disabled):
        return requests.put("%s/devices/%s/policy" % (self.base, device), timeout=60,
                            json={"cameraDisabled": camera_disabled})

    def status(self, device):
        return requests.get("%s/devices/%s/status" % (self.base, device), timeout=60)


@pytest.fixture
def server(reeved_factory):
    return reeved_factory(OPEN)


def test_greeting(server):
    r = server.session().get("/")
    assert (r.status_code, r.text) == (200, "Hello, Ktor!")
    assert r.headers["Content-Type"].split(";")[0] == "text/plain"


def test_the_loop(server):
    agent, console = Agent(server.url), Console(server.url)
    assert console.devices() == []
    assert agent.enroll() == {"deviceId": {"value": "device-1"}, "policy": {"version": 1, "cameraDisabled": True}}
    assert console.devices() == [{"deviceId": {"value": "device-1"}, "desired": {"version": 1, "cameraDisabled": True},
                                  "lastReport": None, "state": "UNKNOWN"}]
    agent.sync()
    assert console.status("device-1").json() == {
        "deviceId": {"value": "device-1"}, "desired": {"version": 1, "cameraDisabled": True},
        "lastReport": {"deviceId": {"value": "device-1"}, "appliedPolicyVersion": 1, "cameraDisabled": True,
                       "compliant": True},
        "state": "COMPLIANT"}
    r = console.put("device-1", False)
    assert (r.status_code, r.json()) == (200, {"version": 2, "cameraDisabled": False})
    assert console.devices()[0]["state"] == "STALE"
    assert agent.sync() == {"version": 2, "cameraDisabled": False}
    assert console.devices()[0]["state"] == "COMPLIANT"
    # drift: the camera is off although it should be on; what the device thinks of itself does not count
    assert agent.report(cameraDisabled=True, compliant=True).status_code == 202
    assert console.devices()[0]["state"] == "NON_COMPLIANT"
    assert console.devices()[0]["lastReport"]["compliant"] is True
    assert agent.report(compliant=False).status_code == 202
    assert console.devices()[0]["state"] == "COMPLIANT"


def test_key_order_and_null(server):
    """Written as kotlinx writes it: every field, in the order of the class, null included."""
    Agent(server.url).enroll()
    text = requests.get(server.url + "/devices/device-1/status", timeout=60).text
    assert text == ('{"deviceId":{"value":"device-1"},"desired":{"version":1,"cameraDisabled":true},'
                    '"lastReport":null,"state":"UNKNOWN"}')


def test_every_accepted_put_is_a_version(server):
    agent, console = Agent(server.url), Console(server.url)
    agent.enroll()
    for version in (2, 3, 4):
        assert console.put("device-1", True).json() == {"version": version, "cameraDisabled": True}
    agent.applied = 99  # a version from the future falls through to the content
    agent.report(cameraDisabled=True)
    assert console.devices()[0]["state"] == "COMPLIANT"
    agent.report(cameraDisabled=False)
    assert console.devices()[0]["state"] == "NON_COMPLIANT"


def test_lenient_reading(server):
    s = server.session()
    r = s.post("/enroll", json={"model": "m", "osVersion": "o", "agentVersion": "a", "newField": {"x": [1]}})
    assert r.status_code == 200
    assert s.put("/devices/device-1/policy", json={}).json() == {"version": 2, "cameraDisabled": False}
    assert s.put("/devices/device-1/policy", json={"cameraDisabled": True, "later": 1}).json()["version"] == 3
    r = s.post("/devices/device-1/report", json={"deviceId": {"value": "device-1", "x": 1}, "appliedPolicyVersion": 3,
                                                 "batteryLevel": 5})
    assert r.status_code == 202 and r.content == b""
    assert s.get("/devices/device-1/status").json()["lastReport"] == {
        "deviceId": {"value": "device-1"}, "appliedPolicyVersion": 3, "cameraDisabled": False, "compliant": False}


def test_report_is_keyed_by_its_body(server):
    first, second = Agent(server.url), Agent(server.url)
    first.enroll(), second.enroll()
    r = requests.post(server.url + "/devices/device-1/report", timeout=60, json={
        "deviceId": {"value": "device-2"}, "appliedPolicyVersion": 1, "cameraDisabled": True, "compliant": True})
    assert r.status_code == 202
    states = {d["deviceId"]["value"]: d["state"] for d in Console(server.url).devices()}
    assert states == {"device-1": "UNKNOWN", "device-2": "COMPLIANT"}


def test_report_of_no_known_device_is_dropped(server):
    """The protocol's report knows no 404; its agent enrolls again when its policy is gone."""
    Agent(server.url).enroll()
    before = Console(server.url).devices()
    r = requests.post(server.url + "/devices/device-7/report", timeout=60, json={
        "deviceId": {"value": "device-7"}, "appliedPolicyVersion": 1, "cameraDisabled": True, "compliant": True})
    assert r.status_code == 202 and r.content == b""
    assert Console(server.url).devices() == before


UNKNOWN = [
    ("GET", "/devices/device-7/policy", None), ("PUT", "/devices/device-7/policy", {"cameraDisabled": True}),
    ("POST", "/devices/device-7/token", {"token": "x"}), ("GET", "/devices/device-7/status", None),
    ("GET", "/devices/" + "x" * 300 + "/policy", None), ("GET", "/devices/device-1%00/policy", None),
    ("GET", "/devices/%2e%2e%2f/policy", None), ("GET", "/devices/1/policy", None),
]


@pytest.mark.parametrize("method, path, body", UNKNOWN)
def test_unknown_ids(server, method, path, body):
    Agent(server.url).enroll()
    assert server.session().request(method, path, json=body).status_code in (400, 404)


@pytest.mark.parametrize("path, method, bodies", [
    ("/enroll", "POST", ["", "{", "[]", "null", '"x"', '{"model": 5}', '{"model": "\\u0000"}', '{"model":"\\u0007"}',
                         '{"model":"%s"}' % ("x" * 300), '{"a":1,"a":2}']),
    ("/devices/device-1/policy", "PUT", ["", "{", "[]", '{"cameraDisabled": "true"}', '{"cameraDisabled": 1}',
                                         '{"cameraDisabled": null}', '{"cameraDisabled": [true]}', '{"cameraDisabled": {}}']),
    ("/devices/device-1/token", "POST", ["", "{}", '{"token": 5}', '{"token": null}']),
    ("/devices/device-1/report", "POST", [
        "", "{}", '{"deviceId": "device-1", "appliedPolicyVersion": 1}', '{"deviceId": {"value": "device-1"}}',
        '{"deviceId": {"value": "device-1"}, "appliedPolicyVersion": "1"}',
        '{"deviceId": {"value": "device-1"}, "appliedPolicyVersion": 1.5}',
        '{"deviceId": {"value": "device-1"}, "appliedPolicyVersion": -1}',
        '{"deviceId": {"value": "device-1"}, "appliedPolicyVersion": 99999999999}',
        '{"deviceId": {"value": "device-1"}, "appliedPolicyVersion": null}',
        '{"deviceId": {"value": "device-1"}, "appliedPolicyVersion": 1, "cameraDisabled": "yes"}',
        '{"deviceId": {"value": "device-1"}, "appliedPolicyVersion": 1, "cameraDisabled": null}',
        '{"deviceId": {"value": "device-1"}, "appliedPolicyVersion": 1, "compliant": null}']),
])
def test_bad_bodies(server, path, method, bodies):
    Agent(server.url).enroll()
    before = Console(server.url).devices()
    for body in bodies:
        r = server.session().request(method, path, data=body, headers={"Content-Type": "application/json"})
        assert r.status_code == 400, (body, r.status_code, r.text)
        assert r.headers["Content-Type"] == "application/problem+json"
    r = server.session().request(method, path, data=b"x" * 100000, headers={"Content-Type": "application/json"})
    assert r.status_code == 413
    assert Console(server.url).devices() == before


def test_cors(server):
    """The web console is served from somewhere else and calls from a browser."""
    Agent(server.url).enroll()
    s = server.session()
    for method, path in (("GET", "/"), ("POST", "/enroll"), ("GET", "/devices"), ("GET", "/devices/device-1/policy"),
                         ("PUT", "/devices/device-1/policy"), ("POST", "/devices/device-1/token"),
                         ("POST", "/devices/device-1/report"), ("GET", "/devices/device-1/status")):
        r = s.options(path, headers={"Origin": "http://console.example", "Access-Control-Request-Method": method,
                                     "Access-Control-Request-Headers": "content-type"})
        assert r.status_code in (200, 204), path
        assert r.headers["Access-Control-Allow-Origin"] in ("*", "http://console.example")
        assert method in r.headers["Access-Control-Allow-Methods"]
        assert "content-type" in r.headers["Access-Control-Allow-Headers"].lower()
    for r in (s.get("/devices", headers={"Origin": "http://console.example"}),
              s.get("/devices/device-9/policy", headers={"Origin": "http://console.example"})):
        assert r.headers["Access-Control-Allow-Origin"] in ("*", "http://console.example")


def test_restart_keeps_ids_versions_and_verdicts(server):
    agents, console = [Agent(server.url, model="m%d" % i) for i in range(3)], Console(server.url)
    for a in agents:
        a.sync()
    console.put("device-2", False)
    before = console.devices()
    server.restart()
    console.base = server.url
    assert console.devices() == before
    assert [d["state"] for d in before] == ["COMPLIANT", "STALE", "COMPLIANT"]
    late = Agent(server.url)
    late.enroll()
    assert late.id == "device-4"  # not an id that somebody has
    for a in agents:
        a.base = server.url
        a.sync()
    assert [a.id for a in agents] == ["device-1", "device-2", "device-3"]
    assert [d["state"] for d in console.devices()] == ["COMPLIANT", "COMPLIANT", "COMPLIANT", "UNKNOWN"]


def test_killed_server_keeps_what_it_answered(server):
    agent, console = Agent(server.url), Console(server.url)
    agent.sync()
    assert console.put("device-1", False).json()["version"] == 2
    server.kill()
    server.start()
    console.base = agent.base = server.url
    assert console.status("device-1").json()["desired"] == {"version": 2, "cameraDisabled": False}
    assert console.status("device-1").json()["state"] == "STALE"


def test_ids_are_never_reused(server):
    agent = Agent(server.url)
    agent.enroll()
    devices = server.admin().get("/api/v1/devices").json()["items"]
    assert server.admin().delete("/api/v1/devices/%d" % devices[0]["id"]).status_code == 204
    assert Console(server.url).devices() == []
    agent.sync()  # hears 404, enrolls again
    assert agent.id == "device-2"


def test_unenrolled_device_is_unknown(server):
    agent = Agent(server.url)
    agent.sync()
    devices = server.admin().get("/api/v1/devices").json()["items"]
    assert server.admin().post("/api/v1/devices/%d/unenroll" % devices[0]["id"]).status_code == 200
    assert requests.get(server.url + "/devices/device-1/policy", timeout=60).status_code == 404
    assert Console(server.url).devices() == []


def test_one_model(server):
    """A fleet's setting reaches the agent; an agent's device is a device like any other."""
    agent, admin = Agent(server.url), server.admin()
    agent.sync()
    device = admin.get("/api/v1/devices").json()["items"][0]
    assert (device["channel"], device["kind"], device["external_id"], device["name"], device["os_version"]) == (
        "mdmcore", "android", "device-1", "Pixel 7", "Android 34")
    assert device["verdict"] == "COMPLIANT"
    r = admin.put("/api/v1/fleets/default/settings/camera.disabled", json={"value": False})
    assert r.status_code == 200
    assert agent.sync() == {"version": 2, "cameraDisabled": False}
    Console(server.url).put("device-1", True)
    assert agent.sync() == {"version": 3, "cameraDisabled": True}
    # the policy that is kept for reading is never an old one
    for value in (False, True, False):
        admin.put("/api/v1/devices/%d/settings/camera.disabled" % device["id"], json={"value": value})
        assert agent.sync()["cameraDisabled"] is value


def test_off_by_default(reeved):
    s = reeved.session()
    assert s.post("/enroll", json={"model": "m", "osVersion": "o", "agentVersion": "a"}).status_code == 404
    for path in ("/devices", "/devices/device-1/policy", "/devices/device-1/status"):
        assert s.get(path).status_code == 404


def test_on_for_an_organization(reeved):
    s, admin = reeved.session(), reeved.admin()
    body = {"model": "m", "osVersion": "o", "agentVersion": "a"}
    assert s.get("/devices").status_code == 404
    r = admin.patch("/api/v1/organizations/default", json={"config": {"mdmcore.open_enrollment": True}})
    assert r.status_code == 200, r.text
    assert s.post("/enroll", json=body).json()["deviceId"] == {"value": "device-1"}
    assert s.get("/devices/device-1/policy").status_code == 200
    admin.patch("/api/v1/organizations/default", json={"config": {"mdmcore.open_enrollment": None}})
    assert s.get("/devices/device-1/policy").status_code == 404  # not even the kept answer
    assert s.get("/devices").status_code == 404


def test_many(server):
    """More devices than are answered in place, enrolled at once; the list is whole and valid."""
    n, results = 500, []

    def enroll(count):
        agent = Agent(server.url)
        for _ in range(count):
            agent.enroll()
            results.append(agent.id)

    threads = [threading.Thread(target=enroll, args=(n // 10,)) for _ in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(results, key=lambda i: int(i.split("-")[1])) == ["device-%d" % i for i in range(1, n + 1)]
    devices = Console(server.url).devices()
    assert {d["deviceId"]["value"] for d in devices} == set(results) and len(devices) == n
    assert not list((server.data / "tmp").iterdir())


def judged(status):
    """What a console would say itself of the desired state and the report that it is shown."""
    desired, report = status["desired"], status["lastReport"]
    if report is None:
        return "UNKNOWN"
    if report["appliedPolicyVersion"] < desired["version"]:
        return "STALE"
    return "COMPLIANT" if report["cameraDisabled"] == desired["cameraDisabled"] else "NON_COMPLIANT"


def test_every_answer_is_of_one_moment(server):
    """Policies and reports come in while others look: the state is always that of what stands beside it."""
    everybody = [Agent(server.url) for _ in range(3)]
    for agent in everybody:
        agent.enroll()
    done, torn, n_seen = threading.Event(), [], [0]

    def change(agent):
        for i in range(150):
            r = agent.http.put("%s/devices/%s/policy" % (agent.base, agent.id), json={"cameraDisabled": i % 3 == 0}, timeout=60)
            agent.applied = r.json()["version"] - (i % 4 == 0)
            agent.report(cameraDisabled=i % 2 == 0)

    def look(path):
        http = requests.Session()
        while not done.is_set():
            answer = http.get(server.url + path, timeout=60).json()
            found = answer if isinstance(answer, list) else [answer]
            n_seen[0] += len(found)
            torn.extend(s for s in found if s["state"] != judged(s))

    lookers = [threading.Thread(target=look, args=(path,)) for path in ("/devices", "/devices/device-1/status", "/devices")]
    changers = [threading.Thread(target=change, args=(agent,)) for agent in everybody]
    for t in lookers + changers:
        t.start()
    for t in changers:
        t.join()
    done.set()
    for t in lookers:
        t.join()
    assert n_seen[0] > 100 and torn == []


def test_last_contact(server):
    agent = Agent(server.url)
    agent.enroll()
    device = server.admin().get("/api/v1/devices").json()["items"][0]

    def seen():
        agent.http.get(server.url + "/devices/device-1/policy", timeout=60)
        return server.admin().get("/api/v1/devices/%d" % device["id"]).json()["last_seen"] != device["last_seen"]

    wait_for(seen, what="last_seen of a policy fetch")
