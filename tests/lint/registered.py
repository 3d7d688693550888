#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every C file of src/ is built, every header is compiled alone, every test-*.c is run as a test, every fuzz target has
a corpus: registered.py ROOT BUILD, by what meson says of the configured BUILD."""
import json
import os
import sys


def load(build, name):
    with open(os.path.join(build, "meson-info", "intro-%s.json" % name), encoding="utf-8") as f:
        return json.load(f)


def main():
    root, build = (os.path.realpath(p) for p in sys.argv[1:3])
    built, alone, by_program = set(), set(), {}
    for target in load(build, "targets"):
        for group in target["target_sources"]:
            paths = {os.path.realpath(os.path.join(build, p)) for p in group.get("sources", [])}
            built |= paths
            for output in target["filename"]:
                by_program.setdefault(os.path.realpath(output), set()).update(paths)
            alone |= {a[9:].strip('"') for a in group.get("parameters", []) if a.startswith("-DHEADER=")}
    tested, bad = set(), []
    corpora = os.path.join(root, "tests", "fuzz-corpus") + os.sep
    for test in load(build, "tests"):
        for word in test["cmd"]:
            tested |= by_program.get(os.path.realpath(word), set())
            if word.startswith(corpora) and not (os.path.isdir(word) and os.listdir(word)):
                bad.append("%s is missing or empty" % os.path.relpath(word, root))

    for directory, _, names in os.walk(os.path.join(root, "src")):
        for name in sorted(names):
            path = os.path.join(directory, name)
            short = os.path.relpath(path, root)
            if name.endswith(".h") and os.path.relpath(path, os.path.join(root, "src")) not in alone:
                bad.append("%s is in no `headers` list" % short)
            if name.endswith(".c") and path not in built:
                bad.append("%s is not built" % short)
            if name.endswith(".c") and name.startswith(("test-", "fuzz-")) and path in built and path not in tested:
                bad.append("%s is built, but no test runs it" % short)
    print("\n".join(bad))
    return 1 if bad else 0


sys.exit(main())
