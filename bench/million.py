# SPDX-License-Identifier: Apache-2.0
"""What a million devices cost: memory, reads against a server with a thousand, a change of the root fleet, list pages, the next
start. --devices makes it smaller, for trying it out; the budgets are those of a million."""
import statistics

import lib

SMALL = 1000
RSS_MIB = 256
READ_RATIO = 1 / 1.3
PAGE_MS = 20
START_MS = 500
PAGES = ["", "filter=verdict%3DSTALE", "filter=verdict%3DUNKNOWN", "filter=kind%3Dlinux"]


def fill(options, server, folder, n):
    args = ["--devices=%d" % n, "--devices-file=%s" % (folder / "devices"), "--connections=128"]
    lib.load(options.build, server, "device-enroll", "--enrollment-token", server.enrollment_token(), *args)
    return args


def reads(options, server, args):
    """Full desired states of all devices in no order of theirs, so that most are in no cache."""
    return lib.load(options.build, server, "device-desired", "--time=%dms" % (options.seconds * 1000), *args)["rate"]


def change(server, value):
    return server.api("PUT", "/fleets/1/settings/camera.disabled", {"value": value})[1]


def page(server, query):
    """The first page, and one from the middle of what is left."""
    first, ms = server.api("GET", "/devices?limit=100&" + query)
    times = [ms]
    if first.get("next"):
        times.append(server.api("GET", "/devices?limit=100&%s&cursor=%s" % (query, first["next"]))[1])
    return max(times)


def run(options):
    with lib.folder(options) as small, lib.folder(options) as large:
        with lib.reeved(options.build, small / "data") as server:
            server.settle()
            args = fill(options, server, small, SMALL)
            small_rates = [reads(options, server, args) for _ in range(options.rounds)]
            small_change = statistics.median(change(server, i % 2 == 0) for i in range(5))
        with lib.reeved(options.build, large / "data") as server:
            server.settle()
            args = fill(options, server, large, options.devices)
        with lib.reeved(options.build, large / "data") as server:
            lib.limit("start to ready, %d devices" % options.devices, server.started_ms, "ms", START_MS)
            large_rates = [reads(options, server, args) for _ in range(options.rounds)]
            large_change = statistics.median(change(server, i % 2 == 0) for i in range(5))
            pages = {q: statistics.median(page(server, q) for _ in range(5)) for q in PAGES}
            rss = server.rss_mib()
    a, b = statistics.median(large_rates), statistics.median(small_rates)
    lib.ratio("desired states/s, %d devices" % options.devices, "many", a, "few", b, a / b, READ_RATIO)
    lib.known("a change of the root fleet, %d devices" % SMALL, small_change, "ms")
    lib.known("a change of the root fleet, %d devices" % options.devices, large_change, "ms")
    for query, ms in pages.items():
        lib.limit("a page of 100 (%s)" % (query.replace("%3D", "=") or "all"), ms, "ms", PAGE_MS)
    lib.limit("resident memory, %d devices" % options.devices, rss, "MiB", RSS_MIB)
