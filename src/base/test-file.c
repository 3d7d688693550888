/* SPDX-License-Identifier: Apache-2.0
 *
 * Durable files: old or new content and never between, no leftovers, modes, folders.
 */
#include "base/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* needs the four above */

static char dir[64];

static int set_up(void **state)
{
	snprintf(dir, sizeof dir, "/tmp/test-file-XXXXXX");
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static size_t n_entries(void)
{
	size_t n = 0;
	DIR *d = opendir(".");
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.' || strncmp(e->d_name, ".tmp-", 5) == 0;
	closedir(d);
	return n;
}

static int tear_down(void **state)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void assert_file(const char *path, const char *wanted)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1 << 20);
	assert_int_equal(file_read(path, &b), 0);
	assert_string_equal(buf_str(&b), wanted);
}

static void test_write_and_read(void **state)
{
	struct stat st;
	umask(077);
	assert_int_equal(file_write_atomic("a", span_str("one"), 0644), 0);
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644); /* as asked, whatever the umask */
	assert_int_equal(file_write_atomic("a", span_str("two"), 0600), 0);
	assert_file("a", "two");
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(file_write_atomic("empty", (struct span){ NULL, 0 }, 0600), 0);
	assert_file("empty", "");
	assert_int_equal(n_entries(), 2);
	umask(022);
}

static void test_absolute_and_long_names(void **state)
{
	char path[400], name[256];
	snprintf(path, sizeof path, "%s/abs", dir);
	assert_int_equal(file_write_atomic(path, span_str("x"), 0600), 0);
	assert_file("abs", "x");
	memset(name, 'n', 255);
	name[255] = '\0'; /* NAME_MAX: the temporary must not need more */
	assert_int_equal(file_write_atomic(name, span_str("x"), 0600), 0);
	assert_file(name, "x");
}

static void test_regular_files_only(void **state)
{
	static const struct {
		const char *path;
		int r;
	} rows[] = { { "file", 0 },
		     { "link", 0 },
		     { "fifo", -EINVAL },
		     { ".", -EINVAL },
		     { "/dev/zero", -EINVAL },
		     { "none", -ENOENT } };
	assert_int_equal(file_write_atomic("file", span_str("x"), 0600), 0);
	assert_int_equal(symlink("file", "link"), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 16);
		assert_int_equal(file_read_regular(rows[i].path, &b), rows[i].r);
		assert_string_equal(buf_str(&b), rows[i].r ? "" : "x");
	}
}

static void test_failures_leave_the_old(void **state)
{
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(file_write_atomic("d", span_str("x"), 0600), -EISDIR);
	assert_int_equal(file_write_atomic("none/x", span_str("x"), 0600), -ENOENT);
	assert_int_equal(n_entries(), 1);
}

/* The disk "is full" after 4 KiB (a file size limit stands in): the old content stays, no leftover. */
static void test_full_disk(void **state)
{
	static char big[20000];
	assert_int_equal(file_write_atomic("f", span_str("old"), 0600), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 4096, 4096 });
		memset(big, 'n', sizeof big);
		int r = file_write_atomic("f", (struct span){ (uint8_t *)big, sizeof big }, 0600);
		_exit(r == -EFBIG ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_file("f", "old");
	assert_int_equal(n_entries(), 1);
}

static void write_for_ever(const char *one, const char *two, size_t n)
{
	for (int i = 0;; i++)
		(void)!file_write_atomic(
			"k", (struct span){ (const uint8_t *)(i % 2 ? one : two), n }, 0600);
}

/* A reader that looks all the time, while a writer is killed at random moments, sees whole contents only. */
static void test_killed_writer(void **state)
{
	static char one[30000], two[30000];
	memset(one, '1', sizeof one);
	memset(two, '2', sizeof two);
	assert_int_equal(file_write_atomic("k", (struct span){ (uint8_t *)one, sizeof one }, 0600),
			 0);
	for (int round = 0; round < 20; round++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			write_for_ever(one, two, sizeof one);
		for (int look = 0; look < 10 + round; look++) {
			CLEANUP(buf_fini) struct buf b;
			buf_init(&b, sizeof one);
			assert_int_equal(file_read("k", &b), 0);
			assert_int_equal(b.n, sizeof one);
			assert_memory_equal(b.p, b.p[0] == '1' ? one : two, sizeof one);
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

static void test_symbolic_link_is_replaced(void **state)
{
	assert_int_equal(file_write_atomic("target", span_str("t"), 0600), 0);
	assert_int_equal(symlink("target", "link"), 0);
	assert_int_equal(file_write_atomic("link", span_str("n"), 0600), 0);
	assert_file("target", "t");
	assert_file("link", "n");
}

static void test_read_limits(void **state)
{
	static char big[40000];
	memset(big, 'b', sizeof big);
	assert_int_equal(
		file_write_atomic("big", (struct span){ (uint8_t *)big, sizeof big }, 0600), 0);
	for (size_t max = sizeof big - 2; max <= sizeof big + 1; max++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, max);
		assert_int_equal(file_read("big", &b), max < sizeof big ? -EFBIG : 0);
	}
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 10);
	assert_int_equal(file_read("none", &b), -ENOENT);
	assert_int_equal(file_read(".", &b), -EISDIR);
	assert_int_equal(file_read("/dev/zero", &b), -EFBIG); /* endless */
}

static void test_remove(void **state)
{
	assert_int_equal(file_remove("none"), 0);
	assert_int_equal(file_write_atomic("x", span_str("x"), 0600), 0);
	assert_int_equal(file_remove("x"), 0);
	assert_int_equal(access("x", F_OK), -1);
	assert_int_equal(mkdir("d", 0700), 0);
	assert_true(file_remove("d") < 0);
}

static void test_folders(void **state)
{
	struct stat st;
	assert_int_equal(dir_make("a/b/c", 0700), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(dir_make("a/b/c", 0700), 0);
	assert_int_equal(dir_make("a/b/d/", 0700), 0);
	assert_int_equal(stat("a/b/d", &st), 0);
	assert_int_equal(dir_make("a//b///e", 0700), 0);
	assert_int_equal(stat("a/b/e", &st), 0);
	assert_int_equal(dir_make("/", 0700), 0);
	assert_int_equal(dir_make("", 0700), -ENOENT);
	assert_int_equal(file_write_atomic("f", span_str("x"), 0600), 0);
	assert_int_equal(dir_make("f", 0700), -ENOTDIR);
	assert_int_equal(dir_make("f/g", 0700), -ENOTDIR);
	assert_int_equal(dir_sync("a"), 0);
	assert_int_equal(dir_sync("none"), -ENOENT);
	assert_int_equal(dir_sync("f"), -ENOTDIR);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_write_and_read),
		TEST(test_absolute_and_long_names),
		TEST(test_regular_files_only),
		TEST(test_failures_leave_the_old),
		TEST(test_full_disk),
		TEST(test_killed_writer),
		TEST(test_symbolic_link_is_replaced),
		TEST(test_read_limits),
		TEST(test_remove),
		TEST(test_folders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
