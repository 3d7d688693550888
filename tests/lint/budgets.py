#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sizes stay readable: files <= 1200 lines, functions <= 120.

Raised only by an entry of EXCEPTIONS with its reason.
"""
import os
import subprocess
import sys

FILE_MAX, FUNCTION_MAX = 1200, 120
EXCEPTIONS = {}  # "path" or "path:function" -> why


def main():
    root = sys.argv[1]
    files = []
    for directory, _, names in os.walk(os.path.join(root, "src")):
        files += [os.path.relpath(os.path.join(directory, n), root) for n in names if n.endswith((".c", ".h"))]
    bad = []
    for path in files:
        with open(os.path.join(root, path), encoding="utf-8") as f:
            n = sum(1 for _ in f)
        if n > FILE_MAX and path not in EXCEPTIONS:
            bad.append("%s: %d lines (at most %d)" % (path, n, FILE_MAX))
    tags = subprocess.run(
        ["ctags", "-f", "-", "--languages=C,C++", "--langmap=C:.c.h", "--c-kinds=f", "--fields=+ne", "-L", "-"],
        input="\n".join(files), capture_output=True, text=True, check=True, cwd=root).stdout
    for line in tags.splitlines():
        if line.startswith("!"):
            continue
        name, path, rest = line.split("\t", 2)
        fields = dict(f.split(":", 1) for f in rest.split("\t") if ":" in f)
        if "end" not in fields:
            continue
        length = int(fields["end"]) - int(fields["line"]) + 1
        if length > FUNCTION_MAX and "%s:%s" % (path, name) not in EXCEPTIONS:
            bad.append("%s:%s: %s() has %d lines (at most %d)" % (path, fields["line"], name, length, FUNCTION_MAX))
    print("\n".join(bad))
    return 1 if bad else 0


sys.exit(main())
