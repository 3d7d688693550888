# SPDX-License-Identifier: Apache-2.0
"""Chromium that verifies everything: a copy of its binary, made for the test and thrown away, holds this server's
verification key, so the browser's own validator judges initial key, rotation, tampering, replays and its cache."""
import pytest

from chrome_browser import MAIN
from chrome_fixtures import chrome, chrome_factory, started_before, token_info  # noqa: F401 fixtures
from chrome_proto import today
from chrome_real import SLOW, RealChromium, with_key
from chrome_spoiler import Spoiler
from chrome_validator import Status
from conftest import wait_for

HOMEPAGE = "HomepageLocation"


@pytest.fixture
def spoiler(chrome):
    s = Spoiler(chrome.url)
    yield s
    s.close()


@pytest.fixture
def machine(chrome, spoiler, tmp_path):
    copy = with_key(tmp_path, chrome.verification_key)
    m = RealChromium(tmp_path / "machine", spoiler.url, chrome.token(), binary=copy, verify=True)
    yield m
    m.stop()
    copy.unlink()


def shows(machine, url):
    wait_for(lambda: machine.value(HOMEPAGE) == url, SLOW, "homepage %s" % url)


def main_of(message):
    """The browser's own policy in an answer."""
    for response in message.policy_response.responses:
        data = today.PolicyData.FromString(response.policy_data)
        if data.policy_type == MAIN:
            return response, data
    return None, None


def fetches(spoiler):
    return [p for r in spoiler.seen("policy") for p in r.policy_request.requests if p.policy_type == MAIN]


def reports(spoiler):
    return [r.policy_validation_report_request.validation_result_type for r in
            spoiler.seen("policy_validation_report")]


def test_initial_key_cache_rotation(chrome, machine, spoiler):
    """From the first fetch to the third key; in between, starts with the cached policy only."""
    chrome.set("chrome." + HOMEPAGE, "https://one.example/")
    machine.start()
    shows(machine, "https://one.example/")
    assert not fetches(spoiler)[0].HasField("public_key_version")

    chrome.cli.run("key", "rotate")
    chrome.set("chrome." + HOMEPAGE, "https://two.example/")
    machine.reload()
    shows(machine, "https://two.example/")
    assert fetches(spoiler)[-1].public_key_version == 1
    machine.reload()
    wait_for(lambda: fetches(spoiler)[-1].public_key_version == 2, SLOW, "the second version")

    machine.stop()
    chrome.reeved.stop()
    machine.start()
    shows(machine, "https://two.example/")  # the server is away: this is the cache, verified
    machine.stop()
    chrome.reeved.listen = "127.0.0.1:%d" % chrome.reeved.port
    chrome.reeved.start()
    for _ in range(2):
        chrome.cli.run("key", "rotate")
    chrome.set("chrome." + HOMEPAGE, "https://three.example/")
    machine.start()
    shows(machine, "https://three.example/")
    assert reports(spoiler) == [], "nothing was ever refused"


def test_tampering_and_replays(chrome, machine, spoiler):
    """What is changed on its way, or old, is refused and told; the old policy stays, and the next good one heals."""
    chrome.set("chrome." + HOMEPAGE, "https://one.example/")
    machine.start()
    shows(machine, "https://one.example/")
    recorded = []

    def record(request, message):
        if request == "policy" and main_of(message)[0] is not None:
            recorded.append(main_of(message)[0].SerializeToString())

    def flip(request, message):
        response = main_of(message)[0] if request == "policy" else None
        if response is not None:
            signature = bytearray(response.policy_data_signature)
            signature[40] ^= 4
            response.policy_data_signature = bytes(signature)

    def replay(request, message):
        response = main_of(message)[0] if request == "policy" else None
        if response is not None:
            response.CopyFrom(today.PolicyFetchResponse.FromString(recorded[0]))

    spoiler.change = record
    machine.reload()
    wait_for(lambda: recorded, SLOW, "a fetch")

    spoiler.change = flip
    chrome.set("chrome." + HOMEPAGE, "https://two.example/")
    machine.reload()
    wait_for(lambda: Status.BAD_SIGNATURE + 1 in reports(spoiler) or Status.BAD_INITIAL_SIGNATURE + 1
             in reports(spoiler), SLOW, "the refusal")
    assert machine.value(HOMEPAGE) == "https://one.example/"
    wait_for(lambda: chrome.verdict(machine) == "NON_COMPLIANT", SLOW, "the verdict")
    spoiler.change = None
    machine.reload()
    shows(machine, "https://two.example/")

    before = len(reports(spoiler))
    spoiler.change = replay
    machine.reload()
    wait_for(lambda: len(reports(spoiler)) > before, SLOW, "the replay's refusal")
    assert machine.value(HOMEPAGE) == "https://two.example/"
    spoiler.change = None
    chrome.set("chrome." + HOMEPAGE, "https://three.example/")
    machine.reload()
    shows(machine, "https://three.example/")


def test_gone_and_enrolled_again(chrome, machine, spoiler):
    """410 under full verification, and a new life with the same id."""
    chrome.set("chrome." + HOMEPAGE, "https://one.example/")
    machine.start()
    shows(machine, "https://one.example/")
    chrome.cli.run("device", "unenroll", chrome.row(machine)["id"])
    machine.reload()
    machine.wait_policies(lambda shown: not shown, what="the end of the policies")
    wait_for(lambda: machine.dm_token() is None, SLOW, "the token's end")
    machine.restart()
    shows(machine, "https://one.example/")
    assert chrome.row(machine)["managed"] and reports(spoiler) == []
