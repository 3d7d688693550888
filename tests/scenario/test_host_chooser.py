# SPDX-License-Identifier: Apache-2.0
"""`reeve-host select-file` against a real dbus-daemon and a strict stand-in of xdg-desktop-portal (portal_standin.py)."""
import subprocess

import pytest

from conftest import binary
from grpc_fixtures import LONG_S
from portal_fixtures import bus, portal  # noqa: F401 (fixtures)


def select(env, *options):
    r = subprocess.run([binary("reeve-host"), "select-file", *options], env=env, capture_output=True, text=True, timeout=LONG_S)
    return r.returncode, r.stdout, r.stderr


def test_open(bus, portal, tmp_path):
    p = portal(code=0, uris=["file:///home/me/a%20b.png"])
    assert select(bus, "--title=Wähle", "--path=%s" % tmp_path, "--extensions=png,.h,b*d") == (0, "/home/me/a b.png\n", "")
    assert p.read() == {"method": "OpenFile", "parent": "", "title": "Wähle",
                        "options": {"handle_token": "reeve", "current_folder": str(tmp_path),
                                    "filters": [["png,.h,b*d", [[0, "*.[pP][nN][gG]"], [0, "*.[hH]"]]]]}}


def test_nothing_said(bus, portal):
    p = portal(code=0, uris=["file:///x"])
    assert select(bus, "--type=", "--title=", "--path=", "--extensions=") == (0, "/x\n", "")
    assert p.read()["options"] == {"handle_token": "reeve"}


def test_several(bus, portal):
    """What is no line of text, or on another machine, is left out."""
    p = portal(code=0, uris=["file:///b", "https://elsewhere/", "file:///line%0abreak", "file:///%C3%A4", "file://server/a"])
    assert select(bus, "--type=open-multi-file") == (0, "/b\n/ä\n", "")
    assert p.read()["options"]["multiple"] is True


@pytest.mark.parametrize("kind", ["folder", "upload-folder"])
def test_folder(bus, portal, kind):
    p = portal(code=0, uris=["file:///folder"])
    assert select(bus, "--type=" + kind, "--extensions=png") == (0, "/folder\n", "")
    assert p.read()["options"] == {"handle_token": "reeve", "directory": True}


def test_save(bus, portal, tmp_path):
    p = portal(code=0, uris=["file:///new"])
    assert select(bus, "--type=saveas-file", "--path=%s/report.txt" % tmp_path) == (0, "/new\n", "")
    said = p.read()
    assert said["method"] == "SaveFile"
    assert said["options"] == {"handle_token": "reeve", "current_folder": str(tmp_path), "current_name": "report.txt"}


@pytest.mark.parametrize("answer", [{"code": 1}, {"code": 2}, {"code": 0}, {"code": 0, "uris": ["http://x/"]}, {"code": 1, "uris": ["file:///x"]}])
def test_not_chosen(bus, portal, answer):
    portal(**answer)
    code, out, err = select(bus)
    assert (code, out) == (1, "") and "nothing was chosen" in err


def test_others_cannot_answer(bus, portal):
    portal(code=0, uris=["file:///real"], forge=True)
    assert select(bus) == (0, "/real\n", "")


def test_old_request_path(bus, portal):
    portal(code=0, uris=["file:///old"], old_path=True)
    assert select(bus) == (0, "/old\n", "")


def test_portal_dies(bus, portal):
    portal(crash=True)
    code, out, err = select(bus)
    assert (code, out) == (1, "") and "file chooser" in err


def test_caller_dies(bus, portal):
    """The dialog goes with whoever asked."""
    p = portal(wait=True)
    asker = subprocess.Popen([binary("reeve-host"), "select-file"], env=bus)
    assert p.read()["method"] == "OpenFile"
    asker.kill()
    asker.wait()
    assert p.read() == "closed"


def test_no_portal_no_bus(bus):
    code, out, err = select(bus)
    assert (code, out) == (1, "") and "file chooser" in err
    code, out, err = select(dict(bus, DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent"))
    assert (code, out) == (1, "") and "session bus" in err


def test_wrong_type(bus):
    code, out, err = select(bus, "--type=elephant")
    assert (code, out) == (2, "") and "elephant" in err
