# SPDX-License-Identifier: Apache-2.0
"""Folders of the host in a machine: virtiofsd, in a booted guest."""
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from conftest import wait_for
from vm_fixtures import BOOT_S, HOST, image, own_machines  # noqa: F401

PROGRAMS = ("/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/local/bin/virtiofsd")
pytestmark = pytest.mark.skipif(not any(os.path.exists(p) for p in PROGRAMS), reason="virtiofsd is not installed")


def daemons_of(folder):
    """Numbers of the virtiofsd that share it."""
    found = []
    for p in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = p.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"source=%s" % os.fsencode(str(folder)) in words:
            found.append(int(p.parent.name))
    return found


@pytest.fixture
def shared(own_machines):
    """Two folders of the host, the second one not to be written; with a machine that has both."""
    m = own_machines
    m.rw, m.ro = m.folder / "r w", m.folder / "ro"
    for folder in m.rw, m.ro:
        folder.mkdir()
        (folder / "from the host").write_text("hello\n")
    (m.ro / "below").mkdir()
    m.boot("one", "--share", "%s:/mnt/rw" % m.rw, "--share", "%s:/mnt/ro:ro" % m.ro)
    return m


def check(m):
    m.sh("one", "grep -q hello '/mnt/rw/from the host' && grep -q hello '/mnt/ro/from the host'")
    m.sh("one", "cat '/mnt/rw/from the host' '/mnt/ro/from the host' > /mnt/rw/out")
    assert (m.rw / "out").read_text() == "hello\nhello\n"
    (m.rw / "out").unlink()


def test_both_ways(shared):
    check(shared)
    (shared.rw / "later").write_text("more\n")
    shared.sh("one", "grep -q more /mnt/rw/later && mkdir /mnt/rw/made && mv /mnt/rw/later /mnt/rw/made/")
    assert (shared.rw / "made/later").read_text() == "more\n"


def test_read_only_is_the_hosts_word(shared):
    """A guest's root mounts it again as he likes, and writes nothing."""
    shared.sh("one", "! touch /mnt/ro/x")
    shared.sh("one", "mount -o remount,rw /mnt/ro")
    shared.sh("one", "! touch /mnt/ro/x && ! touch /mnt/ro/below/x && ! rm '/mnt/ro/from the host' && ! chmod 777 /mnt/ro")
    assert sorted(p.name for p in shared.ro.iterdir()) == ["below", "from the host"]


def test_nothing_beside_it(shared):
    (shared.folder / "secret").write_text("secret\n")
    shared.sh("one", "ln -s %s/secret /mnt/rw/link && ! cat /mnt/rw/link && ! cat /mnt/rw/../secret" % shared.folder)


def test_they_end_with_the_machine(shared):
    folders = (shared.rw, shared.ro)
    assert all(daemons_of(f) for f in folders)
    shared.run("vm", "stop", "one")
    wait_for(lambda: not any(daemons_of(f) for f in folders), timeout=BOOT_S, what="their end")
    assert sorted(p.name for p in (shared.state / "vms/one").iterdir()) == ["console", "spec.json"]
    shared.run("vm", "start", "one")  # with the same
    check(shared)
    os.kill(shared.info("one")["pid"], signal.SIGKILL)
    wait_for(lambda: shared.info("one")["state"] == "crashed", timeout=BOOT_S, what="the crash")
    wait_for(lambda: not any(daemons_of(f) for f in folders), timeout=BOOT_S, what="their end")
    assert "shared folder is gone" not in shared.log()


def test_the_daemon_starts_again(shared):
    before = daemons_of(shared.rw)
    shared.restart_daemon()
    check(shared)
    assert daemons_of(shared.rw) == before and shared.info("one")["why"] == ""
    shared.run("vm", "stop", "one")
    wait_for(lambda: not daemons_of(shared.rw) and not daemons_of(shared.ro), timeout=BOOT_S, what="their end")


def test_one_is_gone(shared):
    """The machine runs on, and it is said."""
    for pid in daemons_of(shared.rw):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: "lost %s" % shared.rw in shared.info("one")["why"], timeout=BOOT_S, what="the sentence")
    assert shared.info("one")["state"] == "ready"
    shared.sh("one", "grep -q hello '/mnt/ro/from the host'")
    shared.restart_daemon()
    wait_for(lambda: "lost %s" % shared.rw in shared.info("one")["why"], timeout=BOOT_S, what="it again")
    shared.run("vm", "stop", "--force", "one")
    assert shared.info("one")["why"] == ""


def test_left_over(shared):
    """qemu and the daemon are gone at once: the next one ends what waits for them."""
    pid = shared.info("one")["pid"]
    shared.kill_daemon()
    os.kill(pid, signal.SIGKILL)
    shared.start_daemon()
    wait_for(lambda: not daemons_of(shared.rw) and not daemons_of(shared.ro), timeout=BOOT_S, what="their end")
    shared.run("vm", "start", "one")
    check(shared)


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests are this one then")
def test_a_user_shares_what_is_his(own_machines):
    """The guest's root is this user there."""
    m = own_machines
    m.stop_daemon()
    for name in ("vmlinuz", "initrd"):
        shutil.copy(m.image / name, m.folder)
    shutil.copy(HOST, m.folder)
    m.image = m.folder
    m.program = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", str(m.folder / HOST.name)]
    m.env["HOME"] = str(m.folder)
    for folder in "rw", "ro":
        (m.folder / folder).mkdir()
    (m.folder / "rw/roots").write_text("not his\n")
    subprocess.run(["chown", "-R", "65534:65534", str(m.folder)], check=True)
    shutil.rmtree(m.state)
    os.chown(m.folder / "rw/roots", 0, 0)
    m.start_daemon()
    m.boot("one", "--share", "%s/rw:/mnt/rw" % m.folder, "--share", "%s/ro:/mnt/ro:ro" % m.folder)
    m.sh("one", "echo new > /mnt/rw/new && grep -q his /mnt/rw/roots && ! echo >> /mnt/rw/roots")
    m.sh("one", "mount -o remount,rw /mnt/ro && ! touch /mnt/ro/x")
    assert (m.folder / "rw/new").stat().st_uid == 65534
    m.run("vm", "stop", "one")
    wait_for(lambda: not daemons_of(m.folder / "rw"), timeout=BOOT_S, what="its end")


def test_what_cannot_be_shared(own_machines):
    m = own_machines
    kernel = m.image / "vmlinuz"
    for words, code, text in [
            (["/no/such:/mnt"], 3, "/no/such"),
            (["%s:/mnt" % kernel], 2, "no folder"),
            (["%s:mnt" % m.folder], 2, "TARGET"),
            (["%s" % m.folder], 2, "TARGET"),
            (["%s:/mnt:rw" % m.folder], 2, "rw"),
            (["/tmp/a,b:/mnt"], 2, "comma"),
            (["%s:/mnt" % m.folder] * 9, 2, "at most 8")]:
        shares = [w for s in words for w in ("--share", s)]
        assert text in m.run("vm", "start", "one", "--kernel", kernel, *shares, code=code)
    assert m.info("one") is None
