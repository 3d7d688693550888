# SPDX-License-Identifier: Apache-2.0
"""A session bus of the test's own, and a stand-in of the desktop's portal on it (portal_standin.py)."""
import json
import pathlib
import subprocess

import pytest

from conftest import clean_env

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"""
STANDIN = pathlib.Path(__file__).with_name("portal_standin.py")


@pytest.fixture(scope="module")
def bus(tmp_path_factory):
    """The environment of a session with a bus of its own."""
    folder = tmp_path_factory.mktemp("bus")
    (folder / "conf").write_text(CONFIG % folder)
    daemon = subprocess.Popen(["dbus-daemon", "--nofork", "--print-address", "--config-file=%s/conf" % folder], stdout=subprocess.PIPE,
                              text=True)
    address = daemon.stdout.readline().strip()
    yield clean_env(DBUS_SESSION_BUS_ADDRESS=address, LC_ALL="C.UTF-8")
    daemon.terminate()
    daemon.wait()


@pytest.fixture
def portal(bus):
    """portal(answer): the stand-in runs; read(): what it said next."""
    started = []

    class Portal:
        def __init__(self, **answer):
            self.process = subprocess.Popen(["/usr/bin/python3", str(STANDIN), json.dumps(answer)], env=bus, stdout=subprocess.PIPE, text=True)
            started.append(self.process)
            assert self.read() == "ready"

        def read(self):
            return json.loads(self.process.stdout.readline())

    yield Portal
    for p in started:
        p.kill()
        p.wait()
