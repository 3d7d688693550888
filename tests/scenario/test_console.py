# SPDX-License-Identifier: Apache-2.0
"""The console in a real browser: signing in, devices and their verdicts live, a setting made and removed, enrollment, events."""
import json
import os
import sqlite3

import pytest

import chrome_browser
from browser import Browser
from flyve_agents import read_deep_link

SHOTS = os.environ.get("REEVE_SCREENSHOTS")  # a folder: keep pictures of every page, to look at


@pytest.fixture
def page(reeved, tmp_path):
    with Browser(tmp_path) as browser:
        yield browser.open(reeved.url + "/console/")


def shot(page, name):
    if SHOTS:
        page.screenshot(os.path.join(SHOTS, name + ".png"))


def says(text):
    return "document.body.innerText.includes(%s)" % json.dumps(text)


def button(text):
    return "[...document.querySelectorAll('button, a')].find(e => e.innerText.trim() === %s)" % json.dumps(text)


def sign_in(page, reeved):
    reeved.settle()
    page.type("input[name=password]", (reeved.data / "admin.password").read_text().strip())
    page.click(button("Sign in"))
    page.wait_for(says("Overview"))


def go(page, reeved, path):
    page.evaluate("location.hash = %s" % json.dumps(path))


def choose(page, name, value):
    page.evaluate("(e => { e.value = %s; e.dispatchEvent(new Event('change', {bubbles: true})) })"
                  "(document.querySelector('select[name=%s]'))" % (json.dumps(value), name))


def report(device, version, observed):
    r = device.post("/device/v1/report", json={"applied_version": version, "settings": observed})
    assert r.status_code == 200, r.text
    return r.json()["verdict"]


def test_sign_in_and_out(page, reeved):
    shot(page, "sign-in")
    page.type("input[name=password]", "wrong")
    page.click(button("Sign in"))
    page.wait_for("document.querySelector('.problem')")
    sign_in(page, reeved)
    page.wait_for(says("0 devices"))
    page.evaluate("location.reload()")
    page.wait_for(says("0 devices"))  # the session survives a reload
    page.click(button("Sign out"))
    page.wait_for("document.querySelector('input[name=password]')")


def test_own_password(page, reeved):
    sign_in(page, reeved)
    page.click(button("admin"))
    page.type("input[name=password]", "correct horse")
    page.type("input[name=again]", "correct hores")
    page.click(button("Change"))
    page.wait_for(says("The two differ."))
    page.type("input[name=again]", "correct horse")
    page.click(button("Change"))
    page.wait_for(button("Sign in"))
    page.type("input[name=password]", "correct horse")
    page.click(button("Sign in"))
    page.wait_for(says("Password of admin"))


def test_devices_live(page, reeved):
    quiet = reeved.device(name="quiet")
    laptop = reeved.device(name="laptop-7", os_version="Debian GNU/Linux 12", serial="<b>PF3</b>")
    assert report(laptop, 1, {}) == "COMPLIANT"
    sign_in(page, reeved)
    page.wait_for(says("2 devices"))
    shot(page, "overview")
    go(page, reeved, "#/devices")
    page.wait_for(says("laptop-7") + " && " + says("Compliant") + " && " + says("Unknown"))
    shot(page, "devices")
    page.type("input[name=filter]", "verdict=UNKNOWN")
    page.click(button("Show"))
    page.wait_for("!%s && %s" % (says("laptop-7"), says("quiet")))
    page.type("input[name=filter]", "verdict=")
    page.click(button("Show"))
    page.wait_for("document.querySelector('.problem')")  # the server's sentence about the filter

    go(page, reeved, "#/devices/%d" % laptop.device["device_id"])
    page.wait_for(says("laptop-7") + " && " + says("<b>PF3</b>"))  # text, not markup
    page.type("input[list=catalogue]", "camera.disabled")
    page.wait_for("document.querySelector('.editor select[aria-label=Value]')")
    page.click(button("Set"))
    page.wait_for(says("Stale"))
    assert report(laptop, 2, {"camera.disabled": {"value": False, "state": "failed", "message": "in use"}}) == "NON_COMPLIANT"
    page.wait_for(says("Not compliant") + " && " + says("in use"))
    shot(page, "device")
    page.click(button("ping"))
    page.wait_for("document.querySelector('.chip') && " + says("queued"))
    assert quiet.get("/device/v1/commands").json()["commands"] == []
    assert [c["type"] for c in laptop.get("/device/v1/commands").json()["commands"]] == ["ping"]
    page.wait_for(says("sent"))
    page.click(button("Unenroll"))
    page.wait_for("document.querySelector('dialog[open]')")
    page.click("document.querySelector('dialog .danger')")
    page.wait_for(says("Unenrolled"))
    assert laptop.get("/device/v1/desired").status_code == 410


def test_fleets_enrollment_and_events(page, reeved):
    sign_in(page, reeved)
    go(page, reeved, "#/fleets")
    page.type("input[name=name]", "Sales")
    page.click(button("Create"))
    page.wait_for("document.querySelector('.tree').innerText.includes('Sales')")
    page.type("input[list=catalogue]", "password.min_length")
    page.type(".editor input[type=number]", "12")
    page.click(button("Set"))
    page.wait_for("[...document.querySelectorAll('td')].some(e => e.innerText === '12')")
    shot(page, "fleets")
    page.click(button("remove"))
    page.wait_for(says("None of its own"))

    go(page, reeved, "#/enroll")
    page.wait_for("document.querySelector('select[name=fleet] option')")
    page.click(button("Create a token"))
    page.wait_for("document.querySelector('.fresh pre')")
    shot(page, "enroll")
    command = page.evaluate("document.querySelector('.fresh pre').innerText")
    assert command.startswith("reeve-agent --server %s --enrollment-token " % reeved.url)
    assert reeved.device(token=command.split()[-1], name="by-console").device["fleet"] == "default"

    choose(page, "kind", "chrome")
    page.click(button("Create a token"))
    page.wait_for("document.querySelector('.fresh').innerText.includes('CloudManagementEnrollmentToken')")
    shot(page, "enroll-browser")
    token, flags = page.evaluate("[...document.querySelectorAll('.fresh pre')].map(e => e.innerText)")
    assert "--device-management-url=%s/devicemanagement/data/api " % reeved.url in flags
    answer = chrome_browser.Browser(reeved.url, None, host="by-console").register(token)
    assert answer.status == 200

    choose(page, "kind", "flyve")
    page.type("input[name=email]", "ann@example.org")
    page.click(button("Create a token"))
    page.wait_for("document.querySelector('.fresh .qr svg path')")
    shot(page, "enroll-phone")
    link = page.evaluate("document.querySelector('.fresh pre').innerText")
    assert read_deep_link(link)[0] == reeved.url + "/apirest.php"

    go(page, reeved, "#/events")
    page.wait_for(says("● live") + " && " + says("device.enrolled"))
    shot(page, "events")
    reeved.device(name="seen-live")
    page.wait_for(says("seen-live"))


def test_machines_of_a_host(page, reeved):
    sign_in(page, reeved)
    host = reeved.device(name="tower")
    vm = host.post("/device/v1/children", json={"key": "web", "kind": "vm", "name": "Webserver"}).json()
    go(page, reeved, "#/devices/%d" % host.device["device_id"])
    page.wait_for(says("Machines"))
    page.click(button("Webserver"))
    page.wait_for(says("vm, by the vm channel"))
    page.wait_for(button("tower"))  # its host, by name
    page.click(button("shutdown"))
    page.wait_for(says("queued"))
    commands = reeved.admin().get("/api/v1/commands", params={"device": vm["device_id"]}).json()["items"]
    assert [c["type"] for c in commands] == ["shutdown"]
    go(page, reeved, "#/devices")
    page.wait_for(says("vm in tower"))
    shot(page, "machines")


def commands_of(reeved, device):
    rows = reeved.admin().get("/api/v1/commands", params={"device": device.device["device_id"]}).json()["items"]
    return [(c["type"], c["params"], c["state"]) for c in rows]


def test_overview_says_why(page, reeved):
    late, bad = reeved.device(name="late"), reeved.device(name="bad")
    assert report(late, 1, {}) == "COMPLIANT"
    put = reeved.admin().put("/api/v1/fleets/default/settings/camera.disabled", json={"value": True})
    assert put.status_code == 200, put.text
    assert report(bad, 2, {"camera.disabled": {"value": False, "state": "failed", "message": "in use"}}) == "NON_COMPLIANT"
    sign_in(page, reeved)
    page.wait_for(says("camera.disabled: false instead of true (in use)") + " && " + says("has applied version 1 of 2"))


def test_overview_shows_who_is_silent(page, reeved):
    devices = [reeved.device(name=name) for name in ("lost", "awake")]
    for device in devices:
        assert report(device, 1, {}) == "COMPLIANT"
    sign_in(page, reeved)
    page.wait_for(says("Nothing: every device"))
    assert "Not seen for a week" not in page.text()
    reeved.stop()
    db = sqlite3.connect(reeved.data / "store.sqlite")
    with db:
        db.execute("UPDATE device SET last_seen_ms = last_seen_ms - 9 * 86400000 WHERE name = 'lost'")
    db.close()
    page.go(reeved.start().url + "/console/")  # the session's cookie is for the host, whatever its port
    page.wait_for(says("Not seen for a week") + " && " + says("9 d ago"))
    assert "lost" in page.text() and "awake" not in page.text()


def test_commands_with_parameters(page, reeved):
    sign_in(page, reeved)
    host = reeved.device(name="tower")
    vm = host.post("/device/v1/children", json={"key": "web", "kind": "vm", "name": "Web"}).json()
    go(page, reeved, "#/devices/%d" % vm["device_id"])
    choose_after(page, "type", "launch")
    page.type("textarea[name='param.argv']", "ls\n-l")
    page.click(button("Send launch"))
    page.wait_for(says("queued"))
    sent = reeved.admin().get("/api/v1/commands", params={"device": vm["device_id"]}).json()["items"]
    assert [(c["type"], c["params"]) for c in sent] == [("launch", {"argv": ["ls", "-l"]})]
    page.click(button("cancel"))
    page.wait_for(says("cancelled"))

    go(page, reeved, "#/devices/%d" % host.device["device_id"])
    page.wait_for(button("ping"))
    assert "reset_password" not in page.text()  # a Linux machine knows no such thing
    choose_after(page, "type", "wipe")
    page.click(button("Send wipe"))
    page.wait_for("document.querySelector('dialog[open] .danger').disabled")
    page.click("[...document.querySelectorAll('dialog button')].find(b => b.innerText === 'Keep')")
    page.wait_for("!document.querySelector('dialog')")
    assert commands_of(reeved, host) == []
    page.click(button("Send wipe"))
    page.type("dialog[open] input[name=word]", "wipe")
    page.click("document.querySelector('dialog .danger:enabled')")
    page.wait_for(says("queued"))
    assert commands_of(reeved, host) == [("wipe", {}, "queued")]


def choose_after(page, name, value):
    """choose(), once the choice is there."""
    page.wait_for("[...document.querySelectorAll('select[name=%s] option')].some(o => o.value === %s)" % (name, json.dumps(value)))
    choose(page, name, value)


def test_command_to_many(page, reeved):
    sign_in(page, reeved)
    crowd = [reeved.device(name="desk-%d" % i) for i in range(3)]
    other = reeved.device(name="other", kind="android")
    go(page, reeved, "#/devices")
    page.type("input[name=filter]", "desk")  # a word is looked for in names and serials
    page.click(button("Show"))
    page.wait_for(says("Devices (3)") + " && !" + says("other"))
    page.click(button("Command to all of these"))
    choose_after(page, "type", "lock")
    page.click(button("Send lock"))
    page.wait_for("document.querySelector('dialog[open]')?.innerText.includes('3 devices')")
    page.click("document.querySelector('dialog .danger')")
    page.wait_for(says("Sent to 3."))
    shot(page, "command-to-many")
    assert [commands_of(reeved, d) for d in crowd] == 3 * [[("lock", {}, "queued")]]
    assert commands_of(reeved, other) == []


def test_commands_of_all_devices(page, reeved):
    sign_in(page, reeved)
    for i in range(2):
        device = reeved.device(name="desk-%d" % i)
        sent = reeved.admin().post("/api/v1/commands", json={"device": device.device["device_id"], "type": "lock"})
        assert sent.status_code == 201, sent.text
    go(page, reeved, "#/")
    page.click(button("2 open commands"))
    page.wait_for(says("desk-0") + " && " + says("desk-1") + " && document.title === 'Commands – Reeve'")
    page.click("document.querySelector('[aria-label=\"Cancel command 1\"]')")
    page.wait_for(says("cancelled"))
    choose(page, "state", "queued")
    page.wait_for(says("desk-1") + " && !" + says("desk-0"))
    choose(page, "state", "failed")
    page.wait_for(says("None."))


def test_older_events(page, reeved):
    api = reeved.admin()
    for i in range(300):
        assert api.put("/api/v1/fleets/default/settings/password.min_length", json={"value": i % 2}).status_code == 200
    first = api.get("/api/v1/events", params={"limit": 1}).json()["items"][0]["type"]
    sign_in(page, reeved)
    go(page, reeved, "#/events")
    page.wait_for(says("● live"))
    rows = "[...document.querySelectorAll('tbody tr td:first-child')].map(e => Number(e.innerText))"
    assert len(page.evaluate(rows)) == 100 and first not in page.text()
    page.click(button("Older ones"))
    page.wait_for(says("Follow again") + " && " + says(first))
    numbers = page.evaluate(rows)
    assert numbers == list(range(numbers[0], 0, -1))  # every one of them, once
    assert not page.evaluate("!!" + button("Older ones"))
    page.click(button("Follow again"))
    page.wait_for(says("● live"))
    api.post("/api/v1/fleets", json={"name": "seen-live"})
    page.wait_for(says("seen-live"))


def test_device_is_managed_by_hand(page, reeved):
    api = reeved.admin()
    device = reeved.device(name="laptop-7")
    path = "/api/v1/devices/%d" % device.device["device_id"]
    api.post("/api/v1/fleets", json={"name": "Sales"})
    api.put(path + "/settings/camera.disabled", json={"value": True})
    sign_in(page, reeved)
    go(page, reeved, "#" + path.removeprefix("/api/v1"))
    page.click("document.querySelector('[aria-label=\"Remove camera.disabled\"]')")
    page.wait_for("!%s" % button("remove"))
    assert api.get(path + "/settings").json()["items"] == []
    page.wait_for(says("setting.unset"))  # its history
    page.click(button("Rename or move"))
    page.type("input[name=name]", "laptop-8")
    fleets = {f["name"]: f["id"] for f in api.get("/api/v1/fleets").json()["items"]}
    choose_after(page, "fleet", str(fleets["Sales"]))
    page.click(button("Save"))
    page.wait_for(says("laptop-8") + " && " + says("default/Sales"))
    page.click(button("Delete"))
    page.click("document.querySelector('dialog[open] .danger')")
    page.wait_for("location.hash === '#/devices'")
    assert api.get(path).status_code == 404


def test_keep_keeps(page, reeved):
    """A question that is answered with no leaves the form that it stands in alone."""
    sign_in(page, reeved)
    sales = reeved.admin().post("/api/v1/fleets", json={"name": "Sales"}).json()
    go(page, reeved, "#/fleets/%d" % sales["id"])
    page.type("input[name=name]", "half typed")
    page.click(button("Delete Sales"))
    page.click("[...document.querySelectorAll('dialog button')].find(b => b.innerText === 'Keep')")
    page.wait_for("!document.querySelector('dialog')")
    page.evaluate("fetch('/api/v1/overview').then(r => r.text())")  # what was sent before it has arrived
    assert [f["name"] for f in reeved.admin().get("/api/v1/fleets").json()["items"]] == ["default", "Sales"]


def test_narrow_window(page, reeved):
    """Nothing is wider than a phone, and no cell is a column of single letters."""
    device = reeved.device(name="x" * 200, os_version="Debian GNU/Linux 12", serial="S" * 60)
    report(device, 1, {"camera.disabled": {"value": False, "state": "observed"}})
    sign_in(page, reeved)
    page.call("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=False)
    for path, there in (("#/devices", "Debian"), ("#/devices/%d" % device.device["device_id"], "camera.disabled"),
                        ("#/events", "device.enrolled"), ("#/", "1 device")):
        go(page, reeved, path)
        page.wait_for(says(there))
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, path
        heights = page.evaluate("[...document.querySelectorAll('td')].map(e => e.getBoundingClientRect().height)")
        assert max(heights, default=0) < 200, path


def test_nothing_foreign_is_loaded_and_nothing_fails(page, reeved):
    sign_in(page, reeved)
    for path in ("#/", "#/devices", "#/fleets", "#/commands", "#/account", "#/enroll", "#/events", "#/nowhere"):
        go(page, reeved, path)
        page.wait_for("document.querySelector('main').innerText.length > 0")
    urls = page.evaluate("performance.getEntriesByType('resource').map(r => r.name)")
    assert urls and all(u.startswith(reeved.url + "/") for u in urls)
    # signed out at first, the page asks for its session and is told 401: that is not a fault
    assert [e for e in page.errors() if "401" not in e] == []
