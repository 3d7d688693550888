# SPDX-License-Identifier: Apache-2.0
"""Policies for browsers: what they hold, how they are signed, rotation of keys, and clients that come at the same time,
late, or with what they remember. Everything is checked by the client's own validator."""
import json
import itertools
import threading

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from chrome_browser import EXTENSION, MAIN, SHA1_RSA, Browser
from chrome_fixtures import chrome, chrome_factory, started_before, token_info  # noqa: F401 fixtures
from chrome_proto import policy_table, today
from chrome_validator import Key, Status
from conftest import wait_for

BOOKMARKS = [{"name": "Intranet", "url": "https://intranet.example/ü"}, {"toplevel_name": "Ours"}]
BLOCKER, SORTER = "a" * 31 + "b", "p" * 32


def row(kind, above=False):
    """A policy's row of this kind with an id up to 1040, or above."""
    return next(r for r in policy_table() if r["kind"] == kind and (r["id"] > 1040) == above and r["scope"] != "3"
                and r["deprecated"] == "0" and r["future"] == "0")


# ---- contents ----

def test_nothing_set(chrome):
    b = chrome.browser()
    assert b.fetch() == Status.OK and b.policies == {}
    assert b.fetch() == Status.OK


def test_kinds_levels_and_high_numbers(chrome):
    chrome.set("chrome.HomepageLocation", "https://home.example/ä?b=1&c")
    chrome.set("chrome.ShowHomeButton", True, level="recommended")
    chrome.set("chrome.RestoreOnStartup", 5)
    chrome.set("chrome.URLBlocklist", ["x.test", "y.test"])
    chrome.set("chrome.ManagedBookmarks", BOOKMARKS)
    chrome.set("chrome.AIModeSettings", 1)
    chrome.set("chrome.URLAllowlist", [], level="recommended")
    b = chrome.browser()
    assert b.fetch() == Status.OK
    found = dict(b.policies)
    value, level = found.pop("ManagedBookmarks")
    assert (json.loads(value), level) == (BOOKMARKS, "mandatory")
    assert found == {
        "HomepageLocation": ("https://home.example/ä?b=1&c", "mandatory"), "ShowHomeButton": (True, "recommended"),
        "RestoreOnStartup": (5, "mandatory"), "URLBlocklist": (["x.test", "y.test"], "mandatory"),
        "AIModeSettings": (1, "mandatory"), "URLAllowlist": ([], "recommended")}


@pytest.mark.parametrize("kind, value, other", [
    ("Boolean", False, True), ("Integer", 0, 2), ("String", "", "s"), ("StringList", [], ["a", "ü", "", "a"])])
@pytest.mark.parametrize("above", [False, True], ids=["low id", "high id"])
def test_values_of_every_kind(chrome, kind, value, other, above):
    """Empty values are values, on both sides of the last top-level number."""
    name = row(kind, above)["name"]
    b = chrome.browser()
    for v in (value, other):
        result = chrome.cli.try_run("setting", "set", "--fleet", "default", "chrome." + name, json.dumps(v))
        if result.returncode != 0:
            pytest.skip("%s takes no %r: %s" % (name, v, result.stderr))
        assert b.fetch() == Status.OK
        assert b.policies == {name: (v, "mandatory")}


def test_the_nearest_wins(chrome):
    """Fleet, fleet below it, the device itself; unset gives back what is behind."""
    chrome.cli.run("fleet", "create", "Sales")
    b = chrome.browser(token=chrome.token("Sales"))
    device = ("--device", chrome.row(b)["id"])
    name = "HomepageLocation"

    def seen():
        assert b.fetch() == Status.OK
        return b.policies.get(name)

    for where, url, level in ((("--fleet", "default"), "https://root/", None),
                              (("--fleet", "Sales"), "https://sales/", "recommended"), (device, "https://own/", None)):
        chrome.set("chrome." + name, url, where, level)
        assert seen() == (url, level or "mandatory")
    chrome.unset("chrome." + name, device)
    assert seen() == ("https://sales/", "recommended")
    chrome.cli.run("device", "move", chrome.row(b)["id"], "default")
    assert seen() == ("https://root/", "mandatory")
    chrome.unset("chrome." + name)
    assert seen() is None


def test_settings_of_the_catalogue(chrome):
    """camera.disabled and bluetooth.disabled reach a browser in its own words."""
    chrome.set("camera.disabled", True)
    b = chrome.browser()
    assert b.fetch() == Status.OK and b.policies["VideoCaptureAllowed"] == (False, "mandatory")
    chrome.set("camera.disabled", False)
    assert b.fetch() == Status.OK and b.policies.get("VideoCaptureAllowed") in (None, (True, "mandatory"))
    chrome.set("bluetooth.disabled", True)
    assert b.fetch() == Status.OK and b.policies["DefaultWebBluetoothGuardSetting"] == (2, "mandatory")


def test_extensions(chrome):
    """Each extension has a response of its own; its JSON is where the response says, and is what it says."""
    chrome.set("chrome_extensions.policies", {
        BLOCKER: {"Lists": ["a", "b"], "Level": {"Value": 3, "Level": "Recommended"}}, SORTER: {"Order": "asc"}})
    b = chrome.browser()
    assert b.fetch() == Status.OK
    assert set(b.extensions) == {BLOCKER, SORTER}
    lists = b.extensions[BLOCKER]
    assert lists["Lists"]["Value"] == ["a", "b"] and lists["Lists"].get("Level", "Mandatory") == "Mandatory"
    assert lists["Level"] == {"Value": 3, "Level": "Recommended"}
    assert b.extensions[SORTER]["Order"]["Value"] == "asc"
    chrome.set("chrome_extensions.policies", {BLOCKER: {"Lists": []}})
    assert b.fetch() == Status.OK
    assert b.extensions[BLOCKER]["Lists"]["Value"] == []
    assert not b.extensions.get(SORTER)
    chrome.set("chrome.ShowHomeButton", True)
    chrome.cli.run("key", "rotate")
    assert b.fetch() == Status.OK and b.extensions[BLOCKER]["Lists"]["Value"] == []


def test_policy_data_is_complete(chrome):
    b = chrome.browser(host="anns-laptop")
    assert b.fetch() == Status.OK
    d = b.data
    assert (d.policy_type, d.request_token, d.device_id) == (MAIN, b.dm_token, b.device_id)
    assert d.username.endswith("@example.com") and d.service_account_identity == "reeve@example.com"
    assert d.public_key_version == 1 and d.state == 0 and d.management_mode == 1
    assert d.machine_name and d.policy_token and d.directory_api_id
    assert not d.settings_entity_id


def test_without_service_account(chrome_factory):
    chrome = chrome_factory("--chrome-service-account-identity", "")
    b = chrome.browser()
    assert b.fetch() == Status.OK and not b.data.service_account_identity


# ---- several requests in one ----

def ask(b, *fetches, reason=16):
    r = today.DevicePolicyRequest(reason=reason)
    for fields in fetches:
        r.requests.add(**fields)
    return b.request("policy", today.DeviceManagementRequest(policy_request=r), oauth_token="")


def by_type(answer):
    assert answer.status == 200, answer
    return {today.PolicyData.FromString(r.policy_data).policy_type: r for r in answer.message.policy_response.responses
            if r.policy_data}


def test_each_request_is_answered_on_its_own(chrome):
    """A type that nobody knows does not spoil the answer for its neighbour."""
    b = chrome.browser()
    answer = ask(b, {"policy_type": "google/moon/base", "signature_type": 2}, {"policy_type": MAIN, "signature_type": 2},
                 {"signature_type": 2})
    found = by_type(answer)
    assert set(found) == {MAIN}
    for r in answer.message.policy_response.responses:
        assert r.policy_data or r.error_code in (400, 404, 902), r
    assert b._take_main(found[MAIN]) == Status.OK


def test_only_unknown_types(chrome):
    b = chrome.browser()
    answer = ask(b, {"policy_type": "google/moon/base", "signature_type": 2})
    assert answer.status in (400, 902) or all(
        r.error_code in (400, 404, 902) for r in answer.message.policy_response.responses), answer


def test_many_requests_in_one(chrome):
    """A thousand fetches in one body are bounded: answered in part, or refused."""
    b = chrome.browser()
    answer = ask(b, *[{"policy_type": MAIN, "signature_type": 2}] * 1000)
    assert answer.status in (200, 400, 413), answer
    assert b.fetch() == Status.OK


def test_updater_gets_both_of_its_types(chrome):
    """google/machine-level-apps stands for the updater's settings and the browser's."""
    chrome.set("chrome.ShowHomeButton", True)
    b = chrome.browser()
    found = by_type(ask(b, {"policy_type": "google/machine-level-apps", "signature_type": 2}))
    assert MAIN in found
    assert b._take_main(found[MAIN]) == Status.OK and b.policies == {"ShowHomeButton": (True, "mandatory")}


# ---- signatures ----

@pytest.mark.parametrize("voucher", ["data", "signature"])
def test_each_voucher_is_good_alone(chrome, voucher):
    """Fields 8 and 9, and field 7: old and new clients look at one of them."""
    b = chrome.browser()
    assert b.fetch() == Status.OK
    check = {"data": b.validator.vouched_by_data, "signature": b.validator.vouched_by_signature}[voucher]
    assert check(b.key, b.data)
    said = today.PublicKeyVerificationData.FromString(b.key.data)
    assert said.new_public_key_version == b.data.public_key_version == 1


def test_sha1_for_who_asks_for_it(chrome):
    b = chrome.browser(signature_type=SHA1_RSA)
    assert b.fetch() == Status.OK
    assert b.fetched.policy_data_signature_type == SHA1_RSA
    chrome.cli.run("key", "rotate")
    assert b.fetch() == Status.OK and b.fetched.policy_data_signature_type == SHA1_RSA


def test_unsigned_for_who_wants_none(chrome):
    b = chrome.browser()
    r = by_type(ask(b, {"policy_type": MAIN}))[MAIN]
    data = today.PolicyData.FromString(r.policy_data)
    assert not r.policy_data_signature and not r.new_public_key and not data.HasField("public_key_version")


KEY_FIELDS = ("new_public_key", "new_public_key_signature", "new_public_key_verification_signature_deprecated",
              "new_public_key_verification_data", "new_public_key_verification_data_signature")


def key_fields(response):
    return [response.HasField(name) for name in KEY_FIELDS]


def test_which_key_fields_come(chrome):
    b = chrome.browser()
    b.fetch()
    assert key_fields(b.fetched) == [True, False, True, True, True], "initial"
    b.fetch()
    assert key_fields(b.fetched) == [False] * 5, "same"
    chrome.cli.run("key", "rotate")
    assert b.fetch() == Status.OK
    assert key_fields(b.fetched) == [True] * 5, "rotation"
    assert b.key.version == b.data.public_key_version == 2


def test_rotation_from_every_older_version(chrome):
    """Clients that slept over any number of rotations follow in one step."""
    sleepers = []
    for version in range(1, 5):
        b = chrome.browser()
        assert b.fetch() == Status.OK and b.key.version == version
        sleepers.append(b)
        chrome.cli.run("key", "rotate")
    for b in sleepers:
        before = len(b.sent)
        assert b.fetch() == Status.OK and b.key.version == 5
        assert b.sent[before:] == ["policy"] and b.validation_reports == []
    assert len({b.key.spki for b in sleepers}) == 1


@pytest.mark.parametrize("version", [0, 99, -1, 2**31 - 1])
def test_an_unknown_key_version(chrome, version):
    """A client with a key of another server is healed by its own second request, without a version."""
    b = chrome.browser()
    assert b.fetch() == Status.OK
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    b.key = Key(stranger, version)
    status = b.fetch()
    if status is None:
        assert b.answer.status == 400
    else:
        assert status == Status.OK and b.key.version == 1


def test_rotation_while_a_client_is_away(chrome):
    """Restart with the cached policy, then rotation, then restart again."""
    b = chrome.browser()
    assert b.fetch() == Status.OK
    assert b.restart() == Status.OK
    chrome.cli.run("key", "rotate")
    assert b.restart() == Status.OK and b.fetch() == Status.OK and b.key.version == 2
    assert b.restart() == Status.OK
    chrome.reeved.restart()
    b.wire.close()
    b.url = chrome.url
    b.wire.host = chrome.url.split("//")[1]
    assert b.fetch() == Status.OK and b.key.version == 2


def test_an_imported_verification_key(chrome, tmp_path):
    """Clients that were built with a key of their own: the server takes its private half."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = tmp_path / "verification.pem"
    pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()))
    old = chrome.browser()
    assert old.fetch() == Status.OK
    chrome.cli.run("key", "import", "verification", pem)
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    chrome.verification_key = spki
    new = chrome.browser()
    assert new.fetch() == Status.OK
    assert old.fetch() == Status.OK, "it has the key and needs no voucher"
    shown = chrome.cli.run("key", "show", "verification", "--private")
    assert serialization.load_pem_private_key(shown.encode(), None).private_numbers() == key.private_numbers()


# ---- freshness ----

def test_a_signature_is_reused_while_it_is_fresh(chrome):
    b = chrome.browser()
    assert b.fetch() == Status.OK
    first = b.policy_request(16, 1)
    answers = {b.request("policy", first, oauth_token="").body for _ in range(5)}
    assert len(answers) == 1
    chrome.set("chrome.ShowHomeButton", True)
    assert b.fetch() == Status.OK and b.policies == {"ShowHomeButton": (True, "mandatory")}


def test_every_answer_is_signed_when_freshness_is_zero(chrome_factory):
    chrome = chrome_factory("--chrome-signature-freshness", "0")
    b = chrome.browser()
    stamps = []
    for _ in range(5):
        assert b.fetch() == Status.OK
        stamps.append(b.data.timestamp)
    assert stamps == sorted(stamps)


def test_what_is_fresh_is_fresh_for_one_client_only(chrome):
    one, two = chrome.browser(), chrome.browser()
    for _ in range(3):
        assert one.fetch() == Status.OK and two.fetch() == Status.OK
    sha1 = chrome.browser(signature_type=SHA1_RSA)
    assert sha1.fetch() == Status.OK
    one.signature_type = SHA1_RSA
    assert one.fetch() == Status.OK and one.fetched.policy_data_signature_type == SHA1_RSA
    chrome.cli.run("key", "rotate")
    for b in (one, two, sha1):
        assert b.fetch() == Status.OK and b.key.version == 2


def test_a_fresh_answer_is_not_for_the_unenrolled(chrome):
    b = chrome.browser()
    assert b.fetch() == Status.OK
    token = b.dm_token
    chrome.cli.run("device", "unenroll", chrome.row(b)["id"])
    b.dm_token = token
    assert b.request("policy", b.policy_request(16, 1)).status == 410


# ---- time, replays, many at once ----

def test_timestamps_never_go_back(chrome):
    b = chrome.browser()
    stamps = []
    for i in range(6):
        chrome.set("chrome.HomepageLocation", "https://%d.example/" % i)
        assert b.fetch() == Status.OK
        stamps.append(b.data.timestamp)
        if i == 2:
            chrome.reeved.kill()
            chrome.reeved.listen = "127.0.0.1:%d" % chrome.reeved.port
            chrome.reeved.start()
            b.wire.close()
    assert stamps == sorted(stamps) and len(set(stamps)) == 6
    other = Browser(chrome.url, chrome.verification_key, device_id=b.device_id)
    assert other.register(chrome.token()).status == 200
    assert other.fetch() == Status.OK


def test_replayed_requests(chrome):
    """The same bytes again are answered again, with what is right now."""
    b = chrome.browser()
    body = b.policy_request(3, None)
    for url in ("https://one.example/", "https://two.example/"):
        chrome.set("chrome.HomepageLocation", url)
        answer = b.request("policy", body, oauth_token="")
        main = by_type(answer)[MAIN]
        status, data, _ = b.validator.fetched(main.SerializeToString(), b.expected())
        assert status == Status.OK
    b._take_main(main)
    assert b.policies["HomepageLocation"][0] == "https://two.example/"


def test_replayed_policies_are_refused(chrome):
    """The judge's own look at a replay by somebody in between: the older policy is refused, and said so."""
    b = chrome.browser()
    assert b.fetch() == Status.OK
    old = b.fetched
    chrome.set("chrome.ShowHomeButton", True)
    assert b.fetch() == Status.OK
    latest = b.fetched
    assert b._take_main(old) in (Status.BAD_TIMESTAMP, Status.BAD_SIGNATURE)
    other = chrome.browser()
    other.key = b.key
    assert other._take_main(latest) == Status.BAD_DM_TOKEN


def test_many_browsers_while_settings_change(chrome):
    """Every answer is whole and of one moment: two settings that change together never differ by more than their
    writes, and nothing goes back."""
    browsers = [chrome.browser() for _ in range(6)]
    failures, stop = [], threading.Event()

    def run(b):
        try:
            last = -1
            while not stop.is_set():
                assert b.fetch() == Status.OK, "status"
                n = b.policies.get("DiskCacheSize", (0,))[0]
                assert n >= last, "%d after %d" % (n, last)
                last = n
            assert b.fetch() == Status.OK
            assert b.policies["DiskCacheSize"][0] == 20
        except BaseException as e:  # noqa: B902 told by the main thread
            failures.append(e)

    threads = [threading.Thread(target=run, args=(b,)) for b in browsers]
    for t in threads:
        t.start()
    for i in range(1, 21):
        chrome.set("chrome.DiskCacheSize", i)
        if i == 10:
            chrome.cli.run("key", "rotate")
    stop.set()
    for t in threads:
        t.join()
    assert not failures, failures
    assert all(b.key.version == 2 for b in browsers)


def test_an_applied_version_is_known_from_the_next_fetch(chrome):
    """A client that names the timestamp of a policy has applied it."""
    chrome.set("chrome.ShowHomeButton", True)
    b = chrome.browser()
    assert b.fetch() == Status.OK
    version = chrome.row(b)["version"]
    assert b.fetch() == Status.OK
    wait_for(lambda: chrome.row(b)["applied_version"] == version, what="the applied version")
    chrome.set("chrome.ShowHomeButton", False)
    now = chrome.row(b)
    assert now["version"] == version + 1 and now["applied_version"] == version
    for _ in range(2):
        assert b.fetch() == Status.OK
    wait_for(lambda: chrome.row(b)["applied_version"] == version + 1, what="the next applied version")


def test_policy_types_of_others(chrome):
    """A browser's token fetches no ChromeOS device's policy."""
    b = chrome.browser()
    answer = ask(b, {"policy_type": "google/chromeos/device", "signature_type": 2})
    assert answer.status in (400, 403, 902) or all(
        r.error_code >= 400 for r in answer.message.policy_response.responses), answer


def test_all_policies_at_once(chrome):
    """Every policy that there is, by one apply: the answer is right, whole, and not too large for a client."""
    values = {"Boolean": True, "Integer": 1, "String": "s", "JSON": {}, "StringList": ["a"]}
    rows = [r for r in policy_table() if r["scope"] != "3"]
    accepted = {}
    for r in itertools.islice(rows, 0, None, 12):
        result = chrome.cli.try_run("setting", "set", "--fleet", "default", "chrome." + r["name"],
                                    json.dumps(values[r["kind"]]))
        if result.returncode == 0:
            accepted[r["name"]] = r["kind"]
    b = chrome.browser()
    assert b.fetch() == Status.OK
    assert set(b.policies) == set(accepted) and len(accepted) > 30
    assert len(b.response) < 1 << 20


def test_extension_type_alone(chrome):
    """A fetch of extensions only: a response for each, or at least an answer that decodes."""
    chrome.set("chrome_extensions.policies", {SORTER: {"Order": "asc"}})
    b = chrome.browser()
    assert b.fetch() == Status.OK
    answer = ask(b, {"policy_type": EXTENSION, "signature_type": 2, "public_key_version": 1})
    assert [today.PolicyData.FromString(r.policy_data).settings_entity_id
            for r in answer.message.policy_response.responses] == [SORTER]
