# SPDX-License-Identifier: Apache-2.0
"""What the broker's scenarios share: paho as the independent client, devices with accounts, and the child's process."""
import os
import pathlib
import sqlite3
import threading

import paho.mqtt.client as paho

from conftest import wait_for

PATIENCE_S = 60
D1, D2 = 1, 2


class Client:
    """One MQTT 3.1.1 connection; 'granted' and 'messages' grow as the broker speaks."""

    def __init__(self, url, user=None, password=None, client_id="", clean=True, keepalive=60, will=None, tls=None,
                 reconnect=False):
        host, port = url.split("://")[1].rsplit(":", 1)
        self.lock = threading.Condition()
        self.codes, self.granted, self.published, self.messages = [], {}, set(), []
        self.n_disconnected = 0
        self.c = paho.Client(client_id=client_id, clean_session=clean, reconnect_on_failure=reconnect)
        self.c.reconnect_delay_set(1, 2)
        if user is not None:
            self.c.username_pw_set(user, password)
        if will:
            self.c.will_set(*will)
        if tls:
            self.c.tls_set(ca_certs=tls)
        self.c.on_connect = lambda c, u, flags, code: self.note(lambda: self.codes.append(code))
        self.c.on_disconnect = lambda c, u, code: self.note(self._disconnected)
        self.c.on_subscribe = lambda c, u, mid, qos: self.note(lambda: self.granted.update({mid: list(qos)}))
        self.c.on_publish = lambda c, u, mid: self.note(lambda: self.published.add(mid))
        self.c.on_message = lambda c, u, m: self.note(lambda: self.messages.append((m.topic, m.payload, m.retain)))
        self.c.connect(host, int(port), keepalive)
        self.c.loop_start()

    def _disconnected(self):
        self.n_disconnected += 1

    def note(self, change):
        with self.lock:
            change()
            self.lock.notify_all()

    def wait(self, condition, what):
        with self.lock:
            assert self.lock.wait_for(condition, PATIENCE_S), "timed out waiting for " + what
        return self

    def code(self):
        """Of the first CONNACK; None: the connection was closed without one."""
        self.wait(lambda: self.codes or self.n_disconnected, "CONNACK")
        return self.codes[0] if self.codes else None

    def ok(self):
        assert self.code() == 0
        return self

    def subscribe(self, topic, qos=1):
        """The granted QoS; 128: denied."""
        mid = self.c.subscribe(topic, qos)[1]
        self.wait(lambda: mid in self.granted, "SUBACK")
        return self.granted[mid][0]

    def publish(self, topic, payload="x", qos=1, retain=False):
        mid = self.c.publish(topic, payload, qos, retain).mid
        self.wait(lambda: mid in self.published, "PUBACK")

    def wait_message(self, topic, payload):
        payload = payload.encode() if isinstance(payload, str) else payload
        return self.wait(lambda: any(m[:2] == (topic, payload) for m in self.messages), "%s on %s" % (payload, topic))

    def topics(self):
        with self.lock:
            return {m[0] for m in self.messages}

    def wait_closed(self):
        return self.wait(lambda: self.n_disconnected > 0, "the broker to close the connection")

    def drop(self):
        """As a dead battery does it: no DISCONNECT."""
        self.c._sock_close()
        self.c.loop_stop()

    def end(self):
        self.c.disconnect()
        self.c.loop_stop()


def mqtt_url(server):
    return server.ready_line.split()[3]


def make_devices(server, names, dialect=D2, **body):
    """Enrolls devices over HTTP and makes them MQTT's, while the server is stopped: {name: (id, token)}. How devices
    enroll over Flyve's own REST calls is test_flyve_*'s matter."""
    made = {name: server.device(name=name, **body).device for name in names}
    server.stop()
    db = sqlite3.connect(server.data / "store.sqlite")
    for name, d in made.items():
        db.execute("UPDATE device SET channel = 'flyve', kind = 'android', serial = ?, external_id = ? WHERE id = ?",
                   (name, name, d["device_id"]))
        db.execute("INSERT INTO flyve_agent (device_id, uuid, dialect, fleet_id, confirms, invitation_id, said, root)"
                   " VALUES (?, '', ?, 0, 0, 0, ?, ?)", (d["device_id"], dialect, dialect, dialect))
    db.commit()
    db.close()
    server.start()
    return {name: (d["device_id"], d["device_token"]) for name, d in made.items()}


def children(pid, name="mosquitto"):
    found = []
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            comm, rest = (p / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
        except (OSError, IndexError):
            continue
        if comm == name and int(rest.split()[1]) == pid:
            found.append(int(p.name))
    return found


def broker_pid(server):
    return wait_for(lambda: children(server.process.pid), PATIENCE_S, "the broker's process")[0]


def gone(pid):
    """No such process, or one that only waits to be reaped."""
    try:
        return pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def metric(server, name):
    for line in server.session().get("/metrics").text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError("no metric " + name)


def unprivileged(pid):
    status = pathlib.Path("/proc/%d/status" % pid).read_text()
    return "Uid:\t0\t" not in status or os.geteuid() != 0
