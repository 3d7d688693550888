/* SPDX-License-Identifier: Apache-2.0
 *
 * Android packages: which application and version an .apk file is. Its manifest is XML in a binary form: a pool of
 * strings and a row of chunks, of which only the first element, <manifest>, is looked at.
 *
 * Never unpacks anything to disk. Everything is bounded: the archive is a peer's.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include <stdbool.h>

struct apk {
	char package[256];
	char version_code[16]; /* a whole number: what agents compare */
};

/* Does the file begin as a ZIP archive does? (Debian packages do not.) */
bool apk_is_zip(const char *path);
/* ERR_INVALID with what is wrong with it. */
int apk_read_file(const char *path, struct apk *ret, struct error *err) WARN_UNUSED;
struct archive; /* libarchive's */
/* The same of an archive that was opened; it is read as far as needed. */
int apk_read_archive(struct archive *a, struct apk *ret, struct error *err) WARN_UNUSED;
/* The manifest alone, as it is in the archive. */
int apk_read_manifest(struct span bytes, struct apk *ret, struct error *err) WARN_UNUSED;
