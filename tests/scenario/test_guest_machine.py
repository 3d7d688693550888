# SPDX-License-Identifier: Apache-2.0
"""reeve-guest as the init of a virtual machine: what only a kernel of its own shows. Booted once."""
import pathlib
import shutil
import subprocess
import tempfile
import time

import grpc
import pytest

from conftest import wait_for
from guest_fixtures import guest_pb
from vm_fixtures import BOOT_S, Machines, image  # noqa: F401 (a fixture)

MIB = 1 << 20
VM = "init"


@pytest.fixture(scope="module")
def machine(image):  # noqa: F811
    """One with a disk of ext4 that is smaller than the disk, and an empty one."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rv-"))
    grown = folder / "grown.img"
    grown.touch()
    subprocess.run(["mkfs.ext4", "-q", "-b", "4096", str(grown), "64M"], check=True)
    with open(grown, "r+b") as f:
        f.truncate(160 * MIB)
    machines = Machines(folder, image)
    machines.boot(VM, "--disk", grown, "--disk", "%s:size=32M" % (folder / "empty.img"))
    yield machines
    machines.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def call(machine):
    return machine.agent(VM)


def number(machine, path):
    return int(machine.output(VM, "cat " + path))


def test_it_logs_to_the_kernel(machine):
    assert machine.output(VM, "dmesg -r | grep -c '^<30>.*reeve-guest: msg=listening address='").strip() == "1"
    assert "msg=listening" not in machine.run("vm", "console", VM)  # “quiet” holds for it, too
    assert machine.output(VM, "cat /proc/sys/kernel/printk_devkmsg") == "on"


def test_limits_are_raised(machine):
    for name, least in (("fs/inotify/max_queued_events", 1048576), ("fs/inotify/max_user_instances", 1048576),
                        ("fs/inotify/max_user_watches", 1048576), ("vm/max_map_count", 262144),
                        ("net/core/rmem_max", 2097152), ("net/ipv4/ip_forward", 1)):
        assert number(machine, "/proc/sys/" + name) >= least, name
    assert machine.output(VM, "ulimit -n") == "1048576"


def test_ext4_grows(machine, call):
    assert call("Mount", source="/dev/vda", target="/mnt/stateful", fstype="ext4", create_target=True).error == 0
    machine.sh(VM, "echo here > /mnt/stateful/x")
    blocks = int(machine.output(VM, "stat -f -c %b /mnt/stateful"))
    assert call("GetResizeStatus").current_size == call("GetResizeBounds").minimum_size == 64 * MIB
    for size in 128 * MIB, 128 * MIB, 160 * MIB - 1:  # the last one is no whole block: one less
        assert guest_pb.ResizeFilesystemResponse.Status.Name(call("ResizeFilesystem", size=size).status) == "STARTED"
        status = wait_for(lambda: (lambda r: not r.resize_in_progress and r)(call("GetResizeStatus")), what="the end of it")
        assert (status.current_size, status.target_size) == (size - size % 4096, size)
    assert int(machine.output(VM, "stat -f -c %b /mnt/stateful")) > blocks * 2
    assert guest_pb.ResizeFilesystemResponse.Status.Name(call("ResizeFilesystem", size=161 * MIB).status) == "FAILED"
    with pytest.raises(grpc.RpcError) as e:
        call("ResizeFilesystem", size=100 * MIB)
    assert e.value.code().name == "FAILED_PRECONDITION" and "ext4 cannot be smaller" in e.value.details()
    assert machine.output(VM, "cat /mnt/stateful/x") == "here"
    assert call("GetAvailableSpace").available_space > 100 * MIB


def test_a_file_system_is_made(machine, call):
    """By busybox, which makes one whatever is there: so only an empty disk gets one."""
    disk = {"source": "/dev/vdb", "target": "/mnt/made", "fstype": "ext2", "create_target": True}
    assert call("Mount", **disk).error == 22
    assert call("Mount", **disk, mkfs_if_needed=True).error == 0
    machine.sh(VM, "echo here > /mnt/made/x; umount /mnt/made")
    assert call("Mount", **disk, options="no-such-option", mkfs_if_needed=True).error == 22
    assert call("Mount", **disk, mkfs_if_needed=True).error == 0
    assert machine.output(VM, "cat /mnt/made/x") == "here"


def test_a_user(machine, call):
    r = call("SetUpUser", username="me", uid=1500, group_names=["tty"])
    assert (r.success, r.failure_reason) == (True, "")
    assert machine.output(VM, "su me -c 'id; cd; pwd; touch x; ls'").split() == [
        "uid=1500(me)", "gid=1500(me)", "groups=5(tty),1500(me)", "/home/me", "x"]


def test_the_clock(machine, call):
    for at in 2_000_000_000, int(time.time()):
        call("SetTime", time={"seconds": at, "nanos": 5})
        assert 0 <= int(machine.output(VM, "date +%s")) - at < BOOT_S


def test_9p_without_its_transport(call):
    with pytest.raises(grpc.RpcError) as e:
        call("Mount9P", port=564, target="/mnt/host")
    assert e.value.code().name == "INTERNAL" and e.value.details() == "connecting to the host's port 564: No such device"
