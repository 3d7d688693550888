# SPDX-License-Identifier: Apache-2.0
"""Long lists, errors, usage, help and completion of `reeve`."""
import json
import re
import socket
import subprocess

import pytest
import yaml

from cli_stand_in import (  # noqa: F401 (fixtures)
    API, DEVICE, E, FLEET, get, Handler,
    items, listed, page, reeve, stand_in, TOKEN, token_file)
from conftest import binary, clean_env
from test_http_tls import make_certificate

# ---- lists ----

def test_pages_are_followed_on_one_connection(reeve, stand_in):
    rows = [dict(DEVICE, id=i) for i in range(5)]
    pages = [E("GET", API + "/devices", page(), answer=items(*rows[:2], next="c 1")),
             E("GET", API + "/devices", page(cursor="c 1"), answer=items(*rows[2:4], next="c2")),
             E("GET", API + "/devices", page(cursor="c2"), answer=items(*rows[4:]))]
    for form in ("json", "yaml", "csv", "table"):
        stand_in.connections = 0
        done = reeve("device", "list", "-o", form, exchanges=pages)
        assert stand_in.connections == 1
        if form == "json":
            assert json.loads(done.stdout) == rows
        elif form == "yaml":
            assert yaml.safe_load(done.stdout) == rows
        else:
            assert len(done.stdout.splitlines()) == 6


def test_limit_counts_over_pages(reeve):
    done = reeve("device", "list", "--limit", "1001", "-o", "json", exchanges=[
        E("GET", API + "/devices", page(), answer=items(*[DEVICE] * 1000, next="n")),
        E("GET", API + "/devices", {"limit": "1", "cursor": "n"}, answer=items(DEVICE, next="more"))])
    assert len(json.loads(done.stdout)) == 1001


def test_a_list_that_breaks_off_is_not_valid_json(reeve):
    done = reeve("device", "list", "-o", "json", code=1, exchanges=[
        E("GET", API + "/devices", page(), answer=items(DEVICE, next="n")),
        E("GET", API + "/devices", page(cursor="n"), status=503, answer={"detail": "busy", "code": "unavailable"})])
    assert done.stderr == "reeve: busy\n"
    with pytest.raises(ValueError):
        json.loads(done.stdout)


def test_fleets_are_a_tree(reeve):
    def fleet(path):
        return dict(FLEET, name=path.split("/")[-1], path=path)
    rows = [fleet(p) for p in ("default", "default/b", "default/b-2", "default/b/x", "default/a")]
    done = reeve("fleet", "list", exchanges=[listed("/fleets", *rows)])
    names = [line[:8].rstrip() for line in done.stdout.splitlines()[1:]]
    assert names == ["default", "  a", "  b", "    x", "  b-2"]


def test_hostile_names_reach_no_terminal(reeve):
    evil = "\x1b]0;owned\x07\x1b[2J\u202ereversed\x9b1m\r\nforged line"
    for form in ("table", "json", "yaml"):
        done = reeve("device", "list", "-o", form, exchanges=[listed("/devices", dict(DEVICE, name=evil, serial=evil))])
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", done.stdout), form
    done = reeve("device", "show", "12", exchanges=[get("/devices/12", dict(
        DEVICE, name=evil, attributes={evil: evil}, inventory={evil: {evil: [evil]}},
        settings=[{"name": evil, "desired": evil, "observed": evil, "message": evil, "source": evil}]))])
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stdout)
    done = reeve("device", "show", "12", code=3, exchanges=[
        E("GET", API + "/devices/12", status=404, answer={"detail": evil, "code": "not-found"})])
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stderr) and done.stderr.count("\n") == 1


# ---- errors ----

@pytest.mark.parametrize("status,slug,code", [
    (400, "invalid", 2), (401, "unauthenticated", 4), (403, "forbidden", 4), (404, "not-found", 3), (409, "conflict", 5),
    (410, "gone", 3), (412, "precondition-failed", 5), (413, "too-large", 1), (422, "conflict", 5),
    (429, "rate-limited", 1), (500, "internal", 1), (501, "unimplemented", 1), (503, "unavailable", 1),
    (503, "uncertain", 1), (507, "no-space", 1)])
def test_refusals(reeve, status, slug, code):
    problem = {"type": "about:blank", "title": "T", "status": status, "detail": "Just so.", "code": slug,
               "request_id": "r1"}
    done = reeve("device", "show", "7", code=code, exchanges=[E("GET", API + "/devices/7", status=status, answer=problem)])
    assert done.stdout == ""
    if status == 401:
        assert "does not accept the API token in" in done.stderr
    else:
        assert done.stderr == "reeve: Just so.%s\n" % (" (request r1)" if status >= 500 else "")


@pytest.mark.parametrize("exchange,words", [
    (E("GET", API + "/devices/7", status=502, content=b"<html>", content_type="text/html"), "status 502"),
    (E("GET", API + "/devices/7", status=302, content=b""), "status 302"),
    (E("GET", API + "/devices/7", content=b"hello", content_type="text/plain"), "did not answer as a Reeve server"),
    (E("GET", API + "/devices/7", content=b'{"a":1', content_type="application/json"), "did not answer as")])
def test_something_else_answers(reeve, exchange, words):
    done = reeve("device", "show", "7", code=1, exchanges=[exchange])
    assert words in done.stderr and done.stdout == ""


def test_unreachable(token_file):
    with socket.socket() as s:  # a port that nobody listens on
        s.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % s.getsockname()[1]
        for words in ([], ["--token-file", token_file]):
            done = subprocess.run([binary("reeve"), "--server", url, *words, "device", "list"], capture_output=True,
                                  text=True, env=clean_env(HOME="/nonexistent"), cwd="/")
            assert done.returncode == 1
            assert "cannot reach the server at " + url in done.stderr and "--server" in done.stderr


def test_tls(reeved_factory, tmp_path):
    make_certificate(tmp_path, "reeve.test")
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    server = reeved_factory("--tls-cert", certificate, "--tls-key", key)

    def run(url, *words):
        done = subprocess.run([binary("reeve"), "--server", url, "--token-file", str(server.data / "admin.token"), *words, "device", "list"],
                              capture_output=True, text=True, env=clean_env())
        return done.returncode, done.stdout + done.stderr

    assert run(server.url, "--ca-file", certificate) == (0, "No devices.\n")
    for words, sentence in ([], "does not prove who it is"), (["--ca-file", key], "holds no certificates"):
        code, said = run(server.url, *words)
        assert code == 1 and sentence in said, said
    code, said = run(server.url.replace("https:", "http:"))
    assert code == 1 and "is it %s?" % server.url in said, said


def test_no_token_and_bad_token_files(reeve, stand_in, tmp_path):
    done = reeve("--token-file", "/nonexistent", "device", "list", code=4)
    assert "cannot read the token file /nonexistent: No such file" in done.stderr
    (tmp_path / "empty").write_text("\n")
    done = reeve("--token-file", "empty", "device", "list", code=4)
    assert "does not hold an API token" in done.stderr
    stand_in.exchanges = []

    class Refusing(Handler):
        def handle_any(self):
            assert self.headers["Authorization"] is None
            self.answer(401, b'{"detail":"who are you?","code":"unauthenticated"}', "application/problem+json")
        do_GET = handle_any
    stand_in.RequestHandlerClass = Refusing
    done = subprocess.run([binary("reeve"), "--server", stand_in.url, "device", "list"], capture_output=True, text=True,
                          env=clean_env(HOME=str(tmp_path)), cwd=tmp_path)
    assert done.returncode == 4 and "there is no API token in var/admin.token" in done.stderr


def test_default_token_places(stand_in, tmp_path):
    home = tmp_path / "home"
    (home / ".config" / "reeve").mkdir(parents=True)
    (home / ".config" / "reeve" / "token").write_text(TOKEN)
    for var in (None, TOKEN):
        if var:  # wins over the one at home
            (tmp_path / "var").mkdir()
            (tmp_path / "var" / "admin.token").write_text(var)
            (home / ".config" / "reeve" / "token").write_text("another")
        stand_in.exchanges, stand_in.done = [listed("/devices", DEVICE)], 0
        done = subprocess.run([binary("reeve"), "--server", stand_in.url + "/", "device", "list"], capture_output=True,
                              text=True, env=clean_env(HOME=str(home)), cwd=tmp_path)
        assert done.returncode == 0 and not stand_in.failures, done.stderr


@pytest.mark.parametrize("line,words", [
    ("device", "device what?"), ("devise list", "did you mean \"device\"?"), ("device shw", "device cannot"),
    ("device show", "DEVICE is missing"), ("device show 1 2", "too many"), ("device list --limti 3", "did you mean --limit"),
    ("device list -o xml", "none of table"), ("device list --limit -3", "less than nothing"),
    ("setting set camera.disabled true", "either --fleet or --device"),
    ("setting set --fleet a --device 1 camera.disabled true", "either --fleet or --device"),
    ("setting set --fleet a x [1", "not valid JSON"), ("command send 12 ping --payload [1]", "must be a JSON object"),
    ("command send 12 ping -p x", "not NAME=VALUE"), ("command send 0 ping", "no id of a device"),
    ("command send 12", "TYPE is missing"), ("enrollment-token create --expires 0s", "no time at all"),
    ("enrollment-token create --uses 0", "one device at least"), ("enrollment-token create --uses -1", "one device at least"),
    ("api-token create ci --scope read --expires 0s", "no time at all"), ("command send 12 ping --expires 0s", "no time at all"), ("admin create ada", "--scope"), ("completion tcsh", "none of bash"),
    ("--server localhost:1 device list", "is not an address"), ("help nobody", "there is no")])
def test_usage(reeve, line, words):
    done = reeve(*line.split(" "), code=2)
    assert words in done.stderr and done.stdout == ""


def test_full_disk(stand_in, token_file):
    stand_in.exchanges = [listed("/devices", DEVICE)]
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary("reeve"), "device", "list"], stdout=full, stderr=subprocess.PIPE, text=True,
                              env=clean_env(REEVE_SERVER=stand_in.url, REEVE_TOKEN_FILE=token_file))
    assert done.returncode == 1 and "No space left" in done.stderr


# ---- help ----

def test_help_and_version(reeve):
    for words in (["--help"], ["device", "--help"], ["device", "show", "--help"], ["--help", "plan"], ["help"],
                  ["help", "device"], ["help", "device", "list"]):
        done = reeve(*words)
        assert "Usage: reeve" in done.stdout and done.stderr == ""
    assert "Usage: reeve" in reeve(code=2).stderr
    assert re.fullmatch(r"reeve \d+\.\d+\.\d+\n", reeve("--version").stdout)


def test_completion_of_bash(reeve, tmp_path):
    (tmp_path / "c.bash").write_text(reeve("completion", "bash").stdout)

    def complete(*words):
        script = ". ./c.bash; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _reeve; printf '%s\\n' \"${COMPREPLY[@]}\""
        done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, cwd=tmp_path,
                              check=True)
        assert done.stderr == ""
        return done.stdout.split()

    assert "device" in complete("reeve", "") and complete("reeve", "devi") == ["device"]
    assert complete("reeve", "fleet", "cr") == ["create"]
    assert complete("reeve", "-o", "json", "fleet", "cr") == ["create"]
    assert complete("reeve", "-o", "j") == ["json"]
    assert complete("reeve", "setting", "set", "--fl") == ["--fleet"]
    assert complete("reeve", "setting", "set", "--level", "") == ["mandatory", "recommended"]
    assert "--server" in complete("reeve", "device", "list", "--")
    assert complete("reeve", "backup", "c.ba") == ["c.bash"]
    assert complete("reeve", "plan", "--pr") == ["--prune"]
