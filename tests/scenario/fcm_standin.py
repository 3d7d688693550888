#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A strict stand-in for Google: the OAuth token endpoint and FCM HTTP v1, on a free loopback port.

It checks what Google checks (the assertion's signature, issuer, scope, audience and times; the bearer
token; the shape of the message) and what we promise on top (data only, collapse key, short life).
Whatever is wrong is refused and also noted under "violations", which a test expects to be empty.

In Python:    with FcmStandin() as fcm: … fcm.credentials_file, fcm.endpoint, fcm.stats(), fcm.control(…)
As a program: fcm_standin.py DIR    writes DIR/service-account.json, prints "fcm_standin: ready URL" and
              serves until its standard input is closed. GET /stats and POST /control do the same as above.

Device tokens that begin with these words are answered specially; all others are rung:
    gone  404 UNREGISTERED      malformed  400 about the token      mismatch  403 SENDER_ID_MISMATCH
    shape 400 about the message nowhere    404 of a web server      huge      200 and a megabyte

control: {"next": [{"status": 429, "retry_after": 2}, …]}  the next messages are answered so, in turn
         {"next_token": [{"status": 500}, …]}              the same for the token endpoint
         {"token_life_s": 90}      how long access tokens last from now on
         {"now_offset_s": 3600}    what the stand-in takes for now
         {"revoke": true}          no access token given so far is good any more
         {"refuse_all": true}      no access token is good, ever
         {"forget": true}          counters to zero
"""
import base64
import json
import pathlib
import secrets
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
STATUS_WORDS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED",
                404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}


class Refusal(Exception):
    """An answer other than 200; 'violation': we ought not to have been asked."""

    def __init__(self, status, body, violation=None):
        super().__init__(violation or status)
        self.status, self.body, self.violation = status, body, violation


def fcm_error(status, message, code=None, field=None):
    details = []
    if code:
        details.append({"@type": FCM_ERROR, "errorCode": code})
    if field:
        details.append({"@type": BAD_REQUEST,
                        "fieldViolations": [{"field": field, "description": message}]})
    error = {"code": status, "message": message, "status": STATUS_WORDS.get(status, "UNKNOWN")}
    return {"error": {**error, **({"details": details} if details else {})}}


def base64url(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


SPECIAL_TOKENS = {
    "gone": (404, fcm_error(404, "Requested entity was not found.", "UNREGISTERED")),
    "malformed": (400, fcm_error(400, "The registration token is not a valid FCM registration token",
                                 "INVALID_ARGUMENT", "message.token")),
    "mismatch": (403, fcm_error(403, "SenderId mismatch", "SENDER_ID_MISMATCH")),
    "shape": (400, fcm_error(400, "Invalid value at 'message.android'", "INVALID_ARGUMENT",
                             "message.android")),
    "nowhere": (404, "<html>not here</html>"),
    "huge": (200, {"name": "x" * 1000000}),
}


class FcmStandin:
    def __init__(self, folder=None, project="reeve-test-1"):
        self.project = project
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_id = secrets.token_hex(20)
        self.client_email = f"ringer@{project}.iam.gserviceaccount.com"
        self.lock = threading.Lock()
        self.access_tokens = {}  # token -> when it expires
        self.next, self.next_token = [], []
        self.token_life_s, self.now_offset_s, self.refuse_all = 3600, 0, False
        self.counts = self.fresh_counts()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(self))
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.token_uri = self.endpoint + "/token"
        self.own_folder = tempfile.TemporaryDirectory() if folder is None else None
        self.folder = pathlib.Path(folder or self.own_folder.name)
        self.credentials_file = self.write_credentials()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        if self.own_folder:
            self.own_folder.cleanup()

    def write_credentials(self):
        pem = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                     serialization.NoEncryption()).decode()
        path = self.folder / "service-account.json"
        path.write_text(json.dumps({
            "type": "service_account", "project_id": self.project, "private_key_id": self.key_id,
            "private_key": pem, "client_email": self.client_email, "client_id": "1",
            "token_uri": self.token_uri}))
        path.chmod(0o600)
        return path

    @staticmethod
    def fresh_counts():
        return {"sends": 0, "token_requests": 0, "connections": 0, "rung": [], "violations": []}

    def now(self):
        return time.time() + self.now_offset_s

    def stats(self):
        with self.lock:
            return json.loads(json.dumps(self.counts))

    def control(self, wish):
        with self.lock:
            for key in ("next", "next_token", "token_life_s", "now_offset_s", "refuse_all"):
                if key in wish:
                    setattr(self, key, wish[key])
            if wish.get("revoke"):
                self.access_tokens.clear()
            if wish.get("forget"):
                self.counts = self.fresh_counts()

    # ---- OAuth ----

    def check_assertion(self, assertion):
        try:
            head, body, signature = assertion.split(".")
            header, claims = json.loads(base64url(head)), json.loads(base64url(body))
            self.key.public_key().verify(base64url(signature), f"{head}.{body}".encode(),
                                         padding.PKCS1v15(), hashes.SHA256())
        except (ValueError, InvalidSignature) as e:
            return f"assertion: {type(e).__name__} {e}"
        if header != {"alg": "RS256", "typ": "JWT", "kid": self.key_id}:
            return f"header {header}"
        if set(claims) != {"iss", "scope", "aud", "iat", "exp"}:
            return f"claims {sorted(claims)}"
        if (claims["iss"], claims["scope"], claims["aud"]) != (self.client_email, SCOPE,
                                                               self.token_uri):
            return f"iss, scope or aud {claims}"
        if not isinstance(claims["iat"], int) or not isinstance(claims["exp"], int):
            return "times are not integers"
        if abs(claims["iat"] - self.now()) > 60 or not 0 < claims["exp"] - claims["iat"] <= 3600:
            return f"times {claims}"
        return None

    def token(self, headers, body):
        self.counts["token_requests"] += 1
        if self.next_token:
            planned = self.next_token.pop(0)
            raise Refusal(planned["status"], {"error": planned.get("error", "internal_failure")})
        form = parse_qs(body.decode())
        if headers.get_content_type() != "application/x-www-form-urlencoded" or set(form) != {
                "grant_type", "assertion"} or form["grant_type"] != [GRANT]:
            raise Refusal(400, {"error": "invalid_request"}, f"token request {sorted(form)}")
        wrong = self.check_assertion(form["assertion"][0])
        if wrong:
            raise Refusal(400, {"error": "invalid_grant", "error_description": wrong}, wrong)
        token = "ya29." + secrets.token_urlsafe(60)
        self.access_tokens[token] = self.now() + self.token_life_s
        return {"access_token": token, "expires_in": self.token_life_s, "token_type": "Bearer"}

    # ---- FCM ----

    def check_message(self, headers, body):
        try:
            message = json.loads(body)["message"]
            token = message["token"]
            data, android = message["data"], message["android"]
            ttl = android["ttl"]
        except (ValueError, KeyError, TypeError) as e:
            return f"message: {e!r}", None
        if headers.get_content_type() != "application/json":
            return "content type", token
        if set(message) != {"token", "data", "android"} or data != {"type": "policy_changed"}:
            return f"message {message}", token
        if set(android) != {"collapse_key", "priority", "ttl"} or android["priority"] != "high" or \
                android["collapse_key"] != "policy_changed":
            return f"android {android}", token
        if not ttl.endswith("s") or not 0 < float(ttl[:-1]) <= 3600:
            return f"ttl {ttl}", token
        return None, token

    def send(self, headers, body):
        self.counts["sends"] += 1
        if self.next:
            planned = self.next.pop(0)
            raise Refusal(planned["status"], fcm_error(planned["status"], "planned"))
        scheme, _, bearer = headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            raise Refusal(401, fcm_error(401, "no bearer token"), "no bearer token")
        if self.refuse_all or self.access_tokens.get(bearer, 0) < self.now():
            raise Refusal(401, fcm_error(401, "the bearer token is not good"))
        wrong, token = self.check_message(headers, body)
        if wrong:
            raise Refusal(400, fcm_error(400, wrong, "INVALID_ARGUMENT"), wrong)
        for prefix, (status, answer) in SPECIAL_TOKENS.items():
            if token.startswith(prefix):
                raise Refusal(status, answer)
        self.counts["rung"].append(token)
        return {"name": f"projects/{self.project}/messages/{len(self.counts['rung'])}"}

    def answer(self, path, headers, body):
        """Status, headers, body of the answer."""
        routes = {"/token": self.token, f"/v1/projects/{self.project}/messages:send": self.send}
        retry = self.next[0].get("retry_after") if path in routes and self.next and \
            path != "/token" else None
        extra = {} if retry is None else {"Retry-After": str(retry)}
        try:
            if path not in routes:
                raise Refusal(404, "<html>no such page</html>", f"POST {path}")
            return 200, extra, routes[path](headers, body)
        except Refusal as refusal:
            if refusal.violation:
                self.counts["violations"].append(refusal.violation)
            return refusal.status, extra, refusal.body


def handler_for(standin):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self):
            super().setup()
            with standin.lock:
                standin.counts["connections"] += 1

        def reply(self, status, extra, body):
            text = body if isinstance(body, str) else json.dumps(body)
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.send_header("Content-Type",
                             "text/html" if isinstance(body, str) else "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def do_GET(self):
            self.reply(200, {}, standin.stats() if self.path == "/stats" else {})

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/control":
                standin.control(json.loads(body))
                self.reply(200, {}, {})
                return
            with standin.lock:
                status, extra, answer = standin.answer(self.path, self.headers, body)
            self.reply(status, extra, answer)

        def handle(self):
            try:
                super().handle()
            except ConnectionError:
                pass  # the client has gone: its right

        def log_message(self, *_):
            pass

    return Handler


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: fcm_standin.py DIR")
    with FcmStandin(sys.argv[1]) as standin:
        print(f"fcm_standin: ready {standin.endpoint}", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
