#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A folder of src/ includes only what docs/architecture.md's allow-list lets it include."""
import os
import re
import sys


def allow_list(root):
    """{folder: set of folders} from the table between the `layers` markers."""
    with open(os.path.join(root, "docs", "architecture.md"), encoding="utf-8") as f:
        text = f.read()
    table = text.split("<!-- layers -->")[1].split("<!-- /layers -->")[0]
    allowed = {}
    for line in table.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) < 2 or not cells[0].startswith("`"):
            continue
        folder = cells[0].strip("`")
        allowed[folder] = {folder} | set(re.findall(r"`([^`]+)`", cells[1]))
    return allowed


def folder_of(path, allowed):
    """The longest listed folder that holds the file."""
    while path:
        path = os.path.dirname(path)
        if path in allowed:
            return path
    return None


def main():
    root = sys.argv[1]
    src = os.path.join(root, "src")
    allowed = allow_list(root)
    bad = []
    for directory, _, names in os.walk(src):
        for name in names:
            if not name.endswith((".c", ".h", ".def")):
                continue
            path = os.path.relpath(os.path.join(directory, name), src)
            mine = folder_of(path, allowed)
            if mine is None:
                bad.append("%s: its folder is not in docs/architecture.md's list of layers" % path)
                continue
            with open(os.path.join(src, path), encoding="utf-8") as f:
                for number, line in enumerate(f, 1):
                    m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                    if not m:
                        continue
                    theirs = folder_of(m.group(1), allowed)
                    if theirs is None and "/" not in m.group(1):
                        continue  # beside the file
                    if theirs not in allowed[mine]:
                        bad.append("src/%s:%d: %s may not include %s" % (path, number, mine, m.group(1)))
    print("\n".join(bad))
    return 1 if bad else 0


sys.exit(main())
