# SPDX-License-Identifier: Apache-2.0
"""What browsers report: facts, inventory, what is observed of each setting, and refusals; and the verdict that follows."""
import json
import re

import pytest

from chrome_fixtures import chrome, chrome_factory, started_before, token_info  # noqa: F401 fixtures
from chrome_browser import MAIN, Browser
from chrome_proto import today
from chrome_validator import Status
from conftest import wait_for

HOMEPAGE = "chrome.HomepageLocation"
WORDS = {1: "first key", 2: "signature", 5: "type", 6: "extension|account|entity", 7: "older", 8: "token", 9: "device",
         10: "user", 11: "read|pars", 12: "verif"}


def obeying(chrome):
    """A browser that has its policy and reported it."""
    b = chrome.browser()
    assert b.fetch() == Status.OK
    assert b.desktop_report().status == 200
    return b


def verdict(chrome, b, wanted, timeout=60):
    try:
        wait_for(lambda: chrome.verdict(b) == wanted, timeout, wanted)
    except AssertionError:
        pytest.fail("%s is not %s: %s" % (chrome.verdict(b), wanted, json.dumps(chrome.show(b), indent=1)))


def test_compliant(chrome):
    """Unknown until it has fetched; compliant when the report says so; stale when the desired state moves on."""
    chrome.set(HOMEPAGE, "https://home.example/")
    chrome.set("chrome.ShowHomeButton", True, level="recommended")
    chrome.set("chrome.URLBlocklist", ["x.test"])
    chrome.set("chrome.ManagedBookmarks", [{"name": "n", "url": "https://u.example/"}])
    chrome.set("chrome.CloudReportingEnabled", True)
    chrome.set("camera.disabled", True)
    b = chrome.browser()
    assert chrome.verdict(b) == "UNKNOWN"
    assert b.fetch() == Status.OK
    assert b.desktop_report().status == 200
    verdict(chrome, b, "COMPLIANT")
    shown = chrome.show(b)
    assert shown["applied_version"] == shown["version"]
    settings = {s["name"]: s for s in chrome.cli.json("setting", "effective", shown["id"])}
    assert set(settings) >= {HOMEPAGE, "chrome.URLBlocklist", "camera.disabled"}
    chrome.set(HOMEPAGE, "https://new.example/")
    verdict(chrome, b, "STALE")
    assert b.fetch() == Status.OK and b.desktop_report().status == 200
    verdict(chrome, b, "COMPLIANT")


@pytest.mark.parametrize("lie", [
    {"HomepageLocation": ('"https://evil.example/"', 2)}, {"HomepageLocation": ("not JSON", 2)}, {},
    {"HomepageLocation": ("null", 2)}])
def test_not_what_was_wanted(chrome, lie):
    chrome.set(HOMEPAGE, "https://home.example/")
    chrome.set("chrome.CloudReportingEnabled", True)
    b = chrome.browser()
    assert b.fetch() == Status.OK
    policies = dict(b.reported())
    policies.pop("HomepageLocation")
    policies.update(lie)
    assert b.desktop_report(policies).status == 200
    verdict(chrome, b, "NON_COMPLIANT")
    assert b.desktop_report().status == 200
    verdict(chrome, b, "COMPLIANT")


def test_a_policy_with_an_error_is_not_applied(chrome):
    """The right value, but the browser says that it does not take it."""
    chrome.set(HOMEPAGE, "https://home.example/")
    b = chrome.browser()
    assert b.fetch() == Status.OK

    def spoil(r):
        for p in r.browser_report.chrome_user_profile_infos[0].chrome_policies:
            p.error = "This policy is not supported."

    assert b.desktop_report(change=spoil).status == 200
    verdict(chrome, b, "NON_COMPLIANT")
    assert "not supported" in json.dumps(chrome.show(b))


def test_two_profiles_must_both_obey(chrome):
    chrome.set(HOMEPAGE, "https://home.example/")
    b = chrome.browser()
    assert b.fetch() == Status.OK

    def second(r):
        p = r.browser_report.chrome_user_profile_infos.add(id="/home/u/.config/chromium/Profile 1", name="Work",
                                                           is_detail_available=True)
        p.policy_fetched_timestamps.add(type=MAIN, timestamp=b.data.timestamp)
        p.chrome_policies.add(name="HomepageLocation", level=2, scope=2, source=2, value='"https://other.example/"')

    assert b.desktop_report(change=second).status == 200
    verdict(chrome, b, "NON_COMPLIANT")


def test_a_refusal_makes_it_non_compliant_in_words(chrome):
    """Every status of the validator, told by a browser, is a sentence; a good fetch ends it."""
    chrome.set(HOMEPAGE, "https://home.example/")
    b = obeying(chrome)
    verdict(chrome, b, "COMPLIANT")
    sentences = set()
    for status, word in WORDS.items():
        chrome.set(HOMEPAGE, "https://%d.example/" % status)
        answer = b.request("policy", b.policy_request(16, 1), oauth_token="")
        main = next(r for r in answer.message.policy_response.responses)
        token = today.PolicyData.FromString(main.policy_data).policy_token
        assert b.report_validation(MAIN, token, status + 1).status == 200
        verdict(chrome, b, "NON_COMPLIANT")
        text = " ".join(s.get("message") or "" for s in chrome.show(b)["settings"]).lower()
        assert re.search(word, text), (status, text)
        sentences.add(text)
    assert len(sentences) == len(WORDS)
    for _ in range(2):
        assert b.fetch() == Status.OK
        assert b.desktop_report().status == 200
    verdict(chrome, b, "COMPLIANT")


def test_refusals_of_others_and_of_nothing(chrome):
    """A token of no policy of ours, of another device's policy, a result that there is not."""
    chrome.set(HOMEPAGE, "https://home.example/")
    one, two = obeying(chrome), obeying(chrome)
    verdict(chrome, one, "COMPLIANT")
    for token, result in (("", 3), ("x", 3), ("x" * 100000, 3), ("ü\0", 3), (one.data.policy_token, 0),
                          (one.data.policy_token, 1)):
        assert one.report_validation(MAIN, token, result).status in (200, 400)
    assert two.report_validation(MAIN, one.data.policy_token, 3).status in (200, 400)
    assert chrome.verdict(one) == "COMPLIANT"
    assert one.report_validation(MAIN, one.data.policy_token, 2**31 - 1).status in (200, 400)


def test_validation_by_a_real_spoiler(chrome):
    """Somebody in between flips a bit: the client refuses, tells, asks again without a version, and is healed."""
    b = obeying(chrome)
    chrome.set(HOMEPAGE, "https://home.example/")
    send = b.wire.send
    spoilt = []

    def spoil(query, headers, body, **kw):
        answer = send(query, headers, body, **kw)
        if not spoilt and ("request", "policy") in query:
            message = answer.message
            signature = bytearray(message.policy_response.responses[0].policy_data_signature)
            signature[7] ^= 1
            message.policy_response.responses[0].policy_data_signature = bytes(signature)
            answer.body = message.SerializeToString()
            spoilt.append(1)
        return answer

    b.wire.send = spoil
    assert b.fetch() == Status.OK
    assert b.validation_reports == [(MAIN, Status.BAD_SIGNATURE)] and b.policies["HomepageLocation"]


def test_inventory(chrome):
    b = chrome.browser(host="anns-laptop")
    assert b.fetch() == Status.OK

    def more(r):
        p = r.browser_report.chrome_user_profile_infos[0]
        e = p.extensions.add(id="a" * 32, version="1.2.3", name="Blocker", install_type=3, enabled=True)
        e.permissions.extend(["tabs", "storage"])
        r.os_report.mac_addresses.append("00:11:22:33:44:55")
        r.os_report.device_model = "ThinkPad"

    assert b.desktop_report(change=more).status == 200
    shown = wait_for(lambda: (lambda s: s if s["inventory"] else None)(chrome.show(b)), what="the inventory")
    text = json.dumps(shown)
    for fact in ("156.0.8078.79", "Your Chromium", "a" * 32, "Blocker", "1.2.3", "/home/u/.config/chromium/Default",
                 "x86_64", "anns-laptop"):
        assert fact in text, fact
    assert shown["agent_version"] == "156.0.8078.79" or "156.0.8078.79" in shown["agent_version"]


def test_a_newer_report_replaces_the_old(chrome):
    b = chrome.browser()
    assert b.fetch() == Status.OK

    def extension(r):
        r.browser_report.chrome_user_profile_infos[0].extensions.add(id="a" * 32, version="1", name="Gone soon")

    assert b.desktop_report(change=extension).status == 200
    wait_for(lambda: "Gone soon" in json.dumps(chrome.show(b)), what="the extension")
    assert b.desktop_report().status == 200
    wait_for(lambda: "Gone soon" not in json.dumps(chrome.show(b)), what="its end")


def huge_profiles(r):
    for i in range(3000):
        p = r.browser_report.chrome_user_profile_infos.add(id="/p/%d" % i, name="n" * 100, is_detail_available=True)
        p.chrome_policies.add(name="HomepageLocation", level=2, scope=2, source=2, value='"x"')


def huge_text(r):
    r.os_user_name = "u" * 500000
    r.browser_report.executable_path = "\0" * 100000
    r.os_report.name = "\U0001f600" * 10000


def empty(r):
    r.Clear()


def nested(r):
    p = r.browser_report.chrome_user_profile_infos[0].chrome_policies.add(name="x", value="1")
    for _ in range(60):
        p = p.conflicts.add(name="x", value="2")


def numbers(r):
    r.browser_report.channel = -1
    p = r.browser_report.chrome_user_profile_infos[0]
    p.policy_fetched_timestamps.add(type=MAIN, timestamp=-2**63)
    p.policy_fetched_timestamps.add(type=MAIN, timestamp=2**63 - 1)
    p.chrome_policies.add(name="chrome.HomepageLocation", level=99, scope=-1, source=2**31 - 1, value="1e999")
    p.chrome_policies.add(name="no such policy", value='"x"')
    p.chrome_policies.add()
    p.extensions.add(manifest_version=-1)


@pytest.mark.parametrize("change", [huge_profiles, huge_text, empty, nested, numbers], ids=lambda f: f.__name__)
def test_odd_reports(chrome, change):
    """They are taken or refused, harm nothing, and the next good one counts."""
    chrome.set(HOMEPAGE, "https://home.example/")
    b = chrome.browser()
    assert b.fetch() == Status.OK
    assert b.desktop_report(change=change).status in (200, 400, 413)
    size = len(json.dumps(chrome.show(b)))
    assert size < 2 << 20, size
    assert b.desktop_report().status == 200
    verdict(chrome, b, "COMPLIANT")


def test_timestamps_that_were_never_issued(chrome):
    """A report from the future or of somebody else's policy is no evidence of a version."""
    chrome.set(HOMEPAGE, "https://home.example/")
    b = chrome.browser()

    def claim(r):
        r.browser_report.chrome_user_profile_infos[0].policy_fetched_timestamps.add(type=MAIN, timestamp=2**62)

    assert b.desktop_report({"HomepageLocation": ('"https://home.example/"', 2)}, change=claim).status == 200
    assert chrome.verdict(b) != "COMPLIANT"
    assert chrome.row(b)["applied_version"] <= chrome.row(b)["version"]


def test_reports_of_a_profile_and_of_old_clients(chrome):
    b = chrome.browser()
    r = today.ChromeProfileReportRequest(report_type=1)
    r.browser_report.browser_version = "156.0.8078.79"
    answer = b.request("chrome_profile_report", today.DeviceManagementRequest(chrome_profile_report_request=r),
                       profileid="p1")
    assert answer.status == 200
    old = today.ChromeDesktopReportRequest(machine_name="old", os_info='{"os":"linux"}', os_user='{"name":"u"}')
    answer = b.request("chrome_desktop_report", today.DeviceManagementRequest(chrome_desktop_report_request=old))
    assert answer.status == 200


def test_a_report_survives_a_restart(chrome):
    chrome.set(HOMEPAGE, "https://home.example/")
    b = obeying(chrome)
    verdict(chrome, b, "COMPLIANT")
    chrome.reeved.kill()
    chrome.reeved.start()
    assert chrome.verdict(b) == "COMPLIANT"


def test_without_reports_compliance_is_not_claimed(chrome):
    """Only fetching, a browser shows a version but no values."""
    chrome.set(HOMEPAGE, "https://home.example/")
    b = chrome.browser()
    for _ in range(3):
        assert b.fetch() == Status.OK
    assert chrome.verdict(b) == "NON_COMPLIANT"
    other = Browser(chrome.url, chrome.verification_key)
    assert other.register(chrome.token()).status == 200
    assert chrome.verdict(other) == "UNKNOWN"
