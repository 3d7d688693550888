/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading mime.cache, see mime-cache.h. A node is three big-endian words: character, number of children, offset of the first; a
 * leaf's are 0, offset of the type's name, weight in the lowest byte.
 */
#include "vm/container/mime-cache.h"
#include "base/map.h"
#include "base/utf8.h"
#include <string.h>

#define HEADER_SIZE 40
#define NODE_SIZE   12
#define TREE_OFFSET 16 /* of the word in the header that leads to the tree */

struct walk {
	struct span file;
	struct mime_table *table;
	unsigned level, n_nodes;
	uint32_t path[MIME_EXTENSION_MAX + 1]; /* characters, the last of the suffix first */
};

void mime_table_init(struct mime_table *t)
{
	arena_init(&t->arena);
	t->by_extension = map_new();
}

void mime_table_fini(struct mime_table *t)
{
	map_free(t->by_extension);
	arena_fini(&t->arena);
}

/* n words at an offset, which is a multiple of four. */
static bool words_at(struct span file, uint32_t offset, uint32_t *ret, size_t n)
{
	if (offset % 4 != 0 || offset > file.n)
		return false;
	struct span s = { file.p + offset, file.n - offset };
	for (size_t i = 0; i < n; i++)
		if (!span_get_be32(&s, &ret[i]))
			return false;
	return true;
}

static bool name_at(struct span file, uint32_t offset, struct span *ret)
{
	if (offset >= file.n)
		return false;
	struct span s = { file.p + offset, file.n - offset };
	return span_get_until(&s, '\0', ret) && ret->n > 0 && ret->n <= MIME_TYPE_MAX &&
	       utf8_valid(*ret);
}

/* ".png" backwards is "png"; false: it has no dot in front, or is too long. */
static bool spell(const struct walk *w, size_t depth, struct buf *out)
{
	if (depth < 2 || w->path[depth - 1] != '.')
		return false;
	for (size_t i = depth - 1; i-- > 0;)
		utf8_add(out, w->path[i]);
	return !out->failed;
}

static void put(struct walk *w, struct span extension, struct span type, unsigned weight)
{
	struct mime_table *t = w->table;
	struct mime_type *m = map_get(t->by_extension, extension);
	if (m && (m->level > w->level || (m->level == w->level && m->weight >= weight)))
		return;
	if (!m) {
		m = arena_new(&t->arena, struct mime_type);
		m->extension = arena_strndup(&t->arena, (const char *)extension.p, extension.n);
		(void)map_put(t->by_extension, span_str(m->extension), m);
	}
	m->type = arena_strndup(&t->arena, (const char *)type.p, type.n);
	m->weight = weight;
	m->level = w->level;
}

static bool take_leaf(struct walk *w, size_t depth, const uint32_t node[3])
{
	CLEANUP(buf_fini) struct buf extension;
	struct span type;
	buf_init(&extension, MIME_EXTENSION_MAX);
	if (!name_at(w->file, node[1], &type))
		return false;
	if (spell(w, depth, &extension))
		put(w, buf_span(&extension), type, node[2] & 0xff);
	return true;
}

static bool is_character(uint32_t c)
{
	return c < 0x110000 && !(c >= 0xd800 && c < 0xe000);
}

/* As deep as an extension is long, at most. false: the file is broken. */
static bool visit(struct walk *w, uint32_t offset, uint32_t n,
		  size_t depth) /* NOLINT(misc-no-recursion) */
{
	for (uint32_t i = 0; i < n; i++, offset += NODE_SIZE) {
		uint32_t node[3];
		if (++w->n_nodes > MIME_NODES_MAX || !words_at(w->file, offset, node, 3))
			return false;
		if (node[0] == 0) {
			if (!take_leaf(w, depth, node))
				return false;
		} else if (depth < ARRAY_SIZE(w->path) && is_character(node[0])) {
			w->path[depth] = node[0];
			if (!visit(w, node[2], node[1], depth + 1))
				return false;
		}
	}
	return true;
}

int mime_cache_read(struct span file, unsigned level, struct mime_table *t, struct error *err)
{
	struct walk w = { .file = file, .table = t, .level = level };
	struct span head = file;
	uint16_t major, minor;
	uint32_t tree, roots[2];
	if (file.n < HEADER_SIZE || file.n > MIME_FILE_MAX)
		return error_set(err, ERR_INVALID, "the size is not that of a mime.cache");
	if (!span_get_be16(&head, &major) || !span_get_be16(&head, &minor) || major != 1)
		return error_set(err, ERR_INVALID, "it is of another version");
	if (!words_at(file, TREE_OFFSET, &tree, 1) || !words_at(file, tree, roots, 2) ||
	    !visit(&w, roots[1], roots[0], 0))
		return error_set(err, ERR_INVALID, "its tree of suffixes leads out of it");
	return 0;
}
