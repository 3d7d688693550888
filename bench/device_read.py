# SPDX-License-Identifier: Apache-2.0
"""The desired state of a device (MDMCore's GET /devices/{id}/policy, for many devices by turns) against nginx answering a
constant of the same size: on the same core, by turns, loaded by the same program."""
import lib

BUDGET = 0.90
DEVICES = 1000


def run(options):
    with lib.folder(options) as data, lib.reeved(options.build, data / "data", cores=[lib.SERVER_CORE]) as ours:
        ours.settle()
        devices = data / "devices"
        lib.load(options.build, ours, "mdmcore-enroll", "--devices=%d" % DEVICES, "--devices-file=%s" % devices)
        ids = [line.split()[0] for line in devices.read_text().splitlines()]
        path = "/devices/%s/policy" % ids[len(ids) // 2]
        size = len(lib.fetch(ours.url + path))
        script = lib.wrk_script(data, ["/devices/%s/policy" % i for i in ids])
        with lib.nginx("x" * size) as theirs:
            lib.compare("desired state, %d bytes" % size, ("reeve", ours.url, ours.pid),
                        ("nginx", "http://127.0.0.1:%d" % theirs[0], theirs[1]), options, BUDGET, script)
