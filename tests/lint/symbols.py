#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""No two of our libraries define the same global name: a linker that takes archives would pick one in silence.

symbols.py NM ARCHIVE…
"""
import subprocess
import sys


def main():
    owners = {}
    bad = []
    for archive in sorted(set(sys.argv[2:])):
        listing = subprocess.run([sys.argv[1], "--defined-only", "--extern-only", "-A", archive],
                                 capture_output=True, text=True, check=True).stdout
        for line in listing.splitlines():
            where, _, name = line.rsplit(" ", 2)
            where = where.rsplit(":", 1)[0]
            if name in owners and owners[name] != where and not name.startswith("__"):
                bad.append("%s is defined in %s and in %s" % (name, owners[name], where))
            owners.setdefault(name, where)
    print("\n".join(bad))
    return 1 if bad else 0


sys.exit(main())
