# SPDX-License-Identifier: Apache-2.0
"""Our HTTP layer answering a constant, against nginx's `return 200` of the same size: one worker each, on the same
core, by turns. When the load generator is the bottleneck, requests/s says nothing: look at the CPU line, the server's
own processor time of a request."""
import lib

BUDGET = 0.90


def run(options):
    for size in 100, 1000, 4000:
        with lib.testserver(options.build) as ours, lib.nginx("x" * size) as theirs:
            lib.compare("http-constant, %d bytes" % size,
                        ("reeve", "http://127.0.0.1:%d/bytes/%d" % (ours[0], size), ours[1]),
                        ("nginx", "http://127.0.0.1:%d/" % theirs[0], theirs[1]), options, BUDGET)
