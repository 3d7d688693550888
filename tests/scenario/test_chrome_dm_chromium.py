# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium, as everybody has it, under this server: it enrolls, obeys, reports, runs commands and leaves.

The stock binary's own verification key is nobody's here, so its check of fetched policies is switched off by the
browser's own switch; test_chrome_dm_verified.py has them all checked.
"""
import http.server
import json
import threading

import pytest

from chrome_fixtures import chrome, chrome_factory, started_before, token_info  # noqa: F401 fixtures
from chrome_real import SLOW, RealChromium
from conftest import wait_for


@pytest.fixture
def machine(tmp_path):
    """machine(chrome, **options) -> RealChromium, ended at the end of the test."""
    made = []

    def make(chrome, name="machine", **kw):
        kw.setdefault("token", chrome.token())
        m = RealChromium(tmp_path / name, chrome.url, **kw)
        made.append(m)
        return m

    yield make
    for m in made:
        m.stop()


@pytest.fixture
def site():
    """A web server on the loopback; .url."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            text = b"<h1>open</h1>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.url = "http://127.0.0.1:%d/" % server.server_address[1]
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def until(chrome, machine, verdict):
    wait_for(lambda: chrome.verdict(machine) == verdict, SLOW, verdict)


def test_enroll_obey_report(chrome, machine, site):
    """Every kind and level of policy in chrome://policy, a change on reload, a page that is blocked, the verdict."""
    bookmarks = [{"name": "Intranet", "url": "https://intranet.example/"}]
    chrome.set("chrome.HomepageLocation", "https://home.example/")
    chrome.set("chrome.ShowHomeButton", True, level="recommended")
    chrome.set("chrome.URLBlocklist", ["blocked.test", "127.0.0.1:%d" % site.server_address[1]])
    chrome.set("chrome.ManagedBookmarks", bookmarks)
    chrome.set("chrome.RestoreOnStartup", 5)
    chrome.set("chrome.AIModeSettings", 1)  # a number above 1040
    chrome.set("chrome.CloudReportingEnabled", True)
    chrome.set("camera.disabled", True)
    m = machine(chrome).start()
    shown = m.policies("HomepageLocation", "AIModeSettings", "VideoCaptureAllowed")
    assert {row["source"] for row in shown.values()} == {"Cloud"}
    assert {name: row["level"] for name, row in shown.items()} == {
        "HomepageLocation": "Mandatory", "ShowHomeButton": "Recommended", "URLBlocklist": "Mandatory",
        "ManagedBookmarks": "Mandatory", "RestoreOnStartup": "Mandatory", "AIModeSettings": "Mandatory",
        "CloudReportingEnabled": "Mandatory", "VideoCaptureAllowed": "Mandatory"}
    assert m.value("HomepageLocation") == "https://home.example/"
    assert m.value("ManagedBookmarks") == bookmarks and m.value("RestoreOnStartup") == 5
    assert m.value("AIModeSettings") == 1 and m.value("VideoCaptureAllowed") is False
    assert m.value("ShowHomeButton") is True and "blocked.test" in m.value("URLBlocklist")

    row = chrome.row(m)
    assert (row["kind"], row["channel"], row["managed"]) == ("browser", "chrome", True)
    until(chrome, m, "COMPLIANT")
    facts = json.dumps(chrome.show(m))
    assert str(m.profile) in facts and "HomepageLocation" in facts

    page = m.browser.open("chrome://version")
    assert page.call("Page.navigate", url=site.url)["errorText"] == "net::ERR_BLOCKED_BY_ADMINISTRATOR"

    chrome.set("chrome.HomepageLocation", "https://new.example/")
    chrome.set("chrome.URLBlocklist", ["blocked.test"])
    chrome.unset("chrome.RestoreOnStartup")
    m.reload()
    m.wait_policies(lambda s: s.get("HomepageLocation", {}).get("value") == "https://new.example/")
    assert "RestoreOnStartup" not in m.shown()
    page.go(site.url)
    page.wait_for("document.querySelector('h1').innerText === 'open'")


def test_command(chrome, machine):
    """A signed clear-browsing-data of the profile that the report names, fetched at the start of the browser."""
    chrome.set("chrome.CloudReportingEnabled", True)
    m = machine(chrome).start()
    m.policies("CloudReportingEnabled")
    until(chrome, m, "COMPLIANT")
    number = chrome.send(m, "clear_browsing_data", "--param", "profile_path=%s/Default" % m.profile,
                         "--param", "clear_cache=true", "--param", "clear_cookies=true")
    bad = chrome.send(m, "clear_browsing_data", "--param", "profile_path=/no/such/profile", "--param",
                      "clear_cache=true")
    m.restart()
    m.policies("CloudReportingEnabled")
    wait_for(lambda: chrome.command(number)["state"] == "done", SLOW, "the command")
    assert "failed_data_types" in json.dumps(chrome.command(number)["result"])
    wait_for(lambda: chrome.command(bad)["state"] == "failed", SLOW, "the command that cannot be done")
    assert chrome.command(bad)["message"] and m.alive()


@pytest.mark.parametrize("mode", ["delete_token", "invalidate_token"])
def test_unenroll(chrome_factory, machine, mode):
    """The browser drops its policies at once; whether it may come back is the server's choice."""
    chrome = chrome_factory("--chrome-unenroll", mode)
    chrome.set("chrome.HomepageLocation", "https://home.example/")
    m = machine(chrome).start()
    m.policies("HomepageLocation")
    first = m.dm_token()
    chrome.cli.run("device", "unenroll", chrome.row(m)["id"])
    m.reload()
    m.wait_policies(lambda shown: not shown, SLOW, "the end of the policies")
    wait_for(lambda: m.dm_token() == (None if mode == "delete_token" else "INVALID_DM_TOKEN"), SLOW, "the token's end")
    m.restart()
    if mode == "delete_token":
        m.policies("HomepageLocation")
        assert m.dm_token() not in (None, first)
        assert chrome.row(m)["managed"]
    else:
        m.policy_page()
        assert m.shown() == {} and m.dm_token() == "INVALID_DM_TOKEN"


def test_a_bad_enrollment_token(chrome, machine):
    """The browser runs unmanaged, and nothing is enrolled."""
    m = machine(chrome, token="no-such-token").start()
    wait_for(lambda: "register_browser" in m.log or "regist" in m.log.lower(), SLOW, "the registration")
    assert m.shown() == {} and m.dm_token() is None
    assert chrome.cli.json("device", "list") == []


def test_the_server_goes_and_comes_back(chrome, machine):
    """A power cut of the server between registration and the next fetch: the browser never notices."""
    chrome.set("chrome.HomepageLocation", "https://home.example/")
    m = machine(chrome).start()
    m.policies("HomepageLocation")
    chrome.reeved.kill()
    m.reload()
    assert m.value("HomepageLocation") == "https://home.example/"
    chrome.reeved.listen = "127.0.0.1:%d" % chrome.reeved.port
    chrome.reeved.start()
    chrome.set("chrome.HomepageLocation", "https://new.example/")
    wait_for(lambda: (m.reload(), m.value("HomepageLocation") == "https://new.example/")[1], SLOW, "the new policy")
    assert len(chrome.cli.json("device", "list")) == 1
