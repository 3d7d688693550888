# SPDX-License-Identifier: Apache-2.0
"""Ringing phones: reeved against a strict stand-in for Google. It never delays an administrator, loses nothing in a
crash, drops tokens that stand for nobody, and waits when it is told to."""
import signal
import time

import pytest

from conftest import wait_for
from fcm_standin import FcmStandin
from test_mdmcore import Agent, Console


@pytest.fixture
def fcm():
    with FcmStandin() as standin:
        yield standin
        assert standin.stats()["violations"] == []


@pytest.fixture
def options(fcm):
    return ["--mdmcore-open-enrollment", "--fcm-credentials", str(fcm.credentials_file), "--fcm-endpoint",
            fcm.endpoint]


@pytest.fixture
def server(reeved_factory, options):
    return reeved_factory(*options).settle()


def phones(server, *tokens):
    agents = []
    for token in tokens:
        agent = Agent(server.url, fcm_token=token)
        agent.sync()
        agents.append(agent)
    return agents


def rung(fcm):
    return sorted(fcm.stats()["rung"])


def wait_rung(fcm, *tokens):
    wait_for(lambda: rung(fcm) == sorted(tokens), what="%s; rung so far: %s" % (tokens, rung(fcm)))


def forget(fcm):
    fcm.control({"forget": True})


def test_one_device_and_a_fleet(server, fcm):
    phones(server, "t1", "t2", "t3")
    assert rung(fcm) == []  # enrolling and reporting ring nobody
    Console(server.url).put("device-2", False)
    wait_rung(fcm, "t2")
    forget(fcm)
    admin = server.admin()
    admin.post("/api/v1/fleets", json={"name": "Sales"})
    device = [d for d in admin.get("/api/v1/devices").json()["items"] if d["external_id"] == "device-1"][0]
    admin.patch("/api/v1/devices/%d" % device["id"], json={"fleet": "Sales"})
    wait_rung(fcm, "t1")  # moved: its desired state is another one
    forget(fcm)
    admin.put("/api/v1/fleets/Sales/settings/camera.disabled", json={"value": False})
    wait_rung(fcm, "t1")
    forget(fcm)
    admin.put("/api/v1/fleets/default/settings/camera.disabled", json={"value": True})
    wait_rung(fcm, "t1", "t2", "t3")
    assert fcm.stats()["token_requests"] <= 1  # the access token is kept
    metrics = server.session().get("/metrics").text
    assert 'reeve_fcm_total{result="sent"} 6' in metrics


def test_many_changes_are_one_ring(server, fcm):
    """While the ringer is held up, changes gather; each phone is then rung once."""
    phones(server, "t1", "t2")
    fcm.control({"next": [{"status": 503, "retry_after": 2}]})
    for value in (True, False) * 10:
        server.admin().put("/api/v1/fleets/default/settings/camera.disabled", json={"value": value})
    wait_for(lambda: set(rung(fcm)) == {"t1", "t2"})
    time.sleep(0.5)  # nothing more comes
    assert len(rung(fcm)) <= 6


def test_never_delays_the_administrator(server, fcm):
    phones(server, "t1")
    fcm.control({"next": [{"status": 503, "retry_after": 600}]})
    start = time.monotonic()
    for _ in range(5):
        assert Console(server.url).put("device-1", True).status_code == 200
    assert time.monotonic() - start < 60
    assert rung(fcm) == []


def test_unregistered_tokens_are_dropped(server, fcm):
    phones(server, "gone-1", "t2", "mismatch-3")
    admin = server.admin()
    admin.put("/api/v1/fleets/default/settings/camera.disabled", json={"value": False})
    wait_rung(fcm, "t2")
    wait_for(lambda: 'reeve_fcm_total{result="unregistered"} ' in server.session().get("/metrics").text)
    wait_for(lambda: 'reeve_fcm_total{result="unregistered"} 0' not in server.session().get("/metrics").text)
    sends = fcm.stats()["sends"]
    admin.put("/api/v1/fleets/default/settings/camera.disabled", json={"value": True})
    wait_rung(fcm, "t2", "t2")
    assert fcm.stats()["sends"] <= sends + 2  # the gone one is not tried again
    assert "gone-1" not in server.stderr() and "t2" not in server.stderr()  # tokens are secrets
    phones(server, "t4")
    Agent.sync(_agent(server, "device-1", "t1-new"))
    forget(fcm)
    admin.put("/api/v1/fleets/default/settings/camera.disabled", json={"value": False})
    wait_for(lambda: {"t1-new", "t2", "t4"} <= set(rung(fcm)))


def _agent(server, device_id, token):
    agent = Agent(server.url, fcm_token=token)
    agent.id = device_id
    return agent


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_crash_loses_no_ring(server, fcm, end):
    phones(server, "t1")
    Console(server.url).put("device-1", False)
    wait_rung(fcm, "t1")
    forget(fcm)
    fcm.control({"next": [{"status": 503, "retry_after": 600}]})  # an outage that outlives the server
    assert Console(server.url).put("device-1", True).status_code == 200
    wait_for(lambda: fcm.stats()["sends"] == 1)
    start = time.monotonic()
    getattr(server, end)()
    assert time.monotonic() - start < 60  # the outage lasts 600
    server.start()
    wait_rung(fcm, "t1")


def test_restart_rings_nobody_again(server, fcm):
    phones(server, "t1")
    Console(server.url).put("device-1", False)
    wait_rung(fcm, "t1")
    forget(fcm)
    server.restart()
    Console(server.url).put("device-1", False)
    wait_rung(fcm, "t1")


def test_unenrolled_devices_are_not_rung(server, fcm):
    phones(server, "t1", "t2")
    admin = server.admin()
    device = [d for d in admin.get("/api/v1/devices").json()["items"] if d["external_id"] == "device-1"][0]
    admin.post("/api/v1/devices/%d/unenroll" % device["id"])
    admin.put("/api/v1/fleets/default/settings/camera.disabled", json={"value": False})
    wait_for(lambda: "t2" in rung(fcm))
    assert "t1" not in rung(fcm)


def test_a_fleet_that_is_gone_meanwhile(server, fcm):
    """What cannot be rung for any more does not hold up the rest."""
    phones(server, "t1", "t2")
    admin = server.admin()
    admin.post("/api/v1/fleets", json={"name": "Sales"})
    fcm.control({"next": [{"status": 503, "retry_after": 2}]})
    Console(server.url).put("device-1", False)
    wait_for(lambda: fcm.stats()["sends"] == 1)
    admin.put("/api/v1/fleets/Sales/settings/camera.disabled", json={"value": False})
    assert admin.delete("/api/v1/fleets/Sales").status_code == 204
    Console(server.url).put("device-2", False)
    wait_rung(fcm, "t1", "t2")


def test_after_a_restore(server, fcm):
    """The event log is set back; what changes from then on rings again."""
    phones(server, "t1")
    admin = server.admin()
    backup = admin.get("/api/v1/backup").content
    for value in (False, True, False):
        Console(server.url).put("device-1", value)
    wait_for(lambda: "t1" in rung(fcm))
    r = admin.post("/api/v1/restore", data=backup, headers={"Content-Type": "application/octet-stream"})
    assert r.status_code == 200, r.text
    assert Console(server.url).devices()[0]["desired"] == {"version": 1, "cameraDisabled": True}

    def again():
        forget(fcm)
        Console(server.url).put("device-1", True)
        time.sleep(0.2)
        return "t1" in rung(fcm)

    wait_for(again, what="a ring after the restore")


def test_without_credentials(reeved_factory):
    server = reeved_factory("--mdmcore-open-enrollment")
    phones(server, "t1")
    assert Console(server.url).put("device-1", False).status_code == 200


def test_switched_on_and_off_by_reload(reeved_factory, fcm, tmp_path):

    config = tmp_path / "reeved.yaml"
    config.write_text("mdmcore.open_enrollment: true\n")
    server = reeved_factory("--config", str(config)).settle()
    phones(server, "t1")
    Console(server.url).put("device-1", False)

    def reload(text, n):
        config.write_text("mdmcore.open_enrollment: true\n" + text)
        server.signal(signal.SIGHUP)
        wait_for(lambda: server.stderr().count("configuration read again") == n)

    on = "fcm:\n  credentials: %s\n  endpoint: %s\n" % (fcm.credentials_file, fcm.endpoint)
    reload(on, 1)
    time.sleep(0.3)
    assert rung(fcm) == []  # yesterday's changes ring nobody
    Console(server.url).put("device-1", True)
    wait_rung(fcm, "t1")
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    reload("fcm:\n  credentials: %s\n  endpoint: %s\n" % (bad, fcm.endpoint), 2)
    assert "the old FCM credential stays in use" in server.stderr()
    Console(server.url).put("device-1", False)
    wait_rung(fcm, "t1", "t1")
    reload("", 3)
    forget(fcm)
    Console(server.url).put("device-1", True)
    time.sleep(0.3)
    assert rung(fcm) == []
