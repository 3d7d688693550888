# SPDX-License-Identifier: Apache-2.0
"""A browser of 2026 as a client of the server: what it sends, what it remembers, what it refuses, in Python.

    b = Browser(reeved.url, verification_key)
    b.register(token); b.fetch(); b.policies["HomepageLocation"]; b.run_commands(execute)
"""
import hashlib
import json
import secrets
import time

import requests

from chrome_http import Wire, today_headers, today_query
from chrome_proto import cloud_policies, policy_table, settings, today
from chrome_validator import TODAY, Expected, Status, Validator, signed

MAIN, EXTENSION = "google/chrome/machine-level-user", "google/chrome/machine-level-extension"
COMMAND_TYPE = "google/chromeos/remotecommand"
REGISTRATION_CHANGED, SCHEDULED, BROWSER_START, USER_REQUEST = 3, 16, 19, 21
STARTUP, UPLOAD_RESULTS = 2, 3
DELETE_TOKEN = 1
SHA1_RSA, SHA256_RSA = 1, 2
IGNORED, FAILURE, SUCCESS = 0, 1, 2


def new_device_id():
    """27 characters, as base64url of a SHA-1."""
    return secrets.token_urlsafe(20)


class Browser:
    def __init__(self, url, verification_key, device_id=None, host="host7", signature_type=SHA256_RSA):
        self.url = url
        self.device_id = device_id or new_device_id()
        self.host = host
        self.signature_type = signature_type
        self.validator = Validator(TODAY, verification_key)
        self.wire = Wire(url, today)
        self.dm_token = None  # as in its file; "INVALID_DM_TOKEN" after a plain 410
        self.forget()
        self.validation_reports = []  # (policy_type, Status) of every refusal that it reported
        self.seen_commands = set()
        self.last_command = None
        self.sent = []  # request types

    def forget(self):
        """No policy, no key."""
        self.response = self.data = self.key = None
        self.extensions = {}  # id -> {policy: {"Value", "Level"}}

    # ---- requests ----

    def request(self, request, body, authorization=None, **query):
        if authorization is None and self.dm_token:
            authorization = "GoogleDMToken token=" + self.dm_token
        self.sent.append(request)
        answer = self.wire.send(today_query(request, self.device_id, **query), today_headers(authorization),
                                body.SerializeToString())
        if answer.status == 410:
            self._gone(answer.message)
        return answer

    def _gone(self, message):
        delete = DELETE_TOKEN in message.error_detail
        self.dm_token = None if delete else "INVALID_DM_TOKEN"
        self.forget()

    def register(self, enrollment_token, **fields):
        """The answer; the token is kept."""
        r = today.RegisterBrowserRequest(os_platform="Linux", os_version="6.1.0-40-amd64", **fields)
        r.browser_device_identifier.computer_name = self.host
        r.browser_device_identifier.serial_number = ""
        answer = self.request("register_browser", today.DeviceManagementRequest(register_browser_request=r),
                              "GoogleEnrollmentToken token=" + enrollment_token)
        if answer.status == 200:
            self.dm_token = answer.message.register_response.device_management_token
            assert self.dm_token, "no token in the answer: the client cannot decode it"
        return answer

    def policy_request(self, reason, key_version):
        r = today.DevicePolicyRequest(reason=reason)
        for policy_type in (EXTENSION, MAIN):
            p = r.requests.add(policy_type=policy_type, signature_type=self.signature_type,
                               verification_key_hash="1:356l7w")
            p.device_info.form_factor = 1
            if key_version is not None:
                p.public_key_version = key_version
            if policy_type == MAIN:
                p.browser_device_identifier.computer_name = self.host
                p.browser_device_identifier.serial_number = ""
                if self.data is not None:
                    p.timestamp = self.data.timestamp
        return today.DeviceManagementRequest(policy_request=r)

    # ---- policy ----

    def fetch(self, reason=SCHEDULED, retry=True):
        """Fetches and obeys, or refuses and says so. The Status of the main policy; None: no answer of 200."""
        version = self.key.version if self.key else None
        self.answer = self.request("policy", self.policy_request(reason, version), oauth_token="")
        if self.answer.status != 200:
            return None
        responses = self.answer.message.policy_response.responses
        assert len(responses), "no response at all: the client cannot decode it"
        main, extensions = self._sort(responses)
        assert main is not None, "no policy for the browser"
        status = self._take_main(main)
        if status == Status.BAD_SIGNATURE and self.key is not None and retry:
            self.key = None
            return self.fetch(reason, retry=False)
        if status == Status.OK:
            self._take_extensions(extensions)
        return status

    def _sort(self, responses):
        main, extensions, seen = None, {}, set()
        for response in responses:
            data = today.PolicyData.FromString(response.policy_data)
            key = data.policy_type, data.settings_entity_id
            assert key not in seen, "twice the same: %s %s" % key
            seen.add(key)
            if data.policy_type == EXTENSION:
                assert data.settings_entity_id, "an extension's policy without its id is thrown away"
                extensions[data.settings_entity_id] = response
            elif data.policy_type == MAIN:
                main = response
        return main, extensions

    def expected(self):
        return Expected(MAIN, self.dm_token, self.device_id, timestamp=self.data.timestamp if self.data else None)

    def _take_main(self, response):
        self.fetched = response
        raw = response.SerializeToString()
        status, data, key = self.validator.fetched(raw, self.expected(), self.key)
        if status == Status.OK:
            self.response, self.data, self.key = raw, data, key
        else:
            self._refuse(MAIN, status, today.PolicyData.FromString(response.policy_data).policy_token)
        return status

    def _refuse(self, policy_type, status, policy_token):
        if policy_token and status not in (Status.ERROR_CODE_PRESENT, Status.WRONG_POLICY_TYPE):
            answer = self.report_validation(policy_type, policy_token, status + 1)
            assert answer.status == 200
            self.validation_reports.append((policy_type, status))

    def report_validation(self, policy_type, policy_token, result):
        r = today.PolicyValidationReportRequest(policy_type=policy_type, policy_token=policy_token,
                                                validation_result_type=result, action=1)
        return self.request("policy_validation_report",
                            today.DeviceManagementRequest(policy_validation_report_request=r))

    def _take_extensions(self, responses):
        found = {}
        for extension, response in responses.items():
            expected = Expected(EXTENSION, self.dm_token, self.device_id, username=self.data.username,
                                exact_username=True, entity_id=extension, key_version=self.key.version)
            status, data, _ = self.validator.extension(response.SerializeToString(), expected, self.key)
            assert status == Status.OK, (extension, status)
            found[extension] = self._download(data)
        self.extensions = found

    def _download(self, data):
        external = settings.ExternalPolicyData.FromString(data.policy_value)
        if not external.download_url:
            return {}
        session = requests.Session()
        session.trust_env = False
        r = session.get(external.download_url, timeout=60)
        assert r.status_code == 200, (external.download_url, r.status_code, r.text)
        assert hashlib.sha256(r.content).digest() == external.secure_hash
        return r.json()

    @property
    def policies(self):
        """{policy: (value, level)} in force."""
        return cloud_policies(self.data.policy_value) if self.data else {}

    def restart(self):
        """Starts again with what is on its disk, if its own check allows it."""
        self.wire.close()
        self.seen_commands, self.last_command = set(), None
        if self.response is None:
            return None
        expected = Expected(MAIN, self.dm_token, self.device_id)
        status = self.validator.cached(self.response, expected, self.key)[0]
        if status != Status.OK:
            self.forget()
        return status

    # ---- remote commands ----

    def ask_commands(self, results=(), reason=STARTUP):
        """The valid commands of an answer, and the results of those that are not."""
        r = today.DeviceRemoteCommandRequest(send_secure_commands=True, signature_type=self.signature_type,
                                             type="google/chrome/browser/remotecommand", reason=reason)
        if self.last_command is not None:
            r.last_command_unique_id = self.last_command
        r.command_results.extend(results)
        answer = self.request("remote_commands", today.DeviceManagementRequest(remote_command_request=r))
        assert answer.status == 200, answer
        response = answer.message.remote_command_response
        assert not response.commands, "an unsigned command: the client drops the whole answer"
        return [self.check_command(s) for s in response.secure_commands]

    def check_command(self, signed_data):
        """The command of a SignedData; asserts what the client would refuse."""
        hash_type = SHA1_RSA if self.signature_type == SHA1_RSA else SHA256_RSA
        assert signed(self.key.spki, signed_data.data, signed_data.signature, hash_type), "not the policy's key"
        data = today.PolicyData.FromString(signed_data.data)
        assert data.policy_type == COMMAND_TYPE, data.policy_type
        command = today.RemoteCommand.FromString(data.policy_value)
        assert command.HasField("type") and command.HasField("command_id"), command
        assert command.target_device_id == self.data.device_id == self.device_id
        assert command.HasField("age_of_command") and command.age_of_command >= 0
        assert command.type in (12, 14), "the browser dies of command type %d" % command.type
        return command

    def run_commands(self, execute):
        """From the start-up on: asks, runs what is new, tells, until there is nothing more. execute(command) ->
        (result, payload). The commands that ran."""
        ran, results, reason = [], [], STARTUP
        while True:
            commands = [c for c in self.ask_commands(results, reason) if c.command_id not in self.seen_commands]
            results, reason = [], UPLOAD_RESULTS
            if not commands:
                return ran
            for command in commands:
                self.seen_commands.add(command.command_id)
                result, payload = execute(command)
                results.append(self.result(command, result, payload))
                self.last_command = command.command_id
                ran.append(command)

    @staticmethod
    def result(command, result, payload=""):
        return today.RemoteCommandResult(result=result, command_id=command.command_id,
                                         timestamp=int(time.time() * 1000), payload=payload)

    # ---- reports ----

    def desktop_report(self, policies=None, change=None, **more):
        """What it says of itself; policies: {name: (JSON text, level 1 or 2)} instead of those in force."""
        r = today.ChromeDesktopReportRequest(serial_number="", computer_name=self.host, os_user_name="root")
        b = r.browser_report
        b.browser_version, b.channel, b.executable_path = "156.0.8078.79", 0, "/usr/lib/chromium"
        r.os_report.name, r.os_report.arch, r.os_report.version = "Linux", "x86_64", "6.1.0-40-amd64"
        r.browser_device_identifier.computer_name, r.browser_device_identifier.serial_number = self.host, ""
        p = b.chrome_user_profile_infos.add(id="/home/u/.config/chromium/Default", name="Your Chromium",
                                            is_detail_available=True, profile_id="p1")
        p.affiliation.is_affiliated, p.affiliation.unaffiliation_reason = False, 1
        if self.data is not None:
            p.policy_fetched_timestamps.add(type=MAIN, timestamp=self.data.timestamp)
        for name, (value, level) in (policies if policies is not None else self.reported()).items():
            p.chrome_policies.add(name=name, level=level, scope=2, source=2, value=value)
        if change:
            change(r)
        return self.request("chrome_desktop_report",
                            today.DeviceManagementRequest(chrome_desktop_report_request=r), **more)

    def reported(self):
        """{policy: (JSON text, level)} of what is in force, in the words of its report."""
        kinds = {row["name"]: row["kind"] for row in policy_table()}
        found = {}
        for name, (value, level) in self.policies.items():
            text = value if kinds[name] == "JSON" else json.dumps(value)
            found[name] = (text, 1 if level == "recommended" else 2)
        return found
