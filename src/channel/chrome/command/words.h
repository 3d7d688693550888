/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands of the model in Chrome's words, and results in ours. Pure; types.c is the table.
 *
 * A client dies of a command that is meant for another kind of client (a browser is killed by any
 * known type but 12 and 14), so a row says who may get it, besides model/command.def.
 */
#pragma once

#include "base/arena.h"
#include "channel/chrome/device_management.pb-c.h"
#include "model/command.h"

/* What a payload may need to know besides the command's parameters. */
struct command_context {
	const char *upload_url; /* where a picture goes; "": nowhere */
	const json_t *profiles; /* [{"id": path, "name", "profile_id"}] of the last report */
};

struct command_word {
	const char *name; /* in model/command.def */
	Dm__RemoteCommand__Type type;
	unsigned kinds; /* 1u << enum kind */
	/* The payload's text in the arena; "": none. ERR_CONFLICT: why it cannot be sent. NULL: none */
	int (*payload)(const json_t *params, const struct command_context *x, struct arena *a,
		       const char **ret, struct error *err);
	/* Why it failed, from the payload of its result; NULL: the payload does not say. Or NULL */
	const char *(*explain)(const json_t *payload, struct arena *a);
};
extern const struct command_word command_words[]; /* sorted by name, ends with a NULL name */

/* NULL: not a command of this channel, or not for this kind of device. */
const struct command_word *command_word_find(const char *name, enum kind kind);

/* age_of_command as the client must hear it, ms. Clients drop what is older than ten minutes, but how long
 * a command lives is the administrator's word; so an old one counts from when it was first handed out. */
int64_t command_age(const struct command *c, int64_t now_ms);

struct command_outcome {
	enum command_state state; /* done or failed */
	const char *message;      /* in the arena */
	json_t *result;           /* owned; NULL: none */
};
void command_outcome(const struct command_word *w, const Dm__RemoteCommandResult *r,
		     struct arena *a, struct command_outcome *ret);
