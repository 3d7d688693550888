/* SPDX-License-Identifier: Apache-2.0
 *
 * mime-cache: a small file made here, every way to break it, and weights and levels.
 */
#include "base/map.h"
#include "vm/container/mime-cache.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The header, the tree's head at 40, then nodes from 48, then text. */
enum { TREE = 40, NODES = 48, TEXT = 256, SIZE = 320 };
static uint8_t file[SIZE];

static void put32(size_t at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		file[at + (size_t)i] = (uint8_t)(v >> (24 - 8 * i));
}

static void put_node(unsigned i, uint32_t character, uint32_t second, uint32_t third)
{
	put32(NODES + 12 * i, character);
	put32(NODES + 12 * i + 4, second);
	put32(NODES + 12 * i + 8, third);
}

#define NODE(i) (NODES + 12 * (i))

/* ".ab" is x/y of weight 50 or x/z of 60, "b" without a dot is x/y, too. */
static void make_file(void)
{
	memset(file, 0, sizeof file);
	put32(0, 0x00010002);
	put32(16, TREE);
	put32(TREE, 1);
	put32(TREE + 4, NODES);
	put_node(0, 'b', 2, NODE(1));
	put_node(1, 0, TEXT, 50);
	put_node(2, 'a', 1, NODE(3));
	put_node(3, '.', 2, NODE(4));
	put_node(4, 0, TEXT, 50);
	put_node(5, 0, TEXT + 4, 0x100 + 60);
	memcpy(file + TEXT, "x/y\0x/z", 8);
}

static int read_file(size_t n, unsigned level, struct mime_table *t)
{
	struct error err;
	return mime_cache_read((struct span){ file, n }, level, t, &err);
}

static const char *type_of(struct mime_table *t, const char *extension)
{
	const struct mime_type *m = map_get(t->by_extension, span_str(extension));
	return m ? m->type : NULL;
}

static void test_levels(void **state)
{
	struct mime_table t;
	(void)state;
	mime_table_init(&t);
	make_file();
	assert_int_equal(read_file(SIZE, 0, &t), 0);
	assert_int_equal(map_n(t.by_extension), 1);
	assert_string_equal(type_of(&t, "ab"), "x/z");
	put_node(5, 0, TEXT,
		 10); /* of more weight is now the other, of the same name; the level decides */
	assert_int_equal(read_file(SIZE, 1, &t), 0);
	assert_string_equal(type_of(&t, "ab"), "x/y");
	mime_table_fini(&t);
}

static int read_broken(void)
{
	struct mime_table t;
	mime_table_init(&t);
	int r = read_file(SIZE, 0, &t);
	mime_table_fini(&t);
	return r;
}

static void test_broken(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} cases[] = {
		{ 0, 0x00020002 },
		{ 16, 41 },
		{ 16, SIZE },
		{ TREE, 1000000 },
		{ TREE + 4, SIZE - 4 },
		{ NODE(0) + 8, NODE(0) }, /* a ring */
		{ NODE(0) + 8, 1 },
		{ NODE(1) + 4, SIZE },
		{ NODE(0) + 4, UINT32_MAX },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_file();
		put32(cases[i].at, cases[i].value);
		int r = read_broken();
		if (cases[i].at == NODE(0) + 8 && cases[i].value == NODE(0))
			assert_true(r >= 0); /* it ends */
		else
			assert_int_equal(r, ERR_INVALID);
	}
}

static void test_cut_anywhere(void **state)
{
	(void)state;
	make_file();
	for (size_t n = 0; n < SIZE; n++) {
		struct mime_table t;
		mime_table_init(&t);
		int r = read_file(n, 0, &t);
		assert_true(n < TEXT + 8 ? r == ERR_INVALID : r == 0);
		mime_table_fini(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_cut_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
