/* SPDX-License-Identifier: Apache-2.0
 *
 * .upk over libarchive and libxml2, see upk.h. The inner archive is fed from the outer one piece by piece; of the
 * document only elements are looked at, entities and document types end it.
 */
#include "server/api/upk.h"

#include "base/buf.h"
#include "base/utf8.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <libxml/xmlreader.h>
#include <stdlib.h>
#include <string.h>

#define MANIFEST     "UPKManifest.xml"
#define MANIFEST_MAX (256u << 10)
#define NODES_MAX    20000
#define ENTRIES_MAX  65536
#define READ_SIZE    65536
#define INNER_MAX    (UINT64_C(1) << 30) /* bytes of the inner archive that are looked at */
#define NOT_A_UPK    "this is not a package of Flyve MDM (.upk): "

static void archive_freep(struct archive **a)
{
	archive_read_free(*a);
}
#define AUTO_ARCHIVE CLEANUP(archive_freep) struct archive *

/* ---- the manifest ---- */

static void xml_freep(xmlTextReaderPtr *r)
{
	if (*r)
		xmlFreeTextReader(*r);
}

static void be_silent(void *user, const xmlError *e)
{
	(void)user, (void)e;
}

/* true: the attribute is there and can be the name of an entry. */
static bool take_name(xmlTextReaderPtr r, char ret[UPK_NAME_SIZE])
{
	xmlChar *v = xmlTextReaderGetAttribute(r, BAD_CAST "fileName");
	const char *name = (const char *)v;
	bool ok =
		name && *name && strlen(name) < UPK_NAME_SIZE && !utf8_has_control(span_str(name));
	if (ok)
		memcpy(ret, name, strlen(name) + 1);
	xmlFree(v);
	return ok;
}

int upk_read_manifest(struct span xml, char ret[UPK_NAME_SIZE], struct error *err)
{
	CLEANUP(xml_freep) xmlTextReaderPtr r = NULL;
	bool found = false;
	*ret = '\0';
	if (xml.n > 0 && xml.n <= MANIFEST_MAX)
		r = xmlReaderForMemory((const char *)xml.p, (int)xml.n, NULL, NULL,
				       XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (r)
		xmlTextReaderSetStructuredErrorHandler(r, (xmlStructuredErrorFunc)be_silent, NULL);
	for (int i = 0; r && !found && i < NODES_MAX && xmlTextReaderRead(r) == 1; i++) {
		int type = xmlTextReaderNodeType(r);
		if (type == XML_READER_TYPE_DOCUMENT_TYPE ||
		    type == XML_READER_TYPE_ENTITY_REFERENCE)
			break;
		if (type != XML_READER_TYPE_ELEMENT || xmlTextReaderDepth(r) != 1 ||
		    !xmlStrEqual(xmlTextReaderConstLocalName(r), BAD_CAST "application"))
			continue;
		if (!take_name(r, ret))
			break;
		found = true;
	}
	return found ? 0
		     : error_set(err, ERR_INVALID,
				 NOT_A_UPK MANIFEST " names no application (fileName)");
}

/* ---- the outer archive ---- */

static struct archive *open_zip(const char *path)
{
	struct archive *a = archive_read_new();
	if (!a)
		abort();
	archive_read_support_format_zip(a);
	if (archive_read_open_filename(a, path, READ_SIZE) == ARCHIVE_OK)
		return a;
	archive_read_free(a);
	return NULL;
}

/* Goes to the entry; false: there is none. */
static bool find_entry(struct archive *a, const char *wanted)
{
	struct archive_entry *e;
	for (int i = 0; i < ENTRIES_MAX && archive_read_next_header(a, &e) == ARCHIVE_OK; i++) {
		const char *name = archive_entry_pathname(e);
		if (name && strcmp(name, wanted) == 0)
			return true;
	}
	return false;
}

bool upk_is(const char *path)
{
	AUTO_ARCHIVE a = open_zip(path);
	return a && find_entry(a, MANIFEST);
}

static int find_application(const char *path, char ret[UPK_NAME_SIZE], struct error *err)
{
	AUTO_ARCHIVE a = open_zip(path);
	CLEANUP(buf_fini) struct buf text;
	char piece[4096];
	la_ssize_t n = -1;
	buf_init(&text, MANIFEST_MAX);
	if (a && find_entry(a, MANIFEST))
		while ((n = archive_read_data(a, piece, sizeof piece)) > 0 && !text.failed)
			buf_add(&text, piece, (size_t)n);
	if (n < 0 || text.failed)
		return error_set(err, ERR_INVALID, NOT_A_UPK "its " MANIFEST " cannot be read");
	return upk_read_manifest(buf_span(&text), ret, err);
}

/* ---- the inner one ---- */

struct feed { /* its bytes, out of the outer one */
	struct archive *outer;
	uint64_t n;
	char block[16384];
};

static la_ssize_t feed_read(struct archive *inner, void *user, const void **ret)
{
	struct feed *f = user;
	la_ssize_t n = archive_read_data(f->outer, f->block, sizeof f->block);
	*ret = f->block;
	f->n += n > 0 ? (uint64_t)n : 0;
	if (n >= 0 && f->n <= INNER_MAX)
		return n;
	archive_set_error(inner, EFBIG, "too large");
	return -1;
}

static int read_application(struct archive *outer, struct apk *ret, struct error *err)
{
	AUTO_ARCHIVE inner = archive_read_new();
	struct feed *feed = calloc(1, sizeof *feed);
	int r = ERR_INVALID;
	if (!inner || !feed)
		abort();
	feed->outer = outer;
	archive_read_support_format_zip(inner);
	if (archive_read_open(inner, feed, NULL, feed_read, NULL) == ARCHIVE_OK)
		r = apk_read_archive(inner, ret, err);
	else
		error_set(err, ERR_INVALID, NOT_A_UPK "the application in it is no archive");
	archive_read_close(inner); /* before the feed goes */
	free(feed);
	return r;
}

int upk_read_file(const char *path, struct apk *ret, struct error *err)
{
	char name[UPK_NAME_SIZE];
	int r = find_application(path, name, err);
	if (r)
		return r;
	AUTO_ARCHIVE outer = open_zip(path);
	if (!outer || !find_entry(outer, name))
		return error_set(err, ERR_INVALID, NOT_A_UPK "it has no %.80s", name);
	return read_application(outer, ret, err);
}
