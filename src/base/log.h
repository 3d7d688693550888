/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines with fields, to stderr: logfmt or JSON, one line each, RFC 3339 UTC time.
 *
 *   log_warn("report refused", F_INT("device", id), F_STR("serial", serial));
 *
 * Values are quoted and escaped, so a hostile serial cannot forge a line. Libraries do not log:
 * the layer that decides logs once. What a peer can cause goes through log_limited(), a token
 * bucket per call site that says how many lines it swallowed.
 *
 * The first process of a machine writes to the kernel's log instead, whose lines are shorter and have
 * the kernel's time: "<30>reeve-guest: msg=listening address=vsock:8888".
 */
#pragma once

#include "base/macros.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log_field {
	const char *key;
	const char *str; /* text value, or NULL: then 'num' */
	int64_t num;
};
#define F_STR(k, v) log_field_str((k), (v)) /* NULL reads as "" */
#define F_INT(k, v) ((struct log_field){ .key = (k), .num = (v) })
static inline struct log_field log_field_str(const char *key, const char *str)
{
	return (struct log_field){ .key = key, .str = str ? str : "" };
}

struct log_limit { /* static, one per call site */
	int64_t window_start_ms;
	uint32_t n_in_window, n_dropped;
};

void log_setup(enum log_level level, enum log_format format);
/* From now on lines go to this descriptor of /dev/kmsg, which stays open. 'program' is a literal. */
void log_to_kernel(int fd, const char *program);
bool log_level_parse(const char *s, enum log_level *ret);
bool log_format_parse(const char *s, enum log_format *ret);
void log_emit(enum log_level level, struct log_limit *limit, const char *msg,
	      const struct log_field *fields); /* fields end with a NULL key */

#define LOG_FIELDS_(...)    ((struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ .key = NULL } })
#define log_error(msg, ...) log_emit(LOG_LEVEL_ERROR, NULL, (msg), LOG_FIELDS_(__VA_ARGS__))
#define log_warn(msg, ...)  log_emit(LOG_LEVEL_WARN, NULL, (msg), LOG_FIELDS_(__VA_ARGS__))
#define log_info(msg, ...)  log_emit(LOG_LEVEL_INFO, NULL, (msg), LOG_FIELDS_(__VA_ARGS__))
#define log_debug(msg, ...) log_emit(LOG_LEVEL_DEBUG, NULL, (msg), LOG_FIELDS_(__VA_ARGS__))
#define log_limited(level, msg, ...)                                                               \
	do {                                                                                       \
		static struct log_limit limit_;                                                    \
		log_emit((level), &limit_, (msg), LOG_FIELDS_(__VA_ARGS__));                       \
	} while (0)
