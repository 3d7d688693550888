# SPDX-License-Identifier: Apache-2.0
"""Chrome's reports: what becomes of them in the device's facts, inventory, samples and verdict."""
import time

import pytest

from chrome_fixtures import *  # noqa: F401,F403 (fixtures)
from chrome_proto import seed, today

BAD_SIGNATURE_REPORTED = 3


def settings_of(device):
    return {s["name"]: s for s in device["settings"]}


@pytest.fixture
def browser(chrome):
    chrome.set("camera.disabled", True)
    chrome.set("chrome.URLBlocklist", ["x.test"])
    chrome.set("chrome.ShowHomeButton", True, level="recommended")
    b = chrome.browser()
    b.fetch()
    return b


def test_compliant_only_by_a_report(chrome, browser):
    assert chrome.verdict(browser) == "UNKNOWN"
    browser.fetch()  # it names the policy that it has: no value was read back yet
    assert chrome.verdict(browser) == "NON_COMPLIANT"
    assert settings_of(chrome.show(browser))["camera.disabled"]["state"] == "pending"
    assert browser.desktop_report().status == 200
    device = chrome.show(browser)
    assert device["verdict"] == "COMPLIANT"
    assert settings_of(device)["camera.disabled"]["observed"] is True
    assert settings_of(device)["chrome.URLBlocklist"]["observed"] == ["x.test"]
    assert device["attributes"]["hostname"] == "host7"
    assert device["agent_version"] == "156.0.8078.79"
    assert device["os_version"] == "Linux 6.1.0-40-amd64"
    assert device["inventory"]["profiles"]["profiles"][0]["id"] == "/home/u/.config/chromium/Default"
    assert {p["name"] for p in device["inventory"]["policies"]["browser"]} == {
        "VideoCaptureAllowed", "URLBlocklist", "ShowHomeButton"}


def test_a_change_is_stale_until_it_is_fetched_and_pending_until_it_is_reported(chrome, browser):
    browser.desktop_report()
    assert chrome.verdict(browser) == "COMPLIANT"
    chrome.set("chrome.URLBlocklist", ["y.test"])
    assert chrome.verdict(browser) == "STALE"
    browser.fetch()
    assert chrome.verdict(browser) == "STALE"  # it was sent; that it was taken, nobody knows
    browser.fetch()
    assert chrome.verdict(browser) == "NON_COMPLIANT"
    browser.desktop_report()
    assert chrome.verdict(browser) == "COMPLIANT"


def test_what_is_wrong_is_said(chrome, browser):
    def other_source(report):
        policies = report.browser_report.chrome_user_profile_infos[0].chrome_policies
        next(p for p in policies if p.name == "URLBlocklist").source = 5
    browser.desktop_report({"VideoCaptureAllowed": ("true", 2), "URLBlocklist": ('["x.test"]', 2)}, change=other_source)
    shown = settings_of(chrome.show(browser))
    assert chrome.verdict(browser) == "NON_COMPLIANT"
    assert shown["camera.disabled"]["observed"] is False
    assert "platform" in shown["chrome.URLBlocklist"]["message"]
    browser.desktop_report({"VideoCaptureAllowed": ("false", 1), "URLBlocklist": ('["x.test"]', 2)})
    assert "recommendation" in settings_of(chrome.show(browser))["camera.disabled"]["message"]
    assert chrome.verdict(browser) == "NON_COMPLIANT"
    browser.desktop_report({})
    assert "not in force" in settings_of(chrome.show(browser))["camera.disabled"]["message"]


def test_a_refused_policy(chrome, browser):
    browser.desktop_report()
    assert chrome.verdict(browser) == "COMPLIANT"
    token = browser.data.policy_token
    chrome.set("chrome.HomepageLocation", "https://example.net/")
    browser.fetch()
    assert browser.report_validation("google/chrome/machine-level-user", browser.data.policy_token,
                                     BAD_SIGNATURE_REPORTED).status == 200
    device = chrome.show(browser)
    assert device["verdict"] == "NON_COMPLIANT"
    assert "signature is wrong" in settings_of(device)["camera.disabled"]["message"]
    assert "signature is wrong" in device["attributes"]["policy.refused"]
    browser.report_validation("google/chrome/machine-level-user", token, 8)  # of history: nothing
    assert "signature is wrong" in chrome.show(browser)["attributes"]["policy.refused"]
    browser.fetch()  # it names the version after all
    device = chrome.show(browser)
    assert "policy.refused" not in device["attributes"]
    assert settings_of(device)["camera.disabled"]["state"] == "observed"
    browser.desktop_report()
    assert chrome.verdict(browser) == "COMPLIANT"
    # words that are no tokens of ours change nothing
    for nonsense in ("", "x", "1.2.3", "9" * 100):
        assert browser.report_validation("google/chrome/machine-level-user", nonsense, 3).status == 200
    assert chrome.verdict(browser) == "COMPLIANT"


def test_status_of_a_chromeos_device(chrome):
    d = chrome.seed_device()
    now = int(time.time() * 1000)
    device = seed.DeviceStatusReportRequest(
        os_version="12.0", firmware_version="fw", boot_mode="Verified", browser_version="48.0",
        cpu_utilization_pct=[10, 20, 30], system_ram_total=4096, system_ram_free=[1000, 900])
    device.network_interface.add(type=1, mac_address="001122334455")
    device.volume_info.add(volume_id="/home", storage_total=1000, storage_free=400)
    device.user.add(type=0, email="ann@example.com")
    device.device_location.latitude, device.device_location.longitude = 52.5, 13.4
    device.device_location.timestamp = now
    session = seed.SessionStatusReportRequest(device_local_account_id="kiosk")
    session.installed_apps.add(app_id="abc", extension_version="1", status="Enabled", error=False)
    for request in ("status_upload", "status"):
        answer = d.status(device, session, request)
        assert answer.HasField("device_status_report_response") and answer.HasField("session_status_report_response")
        assert answer.device_status_report_response.error_code == 0
    shown = chrome.show(d)
    assert shown["os_version"] == "12.0" and shown["agent_version"] == "48.0"
    inventory = shown["inventory"]
    assert inventory["network"]["interfaces"] == [{"type": "wifi", "mac_address": "001122334455"}]
    assert inventory["disks"]["volumes"][0]["storage_free"] == 400
    assert inventory["users"]["users"] == [{"type": "managed", "email": "ann@example.com"}]
    assert inventory["location"]["latitude"] == 52.5
    assert inventory["session"]["apps"][0]["app_id"] == "abc"
    samples = chrome.cli.json("device", "samples", shown["id"], "--name", "cpu.used_percent")
    assert {10, 20, 30} <= {s["value"] for s in samples}
    assert [s["at"] for s in samples] == sorted(s["at"] for s in samples)
    everything = chrome.cli.json("device", "samples", shown["id"], "--last", "1h")
    assert {s["name"] for s in everything} == {"cpu.used_percent", "memory.free_bytes", "disk.free_bytes"}
    kinds = {r["kind"]: r for r in chrome.cli.json("device", "reports", shown["id"])}
    assert kinds["status"]["size"] == device.ByteSize()
    raw = chrome.reeved.admin().get("/api/v1/devices/%d/raw-reports/status" % shown["id"])
    assert raw.status_code == 200, raw.text
    assert seed.DeviceStatusReportRequest.FromString(raw.content) == device


def test_bad_parts_cost_nothing_else(chrome):
    d = chrome.seed_device()
    device = seed.DeviceStatusReportRequest(os_version="13", cpu_utilization_pct=[500, 7])
    answer = d.status(device, seed.SessionStatusReportRequest(device_local_account_id="kiosk"))
    assert answer.device_status_report_response.error_code == 400
    assert "cpu.used_percent" in answer.device_status_report_response.error_message
    assert answer.session_status_report_response.error_code == 0
    shown = chrome.show(d)
    assert shown["os_version"] == "13"
    assert [s["value"] for s in chrome.cli.json("device", "samples", shown["id"])] == [7]


def test_pages_of_samples(chrome):
    d = chrome.seed_device()
    d.status(seed.DeviceStatusReportRequest(cpu_utilization_pct=list(range(20)), system_ram_free=list(range(20))))
    number = chrome.row(d)["id"]
    found, cursor, session = [], None, chrome.reeved.admin()
    while True:
        page = session.get("/api/v1/devices/%d/samples" % number,
                           params={"limit": 7, **({"cursor": cursor} if cursor else {})}).json()
        found += page["items"]
        cursor = page.get("next")
        if not cursor:
            break
    assert len(found) == 40 and len({(s["name"], s["at"]) for s in found}) == 40
    assert session.get("/api/v1/devices/%d/samples" % number, params={"name": "mood"}).status_code == 400
    assert session.get("/api/v1/devices/%d/samples" % number, params={"since": "later"}).status_code == 400
    assert session.get("/api/v1/devices/%d/samples" % (number + 1)).status_code == 404


def test_hostile_reports_do_not_grow_the_store(chrome):
    """The same device again and again, each time with as much as it may send: what is kept stays bounded."""
    chrome.set("chrome.URLBlocklist", ["x.test"])
    b = chrome.browser()
    b.fetch()

    def enormous(round_):
        def change(report):
            for i in range(300):
                report.browser_report.chrome_user_profile_infos.add(
                    id="/p/%d/%d" % (round_, i), name="x" * 2000, is_detail_available=True)
            report.os_report.name = "\x00\x1b[2J" * 50
        return change
    sizes = []
    for i in range(3):
        assert b.desktop_report(change=enormous(i)).status == 200
        sizes.append(len(chrome.reeved.admin().get("/api/v1/devices/%d" % chrome.row(b)["id"]).content))
    assert max(sizes) < 2 << 20 and max(sizes) - min(sizes) < 10000
    assert chrome.row(b)["verdict"] == "NON_COMPLIANT"
