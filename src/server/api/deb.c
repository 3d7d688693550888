/* SPDX-License-Identifier: Apache-2.0
 *
 * Debian packages over libarchive: an ar archive (debian-binary, control.tar[.gz|.xz|.zst], data.tar)
 * whose second member is a compressed tar archive with a file named "control".
 *
 * The inner archive is fed from the outer one piece by piece, so nothing is held but the control file.
 */
#include "server/api/deb.h"
#include "base/buf.h"
#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <errno.h>

#define CONTROL_MAX     (256u << 10) /* bytes of the control file */
#define CONTROL_TAR_MAX (16u << 20)  /* bytes of the compressed control archive */
#define OUTER_MAX       8            /* members before the control archive */
#define INNER_MAX       4096         /* files of the control archive */
#define NOT_A_DEB       "this is not a Debian package (.deb): "

static void archive_freep(struct archive **a)
{
	archive_read_free(*a);
}
#define AUTO_ARCHIVE CLEANUP(archive_freep) struct archive *

/* ---- the control file ---- */

static bool is_package(const char *s)
{
	if (!isalnum((unsigned char)*s) || strlen(s) < 2)
		return false;
	for (; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) &&
		    !strchr("+-.", *s))
			return false;
	return true;
}

static bool is_version(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(".+:~-", *s))
			return false;
	return true;
}

static bool is_architecture(const char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '-')
			return false;
	return true;
}

struct control_field {
	const char *name;
	char *out;
	size_t size;
	bool (*valid)(const char *s);
	bool needed;
};

static struct span trim(struct span s)
{
	while (s.n > 0 && (*s.p == ' ' || *s.p == '\t'))
		s = (struct span){ s.p + 1, s.n - 1 };
	while (s.n > 0 && strchr(" \t\r", s.p[s.n - 1]) && s.p[s.n - 1])
		s.n--;
	return s;
}

static int control_line(struct span line, const struct control_field *fields, struct error *err)
{
	struct span name;
	if (!span_get_until(&line, ':', &name))
		return 0;
	line = trim(line);
	for (const struct control_field *f = fields; f->name; f++) {
		if (!span_ieq_str(name, f->name))
			continue;
		bool fits = line.n < f->size &&
			    !memchr(line.p ? line.p : (const uint8_t *)"", 0, line.n);
		if (fits)
			snprintf(f->out, f->size, "%.*s", (int)line.n, (const char *)line.p);
		if (!fits || !f->valid(f->out))
			return error_set(err, ERR_INVALID,
					 NOT_A_DEB "its control file has a bad %s", f->name);
	}
	return 0;
}

int deb_read_control(struct span text, struct deb *ret, struct error *err)
{
	*ret = (struct deb){ 0 };
	const struct control_field fields[] = {
		{ "Package", ret->package, sizeof ret->package, is_package, true },
		{ "Version", ret->version, sizeof ret->version, is_version, true },
		{ "Architecture", ret->architecture, sizeof ret->architecture, is_architecture,
		  false },
		{ 0 },
	};
	int r = 0;
	for (struct span line; r == 0 && text.n > 0;) {
		if (!span_get_until(&text, '\n', &line)) {
			line = text;
			text.n = 0;
		}
		if (line.n > 0 && *line.p != ' ' &&
		    *line.p != '\t') /* else the line before goes on */
			r = control_line(line, fields, err);
	}
	for (const struct control_field *f = fields; r == 0 && f->name; f++)
		if (f->needed && !*f->out)
			r = error_set(err, ERR_INVALID, NOT_A_DEB "its control file has no %s",
				      f->name);
	return r;
}

/* ---- the inner archive ---- */

struct feed { /* the control archive's bytes, out of the outer one */
	struct archive *outer;
	size_t n;
	char block[16384];
};

static la_ssize_t feed_read(struct archive *inner, void *user, const void **ret)
{
	struct feed *f = user;
	la_ssize_t n = archive_read_data(f->outer, f->block, sizeof f->block);
	*ret = f->block;
	if (n < 0)
		return -1;
	f->n += (size_t)n;
	if (f->n > CONTROL_TAR_MAX) {
		archive_set_error(inner, EFBIG, "too large");
		return -1;
	}
	return n;
}

static bool is_control(const char *name)
{
	if (name && strncmp(name, "./", 2) == 0)
		name += 2;
	return name && strcmp(name, "control") == 0;
}

/* The content of the entry that was just read. */
static int entry_read(struct archive *a, struct buf *out, struct error *err)
{
	char block[4096];
	la_ssize_t n;
	while ((n = archive_read_data(a, block, sizeof block)) > 0 && !out->failed)
		buf_add(out, block, (size_t)n);
	if (n < 0 || out->failed)
		return error_set(err, ERR_INVALID, NOT_A_DEB "its control file cannot be read");
	return 0;
}

static int read_control_tar(struct archive *outer, struct deb *ret, struct error *err)
{
	AUTO_ARCHIVE inner = archive_read_new();
	CLEANUP(buf_fini) struct buf text;
	struct feed *feed = calloc(1, sizeof *feed);
	struct archive_entry *e;
	int r = ERR_INVALID;
	buf_init(&text, CONTROL_MAX);
	if (!inner || !feed)
		abort();
	feed->outer = outer;
	error_set(err, ERR_INVALID, NOT_A_DEB "its control archive holds no control file");
	archive_read_support_format_tar(inner);
	archive_read_support_filter_gzip(inner);
	archive_read_support_filter_xz(inner);
	archive_read_support_filter_zstd(inner);
	if (archive_read_open(inner, feed, NULL, feed_read, NULL) == ARCHIVE_OK)
		for (int i = 0; i < INNER_MAX && archive_read_next_header(inner, &e) == ARCHIVE_OK;
		     i++)
			if (is_control(archive_entry_pathname(e))) {
				r = entry_read(inner, &text, err);
				break;
			}
	archive_read_close(inner); /* before the feed goes */
	free(feed);
	return r ? r : deb_read_control(buf_span(&text), ret, err);
}

/* ---- the outer archive ---- */

static bool is_control_tar(const char *name)
{
	static const char *const names[] = { "control.tar", "control.tar.gz", "control.tar.xz",
					     "control.tar.zst" };
	for (size_t i = 0; name && i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int check_format(struct archive *outer, struct error *err)
{
	char version[8] = "";
	la_ssize_t n = archive_read_data(outer, version, sizeof version - 1);
	if (n >= 2 && strncmp(version, "2.", 2) == 0)
		return 0;
	return error_set(err, ERR_INVALID, NOT_A_DEB "its format is not 2.x");
}

/* 'outer' is open. */
static int read_outer(struct archive *outer, struct deb *ret, struct error *err)
{
	struct archive_entry *e;
	for (int i = 0; i < OUTER_MAX && archive_read_next_header(outer, &e) == ARCHIVE_OK; i++) {
		const char *name = archive_entry_pathname(e);
		if (i == 0) {
			if (!name || strcmp(name, "debian-binary") != 0)
				break;
			int r = check_format(outer, err);
			if (r != 0)
				return r;
		} else if (is_control_tar(name)) {
			return read_control_tar(outer, ret, err);
		}
	}
	return error_set(err, ERR_INVALID,
			 NOT_A_DEB "it holds no debian-binary and control archive");
}

static struct archive *outer_new(void)
{
	struct archive *a = archive_read_new();
	if (!a)
		abort();
	archive_read_support_format_ar(a);
	return a;
}

int deb_read_file(const char *path, struct deb *ret, struct error *err)
{
	AUTO_ARCHIVE outer = outer_new();
	if (archive_read_open_filename(outer, path, 16384) != ARCHIVE_OK)
		return error_set(err, ERR_INVALID, NOT_A_DEB "it is no ar archive");
	return read_outer(outer, ret, err);
}

int deb_read_bytes(struct span bytes, struct deb *ret, struct error *err)
{
	AUTO_ARCHIVE outer = outer_new();
	if (archive_read_open_memory(outer, bytes.p, bytes.n) != ARCHIVE_OK)
		return error_set(err, ERR_INVALID, NOT_A_DEB "it is no ar archive");
	return read_outer(outer, ret, err);
}
