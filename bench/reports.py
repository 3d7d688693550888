# SPDX-License-Identifier: Apache-2.0
"""Durable reports. First the store alone against SQLite's own batched upserts of the same bytes on the same disk; then over
HTTP with 256 connections, by turns with that plain loop."""
import re
import statistics
import subprocess

import lib

BUDGET = 0.60
P99_MS = 50
SIZES = 256, 1000, 10000, 100000
CONNECTIONS = 256
HTTP_DEVICES = 10000


def store_alone(options, folder, n_devices):
    """Reports/s of the store, and of the plain loop."""
    command = [options.build / "src/store/bench-store-reports", folder, n_devices, max(100000, 2 * n_devices)]
    out = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(re.search(r"store\s+(\d+)", out).group(1)), float(re.search(r"plain loop\s+(\d+)", out).group(1))


def over_http(options, folder):
    args = ["--devices=%d" % HTTP_DEVICES, "--devices-file=%s" % (folder / "devices"), "--connections=%d" % CONNECTIONS]
    results, plain, cpu = [], [], []
    with lib.reeved(options.build, folder / "data") as server:
        server.settle()
        lib.load(options.build, server, "device-enroll", "--enrollment-token", server.enrollment_token(), *args)
        for _ in range(options.rounds):
            plain.append(store_alone(options, folder, HTTP_DEVICES)[1])
            before = lib.cpu_seconds(server.pid)
            results.append(lib.load(options.build, server, "device-report", "--time=%dms" % (options.seconds * 1000), *args))
            cpu.append((lib.cpu_seconds(server.pid) - before) / results[-1]["ok"] * 1e6)
    rate, of_sqlite = statistics.median(r["rate"] for r in results), statistics.median(plain)
    what = "durable reports over HTTP, %d connections" % CONNECTIONS
    lib.ratio(what, "reeve", rate, "sqlite", of_sqlite, rate / of_sqlite, BUDGET)
    lib.limit("the same, 99 of 100 within", statistics.median(r["p99_ms"] for r in results), "ms", P99_MS)
    lib.known("the same, the server's processor time of one", statistics.median(cpu), "us")


def run(options):
    with lib.folder(options) as folder:
        for n in SIZES:
            ours, plain = store_alone(options, folder, n)
            lib.ratio("durable reports in the store, %d devices" % n, "reeve", ours, "sqlite", plain, ours / plain, BUDGET)
        over_http(options, folder)
