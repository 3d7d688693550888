# SPDX-License-Identifier: Apache-2.0
"""`reeve` against an admin API of the tests: what it must send, and what it is answered."""
import http.server
import json
import subprocess
import threading
import urllib.parse

import pytest

from conftest import binary, clean_env

TOKEN = "t0ken_of-the-test"


class Exchange:
    """One request that must come, and its answer. Query and body must be equal, not merely contain it."""

    def __init__(self, method, path, query=None, body=None, raw=None, status=200, answer=None, headers=None,
                 content=None, content_type=None):
        self.method, self.path, self.query = method, path, query or {}
        self.body, self.raw, self.headers = body, raw, headers or {}
        self.status, self.content, self.content_type = status, content, content_type
        if content is None and answer is not None:
            self.content = json.dumps(answer).encode()
            self.content_type = content_type or ("application/json" if status < 400 else "application/problem+json")

    def check(self, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        query = urllib.parse.parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query))
        assert (handler.command, url.path) == (self.method, self.path)
        assert dict(query) == self.query and len(query) == len(self.query)
        assert handler.headers.get_all("Authorization") == ["Bearer " + TOKEN]
        assert handler.headers["User-Agent"].startswith("reeve/")
        assert handler.headers["Accept"]
        for name, value in self.headers.items():
            assert handler.headers[name] == value, name
        if self.raw is not None:
            assert handler.headers["Content-Type"] == "application/octet-stream"
            assert body == self.raw
        elif self.body is not None:
            assert handler.headers["Content-Type"] == "application/json"
            assert json.loads(body) == self.body
        else:
            assert body == b""


class StandIn(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.exchanges, self.done, self.failures, self.connections = [], 0, [], 0

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.server_address[1]

    def get_request(self):
        self.connections += 1
        return super().get_request()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server = self.server
        try:
            assert server.done < len(server.exchanges), "one request too many: %s %s" % (self.command, self.path)
            exchange = server.exchanges[server.done]
            server.done += 1
            exchange.check(self, body)
        except AssertionError as e:
            server.failures.append(e)
            self.answer(599, b"", None)
            return
        self.answer(exchange.status, exchange.content, exchange.content_type)

    def answer(self, status, content, content_type):
        self.send_response(status)
        if content_type:
            self.send_header("Content-Type", content_type)
        if content_type == "text/event-stream":  # as long as it lasts
            self.send_header("Connection", "close")
        elif status != 204:
            self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")
        if content_type == "text/event-stream":
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any


@pytest.fixture
def stand_in():
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    return str(path)


@pytest.fixture
def reeve(stand_in, token_file, tmp_path):
    """reeve(*words, exchanges, code=0, **run) -> the finished process, after everything was asked as expected."""

    def run(*words, exchanges=(), code=0, stdin="", env=None):
        stand_in.exchanges, stand_in.done, stand_in.failures = list(exchanges), 0, []
        done = subprocess.run(
            [binary("reeve"), *words], input=stdin, capture_output=True, text=True, timeout=60, cwd=tmp_path,
            start_new_session=True,  # no terminal, wherever the tests run
            env=clean_env(REEVE_SERVER=stand_in.url, REEVE_TOKEN_FILE=token_file, HOME=str(tmp_path), **(env or {})))
        assert not stand_in.failures, "%s\n%s" % (stand_in.failures[0], done.stderr)
        assert stand_in.done == len(stand_in.exchanges), done.stderr
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    return run


def items(*rows, **more):
    return dict({"items": list(rows)}, **more)


def page(**query):
    return dict({"limit": "1000"}, **query)


DEVICE = {
    "id": 12, "name": "host7", "kind": "linux", "channel": "device", "fleet": "Sales", "fleet_id": 3,
    "fleet_path": "default/Sales", "serial": "SN1", "external_id": "a1", "verdict": "STALE", "version": 7,
    "applied_version": 5, "last_seen": None, "enrolled": "2026-11-20T14:03:06.000Z", "managed": True, "model": "",
    "os_version": "Debian 12", "agent_version": "0.1.0", "parent": None, "revision": 9}
FLEET = {"id": 3, "name": "Sales", "path": "default/Sales", "parent": 1, "devices": 2,
         "created": "2026-11-20T14:03:06.000Z", "revision": 1}
ORG = {"id": 1, "name": "default", "domain": "", "config": {"poll.interval": "15m"},
       "created": "2026-11-20T14:03:06.000Z", "revision": 1}
COMMAND = {"id": 9, "device": 12, "device_name": "host7", "type": "ping", "params": {}, "state": "queued",
           "message": "", "result": None, "actor": "token:admin", "created": "2026-11-25T14:03:06.000Z",
           "expires": "2026-11-25T14:13:06.000Z", "sent": None, "acknowledged": None, "finished": None}
COMMAND_TYPE = {"name": "reset_password", "kinds": ["android"], "channels": ["flyve"], "destructive": True,
                "params": [{"name": "password", "type": "secret", "required": True}], "expires_s": 86400,
                "doc": "Set a new password"}
EVENT = {"id": 5, "at": "2026-11-25T14:03:06.000Z", "type": "setting.set", "actor": "token:admin",
         "organization": "default", "fleet": 1, "device": None, "object": "camera.disabled", "before": None,
         "after": {"value": True}}
FILE = {"id": 4, "kind": "file", "name": "motd", "version": 1, "sha256": "00", "size": 5,
        "content_type": "text/plain", "package": None, "package_version": None,
        "created": "2026-11-25T14:03:06.000Z", "actor": "token:admin"}
KEY = {"id": 1, "organization": None, "purpose": "verification", "version": 2, "public_pem": "-----PUBLIC-----\n",
       "created": "2026-11-25T14:03:06.000Z", "retired": None}
ADMIN = {"id": 2, "name": "ada", "scopes": ["*"], "organization": None, "created": "2026-11-25T14:03:06.000Z",
         "disabled": False, "last_login": None}
API_TOKEN = {"id": 6, "name": "ci", "scopes": ["read"], "organization": None, "created": "2026-11-25T14:03:06.000Z",
             "expires": None, "revoked": None, "last_used": None, "actor": "token:admin"}
ENROLLMENT = {"id": 8, "kind": "agent", "fleet": "default", "fleet_id": 1, "hint": "abcd", "email": "", "uses": 0,
              "uses_max": 1, "created": "2026-11-25T14:03:06.000Z", "expires": None, "revoked": None,
              "actor": "token:admin"}
SETTING = {"name": "camera.disabled", "type": "bool", "min": None, "max": None, "choices": [], "default": False,
           "rule": "equal", "channels": ["device", "mdmcore"], "provider": "camera", "chrome": None, "flyve": None,
           "mdmcore": "cameraDisabled", "doc": "No camera works"}
OVERVIEW = {"devices": {"total": 3, "by_verdict": {"COMPLIANT": 2, "STALE": 1}, "by_kind": {"linux": 3},
                        "by_channel": {"device": 3}},
            "commands_open": 1, "version": "0.1.0", "started": "2026-11-25T14:03:06.000Z"}
PLAN = {"changes": [
    {"op": "add", "kind": "fleet", "fleet": "default/Lab", "device": None, "name": None, "before": None, "after": None},
    {"op": "change", "kind": "setting", "fleet": "default", "device": None, "name": "camera.disabled",
     "before": False, "after": True},
    {"op": "delete", "kind": "setting", "fleet": None, "device": 12, "name": "wifi.disabled", "before": True,
     "after": None}], "add": 1, "change": 1, "delete": 1}
NOTHING = {"changes": [], "add": 0, "change": 0, "delete": 0}

API = "/api/v1"
E = Exchange


def get(path, answer, **query):
    return E("GET", API + path, query, answer=answer)


def listed(path, *rows, **query):
    return E("GET", API + path, page(**query), answer=items(*rows))


# command line, requests, what stdout has as a table (None: not looked at), what -o json has
