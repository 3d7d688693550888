/* SPDX-License-Identifier: Apache-2.0
 *
 * package-id: which packages have brought the applications of a list: "vim;2:9.0-1;amd64;". Asks dpkg twice for the whole list; where
 * there is no dpkg, or it does not know, the id stays empty.
 */
#pragma once

#include "vm/container/child.h"
#include "vm/container/scan.h"

/* Sets package_id in the list's applications and then runs done(user), later. 'arena' and list must live until then. false: it
 * does not run, there is nothing to ask. */
bool package_ids_find(struct programs *programs, struct arena *arena, struct scanned *list,
		      void (*done)(void *user), void *user) WARN_UNUSED;
