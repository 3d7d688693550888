/* SPDX-License-Identifier: Apache-2.0
 *
 * volume: what a superblock of ext4 says. The rest needs disks: tests/scenario/test_guest_disk.py.
 */
#include "base/macros.h"
#include "vm/guest/volume.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
	uint32_t n_low, n_high, shift, magic, features;
	bool good;
	uint64_t size;
	uint32_t block;
} cases[] = {
	{ 8192, 0, 0, 0xef53, 0, true, 8 << 20, 1024 },
	{ 16384, 0, 2, 0xef53, 0, true, 64 << 20, 4096 },
	{ 1, 1, 2, 0xef53, 0x80, true, (UINT64_C(1) << 44) + 4096, 4096 },
	{ 1, 1, 2, 0xef53, 0, true, 4096, 4096 }, /* the upper half means nothing */
	{ 16384, 0, 2, 0xffffef53, 0, true, 64 << 20, 4096 },
	{ 16384, 0, 2, 0xef54, 0, false, 0, 0 },
	{ 16384, 0, 7, 0xef53, 0, false, 0, 0 },
	{ 16384, 0, UINT32_MAX, 0xef53, 0, false, 0, 0 },
	{ 0, UINT32_MAX, 6, 0xef53, 0x80, false, 0, 0 }, /* more bytes than there are numbers */
};

static void put_le32(uint8_t *p, size_t at, uint32_t n)
{
	for (size_t i = 0; i < 4; i++)
		p[at + i] = (uint8_t)(n >> (8 * i));
}

static void test_ext_size(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t s[EXT_SUPERBLOCK_SIZE] = { 0 };
		uint64_t size;
		uint32_t block;
		put_le32(s, 0x4, cases[i].n_low);
		put_le32(s, 0x150, cases[i].n_high);
		put_le32(s, 0x18, cases[i].shift);
		put_le32(s, 0x38, cases[i].magic);
		put_le32(s, 0x60, cases[i].features);
		assert_int_equal(ext_size(s, &size, &block), cases[i].good);
		if (cases[i].good) {
			assert_int_equal(size, cases[i].size);
			assert_int_equal(block, cases[i].block);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ext_size) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
