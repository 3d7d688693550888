/* SPDX-License-Identifier: Apache-2.0
 *
 * The state folder: round trips, and crashes. A crash is real: a child process is killed by its file
 * size limit after the n-th byte of a write, for every n; afterwards there is the old or the new.
 */
#include "agent/state.h"
#include "base/file.h"
#include "base/log.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct state s; /* large */
static char dir[64];
static struct error err;

static int set_up(void **unused)
{
	snprintf(dir, sizeof dir, "/tmp/test-state-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **unused)
{
	char command[128];
	state_close(&s);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

static void reopen(void)
{
	state_close(&s);
	assert_int_equal(state_open(&s, dir, &err), 0);
}

static struct identity identity_of(int64_t id, const char *token)
{
	return (struct identity){ "https://s", id, token, "org", "fleet", "{\"host\":\"h\"}", 17 };
}

static json_t *settings_of(int n)
{
	return json_pack("{s:{s:i, s:s}}", "a", "value", n, "level", "mandatory");
}

static void desire(int64_t version)
{
	AUTO_JSON settings = settings_of((int)version);
	assert_int_equal(state_desire(&s, version, "\"7\"", settings), 0);
}

static void put(const char *name, const void *bytes, size_t n)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(file_write_atomic(path, (struct span){ bytes, n }, 0600), 0);
}

static bool is_there(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void test_round_trip(void **unused)
{
	struct identity i = identity_of(12, "secret");
	reopen();
	assert_null(s.identity.server);
	assert_int_equal(state_enroll(&s, &i), 0);
	desire(7);
	assert_int_equal(state_spool(&s, json_pack("{s:i}", "applied_version", 7)), 0);
	assert_true(ledger_take(&s.ledger, 3, "ping", NULL, 0));
	assert_int_equal(state_save_ledger(&s), 0);
	reopen();
	assert_string_equal(s.identity.server, "https://s");
	assert_int_equal(s.identity.device_id, 12);
	assert_string_equal(s.identity.token, "secret");
	assert_string_equal(s.identity.mqtt, "{\"host\":\"h\"}");
	assert_int_equal(s.identity.enrolled_ms, 17);
	assert_int_equal(s.version, 7);
	assert_int_equal(json_object_size(s.settings), 1);
	assert_non_null(s.report);
	assert_int_equal(s.ledger.n, 1);
	assert_int_equal(state_spool(&s, NULL), 0);
	reopen();
	assert_null(s.report);
}

/* What belonged to the old record is void; what was desired stays in force until the first pull. */
static void test_enrolled_again(void **unused)
{
	struct identity a = identity_of(12, "t1"), b = identity_of(13, "t2");
	reopen();
	assert_int_equal(state_enroll(&s, &a), 0);
	desire(7);
	assert_int_equal(state_spool(&s, json_pack("{s:i}", "applied_version", 7)), 0);
	assert_true(ledger_take(&s.ledger, 3, "ping", NULL, 0));
	assert_int_equal(state_save_ledger(&s), 0);
	assert_int_equal(state_enroll(&s, &b), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(s.identity.device_id, 13);
		assert_int_equal(s.version, 0);
		assert_non_null(s.settings);
		assert_null(s.report);
		assert_int_equal(s.ledger.n, 0);
		reopen();
	}
	/* The same record again (its own token had to be renewed): its commands are still its own. */
	assert_true(ledger_take(&s.ledger, 4, "ping", NULL, 0));
	b.token = "t3";
	assert_int_equal(state_enroll(&s, &b), 0);
	assert_int_equal(s.ledger.n, 1);
}

/* The broker moved: nothing else of the enrollment is touched. */
static void test_broker(void **unused)
{
	struct identity i = identity_of(12, "t1");
	reopen();
	assert_int_equal(state_enroll(&s, &i), 0);
	desire(7);
	assert_int_equal(state_broker(&s, "{\"host\":\"other\"}"), 0);
	for (int k = 0; k < 2; k++) {
		assert_string_equal(s.identity.mqtt, "{\"host\":\"other\"}");
		assert_string_equal(s.identity.token, "t1");
		assert_int_equal(s.identity.device_id, 12);
		assert_int_equal(s.version, 7);
		reopen();
	}
}

static void test_enrollment_key(void **unused)
{
	char first[TOKEN_TEXT_SIZE], again[TOKEN_TEXT_SIZE];
	struct identity i = identity_of(12, "t1");
	reopen();
	assert_int_equal(state_enrollment_key(&s, first), 0);
	reopen(); /* as after a crash before the answer */
	assert_int_equal(state_enrollment_key(&s, again), 0);
	assert_string_equal(first, again);
	assert_int_equal(state_enroll(&s, &i), 0);
	assert_int_equal(state_enrollment_key(&s, again), 0);
	assert_string_not_equal(first, again);
	assert_int_equal(state_forget(&s), 0);
	assert_int_equal(state_enrollment_key(&s, first), 0);
	assert_string_not_equal(first, again);
}

static void test_release_and_forget(void **unused)
{
	struct identity i = identity_of(12, "t1");
	reopen();
	assert_int_equal(state_enroll(&s, &i), 0);
	desire(7);
	s.release = (struct release){ .by = "server",
				      .restored = true,
				      .token_sha256 = "abc",
				      .server = "https://s",
				      .device_id = 12 };
	assert_int_equal(state_save_release(&s), 0);
	reopen();
	assert_string_equal(s.release.by, "server");
	assert_true(s.release.restored && !s.release.told && !s.release.over);
	assert_string_equal(s.release.token_sha256, "abc");
	assert_int_equal(state_forget(&s), 0);
	reopen();
	assert_null(s.identity.server);
	assert_null(s.settings);
	assert_string_equal(s.release.by, "server"); /* this is remembered */
	assert_int_equal(state_enroll(&s, &i), 0);
	reopen();
	assert_string_equal(s.release.by, "");
}

static void test_provider_states(void **unused)
{
	AUTO_JSON j = NULL;
	AUTO_JSON empty = NULL;
	AUTO_JSON written = json_pack("{s:s}", "a", "b");
	reopen();
	assert_int_equal(state_load_provider(dir, "camera", &empty), 0);
	assert_int_equal(json_object_size(empty), 0);
	assert_int_equal(state_save_provider(dir, "camera", written), 0);
	assert_int_equal(state_load_provider(dir, "camera", &j), 0);
	assert_true(json_equal(j, written));
}

static void test_damage_is_set_aside_one_by_one(void **unused)
{
	static const char *const names[] = { "identity.json", "desired.json", "report.json",
					     "commands.json", "release.json" };
	static const struct span damages[] = {
		{ (const uint8_t *)"", 0 },
		{ (const uint8_t *)"{\"server\":", 10 },
		{ (const uint8_t *)"[]", 2 },
		{ (const uint8_t *)"\0\0\0\0", 4 },
		{ (const uint8_t *)"{\"a\":1,\"a\":2}", 13 },
	};
	log_setup(-1, LOG_FORMAT_LOGFMT); /* it rightly complains */
	for (size_t n = 0; n < ARRAY_SIZE(names); n++)
		for (size_t d = 0; d < ARRAY_SIZE(damages); d++) {
			struct identity i = identity_of(12, "t");
			char aside[64];
			reopen();
			assert_int_equal(state_enroll(&s, &i), 0);
			desire(7);
			put(names[n], damages[d].p, damages[d].n);
			reopen();
			snprintf(aside, sizeof aside, "%s.corrupt", names[n]);
			assert_true(is_there(aside));
			assert_int_equal(s.identity.server != NULL, n != 0);
			assert_int_equal(s.version, n == 1 ? 0 : 7);
		}
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
}

static void test_only_one(void **unused)
{
	static struct state other;
	reopen();
	assert_int_equal(state_open(&other, dir, &err), ERR_CONFLICT);
	assert_non_null(strstr(err.message, "another reeve-agent (process "));
	state_close(&s);
	assert_int_equal(state_open(&other, dir, &err), 0);
	state_close(&other);
}

static void test_folders(void **unused)
{
	char path[128];
	struct stat st;
	snprintf(path, sizeof path, "%s/a/b", dir);
	assert_int_equal(state_open(&s, path, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	state_close(&s);
	assert_int_equal(chmod(path, 0770), 0);
	assert_int_equal(state_open(&s, path, &err), ERR_FORBIDDEN);
	snprintf(path, sizeof path, "/proc/nowhere");
	assert_int_equal(state_open(&s, path, &err), ERR_INTERNAL);
}

/* ---- crashes ---- */

/* Does 'change' in a child that dies at the n-th byte it writes into any file; true: it died. */
static bool crashes_at(rlim_t n, void (*change)(void))
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit limit = { n, n };
		signal(SIGXFSZ, SIG_DFL);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		setrlimit(RLIMIT_FSIZE, &limit);
		change();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGXFSZ : WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

static void change_desired(void)
{
	AUTO_JSON settings = json_pack("{s:{s:s}}", "b", "value", "something longer than before");
	(void)!state_desire(&s, 8, "\"8\"", settings);
}

static void change_ledger(void)
{
	ledger_delivered(&s.ledger, 3, true);
	ledger_start(ledger_to_run(&s.ledger), "boot");
	(void)!state_save_ledger(&s);
}

static void change_identity(void)
{
	struct identity i = identity_of(13, "another-token");
	(void)!state_enroll(&s, &i);
}

static void change_provider(void)
{
	AUTO_JSON j = json_pack("{s:s}", "new", "state of it");
	(void)!state_save_provider(dir, "camera", j);
}

static bool desired_is_new(void)
{
	assert_true(s.version == 7 || s.version == 8);
	assert_non_null(json_object_get(s.settings, s.version == 7 ? "a" : "b"));
	return s.version == 8;
}

static bool ledger_is_new(void)
{
	const struct ledger_entry *e = ledger_find(&s.ledger, 3);
	assert_true(e && (e->state == LEDGER_TAKEN || e->state == LEDGER_STARTED));
	return e->state == LEDGER_STARTED;
}

/* A version number of the old enrollment must never meet the new identity. */
static bool identity_is_new(void)
{
	assert_true(s.identity.device_id == 12 || s.identity.device_id == 13);
	assert_string_equal(s.identity.token, s.identity.device_id == 12 ? "t1" : "another-token");
	assert_true(s.identity.device_id == 12 || s.version == 0);
	return s.identity.device_id == 13;
}

static bool provider_is_new(void)
{
	AUTO_JSON j = NULL;
	assert_int_equal(state_load_provider(dir, "camera", &j), 0);
	assert_true(json_object_get(j, "old") || json_object_get(j, "new"));
	return json_object_get(j, "new") != NULL;
}

static void prepare(void)
{
	struct identity i = identity_of(12, "t1");
	AUTO_JSON j = json_pack("{s:s}", "old", "x");
	reopen();
	assert_int_equal(state_forget(&s), 0);
	assert_int_equal(state_enroll(&s, &i), 0);
	desire(7);
	assert_true(ledger_take(&s.ledger, 3, "ping", NULL, 0));
	assert_int_equal(state_save_ledger(&s), 0);
	assert_int_equal(state_save_provider(dir, "camera", j), 0);
}

static size_t n_temporaries(const char *path)
{
	size_t n = 0;
	DIR *d = opendir(path);
	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d));)
		n += strncmp(e->d_name, ".tmp-", 5) == 0 || strstr(e->d_name, ".corrupt");
	closedir(d);
	return n;
}

static void test_every_write_cut_at_every_byte(void **unused)
{
	static const struct {
		void (*change)(void);
		bool (*is_new)(void);
	} cases[] = { { change_desired, desired_is_new },
		      { change_ledger, ledger_is_new },
		      { change_identity, identity_is_new },
		      { change_provider, provider_is_new } };
	char providers_dir[80];
	snprintf(providers_dir, sizeof providers_dir, "%s/providers", dir);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool died = true;
		for (rlim_t n = 0; died; n++) {
			prepare();
			died = crashes_at(n, cases[i].change);
			reopen();
			assert_int_equal(n_temporaries(dir) + n_temporaries(providers_dir), 0);
			if (cases[i].change == change_identity)
				(void)cases[i]
					.is_new(); /* several writes: any of them may be done */
			else
				assert_int_equal(cases[i].is_new(), !died);
			assert_true(n < 4096);
		}
		assert_true(cases[i].is_new());
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_broker),
		TEST(test_enrollment_key),
		TEST(test_enrolled_again),
		TEST(test_release_and_forget),
		TEST(test_provider_states),
		TEST(test_damage_is_set_aside_one_by_one),
		TEST(test_only_one),
		TEST(test_folders),
		TEST(test_every_write_cut_at_every_byte),
	};
	s.lock_fd = -1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
