# SPDX-License-Identifier: Apache-2.0
"""Flyve agents enroll: invitations, the REST sequence, its reasons, who is who, what of an earlier life ends."""
import base64
import json
import subprocess

import pytest

from conftest import binary, clean_env, wait_for
from test_agent_flyve import Broker
from flyve_agents import (D1, D2, XML, Refused, Rest, agents, command, device, invite, make_fleet,  # noqa: F401 (fixtures)
                          read_deep_link, server, state)


def test_invitation(server):
    made = invite(server, email="ann@example.org")
    url, user_token, token = read_deep_link(made["deep_link"])
    assert url == server.url + "/apirest.php"
    assert (user_token, token) == (made["user_token"], made["token"])
    assert len(token) == 64 and set(token) <= set("0123456789abcdef")
    shown = server.admin().get("/api/v1/enrollment-tokens").json()
    assert "user_token" not in json.dumps(shown) and token not in json.dumps(shown)


def test_invitation_by_command_line(server, tmp_path):
    file = tmp_path / "qr.png"
    out = subprocess.run([binary("reeve"), "--server", server.url, "--token-file", str(server.data / "admin.token"),
                          "-o", "json", "enrollment-token", "create", "--kind", "flyve", "--uses", "1", "--expires", "24h",
                          "--qr", str(file)], env=clean_env(), capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr
    made = json.loads(out.stdout)
    assert set(made) >= {"token", "user_token", "deep_link"}
    assert file.read_bytes().startswith(b"\x89PNG") and file.stat().st_mode & 0o777 == 0o600


def test_d1_record(server, agents):
    fleet = make_fleet(server)
    a = agents(D1, "SER1").enroll(invite(server, fleet="phones"))
    r = a.record
    assert r["name"] == "ann@example.org" and r["mdm_type"] == "android" and r["is_online"] == 0
    assert r["topic"] == "/0/agent/SER1" and r["mqttuser"] == "SER1" and r["tls"] == "0"
    assert r["broker"] and int(r["port"]) > 0 and r["mqttpasswd"] and r["api_token"]
    d = device(server, r["id"])
    assert (d["kind"], d["channel"], d["serial"], d["external_id"]) == ("android", "flyve", "SER1", "SER1")
    assert d["fleet"] == "phones" and d["model"] == "Pixel 2" and d["attributes"]["email"] == "ann@example.org"
    a.connect()
    assert a.wait_message("Command/Subscribe") == {"subscribe": [{"topic": "/0/fleet/%d" % fleet["id"]}]}
    assert a.wait_message("/FlyvemdmManifest/Status/Version")["version"]


def test_d2_record(server, agents):
    a = agents(D2, "SER2").enroll(invite(server))
    assert a.record["topic"] == "0/agent/SER2"
    a.connect()
    assert a.wait_message("FlyvemdmManifest/Status/Version")["version"]
    wait_for(lambda: device(server, a.record["id"])["attributes"].get("online") == "true", 60)
    a.drop()
    wait_for(lambda: device(server, a.record["id"])["attributes"].get("online") == "false", 60)


REASONS = [
    ({"_invitation_token": "0" * 64}, "Invitation token invalid"),
    ({"_serial": None, "_uuid": None}, "One of serial and uuid is mandatory"),
    ({"inventory": None}, "Device inventory XML is mandatory"),
    ({"inventory": "PHg+"}, "Inventory XML is not well formed"),
    ({"version": None}, "Agent version missing"),
    ({"type": None}, "MDM type missing"),
    ({"type": "toaster"}, "unknown MDM type"),
    ({"version": "new"}, "Bad agent version"),
    ({"version": "1.9.0"}, "The agent version is too low"),
    ({"has_system_permission": None}, "The agent does not advertise its system permissions"),
    ({"_email": "eve@example.org"}, "wrong email address"),
]


def test_reasons(server, agents):
    invitation = invite(server, email="ann@example.org")
    for more, reason in REASONS:
        with pytest.raises(Refused) as e:
            agents(D1, "SER1").enroll(invitation, **more)
        assert (e.value.status, e.value.reason) == (400, ["ERROR_GLPI_ADD", reason])
    agents(D1, "SER1").enroll(invitation)  # none of these has used it up


def test_single_use_and_lost_answer(server, agents):
    invitation = invite(server, uses=1)
    url, user_token, token = read_deep_link(invitation["deep_link"])
    rest, a = Rest(url, user_token), agents(D1, "SER1")
    first = rest.enroll(a.fields(token))
    server.kill()
    server.start()
    rest.url = server.url + "/apirest.php"
    again = rest.enroll(a.fields(token))  # its session has survived, and is still its own
    assert again["id"] == first["id"] and again["mqttpasswd"] != first["mqttpasswd"]
    with pytest.raises(Refused) as e:
        Rest(rest.url, user_token).enroll(agents(D1, "SER2").fields(token))
    assert e.value.reason[1] == "Invitation is not pending"


def test_lost_answer_and_a_new_session(server, agents):
    """An agent that begins anew is the same one until it has been seen; then a link that is used up is worth nothing."""
    invitation = invite(server, uses=1)
    url, user_token, token = read_deep_link(invitation["deep_link"])
    a = agents(D1, "SER1")
    made = [Rest(url, user_token).ask("POST", "PluginFlyvemdmAgent", json={"input": a.fields(token)}) for _ in range(3)]
    assert len({m["id"] for m in made}) == 1
    assert [t["uses"] for t in server.admin().get("/api/v1/enrollment-tokens").json()["items"]] == [1]
    a.enroll(invitation)
    assert a.record["id"] == made[0]["id"]
    with pytest.raises(Refused) as e:  # somebody else with the same link
        agents(D1, "SER1", uuid="another").enroll(invitation)
    assert e.value.reason[1] == "Invitation is not pending"
    a.connect()
    wait_for(lambda: device(server, a.record["id"])["last_seen"] > device(server, a.record["id"])["enrolled"], 60)
    with pytest.raises(Refused) as e:
        agents(D1, "SER1").enroll(invitation)
    assert e.value.reason[1] == "Invitation is not pending"
    command(server, a.record["id"], "ping")
    a.wait_message("Command/Ping")  # its credentials are still good


def test_another_device_in_the_same_session_is_another_use(server, agents):
    invitation = invite(server, uses=2)
    url, user_token, token = read_deep_link(invitation["deep_link"])
    rest, made = Rest(url, user_token), []
    for a in (agents(D1, "SER1"), agents(D1, "SER1"), agents(D1, "SER2"), agents(D1, "SER2")):
        made.append(rest.ask("POST", "PluginFlyvemdmAgent", json={"input": a.fields(token)})["id"])
    assert made[0] == made[1] != made[2] == made[3]
    with pytest.raises(Refused) as e:
        rest.ask("POST", "PluginFlyvemdmAgent", json={"input": agents(D1, "SER3").fields(token)})
    assert e.value.reason[1] == "Invitation is not pending"


def test_placeholders_in_one_session(server, agents):
    """A serial that says nothing, and no uuid: only the session knows that it is the same one."""
    invitation = invite(server)
    url, user_token, token = read_deep_link(invitation["deep_link"])
    a = agents(D1, "Unknown")
    a.uuid = ""
    fields = a.fields(token, _uuid=None)
    rest = Rest(url, user_token)
    one, again = (rest.ask("POST", "PluginFlyvemdmAgent", json={"input": fields})["id"] for _ in range(2))
    other = Rest(url, user_token).ask("POST", "PluginFlyvemdmAgent", json={"input": fields})["id"]
    assert one == again != other


def test_enrollment_key(server):
    """POST /device/v1/enroll: a lost answer makes no second record, uses up nothing, and gives new credentials."""
    token = invite(server, uses=2)["token"]
    body = {"token": token, "channel": "flyve", "name": "lost", "serial": "Unknown", "enrollment_key": "k" * 43}

    def enroll(status=201, **more):
        r = server.session().post(server.url + "/device/v1/enroll", json=dict(body, **more))
        assert r.status_code == status, r.text
        return r.json()

    first, again = enroll(), enroll()
    assert again["device_id"] == first["device_id"] and again["mqtt"]["password"] != first["mqtt"]["password"]
    assert again["mqtt"]["topic"] == first["mqtt"]["topic"]
    server.kill()
    server.start()
    assert enroll()["device_id"] == first["device_id"]
    assert enroll(enrollment_key="o" * 43)["device_id"] != first["device_id"]
    enroll(401, enrollment_key="p" * 43)
    enroll(400, enrollment_key="short")
    assert enroll()["device_id"] == first["device_id"]  # the token is used up, the key is good
    server.admin().post("/api/v1/devices/%d/unenroll" % first["device_id"])
    enroll(401)


def test_where_the_broker_is(server):
    """For our own agents, by the device's token; the password is not repeated where it is that token."""
    body = {"token": invite(server)["token"], "channel": "flyve", "serial": "SER1"}
    made = server.session().post(server.url + "/device/v1/enroll", json=body).json()
    other = server.session().post(server.url + "/device/v1/enroll", json={"token": server.enrollment_token()}).json()

    def ask(token):
        return server.session().get(server.url + "/device/v1/mqtt", headers={"Authorization": "Bearer " + token})

    r = ask(made["device_token"])
    assert r.status_code == 200 and r.headers["Cache-Control"] == "no-store"
    assert r.json() == {k: v for k, v in made["mqtt"].items() if k != "password"}
    assert ask(other["device_token"]).status_code == 404
    assert ask("nobody").status_code == 401
    server.admin().post("/api/v1/devices/%d/unenroll" % made["device_id"])
    assert ask(made["device_token"]).status_code == 410


def test_new_password_where_it_is_a_jwt(reeved_factory, tmp_path):
    """Such a device asks again when the one that it has does not let it in any more; at somebody else's broker."""
    broker = Broker(tmp_path).start()
    try:
        s = reeved_factory("--mqtt", "mqtt://127.0.0.1:%d" % broker.port, "--mqtt-passwords", "jwt")
        wait_for(lambda: s.session().get(s.url + "/readyz").status_code == 200, 60, "the keys")
        made = s.session().post(s.url + "/device/v1/enroll",
                                json={"token": s.enrollment_token(), "channel": "flyve", "serial": "SER1"})
        assert made.status_code == 201, made.text
        first = made.json()["mqtt"].pop("password")
        assert first.count(".") == 2 and first != made.json()["device_token"]
        r = s.session().get(s.url + "/device/v1/mqtt", headers={"Authorization": "Bearer " + made.json()["device_token"]})
        assert r.json()["password"].count(".") == 2 and r.json()["topic"] == made.json()["mqtt"]["topic"]
        s.stop()
    finally:
        broker.stop()


def test_revoked_and_expired(server, agents):
    invitation = invite(server)
    server.admin().delete("/api/v1/enrollment-tokens/%d" % invitation["id"])
    with pytest.raises(Refused) as e:
        agents(D1, "SER1").enroll(invitation)
    assert e.value.status == 401


def test_sessions(server):
    url, user_token, _ = read_deep_link(invite(server)["deep_link"])
    s = server.session()
    assert s.get(url + "/getFullSession").status_code == 400
    assert s.get(url + "/getFullSession", headers={"Session-Token": "x"}).status_code == 401
    assert s.get(url + "/initSession").status_code == 400
    assert s.get(url + "/initSession", params={"user_token": "x"}).status_code == 401
    rest = Rest(url, user_token)
    for path in ("PluginFlyvemdmAgent/1", "PluginFlyvemdmFile/1"):
        with pytest.raises(Refused) as e:
            rest.ask("GET", path)
        assert e.value.status == 404
    assert rest.ask("GET", "killSession") is True
    with pytest.raises(Refused):
        rest.ask("GET", "getFullSession")


def test_the_words_of_glpi(server, agents):
    """What agents in the field send: forms, no body at all, numbers as texts, parameters in the query."""
    url, user_token, token = read_deep_link(invite(server)["deep_link"])
    s = server.session()
    r = s.get(url + "/initSession", headers={"Authorization": "user_token " + user_token, "Content-Type": "application/json"})
    s.headers["Session-Token"] = r.json()["session_token"]
    for kw in ({}, {"data": {"profiles_id": "9"}}, {"json": {"profiles_id": "9"}}, {"headers": {"Content-Type": "application/json"}}):
        assert s.post(url + "/changeActiveProfile", params={"profiles_id": "9"}, **kw).json() is True
    assert s.post(url + "/changeActiveProfile", json={"profiles_id": "9"}).json() is True
    assert s.post(url + "/changeActiveProfile", params={"profiles_id": 77}).status_code == 404
    lines = base64.encodebytes((XML % {"serial": "SER1", "uuid": "u"}).encode()).decode().replace("\n", "\r\n")
    assert lines.count("\n") > 3
    fields = agents(D2, "SER1").fields(token, has_system_permission="1", phone=12345, type="apple", version="1.2.0",
                                       inventory=lines)
    r = s.post(url + "/PluginFlyvemdmAgent", json={"input": fields})
    assert r.status_code == 201, r.text
    record = s.get(url + "/PluginFlyvemdmAgent/%d" % r.json()["id"]).json()
    assert record["mdm_type"] == "apple" and device(server, record["id"])["attributes"]["phone"] == "12345"
    assert device(server, record["id"])["attributes"]["system_permission"] == "true"
    own = Rest(url, record["api_token"])
    for value, seen in (("true", "true"), (0, "false"), ("1", "true"), (False, "false"), ("false", "false"), (1, "true")):
        own.ask("PUT", "PluginFlyvemdmAgent/%d" % record["id"], json={"input": {"is_online": value}})
        assert device(server, record["id"])["attributes"]["online"] == seen, value
    own.ask("PUT", "PluginFlyvemdmAgent/%d" % record["id"], json={"input": {"_inventory": lines}})
    own.ask("PUT", "PluginFlyvemdmAgent/%d" % record["id"], json={"input": [{"is_online": "0"}]})
    assert device(server, record["id"])["attributes"]["online"] == "false"
    for wrong in ([], [1], [{}, {}], "x", None):
        with pytest.raises(Refused):
            own.ask("PUT", "PluginFlyvemdmAgent/%d" % record["id"], json={"input": wrong})
    with pytest.raises(Refused):
        own.ask("PUT", "PluginFlyvemdmAgent/%d" % record["id"], json={"input": {"_inventory": lines[1:]}})


def test_the_invitation_is_not_kept(server, agents):
    """Agents write it into the inventory's tag."""
    invitation = invite(server)
    a = agents(D1, "SER1")
    xml = (XML % {"serial": "SER1", "uuid": "u"}).replace(
        "<BIOS>", "<ACCOUNTINFO><KEYNAME>TAG</KEYNAME><KEYVALUE>invitation_%s</KEYVALUE></ACCOUNTINFO><BIOS>" % invitation["token"])
    a.enroll(invitation, inventory=base64.b64encode(xml.encode()).decode()).connect()
    a.say("Status/Inventory", xml)
    a.say("Status/Geolocation", {"latitude": 1, "longitude": 2, "datetime": 3})
    wait_for(lambda: "latitude" in device(server, a.record["id"])["attributes"], 60)
    text = server.admin().get("/api/v1/devices/%d/inventory" % a.record["id"]).text
    assert "accountinfo" in text and invitation["token"] not in text


def test_device_limit(server, agents):
    org = server.admin().get("/api/v1/organizations/default").json()
    r = server.admin().patch("/api/v1/organizations/%d" % org["id"], json={"config": {"flyve.device_limit": 1}})
    assert r.status_code == 200, r.text
    invitation = invite(server)
    agents(D1, "SER1").enroll(invitation)
    with pytest.raises(Refused) as e:
        agents(D1, "SER2").enroll(invitation)
    assert e.value.reason[1] == "Too many devices"
    with pytest.raises(Refused) as e:  # before anything else is looked at
        agents(D1, "SER2").enroll(invitation, version=None, inventory=None)
    assert e.value.reason[1] == "Too many devices"
    agents(D1, "SER1").enroll(invitation)  # the same device again is not one more
    with pytest.raises(Refused) as e:
        agents(D1, "SER1").enroll(invitation, version=None)
    assert e.value.reason[1] == "Agent version missing"


def test_two_unknowns_are_kept_apart(server, agents):
    invitation = invite(server)
    one = agents(D1, "Unknown", uuid="u-1").enroll(invitation)
    two = agents(D1, "Unknown", uuid="u-2").enroll(invitation)
    assert one.record["id"] != two.record["id"] and one.topic != two.topic
    assert one.record["mqttuser"] != two.record["mqttuser"]
    one.connect(), two.connect()
    command(server, two.record["id"], "lock")
    two.wait_message("Command/Lock")
    assert not one.find("Command/Lock")
    again = agents(D1, "Unknown", uuid="u-1").enroll(invitation)
    assert again.record["id"] == one.record["id"]


@pytest.mark.parametrize("serial", ["a/b", "a+b", "#", "with space", "x" * 200, "\u00e9", "$SYS", "reeved", "WIPER-7", "unlocked"])
def test_hostile_serials(server, agents, serial):
    a = agents(D1, serial).enroll(invite(server))
    name = a.topic.split("/")[-1]
    assert a.topic == "/0/agent/" + name and name.replace("-", "").isalnum() and a.record["mqttuser"] == name
    assert device(server, a.record["id"])["serial"] == serial
    a.connect()
    command(server, a.record["id"], "ping")
    a.wait_message("Command/Ping")


def test_too_long_serial_is_refused(server, agents):
    with pytest.raises(Refused) as e:
        agents(D1, "x" * 300).enroll(invite(server))
    assert e.value.status == 400


@pytest.mark.parametrize("cls", [D1, D2])
def test_wiped_and_back(server, agents, cls):
    """Nothing of the old life reaches the new one, however it ended."""
    fleet = make_fleet(server)
    invitation = invite(server, fleet="phones")
    a = agents(cls, "SER1").enroll(invitation).connect()
    number, old_password = a.record["id"], a.record["mqttpasswd"]
    wipe = command(server, number, "wipe")
    a.wait_message("Command/Wipe", lambda m: m["wipe"] == "now" and m["taskId"] == str(wipe))
    a.wiped()
    lock = command(server, number, "lock")
    wait_for(lambda: state(server, lock) == "sent", 60)
    a = agents(cls, "SER1").enroll(invitation)
    assert a.record["id"] == number and a.record["mqttpasswd"] != old_password
    assert state(server, wipe) == "done" and state(server, lock) == "cancelled"
    a.connect()
    a.wait_message("Command/Subscribe", lambda m: str(fleet["id"]) in m["subscribe"][0]["topic"])
    command(server, number, "ping")
    a.wait_message("Command/Ping")  # everything that was retained came before it
    assert not a.find("Command/Wipe") and not a.find("Command/Lock")
    ghost = agents(cls, "SER1")
    ghost.record = dict(a.record, mqttpasswd=old_password)
    ghost.connect(wait=False)
    ghost.wait(lambda: ghost.refused, "a refusal")
