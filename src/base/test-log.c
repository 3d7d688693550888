/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines: what a hostile value can not do to them, both formats, lengths, the limit per call site, threads.
 */
#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h> /* needs the four above */

/* Runs 'body' with stderr going to a pipe of its own; what was written is in 'text'. */
struct capture {
	int saved_fd, read_fd;
	char text[65536];
};

static void capture_begin(struct capture *c)
{
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	c->saved_fd = dup(STDERR_FILENO);
	c->read_fd = fds[0];
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
}

static const char *capture_end(struct capture *c)
{
	size_t n = 0;
	dup2(c->saved_fd, STDERR_FILENO); /* closes the pipe's last writer */
	close(c->saved_fd);
	for (ssize_t got; (got = read(c->read_fd, c->text + n, sizeof c->text - 1 - n)) > 0;)
		n += (size_t)got;
	close(c->read_fd);
	c->text[n] = '\0';
	return c->text;
}

/* The line after "time=… ". */
static const char *after_time(const char *line)
{
	assert_memory_equal(line, "time=", 5);
	return strchr(line, ' ') + 1;
}

static struct capture cap;

static const struct {
	const char *value, *wanted; /* as logfmt writes it */
} values[] = {
	{ "plain-1.0", "plain-1.0" },
	{ "", "\"\"" },
	{ "two words", "\"two words\"" },
	{ "a=b", "\"a=b\"" },
	{ "say \"hi\" \\", "\"say \\\"hi\\\" \\\\\"" },
	{ "x\nlevel=error msg=forged", "\"x\\nlevel=error msg=forged\"" },
	{ "x\r\ty", "\"x\\r\\ty\"" },
	{ "\x1b[31mred", "\"\\u001b[31mred\"" },
	{ "\x7f", "\"\\u007f\"" },
	{ "\xc2\x9b", "\"\\u009b\"" }, /* C1: CSI in one character */
	{ "a\xe2\x80\xa8z", "\"a\\u2028z\"" },
	{ "a\xe2\x80\xaez", "\"a\\u202ez\"" }, /* right-to-left override */
	{ "bad\xff\xc0", "\"bad\\ufffd\\ufffd\"" },
	{ "Zürich 😀", "\"Zürich 😀\"" },
};

static void test_values_logfmt(void **state)
{
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		char wanted[200];
		capture_begin(&cap);
		log_warn("report refused", F_INT("device", -5), F_STR("serial", values[i].value));
		capture_end(&cap);
		snprintf(wanted, sizeof wanted,
			 "level=warn msg=\"report refused\" device=-5 serial=%s\n",
			 values[i].wanted);
		assert_string_equal(after_time(cap.text), wanted);
	}
}

static void test_values_json(void **state)
{
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		capture_begin(&cap);
		log_error("report refused", F_INT("device", INT64_MIN),
			  F_STR("serial", values[i].value));
		capture_end(&cap);
		assert_ptr_equal(strchr(cap.text, '\n'), cap.text + strlen(cap.text) - 1);
		AUTO_JSON j = json_loads(cap.text, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(j);
		assert_int_equal(json_object_size(j), 5);
		assert_string_equal(json_string_value(json_object_get(j, "level")), "error");
		assert_true(json_integer_value(json_object_get(j, "device")) == INT64_MIN);
		if (utf8_valid(span_str(values[i].value)))
			assert_string_equal(json_string_value(json_object_get(j, "serial")),
					    values[i].value);
	}
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
}

/* Every byte value in a text: one line, printable only. */
static void test_every_byte(void **state)
{
	for (int c = 1; c < 256; c++) {
		char text[] = { 'a', (char)c, 'z', '\0' };
		capture_begin(&cap);
		log_info("x", F_STR("v", text));
		capture_end(&cap);
		size_t n = strlen(cap.text);
		assert_true(utf8_valid(span_str(cap.text)));
		for (size_t i = 0; i + 1 < n; i++)
			assert_true((unsigned char)cap.text[i] >= 0x20);
		assert_int_equal(cap.text[n - 1], '\n');
	}
}

static void test_null_and_no_fields(void **state)
{
	const char *null = NULL;
	capture_begin(&cap);
	log_info("started");
	log_info("x", F_STR("v", null));
	capture_end(&cap);
	assert_non_null(strstr(cap.text, " level=info msg=started\n"));
	assert_non_null(strstr(cap.text, " msg=x v=\"\"\n"));
}

/* Long values are cut, lines never pass PIPE_BUF, in both formats and still parse. */
static void test_long(void **state)
{
	static char big[20000];
	memset(big, '\n', sizeof big - 1); /* doubles when escaped */
	for (int format = LOG_FORMAT_LOGFMT; format <= LOG_FORMAT_JSON; format++) {
		log_setup(LOG_LEVEL_INFO, (enum log_format)format);
		capture_begin(&cap);
		log_info("long", F_STR("a", big), F_STR("b", big), F_STR("c", big), F_STR("d", big),
			 F_STR("e", big), F_INT("last", 7));
		capture_end(&cap);
		size_t n = strlen(cap.text);
		assert_true(n <= PIPE_BUF && n > PIPE_BUF / 2);
		assert_ptr_equal(strchr(cap.text, '\n'), cap.text + n - 1);
		assert_non_null(strstr(cap.text, "…\""));
		assert_non_null(
			strstr(cap.text, format == LOG_FORMAT_JSON ? "\"last\":7" : "last=7"));
		assert_non_null(strstr(cap.text, format == LOG_FORMAT_JSON ? ",\"cut\":true}\n"
									   : " cut=true\n"));
		if (format == LOG_FORMAT_JSON) {
			AUTO_JSON j = json_loads(cap.text, 0, NULL);
			assert_non_null(j);
		}
	}
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
}

static void test_levels(void **state)
{
	enum log_level level;
	enum log_format format;
	log_setup(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT);
	capture_begin(&cap);
	log_debug("d");
	log_info("i");
	log_warn("w");
	log_error("e");
	capture_end(&cap);
	assert_null(strstr(cap.text, "msg=i"));
	assert_null(strstr(cap.text, "msg=d"));
	assert_non_null(strstr(cap.text, "msg=w"));
	assert_non_null(strstr(cap.text, "msg=e"));
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	assert_true(log_level_parse("debug", &level) && level == LOG_LEVEL_DEBUG);
	assert_true(log_level_parse("error", &level) && level == LOG_LEVEL_ERROR);
	assert_false(log_level_parse("Info", &level));
	assert_false(log_level_parse("", &level));
	assert_true(log_format_parse("json", &format) && format == LOG_FORMAT_JSON);
	assert_false(log_format_parse("xml", &format));
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;
	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void emit_limited(struct log_limit *limit)
{
	log_emit(LOG_LEVEL_WARN, limit, "noise", (struct log_field[]){ { .key = NULL } });
}

static void test_limited(void **state)
{
	struct log_limit limit = { 0 };
	capture_begin(&cap);
	for (int i = 0; i < 1000; i++)
		emit_limited(&limit);
	capture_end(&cap);
	assert_int_equal(count(cap.text, "noise"), 10);
	assert_int_equal(limit.n_dropped, 990);
	limit.window_start_ms -= 3600 * 1000; /* an hour later */
	capture_begin(&cap);
	emit_limited(&limit);
	emit_limited(&limit);
	capture_end(&cap);
	assert_int_equal(count(cap.text, "dropped_before=990"), 1);
	assert_int_equal(count(cap.text, "noise"), 2);
	capture_begin(&cap);
	for (int i = 0; i < 50; i++)
		log_limited(LOG_LEVEL_WARN, "macro", F_INT("i", i));
	capture_end(&cap);
	assert_int_equal(count(cap.text, "macro"), 10);
}

static void test_kernel(void **state)
{
	static const struct {
		enum log_level level;
		const char *prefix;
	} levels[] = {
		{ LOG_LEVEL_ERROR, "<27>" },
		{ LOG_LEVEL_WARN, "<28>" },
		{ LOG_LEVEL_INFO, "<30>" },
		{ LOG_LEVEL_DEBUG, "<31>" },
	};
	static char big[20000];
	char wanted[100];
	int fds[2];
	memset(big, '\n', sizeof big - 1);
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON); /* the kernel has no use for it */
	log_to_kernel(fds[1], "reeve-x");
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		log_emit(levels[i].level, NULL, "two words",
			 (struct log_field[]){ F_STR("v", "a\n<0>b"), { .key = NULL } });
		cap.text[read(fds[0], cap.text, sizeof cap.text - 1)] = '\0';
		snprintf(wanted, sizeof wanted, "%sreeve-x: msg=\"two words\" v=\"a\\n<0>b\"\n",
			 levels[i].prefix);
		assert_string_equal(cap.text, wanted);
	}
	log_info("long", F_STR("a", big), F_STR("b", big), F_STR("c", big), F_STR("d", big),
		 F_INT("last", 7));
	ssize_t n = read(fds[0], cap.text, sizeof cap.text - 1);
	assert_true(n > 450 && n <= 900); /* of 976 that the kernel takes */
	cap.text[n] = '\0';
	assert_non_null(strstr(cap.text, "last=7 cut=true\n"));
	for (int i = 0; i < 1000; i++)
		log_info("noise");
	n = read(fds[0], cap.text, sizeof cap.text - 1);
	cap.text[n] = '\0';
	assert_int_equal(count(cap.text, "noise"), 200 - 5);
	log_to_kernel(-1, NULL);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	close(fds[0]);
	close(fds[1]);
}

static void *shout(void *arg)
{
	for (int i = 0; i < 100; i++)
		log_info("from a thread", F_STR("who", arg), F_INT("i", i));
	return NULL;
}

static void test_threads_do_not_mix_lines(void **state)
{
	pthread_t threads[4];
	static char names[4][64];
	capture_begin(&cap);
	fcntl(STDERR_FILENO, F_SETPIPE_SZ, 1 << 20);
	for (int i = 0; i < 4; i++) {
		memset(names[i], 'a' + i, 50);
		assert_int_equal(pthread_create(&threads[i], NULL, shout, names[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	capture_end(&cap);
	size_t n = 0;
	for (char *line = cap.text, *end; (end = strchr(line, '\n')); line = end + 1, n++) {
		*end = '\0';
		char *who = strstr(line, " who=");
		assert_non_null(who);
		assert_memory_equal(line, "time=", 5);
		assert_int_equal(strspn(who + 5, (char[]){ who[5], '\0' }), 50);
		assert_memory_equal(who + 55, " i=", 3);
	}
	assert_int_equal(n, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_logfmt),
		cmocka_unit_test(test_values_json),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_null_and_no_fields),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_limited),
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_threads_do_not_mix_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
