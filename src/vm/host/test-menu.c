/* SPDX-License-Identifier: Apache-2.0
 *
 * menu: entries as files: they come and go with lists, leave at the end, and what an earlier run left is swept; what others put
 * there stays.
 */
#include "base/crypto.h"
#include "base/file.h"
#include "vm/host/desktop.h"
#include "vm/host/menu.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char folder[64], data[128], state[128], config[128];
	struct host host;
	struct vm *vm;
	struct container *container;
};

static void open_host(struct fixture *f)
{
	char address[160];
	struct error err;
	struct host_options o = { .state = f->state,
				  .config = f->config,
				  .data_home = f->data,
				  .launcher = "/usr/sbin/reeve-host" };
	snprintf(address, sizeof address, "unix:%s/sock", f->folder);
	o.listen.items[o.listen.n++] = address;
	assert_int_equal(host_open(&f->host, &o, &err), 0);
	f->vm = registry_vm(f->host.registry, "vm");
	f->container = registry_container(f->vm, "box");
	assert_non_null(f->container);
}

static int set_up(void **state)
{
	static struct fixture f;
	f = (struct fixture){ .folder = "/tmp/test-menu-XXXXXX" };
	assert_non_null(mkdtemp(f.folder));
	snprintf(f.data, sizeof f.data, "%s/data", f.folder);
	snprintf(f.state, sizeof f.state, "%s/state", f.folder);
	snprintf(f.config, sizeof f.config, "%s/config", f.folder);
	assert_int_equal(
		file_write_atomic(f.config,
				  span_str("vms: [{name: vm, cid: 5, containers: [{name: box}]}]\n"
					   "hooks: {menu_changed: []}\n"),
				  0600),
		0);
	open_host(&f);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];
	host_close(&f->host);
	snprintf(command, sizeof command, "rm -rf %s", f->folder);
	return system(command);
}

/* A list of applications with these ids. */
static void tell(struct fixture *f, const char *const *ids, size_t n)
{
	VmTools__Container__Application apps[8], *list[8];
	VmTools__Container__UpdateApplicationListRequest request =
		VM_TOOLS__CONTAINER__UPDATE_APPLICATION_LIST_REQUEST__INIT;
	for (size_t i = 0; i < n; i++) {
		vm_tools__container__application__init(&apps[i]);
		apps[i].desktop_file_id = (char *)(uintptr_t)ids[i];
		list[i] = &apps[i];
	}
	request.application = list;
	request.n_application = n;
	registry_applications(f->host.registry, f->container, &request);
}

static bool is_there(const struct fixture *f, const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "%s/applications/%s", f->data, name);
	return access(path, F_OK) == 0;
}

/* Files in the menu, of whatever name. */
static int count(const struct fixture *f)
{
	char path[512];
	int n = 0;
	snprintf(path, sizeof path, "%s/applications", f->data);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	for (const struct dirent *d; (d = readdir(dir));)
		n += strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
	closedir(dir);
	return n;
}

static void put(const struct fixture *f, const char *name, const char *text)
{
	char path[512];
	snprintf(path, sizeof path, "%s/applications/%s", f->data, name);
	assert_int_equal(file_write_atomic(path, span_str(text), 0644), 0);
}

static void put_fifo(const struct fixture *f, const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "%s/applications/%s", f->data, name);
	assert_int_equal(mkfifo(path, 0644), 0);
}

static void test_come_and_go(void **state)
{
	struct fixture *f = *state;
	registry_container_set(f->host.registry, f->container, CONTAINER_UP);
	tell(f, (const char *const[]){ "vim", "org.gnome.gedit" }, 2);
	assert_int_equal(count(f), 2);
	assert_true(is_there(f, "reeve-vm-box-vim.desktop"));
	assert_true(is_there(f, "reeve-vm-box-org.gnome.gedit.desktop"));
	tell(f, (const char *const[]){ "org.gnome.gedit", "new" }, 2);
	assert_int_equal(count(f), 2);
	assert_false(is_there(f, "reeve-vm-box-vim.desktop"));
	assert_true(is_there(f, "reeve-vm-box-new.desktop"));
	tell(f, NULL, 0);
	assert_int_equal(count(f), 0);
}

static void test_leave_with_their_container(void **state)
{
	struct fixture *f = *state;
	registry_container_set(f->host.registry, f->container, CONTAINER_UP);
	tell(f, (const char *const[]){ "vim" }, 1);
	registry_vm_set(f->host.registry, f->vm, VM_CRASHED, "it is a test");
	assert_int_equal(count(f), 0);
	registry_container_set(f->host.registry, f->container, CONTAINER_UP);
	tell(f, (const char *const[]){ "vim" }, 1);
	assert_int_equal(count(f), 1);
	registry_container_remove(f->host.registry, f->container);
	assert_int_equal(count(f), 0);
}

static void test_hostile_ids(void **state)
{
	struct fixture *f = *state;
	registry_container_set(f->host.registry, f->container, CONTAINER_UP);
	tell(f,
	     (const char *const[]){ "../../evil", "", "a\nb", ".hidden", "same", "same",
				    "a b;c\"d" },
	     7);
	assert_int_equal(count(f), 2);
	assert_true(is_there(f, "reeve-vm-box-same.desktop"));
	assert_true(is_there(f, "reeve-vm-box-a_20b_3bc_22d.desktop"));
}

/* Written once, and not again while nothing of it changes: menus watch the folder. */
static void test_unchanged(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;
	char path[512];
	snprintf(path, sizeof path, "%s/applications/reeve-vm-box-vim.desktop", f->data);
	registry_container_set(f->host.registry, f->container, CONTAINER_UP);
	tell(f, (const char *const[]){ "vim" }, 1);
	assert_int_equal(stat(path, &before), 0);
	tell(f, (const char *const[]){ "new", "vim" }, 2);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static struct fixture *waiting;

static void on_look(void *user)
{
	struct timer *timer = user;
	struct timers *timers = loop_timers(waiting->host.loop);
	if (is_there(waiting, "reeve-vm-box-third.desktop"))
		loop_quit(waiting->host.loop);
	else
		timer_start(timers, timer, loop_now_ms(waiting->host.loop) + 1);
}

/* Of many lists the last one comes at last, and what is gone leaves at once. */
static void test_many_lists(void **state)
{
	struct fixture *f = waiting = *state;
	struct timer look = { .fn = on_look, .user = &look };
	registry_container_set(f->host.registry, f->container, CONTAINER_UP);
	window_init(&f->vm->lists, 50, 1, loop_now_ms(f->host.loop));
	tell(f, (const char *const[]){ "first" }, 1);
	tell(f, (const char *const[]){ "second" }, 1);
	tell(f, (const char *const[]){ "third" }, 1);
	assert_true(is_there(f, "reeve-vm-box-first.desktop"));
	assert_int_equal(count(f), 1);
	timer_start(loop_timers(f->host.loop), &look, loop_now_ms(f->host.loop));
	assert_int_equal(loop_run(f->host.loop), 0);
	assert_int_equal(count(f), 1);
	tell(f, (const char *const[]){ "fourth" }, 1);
	registry_container_set(f->host.registry, f->container, CONTAINER_DOWN);
	assert_int_equal(count(f), 0);
	assert_false(f->container->is_late);
}

/* As long as a name can be; what it is written to first is not longer. */
static void test_long_id(void **state)
{
	struct fixture *f = *state;
	char id[201], file[DESKTOP_NAME_SIZE];
	memset(id, 'x', sizeof id - 1);
	id[sizeof id - 1] = '\0';
	for (size_t i = 0; i < 16; i++)
		id[i] = ' '; /* two bytes more for each */
	assert_true(desktop_file_name(f->container, id, file));
	assert_true(strlen(file) > 250);
	registry_container_set(f->host.registry, f->container, CONTAINER_UP);
	tell(f, (const char *const[]){ id }, 1);
	assert_true(is_there(f, file));
	assert_int_equal(count(f), 1);
}

/* A run that was killed while it wrote leaves a part of a file; one of another state's host may be about to be whole. */
static void test_unfinished_files(void **state)
{
	struct fixture *f = *state;
	uint8_t hash[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1], name[64], icon[128];
	sha256(span_str(f->state), hash);
	hex_encode((struct span){ hash, sizeof hash }, hex);
	snprintf(name, sizeof name, ".reeve-host-%.16s.new", hex);
	snprintf(icon, sizeof icon, "../reeve-host/icons/%s", name);
	host_close(&f->host);
	put(f, name, "[Desktop Ent");
	put(f, icon, "");
	put(f, ".reeve-host-0123456789abcdef.new", "[Desktop Ent");
	open_host(f);
	assert_false(is_there(f, name));
	assert_false(is_there(f, icon));
	assert_int_equal(count(f), 1);
}

static void test_sweep(void **state)
{
	struct fixture *f = *state;
	char ours[256], others[256];
	host_close(&f->host);
	snprintf(ours, sizeof ours, "[Desktop Entry]\nX-Reeve-Host=%s\nX-Reeve-VM=a\n", f->state);
	snprintf(others, sizeof others, "[Desktop Entry]\nX-Reeve-Host=%s2\nX-Reeve-VM=a\n",
		 f->state);
	put(f, "reeve-a-b-c.desktop", ours);
	put(f, "../reeve-host/icons/reeve-a-b-c.svg", "<svg/>");
	put(f, "../reeve-host/icons/reeve-a-b-d.svg", "<svg/>");
	put(f, "reeve-a-b-d.desktop", others); /* of another state folder */
	put(f, "reeve-notes.txt", ours);
	put(f, "firefox.desktop", ours);
	put_fifo(f, "reeve-a-b-e.desktop");
	open_host(f);
	assert_false(is_there(f, "reeve-a-b-c.desktop"));
	assert_true(is_there(f, "reeve-a-b-d.desktop"));
	assert_false(is_there(f, "../reeve-host/icons/reeve-a-b-c.svg"));
	assert_true(is_there(f, "../reeve-host/icons/reeve-a-b-d.svg"));
	assert_true(is_there(f, "reeve-notes.txt"));
	assert_true(is_there(f, "firefox.desktop"));
	registry_container_set(f->host.registry, f->container, CONTAINER_UP);
	tell(f, (const char *const[]){ "vim" }, 1);
	assert_int_equal(count(f), 5);
	host_close(&f->host);
	assert_int_equal(count(f), 4);
	open_host(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_come_and_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_leave_with_their_container, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile_ids, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unchanged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_lists, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_id, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unfinished_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sweep, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
