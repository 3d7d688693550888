/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-container daemon: it belongs to the user whose applications it tells of.
 */
#include "program.h"
#include "vm/container/container.h"
#include <stdio.h>
#include <unistd.h>

#define TOKEN_WAIT_MS 60000

static int serve(char *const args[], int n, struct error *err)
{
	const struct container_options o = { .host = arguments.host,
					     .token_file = arguments.token_file,
					     .listen = arguments.listen,
					     .vm_token_file = arguments.vm_token_file,
					     .mime_folder = arguments.mime_folder,
					     .port = arguments.port,
					     .check_ms = arguments.check_ms,
					     .token_wait_ms = TOKEN_WAIT_MS,
					     .low_disk_mib = arguments.low_disk_mib };
	struct container c;
	(void)args;
	(void)n;
	if (geteuid() == 0 && !arguments.allow_root)
		return error_set(err, ERR_FORBIDDEN,
				 "it runs as the container's user, not as root (or --allow-root)");
	int r = container_open(&c, &o, err);
	if (r == 0) {
		printf("ready %s\n", c.address);
		fflush(stdout);
		r = container_run(&c);
	}
	container_close(&c);
	return r;
}

const struct verb daemon_verbs[] = {
	{ "daemon", "", 0, 0, serve, "tell the host of this container and serve it" },
	{ .name = NULL },
};
