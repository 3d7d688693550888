/* SPDX-License-Identifier: Apache-2.0
 *
 * The cleanup functions of macros.h: they take a pointer to the variable and leave errno alone.
 */
#include "base/macros.h"
#include <errno.h>
#include <unistd.h>

void free_charp(char **p)
{
	free(*p);
}

void close_fdp(int *fd)
{
	if (*fd < 0)
		return;
	int saved = errno;
	close(*fd);
	errno = saved;
}
