# SPDX-License-Identifier: Apache-2.0
"""reeve-guest against vm_tools.Maitred in gRPC C++ (bench/peers/maitred.cc): processor time of a call, memory, start, size.
Both are loaded by the same client, ours (src/reeve-guest/bench-calls.c), on the other cores: one call at a time, then 64. The calls are mount(2) onto a
target that is not there, which is what a call costs without what a file system costs; and one that does nothing at all."""
import contextlib
import errno
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import lib

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCE = ROOT / "bench/peers/maitred.cc"
PROTOS = ["vm/proto/common.proto", "vm/proto/vm_guest.proto"]
BUDGET_CPU, BUDGET_RSS = 4, 5
SIZE_MIB, RSS_KIB, START_MS = 3, 4096, 50


def build_peer(build):
    """The peer, compiled once per build folder; None without its packages."""
    if not shutil.which("g++") or not shutil.which("grpc_cpp_plugin"):
        return None
    folder = build / "grpc-cpp-peer"
    folder.mkdir(exist_ok=True)
    out = folder / "maitred"
    newest = max(p.stat().st_mtime for p in [SOURCE, *(ROOT / "src" / p for p in PROTOS)])
    if out.exists() and out.stat().st_mtime >= newest:
        return out
    libraries = subprocess.run(["pkg-config", "--cflags", "--libs", "grpc++", "protobuf"], capture_output=True, text=True,
                               check=True).stdout.split()
    subprocess.run(["protoc", "-I%s" % (ROOT / "src"), "--cpp_out=%s" % folder, "--grpc_out=%s" % folder,
                    "--plugin=protoc-gen-grpc=" + shutil.which("grpc_cpp_plugin"), *PROTOS], check=True)
    made = [str(folder / p.replace(".proto", suffix)) for p in PROTOS for suffix in (".pb.cc", ".grpc.pb.cc")]
    subprocess.run(["g++", "-std=c++17", "-O2", "-I%s" % folder, str(SOURCE), *made, "-o", str(out), *libraries],
                   check=True)
    return out


def rss_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path("/proc/%d/status" % pid).read_text()).group(1))


def serve(command, address):
    """(process, milliseconds until it serves). In a mount namespace of its own: it is asked to mount."""
    path = pathlib.Path(address.removeprefix("unix:"))
    began = time.monotonic()
    p = lib.pinned(["unshare", "--mount", *command, address], [lib.SERVER_CORE], stdout=subprocess.DEVNULL)
    while not path.exists():
        if p.poll() is not None or time.monotonic() - began > 30:
            sys.exit("bench: %s does not serve" % command[0])
        time.sleep(0.0005)
    return p, (time.monotonic() - began) * 1000


def measure(client, address, pid, method, at_once, seconds):
    """(calls a second, microseconds of the server's processor time of one)"""
    right = "0 %d" % (errno.ENOENT if method == "mount" else 0)
    n = 1000
    while True:
        before = lib.cpu_seconds(pid)
        out = lib.pinned([client, address, method, n, at_once], lib.LOAD_CORES, stdout=subprocess.PIPE,
                         text=True).communicate()[0]
        if "%d %s\n" % (n, right) not in out:
            sys.exit("bench: %s\n%s" % (address, out))
        took = max(int(re.search(r"milliseconds (\d+)", out).group(1)), 1) / 1000
        if took >= seconds / 2:
            return n / took, (lib.cpu_seconds(pid) - before) / n * 1e6
        n = int(n * max(2, min(10, seconds / took)))


def floor(options):
    """Microseconds that the kernel takes for one call at a time, in any server."""
    command = [options.build / "src/reeve-guest/bench-floor", lib.SERVER_CORE, lib.LOAD_CORES[0], int(20000 * options.seconds)]
    outs = [subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout
            for _ in range(options.rounds)]
    return statistics.median(float(out.split()[1]) for out in outs)


def compare_calls(options, ours, theirs):
    client = options.build / "src/reeve-guest/bench-guest-calls"
    for method in "mount", "version":
        for at_once in 1, 64:
            for _ in range(options.rounds):
                for address, pid, results in (ours, theirs):
                    results.append(measure(client, address, pid, method, at_once, options.seconds))
            rate, cost = ([statistics.median(r[i] for r in results) for _, _, results in (ours, theirs)] for i in (0, 1))
            for _, _, results in (ours, theirs):
                results.clear()
            name = "maitred, %s, %d at once" % (method, at_once)
            lib.ratio(name + ", calls/s", "reeve-guest", rate[0], "gRPC C++", rate[1], rate[0] / rate[1], 1)
            lib.ratio(name + ", CPU us/call", "reeve-guest", cost[0], "gRPC C++", cost[1], cost[1] / cost[0], BUDGET_CPU)
            if at_once == 1:
                least = floor(options)
                lib.known(name + ", of these epoll_wait, recv, send", least, "us")
                lib.known(name + ", ratio of the rest", (cost[1] - least) / max(cost[0] - least, 0.1), "")


def starts(command, folder, name, rounds):
    """Milliseconds until it serves: the median."""
    times = []
    for i in range(max(rounds, 3)):
        p, ms = serve(command, "unix:%s/%s-%d" % (folder, name, i))
        with lib.ending(p):
            times.append(ms)
    return statistics.median(times)


def run(options):
    peer = build_peer(options.build)
    if not peer:
        print("maitred: gRPC C++ is not installed (libgrpc++-dev protobuf-compiler-grpc g++)")
        return
    guest = [options.build / "reeve-guest", "--listen"]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        start = [starts(c, folder, n, options.rounds)
                 for c, n in ((guest, "guest"), ([peer, "serve-async"], "peer"))]
        sides = []
        for command, name in (guest, "ours"), ([peer, "serve-async"], "theirs"):
            address = "unix:%s/%s" % (folder, name)
            p, _ = serve(command, address)
            stack.enter_context(lib.ending(p))
            sides.append((address, p.pid, []))
        idle = [rss_kib(pid) for _, pid, _ in sides]
        compare_calls(options, *sides)
        busy = [rss_kib(pid) for _, pid, _ in sides]
    size = [p.stat().st_size / (1 << 20) for p in (guest[0], peer)]
    lib.ratio("maitred, resident KiB, idle", "reeve-guest", idle[0], "gRPC C++", idle[1], idle[1] / idle[0], BUDGET_RSS)
    lib.ratio("maitred, resident KiB, after load", "reeve-guest", busy[0], "gRPC C++", busy[1], busy[1] / busy[0], BUDGET_RSS)
    lib.limit("reeve-guest, resident", busy[0], "KiB", RSS_KIB)
    lib.limit("reeve-guest, start to serving", start[0], "ms", START_MS)
    lib.ratio("maitred, start to serving, ms", "reeve-guest", start[0], "gRPC C++", start[1], start[1] / start[0], 1)
    lib.limit("reeve-guest, size", size[0], "MiB", SIZE_MIB)
