# SPDX-License-Identifier: Apache-2.0
"""A real virtual machine: qemu without KVM, Debian's kernel, reeve-guest as its init, started and driven by reeve-host. It boots
once for most of this file."""
import json
import os
import pathlib
import signal
import time

import grpc
import pytest

from conftest import wait_for
from guest_fixtures import guest_pb
from vm_fixtures import BOOT_S, image, machines  # noqa: F401


@pytest.fixture(scope="module")
def vm(machines):
    """A machine with an empty disk, booted once; its name."""
    out = machines.boot("one", "--disk", "%s/d.img:size=64M" % machines.folder)
    assert out.startswith("one is ready after ")
    return "one"


def test_before_qemu(machines, image):
    """What cannot be started is said before anything is."""
    kernel = image / "vmlinuz"
    for words, code, text in [
            (["one", "--kernel", "/no/such"], 3, "/no/such"),
            (["one", "--kernel", "/etc"], 2, "no file"),
            (["one", "--kernel", kernel, "--initrd", "/no/such"], 3, "initrd"),
            (["one", "--kernel", kernel, "--memory", "8M"], 2, "64"),
            (["one", "--kernel", kernel, "--memory", "100T"], 2, "MiB"),
            (["one", "--kernel", kernel, "--memory", "much"], 2, "much"),
            (["one", "--kernel", kernel, "--cpus", "1000"], 2, "cpus"),
            (["one", "--kernel", kernel, "--disk", "/no/such"], 3, "/no/such"),
            (["one", "--kernel", kernel, "--disk", "/x:wo"], 2, "wo"),
            (["../one", "--kernel", kernel], 2, "name"),
            (["one", "--memory", "1G"], 2, "--kernel"),
            (["one"], 3, "no virtual machine one")]:
        assert text in machines.run("vm", "start", *words, code=code)
    assert json.loads(machines.run("vm", "list", "-o", "json")) == []
    for verb in (["stop", "one"], ["exec", "one", "--", "true"], ["remove", "one"], ["console", "one"], ["mount", "one", "a", "b", "c"]):
        assert "no virtual machine one" in machines.run("vm", *verb, code=3)


def test_no_kernel_at_all(machines):
    bad = machines.folder / "text"
    bad.write_text("no kernel\n")
    assert "qemu did not start" in machines.run("vm", "start", "broken", "--kernel", bad, code=1)
    assert machines.info("broken")["state"] == "crashed"
    machines.run("vm", "remove", "broken")
    assert machines.info("broken") is None and not (machines.state / "vms/broken").exists()


def test_ready(machines, vm):
    info = machines.info(vm)
    assert info["state"] == "ready" and info["pid"] > 0 and info["memory_mib"] == 192
    assert "one" in machines.run("vm", "list")
    assert "runs already" in machines.run("vm", "start", vm, "--kernel", machines.image / "vmlinuz", code=5)
    assert oct((machines.state / "vms/one").stat().st_mode)[-3:] == "700"
    addresses = machines.output(vm, "ip -4 addr show eth0; ip route; cat /etc/resolv.conf")
    assert "inet 10.0.2.15/24" in addresses and "default via 10.0.2.2" in addresses and "nameserver 10.0.2.3" in addresses
    assert abs(int(machines.output(vm, "date +%s")) - time.time()) < 60
    assert "PATH=" in machines.output(vm, "env") and machines.output(vm, "echo $$ $PPID").split()[1] == "1"


def test_programs(machines, vm):
    machines.sh(vm, "exit 0")
    machines.sh(vm, "exit 7", code=7)
    assert "signal 9" in machines.sh(vm, "kill -9 $$", code=137)
    assert "could not start" in machines.run("vm", "exec", vm, "--", "no-such-program", code=1)
    machines.run("vm", "exec", "--detach", vm, "--", "sh", "-c", "sleep 1000")
    assert machines.output(vm, "pgrep -f 'sleep 1000' | wc -l").strip() >= "1"


def test_only_with_the_token(machines, vm):
    call = machines.agent(vm)
    assert call("GetKernelVersion").kernel_release
    for shown in (None, "", "x" * 64, (machines.state / "vms/one/token").read_text()[:-2]):
        with pytest.raises(grpc.RpcError) as e:
            call("GetKernelVersion", shown=shown)
        assert e.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_respawn_limit(machines, vm):
    call = machines.agent(vm)
    r = call("LaunchProcess", argv=["sh", "-c", "echo >> /tmp/starts; exit 1"], respawn=True)
    assert guest_pb.ProcessStatus.Name(r.status) == "LAUNCHED"

    def starts():
        return int(machines.output(vm, "wc -l < /tmp/starts"))

    wait_for(lambda: starts() >= 10, timeout=BOOT_S, what="ten starts")
    time.sleep(0.5)  # what must not happen shows in no event
    assert starts() == 10


def test_mounts(machines, vm):
    machines.sh(vm, "mke2fs -q /dev/vda")
    machines.run("vm", "mount", vm, "/dev/vda", "/mnt/disk", "ext4")
    machines.sh(vm, "echo kept > /mnt/disk/file")
    machines.run("vm", "mount", vm, "tmpfs", "/mnt/tmp", "tmpfs", "size=1m")
    assert "No such file" in machines.run("vm", "mount", vm, "/dev/vdz", "/mnt/x", "ext4", code=1)
    assert "No such device" in machines.run("vm", "mount", vm, "x", "/mnt/x", "nofs", code=1)
    assert "Invalid" in machines.run("vm", "mount", vm, "tmpfs", "/mnt/x", "tmpfs", "size=much", code=1)
    mounts = machines.output(vm, "cat /proc/mounts")
    assert "/dev/vda /mnt/disk ext4" in mounts and "tmpfs /mnt/tmp tmpfs" in mounts


def test_only_the_host_calls_over_vsock(machines, vm):
    """With a loopback for vsock any process of the guest could call its agent, as CID 1."""
    machines.sh(vm, "insmod /lib/modules/vsock_loopback.ko")

    def ask(port, *more):
        machines.run("vm", "exec", "--detach", "--console", vm, "--", "/init", "--listen=vsock:%d" % port, "--no-ready", *more)
        machines.run("vm", "exec", "--detach", "--console", vm, "--", "/init", "--listen=unix:/tmp/%d" % port, "--ready=vsock:1:%d" % port)

    ask(9001, "--allow-cid=1")  # our agent has no VmReady, but it answers that
    wait_for(lambda: "code=UNIMPLEMENTED" in machines.run("vm", "console", vm), timeout=BOOT_S, what="the answer")
    ask(9002)
    wait_for(lambda: "turned away" in machines.run("vm", "console", vm), timeout=BOOT_S, what="the refusal")


def test_the_daemon_starts_again(machines, vm):
    pid = machines.info(vm)["pid"]
    machines.stop_daemon()
    os.kill(pid, 0)  # it runs on
    machines.start_daemon()
    assert machines.info(vm)["pid"] == pid
    wait_for(lambda: machines.info(vm)["state"] == "ready", timeout=BOOT_S, what="the machine")
    machines.sh(vm, "test -e /tmp/starts")
    assert (machines.agent(vm))("GetKernelVersion").kernel_release


def test_the_daemon_is_killed(machines, vm):
    pid = machines.info(vm)["pid"]
    machines.daemon.kill()
    machines.daemon.wait()
    machines.daemon.stdout.close()
    machines.start_daemon()
    assert machines.info(vm)["pid"] == pid
    machines.sh(vm, "exit 3", code=3)


def test_stop_and_start_again(machines, vm):
    pid = machines.info(vm)["pid"]
    machines.run("vm", "stop", vm)
    assert machines.info(vm)["state"] == "stopped" and machines.info(vm)["pid"] == 0
    assert sorted(p.name for p in (machines.state / "vms/one").iterdir()) == ["console", "spec.json"]
    assert not pathlib.Path("/proc/%d/cmdline" % pid).exists() or not pathlib.Path("/proc/%d/cmdline" % pid).read_bytes()
    assert "does not run" in machines.run("vm", "stop", vm, code=5)
    assert "is stopped" in machines.run("vm", "exec", vm, "--", "true", code=5)
    machines.run("vm", "start", vm)  # as it is remembered
    machines.run("vm", "mount", vm, "/dev/vda", "/mnt/disk", "ext4")
    machines.sh(vm, "grep -q kept /mnt/disk/file")  # it was unmounted well


def test_a_server_commands_it(machines, vm, reeved):
    """The host enrolls, its machine appears below it, and an administrator's commands reach the guest."""
    reeved.settle()
    admin = reeved.admin()

    def devices():
        return {d["name"]: d for d in admin.get("/api/v1/devices").json()["items"]}

    def command(type, **params):
        n = admin.post("/api/v1/commands", json={"device": devices()[vm]["id"], "type": type, "params": params}).json()["id"]
        wait_for(lambda: admin.get("/api/v1/commands/%d" % n).json()["state"] in ("done", "failed"), timeout=BOOT_S, what=type)
        return admin.get("/api/v1/commands/%d" % n).json()

    def state():
        return admin.get("/api/v1/devices/%d" % devices()[vm]["id"]).json()["attributes"].get("vm.state")

    machines.stop_daemon()
    machines.start_daemon("--server", reeved.url, "--enrollment-token", reeved.enrollment_token(uses=1))
    wait_for(lambda: vm in devices() and state() == "running", timeout=BOOT_S, what="the machine as a device")
    assert devices()[vm]["kind"] == "vm"
    assert command("launch", argv=["sh", "-c", "exit 0"], wait_for_exit=True)["state"] == "done"
    failed = command("launch", argv=["sh", "-c", "exit 4"], wait_for_exit=True)
    assert failed["state"] == "failed" and failed["result"] == {"status": "EXITED", "code": 4}
    assert command("mount", source="tmpfs", target="/mnt", fstype="tmpfs")["state"] == "done"
    assert command("mount", source="x", target="/mnt", fstype="nofs")["result"] == {"error": 19}
    pid = machines.info(vm)["pid"]
    assert command("reboot")["state"] == "done" and machines.info(vm)["pid"] != pid
    assert "/mnt" not in machines.output(vm, "cut -d' ' -f2 /proc/mounts").split()
    assert command("shutdown")["state"] == "done"
    wait_for(lambda: state() == "stopped", timeout=BOOT_S, what="its state")
    machines.run("vm", "start", vm)


def test_qemu_is_killed(machines, vm):
    assert machines.info(vm)["state"] == "ready"
    os.kill(machines.info(vm)["pid"], signal.SIGKILL)
    wait_for(lambda: machines.info(vm)["state"] == "crashed", timeout=60, what="the crash")
    assert "qemu has ended" in machines.info(vm)["why"] and "qemu has ended" in machines.run("vm", "list")
    assert sorted(p.name for p in (machines.state / "vms/one").iterdir()) == ["console", "spec.json"]
    machines.run("vm", "remove", vm)
    assert machines.info(vm) is None
