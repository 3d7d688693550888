# SPDX-License-Identifier: Apache-2.0
"""reeve-guest as PID 1 of a namespace, called by grpcio with messages made from the .proto files: what each call answers to
good and bad requests, as maitred does it and where it is meant to be better."""
import concurrent.futures
import errno
import pathlib
import socket
import struct
import threading
import time

import grpc
import pytest

from conftest import wait_for
from grpc_fixtures import LONG_S
from guest_fixtures import METHODS, guest, guest_factory, guest_pb  # noqa: F401 (fixtures)

SHUT_OFF, REBOOT = -2, -1  # what reboot() in a pid namespace is to its parent


def quad(text):
    return struct.unpack("=I", socket.inet_aton(text))[0]


def ipv4(address, netmask, gateway):
    return {"ipv4_config": {"address": quad(address), "netmask": quad(netmask), "gateway": quad(gateway)}}


# ---- the wire ----


@pytest.mark.parametrize("name, request_hex, answer_hex", [
    ("LaunchProcess", "0a0273680a022d630a0665786974203312060a01411201422801", "08011006"),
    ("LaunchProcess", "0a0273680a022d630a0a6b696c6c202d392024242801", "08021012"),
    ("LaunchProcess", "0a0474727565", "0803"),
    ("LaunchProcess", "0a046e6f6e65", "0804"),
    ("LaunchProcess", "0a04747275652801", "0801"),
    ("Mount", "0a082f6465762f76646212152f6d6e742f636f6e7461696e65725f726f6f7466731a04657874342001", "0804"),
    ("Mount", "1a05746d7066731204" + "/mnt".encode().hex() + "2a03783d79", "082c"),
    ("Mount", "1a05746d7066731204" + "/mnt".encode().hex(), ""),
])
def test_golden_bytes(guest, name, request_hex, answer_hex):
    assert guest.raw(name, bytes.fromhex(request_hex)).hex() == answer_hex


def test_refused_by_the_library(guest):
    assert guest.begin("GetKernelVersion").result().kernel_release
    for name, request, code in [("Nope", b"", "UNIMPLEMENTED"), ("Mount", b"\xff", "INTERNAL"),
                                ("Mount", b"\x0a\x03a\0b", "INTERNAL"), ("Mount", b"x" * (5 << 20), "RESOURCE_EXHAUSTED")]:
        with pytest.raises(grpc.RpcError) as e:
            guest.raw(name, request)
        assert e.value.code().name == code


# ---- LaunchProcess ----


@pytest.mark.parametrize("fields, outcome", [
    ({"argv": ["true"]}, ("LAUNCHED", 0)),
    ({"argv": ["sh", "-c", "exit 3"], "wait_for_exit": True}, ("EXITED", 3)),
    ({"argv": ["sh", "-c", "kill -TERM $$"], "wait_for_exit": True}, ("SIGNALED", 15)),
    ({"argv": ["no-such-program"], "wait_for_exit": True}, ("FAILED", 0)),
    ({"argv": ["no-such-program"], "respawn": True}, ("FAILED", 0)),
    ({"argv": ["/etc"]}, ("FAILED", 0)),
    ({"argv": [""]}, ("FAILED", 0)),
    ({"argv": ["true"], "env": {"PATH": "/nowhere"}}, ("FAILED", 0)),
    ({"argv": ["true"], "env": {"": "x"}}, ("FAILED", 0)),
    ({"argv": ["true"], "env": {"a=b": "x"}}, ("FAILED", 0)),
    ({"argv": ["sh", "-c", 'test "$E|$F" = "|1 2"'], "env": {"E": "", "F": "1 2"}, "wait_for_exit": True}, ("EXITED", 0)),
    ({"argv": ["true"], "use_console": True, "wait_for_exit": True}, ("EXITED", 0)),
])
def test_launch(guest, fields, outcome):
    argv = fields.pop("argv")
    assert guest.launch(*argv, **fields) == outcome


def test_launch_refusals(guest):
    assert guest.code("LaunchProcess") == "INVALID_ARGUMENT"
    assert guest.code("LaunchProcess", argv=["true"], respawn=True, wait_for_exit=True) == "INVALID_ARGUMENT"


def test_what_a_child_gets(guest):
    assert guest.output("env | grep -vE '^(_|PWD|OLDPWD|SHLVL)='") == "PATH=/usr/bin:/usr/sbin:/bin:/sbin\n"
    assert guest.output("umask; pwd; id -u; ls /proc/self/fd | wc -l").split() == ["0022", "/", "0", "4"]
    assert guest.output("grep -E 'SigBlk|SigIgn' /proc/self/status | tr -s '\\t\\n' '  '").split() == [
        "SigBlk:", "0" * 16, "SigIgn:", "0" * 16]
    assert guest.output("readlink /proc/$$/fd/0").strip() == "/dev/null"
    sid, pid = guest.output("cut -d' ' -f6,1 /proc/$PPID/stat").split()[:2]
    assert sid == pid  # a session of its own


def test_console(guest):
    assert guest.launch("echo", "hello", use_console=True, wait_for_exit=True) == ("EXITED", 0)
    assert "hello" in (guest.host / "console").read_text()


def test_a_waiting_process_holds_up_nobody(guest):
    waiting = [guest.begin("LaunchProcess", argv=["sleep", "1000"], wait_for_exit=True) for _ in range(20)]
    assert guest.sh("exit 5") == ("EXITED", 5)
    assert guest.mount(target="/mnt", fstype="tmpfs") == 0
    assert not any(w.done() for w in waiting)
    guest.sh("pkill sleep")
    assert [w.result().code for w in waiting] == [15] * 20


def test_many_processes_at_once(guest):
    calls = [guest.begin("LaunchProcess", argv=["sh", "-c", "exit %d" % (i % 100)], wait_for_exit=True) for i in range(200)]
    assert [c.result().code for c in calls] == [i % 100 for i in range(200)]


def test_a_chatty_process_ends(guest):
    assert guest.sh("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 4") == ("EXITED", 4)


def test_who_stops_waiting_does_not_end_the_process(guest):
    waiting = guest.begin("LaunchProcess", argv=["sh", "-c", "while ! test -e /host/go; do sleep 0.05; done; touch /host/went"],
                          wait_for_exit=True, timeout=0.5)
    assert waiting.code().name == "DEADLINE_EXCEEDED"
    (guest.host / "go").touch()
    wait_for((guest.host / "went").exists, timeout=LONG_S, what="the process to go on")


def test_respawn_gives_up_after_ten_starts(guest):
    assert guest.launch("sh", "-c", "echo x >> /host/starts; exit 1", respawn=True) == ("LAUNCHED", 0)
    starts = guest.host / "starts"
    wait_for(lambda: starts.exists() and len(starts.read_text()) == 20, timeout=LONG_S, what="ten starts")
    time.sleep(0.5)
    assert len(starts.read_text()) == 20
    assert "is not started any more" in guest.log()


def test_respawn_brings_it_back(guest):
    assert guest.launch("sleep", "1001", respawn=True) == ("LAUNCHED", 0)
    pid = lambda: guest.output("pgrep -f 'sleep 100[1]' || true").strip()  # noqa: E731
    first = wait_for(pid, what="the process")
    guest.sh("kill -9 %s" % first)
    wait_for(lambda: pid() not in ("", first), timeout=LONG_S, what="its successor")


def test_orphans_are_reaped_and_no_exit_code_is_stolen(guest):
    script = "for i in $(seq 20); do (sleep 0.0$i; exit 1) & done; exit 33"
    calls = [guest.begin("LaunchProcess", argv=["sh", "-c", script], wait_for_exit=True) for _ in range(10)]
    assert [c.result().code for c in calls] == [33] * 10
    wait_for(lambda: not guest.output("grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null || true").strip(),
             timeout=LONG_S, what="the zombies to go")


# ---- Mount ----


@pytest.mark.parametrize("fields, error", [
    ({"target": "/mnt", "fstype": "tmpfs"}, 0),
    ({"target": "/nowhere", "fstype": "tmpfs"}, errno.ENOENT),
    ({"target": "", "fstype": "tmpfs"}, errno.ENOENT),
    ({"target": "/host/reeve-guest", "fstype": "tmpfs"}, errno.ENOTDIR),
    ({"target": "/mnt", "fstype": "nofs"}, errno.ENODEV),
    ({"target": "/mnt", "fstype": ""}, errno.ENODEV),
    ({"target": "/mnt", "fstype": "tmpfs", "options": "bad=1"}, errno.EINVAL),
    ({"source": "/dev/none", "target": "/mnt", "fstype": "ext4"}, errno.ENOENT),
    ({"target": "/mnt", "flags": 32}, errno.EINVAL),
    ({"target": "/" + "x" * 300, "fstype": "tmpfs"}, errno.ENAMETOOLONG),
    ({"source": "/usr", "target": "/mnt", "flags": 4096}, 0),
    ({"source": "/usr", "target": "/host/reeve-guest", "flags": 4096}, errno.ENOTDIR),
])
def test_mount(guest, fields, error):
    assert guest.mount(**fields) == error


def test_mount_really_mounts(guest):
    assert guest.mount(target="/mnt", fstype="tmpfs", flags=1, options="size=4k") == 0
    assert guest.sh("touch /mnt/x")[1] != 0  # read-only
    assert guest.mount(target="/mnt", fstype="tmpfs") == 0  # over it
    assert guest.sh("touch /mnt/x") == ("EXITED", 0)


def test_mount_makes_its_target(guest):
    assert guest.mount(target="/mnt/a/b", fstype="tmpfs") == errno.ENOENT
    assert guest.mount(target="/mnt/a/b", fstype="tmpfs", create_target=True, permissions=0o751) == 0
    assert guest.output("stat -c %a /mnt/a/b").strip() == "751"
    assert guest.code("Mount", target="/host/reeve-guest/x", fstype="tmpfs", create_target=True) == "INTERNAL"
    assert guest.mount(target="/mnt/external/0", fstype="none") == 0  # what ChromeOS's hosts ask for


def test_mount_makes_a_file_system(guest):
    """With a double of mkfs; test_guest_disk.py has real ones."""
    disk = {"source": "/dev/null", "target": "/mnt", "fstype": "tmpfs", "options": "bad=1"}
    assert guest.mount(**disk) == errno.EINVAL
    call = guest.begin("Mount", source="/dev/null", target="/mnt", fstype="tmpfs", options="bad=1", mkfs_if_needed=True)
    assert call.code().name == "INTERNAL" and "mkfs.tmpfs: No such file" in call.details()
    guest.mount(target="/usr/sbin", fstype="tmpfs")
    guest.sh("printf '#!/bin/sh\\necho $1 >> /host/made\\ntest -e /host/fail && exit 1; exit 0\\n' > /usr/sbin/mkfs.tmpfs; "
             "chmod 755 /usr/sbin/mkfs.tmpfs")
    assert guest.mount(**disk, mkfs_if_needed=True) == errno.EINVAL  # tried again, once
    assert (guest.host / "made").read_text() == "/dev/null\n"
    assert guest.mount(target="/mnt", fstype="nofs", mkfs_if_needed=True) == errno.ENODEV
    (guest.host / "fail").touch()
    assert guest.code("Mount", **{"mountflags": 0, **disk}, mkfs_if_needed=True) == "INTERNAL"
    assert (guest.host / "made").read_text() == "/dev/null\n" * 2
    for name in "/host/made", "/etc", "/nowhere":  # something, or nothing, that is not an empty disk
        assert guest.mount(**{**disk, "source": name}, mkfs_if_needed=True) == errno.EINVAL
    assert (guest.host / "made").read_text() == "/dev/null\n" * 2


# ---- ConfigureNetwork ----


def test_network(guest):
    good = ipv4("100.115.92.6", "255.255.255.252", "100.115.92.5")
    show = "ip -4 -o addr show eth0; ip route show default; cat /sys/class/net/eth0/flags /sys/class/net/lo/flags"
    for _ in range(3):  # again changes nothing, and is no mistake
        guest.call("ConfigureNetwork", **good)
        out = guest.output(show)
        assert "100.115.92.6/30" in out and out.count("default via 100.115.92.5 dev eth0") == 1
    assert all(int(f, 16) & 1 for f in out.split("\n")[-3:-1])  # both are up

    guest.call("ConfigureNetwork", **ipv4("10.0.2.15", "255.255.255.0", "10.0.2.2"))
    out = guest.output(show)
    assert "10.0.2.15/24" in out and "100.115" not in out and out.count("default") == 1
    guest.call("ConfigureNetwork", **ipv4("10.0.2.15", "255.255.255.0", "10.0.2.3"))  # only the gateway
    out = guest.output(show)
    assert "default via 10.0.2.3" in out and out.count("default") == 1


FORWARDING = ("cat /proc/sys/net/ipv4/ip_forward; "
              "cat /proc/sys/net/ipv6/conf/eth0/accept_ra /proc/sys/net/ipv6/conf/all/forwarding 2>/dev/null || printf '2\\n1\\n'")


def test_network_of_an_init_forwards(guest):
    """Its containers are behind it; a daemon leaves that to the distribution around it (below)."""
    assert guest.output("cat /proc/sys/net/ipv4/ip_forward").split() == ["0"]
    assert guest.code("ConfigureNetwork") == "INVALID_ARGUMENT"
    assert guest.output("cat /proc/sys/net/ipv4/ip_forward").split() == ["0"]
    guest.call("ConfigureNetwork", **ipv4("10.0.2.15", "255.255.255.0", "10.0.2.2"))
    assert guest.output(FORWARDING).split() == ["1", "2", "1"]


@pytest.mark.parametrize("config", [
    {}, {"ipv4_config": {}}, ipv4("0.0.0.0", "255.0.0.0", "10.0.0.1"), ipv4("10.0.0.2", "0.0.0.0", "10.0.0.1"),
    ipv4("10.0.0.2", "255.0.0.0", "0.0.0.0"), ipv4("10.0.0.2", "255.0.255.0", "10.0.0.1"),
    ipv4("10.0.0.2", "255.255.255.0", "10.0.1.1"), ipv4("10.0.0.2", "255.255.255.0", "10.0.0.2"),
])
def test_network_refusals_touch_nothing(guest, config):
    guest.call("ConfigureNetwork", **ipv4("10.0.2.15", "255.255.255.0", "10.0.2.2"))
    before = guest.output("ip -4 -o addr show eth0; ip route")
    assert guest.code("ConfigureNetwork", **config) == "INVALID_ARGUMENT"
    assert guest.output("ip -4 -o addr show eth0; ip route") == before


def test_network_without_its_interface(guest_factory):
    g = guest_factory("--no-ready", "--interface=none0")
    call = g.begin("ConfigureNetwork", **ipv4("10.0.2.15", "255.255.255.0", "10.0.2.2"))
    assert call.code().name == "INTERNAL" and "No such device" in call.details()


# ---- later calls ----


def test_kernel_version(guest):
    r = guest.call("GetKernelVersion")
    assert [r.kernel_release, r.kernel_version] == guest.output("uname -r; uname -v").splitlines()


def test_prepare_to_suspend(guest):
    guest.call("PrepareToSuspend")


def test_set_time_refusals(guest):
    """Good ones would set this machine's clock: they are for a virtual machine."""
    for time_ in None, {}, {"seconds": 0, "nanos": 5}, {"seconds": 1, "nanos": 1_000_000_000}, {"seconds": 1, "nanos": -1}:
        assert guest.code("SetTime", time=time_) == "INVALID_ARGUMENT"


def test_resolv_config(guest):
    assert guest.output("cat /run/resolv.conf").startswith("nameserver 8.8.8.8\n")  # an init begins with these
    guest.call("SetResolvConfig", resolv_config={"nameservers": ["10.0.2.3", "fe80::1"], "search_domains": ["a.example", "b"]})
    assert guest.output("cat /run/resolv.conf") == (
        "nameserver 10.0.2.3\nnameserver fe80::1\nsearch a.example b\noptions single-request timeout:1 attempts:5\n")
    assert guest.code("SetResolvConfig", resolv_config={"nameservers": ["10.0.2.3\noptions x"]}) == "INVALID_ARGUMENT"
    assert "fe80::1" in guest.output("cat /run/resolv.conf")
    guest.call("SetResolvConfig")
    assert guest.output("cat /run/resolv.conf").startswith("nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 2001:")


def test_timezone(guest):
    if not pathlib.Path("/usr/share/zoneinfo/Europe/Berlin").exists():
        pytest.skip("tzdata is not installed")
    for name in "", "Europe/Nowhere", "../../etc/passwd", "x" * 1000:
        assert guest.code("SetTimezone", timezone_name=name) == "INTERNAL"
    for name in "Europe/Berlin", "UTC", "UTC":
        guest.call("SetTimezone", timezone_name=name)
        assert guest.output("readlink /etc/localtime").strip() == "/usr/share/zoneinfo/" + name
    calls = [guest.begin("SetTimezone", timezone_name="UTC") for _ in range(60)]
    assert {c.code().name for c in calls} == {"OK"}  # one after another
    guest.sh("rm /etc/localtime; touch /etc/localtime")
    for _ in range(2):
        guest.call("SetTimezone", timezone_name="Europe/Berlin", use_bind_mount=True)
        assert guest.output("TZ= date +%Z; grep -c ' /etc/localtime ' /proc/mounts").split()[1] == "1"


def test_container_token(guest):
    guest.call("ConfigureContainerGuest", container_token="3f1bc010", vm_username="me")
    assert guest.output("cat /dev/.container_token; stat -c ' %a' /dev/.container_token").split() == ["3f1bc010", "644"]


def test_available_space(guest):
    assert guest.call("GetAvailableSpace").available_space > 0
    assert guest.mount(target="/mnt/stateful", fstype="tmpfs", options="size=1m", create_target=True) == 0
    assert 0 < guest.call("GetAvailableSpace").available_space <= 1 << 20


def test_mount_9p_refusals(guest):
    """Whoever has the transport and the file system sees more: test_guest_machine.py goes one step further."""
    call = guest.begin("Mount9P", port=564, target="/host/reeve-guest/x")
    assert call.code().name == "INTERNAL" and "making the folder: Not a directory" in call.details()
    call = guest.begin("Mount9P", port=564)
    assert call.code().name == "INTERNAL" and "making the folder: No such file" in call.details()


@pytest.mark.parametrize("name", ["StartTermina", "UpdateStorageBalloon"])
def test_what_only_chromeos_has(guest, name):
    with pytest.raises(grpc.RpcError) as e:
        guest.raw(name, b"")
    assert e.value.code().name == "UNIMPLEMENTED"


def test_every_call_of_the_protocol_is_served(guest):
    for method in guest_pb.DESCRIPTOR.services_by_name["Maitred"].methods:
        assert method.name in METHODS
        with pytest.raises(grpc.RpcError) as e:  # none decodes this; one that is not there would say so first
            guest.raw(method.name, b"\xff")
        assert e.value.code().name == "INTERNAL", method.name


def test_host_network_changed(guest):
    if not pathlib.Path("/proc/sys/net/ipv6").exists():
        pytest.skip("no IPv6")
    guest.launch("sh", "-c", "printf dnsmasq > /proc/self/comm; trap 'touch /host/hup' HUP; touch /host/waits; "
                             "while :; do sleep 0.05; done")
    wait_for((guest.host / "waits").exists, timeout=LONG_S, what="dnsmasq's double")
    for name in "OnHostNetworkChanged", "ResetIPv6":
        guest.call(name)
        wait_for((guest.host / "hup").exists, timeout=LONG_S, what="its signal")
        (guest.host / "hup").unlink()
    assert guest.output("cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6").strip() == "0"


# ---- init: its beginning and its end ----


def test_init_mounts_what_a_system_needs(guest):
    mounts = dict(reversed(line.split()[:2]) for line in guest.output("cut -d' ' -f1,2 /proc/mounts").splitlines())
    for target in "/proc", "/sys", "/tmp", "/run", "/var":
        assert target in mounts
    assert guest.output("stat -c %a /run/lock /var/empty").split() == ["1777", "755"]
    assert guest.output("cat /proc/1/comm").strip() == "reeve-guest"


def test_log_of_an_init(guest_factory):
    """It is the kernel's, with its levels; and stderr's where there is no /dev/kmsg, as in the other tests."""
    g = guest_factory("--no-ready", kmsg=True)
    lines = lambda: (g.host / "kmsg").read_text().splitlines()  # noqa: E731
    assert "<30>reeve-guest: msg=listening address=unix:/host/s" in lines()
    assert g.launch("no\n<0>such") == ("FAILED", 0)
    assert '<28>reeve-guest: msg="a program did not start" program="no\\n<0>such" step=exec error="No such file or directory"' \
        in lines()
    assert "msg=" not in g.log()


def test_shutdown(guest):
    guest.launch("sh", "-c", "trap 'echo asked > /host/asked; exit' TERM; while :; do sleep 0.05; done")
    guest.launch("sleep", "1000", respawn=True)
    guest.mount(target="/mnt", fstype="tmpfs")
    others = [guest.begin("LaunchProcess", argv=["sleep", "1000"], wait_for_exit=True) for _ in range(3)]
    wait_for(lambda: guest.output("pgrep -c sleep").strip() >= "4", what="the processes")
    begin = time.monotonic()
    calls = [guest.begin("Shutdown") for _ in range(3)]
    assert [c.code().name for c in calls] == ["OK"] * 3
    assert guest.wait() == SHUT_OFF
    assert time.monotonic() - begin < LONG_S / 2
    assert (guest.host / "asked").read_text() == "asked\n"
    assert [o.code().name for o in others] == ["OK"] * 3  # they were told: SIGNALED
    assert not (guest.host / "s").exists()


def test_shutdown_ends_who_does_not_listen(guest):
    guest.launch("sh", "-c", "trap '' TERM; touch /host/deaf; while :; do sleep 0.1; done")
    guest.launch("sh", "-c", "kill -STOP $$")
    wait_for((guest.host / "deaf").exists, timeout=LONG_S, what="the process")
    guest.call("Shutdown")
    assert guest.wait() == SHUT_OFF
    assert "from=term to=kill" in guest.log()


def test_shutdown_with_a_call_that_hangs(guest):
    """As one does on a disk that does not answer: here on files of users that nobody ever writes."""
    guest.sh("mkfifo /etc/passwd")
    hangs = guest.begin("SetUpUser", username="me")
    guest.call("Shutdown")
    assert guest.wait() == SHUT_OFF
    assert hangs.code().name in ("UNAVAILABLE", "CANCELLED")


def test_nothing_is_launched_while_it_goes_down(guest):
    guest.launch("sh", "-c", "trap '' TERM; touch /host/deaf; while :; do sleep 0.1; done")
    wait_for((guest.host / "deaf").exists, timeout=LONG_S, what="the process")
    down = guest.begin("Shutdown")
    wait_for(lambda: "to=term" in guest.log(), timeout=LONG_S, what="the end to begin")
    assert guest.code("LaunchProcess", argv=["true"]) == "UNAVAILABLE"
    assert down.code().name == "OK" and guest.wait() == SHUT_OFF


@pytest.mark.parametrize("signal, end", [("TERM", SHUT_OFF), ("INT", REBOOT)])
def test_signals_to_init(guest, signal, end):
    guest.launch("sleep", "1000")
    guest.begin("LaunchProcess", argv=["kill", "-" + signal, "1"])
    assert guest.wait() == end


def test_programs_to_begin_with(guest_factory):
    """In the order of their paths; who waits holds up the next; bad files are passed over; the host is told after all."""
    note = 'argv: ["sh", "-c", "echo %s >> /host/order"] wait_for_exit: true\n'
    g = guest_factory("--ready=unix:/host/h", files={
        "etc/maitred/20-slow": 'argv: "sh" argv: "-c" argv: "sleep 0.3; echo $WORD >> /host/order"\n'
                               'env { key: "WORD" value: "slow" }\nwait_for_exit: true\n',
        "etc/maitred/10-first": note % "first",
        "etc/maitred/30-bad": "argv: oops\n",
        "etc/maitred/40-none": 'argv: "no-such-program"\n',
        "etc/maitred/50/in-a-folder": note % "folder",
        "etc/maitred/60-stays": 'argv: "sleep" argv: "1002" respawn: true\n',
    })
    told = threading.Event()
    server = serve_host(g, told)
    assert told.wait(LONG_S)
    server.stop(0).wait()
    assert (g.host / "order").read_text().split() == ["first", "slow", "folder"]
    assert g.output("pgrep -c -f 'sleep 100[2]'").strip() == "1"
    assert "30-bad" in g.log() and "40-none" in g.log()


def serve_host(g, told):
    """StartupListener in grpcio, which is called back."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("vm_tools.StartupListener", {
        "VmReady": grpc.unary_unary_rpc_method_handler(lambda request, context: told.set() or request)})])
    server.add_insecure_port("unix:%s/h" % g.host)
    server.start()
    return server


def test_not_init(guest_factory):
    g = guest_factory(init=False)
    call = g.begin("Shutdown")
    assert call.code().name == "FAILED_PRECONDITION"
    assert g.sh("exit 3") == ("EXITED", 3)
    assert g.mount(target="/mnt", fstype="tmpfs") == 0
    g.call("ConfigureNetwork", **ipv4("10.0.2.15", "255.255.255.0", "10.0.2.2"))
    assert "10.0.2.15/24" in g.output("ip -4 -o addr show eth0")
    assert g.output("cat /proc/sys/net/ipv4/ip_forward").split() == ["0"]


def test_the_host_is_told(guest_factory):
    """VmReady, also when the host listens only later."""
    g = guest_factory("--ready=unix:/host/h")
    told = threading.Event()
    server = serve_host(g, told)
    assert told.wait(LONG_S)
    wait_for(lambda: "the host knows" in g.log(), timeout=LONG_S, what="the log")
    server.stop(0).wait()


def test_small(guest):
    if "libc.so" in guest.output("cat /proc/1/maps"):
        pytest.skip("a sanitizer's build")
    status = guest.output("cat /proc/1/status")
    assert int(status.split("VmRSS:")[1].split()[0]) < 4096  # KiB
    assert (guest.host / "reeve-guest").stat().st_size < 3 << 20
