/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers over jansson: owned locals, bounded parsing, typed access with errors that name the key.
 *
 * json_read_* : 'o' is an object. Missing (or null) key: ERR_INVALID when 'required', else 0 with
 * *ret left as it was. Wrong type: ERR_INVALID naming key, wanted and found type.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define AUTO_JSON CLEANUP(json_decrefp) json_t * /* jansson's own cleanup function */

/* Parses one JSON text (any type, UTF-8, duplicate keys refused, depth bounded). *ret is owned. */
int json_parse(struct span text, json_t **ret, struct error *err) WARN_UNUSED;
/* Compact, keys in insertion order; heap string of the caller. */
char *json_text(const json_t *j);

int json_read_str(const json_t *o, const char *key, bool required, const char **ret,
		  struct error *err) WARN_UNUSED;
int json_read_int(const json_t *o, const char *key, bool required, int64_t *ret,
		  struct error *err) WARN_UNUSED;
int json_read_bool(const json_t *o, const char *key, bool required, bool *ret,
		   struct error *err) WARN_UNUSED;
int json_read_object(const json_t *o, const char *key, bool required, json_t **ret,
		     struct error *err) WARN_UNUSED; /* borrowed */
int json_read_array(const json_t *o, const char *key, bool required, json_t **ret,
		    struct error *err) WARN_UNUSED; /* borrowed */
/* ERR_INVALID naming the first key of 'o' that is not in the NULL-ended list. */
int json_only_keys(const json_t *o, const char *const *keys, struct error *err) WARN_UNUSED;
