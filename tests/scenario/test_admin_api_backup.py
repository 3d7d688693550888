# SPDX-License-Identifier: Apache-2.0
"""Backup, change, restore: everything as before, on this server or another; bad backups and crashes change nothing."""
import hashlib
import io
import os
import sqlite3
import stat
import tarfile
import threading
import time

import pytest
import requests

from admin_api import BYTES, Api, World, enroll, make_deb, start  # noqa: F401
from conftest import wait_for


@pytest.fixture
def server(tmp_path):
    s = start(tmp_path / "reeved")
    yield s
    s.stop()
    s.check_stderr()


def backup(api):
    r = api("GET", "/backup", 200)
    assert r.headers["Content-Type"] == "application/x-tar"
    assert 'filename="reeve-20' in r.headers["Content-Disposition"]
    return r.content


def restore(api, content, status=200):
    return api("POST", "/restore", status, data=content, headers=BYTES).json()


def members(content):
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}


def tar_of(files, **how):
    """A tar file; a value that is no bytes is put into the member's header."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **how) as tar:
        for name, content in files:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                for key, value in content.items():
                    setattr(info, key, value)
                tar.addfile(info)
    return out.getvalue()


def folder(path):
    return {p.name: p.read_bytes() for p in path.iterdir()}


def everything(server, world):
    api = Api(server.admin())
    seen = ("last_seen", "last_used")  # they move on by themselves
    strip = lambda rows: [{k: v for k, v in r.items() if k not in seen} for r in rows]  # noqa: E731
    return {k: strip(v) if isinstance(v, list) else v for k, v in world.state().items()}, strip(api.all("/organizations")), \
        api("GET", "/files/%d/content" % world.file, 200).content


def change_everything(server, world):
    api = Api(server.admin())
    api("POST", "/files", 201, params={"name": "motd"}, data=b"changed", headers=BYTES)
    api("POST", "/files", 201, params={"kind": "app"}, data=make_deb(), headers=BYTES)
    api.post("/keys/rotate")
    api.post("/organizations", {"name": "after the backup"})
    api("DELETE", "/devices/%d" % world.device, 204)
    api("DELETE", "/fleets/%d" % world.fleet, 204)
    enroll(server, name="after the backup")
    api.post("/api-tokens", {"name": "after", "scopes": ["read"]})


def test_there_and_back(server):
    world = World(server, "default")
    api = Api(server.admin())
    before, keys = everything(server, world), folder(server.data / "keys")
    content = backup(api)
    inside = members(content)
    assert inside.pop("store.sqlite").startswith(b"SQLite format 3")
    assert {n[5:]: c for n, c in inside.items() if n.startswith("keys/")} == keys
    assert {n[6:]: c for n, c in inside.items() if n.startswith("files/")} == {hashlib.sha256(b"hello").hexdigest(): b"hello"}
    assert set(inside) == {"keys/" + n for n in keys} | {"files/" + hashlib.sha256(b"hello").hexdigest()}
    change_everything(server, world)
    assert everything_differs(server, world, before)
    generation = world.device_session.get("/device/v1/desired").status_code
    assert generation == 401  # its record was deleted
    answer = restore(api, content)
    assert answer == {"organizations": 1, "files": 1, "keys": 3}
    assert everything(server, world) == before
    assert world.device_session.get("/device/v1/desired").status_code == 200
    assert set(folder(server.data / "files")) == {hashlib.sha256(b"hello").hexdigest()}
    assert keys.items() <= folder(server.data / "keys").items()
    assert api.get("/check") == {"findings": []}
    newest = api.get("/events", params={"newest": "true", "limit": 5})["items"]  # keys are made in the background
    (event,) = [e for e in newest if e["type"] == "server.restored"]
    assert event["actor"] == "token:admin"
    server.restart()
    world.api.session.base = server.url
    assert everything(server, world) == before
    for path in server.data.rglob("*"):
        assert stat.S_IMODE(os.stat(path).st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert not list((server.data / "tmp").iterdir())


def everything_differs(server, world, before):
    try:
        return everything(server, world) != before
    except AssertionError:  # the fleet is gone
        return True


def test_onto_another_server(server, tmp_path):
    world = World(server, "default")
    before, content = everything(server, world), backup(Api(server.admin()))
    other = start(tmp_path / "other")
    enroll(other, name="of the other server")
    restore(Api(other.admin()), content)
    Api(other.admin())("GET", "/devices", 401)  # its own token is gone with its state
    (other.data / "admin.token").write_text(server.admin_token + "\n")
    world.api.session.base = world.device_session.base = other.url
    assert everything(other, world) == before
    assert world.device_session.get("/device/v1/desired").status_code == 200  # devices know the difference by nothing
    assert Api(other.admin()).get("/check") == {"findings": []}
    other.stop()
    other.check_stderr()


def test_while_others_write(server):
    """A backup does not hold writers up, and is one moment: check of the restored store is clean."""
    world, stop, slowest, n = World(server, "default"), threading.Event(), [0.0], [0]

    def write():
        api = Api(server.admin())
        while not stop.is_set():
            t = time.monotonic()
            api("POST", "/files", 201, params={"name": "f%d" % (n[0] % 5)}, data=os.urandom(1000), headers=BYTES)
            api("PUT", "/fleets/%d/settings/password.min_length" % world.fleet, 200, json={"value": n[0] % 20 + 1})
            slowest[0] = max(slowest[0], time.monotonic() - t)
            n[0] += 1
    writer = threading.Thread(target=write)
    writer.start()
    backups = [backup(Api(server.admin())) for _ in range(5)]
    stop.set()
    writer.join()
    assert n[0] > 1
    for content in backups:
        restore(Api(server.admin()), content)
        assert Api(server.admin()).get("/check") == {"findings": []}


def test_one_at_a_time(server):
    api = Api(server.admin())
    content, codes = backup(api), []

    def run():
        mine = Api(server.admin())
        codes.append(mine("POST", "/restore", data=content, headers=BYTES).status_code)
    threads = [threading.Thread(target=run) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(codes) <= {200, 409} and 200 in codes
    assert api.get("/check") == {"findings": []}


def bad_backups(good):
    files = members(good)
    store = files["store.sqlite"]
    key = [n for n in files if n.startswith("keys/")][0]
    rest = [(n, c) for n, c in files.items() if n != "store.sqlite"]
    some = hashlib.sha256(b"x").hexdigest()
    yield "nothing", b""
    yield "no tar", b"hello" * 1000
    yield "no store", tar_of(rest)
    yield "no database", tar_of([("store.sqlite", b"hello")] + rest)
    yield "half a database", tar_of([("store.sqlite", store[:len(store) // 2])] + rest)
    yield "a zeroed page", tar_of([("store.sqlite", store[:8192] + b"\0" * 4096 + store[12288:])] + rest)
    yield "a missing key", tar_of([("store.sqlite", store)] + [(n, c) for n, c in rest if n != key])
    yield "a missing content", tar_of([("store.sqlite", store)] + [(n, c) for n, c in rest if not n.startswith("files/")])
    yield "a changed content", tar_of([("store.sqlite", store)] + [(n, c + b"x" if n.startswith("files/") else c) for n, c in rest])
    yield "cut off", good[:len(good) // 2]
    for name in ("/etc/passwd", "../x", "keys/../../x", "keys/a/b", "keys/.hidden", "files/x", "files/../x", "other",
                 "keys\\x/../y", "./../x", "files/" + some.upper()):
        yield name, tar_of([("store.sqlite", store), (name, b"x")] + rest)
    for kind, link in ((tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "store.sqlite"), (tarfile.FIFOTYPE, ""), (tarfile.CHRTYPE, "")):
        yield "type %r" % kind, tar_of([("store.sqlite", store), ("keys/link", {"type": kind, "linkname": link})] + rest)
    yield "a folder of its own", tar_of([("store.sqlite", store), ("etc", {"type": tarfile.DIRTYPE})] + rest)
    yield "twice", tar_of([("store.sqlite", store), ("store.sqlite", store)] + rest)
    yield "another key of the same name", tar_of([("store.sqlite", store)] + [(n, b"other" if n == key else c) for n, c in rest])


def test_bad_backups_change_nothing(server):
    world = World(server, "default")
    api = Api(server.admin())
    good = backup(api)
    before, keys, files = everything(server, world), folder(server.data / "keys"), folder(server.data / "files")
    for what, content in bad_backups(good):
        r = api("POST", "/restore", data=content, headers=BYTES)
        assert r.status_code == (409 if what.startswith("another key") else 400), (what, r.status_code, r.text)
        assert len(r.json()["detail"]) > 10, what
        assert folder(server.data / "keys") == keys and folder(server.data / "files") == files, what
    assert everything(server, world) == before
    assert api.get("/check") == {"findings": []}
    assert not list((server.data / "tmp").iterdir())
    assert not (server.data.parent / "x").exists()


def test_a_newer_store_is_refused(server, tmp_path):
    api = Api(server.admin())
    good = members(backup(api))
    (tmp_path / "s.sqlite").write_bytes(good["store.sqlite"])
    db = sqlite3.connect(tmp_path / "s.sqlite")
    version = db.execute("pragma user_version").fetchone()[0]
    db.execute("pragma user_version = %d" % (version + 1000))
    db.commit()
    db.close()
    good["store.sqlite"] = (tmp_path / "s.sqlite").read_bytes()
    r = api("POST", "/restore", data=tar_of(list(good.items())), headers=BYTES)
    assert 400 <= r.status_code < 500, r.text
    assert api.get("/check") == {"findings": []}


def test_killed_during_restore(server):
    """kill -9 at any moment: afterwards it is the old state or the new one, whole and sound."""
    world = World(server, "default")
    api = Api(server.admin())
    old, content = everything(server, world), None
    content = backup(api)
    change_everything(server, world)
    outcomes = set()
    start_s = time.monotonic()
    restore(api, content)
    whole_s = time.monotonic() - start_s
    change = {"name": "after the backup"}
    for i in range(60):
        if i >= 14 and outcomes == {1, 2}:
            break
        api = Api(server.admin())
        if not [o for o in api.all("/organizations") if o["name"] == "after the backup"]:
            api.post("/organizations", change)
        t = threading.Thread(target=lambda: swallow(server, content))
        t.start()
        time.sleep(whole_s * (i + 1) / 12)  # the moment of the crash, not something awaited
        server.kill()
        t.join()
        server.start()
        api = Api(server.admin())
        world.api.session.base = server.url
        names = [o["name"] for o in api.all("/organizations")]
        outcomes.add(len(names))
        assert names in (["default"], ["default", "after the backup"])
        assert api.get("/check") == {"findings": []}
        now = everything(server, world)
        assert now[0]["export"] == old[0]["export"] and now[2] == old[2]
        wait_for(lambda: not list((server.data / "tmp").iterdir()), what="the temporary files to be removed")
        wait_for(lambda: len(folder(server.data / "files")) == 1, what="contents that nothing names to go")
    assert outcomes == {1, 2}, "every crash was on the same side"


def swallow(server, content):
    try:
        requests.post(server.url + "/api/v1/restore", data=content, timeout=60,
                      headers=dict(BYTES, Authorization="Bearer " + server.admin_token))
    except requests.RequestException:
        pass  # the server is gone
