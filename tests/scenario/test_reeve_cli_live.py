# SPDX-License-Identifier: Apache-2.0
"""`reeve` at a terminal, following events, and against the real server."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pytest

from cli_stand_in import (  # noqa: F401 (fixtures)
    ADMIN, API, DEVICE, E, ENROLLMENT, EVENT,
    items, listed, reeve, stand_in, token_file)
from conftest import binary, clean_env

# ---- terminals ----

class Terminal:
    """The program on a pseudo-terminal of its own."""

    def __init__(self, words, env, cwd, columns=100):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve(binary("reeve"), ["reeve", *words], env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.text = ""

    def read_until(self, words, timeout=30):
        while words not in self.text:
            ready, _, _ = select.select([self.fd], [], [], timeout)
            assert ready, self.text
            try:
                self.text += os.read(self.fd, 4096).decode()
            except OSError:
                break
        assert words in self.text, self.text

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        try:
            while True:
                data = os.read(self.fd, 4096)
                if not data:
                    break
                self.text += data.decode()
        except OSError:  # how a pseudo-terminal says that it is over
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def terminal(stand_in, token_file, tmp_path):
    def run(*words, exchanges=(), **env):
        stand_in.exchanges, stand_in.done = list(exchanges), 0
        env = dict(clean_env(REEVE_SERVER=stand_in.url, REEVE_TOKEN_FILE=token_file, TERM="xterm"), **env)
        return Terminal(words, env, tmp_path)
    return run


def test_restore_asks(terminal, stand_in, tmp_path):
    (tmp_path / "b.tar").write_bytes(b"backup")
    t = terminal("restore", "b.tar")
    t.read_until('Type "yes" to go on: ')
    t.type("no\n")
    assert t.end() == 1 and "nothing was changed" in t.text
    t = terminal("restore", "b.tar", exchanges=[E("POST", API + "/restore", raw=b"backup", answer={})])
    t.read_until("go on: ")
    t.type("yes\n")
    assert t.end() == 0 and not stand_in.failures and stand_in.done == 1


def test_a_command_to_many_asks(terminal, stand_in):
    words = ("command", "send", "--filter", "kind=linux", "reboot")
    count = E("GET", API + "/devices/count", {"filter": "kind=linux"}, answer={"count": 41})
    send = E("POST", API + "/commands", body={"filter": "kind=linux", "type": "reboot", "params": {}}, status=201,
             answer={"items": [], "refused": []})
    t = terminal(*words, exchanges=[count])
    t.read_until('Send reboot to 41 devices?')
    t.type("y\n")
    assert t.end() == 1 and "nothing was sent" in t.text and not stand_in.failures
    t = terminal(*words, exchanges=[count, send])
    t.read_until("go on: ")
    t.type("yes\n")
    assert t.end() == 0 and not stand_in.failures and stand_in.done == 2, t.text
    t = terminal(*words, "--yes", exchanges=[send])
    assert t.end() == 0 and not stand_in.failures and stand_in.done == 1, t.text


def test_password_is_not_echoed(terminal, stand_in):
    post = E("POST", API + "/administrators", body={"name": "ada", "scopes": ["*"], "password": "hünter2"}, status=201,
             answer=ADMIN)
    t = terminal("admin", "create", "ada", "--scope", "*", exchanges=[post])
    t.read_until("Password: ")
    t.type("hünter2\n")
    t.read_until("Again: ")
    t.type("hünter2\n")
    assert t.end() == 0, t.text
    assert "hünter2" not in t.text and not stand_in.failures and stand_in.done == 1
    t = terminal("admin", "create", "ada", "--scope", "*")
    t.read_until("Password: ")
    t.type("one\n")
    t.read_until("Again: ")
    t.type("two\n")
    assert t.end() == 2 and "differ" in t.text
    t = terminal("admin", "create", "ada", "--scope", "*")
    t.read_until("Password: ")
    t.type("se\x03")  # Ctrl-C: ends, and leaves the terminal as it was
    assert t.end() == 2 and "no password was given" in t.text


def test_colours_on_a_terminal_only(terminal, reeve):
    lists = [listed("/devices", DEVICE)]
    t = terminal("device", "list", exchanges=lists)
    assert t.end() == 0 and "\x1b[33mSTALE\x1b[0m" in t.text
    t = terminal("device", "list", exchanges=lists, NO_COLOR="1")
    assert t.end() == 0 and "\x1b" not in t.text
    assert "\x1b" not in reeve("device", "list", exchanges=lists).stdout


def test_enrollment_token_hint_stays_off_stdout(terminal):
    t = terminal("enrollment-token", "create", exchanges=[
        E("POST", API + "/enrollment-tokens", body={}, status=201, answer=dict(ENROLLMENT, token="secret"))])
    assert t.end() == 0 and t.text.startswith("secret\r\n") and "only time" in t.text


# ---- events as they happen ----

def event_stream(*events):
    text = ": ping\n\n" + "".join(
        "id: %d\ndata: %s\n\n" % (e["id"], json.dumps(e)) for e in events)
    return text.encode()


def test_follow(stand_in, token_file, tmp_path):
    stand_in.exchanges = [
        E("GET", API + "/events", {"newest": "true", "limit": "1"}, answer=items(EVENT, last=5)),
        E("GET", API + "/events/stream", {"since": "5"}, content_type="text/event-stream",
          content=event_stream(dict(EVENT, id=6), dict(EVENT, id=7))),
        # the connection ends; it is taken up again behind the last event
        E("GET", API + "/events/stream", {"since": "7"}, content_type="text/event-stream",
          content=event_stream(dict(EVENT, id=8)))]
    process = subprocess.Popen([binary("reeve"), "event", "list", "--follow", "-o", "json"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True,
                               env=clean_env(REEVE_SERVER=stand_in.url, REEVE_TOKEN_FILE=token_file))
    got = [json.loads(process.stdout.readline())["id"] for _ in range(3)]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert got == [6, 7, 8]
    assert all("one request too many" in str(f) for f in stand_in.failures)  # it would have gone on


def test_follow_is_refused(reeve):
    done = reeve("event", "list", "--follow", "--since", "3", code=4, exchanges=[
        E("GET", API + "/events/stream", {"since": "3"}, status=403, answer={"detail": "not you", "code": "forbidden"})])
    assert done.stderr == "reeve: not you\n"


# ---- against the real server ----

def test_operations_exist(reeved, reeve):
    """Whatever the tables say of operations and scopes is what the server's route table says."""
    paths = reeved.session().get("/api/v1/openapi.json").json()["paths"]
    routes = {(method.upper(), path): operation for path, methods in paths.items() for method, operation in methods.items()}
    nouns = re.findall(r"^  ([a-z-]+)  ", reeve("--help").stdout.split("Nouns:")[1].split("Options")[0], re.M)
    assert len(nouns) > 15
    n = 0
    for noun in nouns:
        text = reeve(noun, "--help").stdout
        verbs = re.findall(r"^  ([a-z]+) ", text.split("Verbs:")[1].split("Examples")[0], re.M) if "Verbs:" in text else [None]
        for verb in verbs:
            text = reeve(noun, *([verb] if verb else []), "--help").stdout
            stated = re.search(r"^Admin API: (\S+) (\S+), needs the scope (\S+)$", text, re.M)
            if not stated:
                assert noun in ("completion", "help")
                continue
            method, path, scope = stated.groups()
            assert routes[method, API + path]["x-scope"] == scope, (noun, verb)
            n += 1
    assert n > 50


def test_tour_of_the_real_server(reeved, tmp_path):
    """Every noun once, with real answers: nothing of the stand-in's is an invention."""
    reeved.settle()
    device = reeved.device(name="tour")

    def run(*words, code=0, stdin=""):
        done = subprocess.run(
            [binary("reeve"), *words], input=stdin, capture_output=True, text=True, timeout=60, cwd=tmp_path,
            start_new_session=True,
            env=clean_env(REEVE_SERVER=reeved.url, REEVE_TOKEN_FILE=str(reeved.data / "admin.token")))
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout

    def value(*words, **kw):
        return json.loads(run("-o", "json", *words, **kw))

    number = str(device.device["device_id"])
    listed_device = value("device", "list")[0]
    assert {"id", "name", "kind", "channel", "fleet", "serial", "external_id", "verdict", "version",
            "last_seen"} <= set(listed_device)
    assert value("device", "count") == {"count": 1}
    assert value("fleet", "create", "Sales")["path"] == "default/Sales"
    run("fleet", "create", "North", "--parent", "Sales")
    run("fleet", "rename", "North", "East")
    run("fleet", "move", "East", "default")
    assert [f["path"] for f in value("fleet", "list")] == ["default", "default/East", "default/Sales"]
    assert "moved" in run("device", "move", number, "Sales").lower()
    run("device", "rename", number, "tourist")
    assert "tourist" in run("device", "show", number)
    run("setting", "set", "--fleet", "Sales", "camera.disabled", "true")
    run("setting", "set", "--device", number, "wifi.disabled", "true", "--level", "recommended")
    run("setting", "set", "--device", number, "wifi.disabled", "perhaps", code=2)
    assert {s["name"] for s in value("setting", "effective", number)} == {"camera.disabled", "wifi.disabled"}
    assert value("setting", "list", "--device", number)[0]["level"] == "recommended"
    assert len(value("setting", "list", "chrome.*")) > 500
    assert value("setting", "show", "camera.disabled")["name"] == "camera.disabled"
    run("setting", "unset", "--device", number, "wifi.disabled")
    command = value("command", "send", number, "ping", "--expires", "1h")
    assert value("command", "show", str(command["id"]))["state"] == "queued"
    assert value("command", "cancel", str(command["id"]))["state"] == "cancelled"
    run("command", "cancel", str(command["id"]), code=5)
    assert value("command", "send", "--filter", "kind=linux", "ping")["items"]
    assert len(value("command", "list", number)) == 2

    (tmp_path / "state.yaml").write_text(run("export"))
    run("plan", "state.yaml")
    assert "Nothing to do" in run("apply", "state.yaml")
    run("plan", "-", stdin="organization: default\nfleets:\n- path: default/New\n", code=2)
    run("apply", "-", stdin="organization: default\nfleets:\n- path: default/New\n")
    run("fleet", "delete", "New")
    run("plan", "-", stdin="organization: default\nfleets: 7\n", code=1)

    (tmp_path / "motd").write_text("hello")
    assert value("file", "upload", "motd", "--content-type", "text/plain")["size"] == 5
    assert value("file", "list")[0]["name"] == "motd"
    run("file", "delete", "motd")
    run("file", "delete", "motd", code=3)
    assert value("enrollment-token", "create", "--uses", "2", "--expires", "1h")["token"]
    run("enrollment-token", "revoke", str(value("enrollment-token", "list")[0]["id"]))
    (tmp_path / "ci").write_text(run("api-token", "create", "ci", "--scope", "read"))
    run("--token-file", "ci", "device", "list")
    run("--token-file", "ci", "device", "delete", number, code=4)
    run("api-token", "revoke", "ci")
    run("--token-file", "ci", "device", "list", code=4)
    run("admin", "create", "ada", "--scope", "read", "--password-file", "-", stdin="correct horse battery\n")
    run("admin", "password", "ada", "--password-file", "-", stdin="another horse battery\n")
    run("admin", "disable", "ada")
    run("admin", "enable", "ada")
    run("admin", "scopes", "ada", "--scope", "*")
    run("admin", "delete", "ada")
    run("org", "create", "acme", "--domain", "acme.example")
    run("org", "create", "acme", code=5)
    assert value("--org", "acme", "device", "list") == [] and len(value("org", "list")) == 2
    run("org", "set", "--org", "acme", "domain", "acme2.example")
    assert value("org", "show", "acme")["domain"] == "acme2.example"
    run("--org", "nobody", "device", "list", code=3)
    assert "BEGIN PUBLIC KEY" in run("key", "show", "verification")
    (tmp_path / "v.pem").write_text(run("key", "show", "verification", "--private"))
    run("key", "import", "verification", "v.pem")
    before = len(value("key", "list"))
    run("key", "rotate")
    assert len(value("key", "list")) == before + 1
    events = value("event", "list")
    assert [e["id"] for e in events] == sorted(e["id"] for e in events) and len(events) > 20
    assert value("event", "list", "--limit", "2") == events[-2:]
    assert value("event", "list", "--since", str(events[3]["id"]), "--limit", "2") == events[4:6]
    assert value("overview")["devices"]["total"] == 1
    run("backup", "b.tar")
    run("device", "unenroll", number)
    run("device", "delete", number)
    run("device", "show", number, code=3)
    run("restore", "b.tar", "--yes")
    assert value("device", "show", number)["name"] == "tourist"
    assert value("check") == {"findings": []}
