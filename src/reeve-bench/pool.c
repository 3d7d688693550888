/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated devices, see pool.h.
 */
#include "reeve-bench/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pool_init(struct pool *p, size_t n)
{
	*p = (struct pool){ .devices = calloc(n ? n : 1, sizeof *p->devices), .n = n };
	if (!p->devices)
		abort();
}

void pool_fini(struct pool *p)
{
	free(p->devices);
	*p = (struct pool){ 0 };
}

static void close_filep(FILE **f)
{
	if (*f)
		fclose(*f);
}
#define AUTO_FILE CLEANUP(close_filep) FILE *

static int fail(struct error *err, const char *path, int number)
{
	return error_set(err, number == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "%s: %s", path,
			 strerror(number));
}

int pool_load(struct pool *p, const char *path, size_t max, struct error *err)
{
	AUTO_FILE f = fopen(path, "re");
	if (!f)
		return fail(err, path, errno);
	pool_fini(p);
	pool_init(p, max);
	for (p->n = 0; p->n < max; p->n++) {
		struct sim_device *d = &p->devices[p->n];
		if (fscanf(f, "%39s %47s", d->id, d->token) != 2)
			break;
		if (strcmp(d->token, "-") == 0)
			*d->token = '\0';
	}
	return 0;
}

int pool_save(const struct pool *p, const char *path, struct error *err)
{
	AUTO_FILE f = fopen(path, "we");
	if (!f)
		return fail(err, path, errno);
	for (size_t i = 0; i < p->n; i++)
		fprintf(f, "%s %s\n", p->devices[i].id,
			*p->devices[i].token ? p->devices[i].token : "-");
	return fflush(f) == 0 ? 0 : fail(err, path, errno);
}
