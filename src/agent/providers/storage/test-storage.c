/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/providers/all.h"
#include "agent/providers/testing.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define YES "{'storage.encryption': true}"

static struct scratch s;

static int setup(void **state)
{
	scratch_init(&s);
	return 0;
}

static int teardown(void **state)
{
	scratch_fini(&s);
	return 0;
}

struct device {
	const char *name, *number, *uuid, *dm_name;
	const char *slaves[3];
};

static void add_device(const struct device *d)
{
	char path[200], text[100];
	snprintf(path, sizeof path, "/sys/devices/%s/dev", d->name);
	snprintf(text, sizeof text, "%s\n", d->number);
	scratch_file(&s, path, text);
	snprintf(path, sizeof path, "/sys/class/block/%s", d->name);
	snprintf(text, sizeof text, "../../devices/%s", d->name);
	scratch_link(&s, path, text);
	if (d->uuid) {
		snprintf(path, sizeof path, "/sys/devices/%s/dm/uuid", d->name);
		scratch_file(&s, path, d->uuid);
		snprintf(path, sizeof path, "/sys/devices/%s/dm/name", d->name);
		scratch_file(&s, path, d->dm_name ? d->dm_name : "");
	}
	for (int i = 0; i < 3 && d->slaves[i]; i++) {
		snprintf(path, sizeof path, "/sys/devices/%s/slaves/%s", d->name, d->slaves[i]);
		snprintf(text, sizeof text, "../../%s", d->slaves[i]);
		scratch_link(&s, path, text);
	}
}

#define DISK                                                                                       \
	{                                                                                          \
		"sda1", "8:1", NULL, NULL,                                                         \
		{                                                                                  \
			NULL                                                                       \
		}                                                                                  \
	}
#define DISK2                                                                                      \
	{                                                                                          \
		"sda2", "8:2", NULL, NULL,                                                         \
		{                                                                                  \
			NULL                                                                       \
		}                                                                                  \
	}
#define CRYPT                                                                                      \
	{                                                                                          \
		"dm-0", "253:0", "CRYPT-LUKS2-0123-sda1_crypt\n", "sda1_crypt\n",                  \
		{                                                                                  \
			"sda1"                                                                     \
		}                                                                                  \
	}
#define CRYPT2                                                                                     \
	{                                                                                          \
		"dm-1", "253:1", "CRYPT-LUKS1-4567-sda2_crypt\n", "sda2_crypt\n",                  \
		{                                                                                  \
			"sda2"                                                                     \
		}                                                                                  \
	}

static void test_stacks(void **state)
{
	static const struct {
		struct device devices[6];
		const char *mounts, *value, *message;
	} cases[] = {
		{ { DISK },
		  "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n",
		  "false",
		  "/ (ext4 on /dev/sda1) is not encrypted" },
		{ { DISK, CRYPT },
		  "1 0 253:0 / / rw shared:1 - ext4 /dev/mapper/x rw\n",
		  "true",
		  NULL },
		{ { DISK, DISK2, CRYPT },
		  "1 0 253:0 / / rw - ext4 /dev/dm-0 rw\n2 1 8:2 / /home rw - ext4 /dev/sda2 rw\n",
		  "false",
		  "/home" },
		{ { DISK, DISK2, CRYPT },
		  "1 0 253:0 / / rw - ext4 /dev/dm-0 rw\n2 1 8:2 / /homer rw - ext4 /dev/sda2 rw\n",
		  "true",
		  NULL },
		{ { DISK, CRYPT, { "dm-1", "253:1", "LVM-abc\n", "vg-root\n", { "dm-0" } } },
		  "1 0 253:1 / / rw - xfs /dev/mapper/vg-root rw\n",
		  "true",
		  NULL }, /* LVM on LUKS */
		{ { DISK, DISK2, CRYPT, CRYPT2, { "md0", "9:0", NULL, NULL, { "dm-0", "dm-1" } } },
		  "1 0 9:0 / / rw - ext4 /dev/md0 rw\n",
		  "true",
		  NULL },
		{ { DISK, DISK2, CRYPT, { "md0", "9:0", NULL, NULL, { "dm-0", "sda2" } } },
		  "1 0 9:0 / / rw - ext4 /dev/md0 rw\n",
		  "false",
		  NULL },
		{ { DISK, { "dm-0", "253:0", "CRYPT-VERITY-00-usr\n", "usr\n", { "sda1" } } },
		  "1 0 253:0 / / ro - ext4 /dev/dm-0 ro\n",
		  "false",
		  NULL },
		{ { DISK, CRYPT },
		  "1 0 0:30 /@ / rw - btrfs /dev/mapper/sda1_crypt rw\n",
		  "true",
		  NULL },
		{ { DISK }, "1 0 0:30 /@ / rw - btrfs /dev/sda1 rw\n", "false", NULL },
		{ { DISK }, "1 0 0:30 / / rw - overlay overlay rw\n", "false", "overlay" },
		{ { DISK, CRYPT },
		  "1 0 8:1 / / rw - ext4 a rw\n2 0 253:0 / / rw - ext4 b rw\n",
		  "true",
		  NULL }, /* mounted over */
		{ { { "dm-0", "253:0", "LVM-x", "a", { "dm-1" } },
		    { "dm-1", "253:1", "LVM-y", "b", { "dm-0" } } },
		  "1 0 253:0 / / rw - ext4 x rw\n",
		  "false",
		  NULL }, /* a circle ends */
		{ { DISK }, "", "false", "cannot be read" },
		{ { DISK }, "nonsense\n1 2 - \n - - -\n", "false", NULL },
		{ { DISK, DISK2, CRYPT },
		  "1 0 253:0 / / rw - ext4 x rw\n2 1 8:2 / /home\\040x rw - ext4 y rw\n",
		  "true",
		  NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int j = 0; j < 6 && cases[i].devices[j].name; j++)
			add_device(&cases[i].devices[j]);
		scratch_file(&s, "/proc/self/mountinfo", cases[i].mounts);
		AUTO_JSON ret = scratch_observe(&s, &provider_storage, YES);
		assert_result(ret, "storage.encryption", cases[i].value, "observed",
			      cases[i].message);
		scratch_remove(&s, "/sys");
	}
}

static void test_btrfs_of_two(void **state)
{
	static const struct device devices[] = { DISK, DISK2, CRYPT };
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		add_device(&devices[i]);
	scratch_file(&s, "/proc/self/mountinfo",
		     "1 0 0:30 /@ / rw - btrfs /dev/mapper/sda1_crypt rw\n");
	scratch_folder(&s, "/sys/fs/btrfs/features");
	scratch_folder(&s, "/sys/fs/btrfs/abcd/devices/dm-0");
	check_observe(&s, &provider_storage, "{}", "storage.encryption", "true", "observed");
	scratch_folder(&s, "/sys/fs/btrfs/abcd/devices/sda2");
	check_observe(&s, &provider_storage, "{}", "storage.encryption", "false", "observed");
}

static void test_enforce(void **state)
{
	static const struct device devices[] = { DISK, CRYPT };
	json_t *before = scratch_snapshot(&s, true);
	AUTO_JSON none = scratch_enforce(&s, &provider_storage, "{}");
	assert_int_equal(json_object_size(none), 0);
	AUTO_JSON ret = scratch_enforce(&s, &provider_storage, YES);
	assert_result(ret, "storage.encryption", "false", "failed", "cannot be read");
	check_enforce(&s, &provider_storage, "{'storage.encryption': false}", "storage.encryption",
		      "false", "applied");
	check_enforce(&s, &provider_storage, "{'storage.encryption': 'x'}", "storage.encryption",
		      "false", "failed");
	scratch_restore(&s, &provider_storage);
	assert_same_tree(&s, before, true);
	assert_int_equal(s.n_saves, 0);
	add_device(&devices[0]);
	add_device(&devices[1]);
	scratch_file(&s, "/proc/self/mountinfo", "1 0 253:0 / / rw - ext4 x rw\n");
	check_enforce(&s, &provider_storage, YES, "storage.encryption", "true", "applied");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stacks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_btrfs_of_two, setup, teardown),
		cmocka_unit_test_setup_teardown(test_enforce, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
