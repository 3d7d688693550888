/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of desktop entries' files and their ids. An id comes from the host: whatever it is made of, it leads to nothing outside
 * of the folders of applications.
 */
#include "base/utf8.h"
#include "vm/container/entry.h"
#include <string.h>

bool entry_id(const char *relative, char id[ENTRY_ID_SIZE])
{
	size_t n = strlen(relative), n_suffix = sizeof ENTRY_SUFFIX - 1;
	if (n <= n_suffix || n - n_suffix >= ENTRY_ID_SIZE ||
	    strcmp(relative + n - n_suffix, ENTRY_SUFFIX) != 0 ||
	    !utf8_valid((struct span){ (const uint8_t *)relative, n }))
		return false;
	n -= n_suffix;
	memcpy(id, relative, n);
	id[n] = '\0';
	for (char *c = id; (c = strchr(c, '/'));)
		*c = '-';
	return true;
}

static bool id_ok(const char *id)
{
	size_t n = strlen(id);
	return n > 0 && n < ENTRY_ID_SIZE && !strchr(id, '/') && !utf8_has_control(span_str(id));
}

/* A way out of the folder, or no way at all. */
static bool is_strange(const char *path)
{
	return path[0] == '/' || strstr(path, "//") || strncmp(path, "../", 3) == 0 ||
	       strncmp(path, "./", 2) == 0 || strstr(path, "/../") || strstr(path, "/./");
}

static unsigned count_hyphens(const char *id)
{
	unsigned n = 0;
	for (; *id; id++)
		n += *id == '-';
	return n;
}

/* Bit k of 'kept' leaves the k-th hyphen what it is. */
static void put_slashes(char *path, unsigned long kept)
{
	for (char *c = path; (c = strchr(c, '-')); c++) {
		if (!(kept & 1))
			*c = '/';
		kept >>= 1;
	}
}

bool entry_candidate(const char *id, unsigned i, char path[ENTRY_ID_SIZE + sizeof ENTRY_SUFFIX])
{
	if (!id_ok(id))
		return false;
	unsigned n = count_hyphens(id);
	if (i >= (n > ENTRY_HYPHENS_MAX ? 2u : 1u << n))
		return false;
	memcpy(path, id, strlen(id) + 1);
	if (n <= ENTRY_HYPHENS_MAX)
		put_slashes(path, i);
	else if (i == 0)
		for (char *c = path; (c = strchr(c, '-'));)
			*c = '/';
	if (is_strange(path)) /* but the id as it is might be a file's name */
		memcpy(path, id, strlen(id) + 1);
	memcpy(path + strlen(path), ENTRY_SUFFIX, sizeof ENTRY_SUFFIX);
	return true;
}
