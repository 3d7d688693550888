/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML (libyaml) to and from JSON values. YAML 1.2 core schema: null, true/false, integers, floats,
 * strings; quoted scalars are strings. Anchors are expanded under a size bound; duplicate keys,
 * custom tags and several documents (unless read one by one) are errors.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"

/* 'name' is used in errors: "NAME:LINE: what is wrong". *ret: array of the documents, owned. */
int yaml_parse(const char *name, struct span text, json_t **ret, struct error *err) WARN_UNUSED;
/* Block style, keys in insertion order, strings quoted only when they must be. */
void yaml_add(struct buf *out, const json_t *j);
