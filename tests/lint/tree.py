#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tree's manners: SPDX lines and head comments, a short README per source folder, no stray marks."""
import os
import re
import sys

MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\()")  # a reason in brackets: TODO(why)
CODE = (".c", ".h", ".py", ".ts", ".tsx")


def check_code(path, text, bad):
    head = "\n".join(text.splitlines()[:3])
    if "SPDX-License-Identifier: Apache-2.0" not in head:
        bad.append("%s: no SPDX line at its head" % path)
    for number, line in enumerate(text.splitlines(), 1):
        if MARKS.search(line) and "lint/tree.py" not in path:
            bad.append("%s:%d: a mark without a reason in brackets" % (path, number))
        if line != line.rstrip():
            bad.append("%s:%d: trailing space" % (path, number))


def main():
    root = sys.argv[1]
    bad = []
    for top in ("src", "tests", "tools", "bench", "console"):
        for directory, folders, names in os.walk(os.path.join(root, top)):
            folders[:] = [f for f in folders if f not in ("__pycache__", "node_modules", "fuzz-corpus", "golden")]
            here = os.path.relpath(directory, root)
            if top == "src" and any(n.endswith(".c") for n in names):
                readme = os.path.join(directory, "README.md")
                if not os.path.exists(readme):
                    bad.append("%s: no README.md" % here)
                elif len(open(readme, encoding="utf-8").read().splitlines()) > 15:
                    bad.append("%s/README.md: more than 15 lines" % here)
            for name in sorted(names):
                if name.endswith(CODE):
                    with open(os.path.join(directory, name), encoding="utf-8") as f:
                        check_code(os.path.join(here, name), f.read(), bad)
    print("\n".join(bad))
    return 1 if bad else 0


sys.exit(main())
