/* SPDX-License-Identifier: Apache-2.0
 *
 * The model's records as C structs, made from records.def: struct organization, struct fleet,
 * struct device, … Text and blob fields are borrowed: whoever fills a record says from where
 * (the store: from the arena given to it). A zeroed record is valid; NULL text means "".
 */
#pragma once

#include "base/span.h"

#define FIELD_I64(name)  int64_t name;
#define FIELD_BOOL(name) bool name;
#define FIELD_TEXT(name) const char *name;
#define FIELD_BLOB(name) struct span name;

#define TABLE(name, n_key)     struct name {
#define COL(table, type, name) FIELD_##type(name)
#define INDEX(table, name, unique, ...)
#define END(table)                                                                                 \
	}                                                                                          \
	;
#include "model/records.def"
#undef TABLE
#undef COL
#undef INDEX
#undef END
