/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of desired state; see documents.h.
 */
#include "reeve/documents.h"
#include "base/file.h"
#include "base/yaml.h"
#include <errno.h>

#define FILE_MAX (16u << 20)

static int read_file(const char *path, struct buf *out, struct error *err)
{
	bool standard_input = strcmp(path, "-") == 0;
	int r = file_read(standard_input ? "/dev/stdin" : path, out);
	if (r == -EFBIG)
		return error_set(err, ERR_INVALID, "%s is larger than %u MiB", path,
				 FILE_MAX >> 20);
	if (r < 0)
		return error_set(err, ERR_UNAVAILABLE, "cannot read %s: %s",
				 standard_input ? "standard input" : path, strerror(-r));
	return 0;
}

/* "FILE" until a second document shows that this is not enough to find it. */
static int add(struct documents *d, const char *path, json_t *document)
{
	char origin[300];
	size_t n = json_array_size(d->origins) - d->n_before;
	if (n == 1) {
		snprintf(origin, sizeof origin, "%.250s, document 1", path);
		json_array_set_new(d->origins, d->n_before, json_string(origin));
	}
	if (n > 0)
		snprintf(origin, sizeof origin, "%.250s, document %zu", path, n + 1);
	else
		snprintf(origin, sizeof origin, "%.250s", path);
	if (json_array_append_new(d->origins, json_string(origin)) < 0 &&
	    json_array_append_new(d->origins, json_string("a file")) <
		    0) /* its name is not UTF-8 */
		return -ENOMEM;
	return json_array_append(d->all, document) < 0 ? -ENOMEM : 0;
}

/* Objects as they are, the items of lists, nothing for an empty document. */
static int take_document(struct documents *d, const char *path, json_t *j, struct error *err)
{
	size_t i;
	json_t *item;
	if (json_is_null(j))
		return 0;
	if (json_is_object(j))
		return add(d, path, j);
	if (!json_is_array(j))
		return error_set(err, ERR_INVALID, "%s: a document is a mapping, not a %s", path,
				 json_is_string(j) ? "text" : "number");
	json_array_foreach (j, i, item) {
		int r = json_is_object(item)
				? add(d, path, item)
				: error_set(err, ERR_INVALID,
					    "%s: item %zu of the list is not a mapping", path,
					    i + 1);
		if (r != 0)
			return r;
	}
	return 0;
}

static int read_documents(struct documents *d, const char *path, struct error *err)
{
	CLEANUP(buf_fini) struct buf text;
	AUTO_JSON read = NULL;
	size_t i;
	json_t *j;
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	buf_init(&text, FILE_MAX);
	d->n_before = json_array_size(d->origins);
	int r = read_file(path, &text, err);
	if (r == 0)
		r = yaml_parse(name, buf_span(&text), &read, err);
	if (r != 0)
		return r;
	json_array_foreach (read, i, j) {
		r = take_document(d, name, j, err);
		if (r != 0)
			return r;
	}
	return 0;
}

int documents_read(char *const *files, int n_files, struct documents *ret, struct error *err)
{
	*ret = (struct documents){ .all = json_array(), .origins = json_array() };
	for (int i = 0; i < n_files; i++) {
		int r = read_documents(ret, files[i], err);
		if (r != 0)
			return r;
	}
	if (json_array_size(ret->all) == 0)
		return error_set(err, ERR_INVALID, "there is no document in the files");
	return 0;
}

void documents_fini(struct documents *d)
{
	json_decref(d->all);
	json_decref(d->origins);
}

void documents_add(struct buf *out, const json_t *documents)
{
	size_t i;
	json_t *d;
	json_array_foreach ((json_t *)documents, i, d) {
		buf_add_str(out, "---\n");
		yaml_add(out, d);
	}
}
