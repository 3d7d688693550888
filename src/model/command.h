/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a command.
 *
 *     queued -> sent -> acknowledged -> done | failed
 *     queued | sent | acknowledged -> expired   (its time ran out)
 *     queued | sent | acknowledged -> cancelled (an administrator)
 *     sent -> done | failed                     (a client that does not acknowledge)
 *     sent -> queued                            (handed out, but the answer was lost: again)
 *
 * A final state never changes. Commands of one device are handed out in order of id; the next one
 * goes out while the earlier ones run (order of handing out, not of completion).
 * command.def: type, which kinds can run it, needed scope, default life, parameters, doc.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "model/catalogue.h"
#include "model/records.h"

enum command_state {
	COMMAND_QUEUED,
	COMMAND_SENT,
	COMMAND_ACKNOWLEDGED,
	COMMAND_DONE,
	COMMAND_FAILED,
	COMMAND_EXPIRED,
	COMMAND_CANCELLED,
};
const char *command_state_name(enum command_state s);
bool command_state_parse(const char *s, enum command_state *ret);
bool command_state_final(enum command_state s);

struct command_type {
	const char *name;
	unsigned channels;  /* 1u << enum channel: who has a word for it */
	unsigned kinds;     /* 1u << enum kind: what can do it */
	int64_t life_ms;    /* default time to expiry */
	bool destructive;   /* needs scope commands:destructive (wipe, unenroll, …) */
	const char *params; /* "name:type[?] …", model/shape.h: what --param/--payload may hold */
	const char *doc;
};
size_t command_type_n(void);
const struct command_type *command_type_at(size_t i);
const struct command_type *command_type_find(const char *name);
/* The parameters as they may be shown, and kept when the command is finished; NULL: they are not an object. Owned. */
json_t *command_params_shown(const char *type, const json_t *params);
bool command_has_secret(const char *type);
/* ERR_INVALID (unknown type, bad params) or ERR_CONFLICT (this device cannot run it, or is no
 * longer managed). 'params' is an object or NULL. */
int command_check(const char *type, const json_t *params, const struct device *d,
		  struct error *err) WARN_UNUSED;

/* The one setter: moves 'c' to 'next' and stamps its times. ERR_CONFLICT names both states;
 * -EINVAL: the record's own state is none. */
int command_move(struct command *c, enum command_state next, int64_t now_ms,
		 struct error *err) WARN_UNUSED;
bool command_due_expiry(const struct command *c, int64_t now_ms);
