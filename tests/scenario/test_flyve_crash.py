# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the broker, of the server, of both, in the middle of changes: everybody ends with the right state, no order
is lost and none comes twice."""
import json
import os
import pathlib
import signal
import socket
import threading

import pytest

from conftest import wait_for
from flyve_agents import (D1, D2, agents, ask, command, invite, make_fleet, server,  # noqa: F401 (fixtures)
                          state)

N_AGENTS = 12


def broker_pid(server):
    """The mosquitto that is the server's child."""
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        if fields.get("PPid") == str(server.process.pid) and fields["Name"].startswith("mosquitto"):
            return int(fields["Pid"])
    return None


def kill_broker(server):
    os.kill(wait_for(lambda: broker_pid(server), 60, "the broker"), signal.SIGKILL)


def kill_server(server):
    server.kill()
    server.start()


def kill_both(server):
    os.kill(broker_pid(server), signal.SIGKILL)
    kill_server(server)


def port(server):
    return int(server.ready_line.rsplit(":", 1)[1])


def reconnect(server, everybody):
    """After a crash agents come back by themselves; the port is another one when the server started anew."""
    for a in everybody:
        if a.record["port"] != str(port(server)):
            a.disconnect()
            a.record["port"] = str(port(server))
            a.connect()


def camera_of(a, fleet):
    """What the agent was told last: "true", "false" or None."""
    if isinstance(a, D1):
        m = a.find("/0/fleet/%d/camera" % fleet["id"])
        return m and m["camera"][0]["disableCamera"]
    return a.policies("0/fleet/%d" % fleet["id"]).get("disableCamera", (None,))[0]


def locks(a):
    return [p for t, p in a.heard if t.endswith("Command/Lock") and p]


@pytest.mark.parametrize("crash", [kill_broker, kill_server, kill_both])
def test_crash_in_the_middle_of_changes(server, agents, crash):
    fleet = make_fleet(server)
    invitation = invite(server, fleet="phones")
    everybody = [agents((D1, D2)[i % 2], "SER%d" % i).enroll(invitation) for i in range(N_AGENTS)]
    absent = agents(D1, "GONE").enroll(invitation)
    for a in everybody:
        a.connect()
    # an order that was done, one that waits, one that is cancelled
    done = command(server, everybody[0].record["id"], "lock")
    wait_for(lambda: state(server, done) == "done", 60, "the lock")
    waiting = command(server, absent.record["id"], "lock")
    cancelled = command(server, absent.record["id"], "wipe")
    wait_for(lambda: state(server, waiting) == "sent", 60, "the order")
    ask(server, "POST", "/commands/%d/cancel" % cancelled, 200)
    before = len(locks(everybody[0]))
    assert before == 1
    for i in range(5):
        ask(server, "PUT", "/fleets/phones/settings/camera.disabled", 200, {"value": i % 2 == 0})
        if i == 2:
            crash(server)
    reconnect(server, everybody)
    for a in everybody:
        a.wait(lambda: camera_of(a, fleet) == "true", "the last value")
    # seen again, everybody obeys, and what was told before is not told again
    ids = [command(server, a.record["id"], "ping") for a in everybody]
    for number in ids:
        wait_for(lambda: state(server, number) == "done", 60, "the ping")
    assert len(locks(everybody[0])) == before
    absent.record["port"] = str(port(server))
    absent.connect()
    absent.wait_message("Command/Lock")
    wait_for(lambda: state(server, waiting) == "done", 60, "the order that waited")
    command(server, absent.record["id"], "ping")
    absent.wait_message("Command/Ping")
    assert len(locks(absent)) == 1 and not absent.find("Command/Wipe")


def test_what_the_broker_has_acknowledged_is_not_lost(server, agents):
    """A device stops saying something when the broker has it; a server that dies then must have it, or hear it again."""
    make_fleet(server)
    a = agents(D2, "SER1").enroll(invite(server, fleet="phones")).connect()
    ask(server, "PUT", "/fleets/phones/settings/camera.disabled", 200, {"value": True})
    a.wait(lambda: camera_of(a, {"id": a.record["plugin_flyvemdm_fleets_id"]}), "the task")
    number = a.policies("0/fleet/%d" % a.record["plugin_flyvemdm_fleets_id"])["disableCamera"][1]

    def said():
        return [s["state"] for s in ask(server, "GET", "/devices/%d" % a.record["id"], 200)["settings"]]
    for i in range(6):
        last = ("done", "failed")[i % 2]
        for status in ["failed", "done"] * 20 + [last]:
            told = a.client.publish(a.topic + "/Status/Task/" + number, json.dumps({"status": status}), qos=1)
        told.wait_for_publish(60)
        assert told.is_published()
        kill_server(server)
        reconnect(server, [a])
        wait_for(lambda: said() == [{"done": "applied", "failed": "failed"}[last]], 60, "what it said last: " + last)


class Impatient:
    """Connects as often as it can, without a library's pauses, and keeps every byte that comes after its subscription."""

    def __init__(self, record, filters):
        def text(s):
            return len(s.encode()).to_bytes(2, "big") + s.encode()
        connect = text("MQTT") + b"\x04\xc2\x00\x3c" + text("impatient") + text(record["mqttuser"]) + text(record["mqttpasswd"])
        subscribe = b"\x00\x01" + b"".join(text(f) + b"\x00" for f in filters)
        self.hello = b"\x10" + bytes([len(connect)]) + connect + b"\x82" + bytes([len(subscribe)]) + subscribe
        assert len(connect) < 128 and len(subscribe) < 128
        self.address = "127.0.0.1", int(record["port"])
        self.heard, self.stopping = b"", False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def once(self):
        with socket.create_connection(self.address, 60) as s:
            s.settimeout(0.2)
            s.sendall(self.hello)
            while not self.stopping:
                try:
                    data = s.recv(65536)
                except TimeoutError:
                    continue
                if not data:
                    return
                assert data[:1] != b"\x20" or data[3] == 0, "refused"  # which is what people are told about
                self.heard += data

    def run(self):
        while not self.stopping:
            try:
                self.once()
            except OSError:
                pass  # nobody listens, or it was put off

    def stop(self):
        self.stopping = True
        self.thread.join()


@pytest.mark.parametrize("kind,suffix,dead", [("lock", "Lock", False), ("wipe", "Wipe", True)])
def test_broker_that_comes_back_with_an_old_order(server, agents, kind, suffix, dead):
    """What it had saved holds an order that was cancelled since, while it lived or when it could not be told any more:
    whoever comes first must not read it."""
    make_fleet(server)
    a = agents(D1, "SER1").enroll(invite(server, fleet="phones"))
    topic = b"Command/" + suffix.encode()
    stale = command(server, a.record["id"], kind)
    wait_for(lambda: state(server, stale) == "sent", 60, "the order")
    saved = server.data / "mqtt" / "mosquitto.db"
    pid = broker_pid(server)
    os.kill(pid, signal.SIGUSR1)  # as it does every minute
    wait_for(lambda: saved.exists() and topic in saved.read_bytes(), 60, "what is saved")
    if dead:
        os.kill(pid, signal.SIGSTOP)
    else:
        witness = Impatient(a.record, [a.topic + "/#"])
        wait_for(lambda: witness.heard.count(topic) == 1, 60, "the order at the broker")
    ask(server, "POST", "/commands/%d/cancel" % stale, 200)
    if not dead:
        wait_for(lambda: witness.heard.count(topic) == 2 and witness.heard.endswith(topic), 60, "its erasure")
        witness.stop()
    eager = Impatient(a.record, [a.topic + "/#"])
    try:
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: broker_pid(server) not in (None, pid), 60, "another broker")
        command(server, a.record["id"], "locate")
        wait_for(lambda: b"Geolocat" in eager.heard, 60, "what is new")
    finally:
        eager.stop()
    assert topic not in eager.heard


def test_broker_that_forgot_everything(server, agents):
    """Its folder is gone: what is retained comes from the store."""
    fleet = make_fleet(server)
    a = agents(D1, "SER1").enroll(invite(server, fleet="phones"))
    ask(server, "PUT", "/fleets/phones/settings/camera.disabled", 200, {"value": True})
    waiting = command(server, a.record["id"], "lock")
    wait_for(lambda: state(server, waiting) == "sent", 60)
    server.stop()
    for file in (server.data / "mqtt").rglob("*"):
        if file.is_file():
            file.unlink()
    server.start()
    a.record["port"] = str(port(server))
    a.connect()
    a.wait_message("Command/Lock")
    a.wait(lambda: camera_of(a, fleet) == "true", "the setting")
    assert a.wait_message("/FlyvemdmManifest/Status/Version")["version"]


def test_restart_says_nothing_twice(server, agents):
    fleet = make_fleet(server)
    a = agents(D2, "SER1").enroll(invite(server, fleet="phones")).connect()
    ask(server, "PUT", "/fleets/phones/settings/camera.disabled", 200, {"value": True})
    a.wait(lambda: camera_of(a, fleet) == "true", "the setting")
    a.task(a.policies("0/fleet/%d" % fleet["id"])["disableCamera"][1], "done")
    wait_for(lambda: ask(server, "GET", "/devices/%d" % a.record["id"], 200)["verdict"] == "COMPLIANT", 60)
    task = a.policies("0/fleet/%d" % fleet["id"])
    a.disconnect()
    a.forget()
    server.restart()
    a.record["port"] = str(port(server))
    a.connect()
    a.wait(lambda: camera_of(a, fleet) == "true", "the setting")
    assert a.policies("0/fleet/%d" % fleet["id"]) == task  # the same task, not a new one
    assert ask(server, "GET", "/devices/%d" % a.record["id"], 200)["verdict"] == "COMPLIANT"
