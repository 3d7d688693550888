# SPDX-License-Identifier: Apache-2.0
"""Flyve agents are managed: settings of fleets and of devices, tasks and verdicts, commands, moves, files. Real mosquitto,
agents that play the Android ones."""
import hashlib
import json
import os
import re
import signal
import sqlite3
import threading

import pytest
import requests

from conftest import wait_for
from flyve_agents import (D1, D2, Refused, Rest, agents, ask, command, connect_raw, device, invite,  # noqa: F401 (fixtures)
                          make_fleet, server, state)
from mqtt_fixtures import broker_pid, metric


def setting(server, where, name, value):
    """where: "fleets/phones" or "devices/1"; value None: unset."""
    if value is None:
        ask(server, "DELETE", "/%s/settings/%s" % (where, name), 204)
    else:
        ask(server, "PUT", "/%s/settings/%s" % (where, name), 200, {"value": value})


def verdict(server, a, wanted):
    wait_for(lambda: device(server, a.record["id"])["verdict"] == wanted, 60, "the verdict " + wanted)


@pytest.fixture
def phones(server):
    """The fleet, and an invitation to it."""
    fleet = make_fleet(server)
    fleet["invitation"] = invite(server, fleet="phones")
    return fleet


def one(message, key):
    """The entry of a group's message that has the key."""
    found = [e for entries in message.values() for e in entries if key in e]
    assert len(found) == 1, message
    return found[0]


# ---- D1 ----

def test_d1_groups(server, agents, phones):
    a = agents(D1, "SER1").enroll(phones["invitation"]).connect()
    root = "/0/fleet/%d" % phones["id"]
    assert a.wait_message(root + "/camera") == {"camera": [{"disableCamera": "false"}]}
    assert a.wait_message(root + "/encryption") == {"encryption": [{"storageEncryption": "false"}]}
    policies = a.wait_message(root + "/policies")["policies"]
    assert {"MaximumTimeToLock": "60000"} in policies and {"passwordEnabled": "PASSWORD_NONE"} in policies
    assert not any("resetPassword" in p for p in policies)
    for key in ("disableWifi", "disableBluetooth", "disableGPS"):
        assert one(a.wait_message(root + "/connectivity"), key) == {key: "false"}
    setting(server, "fleets/phones", "camera.disabled", True)
    entry = one(a.wait_message(root + "/camera", lambda m: "taskId" in m["camera"][0]), "disableCamera")
    assert entry["disableCamera"] == "true" and isinstance(entry["taskId"], str)
    a.tasks(**{entry["taskId"]: "in progress"})
    verdict(server, a, "NON_COMPLIANT")
    a.tasks(**{entry["taskId"]: "done", "77": "done"})  # one entry is nobody's task
    verdict(server, a, "COMPLIANT")
    setting(server, "fleets/phones", "camera.disabled", None)
    a.wait_message(root + "/camera", lambda m: m == {"camera": [{"disableCamera": "false"}]})
    a.say("Status/Ping", "!")
    verdict(server, a, "COMPLIANT")


GROUPS = [
    ("policies", {"password.min_length": 8, "password.quality": "complex", "password.enabled": "passwd",
                  "password.max_failed_for_wipe": 5, "screen.max_time_to_lock_ms": 5000},
     {"passwordMinLength": "8", "passwordQuality": "PASSWORD_QUALITY_COMPLEX", "passwordEnabled": "PASSWORD_PASSWD",
      "MaximumFailedPasswordsForWipe": "5", "MaximumTimeToLock": "5000"}),
    ("encryption", {"storage.encryption": True}, {"storageEncryption": "true"}),
    ("connectivity", {"wifi.disabled": True, "bluetooth.disabled": True, "gps.disabled": True},
     {"disableWifi": "true", "disableBluetooth": "true", "disableGPS": "true"}),
    ("phone", {"sms_mms.disabled": True}, {"disableSmsMms": "true"}),
    ("ui", {"ringer.mode": "silent"}, {"defaultStreamType": "RINGER_MODE_SILENT"}),
    ("application", {"apps.remove": ["org.x", "org.y"]}, {"removeApp": "org.y"}),
    ("file", {"files.remove": ["%SDCARD%/a"]}, {"removeFile": "%SDCARD%/a"}),
]


def test_all_groups(server, agents, phones):
    a = agents(D1, "SER1").enroll(phones["invitation"]).connect()
    root = "/0/fleet/%d" % phones["id"]
    for group, settings, wanted in GROUPS:
        for name, value in settings.items():
            setting(server, "fleets/phones", name, value)
        want = {(k, v) for k, v in wanted.items()}
        a.wait_message("%s/%s" % (root, group),
                       lambda m: want <= {(k, e[k]) for e in m[group] for k in e if "taskId" in e})
    setting(server, "fleets/phones", "launcher.enabled", True)
    setting(server, "fleets/phones", "launcher.apps", ["com.android.mms"])
    a.wait_message(root + "/launcher", lambda m: m["launcher"]["code"] == "start" and
                   m["launcher"]["data"] == [{"name": "com.android.mms"}])


def test_d1_everything_subscription(server, agents, phones):
    """The betas of a few months subscribed to '#', and were deaf where that was denied."""
    a = agents(D1, "SER1").enroll(phones["invitation"])
    a.everything = True
    a.connect()
    setting(server, "fleets/phones", "camera.disabled", True)
    a.wait_message("/0/fleet/%d/camera" % phones["id"], lambda m: m["camera"][0]["disableCamera"] == "true")
    command(server, a.record["id"], "ping")
    a.wait_message("Command/Ping")


# ---- D2 ----

def test_d2_tasks(server, agents, phones):
    a = agents(D2, "SER1").enroll(phones["invitation"]).connect()
    root = "0/fleet/%d" % phones["id"]
    setting(server, "fleets/phones", "camera.disabled", True)
    setting(server, "fleets/phones", "screen.max_time_to_lock_ms", 5000)
    a.wait(lambda: set(a.policies(root)) == {"disableCamera", "maximumTimeToLock"}, "two tasks")
    for symbol, (value, number) in a.policies(root).items():
        assert value == {"disableCamera": "true", "maximumTimeToLock": "5000"}[symbol]
        a.task(number, "received")
        verdict(server, a, "NON_COMPLIANT")
        a.task(number, "done")
    verdict(server, a, "COMPLIANT")
    first = a.policies(root)["disableCamera"][1]
    setting(server, "fleets/phones", "camera.disabled", None)
    a.wait(lambda: a.policies(root).get("disableCamera", ("true",))[0] == "false", "the neutral value")
    a.task(first, "done")  # late: of a task that is no more
    a.task(a.policies(root)["disableCamera"][1], "done")
    verdict(server, a, "COMPLIANT")
    setting(server, "fleets/phones", "camera.disabled", True)
    a.wait(lambda: a.policies(root).get("disableCamera", ("",))[0] == "true", "the task again")
    a.task(a.policies(root)["disableCamera"][1], "failed")
    verdict(server, a, "NON_COMPLIANT")
    r = ask(server, "GET", "/devices/%d/report" % a.record["id"], 200)
    assert "failed" in json.dumps(r)


def test_a_ghosts_will_says_nothing(server, agents, phones):
    """A phone changes its network: the broker finds the old connection dead when the new one is there already."""
    a = agents(D2, "SER1").enroll(phones["invitation"]).connect()
    ghost = agents(D2, "SER1")
    ghost.record, ghost.answers = a.record, False
    ghost.connect()
    wait_for(lambda: metric(server, "reeve_mqtt_connections") == 2, 60, "two connections")
    ghost.drop()
    wait_for(lambda: metric(server, "reeve_mqtt_connections") == 1, 60, "the end of the old one")
    c = command(server, a.record["id"], "ping")
    wait_for(lambda: state(server, c) == "done", 60, "an answer, behind whatever the broker said before")
    assert device(server, a.record["id"])["attributes"]["online"] == "true"
    a.drop()
    wait_for(lambda: device(server, a.record["id"])["attributes"]["online"] == "false", 60, "it to be gone")


def test_reserved_and_foreign_statuses_change_nothing(server, agents, phones):
    a = agents(D2, "SER1").enroll(phones["invitation"]).connect()
    b = agents(D2, "SER2").enroll(invite(server)).connect()
    setting(server, "fleets/phones", "camera.disabled", True)
    root = "0/fleet/%d" % phones["id"]
    a.wait(lambda: a.policies(root), "the task")
    number = a.policies(root)["disableCamera"][1]
    for payload in ({"status": "queued"}, {"status": "pushed"}, {"status": "x" * 256}, "done", b"\xff", {"status": 5}):
        a.say("Status/Task/" + number, payload)
    b.task(number, "done")  # not of its fleet
    b.say("Status/Unenroll", {"unenroll": "now"})  # a stray message
    b.say("Status/Online", {"online": "perhaps"})
    command(server, b.record["id"], "ping")
    b.wait_message("Command/Ping")
    a.task(number, "done")
    verdict(server, a, "COMPLIANT")
    assert device(server, b.record["id"])["managed"] is True


# ---- how a phone is spoken to ----

def test_dialect_of_one_device(server, agents, phones):
    """Chosen while it is connected: it is told another root of its fleet, in the other layout; and back."""
    setting(server, "fleets/phones", "camera.disabled", True)
    a, b = (agents(D2, name).enroll(phones["invitation"]).connect() for name in ("SER1", "SER2"))
    d1, d2 = "/0/fleet/%d" % phones["id"], "0/fleet/%d" % phones["id"]
    for x in (a, b):
        x.wait(lambda: "disableCamera" in x.policies(d2), "the task")
    own = "devices/%d" % a.record["id"]
    setting(server, own, "flyve.dialect", "d1")
    a.wait_message("Command/Subscribe", lambda m: m["subscribe"] == [{"topic": d1}])
    entry = one(a.wait_message(d1 + "/camera", lambda m: "taskId" in m["camera"][0]), "disableCamera")
    a.say("Status/Task", {"updateStatus": [{"taskId": entry["taskId"], "status": "done"}]})
    verdict(server, a, "COMPLIANT")
    command(server, a.record["id"], "ping")
    a.wait_message("Command/Ping")  # its own topics are where it has subscribed
    a.forget(), b.forget()
    setting(server, own, "flyve.dialect", None)
    a.wait_message("Command/Subscribe", lambda m: m["subscribe"] == [{"topic": d2}])
    a.wait(lambda: "disableCamera" in a.policies(d2), "the task again")
    assert not [t for t, p in b.heard if t.startswith(d1)]


def test_dialect_of_a_fleet(server, agents):
    """Chosen above: for who enrolls from now on, and for who is there."""
    fleet = make_fleet(server)
    invitation = invite(server, fleet="phones")
    a = agents(D2, "SER1").enroll(invitation).connect()
    assert a.topic == "0/agent/SER1"
    setting(server, "fleets/default", "flyve.dialect", "d1")
    a.wait_message("Command/Subscribe", lambda m: m["subscribe"] == [{"topic": "/0/fleet/%d" % fleet["id"]}])
    a.wait_message("/0/fleet/%d/camera" % fleet["id"])
    b = agents(D2, "SER2").enroll(invitation).connect()
    assert b.topic == "/0/agent/SER2"
    b.wait_message("/0/fleet/%d/camera" % fleet["id"])
    setting(server, "fleets/phones", "flyve.dialect", "auto")
    for x in (a, b):
        x.wait_message("Command/Subscribe", lambda m: m["subscribe"] == [{"topic": "0/fleet/%d" % fleet["id"]}])
    assert server.admin().put("/api/v1/fleets/phones/settings/flyve.dialect", json={"value": "d3"}).status_code == 400


# ---- settings of one device, and of none ----

@pytest.mark.parametrize("cls", [D1, D2])
def test_device_that_differs(server, agents, phones, cls):
    setting(server, "fleets/phones", "wifi.disabled", True)
    a = agents(cls, "SER1").enroll(phones["invitation"]).connect()
    b = agents(cls, "SER2").enroll(phones["invitation"]).connect()
    for x in (a, b):
        x.wait_message("Command/Subscribe", lambda m: m["subscribe"])
    setting(server, "devices/%d" % a.record["id"], "camera.disabled", True)
    if cls is D1:
        a.wait_message("Policy/camera", lambda m: m["camera"][0]["disableCamera"] == "true")
        a.wait_message("Policy/connectivity", lambda m: one(m, "disableWifi")["disableWifi"] == "true")
    else:
        a.wait(lambda: {"disableCamera", "disableWifi"} <= set(a.policies(a.topic)), "its own tasks")
    a.wait_message("Command/Subscribe", lambda m: m["subscribe"] == [])
    a.forget()
    setting(server, "fleets/phones", "wifi.disabled", None)
    setting(server, "fleets/phones", "gps.disabled", True)
    if cls is D1:
        a.wait_message("Policy/connectivity", lambda m: one(m, "disableGPS")["disableGPS"] == "true")
        b.wait_message("/0/fleet/%d/connectivity" % phones["id"],
                       lambda m: one(m, "disableGPS")["disableGPS"] == "true")
    else:
        a.wait(lambda: "disableGPS" in a.policies(a.topic), "its own task")
        b.wait(lambda: "disableGPS" in b.policies("0/fleet/%d" % phones["id"]), "the fleet's task")
    assert not [t for t, payload in a.heard if "/fleet/" in t and payload]  # what is its fleet's is not for it
    assert not [t for t, payload in b.heard if "/agent/SER2/Policy" in t]


def test_not_managed_fleet(server, agents):
    """Enrolled without a fleet: nothing is said, until the root has something to say."""
    a = agents(D1, "SER1").enroll(invite(server)).connect()
    command(server, a.record["id"], "ping")
    a.wait_message("Command/Ping")
    assert not a.find("Command/Subscribe") and not [t for t, _ in a.heard if "/fleet/" in t]
    verdict(server, a, "COMPLIANT")
    setting(server, "fleets/default", "camera.disabled", True)
    a.wait_message("Command/Subscribe", lambda m: m["subscribe"])
    a.wait(lambda: [t for t, p in a.heard if t.endswith("/camera") and "true" in p], "the root's camera group")


# ---- commands ----

@pytest.mark.parametrize("cls", [D1, D2])
def test_commands(server, agents, cls):
    a = agents(cls, "SER1").enroll(invite(server)).connect()
    number = a.record["id"]
    for kind, suffix, want in (("ping", "Ping", {"query": "Ping"}), ("locate", "Geolocate", {"query": "Geolocate"}),
                               ("inventory", "Inventory", {"query": "Inventory"})):
        c = command(server, number, kind)
        assert a.wait_message("Command/" + suffix) == want
        wait_for(lambda: state(server, c) == "done", 60, kind)
    attributes = device(server, number)["attributes"]
    assert (attributes["latitude"], attributes["longitude"]) == ("48.1", "-1.6")
    for kind, value in (("lock", "now"), ("unlock", "unlock")):
        c = command(server, number, kind)
        message = a.wait_message("Command/Lock", lambda m: m["lock"] == value)
        assert message["taskId"] == str(c) and isinstance(message["datetime"], int)
        wait_for(lambda: state(server, c) == "done", 60, kind)  # it answers the ping that asks whether it is there
        a.wait(lambda: a.heard[-1] == (a.topic + "/Command/Lock", ""), "the erasure")
    c = command(server, number, "unenroll")
    assert a.wait_message("Command/Unenroll")["unenroll"] == "now"
    wait_for(lambda: state(server, c) == "done", 60, "unenroll")
    assert device(server, number)["managed"] is False
    a.wait(lambda: a.refused, "a refusal")  # it is sent away, and tries again by itself


def confirms_orders(a):
    """As agents do that know an order's id."""
    obey = a.obey

    def obey_and_confirm(topic, message):
        obey(topic, message)
        if "lock" in message:
            a.tasks(**{message["taskId"]: "done"}) if isinstance(a, D1) else a.task(message["taskId"], "done")
    a.obey = obey_and_confirm
    return a


def test_orders_come_once_each(server, agents):
    """Many orders, confirmed as they come: what was published is not published again while that is being written."""
    everybody = [confirms_orders(agents((D1, D2)[i % 2], "SER%d" % i).enroll(invite(server)).connect()) for i in range(8)]
    for i in range(12):
        for a in everybody:
            last = command(server, a.record["id"], ("lock", "unlock")[i % 2])
    wait_for(lambda: state(server, last) == "done", 60, "the last order")
    for a in everybody:
        c = command(server, a.record["id"], "ping")
        wait_for(lambda: state(server, c) == "done", 60, "an answer after all of them")
        told = [json.loads(p)["taskId"] for t, p in a.heard if t.endswith("Command/Lock") and p]
        assert told and len(told) == len(set(told)), told


def test_secret_parameter(server, agents):
    """The device gets the new password; nobody else is ever shown it, and it is gone when the order is over."""
    a = agents(D1, "SER1").enroll(invite(server))
    sent = server.admin().post("/api/v1/commands", json={"device": a.record["id"], "type": "reset_password",
                                                         "params": {"password": "hunter-2-hunter"}})
    assert sent.status_code == 201 and sent.json()["params"] == {"password": "********"}
    number = sent.json()["id"]
    r = server.admin().post("/api/v1/commands", json={"device": a.record["id"], "type": "reset_password",
                                                      "params": {"password": 123454321}})
    assert r.status_code == 400 and "123454321" not in r.text

    def shown():
        paths = ["/commands/%d" % number, "/commands", "/commands?format=csv", "/events?newest=true",
                 "/devices/%d" % a.record["id"], "/export", "/overview"]
        return [p for p in paths if "hunter-2" in server.admin().get("/api/v1" + p).text]

    assert not shown()
    a.connect()
    assert a.wait_message("Command/ResetPassword")["policies"] == [{"resetPassword": "hunter-2-hunter"}]
    wait_for(lambda: state(server, number) == "done", 60)
    assert not shown()
    a.wait(lambda: a.heard[-1] == (a.topic + "/Command/ResetPassword", ""), "the erasure")
    db = sqlite3.connect(server.data / "store.sqlite")
    for table in ("command", "retained", "event", "idempotency"):
        wait_for(lambda: "hunter-2" not in str(db.execute("SELECT * FROM " + table).fetchall()), 60, "it to go from " + table)
    db.close()
    assert "hunter-2" not in server.stderr()


def test_metrics(server, agents, phones):
    def read(name):
        return metric(server, "reeve_flyve_" + name)

    a = agents(D2, "SER1").enroll(phones["invitation"]).connect()
    wait_for(lambda: read("messages_total") >= 1 and read("published_total") >= 1, 60, "the counters")
    before = read("refused_total"), read("entries_refused_total")
    a.say("Status/Online", "nonsense")
    a.say("Status/Task", {"updateStatus": [{"taskId": 1}, {"taskId": "x"}, {"taskId": "1000000099", "status": "done"}]})
    wait_for(lambda: (read("refused_total"), read("entries_refused_total")) == (before[0] + 1, before[1] + 3), 60)
    assert read("lost_total") == 0 and read("erased_total") == 0
    setting(server, "fleets/phones", "camera.disabled", True)
    a.wait(lambda: a.policies("0/fleet/%d" % phones["id"]), "the task")
    db = sqlite3.connect(server.data / "store.sqlite")
    n_rows = db.execute("SELECT COUNT(*) FROM retained").fetchone()[0]
    db.close()
    assert n_rows >= 4  # the manifest in both spellings, which fleet is the device's, the task
    wait_for(lambda: read("retained") == n_rows, 60, "what is retained to be counted")
    assert re.search(r'^reeve_http_requests_total\{class="flyve",status="2xx"\} [1-9]',
                     server.session().get("/metrics").text, re.M)


def test_order_confirmed_by_its_id(server, agents):
    a = agents(D2, "SER1").enroll(invite(server)).connect()
    a.answers = False
    c = command(server, a.record["id"], "lock")
    a.task(a.wait_message("Command/Lock")["taskId"], "received")
    wait_for(lambda: state(server, c) == "acknowledged", 60)
    a.wait(lambda: a.heard[-1] == (a.topic + "/Command/Lock", ""), "the erasure")
    a.say("Status/Task/%d" % c, {"status": "failed", "message": "no screen"})
    wait_for(lambda: state(server, c) == "failed", 60)
    assert ask(server, "GET", "/commands/%d" % c, 200)["message"] == "no screen"


def retained(a, suffix):
    """Does the broker hold something on this topic of the device? Asked by a connection of its account."""
    client, heard = connect_raw(a.record["broker"], int(a.record["port"]), a.record["mqttuser"], a.record["mqttpasswd"])
    client.subscribe([(a.topic + "/" + suffix, 0), ("FlyvemdmManifest/Status/Version", 0)])
    wait_for(lambda: [t for t, _ in heard if t.startswith("Flyvemdm")], 60, "the manifest, which comes last")
    client.disconnect()
    client.loop_stop()
    return [p for t, p in heard if t.endswith(suffix)]


@pytest.mark.parametrize("cls", [D1, D2])
def test_orders_wait_for_an_absent_device(server, agents, cls):
    a = agents(cls, "SER1").enroll(invite(server)).connect()
    a.drop()
    number = a.record["id"]
    ids = {kind: command(server, number, kind) for kind in ("lock", "locate", "wipe")}
    wait_for(lambda: retained(a, "Command/Wipe"), 60, "the order at the broker")
    ask(server, "POST", "/commands/%d/cancel" % ids["wipe"], 200)
    wait_for(lambda: not retained(a, "Command/Wipe"), 60, "the order's erasure")
    a.forget()
    a.connect()
    a.wait_message("Command/Lock")
    a.wait_message("Command/Geolocate")  # a query is said again to who comes back
    wait_for(lambda: state(server, ids["lock"]) == "done" and state(server, ids["locate"]) == "done", 60)
    assert not a.find("Command/Wipe") and state(server, ids["wipe"]) == "cancelled"


def test_orders_in_the_record(server, agents):
    a = agents(D1, "SER1").enroll(invite(server))
    rest = Rest(a.rest_url, a.record["api_token"])

    def flags():
        record = rest.ask("GET", "PluginFlyvemdmAgent/%d" % a.record["id"])
        return record["wipe"], record["lock"]

    assert flags() == (0, 0)
    for kind, want in (("lock", (0, 1)), ("unlock", (0, 0)), ("lock", (0, 1)), ("wipe", (1, 1))):
        c = command(server, a.record["id"], kind)
        assert flags() == want
    ask(server, "POST", "/commands/%d/cancel" % c, 200)
    assert flags() == (0, 1)


def test_newer_order_on_the_same_topic(server, agents):
    a = agents(D1, "SER1").enroll(invite(server))
    lock, unlock = (command(server, a.record["id"], kind) for kind in ("lock", "unlock"))
    wait_for(lambda: (state(server, lock), state(server, unlock)) == ("failed", "sent"), 60)
    a.connect()
    a.wait_message("Command/Lock", lambda m: m["lock"] == "unlock")  # which may be on its way to the broker still
    assert a.find("Command/Lock")["lock"] == "unlock"


@pytest.mark.parametrize("cls", [D1, D2])
def test_unenrolled_by_the_server(server, agents, cls):
    """Whoever is connected hears it, then the account is gone; nothing stays behind for the next life."""
    invitation = invite(server)
    a = agents(cls, "SER1").enroll(invitation).connect()
    a.answers = False
    r = ask(server, "POST", "/devices/%d/unenroll" % a.record["id"], 200)
    assert r["managed"] is False
    message = a.wait_message("Command/Unenroll")
    assert message["unenroll"] == "now" and isinstance(message["datetime"], int)
    a.wait(lambda: a.refused, "a refusal")
    a.disconnect()
    a = agents(cls, "SER1").enroll(invitation).connect()
    command(server, a.record["id"], "ping")
    a.wait_message("Command/Ping")
    assert not a.find("Command/Unenroll")
    assert ask(server, "POST", "/devices/%d/unenroll" % a.record["id"], 200)["managed"] is False
    ask(server, "POST", "/devices/%d/unenroll" % a.record["id"], 200)  # again: nothing to say


def test_deleted_or_away_is_told_nothing(server, agents):
    """A device whose record is deleted loses its rights at once, and one that is away cannot come and read anything."""
    invitation = invite(server)
    a, b = (agents(D2, name).enroll(invitation).connect() for name in ("SER1", "SER2"))
    a.answers = b.answers = False
    ask(server, "DELETE", "/devices/%d" % a.record["id"], 204)
    a.wait(lambda: a.refused, "a refusal")
    assert not a.find("Command/Unenroll")
    b.drop()
    ask(server, "POST", "/devices/%d/unenroll" % b.record["id"], 200)
    b.connect(wait=False)
    b.wait(lambda: b.refused, "a refusal")
    assert not b.find("Command/Unenroll")


def test_unenrolled_while_the_broker_is_down(server, agents):
    """Nobody can be told: the unenrollment is not held up for longer than it takes to find out."""
    a = agents(D1, "SER1").enroll(invite(server)).connect()
    os.kill(broker_pid(server), signal.SIGSTOP)
    try:
        assert ask(server, "POST", "/devices/%d/unenroll" % a.record["id"], 200)["managed"] is False
    finally:
        os.kill(broker_pid(server), signal.SIGCONT)
    a.wait(lambda: a.refused, "a refusal")
    again = agents(D1, "SER1").enroll(invite(server)).connect()
    command(server, again.record["id"], "ping")
    again.wait_message("Command/Ping")
    assert not again.find("Command/Unenroll")


# ---- moves ----

@pytest.mark.parametrize("cls", [D1, D2])
@pytest.mark.parametrize("online", [True, False])
def test_moved(server, agents, phones, cls, online):
    other = make_fleet(server, "tablets")
    setting(server, "fleets/phones", "camera.disabled", True)
    setting(server, "fleets/tablets", "wifi.disabled", True)
    a = agents(cls, "SER1").enroll(phones["invitation"]).connect()
    a.wait(lambda: [t for t, _ in a.heard if "/fleet/%d/" % phones["id"] in t], "the old fleet")
    if not online:
        a.drop()
    ask(server, "PATCH", "/devices/%d" % a.record["id"], 200, {"fleet": "tablets"})
    if not online:
        a.forget()
        a.connect()
    a.wait_message("Command/Subscribe", lambda m: m["subscribe"][0]["topic"].endswith("/fleet/%d" % other["id"]))
    a.wait(lambda: [t for t, p in a.heard if "/fleet/%d/" % other["id"] in t and p], "the new fleet")
    a.forget()
    a.subscribe("/0/fleet/%d/#" % phones["id"], "0/fleet/%d/#" % phones["id"], "#", "+/fleet/#")  # it never unsubscribes
    setting(server, "fleets/phones", "camera.disabled", False)
    command(server, a.record["id"], "ping")
    a.wait_message("Command/Ping")
    assert not [t for t, _ in a.heard if "/fleet/%d/" % phones["id"] in t]


def test_fleet_deleted(server, agents, phones):
    setting(server, "fleets/default", "gps.disabled", True)
    a = agents(D1, "SER1").enroll(phones["invitation"]).connect()
    a.wait_message("Command/Subscribe", lambda m: m["subscribe"][0]["topic"].endswith("/%d" % phones["id"]))
    ask(server, "DELETE", "/fleets/phones", 204)
    a.wait_message("Command/Subscribe", lambda m: m["subscribe"] and not m["subscribe"][0]["topic"].endswith("/%d" % phones["id"]))
    a.wait(lambda: [t for t, p in a.heard if t.endswith("/connectivity") and '"disableGPS":"true"' in p], "the root's group")


# ---- files ----

def test_files(server, agents, phones):
    content = b"0123456789" * 100
    made = server.admin().post("/api/v1/files", params={"kind": "file", "name": "notes.txt"}, data=content,
                               headers={"Content-Type": "application/octet-stream"})
    assert made.status_code == 201, made.text
    f = made.json()
    setting(server, "fleets/phones", "files.deploy", [{"file": f["id"], "destination": "%SDCARD%/docs/", "remove_on_delete": True}])
    a = agents(D1, "SER1").enroll(phones["invitation"]).connect()
    root = "/0/fleet/%d" % phones["id"]
    entry = one(a.wait_message(root + "/file"), "deployFile")
    assert entry["deployFile"] == "%SDCARD%/docs/" and entry["id"] == str(f["id"]) and entry["version"] == "1"
    assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    rest = Rest(a.rest_url, a.record["api_token"])
    about = rest.ask("GET", "PluginFlyvemdmFile/%d" % f["id"])
    assert about["name"] == "notes.txt" and about["filesize"] == len(content)
    url = "%s/PluginFlyvemdmFile/%d" % (a.rest_url, f["id"])
    headers = {"Session-Token": rest.http.headers["Session-Token"], "Accept": "application/octet-stream"}
    assert requests.get(url, headers=headers, timeout=60).content == content
    part = requests.get(url, headers=dict(headers, Range="bytes=10-19"), timeout=60)
    assert part.status_code == 206 and part.content == b"0123456789"
    b = agents(D1, "SER2").enroll(invite(server))
    other = Rest(b.rest_url, b.record["api_token"])
    headers["Session-Token"] = other.http.headers["Session-Token"]
    assert requests.get(url, headers=headers, timeout=60).status_code == 404  # nothing deploys it there
    a.tasks(**{entry["taskId"]: "done"})
    verdict(server, a, "COMPLIANT")
    setting(server, "fleets/phones", "files.deploy", [])
    one(a.wait_message(root + "/file", lambda m: "removeFile" in m["file"][0]), "removeFile")


# ---- over HTTP, as agents of D2 may ----

def test_statuses_over_http(server, agents, phones):
    a = agents(D2, "SER1").enroll(phones["invitation"]).connect()
    rest = Rest(a.rest_url, a.record["api_token"])
    setting(server, "fleets/phones", "camera.disabled", True)
    a.wait(lambda: a.policies("0/fleet/%d" % phones["id"]), "the task")
    number = a.policies("0/fleet/%d" % phones["id"])["disableCamera"][1]
    wait_for(lambda: rest.ask("PUT", "PluginFlyvemdmTaskstatus/" + number, json={"input": {"status": "done"}})
             and device(server, a.record["id"])["verdict"] == "COMPLIANT", 60)
    a.answers = False
    c = command(server, a.record["id"], "ping")
    a.wait_message("Command/Ping")
    rest.ask("PUT", "PluginFlyvemdmAgent/%d" % a.record["id"], json={"input": {"_pong": "!"}})
    assert state(server, c) == "done"
    rest.ask("POST", "PluginFlyvemdmGeolocation", json={"input": {"latitude": "1.5", "longitude": "2", "_datetime": 60}})
    assert device(server, a.record["id"])["attributes"]["latitude"] == "1.5"
    # of others, or no sense: refused, and nothing changes
    own, other = a.record["id"], agents(D2, "SER2").enroll(phones["invitation"]).record["id"]
    rest.ask("PUT", "PluginFlyvemdmAgent/%d" % own, json={"input": {"is_online": True}})
    before = device(server, own)["attributes"], device(server, other)["attributes"]
    for method, path, fields, status in [
            ("PUT", "PluginFlyvemdmAgent/%d" % other, {"is_online": False}, 404),
            ("PUT", "PluginFlyvemdmAgent/%d" % own, {"is_online": "perhaps"}, 400),
            ("PUT", "PluginFlyvemdmAgent/%d" % own, {"is_online": None}, 400),
            ("POST", "PluginFlyvemdmGeolocation", {"_agents_id": other, "latitude": "7", "longitude": "7", "_datetime": 60}, 404),
            ("POST", "PluginFlyvemdmGeolocation", {"computers_id": "x", "latitude": "7", "longitude": "7"}, 404),
            ("PUT", "PluginFlyvemdmTaskstatus/1000000099", {"status": "done"}, 404)]:
        with pytest.raises(Refused) as refused:
            rest.ask(method, path, json={"input": fields})
        assert refused.value.status == status, (path, fields)
    assert (device(server, own)["attributes"], device(server, other)["attributes"]) == before


class D2OverHttp(D2):
    """As 2.0.0 does with this transport: it listens over MQTT and speaks over HTTP."""

    def put(self, **fields):
        self.rest.ask("PUT", "PluginFlyvemdmAgent/%d" % self.record["id"], json={"input": fields})

    def greet(self, client):
        self.subscribe(self.first_filter())
        self.subscribe("FlyvemdmManifest/Status/Version")
        threading.Thread(target=self.put, kwargs={"is_online": True}).start()

    def obey(self, topic, message):
        if message.get("query") == "Ping":
            threading.Thread(target=self.put, kwargs={"_pong": "!"}).start()
        elif "subscribe" in message:
            self.subscribe(*[str(e["topic"]) + "/#" for e in message["subscribe"]])


def test_agent_that_speaks_over_http(server, agents, phones):
    """Its answers prove as much: orders that have reached it are done, and what it was told is known."""
    a = agents(D2OverHttp, "SER1").enroll(phones["invitation"])
    a.rest = Rest(a.rest_url, a.record["api_token"])
    waiting = command(server, a.record["id"], "lock")
    wait_for(lambda: state(server, waiting) == "sent", 60)
    a.connect()
    a.wait_message("Command/Lock", lambda m: m["lock"] == "now")
    wait_for(lambda: state(server, waiting) == "done", 60, "the order that waited")
    verdict(server, a, "COMPLIANT")
    live = command(server, a.record["id"], "unlock")
    a.wait_message("Command/Lock", lambda m: m["lock"] == "unlock")
    wait_for(lambda: state(server, live) == "done", 60, "the order that came while it was there")
    setting(server, "fleets/phones", "camera.disabled", True)
    root = "0/fleet/%d" % phones["id"]
    a.wait(lambda: "disableCamera" in a.policies(root), "the task")
    verdict(server, a, "STALE")  # nothing was said of it
    a.rest.ask("PUT", "PluginFlyvemdmTaskstatus/" + a.policies(root)["disableCamera"][1], json={"input": {"status": "done"}})
    verdict(server, a, "COMPLIANT")
