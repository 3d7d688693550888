# SPDX-License-Identifier: Apache-2.0
"""Remote commands of browsers: signed with the policy's key, for the right device, never one that a browser dies of;
and how their results end in the life of a command."""
import json
import threading

import pytest

from chrome_browser import FAILURE, IGNORED, SHA1_RSA, SUCCESS, Browser
from chrome_fixtures import chrome, chrome_factory, started_before, token_info  # noqa: F401 fixtures
from chrome_proto import today
from chrome_validator import Status
from conftest import wait_for

PROFILE = "/home/u/.config/chromium/Default"
CLEAR = ("clear_browsing_data", "--param", "profile_path=" + PROFILE, "--param", "clear_cache=true")


def ready(chrome, **kw):
    b = chrome.browser(**kw)
    assert b.fetch() == Status.OK
    return b


def never(command):
    raise AssertionError("nothing was to be run: %s" % command)


def test_nothing_to_do(chrome):
    assert ready(chrome).run_commands(never) == []


@pytest.mark.parametrize("result, payload, state", [
    (SUCCESS, {"failed_data_types": []}, "done"), (FAILURE, {"failed_data_types": [0, 1]}, "failed"),
    (IGNORED, None, "failed")])
def test_life_of_a_command(chrome, result, payload, state):
    b = ready(chrome)
    number = chrome.send(b, *CLEAR)
    assert chrome.command(number)["state"] == "queued"

    def execute(command):
        assert command.type == 12 and command.command_id > 0
        assert json.loads(command.payload) == {"profile_path": PROFILE, "clear_cache": True} or json.loads(
            command.payload) == {"profile_path": PROFILE, "clear_cache": True, "clear_cookies": False}
        assert chrome.command(number)["state"] in ("sent", "acknowledged")
        return result, json.dumps(payload) if payload is not None else ""

    assert len(b.run_commands(execute)) == 1
    done = chrome.command(number)
    assert done["state"] == state
    if payload is not None:
        assert payload.items() <= (done["result"] or {}).items() or payload in (done["result"] or {}).values()
    if state == "failed":
        assert done["message"]
    assert b.run_commands(never) == []


def test_commands_come_in_order_and_once(chrome):
    b = ready(chrome)
    numbers = [chrome.send(b, *CLEAR) for _ in range(5)]
    ran = b.run_commands(lambda command: (SUCCESS, "{}"))
    ids = [c.command_id for c in ran]
    assert len(ids) == 5 and ids == sorted(ids) and len(set(ids)) == 5
    assert [chrome.command(n)["state"] for n in numbers] == ["done"] * 5


def test_sha1_and_rotation(chrome):
    """Signed as asked, with the key of the policy that the client has when it is current."""
    b = ready(chrome, signature_type=SHA1_RSA)
    chrome.send(b, *CLEAR)
    assert len(b.run_commands(lambda c: (SUCCESS, "{}"))) == 1
    chrome.cli.run("key", "rotate")
    chrome.send(b, *CLEAR)
    assert b.fetch() == Status.OK and b.key.version == 2
    assert len(b.run_commands(lambda c: (SUCCESS, "{}"))) == 1


def test_only_the_target_gets_it(chrome):
    one, two = ready(chrome), ready(chrome)
    number = chrome.send(one, *CLEAR)
    assert two.run_commands(never) == []
    foreign = today.RemoteCommandResult(result=SUCCESS, command_id=number, timestamp=1)
    two.ask_commands([foreign], 3)
    assert chrome.command(number)["state"] in ("queued", "sent")
    assert len(one.run_commands(lambda c: (SUCCESS, "{}"))) == 1
    assert chrome.command(number)["state"] == "done"


@pytest.mark.parametrize("command", ["reboot", "screenshot", "echo", "powerwash", "wipe_users", "set_volume", "lock",
                                     "locate", "ping", "wipe"])
def test_what_a_browser_dies_of_is_not_sent(chrome, command):
    b = ready(chrome)
    more = ["--param", "volume=5"] if command == "set_volume" else []
    result = chrome.cli.try_run("command", "send", chrome.row(b)["id"], command, *more)
    assert result.returncode != 0 and result.stderr
    assert b.run_commands(never) == []


def test_a_lost_answer(chrome):
    """The browser dies with the answer in its hands: after its next start it gets the command again."""
    b = ready(chrome)
    number = chrome.send(b, *CLEAR)
    assert len(b.ask_commands()) == 1
    assert b.restart() == Status.OK
    ran = wait_for(lambda: b.run_commands(lambda c: (SUCCESS, "{}")), 120, "the command to be sent again")
    assert len(ran) == 1 and chrome.command(number)["state"] == "done"


def test_a_result_told_twice(chrome):
    b = ready(chrome)
    number = chrome.send(b, *CLEAR)
    (command,) = b.ask_commands()
    for result in (SUCCESS, SUCCESS, FAILURE):
        assert b.ask_commands([b.result(command, result, "{}")], 3) == []
    assert chrome.command(number)["state"] == "done"


def test_results_of_the_unknown(chrome):
    """Ids that nobody sent, -1 (a command whose signature or target was wrong), and numbers at their ends."""
    b = ready(chrome)
    number = chrome.send(b, *CLEAR)
    results = [today.RemoteCommandResult(result=r, command_id=i, timestamp=t, payload=p) for r, i, t, p in (
        (SUCCESS, 10**12, 0, "{}"), (FAILURE, -2, -1, "not JSON"), (SUCCESS, 2**63 - 1, 2**63 - 1, "x" * 100000),
        (IGNORED, -2**63, -2**63, "\0"))] + [today.RemoteCommandResult()]
    b.ask_commands(results, 3)
    assert chrome.command(number)["state"] in ("queued", "sent")
    assert b.fetch() == Status.OK


def test_a_command_with_a_bad_signature_is_told(chrome):
    """What a client says of it: result IGNORED of command -1."""
    b = ready(chrome)
    number = chrome.send(b, *CLEAR)
    assert len(b.ask_commands()) == 1
    b.ask_commands([today.RemoteCommandResult(result=IGNORED, command_id=-1, timestamp=1)], 3)
    after = chrome.command(number)
    assert after["state"] == "failed" and after["message"], after


def test_strange_results(chrome):
    b = ready(chrome)
    for payload in ("", "null", "[]", "7", "{", '{"a":' * 500, "\ud7ff"):
        number = chrome.send(b, *CLEAR)
        (command,) = b.ask_commands()
        b.ask_commands([b.result(command, SUCCESS, payload)], 3)
        assert chrome.command(number)["state"] == "done", payload[:20]


def test_cancelled_and_expired(chrome):
    b = ready(chrome)
    number = chrome.send(b, *CLEAR)
    chrome.cli.run("command", "cancel", number)
    short = chrome.send(b, *CLEAR, "--expires", "1s")
    wait_for(lambda: chrome.command(short)["state"] == "expired", 60, "the end of its time")
    assert b.run_commands(never) == []
    late = today.RemoteCommandResult(result=SUCCESS, command_id=number, timestamp=1)
    b.ask_commands([late], 3)
    assert chrome.command(number)["state"] == "cancelled"


def test_a_command_survives_a_power_cut(chrome):
    b = ready(chrome)
    number = chrome.send(b, *CLEAR)
    (command,) = b.ask_commands()
    chrome.reeved.kill()
    chrome.reeved.listen = "127.0.0.1:%d" % chrome.reeved.port
    chrome.reeved.start()
    b.wire.close()
    b.ask_commands([b.result(command, SUCCESS, "{}")], 3)
    assert chrome.command(number)["state"] == "done"


def test_two_connections_of_one_browser(chrome):
    """Asked at the same time, a command is handed out, and a result told twice at once is one result."""
    b = ready(chrome)
    chrome.send(b, *CLEAR)
    twins = []
    for _ in range(4):
        twin = Browser(chrome.url, chrome.verification_key, device_id=b.device_id)
        twin.dm_token, twin.key, twin.data, twin.response = b.dm_token, b.key, b.data, b.response
        twins.append(twin)
    got, failures = [], []

    def run(twin):
        try:
            got.extend(twin.ask_commands())
        except BaseException as e:  # noqa: B902 told by the main thread
            failures.append(e)

    threads = [threading.Thread(target=run, args=(t,)) for t in twins]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures and len({c.command_id for c in got}) == 1
    b.ask_commands([b.result(got[0], SUCCESS, "{}")] * 3, 3)
    assert chrome.command(chrome.cli.json("command", "list")[0]["id"])["state"] == "done"


def test_age_grows(chrome):
    b = ready(chrome)
    chrome.send(b, *CLEAR)
    (first,) = b.ask_commands()
    assert 0 <= first.age_of_command < 10 * 60 * 1000, "older ones expire in the browser at once"


def test_who_asks_unsigned_gets_nothing_that_kills(chrome):
    """A browser that does not ask for signed commands is none of today: it gets no unsigned ones either, or 12 and 14
    only."""
    b = ready(chrome)
    chrome.send(b, *CLEAR)
    answer = b.request("remote_commands", today.DeviceManagementRequest(
        remote_command_request=today.DeviceRemoteCommandRequest()))
    response = answer.message.remote_command_response
    assert answer.status == 200 and not response.secure_commands
    assert {c.type for c in response.commands} <= {12, 14}
    assert b.fetch() == Status.OK


def test_service_access(chrome):
    """The start of the command service: an authorization code is asked for, empty is 'no robot account'."""
    b = ready(chrome)
    request = today.DeviceServiceApiAccessRequest(
        auth_scopes=["https://www.googleapis.com/auth/firebase.messaging"], oauth2_client_id="dummytoken", device_type=3)
    answer = b.request("api_authorization", today.DeviceManagementRequest(service_api_access_request=request))
    assert answer.status == 200 and answer.message.HasField("service_api_access_response")
