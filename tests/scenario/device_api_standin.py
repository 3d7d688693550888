# SPDX-License-Identifier: Apache-2.0
"""A device API of our own, strict about what it is asked and full of faults when told: docs/device-api.md in Python.

    api = DeviceApi(); api.start()                  http://127.0.0.1:PORT in api.url
    api.desire({"chrome.X": 1})                     a new version; rings the doorbells
    n = api.command("ping"); api.wait(lambda: api.commands[n].state == "done")
    api.fault("report", "drop-body", times=2)       the next two reports get half an answer
    api.down(); api.up()                            nobody listens; the same port again

Whatever a client does that the document does not allow is written down in api.violations. Every request is in
api.requests. api.wait() sleeps on a condition that every request and every change signals.
"""
import datetime
import hashlib
import http.server
import json
import re
import socket
import ssl
import threading
import time

BODY_MAX = 1 << 20
STATES = {"observed", "applied", "failed", "unsupported", "pending"}
KINDS = {"linux", "vm", "container", "android", "chromeos", "browser"}
ROUTES = [  # method, pattern, name
    ("POST", r"/device/v1/enroll", "enroll"),
    ("GET", r"/device/v1/desired", "desired"),
    ("GET", r"/device/v1/mqtt", "mqtt"),
    ("POST", r"/device/v1/report", "report"),
    ("GET", r"/device/v1/commands", "commands"),
    ("POST", r"/device/v1/commands/(\d+)", "result"),
    ("PUT", r"/device/v1/inventory", "inventory"),
    ("PUT", r"/device/v1/attributes", "attributes"),
    ("PUT", r"/device/v1/fcm-token", "fcm-token"),
    ("GET", r"/device/v1/files/(\d+)", "file"),
    ("GET", r"/device/v1/files/(\d+)/description", "description"),
    ("POST", r"/device/v1/unenroll", "unenroll"),
]
FAULTS = {"drop", "drop-head", "drop-body", "garbage", "not-json", "oversized", "redirect", "slow", "truncated-json", "wrong-types"}


class Violation(Exception):
    """The request is not what the document says; the text says why."""


class Answer(Exception):
    """An answer other than the ordinary one."""

    def __init__(self, status, code="error", detail="", headers=None):
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, headers or {}


class Command:
    def __init__(self, number, kind, params, expires_s):
        self.id, self.type, self.params = number, kind, params
        self.state = "queued"
        self.states = []  # as the device said them
        self.message, self.result = None, None
        self.sent_at = None
        now = datetime.datetime.now(datetime.timezone.utc)
        self.created = stamp(now)
        self.expires = stamp(now + datetime.timedelta(seconds=expires_s))

    def waits(self, resend_s):
        return self.state == "queued" or (self.state == "sent" and time.monotonic() - self.sent_at >= resend_s)

    def json(self):
        return {"id": self.id, "type": self.type, "params": self.params, "created": self.created, "expires": self.expires,
                "unknown_key": ["must", "be", "ignored"]}


def stamp(t):
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (t.microsecond // 1000)


class Request:
    def __init__(self, name, method, path, headers, body):
        self.name, self.method, self.path, self.headers, self.body = name, method, path, headers, body
        self.at = time.monotonic()
        self.status = None

    def __repr__(self):
        return "%s %s -> %s" % (self.method, self.path, self.status)


class DeviceApi:
    def __init__(self, next_poll_s=900, tls=None):
        self.next_poll_s = next_poll_s
        self.tls = tls  # (certificate file, key file)
        self.changed = threading.Condition()
        self.enrollment_tokens = {"enroll-me": None}  # token -> uses left, None: many
        self.enrollment_keys = []  # as they were sent
        self.devices = {}  # device token -> device id
        self.gone = set()  # device tokens
        self.next_device = 12
        self.version, self.settings = 1, {}
        self.commands = {}
        self.resend_s = 60
        self.reports, self.inventory, self.attributes = [], {}, {}
        self.files = {}  # id -> (description, bytes)
        self.verdict = "COMPLIANT"
        self.mqtt = None  # where the broker is, of devices that enroll on channel flyve
        self.requests, self.violations = [], []
        self.faults = []  # [name pattern, what, times, argument]
        self.held = 0  # doorbells
        self.open = set()
        self.server = None
        self.port = 0

    # ---- life ----

    def start(self):
        api = self

        class Handler(_Handler):
            pass

        Handler.api = api
        self.server = _Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self.server.context = context
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % ("https" if self.tls else "http", self.port)

    def down(self):
        """As a machine that loses its power: connections are reset, nobody listens."""
        server, self.server = self.server, None
        if not server:
            return
        server.shutdown()
        server.server_close()
        with self.changed:
            for connection in list(self.open):
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.changed.notify_all()

    def up(self):
        return self.start()

    stop = down

    # ---- the administrator ----

    def desire(self, settings, level="mandatory"):
        with self.changed:
            self.settings = {k: {"value": v, "level": level} for k, v in settings.items()}
            self.version += 1
            self.changed.notify_all()
            return self.version

    def command(self, kind, params=None, expires_s=3600):
        with self.changed:
            number = len(self.commands) + 5
            self.commands[number] = Command(number, kind, params or {}, expires_s)
            self.changed.notify_all()
            return number

    def cancel(self, number):
        with self.changed:
            self.commands[number].state = "cancelled"

    def forget(self):
        """The database is lost: every device token is unknown."""
        with self.changed:
            self.devices.clear()
            self.changed.notify_all()

    def unenroll(self):
        with self.changed:
            self.gone |= set(self.devices)
            self.changed.notify_all()

    def add_file(self, number, content, **description):
        sha = hashlib.sha256(content).hexdigest()
        self.files[number] = ({"id": number, "kind": "file", "name": "f%d" % number, "version": 1, "sha256": sha,
                               "size": len(content), "content_type": "application/octet-stream", "package": "",
                               "package_version": "", **description}, content)

    def fault(self, pattern, what, times=1, argument=None):
        """what: one of FAULTS ("redirect": argument is where to; "slow": in how many pieces, a tenth of a second each), or a
        status (argument: its headers, or "plain" for a body that is not problem+json)."""
        assert what in FAULTS or isinstance(what, int), what
        with self.changed:
            self.faults.append([pattern, what, times, argument])

    def mend(self):
        with self.changed:
            self.faults.clear()

    # ---- the observer ----

    def wait(self, condition, timeout=60, what="the condition"):
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                value = condition()
                if value:
                    return value
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError("timed out waiting for %s; requests: %s; violations: %s"
                                         % (what, self.requests[-20:], self.violations))
                self.changed.wait(left)

    def wait_report(self, version=None, after=0, timeout=60, **values):
        """The first report after the first `after` ones with that version and these values; dots in names as `__`."""
        wanted = {k.replace("__", "."): v for k, v in values.items()}

        def found():
            for r in self.reports[after:]:
                if version in (None, r["applied_version"]) and all(
                        k in r["settings"] and r["settings"][k]["value"] == v for k, v in wanted.items()):
                    return r
            return None
        return self.wait(found, timeout, "a report of version %s with %s" % (version, wanted))

    def count(self, name):
        return sum(1 for r in self.requests if r.name == name)

    # ---- answering; each returns (status, body or None, headers) ----

    def route(self, request):
        """Names the request and returns the arguments of its pattern."""
        for method, pattern, name in ROUTES:
            m = re.fullmatch(pattern, request.path.partition("?")[0])
            if m and method == request.method:
                request.name = name
                return m.groups()
        raise Violation("%s %s is not in the document" % (request.method, request.path))

    def device_of(self, request):
        token = request.headers.get("Authorization", "")
        if not token.startswith("Bearer "):
            raise Violation("%s without a bearer token" % request.path)
        token = token[len("Bearer "):]
        if token in self.gone:
            raise Answer(410, "gone", "This device is no longer managed.")
        if token not in self.devices:
            raise Answer(401, "unauthenticated", "The token is not known.")
        return self.devices[token]

    def do_enroll(self, request):
        body = body_of(request)
        for key in ("name", "serial", "model", "os_version", "agent_version"):
            need(isinstance(body.get(key), str) and len(body[key].encode()) <= 255, "%s must be a text" % key)
        need(body.get("kind", "linux") in KINDS, "kind")
        need(isinstance(body.get("token"), str), "token must be a text")
        key = body.get("enrollment_key")
        need(key is None or isinstance(key, str) and 22 <= len(key) <= 200, "enrollment_key")
        self.enrollment_keys.append(key)
        uses = self.enrollment_tokens.get(body["token"], 0)
        if uses == 0:
            raise Answer(401, "unauthenticated", "The enrollment token is wrong, expired or used up.")
        if uses is not None:
            self.enrollment_tokens[body["token"]] = uses - 1
        token = "dev-%d-%s" % (self.next_device, hashlib.sha256(str(time.monotonic()).encode()).hexdigest())
        self.devices[token] = self.next_device
        self.next_device += 1
        answer = {"device_id": self.devices[token], "device_token": token, "organization": "default", "fleet": "default",
                  "next_poll_s": self.next_poll_s}
        need(body.get("channel", "device") == ("flyve" if self.mqtt else "device"), "channel")
        return 201, {**answer, "mqtt": self.mqtt} if self.mqtt else answer, {}

    def do_mqtt(self, request):
        self.device_of(request)
        if not self.mqtt:
            raise Answer(404, "not-found", "This device has no MQTT broker here.")
        return 200, self.mqtt, {}

    def do_desired(self, request):
        self.device_of(request)
        query = request.path.partition("?")[2]
        wait_s = 0
        if query:
            m = re.fullmatch(r"wait=(\d+)", query)
            need(m and int(m.group(1)) <= 300, "query %r" % query)
            wait_s = int(m.group(1))
        have = request.headers.get("If-None-Match")
        need(have is None or re.fullmatch(r'"\d+"', have), "If-None-Match: %s" % have)
        end = time.monotonic() + wait_s
        self.held += wait_s > 0
        self.changed.notify_all()
        server = self.server
        try:
            while True:
                self.device_of(request)
                same = have == '"%d"' % self.version
                waiting = sum(c.waits(self.resend_s) for c in self.commands.values())
                if not same or waiting or time.monotonic() >= end or self.server is not server or server is None:
                    break
                self.changed.wait(min(1, max(0, end - time.monotonic())))
        finally:
            self.held -= wait_s > 0
        headers = {"ETag": '"%d"' % self.version, "Reeve-Commands": str(waiting)}
        if same:
            return 304, None, headers
        return 200, {"version": self.version, "settings": self.settings, "commands": waiting,
                     "next_poll_s": self.next_poll_s}, headers

    def do_report(self, request):
        self.device_of(request)
        body = body_of(request)
        need(isinstance(body.get("applied_version"), int) and body["applied_version"] >= 1, "applied_version")
        need(isinstance(body.get("settings"), dict), "settings must be an object")
        for name, entry in body["settings"].items():
            need(isinstance(entry, dict) and entry.get("state") in STATES, "%s: state %r" % (name, entry))
            need("value" in entry, "%s has no value" % name)
            need(isinstance(entry.get("message", ""), str), "%s: message" % name)
            need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.get("at", "")), "%s: at %r" % (name, entry.get("at")))
        self.reports.append(body)
        return 200, {"verdict": self.verdict, "version": self.version, "next_poll_s": self.next_poll_s}, {}

    def do_commands(self, request):
        self.device_of(request)
        due = [c for c in self.commands.values() if c.waits(self.resend_s)]
        for c in due:
            c.state, c.sent_at = "sent", time.monotonic()
        return 200, {"commands": [c.json() for c in due], "next_poll_s": self.next_poll_s}, {}

    def do_result(self, request, number):
        self.device_of(request)
        body = body_of(request)
        c = self.commands.get(int(number))
        if not c:
            raise Answer(404, "not-found", "No such command.")
        need(body.get("state") in ("acknowledged", "done", "failed"), "state %r" % body.get("state"))
        need(isinstance(body.get("message", ""), str) and len(body.get("message", "").encode()) <= 1000, "message")
        need(isinstance(body.get("result", {}), dict), "result must be an object")
        if c.state == body["state"] and c.state in ("done", "failed"):
            return 200, {"state": c.state}, {}
        if c.state not in ("sent", "acknowledged"):
            raise Answer(409, "conflict", "The command is %s." % c.state)
        c.state = body["state"]
        c.states.append(c.state)
        c.message, c.result = body.get("message"), body.get("result")
        return 200, {"state": c.state}, {}

    def do_inventory(self, request):
        self.device_of(request)
        body = body_of(request)
        for name, section in body.items():
            need(name and isinstance(section, (dict, list)), "section %r" % name)
        self.inventory.update(body)
        return 204, None, {}

    def do_attributes(self, request):
        self.device_of(request)
        self.attributes.update(body_of(request))
        return 204, None, {}

    def do_fcm_token(self, request):
        self.device_of(request)
        body_of(request)
        return 204, None, {}

    def do_description(self, request, number):
        self.device_of(request)
        if int(number) not in self.files:
            raise Answer(404, "not-found", "No setting in force for this device names the file.")
        return 200, self.files[int(number)][0], {}

    def do_file(self, request, number):
        self.device_of(request)
        if int(number) not in self.files:
            raise Answer(404, "not-found", "No setting in force for this device names the file.")
        description, content = self.files[int(number)]
        headers = {"ETag": '"%s"' % description["sha256"], "Accept-Ranges": "bytes"}
        m = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if m and request.headers.get("If-Range") == headers["ETag"] and int(m.group(1)) < len(content):
            start = int(m.group(1))
            headers["Content-Range"] = "bytes %d-%d/%d" % (start, len(content) - 1, len(content))
            return 206, content[start:], headers
        return 200, content, headers

    def do_unenroll(self, request):
        self.device_of(request)
        need(not request.body, "unenroll has no body")
        self.gone.add(request.headers["Authorization"][len("Bearer "):])
        return 204, None, {}


def need(condition, why):
    if not condition:
        raise Violation(why)


def body_of(request):
    need(request.headers.get("Content-Type") == "application/json", "Content-Type: %s" % request.headers.get("Content-Type"))
    need(len(request.body) <= BODY_MAX, "a body of %d bytes" % len(request.body))
    try:
        body = json.loads(request.body.decode("utf-8"))
    except ValueError as e:
        raise Violation("the body is not JSON: %s" % e)
    need(isinstance(body, dict), "the body is not an object")
    return body


class _Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    context = None
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # a client that goes away is nothing to talk about

    def finish_request(self, request, client_address):
        if self.context:
            request.settimeout(10)
            request = self.context.wrap_socket(request, server_side=True)
            request.settimeout(None)
        super().finish_request(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api = None

    def log_message(self, *args):
        pass

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.api.open.add(self.connection)

    def finish(self):
        self.api.open.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def do(self):
        api = self.api
        n = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(n)
        request = Request("?", self.command, self.path, self.headers, body)
        with api.changed:
            api.requests.append(request)
            status, answer, headers, fault = self.answer(request)
            request.status = status
            api.changed.notify_all()
        headers.setdefault("Reeve-Next-Poll", str(api.next_poll_s))
        self.send(status, answer, headers, fault)

    do_GET = do_POST = do_PUT = do

    def answer(self, request):
        """Status, body, headers, and the fault that is still to be made of them. A fault that is a status happens instead
        of what was asked for; the others lose or garble an answer to something that did happen."""
        try:
            arguments = self.api.route(request)
            fault = self.pick_fault(request)
            if fault and isinstance(fault[1], int):
                status, answer, headers = self.problem(fault[1], "fault", "A fault.", fault[3] if isinstance(fault[3], dict) else {})
                if fault[3] == "plain":
                    answer, headers = b"<html>no</html>", {"Content-Type": "text/html"}
                return status, answer, headers, None
            return *getattr(self.api, "do_" + request.name.replace("-", "_"))(request, *arguments), fault
        except Violation as v:
            self.api.violations.append("%s %s: %s" % (request.method, request.path, v))
            return *self.problem(400, "invalid", str(v), {}), None
        except Answer as a:
            return *self.problem(a.status, a.code, a.detail, a.headers), None

    def problem(self, status, code, detail, headers):
        return status, {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code}, {
            "Content-Type": "application/problem+json", **headers}

    def pick_fault(self, request):
        for fault in self.api.faults:
            if fault[2] > 0 and re.fullmatch(fault[0], request.name):
                fault[2] -= 1
                return fault
        return None

    def send(self, status, answer, headers, fault):
        what = fault[1] if fault else None
        if isinstance(answer, (dict, list)):
            headers.setdefault("Content-Type", "application/json")
            answer = json.dumps(answer).encode()
        if what == "garbage":
            answer = b"\x00\xff\xfe{]" * 10
        elif what == "not-json":
            answer = b"<html>It works!</html>"
        elif what == "truncated-json":
            answer = (answer or b"{}")[:-1]
        elif what == "wrong-types":
            answer = json.dumps({"device_id": "12", "device_token": 7, "version": "one", "settings": [], "commands": {},
                                 "verdict": 3}).encode()
        elif what == "oversized":
            answer = json.dumps({"verdict": "COMPLIANT", "version": 1, "settings": {}, "commands": [], "x": "y" * (2 << 20)}).encode()
        if what == "redirect":
            status, answer, headers = 302, b"", {"Location": fault[3]}
        elif what and status == 204 or what in ("garbage", "not-json", "oversized") and status == 304:
            status = 200
        if what == "drop":
            return self.cut()
        self.send_response_only(status)
        self.send_header("Date", self.date_time_string())
        for name, value in headers.items():
            self.send_header(name, value)
        if what == "drop-head":
            self.flush_headers()
            return self.cut()
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(answer or b"")))
        self.end_headers()
        if status in (204, 304) or not answer:
            return None
        if what == "drop-body":
            self.wfile.write(answer[:len(answer) // 2])
            return self.cut()
        if what == "slow":
            step = max(1, len(answer) // (fault[3] or 10))
            for i in range(0, len(answer), step):
                self.wfile.write(answer[i:i + step])
                self.wfile.flush()
                time.sleep(0.1)  # the fault itself
            return None
        self.wfile.write(answer)
        return None

    def cut(self):
        try:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.close_connection = True
