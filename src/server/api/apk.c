/* SPDX-License-Identifier: Apache-2.0
 *
 * Android packages over libarchive; the binary manifest by bounded readers (all numbers are little endian):
 *
 *     chunk        u16 type, u16 size of the header, u32 size of the whole
 *     0x0003       the document: chunks
 *     0x0001       string pool: u32 n, u32 styles, u32 flags (0x100: UTF-8), u32 start of strings, …, n offsets
 *     0x0102       element: … u32 name, u16 start, u16 size and u16 n of attributes
 *     attribute    u32 namespace, u32 name, u32 raw, u16, u8, u8 type (3 string, 0x10, 0x11 whole number), u32 value
 */
#include "server/api/apk.h"

#include "base/buf.h"
#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MANIFEST     "AndroidManifest.xml"
#define MANIFEST_MAX (4u << 20)
#define ENTRIES_MAX  65536
#define READ_SIZE    65536
#define NOT_AN_APK   "this is not an Android package (.apk): "
#define UTF8_FLAG    0x100u

enum { CHUNK_POOL = 0x0001, CHUNK_DOCUMENT = 0x0003, CHUNK_ELEMENT = 0x0102 };
enum { VALUE_STRING = 0x03, VALUE_DECIMAL = 0x10, VALUE_HEX = 0x11 };

static int broken(struct error *err)
{
	return error_set(err, ERR_INVALID, NOT_AN_APK "its manifest cannot be read");
}

/* ---- bytes ---- */

static bool get_le(struct span *s, size_t n, uint32_t *ret)
{
	struct span bytes;
	if (!span_get_bytes(s, n, &bytes))
		return false;
	*ret = 0;
	for (size_t i = n; i-- > 0;)
		*ret = *ret << 8 | bytes.p[i];
	return true;
}

static bool skip(struct span *s, size_t n)
{
	struct span ignored;
	return span_get_bytes(s, n, &ignored);
}

struct chunk {
	uint32_t type;
	struct span whole; /* from its first byte */
	struct span body;  /* beyond the eight bytes that every chunk begins with */
};

static bool get_chunk(struct span *s, struct chunk *ret)
{
	struct span head = *s;
	uint32_t header_size, size;
	if (!get_le(&head, 2, &ret->type) || !get_le(&head, 2, &header_size) ||
	    !get_le(&head, 4, &size) || size < 8 || !span_get_bytes(s, size, &ret->whole))
		return false;
	ret->body = ret->whole;
	return skip(&ret->body, 8);
}

/* ---- the string pool ---- */

struct pool {
	uint32_t n;
	bool utf8;
	struct span offsets, strings;
};

static bool read_pool(const struct chunk *c, struct pool *ret)
{
	struct span s = c->body;
	uint32_t styles, flags, start, styles_start;
	*ret = (struct pool){ 0 };
	if (!get_le(&s, 4, &ret->n) || !get_le(&s, 4, &styles) || !get_le(&s, 4, &flags) ||
	    !get_le(&s, 4, &start) || !get_le(&s, 4, &styles_start) ||
	    !span_get_bytes(&s, (size_t)ret->n * 4, &ret->offsets))
		return false;
	ret->utf8 = flags & UTF8_FLAG;
	ret->strings = c->whole;
	return skip(&ret->strings, start);
}

/* One or two units; the first one's highest bit says which. */
static bool get_length(struct span *s, size_t unit, uint32_t *ret)
{
	uint32_t high = 1u << (8 * unit - 1), low;
	if (!get_le(s, unit, ret))
		return false;
	if (!(*ret & high))
		return true;
	if (!get_le(s, unit, &low))
		return false;
	*ret = (*ret & (high - 1)) << (8 * unit) | low;
	return true;
}

/* Names of packages are ASCII; anything else is no name of ours and reads as "?". */
static bool get_text(struct span *s, bool utf8, uint32_t n, char *out, size_t size)
{
	if (n >= size)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t c;
		if (!get_le(s, utf8 ? 1 : 2, &c))
			return false;
		out[i] = c > 0 && c < 0x80 ? (char)c : '?';
	}
	out[n] = '\0';
	return true;
}

static bool pool_text(const struct pool *p, uint32_t i, char *out, size_t size)
{
	struct span at = p->offsets, s = p->strings;
	uint32_t offset, n, n_characters;
	if (i >= p->n || !skip(&at, (size_t)i * 4) || !get_le(&at, 4, &offset) || !skip(&s, offset))
		return false;
	if (p->utf8 && !get_length(&s, 1, &n_characters))
		return false;
	return get_length(&s, p->utf8 ? 1 : 2, &n) && get_text(&s, p->utf8, n, out, size);
}

/* ---- <manifest> ---- */

static bool is_package(const char *s)
{
	bool dot = false;
	if (!isalpha((unsigned char)*s))
		return false;
	for (; *s; s++) {
		dot |= *s == '.';
		if (!isalnum((unsigned char)*s) && *s != '.' && *s != '_')
			return false;
	}
	return dot;
}

static bool take_attribute(struct span *s, const struct pool *p, struct apk *ret)
{
	char name[32];
	uint32_t ns, name_i, raw, size, zero, type, value;
	if (!get_le(s, 4, &ns) || !get_le(s, 4, &name_i) || !get_le(s, 4, &raw) ||
	    !get_le(s, 2, &size) || !get_le(s, 1, &zero) || !get_le(s, 1, &type) ||
	    !get_le(s, 4, &value))
		return false;
	if (!pool_text(p, name_i, name, sizeof name))
		return true; /* a longer name is none that matters */
	if (strcmp(name, "package") == 0 && type == VALUE_STRING)
		return pool_text(p, value, ret->package, sizeof ret->package);
	if (strcmp(name, "versionCode") == 0 && (type == VALUE_DECIMAL || type == VALUE_HEX))
		snprintf(ret->version_code, sizeof ret->version_code, "%u", value);
	return true;
}

static bool read_element(const struct chunk *c, const struct pool *p, struct apk *ret)
{
	struct span s = c->body, attributes;
	char name[32];
	uint32_t ns, name_i, start, size, n;
	if (!skip(&s, 8)) /* line and comment */
		return false;
	attributes = s;
	if (!get_le(&s, 4, &ns) || !get_le(&s, 4, &name_i) || !get_le(&s, 2, &start) ||
	    !get_le(&s, 2, &size) || !get_le(&s, 2, &n) || size < 20 ||
	    !pool_text(p, name_i, name, sizeof name) || strcmp(name, "manifest") != 0 ||
	    !skip(&attributes, start))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		struct span one;
		if (!span_get_bytes(&attributes, size, &one) || !take_attribute(&one, p, ret))
			return false;
	}
	return true;
}

int apk_read_manifest(struct span bytes, struct apk *ret, struct error *err)
{
	struct chunk document, c;
	struct pool pool = { 0 };
	*ret = (struct apk){ 0 };
	if (!get_chunk(&bytes, &document) || document.type != CHUNK_DOCUMENT)
		return broken(err);
	struct span rest = document.body;
	while (get_chunk(&rest, &c)) {
		if (c.type == CHUNK_POOL && !read_pool(&c, &pool))
			break;
		if (c.type != CHUNK_ELEMENT)
			continue;
		if (!read_element(&c, &pool, ret))
			break;
		if (is_package(ret->package) && *ret->version_code)
			return 0;
		return error_set(err, ERR_INVALID,
				 NOT_AN_APK "its manifest has no package or no versionCode");
	}
	return broken(err);
}

/* ---- the archive ---- */

bool apk_is_zip(const char *path)
{
	char head[4] = "";
	FILE *f = fopen(path, "rbe");
	if (!f)
		return false;
	bool is = fread(head, 1, sizeof head, f) == sizeof head && memcmp(head, "PK\3\4", 4) == 0;
	fclose(f);
	return is;
}

static int read_entry(struct archive *a, struct apk *ret, struct error *err)
{
	CLEANUP(buf_fini) struct buf manifest;
	char piece[4096];
	la_ssize_t n;
	buf_init(&manifest, MANIFEST_MAX);
	while ((n = archive_read_data(a, piece, sizeof piece)) > 0 && !manifest.failed)
		buf_add(&manifest, piece, (size_t)n);
	if (n < 0 || manifest.failed)
		return broken(err);
	return apk_read_manifest(buf_span(&manifest), ret, err);
}

int apk_read_archive(struct archive *a, struct apk *ret, struct error *err)
{
	struct archive_entry *e;
	for (int i = 0; i < ENTRIES_MAX && archive_read_next_header(a, &e) == ARCHIVE_OK; i++) {
		const char *name = archive_entry_pathname(e);
		if (name && strcmp(name, MANIFEST) == 0)
			return read_entry(a, ret, err);
	}
	return error_set(err, ERR_INVALID, NOT_AN_APK "it has no " MANIFEST);
}

int apk_read_file(const char *path, struct apk *ret, struct error *err)
{
	struct archive *a = archive_read_new();
	if (!a)
		return -ENOMEM;
	archive_read_support_format_zip(a);
	int r = archive_read_open_filename(a, path, READ_SIZE) == ARCHIVE_OK
			? apk_read_archive(a, ret, err)
			: error_set(err, ERR_INVALID, NOT_AN_APK "it is no archive");
	archive_read_free(a);
	return r;
}
