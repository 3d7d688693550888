/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines: built in one fixed block and written with one write(2), at most PIPE_BUF bytes, so that
 * lines of several threads and processes on one pipe never mix.
 *
 * Values are escaped the way JSON does it in both formats; what is not UTF-8 reads as U+FFFD. A
 * long value is cut with "…"; a field that no longer fits is left out and the line ends with
 * cut=true.
 */
#include "base/log.h"
#include "base/clock.h"
#include "base/utf8.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define LINE_MAX_BYTES  PIPE_BUF
#define TAIL_ROOM       32   /* for cut=true, the closing brace and the newline */
#define VALUE_MAX       1024 /* bytes of one value's text, escaped */
#define LIMIT_WINDOW_MS 10000
#define LIMIT_LINES     10 /* a window, a call site */

/* The kernel's log is small, and shared with everybody. */
#define KERNEL_LINE_MAX  900      /* it takes nothing above 976 */
#define KERNEL_VALUE_MAX 256      /* … so that a long one leaves room for others */
#define KERNEL_LINES     200      /* a window, in all */
#define KERNEL_FACILITY  (3 << 3) /* daemon */

static atomic_int level_max = LOG_LEVEL_INFO;
static atomic_int format_now = LOG_FORMAT_LOGFMT;
static atomic_int kernel_fd = -1; /* of /dev/kmsg */
static const char *kernel_program;
static struct log_limit kernel_limit;
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER; /* all struct log_limit */

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};
static const int kernel_levels[] = {
	[LOG_LEVEL_ERROR] = 3,
	[LOG_LEVEL_WARN] = 4,
	[LOG_LEVEL_INFO] = 6,
	[LOG_LEVEL_DEBUG] = 7,
};
static const char *const format_names[] = {
	[LOG_FORMAT_LOGFMT] = "logfmt",
	[LOG_FORMAT_JSON] = "json",
};

void log_setup(enum log_level level, enum log_format format)
{
	atomic_store(&level_max, (int)level);
	atomic_store(&format_now, (int)format);
}

void log_to_kernel(int fd, const char *program)
{
	kernel_program = program;
	atomic_store(&kernel_fd, fd);
}

bool log_level_parse(const char *s, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++)
		if (strcmp(s, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return true;
		}
	return false;
}

bool log_format_parse(const char *s, enum log_format *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(format_names); i++)
		if (strcmp(s, format_names[i]) == 0) {
			*ret = (enum log_format)i;
			return true;
		}
	return false;
}

struct line {
	char text[LINE_MAX_BYTES];
	size_t n;
	size_t room, value_max; /* bytes of all and, escaped, of one value */
	int fd;
	bool json;
	bool cut; /* a field did not fit */
};

static bool put(struct line *l, const void *p, size_t n)
{
	if (n > l->room - l->n)
		return false;
	memcpy(l->text + l->n, p, n);
	l->n += n;
	return true;
}

static bool put_str(struct line *l, const char *s)
{
	return put(l, s, strlen(s));
}

/* How one character is written between quotes. */
static size_t escape(uint32_t c, const uint8_t *bytes, size_t n_bytes, char out[8])
{
	if (c == '"' || c == '\\')
		return (size_t)snprintf(out, 8, "\\%c", (char)c);
	if (c == '\n')
		return (size_t)snprintf(out, 8, "\\n");
	if (c == '\r')
		return (size_t)snprintf(out, 8, "\\r");
	if (c == '\t')
		return (size_t)snprintf(out, 8, "\\t");
	if (utf8_is_control(c) || c == UTF8_REPLACEMENT)
		return (size_t)snprintf(out, 8, "\\u%04x", c);
	memcpy(out, bytes, n_bytes);
	return n_bytes;
}

static bool is_plain(const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._:/@+-";
	size_t n = strspn(s, plain);
	return n > 0 && n < 128 && s[n] == '\0';
}

static bool put_value(struct line *l, const char *s)
{
	if (!l->json && is_plain(s))
		return put_str(l, s);
	struct span left = span_str(s);
	size_t start = l->n;
	bool ok = put_str(l, "\"");
	for (uint32_t c; ok && left.n > 0;) {
		char text[8];
		const uint8_t *p = left.p;
		(void)span_get_utf8_lossy(&left, &c);
		size_t n = escape(c, p, (size_t)(left.p - p), text);
		if (l->n - start + n > l->value_max) {
			ok = put_str(l, "…");
			break;
		}
		ok = put(l, text, n);
	}
	return ok && put_str(l, "\"");
}

/* A field is written wholly or not at all. */
static void put_field(struct line *l, const char *key, const char *str, int64_t num)
{
	char text[24];
	size_t start = l->n;
	bool ok = put_str(l, l->json ? (l->n > 1 ? ",\"" : "\"") : (l->n > 0 ? " " : "")) &&
		  put_str(l, key) && put_str(l, l->json ? "\":" : "=");
	if (str) {
		ok = ok && put_value(l, str);
	} else {
		snprintf(text, sizeof text, "%" PRId64, num);
		ok = ok && put_str(l, text);
	}
	if (!ok) {
		l->n = start;
		l->cut = true;
	}
}

static void finish(struct line *l)
{
	l->n += (size_t)snprintf(l->text + l->n, TAIL_ROOM, "%s%s\n",
				 !l->cut ? "" : (l->json ? ",\"cut\":true" : " cut=true"),
				 l->json ? "}" : "");
	int saved = errno;
	while (write(l->fd, l->text, l->n) < 0 && errno == EINTR)
		;
	errno = saved; /* callers log and then return it */
}

/* May this line be written? Then *ret_dropped is how many were swallowed since the last one. */
static bool limit_pass(struct log_limit *limit, uint32_t n_max, uint32_t *ret_dropped)
{
	int64_t now_ms = clock_mono_ms();
	bool pass;
	pthread_mutex_lock(&limit_lock);
	if (limit->n_in_window == 0 || now_ms - limit->window_start_ms >= LIMIT_WINDOW_MS) {
		limit->window_start_ms = now_ms;
		limit->n_in_window = 0;
	}
	pass = limit->n_in_window < n_max;
	if (pass) {
		limit->n_in_window++;
		*ret_dropped += limit->n_dropped;
		limit->n_dropped = 0;
	} else {
		limit->n_dropped++;
	}
	pthread_mutex_unlock(&limit_lock);
	return pass;
}

static void begin_line(struct line *l, enum log_level level)
{
	char time[CLOCK_TEXT_SIZE];
	l->room = LINE_MAX_BYTES - TAIL_ROOM;
	l->value_max = VALUE_MAX;
	l->fd = STDERR_FILENO;
	l->json = atomic_load_explicit(&format_now, memory_order_relaxed) == LOG_FORMAT_JSON;
	if (l->json)
		(void)put_str(l, "{");
	put_field(l, "time", clock_format(clock_utc_ms(), time), 0);
	put_field(l, "level", level_names[level], 0);
}

/* Time and level are the kernel's. */
static void begin_kernel_line(struct line *l, enum log_level level, int fd)
{
	char prefix[64];
	l->room = KERNEL_LINE_MAX - TAIL_ROOM;
	l->value_max = KERNEL_VALUE_MAX;
	l->fd = fd;
	l->json = false;
	snprintf(prefix, sizeof prefix, "<%d>%s:", KERNEL_FACILITY + kernel_levels[level],
		 kernel_program);
	(void)put_str(l, prefix);
}

void log_emit(enum log_level level, struct log_limit *limit, const char *msg,
	      const struct log_field *fields)
{
	uint32_t n_dropped = 0;
	int fd = atomic_load_explicit(&kernel_fd, memory_order_acquire);
	if ((int)level > atomic_load_explicit(&level_max, memory_order_relaxed))
		return;
	if (limit && !limit_pass(limit, LIMIT_LINES, &n_dropped))
		return;
	if (fd >= 0 && !limit_pass(&kernel_limit, KERNEL_LINES, &n_dropped))
		return;
	struct line l; /* only now: it is large, and most lines of debugging end above */
	l.n = 0;
	l.cut = false;
	if (fd >= 0)
		begin_kernel_line(&l, level, fd);
	else
		begin_line(&l, level);
	put_field(&l, "msg", msg, 0);
	if (n_dropped > 0)
		put_field(&l, "dropped_before", NULL, n_dropped);
	for (; fields->key; fields++)
		put_field(&l, fields->key, fields->str, fields->num);
	finish(&l);
}
