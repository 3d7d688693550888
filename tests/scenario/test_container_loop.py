# SPDX-License-Identifier: Apache-2.0
"""The whole way: a container (namespaces on a root made of this Debian's /usr, an ordinary user) with reeve-container, and
reeve-host beside it: what is installed inside appears outside, what is opened inside opens outside."""
import json
import os
import shutil
import signal
import subprocess

import pytest

from conftest import BAD_WORDS, BUILD, clean_env, wait_for
from grpc_fixtures import LONG_S
from host_fixtures import PNG, host, host_factory  # noqa: F401 (fixtures)

USER = 65534
SCRIPT = """
set -e
root=$1 outside=$2; shift 2
cd "$root"
mount --bind /usr usr
mount -o remount,bind,ro usr
mount --bind "$outside" host
mount -t tmpfs -o mode=0755 dev dev
for n in null zero urandom; do touch dev/$n; mount --bind /dev/$n dev/$n; done
exec chroot . setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all env -i PATH=/usr/bin:/bin HOME=/home/user \
  XDG_DATA_DIRS=/none LC_ALL=C.UTF-8 REEVE_CONTAINER_HOST=unix:/host/termina.sock REEVE_CONTAINER_TOKEN_FILE=/etc/token "$@"
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs namespaces")


class DebianContainer:
    def __init__(self, host, folder):
        self.host, self.root, self.log_path = host, folder / "r", folder / "log"
        for d in ("usr", "etc", "dev", "tmp", "host", "home/user/.local/share/applications"):
            (self.root / d).mkdir(parents=True)
        for d in ("bin", "sbin", "lib", "lib64"):
            (self.root / d).symlink_to("usr/" + d)
        (self.root / "etc/passwd").write_text("user:x:%d:%d::/home/user:/bin/sh\n" % (USER, USER))
        (self.root / "etc/token").write_text(host.token())
        self.home = self.root / "home/user"
        self.applications = self.home / ".local/share/applications"
        shutil.copy(BUILD / "reeve-container", self.root / "etc/reeve-container")
        (self.root / "etc/xdg-open").symlink_to("reeve-container")
        for path in self.home.rglob("*"):
            os.chown(path, USER, USER)
        os.chown(self.home, USER, USER)
        self.let_in()
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                self.command("/etc/reeve-container", "daemon", "--listen", "unix:/host/termina-10000.sock", "--port", "10000",
                             "--check-every", "1s"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout.readline().startswith("ready "), self.log()

    def let_in(self):
        """The machine's socket is open to the container's user, as a machine's vsock would be."""
        os.chmod(self.host.folder, 0o777)
        os.chown(self.host.folder / "termina.sock", USER, USER)

    def command(self, *words):
        return ["unshare", "--mount", "--net", "--uts", "sh", "-c", SCRIPT, "sh", str(self.root), str(self.host.folder), *words]

    def run(self, *words):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=LONG_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def install(self, name, text):
        path = self.applications / name
        path.write_text(text)
        return path

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=LONG_S)
        assert self.process.returncode == 0, self.log()
        for word in BAD_WORDS:
            assert word not in self.log(), self.log()


@pytest.fixture
def debian(host, tmp_path):
    c = DebianContainer(host, tmp_path)
    yield c
    c.stop()


def state(host):
    return {c["container"] if "container" in c else c["name"]: c["state"]
            for c in json.loads(host.run("-o", "json", "container", "list")) if c.get("vm") == "termina"}


def test_whole_way(debian, host):
    wait_for(lambda: state(host) == {"penguin": "up"}, timeout=LONG_S, what="the container")
    (debian.home / "i.png").write_bytes(PNG)
    debian.install("a.desktop", "[Desktop Entry]\nType=Application\nName=Hello\nIcon=/home/user/i.png\n"
                   "Exec=sh -c \"echo \\$0 > /home/user/started\" %f\n")
    wait_for(host.entries, timeout=LONG_S, what="the application outside")
    (name, text), = host.entries().items()
    assert "Name=Hello\n" in text and "penguin" in name
    wait_for(lambda: "\nIcon=" in "".join(host.entries().values()), timeout=LONG_S, what="its icon")

    host.run("container", "launch", "termina", "penguin", "a", str(host.home / "f"))  # which is /home/user/f inside
    started = debian.home / "started"
    wait_for(lambda: started.exists() and started.read_text() == "/home/user/f\n", timeout=LONG_S, what="the application inside")
    assert started.stat().st_uid == USER

    debian.run("/etc/xdg-open", "http://localhost/x")
    assert host.wait_recorded("open_url")[0][-1] == "http://100.115.92.204/x"
    debian.run("/etc/reeve-container", "open-terminal", "vim")
    assert "vim" in host.wait_recorded("open_terminal")[0]
    assert "availableSpace" in json.loads(debian.run("/etc/reeve-container", "disk", "get_disk_info"))

    host.stop()  # one that is started again knows nothing of who was there
    host.start()
    debian.let_in()
    wait_for(lambda: state(host) == {"penguin": "up"}, timeout=LONG_S, what="the container again")
    wait_for(host.entries, timeout=LONG_S, what="the application again")

    (debian.applications / "a.desktop").unlink()
    wait_for(lambda: not host.entries(), timeout=LONG_S, what="it to be gone outside")
    debian.stop()
    assert state(host) == {"penguin": "down"}
