# SPDX-License-Identifier: Apache-2.0
"""From exec to the ready line: the first start, and the next one; and the memory of a server that has nothing to do."""
import statistics

import lib

START_MS = 100
IDLE_MIB = 20


def run(options):
    first, again, rss = [], [], []
    for _ in range(options.rounds):
        with lib.folder(options) as folder:
            with lib.reeved(options.build, folder / "data") as server:
                first.append(server.started_ms)
                server.settle()
            with lib.reeved(options.build, folder / "data") as server:
                again.append(server.started_ms)
                server.settle()
                rss.append(server.rss_mib())
    lib.limit("first start to ready", statistics.median(first), "ms", START_MS)
    lib.limit("next start to ready", statistics.median(again), "ms", START_MS)
    lib.limit("resident memory, idle", statistics.median(rss), "MiB", IDLE_MIB)
