# SPDX-License-Identifier: Apache-2.0
"""The Android agents of Flyve MDM, played after the protocol's page: REST enrollment, MQTT 3.1, their subscriptions, wills
and quirks. D1 is the agent of the betas (one message a group), D2 the one of 2.0.0 (one message a task)."""
import base64
import json
import threading
import urllib.parse

import paho.mqtt.client as mqtt
import pytest
import requests

XML = ('<?xml version="1.0" encoding="UTF-8"?><REQUEST><QUERY>INVENTORY</QUERY><VERSIONCLIENT>FlyveMDM-Agent_v1.0'
       '</VERSIONCLIENT><DEVICEID>%(serial)s</DEVICEID><CONTENT><HARDWARE><NAME>Pixel</NAME><OSNAME>Android</OSNAME>'
       '<OSVERSION>8.1</OSVERSION><UUID>%(uuid)s</UUID></HARDWARE><BIOS><SSN>%(serial)s</SSN><SMODEL>Pixel 2</SMODEL></BIOS>'
       '<SOFTWARES><NAME>org.example</NAME><VERSION>1</VERSION></SOFTWARES></CONTENT></REQUEST>')


class Refused(Exception):
    def __init__(self, answer):
        super().__init__("%d %s" % (answer.status_code, answer.text))
        self.status, self.reason = answer.status_code, answer.json()


class Rest:
    """GLPI's REST interface, as an agent that scanned an invitation uses it."""

    def __init__(self, url, user_token):
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Session-Token"] = self.ask("GET", "initSession", params={"user_token": user_token})["session_token"]

    def ask(self, method, path, **kw):
        r = self.http.request(method, self.url + "/" + path, timeout=60, **kw)
        if r.status_code >= 300:
            raise Refused(r)
        return r.json()

    def enroll(self, fields):
        full = self.ask("GET", "getFullSession")
        profile = full["session"]["plugin_flyvemdm_guest_profiles_id"]
        self.ask("POST", "changeActiveProfile", params={"profiles_id": profile}, json={})
        made = self.ask("POST", "PluginFlyvemdmAgent", json={"input": fields})
        return self.ask("GET", "PluginFlyvemdmAgent/%d" % made["id"])


def read_deep_link(link):
    """(address of the REST interface, user token, invitation token)"""
    data = urllib.parse.parse_qs(urllib.parse.urlparse(link).query)["data"][0]
    fields = base64.b64decode(data).decode().split("\\;")
    assert len(fields) == 7 and fields[0].endswith("apirest.php")
    return fields[:3]


class Agent:
    """What both dialects share. 'answers': what it does by itself when it is told something."""

    version = None
    extra = {}

    def __init__(self, serial, uuid=None, email="ann@example.org"):
        self.serial, self.uuid, self.email = serial, uuid or "uuid-" + serial, email
        self.record = self.client = None
        self.changed = threading.Condition()
        self.heard = []     # (topic, payload) in order
        self.subscribed = []
        self.answers = True
        self.subscriptions = {}

    # ---- enrollment ----

    def fields(self, invitation_token, **more):
        inventory = base64.b64encode((XML % {"serial": self.serial, "uuid": self.uuid}).encode()).decode()
        fields = {"_email": self.email, "_invitation_token": invitation_token, "_serial": self.serial, "_uuid": self.uuid,
                  "csr": "", "firstname": "Ann", "lastname": "Example", "phone": "1", "version": self.version,
                  "type": "android", "has_system_permission": 0, "inventory": inventory}
        fields.update(self.extra)
        fields.update(more)
        return {k: v for k, v in fields.items() if v is not None}

    def enroll(self, invitation, **more):
        url, user_token, invitation_token = read_deep_link(invitation["deep_link"])
        self.rest_url = url
        self.record = Rest(url, user_token).enroll(self.fields(invitation_token, **more))
        return self

    @property
    def topic(self):
        return self.record["topic"]

    # ---- MQTT ----

    def will(self):
        raise NotImplementedError

    def connect(self, wait=True, password=None):
        self.refused = None
        self.subscribed = []
        self.client = mqtt.Client(client_id="paho%d" % id(self), clean_session=True, protocol=mqtt.MQTTv31)
        self.client.username_pw_set(self.record["mqttuser"], password or self.record["mqttpasswd"])
        topic, payload, retain = self.will()
        self.client.will_set(topic, payload, qos=0, retain=retain)
        self.client.on_connect = self.on_connect
        self.client.on_message = self.on_message
        self.client.on_subscribe = self.on_subscribe
        self.client.reconnect_delay_set(1, 1)
        self.client.connect(self.record["broker"], int(self.record["port"]), keepalive=60)
        self.client.loop_start()
        if wait:
            self.wait(lambda: self.greeted(), "the subscription")
        return self

    def on_connect(self, client, user, flags, rc):
        with self.changed:
            self.refused = rc or None
            self.subscribed, self.subscriptions = [], {}
            self.changed.notify_all()
        if rc == 0:
            self.greet(client)

    def subscribe(self, *filters):
        for f in filters:
            self.subscriptions[self.client.subscribe(f, 0)[1]] = f

    def on_subscribe(self, client, user, mid, granted):
        with self.changed:
            self.subscribed.append(self.subscriptions.get(mid))
            self.changed.notify_all()

    def greeted(self):
        return self.first_filter() in self.subscribed

    def say(self, suffix, payload, qos=1):
        data = payload if isinstance(payload, (str, bytes)) else json.dumps(payload)
        self.client.publish(self.topic + "/" + suffix, data, qos=qos)

    def say_inventory(self):
        self.say("Status/Inventory", XML % {"serial": self.serial, "uuid": self.uuid})

    def on_message(self, client, user, m):
        payload = m.payload.decode()
        with self.changed:
            self.heard.append((m.topic, payload))
            self.changed.notify_all()
        if payload and self.answers:
            self.obey(m.topic, json.loads(payload))

    def obey(self, topic, message):
        if message.get("query") == "Ping":
            self.say("Status/Ping", "!")
        elif message.get("query") == "Geolocate":
            self.say("Status/Geolocation", {"latitude": "48.1", "longitude": "-1.6", "datetime": 1476345332})
        elif message.get("query") == "Inventory":
            self.say_inventory()
        elif "subscribe" in message:
            self.subscribe(*[str(e["topic"]) + "/#" for e in message["subscribe"]])
        elif "unenroll" in message:
            self.say("Status/Unenroll", {"unenroll": "unenrolled"})

    # ---- waiting ----

    def wait(self, condition, what="a message", timeout=60):
        with self.changed:
            assert self.changed.wait_for(condition, timeout), "%s: no %s; heard %r" % (self.serial, what, self.heard)

    def find(self, topic, want=lambda m: True):
        """The last message on the topic (below the root, or whole) that is wanted."""
        for t, payload in reversed(self.heard):
            if t in (topic, self.topic + "/" + topic) and payload and want(json.loads(payload)):
                return json.loads(payload)
        return None

    def wait_message(self, topic, want=lambda m: True, timeout=60):
        self.wait(lambda: self.find(topic, want) is not None, topic, timeout)
        return self.find(topic, want)

    def forget(self):
        with self.changed:
            self.heard.clear()

    def disconnect(self):
        if self.client:
            self.client.disconnect()
            self.client.loop_stop()

    def drop(self):
        """The battery is empty: no goodbye, so the will is told."""
        self.client.loop_stop()
        self.client._sock_close()

    def wiped(self):
        """Factory reset: nothing is left but what is printed on its back."""
        self.drop()
        self.record, self.heard = None, []


class D1(Agent):
    version = "2.0.0-beta.3"
    everything = False  # agents of 2017-11 to 2018-01 subscribe to '#'

    def will(self):
        return "/Status/Online", "{ online: false }", False

    def first_filter(self):
        return "#" if self.everything else self.topic + "/#"

    def greet(self, client):
        self.say("Status/Online", {"online": "true"})
        self.subscribe(self.first_filter())
        self.subscribe("/FlyvemdmManifest/Status/Version")
        self.say_inventory()

    def tasks(self, **status):
        """{"updateStatus": …} of {id: status}"""
        self.say("Status/Task", {"updateStatus": [{"taskId": k, "status": v} for k, v in status.items()]})


class D2(Agent):
    version = "2.0.0"
    extra = {"notification_type": "mqtt"}

    def will(self):
        return self.topic + "/Status/Online", '{ "online": false }', True

    def first_filter(self):
        return self.topic + "/#"

    def greet(self, client):
        self.subscribe(self.first_filter())
        self.subscribe("FlyvemdmManifest/Status/Version")
        self.say("Status/Online", {"online": True})

    def task(self, number, status):
        self.say("Status/Task/%s" % number, {"status": status})

    def policies(self, root):
        """What is in force there now: {symbol: (value, task id)}"""
        found = {}
        for topic, payload in self.heard:
            parts = topic.split("/")
            if not topic.startswith(root + "/Policy/"):
                continue
            symbol, number = parts[-3], parts[-1]
            if payload:
                found[symbol] = (json.loads(payload)[symbol], number)
            elif symbol in found and found[symbol][1] == number:
                del found[symbol]
        return found


def connect_raw(host, port, user, password, protocol=mqtt.MQTTv311):
    """A client that is not an agent: (client, what it heard)."""
    heard, done = [], threading.Event()
    client = mqtt.Client(client_id="", clean_session=True, protocol=protocol)
    client.username_pw_set(user, password)
    client.on_message = lambda c, u, m: heard.append((m.topic, m.payload))
    client.on_connect = lambda c, u, f, rc: done.set()
    client.connect(host, port)
    client.loop_start()
    assert done.wait(60)
    return client, heard


# ---- the server's side ----

@pytest.fixture
def server(reeved_factory):
    return reeved_factory("--mqtt", "embedded:0")


@pytest.fixture
def agents():
    """agents(D1, serial, …): an agent that is disconnected at the end."""
    made = []

    def make(cls, *args, **kw):
        made.append(cls(*args, **kw))
        return made[-1]

    yield make
    for a in made:
        a.disconnect()


def ask(server, method, path, status, body=None, **kw):
    r = server.admin().request(method, "/api/v1" + path, json=body, **kw)
    assert r.status_code == status, r.text
    return r.json() if r.content else None


def invite(server, **body):
    body.setdefault("kind", "flyve")
    return ask(server, "POST", "/enrollment-tokens", 201, body)


def make_fleet(server, name="phones", **body):
    return ask(server, "POST", "/fleets", 201, dict(body, name=name))


def device(server, number):
    return ask(server, "GET", "/devices/%d" % number, 200)


def command(server, number, kind, **more):
    return ask(server, "POST", "/commands", 201, dict(more, device=number, type=kind))["id"]


def state(server, number):
    return ask(server, "GET", "/commands/%d" % number, 200)["state"]
