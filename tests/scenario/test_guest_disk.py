# SPDX-License-Identifier: Apache-2.0
"""Disks of reeve-guest: file systems made, and made larger or smaller while they are mounted. The disks are loop devices, the
file systems the kernel's own."""
import errno
import pathlib
import shutil
import subprocess

import pytest

from conftest import wait_for
from grpc_fixtures import LONG_S
from guest_fixtures import guest, guest_factory, guest_pb  # noqa: F401 (fixtures)

MIB = 1 << 20
CAP_SYS_RESOURCE = 24
STARTED, FAILED, BUSY = (guest_pb.ResizeFilesystemResponse.Status.Value(n) for n in ("STARTED", "FAILED", "ALREADY_IN_PROGRESS"))


class Disk:
    """A loop device, with its node in the guest."""

    def __init__(self, path, mib):
        self.path = path
        with open(path, "wb") as f:
            f.truncate(mib * MIB)
        r = subprocess.run(["losetup", "-f", "--show", str(path)], capture_output=True, text=True)
        if r.returncode:
            pytest.skip("no loop devices: " + r.stderr)
        self.device = r.stdout.strip()

    def appear(self, guest):
        guest.sh("test -e %s || mknod %s b 7 %s" % (self.device, self.device, self.device.removeprefix("/dev/loop")))
        return self.device

    def grow(self, mib):
        with open(self.path, "r+b") as f:
            f.truncate(mib * MIB)
        subprocess.run(["losetup", "-c", self.device], check=True)

    def detach(self):
        subprocess.run(["losetup", "-d", self.device], check=True)


@pytest.fixture
def disk_factory(tmp_path_factory, guest_factory):  # its guests have ended before the disks go
    disks = []

    def make(mib):
        disks.append(Disk(tmp_path_factory.mktemp("d") / "image", mib))
        return disks[-1]

    yield make
    for d in disks:
        d.detach()


def mounted(guest, disk, kind, mkfs, target="/mnt/stateful"):
    """The disk with a file system of that kind, on the stateful place."""
    with open("/proc/filesystems", encoding="utf-8") as f:
        if kind not in f.read().split() or not shutil.which(mkfs[0]):
            pytest.skip("no %s here" % kind)
    subprocess.run([*mkfs, disk.device], check=True, stdout=subprocess.DEVNULL)
    assert guest.mount(disk.appear(guest), target, kind, create_target=True) == 0


@pytest.mark.parametrize("kind, mib", [("ext4", 32), ("btrfs", 128)])
def test_a_file_system_is_made(guest, disk_factory, kind, mib):
    if not shutil.which("mkfs." + kind):
        pytest.skip("no mkfs." + kind)
    disk = disk_factory(mib)
    where = {"source": disk.appear(guest), "target": "/mnt", "fstype": kind}
    assert guest.mount(**where) == errno.EINVAL
    assert guest.mount(**where, mkfs_if_needed=True) == 0
    assert guest.output("stat -f -c %T /mnt").strip() == {"ext4": "ext2/ext3"}.get(kind, kind)
    guest.sh("echo here > /mnt/x; umount /mnt")
    # EINVAL, but not for want of a file system: what is on the disk stays
    assert guest.mount(**where, options="no-such-option", mkfs_if_needed=True) == errno.EINVAL
    other = "btrfs" if kind == "ext4" else "ext4"
    assert guest.mount(**{**where, "fstype": other}, mkfs_if_needed=True) == errno.EINVAL
    assert guest.mount(**where, mkfs_if_needed=True) == 0
    assert guest.output("cat /mnt/x") == "here\n"


def sizes(guest):
    r = guest.call("GetResizeStatus")
    return r.resize_in_progress, r.current_size // MIB, r.target_size // MIB


def resized(guest, mib):
    status = guest.call("ResizeFilesystem", size=mib * MIB).status
    wait_for(lambda: not guest.call("GetResizeStatus").resize_in_progress, timeout=LONG_S, what="the end of it")
    return status


@pytest.fixture
def may_resize_ext4():
    """The kernel wants this capability for it; a machine that has none of it leaves the test to a virtual one."""
    with open("/proc/self/status", encoding="utf-8") as f:
        if not int(f.read().split("CapEff:")[1].split()[0], 16) >> CAP_SYS_RESOURCE & 1:
            pytest.skip("no CAP_SYS_RESOURCE")


def test_ext4_grows(guest, disk_factory, may_resize_ext4):
    disk = disk_factory(64)
    mounted(guest, disk, "ext4", ["mkfs.ext4", "-q", "-b", "4096"])
    guest.sh("echo here > /mnt/stateful/x")
    blocks = int(guest.output("stat -f -c %b /mnt/stateful"))
    assert sizes(guest) == (False, 64, 64)
    assert guest.call("GetResizeBounds").minimum_size == 64 * MIB
    disk.grow(160)
    assert sizes(guest) == (False, 64, 64)
    assert resized(guest, 128) == STARTED
    assert sizes(guest) == (False, 128, 128)
    assert int(guest.output("stat -f -c %b /mnt/stateful")) > blocks * 1.8
    assert resized(guest, 128) == STARTED  # again is no mistake
    assert guest.call("ResizeFilesystem", size=160 * MIB - 1).status == STARTED  # not a whole block: one less
    wait_for(lambda: guest.call("GetResizeStatus").current_size == 160 * MIB - 4096, timeout=LONG_S, what="its size")
    call = guest.begin("ResizeFilesystem", size=100 * MIB)
    assert call.code().name == "FAILED_PRECONDITION" and "ext4 cannot be smaller than %d" % (160 * MIB - 4096) in call.details()
    assert guest.output("cat /mnt/stateful/x") == "here\n"
    assert guest.call("GetAvailableSpace").available_space > 64 * MIB


def test_btrfs_grows_and_shrinks(guest, disk_factory):
    disk = disk_factory(512)
    mounted(guest, disk, "btrfs", ["mkfs.btrfs", "-q"])
    guest.sh("head -c 20000000 /dev/urandom > /mnt/stateful/x; sha256sum < /mnt/stateful/x > /host/sum; sync")
    assert sizes(guest) == (False, 512, 512)
    disk.grow(640)
    assert resized(guest, 640) == STARTED
    assert sizes(guest) == (False, 640, 640)
    minimum = guest.call("GetResizeBounds").minimum_size
    assert 256 * MIB <= minimum < 512 * MIB
    call = guest.begin("ResizeFilesystem", size=minimum - 1)
    assert call.code().name == "FAILED_PRECONDITION" and str(minimum) in call.details()
    assert resized(guest, 500) == STARTED
    assert sizes(guest) == (False, 500, 500)
    assert guest.output("sha256sum < /mnt/stateful/x") == (guest.host / "sum").read_text()


def test_waits_for_the_disk_to_grow(guest, disk_factory):
    """Hosts enlarge the disk and ask at once."""
    disk = disk_factory(300)
    mounted(guest, disk, "btrfs", ["mkfs.btrfs", "-q"])
    call = guest.begin("ResizeFilesystem", size=400 * MIB)
    wait_for(lambda: guest.call("GetResizeStatus").resize_in_progress, what="the resize")
    assert guest.call("ResizeFilesystem", size=350 * MIB).status == BUSY
    disk.grow(400)
    assert call.result().status == STARTED
    wait_for(lambda: sizes(guest) == (False, 400, 400), timeout=LONG_S, what="its size")


def test_a_disk_that_stays_small(guest, disk_factory):
    disk = disk_factory(300)
    mounted(guest, disk, "btrfs", ["mkfs.btrfs", "-q"])
    assert guest.call("ResizeFilesystem", size=301 * MIB).status == FAILED
    assert "the disk has %d bytes" % (300 * MIB) in guest.log()
    assert sizes(guest) == (False, 300, 301)
    disk.grow(301)
    assert resized(guest, 301) == STARTED  # it may be asked for again


def test_a_disk_whose_resize_the_kernel_refuses(guest, disk_factory):
    """What was begun and failed shows: the size is not the one that was asked for."""
    disk = disk_factory(300)
    mounted(guest, disk, "ext4", ["mkfs.ext4", "-q"])
    disk.grow(400)
    guest.sh("mount -o remount,ro /mnt/stateful")
    assert resized(guest, 400) == STARTED
    assert sizes(guest) == (False, 300, 400)
    assert "resizing the file system" in guest.log()


def test_what_cannot_be_resized(guest):
    assert guest.code("ResizeFilesystem") == "INVALID_ARGUMENT"
    for _ in range(2):  # on / there is nothing of a kind we know; on tmpfs neither
        if guest.output("stat -f -c %T /").strip() not in ("ext2/ext3", "btrfs"):
            call = guest.begin("ResizeFilesystem", size=MIB)
            assert call.code().name == "FAILED_PRECONDITION" and "neither ext4 nor btrfs" in call.details()
            for name in "GetResizeStatus", "GetResizeBounds":
                assert guest.code(name) == "FAILED_PRECONDITION"
        assert guest.mount(target="/mnt/stateful", fstype="tmpfs", create_target=True) == 0


HANGING = """
import ctypes, os, time
fd = os.open("/dev/fuse", os.O_RDWR)
options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fd
assert ctypes.CDLL(None).mount(b"hangs", b"/mnt/stateful", b"fuse", 0, options) == 0
open("/host/mounted", "w").close()
time.sleep(1000)
"""


def test_a_disk_that_does_not_answer_holds_up_nobody(guest):
    """A file system of FUSE whose program never answers."""
    if not pathlib.Path("/dev/fuse").exists():
        pytest.skip("no /dev/fuse")
    (guest.host / "hangs.py").write_text(HANGING)
    guest.sh("mknod /dev/fuse c 10 229; mkdir -p /mnt/stateful")
    guest.launch("python3", "/host/hangs.py")
    wait_for((guest.host / "mounted").exists, what="the file system")
    calls = [guest.begin(name) for name in ("GetAvailableSpace", "GetResizeStatus", "PrepareToSuspend")]
    assert guest.call("GetKernelVersion").kernel_release
    assert guest.mount(target="/mnt/external", fstype="tmpfs", create_target=True) == 0  # one worker is left
    assert guest.sh("exit 3") == ("EXITED", 3)
    assert not calls[0].done()
    guest.sh("pkill python3")
    assert calls[0].code().name == "INTERNAL" and "not connected" in calls[0].details()
    assert calls[1].code().name == "INTERNAL"
    assert calls[2].code().name == "OK"


def test_btrfs_on_two_disks(guest, disk_factory):
    one, two = disk_factory(256), disk_factory(256)
    two.appear(guest)
    mounted(guest, one, "btrfs", ["mkfs.btrfs", "-q", two.device])
    call = guest.begin("ResizeFilesystem", size=300 * MIB)
    assert call.code().name == "FAILED_PRECONDITION" and "2 disks" in call.details()
