# SPDX-License-Identifier: Apache-2.0
"""The screen provider's files, compiled and read by the real dconf."""
import json
import shutil
import subprocess

import pytest

from conftest import clean_env
from test_chrome_policy_file import provider_try

IDLE_DELAY = "/org/gnome/desktop/session/idle-delay"
LOCKED = {IDLE_DELAY, "/org/gnome/desktop/screensaver/lock-enabled", "/org/gnome/desktop/screensaver/lock-delay"}
SETTING = "screen.max_time_to_lock_ms"


class Dconf:
    """dconf on the database of a root: what a user of that machine reads."""

    def __init__(self, root, folder):
        if not shutil.which("dconf"):
            pytest.skip("dconf (dconf-cli) is not installed")
        self.root = root
        self.database = folder / "local"
        self.profile = folder / "profile"
        self.profile.write_text("user-db:user\nfile-db:%s\n" % self.database)
        self.env = clean_env(DCONF_PROFILE=str(self.profile), XDG_CONFIG_HOME=str(folder / "config"))

    def run(self, *args):
        return subprocess.run(["dconf", *args], env=self.env, capture_output=True, text=True, timeout=60, check=True).stdout

    def compile(self):
        self.run("compile", str(self.database), str(self.root / "etc/dconf/db/local.d"))

    def read(self, key):
        return self.run("read", key).strip()


def test_dconf_reads_what_was_written(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    dconf = Dconf(root, tmp_path)
    provider_try("screen", str(root), "enforce", json.dumps({SETTING: 300000}))
    dconf.compile()
    assert dconf.read(IDLE_DELAY) == "uint32 300"
    assert dconf.read("/org/gnome/desktop/screensaver/lock-enabled") == "true"
    assert dconf.read("/org/gnome/desktop/screensaver/lock-delay") == "uint32 0"
    assert set(dconf.run("list-locks", "/org/gnome/desktop/").split()) == LOCKED


@pytest.mark.parametrize("name, wins", [("10-site", False), ("90-site", True), ("50-reeve~", True), (".90-site", False)])
def test_precedence_is_what_the_provider_thinks(tmp_path, name, wins):
    root = tmp_path / "root"
    folder = root / "etc/dconf/db/local.d"
    folder.mkdir(parents=True)
    (folder / name).write_text("[org/gnome/desktop/session]\nidle-delay=uint32 77\n")
    dconf = Dconf(root, tmp_path)
    provider_try("screen", str(root), "enforce", json.dumps({SETTING: 300000}))
    dconf.compile()
    assert dconf.read(IDLE_DELAY) == ("uint32 77" if wins else "uint32 300")
    observed = provider_try("screen", str(root), "observe")[SETTING]["value"]
    assert observed == (77000 if wins else 300000)
