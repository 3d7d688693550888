# SPDX-License-Identifier: Apache-2.0
"""Chrome's remote commands: signed for browsers, plain for devices of 2015; their results, and pictures."""
import json

import pytest

from chrome_browser import FAILURE, IGNORED, SUCCESS
from chrome_fixtures import *  # noqa: F401,F403 (fixtures)
from chrome_proto import seed, today
from chrome_upload import png, upload

PROFILE = "/home/u/.config/chromium/Default"


@pytest.fixture
def browser(chrome):
    b = chrome.browser()
    b.fetch()
    b.desktop_report()
    return b


def seed_result(number, result, payload=""):
    return seed.RemoteCommandResult(unique_id=number, result=result, payload=payload, timestamp=1)


def test_a_browser_clears_its_data(chrome, browser):
    number = chrome.send(browser, "clear_browsing_data", "--param", "clear_cache=true")
    queued = chrome.command(number)
    assert queued["state"] == "queued" and "start" in queued["delivery"]
    ran = browser.run_commands(lambda c: (SUCCESS, '{"failed_data_types":[]}'))
    assert [c.command_id for c in ran] == [number]
    assert ran[0].type == 12
    assert json.loads(ran[0].payload) == {"profile_path": PROFILE, "clear_cache": True, "clear_cookies": False}
    done = chrome.command(number)
    assert done["state"] == "done" and done["result"] == {"failed_data_types": []}
    assert done["delivery"] is None


def test_what_goes_wrong_is_said(chrome, browser):
    number = chrome.send(browser, "clear_browsing_data", "--param", "profile_path=Default")
    browser.run_commands(lambda c: (FAILURE, '{"failed_data_types":[0,1]}'))
    assert chrome.command(number)["state"] == "failed"
    assert "cache and the cookies" in chrome.command(number)["message"].replace("the cache", "cache")
    number = chrome.send(browser, "clear_browsing_data")
    browser.run_commands(lambda c: (IGNORED, ""))
    assert "ignored" in chrome.command(number)["message"]
    number = chrome.send(browser, "clear_browsing_data", "--param", "profile_path=Nobody")
    assert browser.run_commands(None) == []
    assert chrome.command(number)["state"] == "failed" and PROFILE in chrome.command(number)["message"]


def test_a_browser_is_never_sent_what_kills_it(chrome, browser):
    number = str(chrome.row(browser)["id"])
    for command in ("reboot", "echo", "screenshot", "powerwash", "wipe_users", "set_volume"):
        words = ["--param", "volume=3"] if command == "set_volume" else []
        refused = chrome.cli.try_run("command", "send", number, command, *words)
        assert refused.returncode == 5 and "cannot run " + command in refused.stderr
    assert browser.ask_commands() == []


def test_a_lost_answer_is_given_again_and_nothing_runs_twice(chrome, browser):
    number = chrome.send(browser, "clear_browsing_data")
    first = browser.ask_commands()  # this answer was lost
    again = browser.ask_commands()
    assert [c.command_id for c in first] == [c.command_id for c in again] == [number]
    assert chrome.command(number)["state"] == "sent"
    events = [e for e in chrome.cli.json("event", "list") if e["type"] == "command.sent"]
    assert len(events) == 1
    browser.last_command = number  # it has finished it; its result is still on the way
    assert browser.ask_commands() == []
    assert chrome.command(number)["state"] == "acknowledged"
    assert browser.ask_commands([browser.result(first[0], SUCCESS)]) == []
    assert chrome.command(number)["state"] == "done"
    browser.ask_commands([browser.result(first[0], FAILURE)])  # it cannot change its mind
    assert chrome.command(number)["state"] == "done"


def test_results_of_others_are_nobodys(chrome, browser):
    other = chrome.browser()
    other.fetch()
    other.desktop_report()
    number = chrome.send(other, "clear_browsing_data")
    other.ask_commands()
    for result in (number, number + 1, 0, 1 << 60):
        browser.ask_commands([today.RemoteCommandResult(result=SUCCESS, command_id=result)])
    assert chrome.command(number)["state"] == "sent"


def test_a_refused_signature(chrome, browser):
    number = chrome.send(browser, "clear_browsing_data")
    browser.ask_commands()
    browser.ask_commands([today.RemoteCommandResult(result=IGNORED, command_id=-1)])
    assert chrome.command(number)["state"] == "failed"
    assert "signature" in chrome.command(number)["message"]


def test_many_at_once(chrome, browser):
    numbers = [chrome.send(browser, "clear_browsing_data") for _ in range(11)]
    ran = browser.run_commands(lambda c: (SUCCESS, ""))
    assert [c.command_id for c in ran] == numbers
    assert {chrome.command(n)["state"] for n in numbers} == {"done"}


# ---- devices of 2015 ----

@pytest.mark.parametrize("command,type_,words,payload", [
    ("echo", -1, ["--param", "payload=hello"], "hello"),
    ("reboot", 0, [], ""),
    ("set_volume", 2, ["--param", "volume=30"], '{"volume":30}'),
    ("wipe_users", 5, [], ""),
    ("powerwash", 7, [], ""),
])
def test_a_chromeos_device(chrome, command, type_, words, payload):
    d = chrome.seed_device()
    number = chrome.send(d, command, *words)
    (got,) = d.commands()
    # what 2015 did not know yet is still there as a number
    assert today.RemoteCommand.FromString(got.SerializeToString()).type == type_
    assert got.unique_id == number and got.payload == payload and got.age_of_command >= 0
    assert d.commands([seed_result(number, SUCCESS, "hello")], last=number) == []
    done = chrome.command(number)
    assert done["state"] == "done" and done["result"] == {"payload": "hello"}


def test_a_picture(chrome, tmp_path):
    d = chrome.seed_device()
    number = chrome.send(d, "screenshot")
    (got,) = d.commands()
    url = json.loads(got.payload)["fileUploadUrl"]
    assert url.startswith(chrome.url + "/devicemanagement/data/api/upload?")
    assert upload(url, png(2), png(3), command=number).status_code == 200
    assert upload(url, png(2), png(3), command=number).status_code == 200  # that answer was lost
    assert upload(url, png(5), png(3), command=number).status_code == 409
    d.commands([seed_result(number, SUCCESS, "{}")], last=number)
    done = chrome.command(number)
    assert done["state"] == "done" and done["result"]["picture_file"] > 0
    target = tmp_path / "screen.png"
    chrome.cli.run("command", "show", number, "--save", target)
    assert target.read_bytes() == png(2)
    second = chrome.reeved.admin().get("/api/v1/commands/%d/picture?number=1" % number)
    assert second.content == png(3) and second.headers["Content-Type"] == "image/png"
    assert chrome.reeved.admin().get("/api/v1/commands/%d/picture?number=2" % number).status_code == 404
    assert upload(url, png(4), command=number).status_code == 409  # it is over
    chrome.cli.run("device", "delete", chrome.row(d)["id"])
    assert chrome.cli.json("file", "list") == []


def test_who_may_upload(chrome):
    d, other = chrome.seed_device(), chrome.seed_device()
    number = chrome.send(d, "screenshot")
    address = chrome.url + "/devicemanagement/data/api/upload?command=%d" % number
    token = {"Authorization": "GoogleDMToken token=" + d.dm_token}
    assert upload(address, png(), command=number, headers=token).status_code == 409  # it was not handed out yet
    d.commands()
    for headers, more in ((), ""), ((), "&key=AAAA"), ((), "&key="), ({"Authorization": "Bearer x"}, ""), \
            ({"Authorization": "GoogleDMToken token=" + other.dm_token}, ""):
        assert upload(address + more, png(), command=number, headers=headers).status_code == 401, (headers, more)
    assert upload(chrome.url + "/devicemanagement/data/api/upload?command=999", png()).status_code == 401
    assert upload(chrome.url + "/devicemanagement/data/api/upload", png()).status_code == 401
    assert upload(address, png(), command=number + 1, headers=token).status_code == 400
    assert upload(address, b"<html>", command=number, headers=token).status_code == 415
    assert upload(address, headers=token).status_code == 400
    assert upload(address, png(), command=number, headers=token).status_code == 200


def test_a_picture_that_could_not_be_taken(chrome):
    d = chrome.seed_device()
    number = chrome.send(d, "screenshot")
    d.commands()
    d.commands([seed_result(number, FAILURE, '{"result":1}')], last=number)
    assert "kiosk" in chrome.command(number)["message"]


def test_commands_expire_and_are_cancelled(chrome, browser):
    number = chrome.send(browser, "clear_browsing_data")
    chrome.cli.run("command", "cancel", number)
    assert browser.ask_commands() == []
