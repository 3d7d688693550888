/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of config.def as data, and values of their types. Internal to config*.c.
 */
#pragma once

#include "server/config.h"

enum config_type {
	CONFIG_TYPE_STR,
	CONFIG_TYPE_BOOL,
	CONFIG_TYPE_INT,
	CONFIG_TYPE_DURATION,
	CONFIG_TYPE_PERCENT,
	CONFIG_TYPE_SIZE,
};

struct config_row {
	const char *key; /* "tls.cert" */
	enum config_type type;
	size_t offset; /* in struct config */
	const char *flag, *env, *dflt;
	bool per_org, reload;
	const char *doc;
};

enum { /* CONFIG_ROW_listen is the position of "listen" */
#define CONFIG(key, type, field, ...) CONFIG_ROW_##field,
#include "server/config.def"
#undef CONFIG
       CONFIG_ROWS_N
};

extern const struct config_row config_rows[CONFIG_ROWS_N];
const struct config_row *config_row_find(const char *key); /* NULL: unknown */
/* `; did you mean "x"?`, or nothing. per_org: only keys that an organization may have. */
const char *config_row_hint(const char *wrong_key, bool per_org, char *out, size_t n_out);

union config_value {
	const char *str;
	bool boolean;
	int64_t number;
};

/* ERR_INVALID with a sentence that does not name the row: the caller knows from where it came. */
int config_value_parse(const struct config_row *row, const char *text, union config_value *ret,
		       struct error *err) WARN_UNUSED;
/* Numbers have ranges, some texts a form. */
int config_value_check(const struct config_row *row, const union config_value *v,
		       struct error *err) WARN_UNUSED;
union config_value config_value_get(const struct config *c, const struct config_row *row);
void config_value_put(struct config *c, const struct config_row *row, union config_value v);
/* As config_value_parse() takes it; "out" holds numbers. */
const char *config_value_text(const struct config_row *row, union config_value v, char out[32]);

/* Reads the YAML file: scalars under dotted or nested keys, "tls.cert: x" or "tls: {cert: x}". 'set'
 * is called for each with the key's line. ERR_INVALID: "FILE:LINE: what is wrong". */
typedef int config_set_fn(void *user, const struct config_row *row, const char *text, size_t line,
			  struct error *err);
int config_file_read(const char *path, config_set_fn *set, void *user,
		     struct error *err) WARN_UNUSED;
/* The same for text that is there already; 'name' stands for FILE. */
int config_file_parse(const char *name, struct span text, config_set_fn *set, void *user,
		      struct error *err) WARN_UNUSED;
