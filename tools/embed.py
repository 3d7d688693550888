#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a C table of the files of a folder: embed.py OUT.c FOLDER (see src/server/console/console.h)."""
import hashlib
import os
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


def main():
    out, folder = sys.argv[1:3]
    names = sorted(n for n in os.listdir(folder) if os.path.splitext(n)[1] in TYPES)
    if "index.html" not in names:
        sys.exit("embed.py: %s has no index.html" % folder)
    rows = []
    with open(out, "w", encoding="ascii") as c:
        c.write('/* Made by tools/embed.py; do not edit. */\n#include "server/console/console.h"\n')
        for i, name in enumerate(names):
            with open(os.path.join(folder, name), "rb") as f:
                content = f.read()
            c.write("static const uint8_t bytes_%d[] = {\n" % i)
            for at in range(0, len(content), 24):
                c.write(",".join(str(b) for b in content[at:at + 24]) + ",\n")
            c.write("};\n")
            tag = hashlib.sha256(content).hexdigest()[:16]
            rows.append('\t{ "%s", "%s", "\\"%s\\"", { bytes_%d, sizeof bytes_%d } },\n'
                        % (name, TYPES[os.path.splitext(name)[1]], tag, i, i))
        c.write("const struct console_asset console_assets[] = {\n%s\t{ 0 },\n};\n" % "".join(rows))


main()
