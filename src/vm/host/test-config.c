/* SPDX-License-Identifier: Apache-2.0
 *
 * config: a whole file, and what is wrong with others, with the place where.
 */
#include "base/file.h"
#include "vm/host/config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int set_up(void **state)
{
	snprintf(path, sizeof path, "/tmp/test-config-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	return close(fd);
}

static int tear_down(void **state)
{
	return unlink(path);
}

static int load(const char *text, struct host_config *c, struct error *err)
{
	assert_int_equal(file_write_atomic(path, span_str(text), 0600), 0);
	return host_config_load(c, path, err);
}

static const char whole[] = "vms:\n"
			    "  - name: termina\n"
			    "    cid: 5\n"
			    "    listen: unix:/run/termina.sock\n"
			    "    garcon: tcp:127.0.0.1:{port}\n"
			    "    disk: /srv/termina.img\n"
			    "    containers:\n"
			    "      - name: penguin\n"
			    "        token_file: /srv/token\n"
			    "        address: 100.115.92.204\n"
			    "        enter: [ssh, -t, penguin]\n"
			    "        paths: [{inside: /home/user, outside: /srv/home}]\n"
			    "      - name: other\n"
			    "  - {name: second, cid: 6}\n"
			    "hooks:\n"
			    "  open_url: [firefox, \"{url}\"]\n";

static void test_whole(void **state)
{
	struct host_config c;
	struct error err;
	assert_int_equal(load(whole, &c, &err), 0);
	assert_int_equal(c.n_vms, 2);
	const struct vm_config *vm = host_config_vm(&c, "termina");
	assert_ptr_equal(vm, &c.vms[0]);
	assert_int_equal(vm->cid, 5);
	assert_string_equal(vm->listen, "unix:/run/termina.sock");
	assert_string_equal(vm->garcon, "tcp:127.0.0.1:{port}");
	assert_string_equal(vm->disk, "/srv/termina.img");
	const struct container_config *p = host_config_container(&c, "termina", "penguin");
	assert_ptr_equal(p, &vm->containers[0]);
	assert_string_equal(p->token_file, "/srv/token");
	assert_string_equal(p->translation.address, "100.115.92.204");
	assert_int_equal(p->translation.n_paths, 1);
	assert_string_equal(p->translation.paths[0].outside, "/srv/home");
	assert_int_equal(p->n_enter, 3);
	assert_string_equal(p->enter[2], "penguin");
	assert_non_null(host_config_container(&c, "termina", "other"));
	assert_null(host_config_container(&c, "second", "penguin"));
	assert_null(host_config_container(&c, "third", "penguin"));
	assert_int_equal(json_array_size(json_object_get(c.hooks, "open_url")), 2);
	host_config_fini(&c);
}

static void test_nothing(void **state)
{
	static const char *const texts[] = { "", "# nothing\n", "{}\n", "vms: []\n",
					     "hooks: {}\n" };
	struct host_config c;
	struct error err;
	assert_int_equal(host_config_load(&c, NULL, &err), 0);
	host_config_fini(&c);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(load(texts[i], &c, &err), 0);
		assert_int_equal(c.n_vms, 0);
		host_config_fini(&c);
	}
	assert_int_equal(host_config_load(&c, "/nonexistent/file", &err), ERR_NOT_FOUND);
	assert_non_null(strstr(err.message, "/nonexistent/file"));
	host_config_fini(&c);
}

static void test_wrong(void **state)
{
	static const struct row {
		const char *text, *problem;
	} rows[] = {
		{ "vms: [\n", ":" },
		{ "[]\n", "vms: and hooks:" },
		{ "machines: []\n", "machines" },
		{ "vms: {}\n", "vms" },
		{ "vms: [5]\n", "number 1" },
		{ "vms: [{cid: 5}]\n", "number 1: \"name\" is missing" },
		{ "vms: [{name: a/b, cid: 5}]\n", "“a/b” is no name" },
		{ "vms: [{name: a}]\n", "cid" },
		{ "vms: [{name: a, cid: 2}]\n", "cid: 3 to" },
		{ "vms: [{name: a, cid: -1}]\n", "cid" },
		{ "vms: [{name: a, cid: 4294967295}]\n", "cid: 3 to" },
		{ "vms: [{name: a, cid: x}]\n", "cid" },
		{ "vms: [{name: a, cid: 5, listen: nowhere}]\n", "nowhere" },
		{ "vms: [{name: a, cid: 5, listen: 'vsock:9'}]\n", "known by its CID" },
		{ "vms: [{name: a, cid: 5, garcon: 'tcp:127.0.0.1:9'}]\n", "has no {port}" },
		{ "vms: [{name: a, cid: 5}, {name: b, cid: 6, colour: red}]\n", "number 2" },
		{ "vms: [{name: a, cid: 5, containers: [{name: ..}]}]\n", "“..” is no name" },
		{ "vms: [{name: a, cid: 5, containers: [{}]}]\n", "name" },
		{ "vms: [{name: a, cid: 5, containers: [x]}]\n", "a container has a name" },
		{ "vms: [{name: a, cid: 5, containers: [{name: c, enter: ssh}]}]\n", "enter" },
		{ "vms: [{name: a, cid: 5, containers: [{name: c, enter: [1]}]}]\n",
		  "word 1 is not text" },
		{ "vms: [{name: a, cid: 5, containers: [{name: c, paths: [x]}]}]\n", "paths" },
		{ "vms: [{name: a, cid: 5, containers: [{name: c, paths: [{inside: /a}]}]}]\n",
		  "outside" },
		{ "vms: [{name: a, cid: 5, containers: [{name: c, paths: [{inside: a, outside: /b}]}]}]\n",
		  "absolute" },
		{ "vms: [{name: a, cid: 5, containers: [{name: c, paths: [{inside: /a/, outside: /b}]}]}]\n",
		  "absolute" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct host_config c;
		struct error err;
		int r = load(rows[i].text, &c, &err);
		if (r != ERR_INVALID)
			fail_msg("%s: %d", rows[i].text, r);
		if (!strstr(err.message, rows[i].problem) || !strstr(err.message, path))
			fail_msg("%s: %s", rows[i].text, err.message);
		host_config_fini(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
