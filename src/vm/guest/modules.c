/* SPDX-License-Identifier: Apache-2.0
 *
 * finit_module(2) for each line of a list, see modules.h.
 */
#include "vm/guest/modules.h"
#include "base/log.h"
#include "base/macros.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int load(const char *path)
{
	CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
		return -errno;
	return 0;
}

void modules_load(const char *list)
{
	char path[512];
	FILE *f = fopen(list, "re");
	while (f && fgets(path, sizeof path, f)) {
		path[strcspn(path, "\n")] = '\0';
		int r = path[0] == '/' ? load(path) : 0;
		if (r < 0)
			log_warn("module not loaded", F_STR("file", path),
				 F_STR("error", strerror(-r)));
	}
	if (f)
		fclose(f);
}
