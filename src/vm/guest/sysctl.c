/* SPDX-License-Identifier: Apache-2.0
 *
 * Files below /proc/sys, see sysctl.h. The values are maitred's.
 */
#include "vm/guest/sysctl.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PATH_SIZE 128

static const struct {
	const char *name;
	long value;
} least[] = {
	{ "fs/inotify/max_queued_events", 1048576 },
	{ "fs/inotify/max_user_instances", 1048576 },
	{ "fs/inotify/max_user_watches", 1048576 },
	{ "vm/max_map_count", 262144 },
	{ "net/core/rmem_max", 2097152 },
};

static const char *path_of(const char *name, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "/proc/sys/%s", name);
	return path;
}

int sysctl_set(const char *name, const char *value)
{
	char path[PATH_SIZE];
	CLEANUP(close_fdp) int fd = open(path_of(name, path), O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return -errno;
	return 0;
}

static long number_in(const char *name)
{
	char path[PATH_SIZE];
	long n = 0;
	FILE *f = fopen(path_of(name, path), "re");
	if (f && fscanf(f, "%ld", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

void sysctl_for_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(least); i++) {
		char value[24];
		if (number_in(least[i].name) >= least[i].value)
			continue;
		snprintf(value, sizeof value, "%ld", least[i].value);
		int r = sysctl_set(least[i].name, value);
		if (r < 0)
			log_info("not raised", F_STR("sysctl", least[i].name),
				 F_STR("error", strerror(-r)));
	}
}
