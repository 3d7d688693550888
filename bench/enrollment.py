# SPDX-License-Identifier: Apache-2.0
"""100 000 enrollments over the device API, every one durable when it is answered."""
import lib

DEVICES = 100000
SECONDS = 100


def run(options):
    n = min(DEVICES, options.devices)
    with lib.folder(options) as folder, lib.reeved(options.build, folder / "data") as server:
        server.settle()
        result = lib.load(options.build, server, "device-enroll", "--devices=%d" % n, "--connections=256",
                          "--enrollment-token", server.enrollment_token())
    lib.limit("%d devices enrolled" % n, result["seconds"], "s", SECONDS * n / DEVICES)
    lib.known("the same, 99 of 100 within", result["p99_ms"], "ms")
