/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeping originals by link or copy; kept.h has the contract.
 */
#include "agent/providers/kept.h"
#include "agent/providers/copy.h"
#include "agent/providers/hash.h"
#include "agent/providers/undo.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

const char *kept_path(const char *path, char text[KEPT_PATH_SIZE])
{
	char hash[HASH_SIZE];
	hash_span(span_str(path), hash);
	snprintf(text, KEPT_PATH_SIZE, KEPT_FOLDER "/%s", hash);
	return text;
}

static int kept_open(const char *root, const char *path, unsigned flags, struct place *ret)
{
	char text[KEPT_PATH_SIZE];
	return place_open(root, kept_path(path, text), flags, ret);
}

int kept_take(const char *root, const char *path)
{
	CLEANUP(place_close) struct place from = PLACE_NONE;
	CLEANUP(place_close) struct place kept = PLACE_NONE;
	int r = place_open(root, path, 0, &from);
	if (r == 0)
		r = kept_open(root, path, PLACE_MAKE, &kept);
	if (r < 0)
		return r;
	if (fchmodat(kept.dir, ".", 0700, 0) < 0)
		return -errno;
	if (unlinkat(kept.dir, kept.name, 0) < 0 && errno != ENOENT)
		return -errno;
	if (linkat(from.dir, from.name, kept.dir, kept.name, 0) < 0)
		r = copy_object(&from, &kept, KEPT_COPY_MAX);
	return r < 0 ? r : place_sync(&kept);
}

int kept_give(const char *root, const char *path, const char *to_path)
{
	struct stat st;
	CLEANUP(place_close) struct place kept = PLACE_NONE;
	CLEANUP(place_close) struct place to = PLACE_NONE;
	int r = kept_open(root, path, 0, &kept);
	if (r < 0)
		return r;
	if (fstatat(kept.dir, kept.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	r = place_open(root, to_path, PLACE_MAKE, &to);
	return r < 0 ? r : move_object(&kept, &to, KEPT_COPY_MAX);
}

void kept_drop(const char *root, const char *path)
{
	char text[KEPT_PATH_SIZE];
	CLEANUP(place_close) struct place folder = PLACE_NONE;
	if (place_remove(root, kept_path(path, text)) == 0 &&
	    place_open(root, KEPT_FOLDER, 0, &folder) == 0)
		unlinkat(folder.dir, folder.name, AT_REMOVEDIR); /* when it was the last */
}
