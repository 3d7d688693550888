/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes of the admin API into a file; see cli.h.
 */
#include "base/file.h"
#include "reeve/cli.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int cli_fetch(struct cli *c, struct url *u, int fd, struct error *err)
{
	struct client *client;
	int r = cli_client(c, &client, err);
	if (r != 0)
		return r;
	struct request q = REQUEST_INIT("GET", buf_str(&u->text));
	q.answer_fd = fd;
	return client_send(client, &q, NULL, err);
}

/* Beside the target, then renamed. mkostemp() makes it 0600. */
int cli_download(struct cli *c, struct url *u, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	CLEANUP(free_charp)
	char *dir = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	CLEANUP(free_charp) char *temporary = NULL;
	if (!dir || asprintf(&temporary, "%s/.tmp-XXXXXX", dir) < 0)
		return -ENOMEM;
	CLEANUP(close_fdp) int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return error_set(err, ERR_UNAVAILABLE, "cannot write in %s: %s", dir,
				 strerror(errno));
	int r = cli_fetch(c, u, fd, err);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && rename(temporary, path) < 0)
		r = error_set(err, ERR_UNAVAILABLE, "cannot write %s: %s", path, strerror(errno));
	if (r != 0) {
		unlink(temporary);
		return r;
	}
	return dir_sync(dir);
}
