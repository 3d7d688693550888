# SPDX-License-Identifier: Apache-2.0
"""Browsers come and go: registration, its tokens, the request's parameters, unenrollment, power cuts in between."""
import threading
import urllib.parse
import uuid

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chrome_browser import Browser
from chrome_fixtures import chrome, chrome_factory, started_before, token_info  # noqa: F401 fixtures
from chrome_http import PATH, Wire, today_headers, today_query
from chrome_proto import today
from chrome_validator import Status

SCHEDULED = 16


def register_body():
    r = today.RegisterBrowserRequest(os_platform="Linux", os_version="6.1.0-40")
    r.browser_device_identifier.computer_name = "host7"
    return today.DeviceManagementRequest(register_browser_request=r)


def test_a_browser_enrolls(chrome):
    chrome.cli.run("fleet", "create", "Sales")
    b = chrome.browser(token=chrome.token("Sales"), host="anns-laptop")
    row = chrome.row(b)
    assert (row["kind"], row["channel"], row["fleet"], row["name"]) == ("browser", "chrome", "Sales", "anns-laptop")
    assert row["verdict"] == "UNKNOWN"
    assert b.fetch() == Status.OK
    assert b.data.username.endswith("@example.com") and b.data.device_id == b.device_id
    assert b.data.machine_name and b.data.policy_token and b.data.management_mode == 1
    assert chrome.show(b)["os_version"].startswith(("Linux", "6.1"))


def test_tokens_of_enrollment(chrome):
    """Only a chrome token, alive, with uses left."""
    once = chrome.token("default", "--uses", "1")
    assert Browser(chrome.url, b"").register(once).status == 200
    assert Browser(chrome.url, b"").register(once).status == 401
    rows = chrome.cli.json("enrollment-token", "list")
    revoked = chrome.token()
    new = [t for t in chrome.cli.json("enrollment-token", "list") if t not in rows]
    chrome.cli.run("enrollment-token", "revoke", new[0]["id"])
    agents = chrome.cli.json("enrollment-token", "create")["token"]
    for wrong in (revoked, agents, "", "x", "x" * 4000, "ü", once + " "):
        wire = Wire(chrome.url, today)
        header = ("GoogleEnrollmentToken token=" + wrong).encode().decode("latin-1")
        answer = wire.send(today_query("register_browser", "d1"), today_headers(header),
                           register_body().SerializeToString())
        assert answer.status == 401 and answer.message.error_message, (wrong, answer)
        wire.close()
    assert len(chrome.cli.json("device", "list")) == 1


@pytest.mark.parametrize("header", [
    None, "", "GoogleEnrollmentToken", "GoogleEnrollmentToken {t}", "GoogleDMToken token={t}", "Bearer {t}",
    "GoogleEnrollmentToken token=", "googleenrollmenttokentoken={t}"])
def test_forms_of_authorization(chrome, header):
    text = header.format(t=chrome.token()) if header else header
    answer = Wire(chrome.url, today).send(today_query("register_browser", "d1"), today_headers(text),
                                          register_body().SerializeToString())
    assert answer.status == 401, answer


# ---- parameters ----

def policy_with(chrome, browser, change):
    """A good policy request whose parameters were changed: change(list of pairs) -> list of pairs or text."""
    query = change(today_query("policy", browser.device_id, oauth_token=""))
    body = browser.policy_request(SCHEDULED, None).SerializeToString()
    return Wire(chrome.url, today).send(query, today_headers("GoogleDMToken token=" + browser.dm_token), body)


def without(name):
    return lambda query: [(k, v) for k, v in query if k != name]


def with_value(name, value):
    return lambda query: [(k, value if k == name else v) for k, v in query]


GOOD = {
    "reversed": lambda q: q[::-1],
    "unknown parameters": lambda q: q + [("future", "1"), ("x", "")],
    "retry with its error": lambda q: [("retry", "true"), ("lasterror", "-21")] + q[1:],
    "no retry": without("retry"),
    "no agent": without("agent"),
    "no platform": without("platform"),
    "critical": lambda q: q + [("critical", "true")],
    "%-escapes": lambda q: urllib.parse.urlencode(q).replace("policy", "%70olicy"),
    "+ is a space": lambda q: urllib.parse.urlencode(with_value("platform", "Linux x86_64")(q)),
    "empty pairs": lambda q: urllib.parse.urlencode(q) + "&&&=",
    "long agent": with_value("agent", "Chromium " + "9" * 1000),
}
BAD = {
    "no request": without("request"), "unknown request": with_value("request", "polizei"),
    "empty request": with_value("request", ""), "no apptype": without("apptype"),
    "other apptype": with_value("apptype", "Firefox"), "no devicetype": without("devicetype"),
    "other devicetype": with_value("devicetype", "7"), "no deviceid": without("deviceid"),
    "empty deviceid": with_value("deviceid", ""), "deviceid of 65": with_value("deviceid", "x" * 65),
    "blank in deviceid": with_value("deviceid", "a b"), "control in deviceid": with_value("deviceid", "a\nb"),
    "umlaut in deviceid": with_value("deviceid", "ä"), "NUL in deviceid": with_value("deviceid", "a\0b"),
    "no query": lambda q: "", "only noise": lambda q: "&&==&%zz",
}


def test_good_parameters(chrome):
    b = chrome.browser()
    assert {name: a.status for name, a in ((n, policy_with(chrome, b, c)) for n, c in GOOD.items())} == \
        dict.fromkeys(GOOD, 200)


def test_bad_parameters(chrome):
    b = chrome.browser()
    answers = {name: policy_with(chrome, b, c) for name, c in BAD.items()}
    assert {name: a.status for name, a in answers.items()} == dict.fromkeys(BAD, 400)
    for name in set(BAD) - {"NUL in deviceid", "only noise"}:  # no URL at all: refused below any protocol
        assert answers[name].message.error_message, name
    assert b.fetch() == Status.OK


def test_doubled_parameters(chrome):
    """Twice the same is bad or harmless, never another device."""
    b, other = chrome.browser(), chrome.browser()
    for double in ([("deviceid", other.device_id)], [("request", "unregister")], [("retry", "true")]):
        for change in (lambda q, d=double: q + d, lambda q, d=double: d + q):
            answer = policy_with(chrome, b, change)
            assert answer.status in (200, 400, 401), answer
            for r in answer.message.policy_response.responses if answer.status == 200 else ():
                assert today.PolicyData.FromString(r.policy_data).device_id == b.device_id
    assert b.fetch() == other.fetch() == Status.OK


@pytest.mark.parametrize("device_id", ["x", "x" * 64, "!~{}", "AZaz09-_", str(uuid.UUID(int=0))])
def test_device_ids(chrome, device_id):
    b = chrome.browser(device_id=device_id)
    assert b.fetch() == Status.OK and b.data.device_id == device_id
    assert chrome.row(b)["external_id"] == device_id


def test_methods_and_addresses(chrome):
    b = chrome.browser()
    body = b.policy_request(SCHEDULED, None).SerializeToString()
    headers = today_headers("GoogleDMToken token=" + b.dm_token)
    wire = Wire(chrome.url, today)
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        assert wire.send(today_query("policy", b.device_id), headers, body, method=method).status == 405, method
    for path in (PATH + "/", PATH + "/x", "/devicemanagement/data", "/devicemanagement"):
        assert wire.send(today_query("policy", b.device_id), headers, body, path=path).status == 404, path


def test_sizes(chrome):
    b = chrome.browser()
    headers = today_headers("GoogleDMToken token=" + b.dm_token)
    query = today_query("chrome_desktop_report", b.device_id)
    report = today.ChromeDesktopReportRequest(os_user="x" * (2 << 20))
    big = today.DeviceManagementRequest(chrome_desktop_report_request=report).SerializeToString()
    wire = Wire(chrome.url, today)
    assert wire.send(query, headers, big).status == 413
    wire.close()
    report.os_user = "x" * (200 << 10)
    body = today.DeviceManagementRequest(chrome_desktop_report_request=report).SerializeToString()
    assert wire.send(query, headers, body).status == 200
    assert wire.send(query, headers, b"").status == 400
    assert b.fetch() == Status.OK


def test_content_type_does_not_matter(chrome):
    b = chrome.browser()
    body = b.policy_request(SCHEDULED, None).SerializeToString()
    for value in ("application/x-protobuffer", "text/plain", "application/json", ""):
        answer = Wire(chrome.url, today).send(
            today_query("policy", b.device_id),
            [("Authorization", "GoogleDMToken token=" + b.dm_token), ("Content-Type", value)], body)
        assert answer.status == 200, value


# ---- device tokens ----

def test_wrong_device_tokens(chrome):
    b = chrome.browser()
    good = b.dm_token
    changed = good[:-1] + ("A" if good[-1] != "A" else "B")
    for wrong in ("", "x", "INVALID_DM_TOKEN", changed, good + "x", good[:-1], "x" * 5000):
        b.dm_token = wrong or None
        answer = b.request("policy", b.policy_request(SCHEDULED, None))
        assert answer.status == 401 and answer.message.error_message, (wrong, answer)
    b.dm_token = good
    assert b.fetch() == Status.OK


def test_an_agents_token_is_no_browsers(chrome):
    agent = chrome.reeved.device(kind="linux")
    b = chrome.browser()
    b.dm_token = agent.device["device_token"]
    assert b.request("policy", b.policy_request(SCHEDULED, None)).status in (401, 403)


def test_a_token_belongs_to_its_device(chrome):
    """With another device's id it opens nothing."""
    b, other = chrome.browser(), chrome.browser()
    stolen, b.device_id = b.device_id, other.device_id
    answer = b.request("policy", b.policy_request(SCHEDULED, None))
    assert 400 <= answer.status < 500 and answer.status != 410, answer
    b.device_id = stolen
    assert b.fetch() == Status.OK and other.fetch() == Status.OK


def test_two_profiles_of_one_machine(chrome):
    """One device id, two registrations: one device; the new token works; the old one works or is merely wrong."""
    one = chrome.browser()
    two = chrome.browser(device_id=one.device_id)
    assert one.dm_token != two.dm_token
    assert two.fetch() == Status.OK
    first = one.request("policy", one.policy_request(SCHEDULED, None))
    assert first.status in (200, 401), first
    assert len(chrome.cli.json("device", "list")) == 1


def test_registrations_at_once(chrome):
    """Many of one id at the same time: one device, and the last token is good."""
    token, device_id = chrome.token(), "one-and-the-same"
    browsers = [Browser(chrome.url, chrome.verification_key, device_id=device_id) for _ in range(8)]
    answers = []
    threads = [threading.Thread(target=lambda b=b: answers.append(b.register(token))) for b in browsers]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [a.status for a in answers] == [200] * 8
    assert len(chrome.cli.json("device", "list")) == 1
    assert any(b.fetch() == Status.OK for b in browsers)


def test_settings_survive_a_new_registration(chrome):
    b = chrome.browser()
    chrome.set("chrome.HomepageLocation", "https://own.example/", ("--device", chrome.row(b)["id"]))
    again = chrome.browser(device_id=b.device_id)
    assert again.fetch() == Status.OK
    assert again.policies["HomepageLocation"][0] == "https://own.example/"
    assert again.data.timestamp >= 0


def test_power_cut_after_the_registration(chrome):
    b = chrome.browser()
    chrome.reeved.kill()
    chrome.reeved.listen = "127.0.0.1:%d" % chrome.reeved.port
    chrome.reeved.start()
    b.wire.close()
    assert b.fetch() == Status.OK
    chrome.reeved.kill()
    chrome.reeved.start()
    b.wire.close()
    assert b.restart() == Status.OK
    assert b.fetch() == Status.OK, "no timestamp may go back"
    assert len(chrome.cli.json("device", "list")) == 1


# ---- the end ----

EVERY_REQUEST = {
    "policy": lambda b: b.policy_request(SCHEDULED, None),
    "remote_commands": lambda b: today.DeviceManagementRequest(
        remote_command_request=today.DeviceRemoteCommandRequest(send_secure_commands=True, signature_type=2)),
    "chrome_desktop_report": lambda b: today.DeviceManagementRequest(
        chrome_desktop_report_request=today.ChromeDesktopReportRequest(os_user_name="u")),
    "policy_validation_report": lambda b: today.DeviceManagementRequest(
        policy_validation_report_request=today.PolicyValidationReportRequest(policy_token="x",
                                                                             validation_result_type=3)),
    "api_authorization": lambda b: today.DeviceManagementRequest(
        service_api_access_request=today.DeviceServiceApiAccessRequest(auth_scopes=["x"], device_type=3)),
    "unregister": lambda b: today.DeviceManagementRequest(unregister_request=today.DeviceUnregisterRequest()),
}


@pytest.mark.parametrize("mode, detail, token_after", [("delete_token", 1, None),
                                                       ("invalidate_token", 2, "INVALID_DM_TOKEN")])
def test_unenrolled_by_an_administrator(chrome_factory, mode, detail, token_after):
    chrome = chrome_factory("--chrome-unenroll", mode)
    b = chrome.browser()
    assert b.fetch() == Status.OK
    number, token = chrome.row(b)["id"], b.dm_token
    chrome.cli.run("device", "unenroll", number)
    for request, body in EVERY_REQUEST.items():
        b.dm_token = token
        answer = b.request(request, body(b))
        assert answer.status == 410 and list(answer.message.error_detail) == [detail], (request, answer)
        assert answer.message.error_message
    assert b.dm_token == token_after and b.policies == {}
    chrome.reeved.restart()
    b = Browser(chrome.url, chrome.verification_key, device_id=b.device_id)
    b.dm_token = token
    assert b.request("policy", b.policy_request(SCHEDULED, None)).status == 410
    again = chrome.browser(device_id=b.device_id)
    assert again.fetch() == Status.OK and again.dm_token != token
    b.dm_token = token
    assert b.request("policy", b.policy_request(SCHEDULED, None)).status in (401, 410)


def test_a_browser_unregisters(chrome):
    b = chrome.browser()
    answer = b.request("unregister", today.DeviceManagementRequest(unregister_request=today.DeviceUnregisterRequest()))
    assert answer.status == 200 and answer.message.HasField("unregister_response")
    assert b.request("policy", b.policy_request(SCHEDULED, None)).status in (401, 410)
    rows = chrome.cli.json("device", "list", "--filter", "managed in (true,false)")
    assert [r["managed"] for r in rows if r["external_id"] == b.device_id] in ([False], [])


# ---- other ways to register ----

def test_policy_agents_and_token_based_registration(chrome):
    agent = Browser(chrome.url, chrome.verification_key)
    answer = agent.request("register_policy_agent", register_body(), "GoogleEnrollmentToken token=" + chrome.token())
    assert answer.status == 200 and answer.message.register_response.device_management_token
    based = Browser(chrome.url, chrome.verification_key)
    inner = today.DeviceRegisterRequest(type=2, machine_id="SN77", machine_model="Box", flavor=18, brand_code="ZZCR")
    body = today.DeviceManagementRequest(
        token_based_device_register_request=today.TokenBasedDeviceRegisterRequest(device_register_request=inner))
    answer = based.request("token_based_register", body, "GoogleEnrollmentToken token=" + chrome.token())
    assert answer.status == 200, answer
    response = answer.message.token_based_device_register_response.device_register_response
    assert response.device_management_token
    row = chrome.row(based)
    assert (row["kind"], row["serial"]) == ("chromeos", "SN77")
    assert based.request("token_based_register", body, "GoogleEnrollmentToken token=wrong").status == 401


def test_certificates_do_not_register(chrome):
    b = Browser(chrome.url, chrome.verification_key)
    signed = today.SignedData(data=b"x", signature=b"y")
    body = today.DeviceManagementRequest(
        certificate_based_register_request=today.CertificateBasedDeviceRegisterRequest(signed_request=signed))
    answer = b.request("certificate_based_register", body)
    assert answer.status in (403, 417) and "certificate" in answer.message.error_message.lower(), answer
    assert chrome.cli.json("device", "list") == []


def test_push_token_and_public_key(chrome):
    b = chrome.browser()
    body = today.DeviceManagementRequest(
        fm_registration_token_upload_request=today.FmRegistrationTokenUploadRequest(token="fm:1", token_type=1))
    answer = b.request("fm_registration_token_upload", body)
    assert answer.status == 200 and answer.message.HasField("fm_registration_token_upload_response")
    key = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    body = today.DeviceManagementRequest(browser_public_key_upload_request=today.BrowserPublicKeyUploadRequest(
        public_key=key, key_trust_level=2, key_type=2))
    answer = b.request("browser_public_key_upload", body)
    assert answer.status == 200 and answer.message.browser_public_key_upload_response.response_code == 1


def test_secrets_are_not_logged(chrome):
    enrollment = chrome.token()
    b = chrome.browser(token=enrollment)
    assert b.fetch() == Status.OK
    b.request("policy", b.policy_request(SCHEDULED, None), "GoogleDMToken token=wrong-secret", oauth_token="oauth-secret")
    chrome.reeved.stop()
    log = chrome.reeved.stderr()
    for secret in (enrollment, b.dm_token, "wrong-secret", "oauth-secret"):
        assert secret not in log
