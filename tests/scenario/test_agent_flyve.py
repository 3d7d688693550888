# SPDX-License-Identifier: Apache-2.0
"""`reeve-agent --channel flyve` against a real mosquitto; what the server says is said here by paho, byte for byte as in
the protocol's two dialects, so that nothing of the server's own code is needed to understand it."""
import json
import shutil
import socket
import subprocess
import threading
import xml.etree.ElementTree as ET

import paho.mqtt.client as mqtt
import pytest

from agent_fixtures import HOMEPAGE, agent, api  # noqa: F401 (fixtures)

ROOT = "0/agent/SER1"
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")


class Broker:
    """A mosquitto that lets everybody in, and one client that is the server."""

    def __init__(self, folder):
        self.folder = folder
        self.port = None
        self.process = None
        self.changed = threading.Condition()
        self.heard = []  # (topic, payload) of everything that the device said

    def start(self):
        for _ in range(20):  # mosquitto takes no port 0: try one that was free a moment ago
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", self.port or 0))
                port = s.getsockname()[1]
            (self.folder / "m.conf").write_text("listener %d 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n" % port)
            self.process = subprocess.Popen([MOSQUITTO, "-c", str(self.folder / "m.conf")], stderr=subprocess.DEVNULL)
            while self.process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), 0.2).close()
                    self.port = port
                    return self.connect()
                except OSError:
                    pass
        raise AssertionError("mosquitto does not start")

    def connect(self):
        self.client = mqtt.Client(client_id="server", clean_session=True)
        subscribed = threading.Event()
        self.client.on_subscribe = lambda *a: subscribed.set()
        self.client.on_message = self.on_message
        self.client.connect("127.0.0.1", self.port)
        self.client.subscribe([("+/agent/+/Status/#", 1)])
        self.client.loop_start()
        assert subscribed.wait(20)
        return self

    def on_message(self, client, user, m):
        with self.changed:
            self.heard.append((m.topic, m.payload))
            self.changed.notify_all()

    def say(self, suffix, payload, retain=True, root=ROOT):
        data = payload if isinstance(payload, (str, bytes)) else json.dumps(payload)
        self.client.publish(root + "/" + suffix, data, qos=1, retain=retain).wait_for_publish(20)

    def wait(self, topic, want=lambda payload: True, timeout=60):
        """The first message on <ROOT>/Status/<topic> that is wanted; it and what came before are forgotten."""
        def found():
            for i, (t, payload) in enumerate(self.heard):
                if t == ROOT + "/Status/" + topic and want(payload):
                    return i
            return None

        with self.changed:
            assert self.changed.wait_for(lambda: found() is not None, timeout), (topic, [h[:2] for h in self.heard])
            i = found()
            payload = self.heard[i][1]
            del self.heard[:i + 1]
            return payload

    def task(self, number, timeout=60):
        return json.loads(self.wait("Task/%d" % number, timeout=timeout))

    def stop(self):
        self.client.loop_stop()
        self.client.disconnect()
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def broker(tmp_path):
    if not MOSQUITTO:
        pytest.fail("mosquitto is not installed")
    b = Broker(tmp_path).start()
    yield b
    b.stop()


@pytest.fixture
def device(agent, api, broker):  # noqa: F811
    api.mqtt = {"host": "127.0.0.1", "port": broker.port, "tls": False, "user": "SER1", "topic": ROOT}
    return agent


def start(device, *more):
    return device.start("--channel", "flyve", *more)


def online(broker, value):
    return json.loads(broker.wait("Online", lambda p: json.loads(p)["online"] is value))


def test_settings_of_both_dialects(device, broker):
    """Retained before it came: applied at once. Then changed, taken back, and moved to a fleet."""
    source = device.root / "sys/bus/usb"
    assert source.exists()
    broker.say("Policy/deployFile/Task/3", "")
    broker.say("Policy/removeFile/Task/7", {"removeFile": "/etc/unwanted", "taskId": 7})
    (device.root / "etc/unwanted").write_text("x")
    start(device)
    assert device.line().startswith("reeve-agent: enrolled as device 12 at ")
    online(broker, True)
    assert broker.task(7)["status"] == "done"
    assert not (device.root / "etc/unwanted").exists()
    # D1, in a fleet, with defaults that have no task
    (device.root / "etc/second").write_text("x")
    broker.say("Command/Subscribe", {"subscribe": [{"topic": "/0/fleet/5"}]})
    broker.say("file", {"file": [{"removeFile": "/etc/second", "taskId": "12"}]}, root="/0/fleet/5")
    broker.say("connectivity", {"connectivity": [{"disableWifi": "false"}]}, root="/0/fleet/5")
    update = json.loads(broker.wait("Task"))
    assert update == {"updateStatus": [{"taskId": "12", "status": "done"}]}
    assert not (device.root / "etc/second").exists()
    # what this machine cannot do is said, and so is what makes no sense
    broker.say("Policy/disableNfc/Task/8", {"disableNfc": "true", "taskId": 8})
    assert broker.task(8)["status"] == "incompatible"
    broker.say("Policy/passwordMinLength/Task/9", {"passwordMinLength": "many", "taskId": 9})
    assert broker.task(9) == {"status": "failed", "message": "the value makes no sense"}
    # out of the fleet: its messages are no concern any more
    broker.say("Command/Subscribe", {"subscribe": []})
    (device.root / "etc/second").write_text("x")
    broker.say("Policy/removeFile/Task/10", {"removeFile": "/etc/third", "taskId": 10})
    assert broker.task(10)["status"] == "done"
    assert (device.root / "etc/second").exists()


def test_drift_is_told_and_repaired(device, broker):
    broker.say("Policy/removeFile/Task/7", {"removeFile": "/etc/unwanted", "taskId": 7})
    start(device, "--interval", "100ms")
    assert broker.task(7)["status"] == "done"
    (device.root / "etc/unwanted").write_text("x")
    assert broker.task(7)["status"] == "failed"
    assert broker.task(7)["status"] == "done"
    assert not (device.root / "etc/unwanted").exists()


def test_commands(device, broker):
    start(device, "--observe")
    online(broker, True)
    broker.wait("Inventory")
    broker.say("Command/Ping", {"query": "Ping"}, retain=False)
    assert broker.wait("Ping") == b"!"
    broker.say("Command/Ping", {"query": "Ping"}, retain=False)
    assert broker.wait("Ping") == b"!"  # each is another one
    broker.say("Command/Geolocate", {"query": "Geolocate"}, retain=False)
    assert json.loads(broker.wait("Geolocation"))["gps"] == "off"
    broker.say("Command/Inventory", {"query": "Inventory"}, retain=False)
    request = ET.fromstring(broker.wait("Inventory"))
    assert request.find("QUERY").text == "INVENTORY" and request.find("DEVICEID").text == "SER1"
    assert request.find("CONTENT/OPERATINGSYSTEM") is not None
    # an order is done once, however often it comes; an observing agent does not lock
    for _ in range(2):
        broker.say("Command/Lock", {"lock": "now", "taskId": "41", "datetime": 4000000000})
    states = [broker.task(41), broker.task(41)]
    assert [s["status"] for s in states] == ["received", "failed"]
    assert "--observe" in states[1]["message"]
    broker.say("Command/Ping", {"query": "Ping"}, retain=False)
    broker.wait("Ping")
    assert not [h for h in broker.heard if "Task/41" in h[0]]


def test_old_orders_are_not_for_us(device, broker):
    """Retained since another life of this serial: the classic that wiped phones again."""
    broker.say("Command/Wipe", {"wipe": "now", "taskId": "3", "datetime": 1500000000})
    broker.say("Command/Lock", {"lock": "now", "taskId": "4", "datetime": 1500000000})
    start(device)
    online(broker, True)
    broker.say("Command/Ping", {"query": "Ping"}, retain=False)
    broker.wait("Ping")
    assert not [h for h in broker.heard if "/Task/" in h[0]]
    assert device.stderr().count("before this enrollment") == 2


def test_broker_and_agent_come_back(device, broker):
    broker.say("Policy/removeFile/Task/7", {"removeFile": "/etc/unwanted", "taskId": 7})
    start(device, "--interval", "100ms")
    assert broker.task(7)["status"] == "done"
    device.kill()
    online(broker, False)  # its will
    start(device, "--interval", "100ms")
    online(broker, True)
    assert broker.task(7)["status"] == "done"
    broker.stop()
    (device.root / "etc/unwanted").write_text("x")  # repaired without anybody
    end = device.root / "etc/unwanted"
    for _ in range(600):
        if not end.exists():
            break
        threading.Event().wait(0.1)
    assert not end.exists()
    broker.heard.clear()
    broker.start()  # the same port, nothing retained
    online(broker, True)
    broker.say("Command/Ping", {"query": "Ping"}, retain=False)
    broker.wait("Ping")


def test_unenroll(device, broker):
    (device.root / "etc/unwanted").write_text("precious")
    broker.say("Policy/removeFile/Task/7", {"removeFile": "/etc/unwanted", "taskId": 7})
    start(device)
    assert broker.task(7)["status"] == "done"
    broker.say("Command/Unenroll", {"unenroll": "Now", "taskId": "51", "datetime": 4000000000})
    assert json.loads(broker.wait("Unenroll")) == {"unenroll": "unenrolled"}
    assert device.wait() == 0
    assert (device.root / "etc/unwanted").read_text() == "precious"
    code, out, _ = device.run("--channel", "flyve")
    assert code == 0 and "unenrolled" in out


def test_once_and_channels(device, broker):
    code, out, _ = device.run("--once", "--channel", "flyve")
    assert code == 0, device.stderr()
    assert "reported version 1" in out
    code, _, err = device.run("--once", "--channel", "pigeon")
    assert code == 2 and "pigeon" in err
    device.token = None
    code, _, err = device.run("--once")
    assert code == 1 and "another channel" in err
    broker.process.terminate()
    broker.process.wait(20)
    code, _, err = device.run("--once", "--channel", "flyve")
    assert code == 1 and "broker" in err
    broker.start()
