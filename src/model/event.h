/* SPDX-License-Identifier: Apache-2.0
 *
 * Types of events (event.def): name, which followers care (doorbell, webhook), doc. "noun.verb".
 */
#pragma once

#include "base/json.h"
#include "model/records.h"

enum event_type {
#define EVENT(id, name, rings, doc) EVENT_##id,
#include "model/event.def"
#undef EVENT
	EVENT_N
};

const char *event_type_name(enum event_type t);
const char *event_type_doc(enum event_type t);
bool event_type_parse(const char *name, enum event_type *ret);
bool event_rings(
	enum event_type t); /* devices of its fleet or its device have something to fetch */
