/* SPDX-License-Identifier: Apache-2.0
 *
 * Debian packages: which package and version a .deb file is (deb(5), deb-control(5)).
 *
 * Reads only as far as the control file and never unpacks anything to disk. Everything is bounded:
 * the archive is a peer's.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct deb {
	char package[256], version[256], architecture[64];
};

/* ERR_INVALID with what is wrong with it. */
int deb_read_file(const char *path, struct deb *ret, struct error *err) WARN_UNUSED;
int deb_read_bytes(struct span bytes, struct deb *ret, struct error *err) WARN_UNUSED;
/* The control file alone. */
int deb_read_control(struct span text, struct deb *ret, struct error *err) WARN_UNUSED;
