/* SPDX-License-Identifier: Apache-2.0
 *
 * chooser: asks the person at this desktop for files, through xdg-desktop-portal. Blocks until there is an answer; a caller that
 * dies meanwhile takes the dialog with it (the portal sees it leave the bus).
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct chooser_question { /* borrowed; NULL or "": nothing is said of it */
	const char *
		type; /* open-file (that too if NULL), open-multi-file, saveas-file, folder, upload-folder */
	const char *title;
	const char *path;       /* where it begins; to save: the suggested name, too */
	const char *extensions; /* pattern.h's list */
};

/* Adds a path a line. 0: *ret_chosen says whether something was chosen or the dialog was closed. ERR_INVALID: no such type;
 * ERR_UNAVAILABLE: no session bus, no portal, or it went away. */
int chooser_ask(const struct chooser_question *q, struct buf *out, bool *ret_chosen,
		struct error *err) WARN_UNUSED;
