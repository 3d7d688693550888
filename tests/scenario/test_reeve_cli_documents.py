# SPDX-License-Identifier: Apache-2.0
"""`reeve` with files: plan, apply and export, uploads, keys, backups."""
import json
import os
import stat

import pytest
import yaml

from cli_stand_in import (  # noqa: F401 (fixtures)
    API, COMMAND, DEVICE, E, EVENT, FILE, get, Handler, items,
    KEY, listed, NOTHING, PLAN, reeve, SETTING, stand_in, token_file)

# ---- desired state ----

def test_plan_apply_export(reeve, tmp_path):
    (tmp_path / "a.yaml").write_text("organization: default\nfleets:\n- path: default\n  settings: {camera.disabled: true}\n"
                                     "---\norganization: b\n")
    (tmp_path / "b.json").write_text('[{"organization": "c"}]')
    documents = [{"organization": "default", "fleets": [{"path": "default", "settings": {"camera.disabled": True}}]},
                 {"organization": "b"}, {"organization": "c"}, {"organization": "d"}]

    def post(path, answer, **more):
        return E("POST", API + path, body=dict({"documents": documents}, **more), answer=answer)

    words = ["a.yaml", "-", "b.json"]
    documents[2:] = [documents[3], documents[2]]
    done = reeve("plan", *words, stdin="organization: d\n", code=2, exchanges=[post("/plan", PLAN)])
    assert done.stdout.splitlines() == [
        "+  fleet default/Lab",
        "~  fleet default      camera.disabled  false → true",
        "-  device 12          wifi.disabled    true",
        "Plan: 1 to add, 1 to change, 1 to delete."]
    done = reeve("plan", *words, "--prune", "-o", "json", stdin="organization: d\n", code=2,
                 exchanges=[post("/plan", PLAN, prune=True)])
    assert json.loads(done.stdout) == PLAN
    done = reeve("plan", *words, stdin="organization: d\n", exchanges=[post("/plan", NOTHING)])
    assert done.stdout == "No changes: everything is as the files say.\n"
    done = reeve("apply", *words, stdin="organization: d\n", exchanges=[post("/apply", PLAN)])
    assert done.stdout.splitlines()[-1] == "Applied: 1 added, 1 changed, 1 deleted."
    done = reeve("apply", *words, stdin="organization: d\n", exchanges=[post("/apply", NOTHING)])
    assert done.stdout == "Nothing to do: everything is as the files say.\n"

    exported = reeve("export", exchanges=[get("/export", {"documents": documents})]).stdout
    assert list(yaml.safe_load_all(exported)) == documents
    reeve("apply", "-", stdin=exported, exchanges=[post("/apply", NOTHING)])
    done = reeve("export", "-o", "json", exchanges=[get("/export", {"documents": documents})])
    assert json.loads(done.stdout) == documents
    reeve("apply", "-", stdin=done.stdout, exchanges=[post("/apply", NOTHING)])


def test_plan_mistakes_are_not_pending_changes(reeve, tmp_path):
    (tmp_path / "bad.yaml").write_text("a: 1\na: 2\n")
    done = reeve("plan", "bad.yaml", code=1)
    assert done.stderr == 'reeve: bad.yaml:2: the key "a" is there twice\n'
    reeve("apply", "bad.yaml", code=2)
    reeve("apply", "none.yaml", code=1)
    (tmp_path / "refused.yaml").write_text("a: 1\n---\nb: 1\n")
    refusal = {"detail": "2 mistakes", "code": "invalid", "errors": [
        {"document": 1, "path": "", "key": "a", "detail": "unknown key"},
        {"document": 2, "path": "fleets[0]", "key": "b", "detail": "un\x1bknown key"}]}
    done = reeve("plan", "refused.yaml", code=1, exchanges=[
        E("POST", API + "/plan", body={"documents": [{"a": 1}, {"b": 1}]}, status=400, answer=refusal)])
    assert done.stderr.splitlines() == [
        "refused.yaml, document 1: a: unknown key", "refused.yaml, document 2: fleets[0] b: un\ufffdknown key",
        "reeve: 2 mistakes"]


# ---- files ----

def test_uploads(reeve, tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "x y.bin").write_bytes(content)
    for noun in ("file", "app"):
        done = reeve(noun, "upload", str(tmp_path / "x y.bin"), exchanges=[
            E("POST", API + "/files", {"kind": noun, "name": "x y.bin"}, raw=content, status=201, answer=FILE)])
        assert done.stdout == "Uploaded x y.bin; its id is 4.\n"
    reeve("file", "upload", "x y.bin", "--name", "n", "--content-type", "text/plain", exchanges=[
        E("POST", API + "/files", {"kind": "file", "name": "n", "content_type": "text/plain"}, raw=content, status=201,
          answer=FILE)])
    assert "cannot read none" in reeve("file", "upload", "none", code=1).stderr
    assert "is not a file" in reeve("file", "upload", ".", code=2).stderr
    (tmp_path / "empty").write_bytes(b"")
    reeve("file", "upload", "empty", exchanges=[
        E("POST", API + "/files", {"kind": "file", "name": "empty"}, raw=b"", status=201, answer=FILE)])


def test_names_that_are_not_unique(reeve):
    done = reeve("file", "delete", "motd", code=5, exchanges=[listed("/files", FILE, dict(FILE, id=5), kind="file")])
    assert "give the id: 4, 5" in done.stderr
    done = reeve("file", "delete", "other", code=3, exchanges=[listed("/files", FILE, kind="file")])
    assert done.stderr == 'reeve: there is no file "other"\n'


HOST7 = get("/devices", items(DEVICE), filter='name="host7"', limit="1000")


@pytest.mark.parametrize("line, exchanges", [
    ("device rename host7 web", [HOST7, E("PATCH", API + "/devices/12", body={"name": "web"}, answer=DEVICE)]),
    ("command send host7 ping",
     [HOST7, E("POST", API + "/commands", body={"device": 12, "type": "ping", "params": {}}, status=201, answer=COMMAND)]),
    ("command list host7", [HOST7, listed("/commands", COMMAND, device="12")]),
    ("setting unset --device host7 x", [HOST7, E("DELETE", API + "/devices/12/settings/x", status=204)]),
    ("setting effective host7", [HOST7, listed("/devices/12/effective", SETTING)]),
    ("event list --device host7", [HOST7, listed("/events", EVENT, since="0", device="12")])])
def test_devices_by_name(reeve, line, exchanges):
    reeve(*line.split(), exchanges=exchanges)


def test_names_of_devices_that_do_not_help(reeve):
    name = 'a "b" \\ c'
    asked = get("/devices", items(dict(DEVICE, name=name), dict(DEVICE, id=13, name=name)), filter=r'name="a \"b\" \\ c"', limit="1000")
    done = reeve("device", "delete", name, exchanges=[asked], code=5)
    assert "give the id: 12, 13" in done.stderr
    done = reeve("device", "show", "host", exchanges=[get("/devices", items(), filter='name="host"', limit="1000")], code=3)
    assert 'there is no device "host"' in done.stderr


def test_key_import(reeve, tmp_path):
    (tmp_path / "k.pem").write_text("-----PRIVATE-----\n")
    reeve("key", "import", "verification", "k.pem", exchanges=[
        E("PUT", API + "/keys/verification", body={"private_pem": "-----PRIVATE-----\n"}, answer=KEY)])
    reeve("key", "import", "verification", "none", code=1)


def test_backup(reeve, tmp_path):
    content = os.urandom(300000)
    good = [E("GET", API + "/backup", content=content, content_type="application/octet-stream")]
    reeve("backup", "b.tar", exchanges=good)
    path = tmp_path / "b.tar"
    assert path.read_bytes() == content and stat.S_IMODE(path.stat().st_mode) == 0o600
    bad = [E("GET", API + "/backup", status=507, answer={"detail": "full", "code": "no-space"})]
    reeve("backup", "b.tar", code=1, exchanges=bad)
    assert path.read_bytes() == content  # the old one is still whole
    reeve("backup", "none/b.tar", code=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.tar", "token"]  # nothing half-written lies about


def test_backup_that_breaks_off_leaves_nothing(reeve, stand_in, tmp_path):
    class Breaking(Handler):
        def handle_any(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        do_GET = handle_any
    stand_in.RequestHandlerClass = Breaking
    reeve("backup", "b.tar", code=1)
    assert [p.name for p in tmp_path.iterdir()] == ["token"]


def test_restore(reeve, tmp_path):
    (tmp_path / "b.tar").write_bytes(b"\0backup")
    post = [E("POST", API + "/restore", raw=b"\0backup", answer={"restored": True})]
    assert "say --yes" in reeve("restore", "b.tar", code=2).stderr
    assert reeve("restore", "b.tar", "--yes", exchanges=post).stdout == "Restored b.tar.\n"
    reeve("restore", "none", "-y", code=1)


def test_check_with_findings(reeve):
    done = reeve("check", code=1, exchanges=[get("/check", {"findings": ["row 7 is torn", "evil\x1b[2J"]})])
    assert done.stdout == "row 7 is torn\nevil\ufffd[2J\n"


def test_wait_for_a_failure(reeve):
    done = reeve("command", "send", "12", "ping", "--wait", code=1, exchanges=[
        E("POST", API + "/commands", body={"device": 12, "type": "ping", "params": {}}, status=201, answer=COMMAND),
        get("/commands/9", dict(COMMAND, state="failed", message="no answer"))])
    assert "no answer" in done.stdout
