# SPDX-License-Identifier: Apache-2.0
"""The embedded broker: a real mosquitto with our plugin, and paho as the client that knows nothing of either.
Who may log in, what they may read and write, and that a change of it counts at once."""
import pytest

from conftest import wait_for
from mqtt_fixtures import D1, D2, PATIENCE_S, Client, make_devices, metric, mqtt_url


@pytest.fixture
def mqtt(reeved_factory):
    return reeved_factory("--mqtt", "embedded:0")


class World:
    """Devices A and B of one fleet, C of another, O of another organization; and the server's own eyes and mouth
    cannot be borrowed, so what the server would publish is published by its Flyve session alone."""

    def __init__(self, server):
        admin = server.admin()
        self.server = server
        self.fleets = {}
        for name in ("one", "two"):
            r = admin.post("/api/v1/fleets", json={"name": name})
            assert r.status_code == 201, r.text
            self.fleets[name] = r.json()["id"]
        tokens = {n: server.enrollment_token(fleet=str(i)) for n, i in self.fleets.items()}
        self.devices = make_devices(server, ["A", "B"], token=tokens["one"])
        self.devices.update(make_devices(server, ["C"], token=tokens["two"]))
        self.url = mqtt_url(server)
        self.clients = []

    def client(self, name, password=None, **kw):
        c = Client(self.url, name, password or self.devices[name][1], **kw)
        self.clients.append(c)
        return c

    def close(self):
        for c in self.clients:
            c.end()


@pytest.fixture
def world(mqtt):
    w = World(mqtt)
    yield w
    w.close()


def test_ready_line_and_folder(mqtt):
    assert mqtt_url(mqtt).startswith("mqtt://127.0.0.1:")
    assert (mqtt.data / "mqtt").stat().st_mode & 0o777 == 0o700


def test_log_in(world):
    token = world.devices["A"][1]
    for user, password, code in (
            ("A", token, 0), ("A", token[:-1], 5), ("A", "", 5), ("A", world.devices["B"][1], 5), ("B", token, 5),
            ("a", token, 5), ("", token, 5), ("$server", token, 5), ("$server", "", 5), (None, None, 5),
            ("A\x7f", token, None), ("x" * 5000, token, 5), ("A", "y" * 60000, 5)):
        c = Client(world.url, user, password)
        world.clients.append(c)
        assert c.code() == code, (user, password)
    wait_for(lambda: metric(world.server, "reeve_mqtt_refused_total") >= 8, PATIENCE_S, "refusals to be counted")


def test_own_topics_and_no_others(world):
    fleet = "0/fleet/%d" % world.fleets["one"]
    a, b = world.client("A").ok(), world.client("B").ok()
    for c, me in ((a, "A"), (b, "B")):
        for f in ("0/agent/%s/#" % me, "/0/agent/%s/#" % me, fleet + "/#", "/%s/#" % fleet, "FlyvemdmManifest/#",
                  "/FlyvemdmManifest/Status/Version", "0/agent/%s/Command/+" % me):
            assert c.subscribe(f) == 1, f
        for f in ("#", "+", "/#", "+/#", "0/#", "0/agent/#", "0/agent/+/Command/#", "0/fleet/#",
                  "0/fleet/%d/#" % world.fleets["two"], "1/agent/%s/#" % me, "0/agent/C/#", "$SYS/#", "null/#",
                  "$share/g/0/agent/%s/#" % me, "0/agent/%s" % ("B" if me == "A" else "A") + "/#"):
            assert c.subscribe(f) == 128, f
    # what it writes reaches the server (its last contact moves), and nobody else, itself included
    for topic in ("0/agent/A/Status/Ping", "/0/agent/A/Status/Ping", "0/agent/B/Status/Ping", "0/agent/B/Command/Wipe",
                  "0/agent/A/Command/Wipe", fleet + "/camera", "FlyvemdmManifest/Status/Version", "0/agent/A/Policy/x",
                  "0/agent/A/camera", "anything", "$SYS/x", "0/agent/C/Command/Lock"):
        a.publish(topic, "!")
        a.publish(topic, "!", retain=True)
    b.publish("0/agent/B/Status/Ping", "!")  # a round trip: whatever was to come before it has come
    assert not [m for m in a.messages + b.messages if m[1] == b"!"]
    wait_for(lambda: metric(world.server, "reeve_mqtt_denied_total") > 0, PATIENCE_S, "denials to be counted")


def test_retained_only_where_it_may_be(world):
    """A device must not fill the broker; the D2 agents' retained will is the exception."""
    a = world.client("A", will=("0/agent/A/Status/Online", '{"online": false}', 0, True)).ok()
    for i in range(10):
        a.publish("0/agent/A/Status/Task/%d" % i, "kept", retain=True)
    a.publish("0/agent/A/Status/Online", "kept", retain=True)
    again = world.client("A").ok()
    assert again.subscribe("0/agent/A/#") == 1
    again.publish("0/agent/A/Status/Ping", "!")
    assert again.topics() <= {t for t in again.topics() if "/Status/" not in t}


def test_everything_filter(mqtt):
    """The agents of two months subscribe to "#" and rely on the broker: flagged accounts may, others may not."""
    old = make_devices(mqtt, ["OLD"], dialect=D1)
    new = make_devices(mqtt, ["NEW"], dialect=D2)
    url = mqtt_url(mqtt)
    a = Client(url, "OLD", old["OLD"][1]).ok()
    b = Client(url, "NEW", new["NEW"][1]).ok()
    assert a.subscribe("#") == 1
    assert b.subscribe("#") == 128
    b.publish("0/agent/NEW/Status/Ping", "!")
    a.publish("0/agent/OLD/Status/Ping", "!")
    assert {t for t in a.topics() if "NEW" in t or "Status/Ping" in t} == set()
    a.end()
    b.end()


def test_unenrolled_is_closed_at_once(world):
    a, b = world.client("A").ok(), world.client("B").ok()
    r = world.server.admin().post("/api/v1/devices/%d/unenroll" % world.devices["A"][0])
    assert r.status_code in (200, 204), r.text
    a.wait_closed()
    assert world.client("A").code() == 5
    b.publish("0/agent/B/Status/Ping", "!")
    assert b.n_disconnected == 0


def test_moved_is_closed_and_reads_the_new_fleet_only(world):
    old, new = ("0/fleet/%d/#" % world.fleets[n] for n in ("one", "two"))
    a = world.client("A", client_id="kept-session", clean=False).ok()
    assert a.subscribe(old) == 1 and a.subscribe(new) == 128
    r = world.server.admin().patch("/api/v1/devices/%d" % world.devices["A"][0], json={"fleet": str(world.fleets["two"])})
    assert r.status_code == 200, r.text
    a.wait_closed()
    a = world.client("A", client_id="kept-session", clean=False).ok()
    assert a.subscribe(old) == 128 and a.subscribe(new) == 1


def test_fleet_deleted(world):
    """No event names the devices that move up with it."""
    a = world.client("A").ok()
    assert a.subscribe("0/fleet/%d/#" % world.fleets["one"]) == 1
    r = world.server.admin().delete("/api/v1/fleets/%d" % world.fleets["one"])
    assert r.status_code in (200, 204), r.text
    a.wait_closed()
    a = world.client("A").ok()
    assert a.subscribe("0/fleet/%d/#" % world.fleets["one"]) == 128


def test_nobody_takes_over_a_connection(world):
    a = world.client("A", client_id="one").ok()
    assert world.client("B", client_id="one").code() == 5
    a.publish("0/agent/A/Status/Ping", "!")
    assert a.n_disconnected == 0
    second = world.client("A", client_id="one").ok()  # the same account may
    a.wait_closed()
    second.publish("0/agent/A/Status/Ping", "!")


def test_last_contact(world):
    admin = world.server.admin()
    device = "/api/v1/devices/%d" % world.devices["A"][0]
    before = admin.get(device).json()["last_seen"]
    world.client("A").ok()
    wait_for(lambda: admin.get(device).json()["last_seen"] != before, PATIENCE_S, "the last contact to move")


def test_metrics(world):
    for name in ("A", "B", "C"):
        world.client(name).ok()
    wait_for(lambda: metric(world.server, "reeve_mqtt_connections") == 3, PATIENCE_S, "three connections")
    assert metric(world.server, "reeve_mqtt_accounts") == 3
    assert metric(world.server, "reeve_mqtt_admits") == 1
    world.close()
    wait_for(lambda: metric(world.server, "reeve_mqtt_connections") == 0, PATIENCE_S, "no connection")
