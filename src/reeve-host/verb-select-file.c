/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-host select-file: the desktop's file chooser, what the hook select_file starts. Prints a path a line; exit code 1 when
 * nothing was chosen. It does not speak to the daemon.
 */
#include "program.h"
#include "vm/portal/chooser.h"
#include <stdio.h>

#define FILES_MAX (256 * 1024) /* bytes; what the daemon reads of it */

static int select_file(char *const args[], int n, struct error *err)
{
	const struct chooser_question question = { .type = arguments.type,
						   .title = arguments.title,
						   .path = arguments.path,
						   .extensions = arguments.extensions };
	CLEANUP(buf_fini) struct buf files;
	bool chosen;
	(void)args;
	(void)n;
	buf_init(&files, FILES_MAX);
	int r = chooser_ask(&question, &files, &chosen, err);
	if (r)
		return r;
	if (!chosen)
		return error_set(err, ERR_UNAVAILABLE, "nothing was chosen");
	fputs(buf_str(&files), stdout);
	return 0;
}

const struct verb portal_verbs[] = {
	{ "select-file", "", "", 0, 0, select_file, "ask for files with the desktop's dialog" },
	{ .noun = NULL },
};
