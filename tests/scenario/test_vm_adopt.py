# SPDX-License-Identifier: Apache-2.0
"""reeve-host starts and machines run already: they are taken over, and whatever does not work, they run on."""
import json
import os
import signal
import socket
import subprocess

import pytest

from conftest import wait_for
from vm_fixtures import BOOT_S, image, own_machines  # noqa: F401


@pytest.fixture
def with_data(own_machines):
    """A machine with a file system of its host's making on its second disk."""
    data = own_machines.folder / "data.img"
    data.write_bytes(bytes(16 << 20))
    subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", "-F", str(data)], check=True, timeout=60)
    own_machines.disks = ["--disk", "%s/d.img:size=8M" % own_machines.folder, "--disk", "%s:mount=/data" % data]
    return own_machines


def why(machines):
    return machines.info("one")["why"]


def runs_on(machines, pid):
    info = machines.info("one")
    assert info["pid"] == pid and info["state"] == "ready", (info, machines.log()[-2000:])
    machines.sh("one", "grep -q ' /data ext4 ' /proc/mounts && test -e /data/file")


def test_what_it_has_mounted_stays(with_data):
    machines = with_data
    machines.boot("one", *machines.disks)
    machines.sh("one", "echo > /data/file; sync")
    before = machines.info("one")
    for _ in range(2):
        machines.restart_daemon()
        runs_on(machines, before["pid"])
        runs_on(machines, before["pid"])
        assert machines.info("one")["accelerator"] == before["accelerator"]
    assert why(machines) == ""
    machines.run("vm", "stop", "one")


def test_the_port_that_it_calls_is_taken(with_data):
    machines = with_data
    machines.boot("one", *machines.disks)
    machines.sh("one", "echo > /data/file")
    pid = machines.info("one")["pid"]
    machines.stop_daemon()
    port = json.loads((machines.state / "vms/one/spec.json").read_text())["listen_port"]
    if port == 0:
        pytest.skip("this host has vsock")
    with socket.create_server(("127.0.0.1", port)):
        machines.start_daemon()
        wait_for(lambda: "port that it calls" in why(machines), timeout=BOOT_S, what="the sentence")
        runs_on(machines, pid)
        assert "port that it calls" in machines.run("vm", "list")
    wait_for(lambda: why(machines) == "", timeout=BOOT_S, what="the port")
    runs_on(machines, pid)
    socket.create_connection(("127.0.0.1", port)).close()


def test_it_is_too_busy_to_answer(with_data):
    machines = with_data
    machines.boot("one", *machines.disks)
    machines.sh("one", "echo > /data/file")
    pid = machines.info("one")["pid"]
    machines.stop_daemon()
    os.kill(pid, signal.SIGSTOP)
    try:
        machines.start_daemon()
        wait_for(lambda: "does not answer" in why(machines), timeout=BOOT_S, what="the sentence")
        assert machines.info("one")["state"] == "ready"
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: why(machines) == "", timeout=BOOT_S, what="its answer")
    runs_on(machines, pid)


def test_it_was_not_set_up_yet(with_data):
    """The daemon is killed while the machine starts: the next one does the rest."""
    machines = with_data
    files = machines.state / "vms/one"

    def is_in_the_background():
        text = (files / "pid").read_text() if (files / "pid").exists() else ""
        return text.endswith("\n") and os.readlink("/proc/%d/fd/2" % int(text)) == "/dev/null" and int(text)

    command = machines.begin_boot("one", *machines.disks)
    pid = wait_for(is_in_the_background, timeout=BOOT_S, what="qemu")
    os.kill(pid, signal.SIGSTOP)
    machines.kill_daemon()
    command.communicate(timeout=BOOT_S)
    assert command.returncode == 1 and not (files / "ready").exists()
    machines.start_daemon()
    os.kill(pid, signal.SIGCONT)
    wait_for((files / "ready").exists, timeout=BOOT_S, what="the machine")
    machines.sh("one", "grep -q ' /data ext4 ' /proc/mounts")
    wait_for(lambda: why(machines) == "", timeout=BOOT_S, what="all to be well")
    assert machines.info("one")["pid"] == pid


def test_its_number_is_somebody_elses(with_data):
    machines = with_data
    machines.boot("one", *machines.disks)
    machines.stop_daemon()
    pid_file = machines.state / "vms/one/pid"
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    with subprocess.Popen(["sleep", "1000"]) as other:
        pid_file.write_text("%d\n" % other.pid)
        machines.start_daemon()
        info = machines.info("one")
        assert (info["state"], info["pid"]) == ("crashed", 0) and "did not run" in info["why"]
        assert "does not run" in machines.run("vm", "stop", "--force", "one", code=5)
        assert other.poll() is None
        other.kill()
