/* SPDX-License-Identifier: Apache-2.0
 *
 * config: precedence, complaints with their places, the switch form of flags, dump and load again,
 * organizations' own values; each by table.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"
#include "server/config-row.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h> /* needs the four above */

static char path[] = "/tmp/reeve-config-XXXXXX";

static void write_file(const char *text)
{
	assert_int_equal(file_write_atomic(path, span_str(text), 0600), 0);
}

#define ARGS_MAX 12

/* 'args': separated by one blank each; %s is the file. */
static int load(const char *args, struct config **ret, struct error *err)
{
	static char text[600];
	char *argv[ARGS_MAX] = { (char *)"reeved" };
	int argc = 1;
	snprintf(text, sizeof text, "%s", args);
	for (char *p = text; *p && argc < ARGS_MAX; argc++) {
		argv[argc] = p;
		p += strcspn(p, " ");
		if (*p)
			*p++ = '\0';
	}
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "FILE") == 0)
			argv[i] = path;
	*err = (struct error){ 0 };
	return config_load(argc, argv, ret, err);
}

static struct config *must_load(const char *args)
{
	struct config *c = NULL;
	struct error err;
	if (load(args, &c, &err) != 0)
		fail_msg("%s: %s", args, err.message);
	return c;
}

static void test_precedence(void **state)
{
	write_file("poll:\n  interval: 10m\n  jitter: 30%\nlog.level: warn\n");
	setenv("REEVE_POLL_INTERVAL", "20m", 1);
	struct config *c = must_load("--config FILE");
	assert_int_equal(c->poll_interval, 20 * 60 * 1000); /* environment over file */
	assert_int_equal(c->poll_jitter, 30);               /* file over default */
	assert_string_equal(c->log_level, "warn");
	assert_string_equal(c->listen, "127.0.0.1:8081"); /* default */
	config_free(c);
	c = must_load("--config FILE --poll-interval 30m --listen=[::1]:0");
	assert_int_equal(c->poll_interval, 15 * 60 * 1000 * 2); /* flag over environment */
	assert_string_equal(c->listen, "[::1]:0");
	config_free(c);
	unsetenv("REEVE_POLL_INTERVAL");
	setenv("REEVE_CONFIG", path, 1);
	c = must_load("");
	assert_int_equal(c->poll_interval, 10 * 60 * 1000);
	unsetenv("REEVE_CONFIG");
	config_free(c);
	config_free(NULL);
}

static void test_switches(void **state)
{
	static const struct {
		const char *args;
		bool insecure, open;
	} cases[] = {
		{ "", false, false },
		{ "--tls-insecure", true, false },
		{ "--tls-insecure=true", true, false },
		{ "--tls-insecure true", true, false },
		{ "--tls-insecure=false", false, false },
		{ "--tls-insecure false --mdmcore-open-enrollment", false, true },
		{ "--mdmcore-open-enrollment --tls-insecure", true, true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *c = must_load(cases[i].args);
		assert_int_equal(c->tls_insecure, cases[i].insecure);
		assert_int_equal(c->mdmcore_open_enrollment, cases[i].open);
		config_free(c);
	}
}

static const struct {
	const char *file, *args, *complaint; /* FILE is the file's name */
} complaints[] = {
	{ "", "--nonsense", "unknown option --nonsense" },
	{ "", "--liste :0", NULL },
	{ "", "stray", "unexpected argument \"stray\"" },
	{ "", "--poll-interval soon",
	  "--poll-interval: \"soon\" is not a duration such as 90s, 15m or 24h" },
	{ "", "--poll-jitter 91%", "--poll-jitter: 91% is not within 0% and 90%" },
	{ "", "--poll-interval 10ms", "--poll-interval: 10ms is not within 1s and 7d" },
	{ "", "--tls-insecure=maybe", "--tls-insecure: \"maybe\" is not true or false" },
	{ "", "--chrome-token-info-url http://x.test/",
	  "--chrome-token-info-url: \"http://x.test/\" is not empty or an https:// address" },
	{ "", "--chrome-token-info-url http://127.0.0.1@x.test/",
	  "--chrome-token-info-url: \"http://127.0.0.1@x.test/\" is not empty or an https:// "
	  "address" },
	{ "", "--chrome-token-info-url http://127.0.0.1.x.test/",
	  "--chrome-token-info-url: \"http://127.0.0.1.x.test/\" is not empty or an https:// "
	  "address" },
	{ "", "--chrome-token-info-url http://[::1",
	  "--chrome-token-info-url: \"http://[::1\" is not empty or an https:// address" },
	{ "", "--limits-body -1",
	  "--limits-body: \"-1\" is not a number of bytes such as 1048576 or 1M" },
	{ "", "--limits-file 99999999999999G", NULL },
	{ "", "--listen 8081",
	  "--listen: \"8081\" is not ADDRESS:PORT, such as 127.0.0.1:8081 or [::1]:8081" },
	{ "", "--listen 127.0.0.1:65536", NULL },
	{ "", "--listen 127.0.0.1:", NULL },
	{ "", "--listen 127.0.0.1:80x", NULL },
	{ "", "--listen localhost:80", "--listen: \"localhost\" is not a numeric address" },
	{ "", "--listen 0.0.0.0:80", NULL },
	{ "", "--listen [::]:80", NULL },
	{ "", "--listen 0.0.0.0:80 --tls-cert x", "--tls-cert: tls.key is missing beside it" },
	{ "", "--tls-key x", "--tls-key: tls.cert is missing beside it" },
	{ "", "--store postgres://u@h/d",
	  "--store: this version cannot use PostgreSQL yet; sqlite is what it has" },
	{ "", "--store oracle", "--store: \"oracle\" is not sqlite" },
	{ "", "--mqtt on",
	  "--mqtt: \"on\" is not off, embedded[:PORT] or mqtt[s]://[user@]host[:port]" },
	{ "", "--mqtt mqtt://me:pw@h", NULL },
	{ "", "--mqtt embedded --mqtt-address localhost",
	  "--mqtt-address: \"localhost\" is not a numeric address" },
	{ "", "--mqtt embedded --mqtt-address 0.0.0.0", NULL },
	{ "", "--mqtt embedded --mqtt-public embedded",
	  "--mqtt-public: \"embedded\" is not mqtt[s]://host[:port]" },
	{ "", "--mqtt-passwords secret", "--mqtt-passwords: \"secret\" is not token or jwt" },
	{ "", "--limits-mqtt-packet 1", NULL },
	{ "", "--log-level loud", "--log-level: \"loud\" is not error, warn, info or debug" },
	{ "", "--log-format xml", "--log-format: \"xml\" is not logfmt or json" },
	{ "", "--fcm-endpoint ftp://x", "--fcm-endpoint: \"ftp://x\" is not an https:// address" },
	{ "listne: x\n", "--config FILE",
	  "FILE:1: there is no setting \"listne\"; did you mean \"listen\"?" },
	{ "# a remark\n\ntls:\n  certt: x\n", "--config FILE",
	  "FILE:4: there is no setting \"tls.certt\"; did you mean \"tls.cert\"?" },
	{ "poll:\n  interval: 10m\npoll.interval: 5m\n", "--config FILE",
	  "FILE:3: poll.interval is set in line 2 already" },
	{ "log:\n  level: loud\n", "--config FILE",
	  "FILE:2: log.level: \"loud\" is not error, warn, info or debug" },
	{ "data: /x\npoll.interval: soon\n", "--config FILE",
	  "FILE:2: poll.interval: \"soon\" is not a duration such as 90s, 15m or 24h" },
	{ "listen: 0.0.0.0:80\n", "--config FILE", NULL },
	{ "- a\n", "--config FILE", "FILE:1: \"key: value\" is expected here" },
	{ "plain\n", "--config FILE", "FILE:1: \"key: value\" is expected here" },
	{ "data:\n - a\n", "--config FILE", "FILE:1: one value is expected here: data" },
	{ "a: {b: {c: {d: {e: 1}}}}\n", "--config FILE", NULL },
	{ "? [a]\n: b\n", "--config FILE", NULL },
	{ "data: \"unclosed\n", "--config FILE", NULL },
	{ "data: a\n---\ndata: b\n", "--config FILE", NULL },
	{ "data: \"a\\0b\"\n", "--config FILE", "FILE:1: a value with a NUL byte: data" },
	{ "", "--config /nonexistent/x", "/nonexistent/x: No such file or directory" },
};

static void test_complaints(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(complaints); i++) {
		struct config *c = NULL;
		struct error err;
		char wanted[500] = "";
		const char *w = complaints[i].complaint;
		write_file(complaints[i].file);
		if (load(complaints[i].args, &c, &err) != ERR_INVALID)
			fail_msg("accepted: %s / %s", complaints[i].args, complaints[i].file);
		if (!w)
			continue;
		bool named = strncmp(w, "FILE", 4) == 0;
		snprintf(wanted, sizeof wanted, "%s%s", named ? path : "", named ? w + 4 : w);
		assert_string_equal(err.message, wanted);
	}
}

static void test_accepts(void **state)
{
	static const struct {
		const char *file, *args;
	} cases[] = {
		{ "", "--config FILE" },
		{ "# only a remark\n", "--config FILE" },
		{ "---\n", "--config FILE" },
		{ "{}\n", "--config FILE" },
		{ "tls: {cert: a, key: b}\nlisten: 0.0.0.0:80\n", "--config FILE" },
		{ "tls:\n  cert:\n  key: ~\n", "--config FILE" },
		{ "limits.body: 2M\npoll.jitter: 10\nretention.events: 7d\n", "--config FILE" },
		{ "", "--listen 0.0.0.0:0 --tls-insecure" },
		{ "", "--listen 127.1.2.3:65535" },
		{ "", "--chrome-token-info-url https://x.test/tokeninfo?access_token={token}" },
		{ "", "--chrome-token-info-url http://127.0.0.1:8000/userinfo" },
		{ "", "--chrome-token-info-url http://[::1]" },
		{ "", "--chrome-token-info-url http://localhost:1/" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		write_file(cases[i].file);
		config_free(must_load(cases[i].args));
	}
}

/* What is dumped loads to the same; a password does not come out. */
static void test_dump(void **state)
{
	struct config *a =
		must_load("--listen=[::1]:0 --poll-interval 90s --poll-jitter 5% "
			  "--log-format json --limits-file 3G --mdmcore-open-enrollment");
	CLEANUP(buf_fini) struct buf first, second;
	buf_init(&first, 1 << 16);
	buf_init(&second, 1 << 16);
	config_dump(a, &first);
	write_file(buf_str(&first));
	struct config *b = must_load("--config FILE");
	config_dump(b, &second);
	assert_string_equal(buf_str(&first), buf_str(&second));
	assert_non_null(strstr(buf_str(&first), "poll.interval: 90s"));
	b->store = "postgres://u:geheim@h/d";
	buf_reset(&second);
	config_dump(b, &second);
	assert_null(strstr(buf_str(&second), "geheim"));
	assert_non_null(strstr(buf_str(&second), "postgres://u:***@h/d"));
	config_free(a);
	config_free(b);
}

static void test_help_and_asides(void **state)
{
	struct config *c = must_load("--help --listen nonsense");
	assert_true(c->help);
	config_free(c);
	c = must_load("--version");
	assert_true(c->version);
	config_free(c);
	c = must_load("--check --dump-config");
	assert_true(c->check && c->dump && !c->reset_admin_token);
	config_free(c);
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 1 << 16);
	config_help(&text);
	for (size_t i = 0; i < CONFIG_ROWS_N; i++)
		assert_non_null(strstr(buf_str(&text), config_rows[i].flag));
}

static void test_keep_fixed(void **state)
{
	struct config *old = must_load("--listen 127.0.0.1:1 --poll-interval 10m");
	struct config *fresh = must_load("--listen 127.0.0.1:2 --poll-interval 20m --data /other");
	assert_string_equal(config_keep_fixed(fresh, old), "data");
	assert_string_equal(fresh->listen, "127.0.0.1:1");
	assert_string_equal(fresh->data, old->data);
	assert_int_equal(fresh->poll_interval, 20 * 60 * 1000);
	assert_null(config_keep_fixed(fresh, old));
	config_free(old);
	assert_string_equal(fresh->listen, "127.0.0.1:1"); /* a copy */
	config_free(fresh);
}

static void test_organizations(void **state)
{
	static const struct {
		const char *json, *key, *wanted;
	} values[] = {
		{ "", "poll.interval", "900000" },
		{ "{}", "mdmcore.open_enrollment", "false" },
		{ "{\"mdmcore.open_enrollment\":true}", "mdmcore.open_enrollment", "true" },
		{ "{\"poll.interval\":\"2m\"}", "poll.interval", "120000" },
		{ "{\"poll.interval\":30}", "poll.interval", "30000" },
		{ "{\"poll.jitter\":\"7%\"}", "poll.jitter", "7" },
		{ "{\"poll.jitter\":7}", "poll.jitter", "7" },
		{ "{\"poll.jitter\":\"99%\"}", "poll.jitter", "20" }, /* no longer allowed */
		{ "broken", "poll.jitter", "20" },
	};
	struct config *c = must_load("");
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		AUTO_JSON v = config_for_org(c, values[i].json, values[i].key);
		CLEANUP(free_charp) char *text = json_dumps(v, JSON_ENCODE_ANY);
		assert_string_equal(text, values[i].wanted);
	}
	assert_null(config_for_org(c, "", "listen"));
	assert_null(config_for_org(c, "", "nonsense"));
	config_free(c);
}

static void test_check_org(void **state)
{
	static const struct {
		const char *key, *value, *complaint; /* NULL: good */
	} cases[] = {
		{ "mdmcore.open_enrollment", "true", NULL },
		{ "poll.interval", "\"15m\"", NULL },
		{ "poll.interval", "60", NULL },
		{ "poll.jitter", "\"20%\"", NULL },
		{ "mdmcore.open_enrollment", "\"true\"",
		  "mdmcore.open_enrollment: \"true\" is of the wrong type." },
		{ "mdmcore.open_enrollment", "1",
		  "mdmcore.open_enrollment: 1 is of the wrong type." },
		{ "poll.interval", "true", "poll.interval: true is of the wrong type." },
		{ "poll.interval", "-5",
		  "poll.interval: \"-5\" is not a duration such as 90s, 15m or 24h." },
		{ "poll.interval", "\"9d\"", "poll.interval: 9d is not within 1s and 7d." },
		{ "chrome.domain", "\"example.org\"", NULL },
		{ "chrome.domain", "\"a@b\"",
		  "chrome.domain: \"a@b\" is not a domain such as example.org." },
		{ "chrome.service_account_identity", "\"\"", NULL },
		{ "chrome.service_account_identity", "\"x@{domain}\"", NULL },
		{ "chrome.service_account_identity", "\"robot\"",
		  "chrome.service_account_identity: \"robot\" is not empty or an address such as "
		  "reeve@{domain}." },
		{ "chrome.unenroll", "\"invalidate_token\"", NULL },
		{ "chrome.unenroll", "\"forget\"",
		  "chrome.unenroll: \"forget\" is not delete_token or invalidate_token." },
		{ "chrome.signature_freshness", "\"0s\"", NULL },
		{ "listen", "\"x\"", "An organization has no configuration key \"listen\"" },
		{ "poll.intervall", "60",
		  "An organization has no configuration key \"poll.intervall\"; did you mean "
		  "\"poll.interval\"?" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		AUTO_JSON v = json_loads(cases[i].value, JSON_DECODE_ANY, NULL);
		int r = config_check_org(cases[i].key, v, &err);
		assert_int_equal(r, cases[i].complaint ? ERR_INVALID : 0);
		assert_string_equal(err.message, cases[i].complaint ? cases[i].complaint : "");
	}
}

/* Every row can be set in all three ways, and has a name of each kind of its own. */
static void test_rows(void **state)
{
	for (size_t i = 0; i < CONFIG_ROWS_N; i++) {
		const struct config_row *row = &config_rows[i];
		union config_value v;
		struct error err;
		assert_int_equal(config_value_parse(row, row->dflt, &v, &err), 0);
		assert_true(strncmp(row->env, "REEVE_", 6) == 0);
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(row->key, config_rows[k].key);
			assert_string_not_equal(row->flag, config_rows[k].flag);
			assert_string_not_equal(row->env, config_rows[k].env);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_precedence), cmocka_unit_test(test_switches),
		cmocka_unit_test(test_complaints), cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_dump),       cmocka_unit_test(test_help_and_asides),
		cmocka_unit_test(test_keep_fixed), cmocka_unit_test(test_organizations),
		cmocka_unit_test(test_check_org),  cmocka_unit_test(test_rows),
	};
	for (size_t i = 0; i < CONFIG_ROWS_N; i++)
		unsetenv(config_rows[i].env); /* whatever the caller's environment says */
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return r;
}
