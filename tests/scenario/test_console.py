# SPDX-License-Identifier: Apache-2.0
"""The console in a real browser: signing in, devices and their verdicts live, a setting made and removed, enrollment, events."""
import json
import os

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
    page.wait_for(button("device %d" % host.device["device_id"]))
    page.click(button("shutdown"))
    page.wait_for(says("queued"))
    commands = reeved.admin().get("/api/v1/commands", params={"device": vm["device_id"]}).json()["items"]
    assert [c["type"] for c in commands] == ["shutdown"]
    go(page, reeved, "#/devices")
    page.wait_for(says("vm in %d" % host.device["device_id"]))
    shot(page, "machines")


def test_nothing_foreign_is_loaded_and_nothing_fails(page, reeved):
    sign_in(page, reeved)
    for path in ("#/", "#/devices", "#/fleets", "#/enroll", "#/events", "#/nowhere"):
        go(page, reeved, path)
        page.wait_for("document.querySelector('main').innerText.length > 0")
    urls = page.evaluate("performance.getEntriesByType('resource').map(r => r.name)")
    assert urls and all(u.startswith(reeved.url + "/") for u in urls)
    # signed out at first, the page asks for its session and is told 401: that is not a fault
    assert [e for e in page.errors() if "401" not in e] == []
