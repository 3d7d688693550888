# SPDX-License-Identifier: Apache-2.0
"""A unary gRPC call on a unix socket: our server against the same service in gRPC C++ (its callback API), on the same
core, by turns, called by the same client on the other cores. What counts is the server's own processor time of a call."""
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

import lib

BUDGET_CPU, BUDGET_RSS = 4, 5
TEXT = "--text=/dev/vdb /mnt/container_rootfs ext4"  # as much as a Mount says


def rss_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path("/proc/%d/status" % pid).read_text()).group(1))


def serve(command, address):
    p = lib.pinned([*command, address], [lib.SERVER_CORE], stdout=subprocess.PIPE, text=True)
    if not p.stdout.readline().startswith("ready"):
        sys.exit("bench: %s does not serve" % command[0])
    return p


def measure(client, address, pid, at_once, seconds):
    """(calls a second, microseconds of the server's processor time of one)"""
    n = 2000
    while True:
        before = lib.cpu_seconds(pid)
        out = lib.pinned([client, address, TEXT, "--calls=%d" % n, "--at-once=%d" % at_once], lib.LOAD_CORES,
                         stdout=subprocess.PIPE, text=True).communicate()[0]
        if "%d OK" % n not in out:
            sys.exit("bench: %s\n%s" % (address, out))
        took = max(int(re.search(r"milliseconds (\d+)", out).group(1)), 1) / 1000
        if took >= seconds / 2:
            return n / took, (lib.cpu_seconds(pid) - before) / n * 1e6
        n = int(n * max(2, min(10, seconds / took)))


def run(options):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/scenario"))
    os.environ["REEVE_BUILD"] = str(options.build)
    from grpc_fixtures import CLIENT, SERVER, build_cpp_peer  # they know how to build the other side
    peer = build_cpp_peer()
    if not peer:
        print("grpc-unary: gRPC C++ is not installed (libgrpc++-dev protobuf-compiler-grpc g++)")
        return
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = "unix:%s/ours" % folder, "unix:%s/theirs" % folder
        with lib.ending(serve([SERVER, "--listen"], ours)) as a, lib.ending(serve([peer, "serve-async"], theirs)) as b:
            for at_once in 1, 64:
                sides = [(ours, a.pid, []), (theirs, b.pid, [])]
                for _ in range(options.rounds):
                    for address, pid, results in sides:
                        results.append(measure(CLIENT, address, pid, at_once, options.seconds))
                rate, cost = ([statistics.median(r[i] for r in results) for _, _, results in sides] for i in (0, 1))
                name = "grpc-unary, %d at once" % at_once
                lib.ratio(name + ", calls/s", "reeve", rate[0], "gRPC C++", rate[1], rate[0] / rate[1], 1)
                lib.ratio(name + ", CPU us/call", "reeve", cost[0], "gRPC C++", cost[1], cost[1] / cost[0], BUDGET_CPU)
            rss = rss_kib(a.pid), rss_kib(b.pid)
            lib.ratio("grpc-unary, resident KiB", "reeve", rss[0], "gRPC C++", rss[1], rss[1] / rss[0], BUDGET_RSS)
