# SPDX-License-Identifier: Apache-2.0
"""What the scenarios of reeve-guest share: the agent as PID 1 (or not) of namespaces of its own (processes, mounts,
network, host name), on a root of its own. What it mounts, kills and switches off are these namespaces and nothing else."""
import pathlib
import shutil
import socket
import subprocess

import grpc
import pytest

from conftest import BAD_WORDS, BUILD, ROOT, wait_for
from grpc_fixtures import LONG_S, messages

GUEST = BUILD / "reeve-guest"
common, guest_pb, host_pb = messages("vm/proto/common.proto", "vm/proto/vm_guest.proto", "vm/proto/vm_host.proto",
                                     folder=ROOT / "src")

# Runs in the new namespaces. The root holds what a program needs; /host leads out of it, for sockets and traces.
SCRIPT = """
set -e
cd "$1"; shift
mkdir -p usr etc proc sys dev tmp run var mnt
for d in bin sbin lib lib64; do ln -sfn usr/$d $d; done
mount --bind /usr usr
mount -o remount,bind,ro usr
mount -t tmpfs -o mode=0755 dev dev
for n in null zero; do touch dev/$n; mount --bind /dev/$n dev/$n; done
touch dev/console host/console; mount --bind host/console dev/console
test ! -e host/kmsg || { touch dev/kmsg; mount --bind host/kmsg dev/kmsg; }
mount -t proc proc proc
for d in fs vm kernel; do  # these are this machine's, not the namespaces'
  mount --bind proc/sys/$d proc/sys/$d
  mount -o remount,bind,ro proc/sys/$d
done
echo 0 > proc/sys/net/ipv4/ip_forward  # a new network has what the machine has
ip link add eth0 type veth peer name peer0 2>/dev/null && ip link set peer0 up || true
exec chroot . "$@"
"""
AS_INIT = ["/host/reeve-guest"]
AS_CHILD = ["/bin/sh", "-c", '"$@" & trap "kill -TERM $!" TERM; wait $!; wait $!', "sh", "/host/reeve-guest"]

METHODS = {
    "ConfigureNetwork": (guest_pb.NetworkConfigRequest, common.EmptyMessage),
    "Shutdown": (common.EmptyMessage, common.EmptyMessage),
    "LaunchProcess": (guest_pb.LaunchProcessRequest, guest_pb.LaunchProcessResponse),
    "Mount": (guest_pb.MountRequest, guest_pb.MountResponse),
    "GetKernelVersion": (common.EmptyMessage, guest_pb.GetKernelVersionResponse),
    "PrepareToSuspend": (common.EmptyMessage, common.EmptyMessage),
    "ResetIPv6": (common.EmptyMessage, common.EmptyMessage),
    "OnHostNetworkChanged": (common.EmptyMessage, common.EmptyMessage),
    "SetResolvConfig": (guest_pb.SetResolvConfigRequest, common.EmptyMessage),
    "SetTimezone": (guest_pb.SetTimezoneRequest, common.EmptyMessage),
    "ConfigureContainerGuest": (guest_pb.ConfigureContainerGuestRequest, common.EmptyMessage),
    "GetAvailableSpace": (common.EmptyMessage, guest_pb.GetAvailableSpaceResponse),
    "Mount9P": (guest_pb.Mount9PRequest, guest_pb.MountResponse),
    "SetTime": (guest_pb.SetTimeRequest, common.EmptyMessage),
    "ResizeFilesystem": (guest_pb.ResizeFilesystemRequest, guest_pb.ResizeFilesystemResponse),
    "GetResizeStatus": (common.EmptyMessage, guest_pb.GetResizeStatusResponse),
    "GetResizeBounds": (common.EmptyMessage, guest_pb.GetResizeBoundsResponse),
    "SetUpUser": (guest_pb.SetUpUserRequest, guest_pb.SetUpUserResponse),
}


class Guest:
    """One agent. `host` is a folder that both sides see: outside as self.host, inside as /host."""

    def __init__(self, folder, *options, init=True, files=None, kmsg=False):
        self.root = folder / "r"
        self.host = self.root / "host"
        self.host.mkdir(parents=True)
        shutil.copy(GUEST, self.host / "reeve-guest")
        self.log_path = folder / "log"
        if kmsg:  # what the agent takes for the kernel's log
            (self.host / "kmsg").touch()
        for name, content in (files or {}).items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        command = ["unshare", "--mount", "--net", "--pid", "--uts", "--fork", "--kill-child", "/bin/sh", "-c", SCRIPT, "sh",
                   str(self.root), *(AS_INIT if init else AS_CHILD), "--listen=unix:/host/s", *options]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.channel = grpc.insecure_channel("unix:%s/s" % self.host)
        wait_for(self._listens, timeout=LONG_S, what="the agent")

    def _listens(self):
        assert self.process.poll() is None, self.log()
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex("%s/s" % self.host) == 0

    def log(self):
        return self.log_path.read_text(errors="replace")

    def call(self, name, timeout=LONG_S, **fields):
        return self.begin(name, timeout, **fields).result()

    def begin(self, name, timeout=LONG_S, **fields):
        request, reply = METHODS[name]
        stub = self.channel.unary_unary("/vm_tools.Maitred/" + name, request_serializer=request.SerializeToString,
                                        response_deserializer=reply.FromString)
        return stub.future(request(**fields), timeout=timeout)

    def code(self, name, **fields):
        """The name of the status that a call gets."""
        return self.begin(name, **fields).code().name

    def launch(self, *argv, env=None, **fields):
        r = self.call("LaunchProcess", argv=argv, env=env or {}, **fields)
        return guest_pb.ProcessStatus.Name(r.status), r.code

    def sh(self, script, **fields):
        """Runs it in the guest and waits: ("EXITED", 0) and so on."""
        return self.launch("sh", "-c", script, wait_for_exit=True, **fields)

    def output(self, script):
        """What it prints."""
        assert self.sh("(%s) > /host/output" % script) == ("EXITED", 0)
        return (self.host / "output").read_text()

    def raw(self, name, request):
        return self.channel.unary_unary("/vm_tools.Maitred/" + name)(request, timeout=LONG_S)

    def mount(self, source="", target="", fstype="", flags=0, options="", **fields):
        return self.call("Mount", source=source, target=target, fstype=fstype, mountflags=flags, options=options,
                         **fields).error

    def wait(self):
        """The end of the namespace: the exit code, negative for the signal that stands for a reboot."""
        return self.process.wait(timeout=LONG_S)

    def close(self):
        self.channel.close()
        if self.process.poll() is None:
            self.process.kill()  # and with it everything inside
            self.process.wait()
        log = self.log()
        for word in BAD_WORDS:
            assert word not in log, log


@pytest.fixture
def guest_factory(tmp_path_factory):
    guests = []

    def make(*options, **more):
        g = Guest(pathlib.Path(tmp_path_factory.mktemp("g")), *options, **more)
        guests.append(g)
        return g

    yield make
    for g in guests:
        g.close()


@pytest.fixture
def guest(guest_factory):
    return guest_factory("--no-ready")
