# SPDX-License-Identifier: Apache-2.0
"""The protocol's worked transcript, message by message: topics, payloads, QoS and what stays retained, as a client sees
them that subscribes with QoS 2. What is ours on top (ids and times of orders, hashes) stands beside the protocol's keys."""
import json
import re
import threading

import paho.mqtt.client as mqtt
import pytest

from admin_api import BYTES, make_deb
from conftest import wait_for
from flyve_agents import D1, D2, agents, ask, command, invite, make_fleet, server, state  # noqa: F401 (fixtures)


class Listener:
    """A second connection of the device's account that only listens: (topic, payload, QoS) in order."""

    def __init__(self, record):
        self.changed, self.heard, self.granted = threading.Condition(), [], 0
        self.client = mqtt.Client(client_id="", clean_session=True, protocol=mqtt.MQTTv311)
        self.client.username_pw_set(record["mqttuser"], record["mqttpasswd"])
        self.client.on_message = lambda c, u, m: self.note(lambda: self.heard.append((m.topic, m.payload.decode(), m.qos)))
        self.client.on_subscribe = lambda c, u, mid, qos: self.note(self.count)
        self.client.connect(record["broker"], int(record["port"]))
        self.client.loop_start()
        self.listen(record["topic"] + "/#")

    def count(self):
        self.granted += 1

    def note(self, change):
        with self.changed:
            change()
            self.changed.notify_all()

    def listen(self, topic):
        wanted = self.granted + 1
        self.client.subscribe(topic, 2)
        with self.changed:
            assert self.changed.wait_for(lambda: self.granted >= wanted, 60)

    def next(self, topic, pattern, qos):
        """The next message on the topic is this one; what came on others meanwhile stays for later."""
        def first():
            return next((h for h in self.heard if h[0] == topic), None)

        with self.changed:
            assert self.changed.wait_for(first, 60), "%s: nothing; heard %r" % (topic, self.heard)
            got = first()
            self.heard.remove(got)
        if isinstance(pattern, str):
            m = re.fullmatch(pattern, got[1])
            assert m and got[2] == qos, got
            return m.groups()
        assert (json.loads(got[1]), got[2]) == (pattern, qos), got
        return ()

    def end(self):
        self.client.disconnect()
        self.client.loop_stop()


def put(server, name, value):
    ask(server, "PUT", "/fleets/phones/settings/" + name, 200, {"value": value})


def upload(server, version):
    r = server.admin().post("/api/v1/files", params={"kind": "app"}, data=make_deb("com.example.app", version), headers=BYTES)
    assert r.status_code == 201, r.text
    return r.json()["id"]


TASK = r'"taskId":"(\d+)"'


def test_d1(server, agents):
    fleet = make_fleet(server)
    root = "/0/fleet/%d" % fleet["id"]
    a = agents(D1, "SER1").enroll(invite(server)).connect()
    told = Listener(a.record)
    try:
        ask(server, "PATCH", "/devices/%d" % a.record["id"], 200, {"fleet": "phones"})
        told = moved(told, a, root)
        told.next(root + "/camera", {"camera": [{"disableCamera": "false"}]}, 1)
        told.next(root + "/encryption", {"encryption": [{"storageEncryption": "false"}]}, 1)
        put(server, "camera.disabled", True)
        (camera,) = told.next(root + "/camera", r'\{"camera":\[\{"disableCamera":"true",%s\}\]\}' % TASK, 1)
        told.heard = [h for h in told.heard if not h[0].endswith("/connectivity")]
        put(server, "gps.disabled", True)
        (gps,) = told.next(root + "/connectivity", r'\{"connectivity":\[\{"disableGPS":"true",%s\},.*\{"disableWifi":"false"\}.*\]\}' % TASK, 1)
        a.say("Status/Task", {"updateStatus": [{"taskId": camera, "status": "done"}, {"taskId": gps, "status": "in progress"}]})
        ask(server, "DELETE", "/fleets/phones/settings/gps.disabled", 204)
        told.next(root + "/connectivity", r'\{"connectivity":\[(?!.*taskId).*\{"disableGPS":"false"\}.*\]\}', 1)
        app = upload(server, "2")
        put(server, "apps.deploy", [{"app": app, "remove_on_delete": True}])
        told.next(root + "/application", r'\{"application":\[\{"deployApp":"com.example.app","id":"%d","version":"2",'
                  r'"versionCode":"2",.*%s\}\]\}' % (app, TASK), 1)
        put(server, "apps.deploy", [])
        told.next(root + "/application", r'\{"application":\[\{"removeApp":"com.example.app",%s\}\]\}' % TASK, 1)
        orders(server, a, told)
    finally:
        told.end()


def moved(told, a, root):
    """The device's connections were closed with its rights of before; it is told of its fleet when it comes again."""
    told.end()
    wait_for(lambda: a.find("Command/Subscribe"), 60)
    told = Listener(a.record)
    told.next(a.topic + "/Command/Subscribe", {"subscribe": [{"topic": root}]}, 1)
    told.listen(root + "/#")
    return told


def orders(server, a, told):
    number = a.record["id"]
    c = command(server, number, "ping")
    told.next(a.topic + "/Command/Ping", {"query": "Ping"}, 1)
    wait_for(lambda: state(server, c) == "done", 60)
    told.heard = [h for h in told.heard if not h[0].endswith("/Command/Ping")]  # of a probe
    a.answers = False
    for kind, suffix, key, value, qos in (("lock", "Lock", "lock", "now", 1), ("unlock", "Lock", "lock", "unlock", 1),
                                          ("wipe", "Wipe", "wipe", "now", 2), ("unenroll", "Unenroll", "unenroll", "now", 1)):
        c = command(server, number, kind)
        told.next(a.topic + "/Command/" + suffix, r'\{"%s":"%s","taskId":"%d","datetime":\d+\}' % (key, value, c), qos)
        late = Listener(a.record)  # it stays for who comes later …
        late.next(a.topic + "/Command/" + suffix, r'\{"%s":"%s".*\}' % (key, value), qos)
        late.end()
        ask(server, "POST", "/commands/%d/cancel" % c, 200)
        told.next(a.topic + "/Command/" + suffix, "", qos)  # … until it is over


@pytest.mark.parametrize("symbol, name, value, said, neutral", [
    ("disableCamera", "camera.disabled", True, "true", "false"),
    ("maximumTimeToLock", "screen.max_time_to_lock_ms", 5000, "5000", "60000"),
    ("passwordQuality", "password.quality", "complex", "PASSWORD_QUALITY_COMPLEX", "PASSWORD_QUALITY_UNSPECIFIED"),
])
def test_d2(server, agents, symbol, name, value, said, neutral):
    fleet = make_fleet(server)
    root = "0/fleet/%d" % fleet["id"]
    a = agents(D2, "SER1").enroll(invite(server, fleet="phones")).connect()
    told = Listener(a.record)
    try:
        told.next(a.topic + "/Command/Subscribe", {"subscribe": [{"topic": root}]}, 1)
        told.listen(root + "/#")
        numbers = []
        for change in (lambda: put(server, name, value), lambda: ask(server, "DELETE", "/fleets/phones/settings/" + name, 204)):
            change()
            word = neutral if numbers else said
            a.wait(lambda: a.policies(root).get(symbol, ("",))[0] == word, word)
            number = a.policies(root)[symbol][1]
            told.next("%s/Policy/%s/Task/%s" % (root, symbol, number), {symbol: word, "taskId": number}, 1)
            if numbers:
                told.next("%s/Policy/%s/Task/%s" % (root, symbol, numbers[0]), "", 1)
            numbers.append(number)
    finally:
        told.end()
