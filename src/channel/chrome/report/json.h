/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of a peer as JSON for the inventory: every field that is there, under its own name; enums as
 * words ("wifi"), times as RFC 3339. Valid UTF-8 and without control characters, whatever came.
 *
 * What it may grow to is a budget that one report shares; when that is used up, the rest is left out and
 * the budget says so.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include <protobuf-c/protobuf-c.h>

#define CLEAN_TEXT_MAX 4096 /* bytes of one text */

struct budget {
	size_t text;   /* bytes left */
	size_t values; /* numbers, texts, objects left */
	bool exceeded;
};
#define BUDGET_OF_A_REPORT                                                                         \
	{                                                                                          \
		.text = 512 << 10, .values = 20000                                                 \
	}

/* At most 'max' bytes, cut between two characters; invalid bytes become U+FFFD, control characters
 * blanks. NULL is "". In the arena. */
const char *clean_text(struct arena *a, const char *s, size_t max);
/* The name of an enum's value in lower case without what all its names begin with ("TYPE_WIFI" -> "wifi");
 * "17" for a value it does not have. */
#define ENUM_WORD_MAX 64
const char *enum_word(const ProtobufCEnumDescriptor *e, int value, char out[ENUM_WORD_MAX]);

/* An object. 'but': names of fields to leave out, NULL-ended; or NULL. */
json_t *message_json(const ProtobufCMessage *m, const char *const *but, struct budget *b);
/* The value of one field; NULL: not there. A list is an array. */
json_t *field_json(const ProtobufCMessage *m, const char *name, struct budget *b);
