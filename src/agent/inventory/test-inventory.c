/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/inventory/sections.h"
#include "agent/providers/testing.h"
#include <fcntl.h>
#include <lastlog.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

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

static void check(section_fn *collect, const char *expected)
{
	AUTO_JSON found = collect(&s.env);
	char text[4000];
	snprintf(text, sizeof text, "%s", expected);
	for (char *c = text; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	AUTO_JSON wanted = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(wanted);
	assert_same_json(found ? found : json_null(), wanted);
}

static void test_nothing_there(void **state)
{
	check(inventory_hardware, "{}");
	check(inventory_os, "{}");
	check(inventory_disks, "{'devices': []}");
	check(inventory_packages, "null");
	check(inventory_network, "null");
	check(inventory_users, "null");
}

static void test_hardware(void **state)
{
	scratch_file(&s, "/sys/class/dmi/id/sys_vendor", "LENOVO\n");
	scratch_file(&s, "/sys/class/dmi/id/product_name", "ThinkPad X1 \n");
	scratch_file(&s, "/sys/class/dmi/id/product_serial", "PF3XYZ\n");
	scratch_file(&s, "/sys/class/dmi/id/bios_version", "\xff\xfe\n"); /* not UTF-8 */
	scratch_file(&s, "/sys/class/dmi/id/board_name", "\n");
	scratch_file(&s, "/proc/cpuinfo",
		     "processor\t: 0\nmodel name\t: AMD Ryzen 7\n\nprocessor\t: 1\n"
		     "model name\t: AMD Ryzen 7\nprocessors: no\n");
	scratch_file(&s, "/proc/meminfo", "MemFree: 1 kB\nMemTotal:       16384 kB\n");
	check(inventory_hardware,
	      "{'vendor': 'LENOVO', 'product': 'ThinkPad X1', 'serial': 'PF3XYZ',"
	      " 'cpu_model': 'AMD Ryzen 7', 'cpu_count': 2, 'memory': 16777216}");
}

static void test_os(void **state)
{
	scratch_file(&s, "/usr/lib/os-release",
		     "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME='Debian'\nID=debian\n"
		     "VERSION_ID=\"1\\\"2\"\n# comment\nnonsense\n");
	scratch_file(&s, "/proc/sys/kernel/osrelease", "6.1.0-1-amd64\n");
	scratch_file(&s, "/proc/sys/kernel/hostname", "host7\n");
	scratch_file(&s, "/proc/stat", "cpu 1 2 3\nbtime 1764079566\n");
	check(inventory_os,
	      "{'pretty_name': 'Debian GNU/Linux 12 (bookworm)', 'name': 'Debian', 'id': 'debian',"
	      " 'version': '1\\\"2', 'kernel': '6.1.0-1-amd64', 'hostname': 'host7',"
	      " 'boot_time': '2025-11-25T14:06:06.000Z'}");
}

static void test_packages(void **state)
{
	scratch_file(&s, "/var/lib/dpkg/status",
		     "Package: vim\nStatus: install ok installed\nVersion: 2:9.0\n"
		     "Architecture: amd64\n\nPackage: gone\nStatus: deinstall ok config-files\n\n"
		     "Package: odd\nStatus: install ok installed\n\n");
	check(inventory_packages, "[{'name': 'vim', 'version': '2:9.0', 'architecture': 'amd64'},"
				  " {'name': 'odd', 'version': '', 'architecture': ''}]");
}

static void test_packages_are_bounded(void **state)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 1 << 24);
	for (int i = 0; i < SECTION_ITEMS_MAX + 5; i++)
		buf_addf(&text, "Package: p%d\nStatus: install ok installed\nVersion: 1\n\n", i);
	scratch_file(&s, "/var/lib/dpkg/status", buf_str(&text));
	AUTO_JSON found = inventory_packages(&s.env);
	assert_int_equal(json_array_size(found), SECTION_ITEMS_MAX);
}

static void test_disks(void **state)
{
	scratch_file(&s, "/sys/block/sda/size", "1000\n");
	scratch_file(&s, "/sys/block/sda/device/model", "Samsung SSD\n");
	scratch_file(&s, "/sys/block/sda/queue/rotational", "0\n");
	scratch_file(&s, "/sys/block/sda/removable", "1\n");
	scratch_file(&s, "/sys/block/loop0/size", "8\n");
	scratch_file(&s, "/proc/self/mountinfo",
		     "1 0 8:1 / /nowhere/x\\040y ro,noatime - ext4 /dev/sda1 rw\n"
		     "2 1 0:5 / /proc rw - proc proc rw\n"
		     "3 1 0:6 / /mnt rw - nfs4 server:/x rw\n");
	check(inventory_disks,
	      "{'devices': [{'name': 'sda', 'model': 'Samsung SSD', 'size': 512000,"
	      " 'rotational': false, 'removable': true}],"
	      " 'filesystems': [{'mount': '/nowhere/x y', 'type': 'ext4', 'source': '/dev/sda1',"
	      " 'read_only': true}]}");
}

static void test_network(void **state)
{
	scratch_file(&s, "/sys/class/net/lo/address", "00:00:00:00:00:00\n");
	scratch_file(&s, "/sys/class/net/wlan0/address", "02:00:00:00:00:01\n");
	scratch_file(&s, "/sys/class/net/wlan0/operstate", "up\n");
	scratch_file(&s, "/sys/class/net/wlan0/mtu", "1500\n");
	scratch_file(&s, "/sys/class/net/wlan0/speed", "-1\n");
	scratch_folder(&s, "/sys/class/net/wlan0/wireless");
	scratch_file(&s, "/sys/class/net/eth0/speed", "1000\n");
	check(inventory_network,
	      "[{'name': 'eth0', 'speed_mbit': 1000, 'wireless': false, 'addresses': []},"
	      " {'name': 'wlan0', 'mac': '02:00:00:00:00:01', 'state': 'up', 'mtu': 1500,"
	      " 'wireless': true, 'addresses': []}]");
}

static void test_users(void **state)
{
	struct lastlog l = { .ll_time = 1764079566 };
	char path[100];
	scratch_file(&s, "/etc/passwd",
		     "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/bin/false\n"
		     "ann:x:1000:1000:Ann Example,Room 5,555-1234:/home/ann:/bin/bash\n"
		     "nobody:x:65534:65534::/:/bin/false\nbob:x:-5:1:::\nbroken:x:1001\n:::\n"
		     "eve:x:1002:1002:::/bin/sh:more\nlast:x:60001:60001:::\n");
	scratch_file(&s, "/etc/shadow", "ann:$y$secret:1::::::\n");
	scratch_file(&s, "/var/log/lastlog", "");
	snprintf(path, sizeof path, "%s/var/log/lastlog", s.root);
	int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, &l, sizeof l, 1000 * (off_t)sizeof l), sizeof l);
	close(fd);
	check(inventory_users,
	      "[{'name': 'root', 'uid': 0, 'full_name': 'root', 'home': '/root',"
	      " 'shell': '/bin/bash'},"
	      " {'name': 'ann', 'uid': 1000, 'full_name': 'Ann Example', 'home': '/home/ann',"
	      " 'shell': '/bin/bash', 'last_login': '2025-11-25T14:06:06.000Z'},"
	      " {'name': 'last', 'uid': 60001}]");
}

/* Of this very machine: whatever it is, it has these, and looking is no harm. */
static void test_the_machine_itself(void **state)
{
	struct provider_env env = { .root = "" };
	AUTO_JSON found = inventory_collect(&env);
	static const char *const names[] = { "disks", "hardware", "os", "users" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_non_null(json_object_get(found, names[i]));
	assert_non_null(json_object_get(json_object_get(found, "os"), "kernel"));
	assert_non_null(json_object_get(json_object_get(found, "os"), "architecture"));
}

static void test_observes_only(void **state)
{
	scratch_file(&s, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
	json_t *before = scratch_snapshot(&s, true);
	json_decref(inventory_collect(&s.env));
	assert_same_tree(&s, before, true);
	assert_int_equal(s.n_saves, 0);
	assert_int_equal(json_array_size(s.runs), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nothing_there),
		CASE(test_hardware),
		CASE(test_os),
		CASE(test_packages),
		CASE(test_packages_are_bounded),
		CASE(test_disks),
		CASE(test_network),
		CASE(test_users),
		CASE(test_the_machine_itself),
		CASE(test_observes_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
