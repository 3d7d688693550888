# SPDX-License-Identifier: Apache-2.0
"""Durable reports. First the store alone against SQLite's own batched upserts of the same bytes on the same disk; then over
HTTP with 256 connections, against what the plain loop of this run did."""
import re
import subprocess

import lib

BUDGET = 0.60
P99_MS = 50
SIZES = 256, 1000, 10000, 100000
CONNECTIONS = 256


def store_alone(options, folder, n_devices):
    command = [options.build / "src/store/bench-store-reports", folder, n_devices, max(100000, 2 * n_devices)]
    out = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout
    ours = float(re.search(r"store\s+(\d+)", out).group(1))
    plain = float(re.search(r"plain loop\s+(\d+)", out).group(1))
    lib.ratio("durable reports in the store, %d devices" % n_devices, "reeve", ours, "sqlite", plain, ours / plain, BUDGET)
    return plain


def over_http(options, folder, plain):
    with lib.reeved(options.build, folder / "data") as server:
        server.settle()
        args = ["--devices=10000", "--devices-file=%s" % (folder / "devices"), "--connections=%d" % CONNECTIONS]
        lib.load(options.build, server, "device-enroll", "--enrollment-token", server.enrollment_token(), *args)
        result = lib.load(options.build, server, "device-report", "--time=%dms" % (options.seconds * options.rounds * 1000), *args)
    what = "durable reports over HTTP, %d connections" % CONNECTIONS
    lib.ratio(what, "reeve", result["rate"], "sqlite", plain, result["rate"] / plain, BUDGET)
    lib.limit("the same, 99 of 100 within", result["p99_ms"], "ms", P99_MS)


def run(options):
    with lib.folder(options) as folder:
        plain = {n: store_alone(options, folder, n) for n in SIZES}
        over_http(options, folder, plain[10000])
