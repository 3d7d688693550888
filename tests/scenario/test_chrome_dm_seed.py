# SPDX-License-Identifier: Apache-2.0
"""Clients of 2015 pass through every request type of their protocol, in both spellings: registration by people, device
and user policy, reports, commands, auto-enrollment, pairing, asset and place."""
import base64
import hashlib
import json
import os
import threading
import uuid

import pytest

from chrome_fixtures import Chrome, chrome, chrome_factory, started_before, token_info  # noqa: F401 fixtures
from chrome_proto import seed, settings, today
from chrome_seed_device import (ACCOUNT_POLICY, BROWSER, BROWSER_POLICY, DEVICE, DEVICE_POLICY, USER, USER_POLICY,
                                SeedDevice)
from chrome_validator import Status
from conftest import wait_for

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


# ---- registration ----

def test_a_chromebook_enrolls(chrome):
    d = chrome.seed_device(machine_id="SN1", machine_model="Cr-48", requisition="remora", flavor=6)
    response = d.member("register_response")
    assert response.enrollment_type == 0 and response.machine_name
    row = chrome.row(d)
    assert (row["kind"], row["channel"], row["serial"], row["model"]) == ("chromeos", "chrome", "SN1", "Cr-48")
    assert "remora" in json.dumps(chrome.show(d))
    assert d.fetch() == Status.OK
    assert d.data().machine_name == response.machine_name


@pytest.mark.parametrize("registration, policy", [(USER, USER_POLICY), (BROWSER, BROWSER_POLICY)])
def test_a_person_registers(chrome, registration, policy):
    """The policy is for that person's account."""
    chrome.set("chrome.HomepageLocation", "https://home.example/")
    d = chrome.seed_device("ann", registration=registration)
    assert chrome.row(d)["channel"] == "chrome"
    assert d.fetch(policy) == Status.OK
    assert d.data(policy).username == "ann@example.com"
    assert d.policies(policy)["HomepageLocation"] == ("https://home.example/", "mandatory")


@pytest.mark.parametrize("auth", ["none", "login"])
def test_forms_of_oauth(chrome, auth):
    d = SeedDevice(chrome.url, chrome.verification_key)
    assert d.register("ann", USER, auth=auth).status == 200
    assert chrome.token_info.calls[-1] == "ann"


def test_who_may_not_register(chrome):
    def status(oauth, **kw):
        return SeedDevice(chrome.url, chrome.verification_key).register(oauth, **kw)

    assert status("nobody").status == 401
    assert status("").status == 401
    assert status(None).status == 401
    foreign = status("stranger", registration=USER)
    assert foreign.status == 403 and foreign.message.error_message, "no domain of ours"
    without_serial = status("admin", machine_id="")
    assert without_serial.status in (400, 405), "a device has a serial number"
    assert chrome.cli.json("device", "list") == []


def test_no_token_info_configured(reeved):
    chrome = Chrome(reeved)
    answer = SeedDevice(chrome.url, chrome.verification_key).register("admin")
    assert answer.status in (401, 403) and answer.message.error_message


@pytest.mark.parametrize("instead, wanted", [
    ((500, b"oops"), (500, 503)), ((200, b"not JSON"), (401, 500, 503)), ((200, {}), (401, 403)),
    ((200, {"email": 7, "expires_in": 3599}), (401, 403, 500, 503)), ((200, []), (401, 403, 500, 503)),
    ((200, {"email": "ann@example.com", "expires_in": 3599, "email_verified": False, "verified_email": False}),
     (401, 403)),
    ((200, {"email": "no-at-sign", "expires_in": 3599, "email_verified": True}), (401, 403)),
    ((200, b" " * (4 << 20)), (401, 500, 503)), ((302, b""), (401, 500, 503)), ((401, {"error": "x"}), (401,))])
def test_token_info_misbehaves(chrome, instead, wanted):
    chrome.token_info.before = lambda token: instead
    answer = SeedDevice(chrome.url, chrome.verification_key).register("ann", USER)
    assert answer.status in wanted, answer
    chrome.token_info.before = lambda token: None
    assert SeedDevice(chrome.url, chrome.verification_key).register("admin").status == 200


def test_a_slow_token_info_stops_nobody(chrome):
    """While people wait for it, browsers fetch their policies."""
    b = chrome.browser()
    release, asked = threading.Event(), threading.Semaphore(0)

    def wait(token):
        asked.release()
        release.wait(60)

    chrome.token_info.before = wait
    devices = [SeedDevice(chrome.url, chrome.verification_key) for _ in range(12)]
    answers = []
    threads = [threading.Thread(target=lambda d=d, i=i: answers.append(d.register("ann-%d" % i, USER).status))
               for i, d in enumerate(devices)]
    for t in threads:
        t.start()
    assert asked.acquire(timeout=60)
    for _ in range(5):
        assert b.fetch() == Status.OK
    release.set()
    for t in threads:
        t.join()
    assert set(answers) <= {401, 503}, answers


def test_a_device_registers_again(chrome):
    """With the same id: the same record, a new token; whether it says so or not."""
    d = chrome.seed_device(machine_id="SN1")
    chrome.set("chromeos.guest_mode", False, ("--device", chrome.row(d)["id"]))
    old = d.dm_token
    assert d.register("admin", machine_id="SN1", reregister=True).status == 200
    assert d.dm_token != old and d.fetch() == Status.OK
    assert len(chrome.cli.json("device", "list")) == 1
    assert not d.device_settings().guest_mode_enabled.value


def test_a_device_comes_back_by_its_state_key(chrome):
    """After a powerwash it has another id; its state key or serial number says who it is."""
    key = os.urandom(32)
    d = chrome.seed_device(machine_id="SN1", server_backed_state_key=key)
    assert d.fetch(state_keys=[key]) == Status.OK
    number = chrome.row(d)["id"]
    again = SeedDevice(chrome.url, chrome.verification_key)
    assert again.register("admin", machine_id="SN1", server_backed_state_key=key).status == 200
    assert chrome.row(again)["id"] == number
    assert again.fetch() == Status.OK and len(chrome.cli.json("device", "list")) == 1


def test_unregister(chrome):
    d = chrome.seed_device()
    d.unregister()
    assert d.request("policy", policy_request=seed.DevicePolicyRequest(
        request=[d.fetch_request(DEVICE_POLICY)])).status in (401, 410)
    assert d.register("admin").status == 200 and d.fetch() == Status.OK


# ---- policy ----

def test_device_policy(chrome):
    for name, value in {"guest_mode": False, "show_user_names": False, "report_network_interfaces": False,
                        "report_interval_ms": 60000, "user_allowlist": ["a@example.com", "*@example.com"],
                        "allow_new_users": False}.items():
        chrome.set("chromeos." + name, value)
    chrome.set("camera.disabled", True)
    chrome.set("bluetooth.disabled", True)
    d = chrome.seed_device()
    assert d.fetch() == Status.OK
    s = d.device_settings()
    assert s.guest_mode_enabled.HasField("value") and not s.guest_mode_enabled.value
    assert s.camera_enabled.HasField("value") and not s.camera_enabled.value
    assert s.allow_bluetooth.HasField("value") and not s.allow_bluetooth.value
    assert s.show_user_names.HasField("value") and not s.show_user_names.value
    assert s.allow_new_users.HasField("value") and not s.allow_new_users.value
    assert not s.device_reporting.report_network_interfaces and s.device_reporting.report_boot_mode
    assert s.device_reporting.device_status_frequency == 60000
    assert list(s.user_list.values) == ["a@example.com", "*@example.com"]


def test_an_explicit_payload(chrome):
    """What no row names: base64 of the message; it wins over the rows."""
    chrome.set("chromeos.guest_mode", False)
    payload = settings.ChromeDeviceSettingsProto()
    payload.guest_mode_enabled.value = True
    payload.system_timezone.value = "Europe/Berlin"
    chrome.set("chromeos.device_payload", base64.b64encode(payload.SerializeToString()).decode())
    d = chrome.seed_device()
    assert d.fetch() == Status.OK
    s = d.device_settings()
    assert s.guest_mode_enabled.value and s.system_timezone.value == "Europe/Berlin"


def test_device_data(chrome):
    """State, mode, asset, place, what a disabled device shows."""
    chrome.set("chromeos.disabled", True)
    chrome.set("chromeos.disabled_message", "Bring it back to room 7")
    d = chrome.seed_device()
    assert d.fetch() == Status.OK
    data = d.data()
    assert data.state == 0 and data.management_mode == 1 and data.policy_token and data.service_account_identity
    assert data.device_state.device_mode == 1
    assert data.device_state.disabled_state.message == "Bring it back to room 7"
    chrome.set("chromeos.disabled", False)
    assert d.fetch() == Status.OK and d.data().device_state.device_mode == 0


def test_public_accounts_and_extensions(chrome):
    chrome.set("chrome.HomepageLocation", "https://home.example/")
    chrome.set("chrome_extensions.policies", {"a" * 32: {"x": 1}})
    chrome.set("chromeos.accounts", [{"account": "lobby@example.com", "type": "public_session"}])
    d = chrome.seed_device()
    assert d.fetch() == Status.OK
    assert d.fetch(ACCOUNT_POLICY, "lobby@example.com") == Status.OK
    assert d.data(ACCOUNT_POLICY, "lobby@example.com").settings_entity_id == "lobby@example.com"
    assert d.policies(ACCOUNT_POLICY, "lobby@example.com")["HomepageLocation"][0] == "https://home.example/"


def test_extension_policy_of_the_seed(chrome):
    """google/chrome/extension, one entity a request."""
    chrome.set("chrome_extensions.policies", {"a" * 32: {"x": 1}})
    d = chrome.seed_device("ann", registration=USER)
    assert d.fetch("google/chrome/extension", "a" * 32) == Status.OK
    data = settings.ExternalPolicyData.FromString(d.data("google/chrome/extension", "a" * 32).policy_value)
    assert data.download_url and len(data.secure_hash) == 32


def test_rotation_and_ping(chrome):
    d = chrome.seed_device()
    assert d.fetch(request="ping") == Status.OK
    for version in (2, 3):
        chrome.cli.run("key", "rotate")
        assert d.fetch() == Status.OK and d.keys[DEVICE_POLICY, ""].version == version
    late = chrome.seed_device()
    assert late.fetch() == Status.OK and late.keys[DEVICE_POLICY, ""].version == 3


def test_user_policy_takes_a_device_registration(chrome):
    """A browser of people gets no device policy: only a client that registered as DEVICE does."""
    d = chrome.seed_device("ann", registration=USER)
    d.request("policy", policy_request=seed.DevicePolicyRequest(request=[d.fetch_request(DEVICE_POLICY)]))
    if d.answer.status == 200:
        assert [r.error_code for r in d.answer.message.policy_response.response] in ([403], [902], [400])
    else:
        assert d.answer.status in (400, 403, 902)


# ---- reports ----

def status_report():
    r = seed.DeviceStatusReportRequest(os_version="7520.67.0", firmware_version="Google_Link.2695.1.133",
                                       boot_mode="Verified", browser_version="47.0.2526.106",
                                       cpu_utilization_pct=[7, 11, 42], system_ram_total=4 << 30,
                                       system_ram_free=[1 << 30, 2 << 30])
    r.active_period.add(active_duration=60000).time_period.start_timestamp = 1447000000000
    r.device_location.latitude, r.device_location.longitude = 52.52, 13.405
    r.device_location.timestamp = 1447000000000
    r.network_interface.add(type=1, mac_address="a1b2c3d4e5f6")
    r.user.add(type=0, email="ann@example.com")
    r.volume_info.add(volume_id="/home", storage_total=16 << 30, storage_free=5 << 30)
    r.network_state.add(device_path="/service/1", connection_state=7, signal_strength=-61, ip_address="10.1.2.3",
                        gateway="10.1.2.1")
    return r


def session_report():
    r = seed.SessionStatusReportRequest(device_local_account_id="kiosk@example.com")
    r.installed_apps.add(app_id="k" * 32, extension_version="1.4", status="running")
    launch = r.app_launch_stat.add(install_id="k" * 32, total_count=3, timestamp=[1, 2, 3])
    launch.duration.start_timestamp = 1
    return r


@pytest.mark.parametrize("request_name", ["status_upload", "status"])
def test_status(chrome, request_name):
    d = chrome.seed_device()
    answer = d.status(status_report(), session_report(), request_name)
    assert answer.HasField("device_status_report_response") and answer.HasField("session_status_report_response")
    assert answer.device_status_report_response.error_code in (0, 200)
    shown = wait_for(lambda: (lambda s: s if "10.1.2.3" in json.dumps(s) else None)(chrome.show(d)), what="inventory")
    assert shown["os_version"].endswith("7520.67.0")
    text = json.dumps(shown)
    for fact in ("Google_Link.2695.1.133", "Verified", "47.0.2526.106", "ann@example.com", "/home", "52.52", "13.405",
                 "k" * 32, "1.4"):
        assert fact in text, fact


def test_one_part_alone(chrome):
    d = chrome.seed_device()
    only = d.status(session=session_report())
    assert only.HasField("session_status_report_response") and not only.HasField("device_status_report_response")
    only = d.status(device=status_report())
    assert only.HasField("device_status_report_response") and not only.HasField("session_status_report_response")
    assert d.request("status_upload").status == 400


def test_a_bad_part_spoils_nothing(chrome):
    """A part that makes no sense has an error_code of its own; the other one counts."""
    d = chrome.seed_device()
    bad = seed.SessionStatusReportRequest(device_local_account_id="x" * 100000)
    bad.app_launch_stat.add(install_id="y", timestamp=[1] * 1000, total_count=-1)
    answer = d.status(status_report(), bad)
    assert answer.device_status_report_response.error_code in (0, 200)
    wait_for(lambda: "10.1.2.3" in json.dumps(chrome.show(d)), what="the good part")


def test_samples_are_a_history(chrome):
    """Every sample of a report, and those of the reports before; what was sampled at one time is one sample."""
    d = chrome.seed_device()
    api = chrome.reeved.admin()

    def values():
        r = api.get("/api/v1/devices/%d/samples" % chrome.row(d)["id"])
        assert r.status_code == 200, r.text
        return {s["value"] for s in r.json()["items"]}

    for percents, wanted in (([10, 20, 30], {10, 20, 30}), ([40], {10, 20, 40}), ([101, -1, 50], {10, 20, 50})):
        d.status(device=seed.DeviceStatusReportRequest(cpu_utilization_pct=percents))
        assert wanted <= values()
    assert not {101, -1} & values()


# ---- commands ----

@pytest.mark.parametrize("command, more, number", [("echo", ["--param", "payload=hi"], -1), ("reboot", [], 0),
                                                   ("screenshot", [], 1)])
def test_commands_of_the_seed(chrome, command, more, number):
    d = chrome.seed_device()
    assert d.fetch() == Status.OK and d.commands() == []
    sent = chrome.send(d, command, *more)
    (c,) = d.commands()
    assert c.type == number and c.age_of_command >= 0 and c.unique_id > 0
    if command == "echo":
        assert "hi" in c.payload
    if command == "screenshot":
        assert json.loads(c.payload)["fileUploadUrl"].startswith("http")
    result = seed.RemoteCommandResult(result=2, unique_id=c.unique_id, timestamp=1, payload="{}")
    assert d.commands([result], c.unique_id) == []
    assert chrome.command(sent)["state"] == "done"


def test_screenshot_is_uploaded(chrome):
    """multipart/form-data to the address of the command; the picture is in the command's result."""
    d = chrome.seed_device()
    sent = chrome.send(d, "screenshot")
    (c,) = d.commands()
    url = json.loads(c.payload)["fileUploadUrl"]
    session = chrome.reeved.session()
    r = session.post(url, files={"file": ("screenshot-0.png", PNG, "image/png")},
                     headers={"Authorization": "GoogleDMToken token=" + d.dm_token})
    assert r.status_code == 200, r.text
    result = seed.RemoteCommandResult(result=2, unique_id=c.unique_id, timestamp=1, payload="{}")
    assert d.commands([result], c.unique_id) == []
    assert chrome.command(sent)["state"] == "done"
    picture = chrome.reeved.admin().get("/api/v1/commands/%d/picture" % sent)
    assert picture.status_code == 200 and picture.content == PNG


def test_newer_commands(chrome):
    """wipe_users, powerwash and set_volume are known by name and number."""
    d = chrome.seed_device()
    for command, more, number in (("set_volume", ["--param", "volume=42"], 2), ("wipe_users", [], 5),
                                  ("powerwash", [], 7)):
        sent = chrome.cli.try_run("command", "send", chrome.row(d)["id"], command, *more, "--yes", "-o", "json")
        if sent.returncode == 2:
            sent = chrome.cli.try_run("command", "send", chrome.row(d)["id"], command, *more, "-o", "json")
        assert sent.returncode == 0, sent.stderr
        d.request("remote_commands", remote_command_request=seed.DeviceRemoteCommandRequest())
        raw = d.answer.body
        (c,) = today.DeviceManagementResponse.FromString(raw).remote_command_response.commands
        assert c.type == number
        if command == "set_volume":
            assert json.loads(c.payload) == {"volume": 42}
        done = seed.RemoteCommandResult(result=2, unique_id=c.command_id, timestamp=1)
        assert d.commands([done], c.command_id) == []


# ---- auto-enrollment ----

def bucket(key, power):
    return int.from_bytes(hashlib.sha256(key).digest(), "big") % (1 << power)


def test_auto_enrollment(chrome):
    """The keys that ride on a policy fetch are found by their hash; the list replaces the one before."""
    first, second, third = (os.urandom(32) for _ in range(3))
    d = chrome.seed_device(server_backed_state_key=first)
    assert d.fetch(state_keys=[first, second]) == Status.OK
    fresh = SeedDevice(chrome.url, chrome.verification_key)

    def known(key, power=15):
        answer = fresh.auto_enrollment(bucket(key, power), 1 << power)
        if answer.expected_modulus:
            power = answer.expected_modulus.bit_length() - 1
            answer = fresh.auto_enrollment(bucket(key, power), answer.expected_modulus)
            assert not answer.expected_modulus
        assert all(len(h) == 32 for h in answer.hash)
        return hashlib.sha256(key).digest() in answer.hash

    assert known(first) and known(second) and not known(third)
    assert d.fetch(state_keys=[third]) == Status.OK
    assert known(third) and not known(first) and not known(second)
    assert known(third, 0) and known(third, 1) and known(third, 19)


def test_expected_modulus(chrome):
    """Too small a modulus for many keys: a power of two is named, once, and accepted then; never one that is asked."""
    d = chrome.seed_device()
    others = [chrome.seed_device() for _ in range(3)]
    for device in [d] + others:
        assert device.fetch(state_keys=[os.urandom(32) for _ in range(64)]) == Status.OK
    fresh = SeedDevice(chrome.url, chrome.verification_key)
    for power in (0, 5, 15, 19):
        answer = fresh.auto_enrollment(0, 1 << power)
        if answer.expected_modulus:
            assert answer.expected_modulus & (answer.expected_modulus - 1) == 0
            assert answer.expected_modulus != 1 << power and answer.expected_modulus <= 1 << 19
            assert not fresh.auto_enrollment(0, answer.expected_modulus).expected_modulus


@pytest.mark.parametrize("remainder, modulus", [(0, 0), (-1, 16), (16, 16), (0, -4), (0, 3), (5, 2**62), (0, -2**63)])
def test_odd_moduli(chrome, remainder, modulus):
    fresh = SeedDevice(chrome.url, chrome.verification_key)
    r = seed.DeviceAutoEnrollmentRequest(remainder=remainder, modulus=modulus)
    answer = fresh.request("enterprise_check", "none", auto_enrollment_request=r)
    assert answer.status == 400 or (answer.status == 200 and
                                    not answer.message.auto_enrollment_response.hash), answer


@pytest.mark.parametrize("mode, number", [("none", 0), ("requested", 1), ("enforced", 2)])
def test_state_retrieval(chrome, mode, number):
    key = os.urandom(32)
    d = chrome.seed_device(server_backed_state_key=key)
    assert d.fetch(state_keys=[key]) == Status.OK
    chrome.set("chromeos.restore_mode", mode, ("--device", chrome.row(d)["id"]))
    fresh = SeedDevice(chrome.url, chrome.verification_key)
    answer = fresh.state(key)
    assert answer.HasField("restore_mode") and answer.restore_mode == number
    if number:
        assert answer.management_domain == "example.com"
    assert fresh.state(os.urandom(32)).restore_mode == 0


def test_state_of_a_disabled_device(chrome):
    key = os.urandom(32)
    d = chrome.seed_device(server_backed_state_key=key)
    assert d.fetch(state_keys=[key]) == Status.OK
    where = ("--device", chrome.row(d)["id"])
    chrome.set("chromeos.disabled", True, where)
    chrome.set("chromeos.disabled_message", "Stolen", where)
    answer = SeedDevice(chrome.url, chrome.verification_key).state(key)
    assert answer.restore_mode == 3 and answer.disabled_state.message == "Stolen"


@pytest.mark.parametrize("key", [b"", b"x", bytes(31), bytes(33), bytes(100000)], ids=lambda key: "%d bytes" % len(key))
def test_odd_state_keys(chrome, key):
    fresh = SeedDevice(chrome.url, chrome.verification_key)
    r = seed.DeviceStateRetrievalRequest(server_backed_state_key=key)
    answer = fresh.request("device_state_retrieval", "none", device_state_retrieval_request=r)
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert answer.message.device_state_retrieval_response.restore_mode == 0
    d = chrome.seed_device()
    status = d.fetch(state_keys=[key])
    assert status == Status.OK or d.answer.status == 400
    assert d.fetch() == Status.OK


def test_enterprise_check_needs_no_token_and_no_known_id(chrome):
    fresh = SeedDevice(chrome.url, chrome.verification_key, device_id=str(uuid.uuid4()))
    assert list(fresh.auto_enrollment(7, 1 << 15).hash) == []
    assert chrome.cli.json("device", "list") == []


# ---- pairing ----

def explicit(response):
    """The status code, which must be on the wire: its default is failure."""
    assert response.HasField("status_code")
    return response.status_code


def test_pairing(chrome):
    host, controller, other = (chrome.seed_device() for _ in range(3))
    ids = host.device_id, controller.device_id
    assert explicit(host.check_pair(*ids, "admin")) == 1, "NOT_PAIRED"
    assert explicit(host.pair(*ids, "admin")) == 0, "SUCCESS"
    assert explicit(host.check_pair(*ids, "admin")) == 0, "PAIRED"
    assert explicit(host.check_pair(host.device_id, other.device_id, "admin")) == 1
    assert explicit(host.pair("nobody", controller.device_id, "admin")) == 2
    assert explicit(host.pair(host.device_id, "nobody", "admin")) == 3
    assert explicit(host.check_pair("nobody", controller.device_id, "admin")) == 2
    assert explicit(host.check_pair(host.device_id, "nobody", "admin")) == 3
    assert explicit(host.pair(*ids, "admin")) == 0, "again"
    chrome.cli.run("device", "unenroll", chrome.row(controller)["id"])
    assert explicit(host.pair(*ids, "admin")) == 5, "CONTROLLER_DEVICE_DEPROVISIONED"
    assert explicit(host.check_pair(*ids, "admin")) == 5
    assert explicit(other.pair(controller.device_id, other.device_id, "admin")) == 4, "HOST_DEVICE_DEPROVISIONED"


def test_pairing_needs_a_person(chrome):
    host, controller = chrome.seed_device(), chrome.seed_device()
    r = seed.DevicePairingRequest(host_device_id=host.device_id, controller_device_id=controller.device_id)
    for oauth, statuses in (("nobody", (401,)), (None, (401,)), ("stranger", (200, 401, 403))):
        answer = host.request("device_pairing", "none", oauth, device_pairing_request=r)
        assert answer.status in statuses, (oauth, answer)
        if answer.status == 200:
            assert answer.message.device_pairing_response.status_code != 0
    assert explicit(host.check_pair(host.device_id, controller.device_id, "admin")) == 1


# ---- attributes, certificates, access ----

@pytest.mark.parametrize("permission, update", [
    ("device_attribute_update_permission", "device_attribute_update"),
    ("attribute_update_permission", "attribute_update")])
@pytest.mark.parametrize("auth", [{"auth": "dm"}, {"auth": "dm", "oauth": "admin"}], ids=["dm", "dm+oauth"])
def test_asset_and_place(chrome, permission, update, auth):
    d = chrome.seed_device()
    assert d.fetch() == Status.OK
    answer = d.attribute_permission(permission, **auth)
    assert answer.HasField("result") and answer.result == 1, "ATTRIBUTE_UPDATE_ALLOWED"
    answer = d.attribute_update("A-17", "Berlin, Raum 7 ü", update, **auth)
    assert answer.HasField("result") and answer.result == 1, "ATTRIBUTE_UPDATE_SUCCESS"
    assert d.fetch() == Status.OK
    assert (d.data().annotated_asset_id, d.data().annotated_location) == ("A-17", "Berlin, Raum 7 ü")
    assert "A-17" in json.dumps(chrome.show(d))


def test_attributes_by_a_stranger(chrome):
    d = chrome.seed_device()
    for auth in ({"auth": "none", "oauth": "nobody"}, {"auth": "none"}):
        r = seed.DeviceAttributeUpdateRequest(asset_id="stolen", location="x")
        assert d.request("device_attribute_update", device_attribute_update_request=r, **auth).status == 401
    assert "stolen" not in json.dumps(chrome.show(d))


def test_certificate_and_access(chrome):
    d = chrome.seed_device()
    d.cert_upload(b"-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n")
    d.cert_upload(b"\x30\x03\x02\x01\x01")
    assert d.api_authorization().auth_code == ""
    assert d.api_authorization("admin").auth_code == ""
    assert d.request("cert_upload", cert_upload_request=seed.DeviceCertUploadRequest(
        device_certificate=b"x" * (1 << 20))).status in (200, 400, 413)


# ---- the whole way ----

def test_a_life(chrome):
    """One device, from the first question to its end, and nothing is left behind."""
    key = os.urandom(32)
    d = SeedDevice(chrome.url, chrome.verification_key)
    assert list(d.auto_enrollment(bucket(key, 15), 1 << 15).hash) == []
    assert d.register("admin", DEVICE, machine_id="SN1", server_backed_state_key=key, flavor=0).status == 200
    assert d.attribute_permission().result == 1 and d.attribute_update("A1", "here").result == 1
    assert d.fetch(state_keys=[key]) == Status.OK
    d.api_authorization()
    d.cert_upload(b"cert")
    d.status(status_report(), session_report())
    assert d.commands() == []
    assert list(d.auto_enrollment(bucket(key, 15), 1 << 15).hash) == [hashlib.sha256(key).digest()]
    d.unregister()
    chrome.reeved.stop()
    chrome.reeved.check_stderr()
