# SPDX-License-Identifier: Apache-2.0
"""The console's pages of browsers and ChromeOS devices, in a real browser: inventory, measurements, commands, pictures."""
import json

import pytest

from browser import Browser as ConsoleBrowser
from chrome_fixtures import *  # noqa: F401,F403 (fixtures)
from chrome_proto import seed
from chrome_upload import png, upload
from test_console import button, go, says, shot, sign_in


@pytest.fixture
def page(chrome, started_before, tmp_path):
    with ConsoleBrowser(tmp_path) as browser:
        page = browser.open(chrome.url + "/console/")
        sign_in(page, chrome.reeved)
        yield page
        assert [e for e in page.errors() if "401" not in e] == []  # signed out at first: that is no fault


def test_a_browser(chrome, page):
    def extension(report):
        report.browser_report.chrome_user_profile_infos[0].extensions.add(
            id="a" * 32, name="Reader <b>", version="1.2", install_type=3, enabled=True, permissions=["tabs"])
    chrome.set("chrome.URLBlocklist", ["x.test"])
    b = chrome.browser()
    go(page, chrome.reeved, "#/devices/%d" % chrome.row(b)["id"])
    page.wait_for(says("It has not reported yet"))
    b.fetch()
    b.desktop_report(change=extension)
    page.wait_for(says("Your Chromium") + " && " + says("Compliant"))
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.wait_for(says("Reader <b>") + " && " + says("URLBlocklist") + " && " + says("cloud"))
    page.click(button("clear_browsing_data"))
    page.wait_for(says("at its next start"))
    shot(page, "browser")
    b.run_commands(lambda c: (2, '{"failed_data_types":[]}'))
    page.wait_for(says("done") + " && !" + says("at its next start"))


def test_a_chromeos_device(chrome, page):
    d = chrome.seed_device()
    go(page, chrome.reeved, "#/devices/%d" % chrome.row(d)["id"])
    page.wait_for(says("screenshot") + " && !" + says("Measurements"))
    d.status(seed.DeviceStatusReportRequest(os_version="12", cpu_utilization_pct=[10, 90, 30], system_ram_free=[1 << 30]))
    page.evaluate("location.reload()")
    page.wait_for(says("Measurements") + " && " + says("30 %") + " && " + says("1.0 GiB"))
    assert page.evaluate("document.querySelector('.line polyline').getAttribute('points').split(' ').length") == 3
    page.click(button("screenshot"))
    page.wait_for(says("queued"))
    (got,) = d.commands()
    assert upload(json.loads(got.payload)["fileUploadUrl"], png()).status_code == 200
    d.commands([seed.RemoteCommandResult(unique_id=got.unique_id, result=2)], last=got.unique_id)
    page.wait_for(says("Picture"))
    shot(page, "chromeos")
