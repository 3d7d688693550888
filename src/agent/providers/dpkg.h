/* SPDX-License-Identifier: Apache-2.0
 *
 * What dpkg has installed, read from its own database (/var/lib/dpkg/status) without running it.
 */
#pragma once

#include "base/buf.h"

#define DPKG_VERSION_SIZE 256

struct dpkg_package { /* spans of the database, valid during the call */
	struct span name, version, architecture;
};

/* Every installed package, in the database's order, until fn says false. 0 or -errno; -ENOENT: this
 * is no Debian. */
int dpkg_each(const char *root, bool (*fn)(void *user, const struct dpkg_package *p),
	      void *user) WARN_UNUSED;
/* The installed version; "" when it is not installed or that cannot be known. */
const char *dpkg_version(const char *root, const char *package, char version[DPKG_VERSION_SIZE]);

bool dpkg_name_valid(const char *s);    /* Debian policy 5.6.1, so never an option or a path */
bool dpkg_version_valid(const char *s); /* 5.6.12, loosely: only its characters */
