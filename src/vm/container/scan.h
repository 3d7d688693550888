/* SPDX-License-Identifier: Apache-2.0
 *
 * scan: the applications that are installed, as the host is told of them, and the file of one that it names.
 *
 * The first file of an id counts, in the order of the folders; one that is not shown hides those of later folders, too. What is
 * more than fits into one message is left out.
 */
#pragma once

#include "vm/container/dirs.h"
#include "vm/container/entry.h"
#include "vm/proto/container_host.pb-c.h"

#define SCAN_FILES_MAX   8192
#define SCAN_MESSAGE_MAX (3800u * 1024) /* hosts take 4 MiB */

struct scanned {                                                   /* all of it in the arena */
	VmTools__Container__UpdateApplicationListRequest *message; /* without the token */
	const char **files;                                        /* of its applications */
	const char *own; /* the folder whose files are the user's own, not a package's */
};

void scan_applications(const struct dirs *d, struct arena *a, struct scanned *ret);
/* ERR_NOT_FOUND, ERR_INVALID. *ret_file is the entry's path. */
int scan_find(const struct dirs *d, const char *id, struct arena *a, struct entry *ret,
	      const char **ret_file, struct error *err) WARN_UNUSED;
