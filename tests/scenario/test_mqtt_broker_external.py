# SPDX-License-Identifier: Apache-2.0
"""Another's broker: EMQX's HTTP contract asked by a strict stand-in, JWTs as passwords checked with an independent
library, and the server itself as the client of a mosquitto that is not its own."""
import base64
import json
import re
import signal
import socket
import subprocess
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from conftest import wait_for
from mqtt_fixtures import PATIENCE_S, make_devices

SECRET = "a secret that only the broker knows"
OURS = "ours at the broker"


class Emqx:
    """What EMQX 5 does with the answers, and refuses to understand (its documentation's words, no more)."""

    def __init__(self, server, secret=SECRET):
        self.s = server.session()
        self.s.headers["Authorization"] = "Bearer " + secret

    def ask(self, path, **body):
        r = self.s.post("/mqtt/v1/" + path, json=body)
        if r.status_code != 200:  # 4xx, 5xx: ignore, ask the next authenticator
            return "ignore", {}
        assert r.headers["Content-Type"].split(";")[0] == "application/json"
        answer = r.json()
        assert answer["result"] in ("allow", "deny", "ignore")
        return answer["result"], answer

    def log_in(self, username, password, clientid="c1"):
        """The list of rules, or None."""
        result, answer = self.ask("auth", username=username, password=password, clientid=clientid)
        if result != "allow":
            assert set(answer) <= {"result"}
            return None
        assert set(answer) <= {"result", "is_superuser", "acl", "expire_at", "client_attrs"}
        assert isinstance(answer["is_superuser"], bool)
        return answer["is_superuser"], check_acl(answer["acl"])

    def may(self, username, action, topic, retain="false"):
        return self.ask("acl", username=username, topic=topic, action=action, retain=retain)[0] == "allow"


def check_acl(acl):
    for rule in acl:
        assert set(rule) <= {"permission", "action", "topic", "qos", "retain"}
        assert rule["permission"] in ("allow", "deny") and rule["action"] in ("publish", "subscribe", "all")
        assert "${" not in rule["topic"]
    return acl


def matches(pattern, topic):
    """A rule's filter covers a topic or filter, level by level."""
    pattern, topic = pattern.split("/"), topic.split("/")
    for i, level in enumerate(pattern):
        if level == "#":
            return True
        if i >= len(topic) or (level != "+" and level != topic[i]):
            return False
    return len(pattern) == len(topic)


def decide(acl, action, topic):
    """The first rule that fits."""
    for rule in acl:
        if rule["action"] in (action, "all") and matches(rule["topic"], topic):
            return rule["permission"] == "allow"
    return False


CASES = [  # action, topic, may A do it? (F: its fleet)
    ("publish", "0/agent/A/Status/Ping", True),
    ("publish", "/0/agent/A/Status/Online", True),
    ("publish", "0/agent/A/Command/Ping", False),
    ("publish", "0/agent/B/Status/Ping", False),
    ("publish", "0/fleet/F/camera", False),
    ("subscribe", "0/agent/A/#", True),
    ("subscribe", "0/agent/A/Command/#", True),
    ("subscribe", "0/fleet/F/#", True),
    ("subscribe", "FlyvemdmManifest/#", True),
    ("subscribe", "0/agent/B/#", False),
    ("subscribe", "0/fleet/99/#", False),
    ("subscribe", "#", False),
]


@pytest.fixture
def external(reeved_factory, tmp_path):
    for name, text in (("ask", SECRET), ("ours", OURS)):
        (tmp_path / name).write_text(text + "\n")
    # nobody listens there: the server goes on trying, and serves
    return reeved_factory("--mqtt", "mqtt://reeved@127.0.0.1:1", "--mqtt-auth-secret-file", str(tmp_path / "ask"),
                          "--mqtt-password-file", str(tmp_path / "ours"))


def one_device(server):
    fleet = server.admin().post("/api/v1/fleets", json={"name": "one"}).json()["id"]
    devices = make_devices(server, ["A", "B"], token=server.enrollment_token(fleet=str(fleet)))
    return str(fleet), devices


def test_emqx_asks(external):
    fleet, devices = one_device(external)
    emqx = Emqx(external)
    token = devices["A"][1]
    superuser, acl = emqx.log_in("A", token)
    assert superuser is False and acl[-1] == {"permission": "deny", "action": "all", "topic": "#"}
    for action, topic, may in CASES:
        topic = topic.replace("F/", fleet + "/")
        assert decide(acl, action, topic) is may, (action, topic)
        assert emqx.may("A", action, topic) is may, (action, topic)
    assert emqx.may("A", "publish", "0/agent/A/Status/Online", "true")
    assert not emqx.may("A", "publish", "0/agent/A/Status/Ping", "true")
    for user, password in (("A", token + "x"), ("A", ""), ("", token), ("B", token), ("nobody", token), ("$server", OURS),
                           ("reeved", token), ("A\x00", token), ("A", "x" * 60000)):
        assert emqx.log_in(user, password) is None, (user, password)
    assert emqx.log_in("reeved", OURS) == (True, [{"permission": "allow", "action": "all", "topic": "#"}])
    assert not emqx.may("reeved", "publish", "0/agent/A/Command/Wipe")  # a device could be called that


def test_changes_count_at_once(external):
    fleet, devices = one_device(external)
    emqx, admin = Emqx(external), external.admin()
    two = str(admin.post("/api/v1/fleets", json={"name": "two"}).json()["id"])
    device = "/api/v1/devices/%d" % devices["A"][0]
    assert admin.patch(device, json={"fleet": two}).status_code == 200
    assert emqx.may("A", "subscribe", "0/fleet/%s/#" % two)
    assert not emqx.may("A", "subscribe", "0/fleet/%s/#" % fleet)
    assert admin.post(device + "/unenroll").status_code in (200, 204)
    assert emqx.log_in("A", devices["A"][1]) is None
    assert not emqx.may("A", "subscribe", "0/agent/A/#")


def test_who_may_ask(external):
    one_device(external)
    for secret in ("", "wrong", SECRET[:-1], SECRET + "x"):
        r = Emqx(external, secret).s.post("/mqtt/v1/auth", json={"username": "A", "password": "x"})
        assert r.status_code == 401
    assert external.session().post("/mqtt/v1/acl", json={}).status_code == 401
    s = Emqx(external).s
    for body, status in ((b"{", 400), (b"[]", 400), (b'{"username": 1, "password": "x"}', 400), (b"{}", 200),
                         (b'{"username": null, "password": null}', 200), (b" " * (200 << 10), 413)):
        r = s.post("/mqtt/v1/auth", data=body, headers={"Content-Type": "application/json"})
        assert r.status_code == status, (body[:50], r.text)
    assert s.post("/mqtt/v1/auth", data=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415


def test_off_unless_configured(reeved_factory):
    server = reeved_factory("--mqtt", "mqtt://127.0.0.1:1")
    assert Emqx(server).s.post("/mqtt/v1/auth", json={}).status_code == 404
    assert Emqx(server).s.post("/mqtt/v1/acl", json={}).status_code == 404


# ---- JWT ----

def b64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check_jwt(server, token, now=None):
    """The claims of a token whose signature is good by the published keys; as EMQX checks it."""
    head, claims, signature = token.split(".")
    head = json.loads(b64(head))
    assert head["alg"] == "RS256" and head["typ"] == "JWT"
    keys = server.session().get("/mqtt/v1/jwks").json()["keys"]
    key = [k for k in keys if k["kid"] == head["kid"]][0]
    assert key["kty"] == "RSA" and not set(key) & {"d", "p", "q"}
    numbers = rsa.RSAPublicNumbers(int.from_bytes(b64(key["e"]), "big"), int.from_bytes(b64(key["n"]), "big"))
    numbers.public_key().verify(b64(signature), token.rsplit(".", 1)[0].encode(), padding.PKCS1v15(), hashes.SHA256())
    claims = json.loads(b64(claims))
    now = now or time.time()
    assert claims["iat"] <= now + 60 and claims["exp"] > now
    check_acl(claims["acl"])
    return claims


CONNECT = re.compile(rb"MQTT\x04")


def read_connect(f):
    """Client id, user and password (None: it sent none) of the CONNECT packet that comes."""
    f.read(1)
    shift = length = 0
    while True:
        byte = f.read(1)[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    body = f.read(length)
    assert CONNECT.search(body[:8])
    flags, at, fields = body[7], 10, []
    assert flags & 0x82 == 0x80, "a user, and a session to be kept"
    while at < len(body):
        n = int.from_bytes(body[at:at + 2], "big")
        fields.append(body[at + 2:at + 2 + n].decode())
        at += 2 + n
    return (fields[0], fields[-2], fields[-1]) if flags & 0x40 else (fields[0], fields[-1], None)


def test_the_server_logs_in_with_a_jwt(reeved_factory):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(PATIENCE_S)
        server = reeved_factory("--mqtt", "mqtt://127.0.0.1:%d" % listener.getsockname()[1])
        server.settle()
        for attempt in range(20):
            with listener.accept()[0] as peer, peer.makefile("rb") as f:
                peer.settimeout(PATIENCE_S)
                client_id, user, password = read_connect(f)
                peer.sendall(b"\x20\x02\x00\x05")  # not authorized: it comes again
            if password:  # the first attempts may come before the key was made
                break
        claims = check_jwt(server, password)
    assert user == "reeved" and claims["sub"] == "reeved"
    assert client_id == (server.data / "mqtt.client").read_text().strip()
    assert claims["acl"] == [{"permission": "allow", "action": "all", "topic": "#"}]


def test_secrets_are_read_again(reeved_factory, tmp_path):
    """SIGHUP: who may ask, and what we log in with; a file that cannot be read changes nothing."""
    ask, ours = tmp_path / "ask", tmp_path / "ours"
    ask.write_text(SECRET + "\n")
    ours.write_text(OURS + "\n")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(PATIENCE_S)

        def shown():
            with listener.accept()[0] as peer, peer.makefile("rb") as f:
                peer.settimeout(PATIENCE_S)
                password = read_connect(f)[2]
                peer.sendall(b"\x20\x02\x00\x05")  # not authorized: it comes again
            return password

        server = reeved_factory("--mqtt", "mqtt://reeved@127.0.0.1:%d" % listener.getsockname()[1], "--mqtt-auth-secret-file", str(ask),
                                "--mqtt-password-file", str(ours))
        assert shown() == OURS
        ask.write_text("another secret")
        ours.write_text("ours, newer")
        assert Emqx(server).log_in("reeved", OURS)[0] is True
        server.signal(signal.SIGHUP)
        wait_for(lambda: Emqx(server, "another secret").log_in("reeved", "ours, newer") is not None, PATIENCE_S, "both")
        assert Emqx(server).log_in("reeved", OURS) is None
        wait_for(lambda: shown() == "ours, newer", PATIENCE_S, "the new password")
        ask.unlink()
        server.signal(signal.SIGHUP)
        wait_for(lambda: "a secret of MQTT stays as it was" in server.stderr(), PATIENCE_S, "the complaint")
        assert Emqx(server, "another secret").log_in("reeved", "ours, newer")[0] is True


# ---- a mosquitto that is not ours ----

def test_server_as_client_of_another_mosquitto(reeved_factory, tmp_path):
    config = tmp_path / "mosquitto.conf"
    for attempt in range(10):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        config.write_text("listener %d 127.0.0.1\nallow_anonymous true\nuser root\nlog_type all\n" % port)
        with open(tmp_path / "log", "wb") as log:
            broker = subprocess.Popen(["/usr/sbin/mosquitto", "-c", str(config)], stderr=log, stdout=log)
        try:
            wait_for(lambda: broker.poll() is not None or b" running" in (tmp_path / "log").read_bytes(), PATIENCE_S)
            if broker.poll() is None:
                break
        except AssertionError:
            broker.kill()
    try:
        server = reeved_factory("--mqtt", "mqtt://127.0.0.1:%d" % port)
        assert server.ready_line.split()[3] == "mqtt://127.0.0.1:%d" % port
        wait_for(lambda: b"reeved-" in (tmp_path / "log").read_bytes(), PATIENCE_S, "the server at the broker")
        server.stop()
    finally:
        broker.send_signal(signal.SIGTERM)
        broker.wait(PATIENCE_S)
