# SPDX-License-Identifier: Apache-2.0
"""A Chrome or ChromeOS client of 2015 in Python: every request type of its protocol, in its spelling or the other one
of the protocol's own documentation; and the OAuth token-info endpoint that the server asks about people.

    d = SeedDevice(reeved.url, verification_key); d.register("oauth token", machine_id="SN1"); d.fetch()
"""
import http.server
import json
import threading
import urllib.parse
import uuid

from chrome_http import Wire, seed_headers, seed_query
from chrome_proto import cloud_policies, seed, settings
from chrome_validator import SEED, Expected, Status, Validator

DEVICE, USER, BROWSER = 2, 1, 3  # types of registration
DEVICE_POLICY, USER_POLICY = "google/chromeos/device", "google/chromeos/user"
BROWSER_POLICY, ACCOUNT_POLICY = "google/chrome/user", "google/chromeos/publicaccount"
SHA1_RSA = 1
POLICY_OF_TYPE = {DEVICE: DEVICE_POLICY, USER: USER_POLICY, BROWSER: BROWSER_POLICY}


class SeedDevice:
    def __init__(self, url, verification_key, device_id=None):
        self.url = url
        self.device_id = device_id or str(uuid.uuid4())
        self.validator = Validator(SEED, verification_key)
        self.wire = Wire(url, seed)
        self.dm_token = None
        self.type = DEVICE
        self.stored = {}  # (policy type, entity) -> PolicyData
        self.keys = {}  # likewise -> Key
        self.answer = None

    # ---- requests ----

    def request(self, request, auth="dm", oauth=None, message=None, **members):
        """auth: dm, none, login (GoogleLogin). The answer; members are those of DeviceManagementRequest."""
        header = {"dm": "GoogleDMToken token=%s" % self.dm_token, "none": None,
                  "login": "GoogleLogin auth=%s" % oauth}[auth]
        query = {"oauth_token": oauth} if oauth is not None and auth != "login" else {}
        body = message or seed.DeviceManagementRequest(**members)
        self.answer = self.wire.send(seed_query(request, self.device_id, **query), seed_headers(header),
                                     body.SerializeToString())
        return self.answer

    def member(self, name):
        """A member of the answer that the client insists on."""
        assert self.answer.status == 200, self.answer
        message = self.answer.message
        assert message.HasField(name), message
        return getattr(message, name)

    def register(self, oauth, registration=DEVICE, auth="none", **fields):
        self.type = registration
        if registration == DEVICE:
            fields.setdefault("machine_id", "SN-" + self.device_id[:8])
            fields.setdefault("machine_model", "Cr-48")
        r = seed.DeviceRegisterRequest(type=registration, **fields)
        answer = self.request("register", auth, oauth, register_request=r)
        if answer.status == 200:
            self.dm_token = self.member("register_response").device_management_token
            assert self.dm_token
        return answer

    def unregister(self):
        self.request("unregister", unregister_request=seed.DeviceUnregisterRequest())
        return self.member("unregister_response")

    # ---- policy ----

    def fetch_request(self, policy_type, entity=None, **more):
        key = policy_type, entity or ""
        r = seed.PolicyFetchRequest(policy_type=policy_type, signature_type=SHA1_RSA, verification_key_hash="1:356l7w")
        if entity:
            r.settings_entity_id = entity
        if key in self.keys:
            r.public_key_version = self.keys[key].version
        if key in self.stored:
            r.timestamp = self.stored[key].timestamp
        for name, value in more.items():
            setattr(r, name, value)
        return r

    def fetch(self, policy_type=None, entity=None, state_keys=None, request="policy", **auth):
        """Fetches one policy and obeys it; its Status."""
        policy_type = policy_type or POLICY_OF_TYPE[self.type]
        message = seed.DeviceManagementRequest()
        message.policy_request.request.append(self.fetch_request(policy_type, entity))
        if state_keys is not None:
            message.device_state_key_update_request.server_backed_state_key.extend(state_keys)
        self.request(request, message=message, **auth)
        if self.answer.status != 200:
            return None
        responses = self.member("policy_response").response
        assert len(responses) == 1, responses
        return self.take(responses[0], policy_type, entity)

    def take(self, response, policy_type, entity=None):
        self.fetched = response
        key = policy_type, entity or ""
        stored = self.stored.get(key)
        expected = Expected(policy_type, self.dm_token, self.device_id, entity_id=entity,
                            timestamp=stored.timestamp if stored else None)
        status, data, new = self.validator.fetched(response.SerializeToString(), expected, self.keys.get(key))
        if status == Status.OK:
            self.stored[key], self.keys[key] = data, new
        return status

    def data(self, policy_type=None, entity=""):
        return self.stored[policy_type or POLICY_OF_TYPE[self.type], entity]

    def policies(self, policy_type=None, entity=""):
        return cloud_policies(self.data(policy_type, entity).policy_value)

    def device_settings(self):
        return settings.ChromeDeviceSettingsProto.FromString(self.data(DEVICE_POLICY).policy_value)

    # ---- everything else ----

    def status(self, device=None, session=None, request="status_upload"):
        members = {}
        if device is not None:
            members["device_status_report_request"] = device
        if session is not None:
            members["session_status_report_request"] = session
        self.request(request, **members)
        assert self.answer.status == 200, self.answer
        return self.answer.message

    def commands(self, results=(), last=None):
        r = seed.DeviceRemoteCommandRequest(command_results=list(results))
        if last is not None:
            r.last_command_unique_id = last
        self.request("remote_commands", remote_command_request=r)
        return list(self.member("remote_command_response").commands)

    def auto_enrollment(self, remainder, modulus):
        r = seed.DeviceAutoEnrollmentRequest(remainder=remainder, modulus=modulus)
        self.request("enterprise_check", "none", auto_enrollment_request=r)
        return self.member("auto_enrollment_response")

    def state(self, state_key):
        r = seed.DeviceStateRetrievalRequest(server_backed_state_key=state_key)
        self.request("device_state_retrieval", "none", device_state_retrieval_request=r)
        return self.member("device_state_retrieval_response")

    def pair(self, host, controller, oauth):
        r = seed.DevicePairingRequest(host_device_id=host, controller_device_id=controller)
        self.request("device_pairing", "none", oauth, device_pairing_request=r)
        return self.member("device_pairing_response")

    def check_pair(self, host, controller, oauth):
        r = seed.CheckDevicePairingRequest(host_device_id=host, controller_device_id=controller)
        self.request("check_device_pairing", "dm", oauth, check_device_pairing_request=r)
        return self.member("check_device_pairing_response")

    def attribute_permission(self, request="device_attribute_update_permission", **auth):
        r = seed.DeviceAttributeUpdatePermissionRequest()
        self.request(request, device_attribute_update_permission_request=r, **auth)
        return self.member("device_attribute_update_permission_response")

    def attribute_update(self, asset_id, location, request="device_attribute_update", **auth):
        r = seed.DeviceAttributeUpdateRequest(asset_id=asset_id, location=location)
        self.request(request, device_attribute_update_request=r, **auth)
        return self.member("device_attribute_update_response")

    def cert_upload(self, certificate):
        self.request("cert_upload", cert_upload_request=seed.DeviceCertUploadRequest(device_certificate=certificate))
        return self.member("cert_upload_response")

    def api_authorization(self, oauth=None):
        r = seed.DeviceServiceApiAccessRequest(auth_scope=["https://www.googleapis.com/auth/any-api"],
                                               oauth2_client_id="77185425430.apps.googleusercontent.com")
        self.request("api_authorization", oauth=oauth, service_api_access_request=r)
        return self.member("service_api_access_response")


class TokenInfo:
    """The token-info endpoint: says whose access token it is, as Google's does; 400 for a token that it does not
    know. accounts: {token: e-mail address}."""

    def __init__(self, **accounts):
        self.accounts = accounts
        self.calls = []
        self.before = lambda token: None  # may wait, may return (status, body) to answer instead
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.reply(urllib.parse.urlsplit(self.path).query)

            def do_POST(self):
                self.reply(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                           + "&" + urllib.parse.urlsplit(self.path).query)

            def reply(self, form):
                fields = dict(urllib.parse.parse_qsl(form))
                bearer = self.headers.get("Authorization", "").partition(" ")[2]
                status, body = outer.answer(fields.get("access_token") or bearer)
                text = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = "http://127.0.0.1:%d/tokeninfo" % self.server.server_address[1]

    def answer(self, token):
        self.calls.append(token)
        instead = self.before(token)
        if instead is not None:
            return instead
        email = self.accounts.get(token)
        if email is None:
            return 400, {"error": "invalid_token", "error_description": "Invalid Value"}
        return 200, {"azp": "77185425430.apps.googleusercontent.com", "aud": "77185425430.apps.googleusercontent.com",
                     "sub": "1" + str(abs(hash(email)))[:10], "user_id": "1", "scope": "openid email",
                     "exp": "4102444800", "expires_in": 3599, "email": email, "email_verified": "true",
                     "verified_email": True, "hd": email.rpartition("@")[2], "access_type": "offline"}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
