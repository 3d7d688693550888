/* SPDX-License-Identifier: Apache-2.0
 *
 * Types of commands (command.def), who can run them, and the one setter of a command's state;
 * command.h has the diagram.
 */
#include "model/command.h"
#include "model/shape.h"
#include "model/text.h"
#include <errno.h>

#define MINUTE ((int64_t)60 * 1000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define ON(channel) (1u << CHANNEL_##channel)
#define IS(kind)    (1u << KIND_##kind)
#define ANY         ((1u << KIND_N) - 1)

static const struct command_type types[] = {
#define COMMAND(c_name, c_channels, c_kinds, c_life, c_destructive, c_params, c_doc)               \
	{ .name = c_name,                                                                          \
	  .channels = c_channels,                                                                  \
	  .kinds = c_kinds,                                                                        \
	  .life_ms = c_life,                                                                       \
	  .destructive = c_destructive,                                                            \
	  .params = c_params,                                                                      \
	  .doc = c_doc },
#include "model/command.def"
#undef COMMAND
};

#define N_STATES  (COMMAND_CANCELLED + 1)
#define TO(state) (1u << COMMAND_##state)
#define TO_END    (TO(EXPIRED) | TO(CANCELLED))

static const char *const state_words[N_STATES] = {
	[COMMAND_QUEUED] = "queued",
	[COMMAND_SENT] = "sent",
	[COMMAND_ACKNOWLEDGED] = "acknowledged",
	[COMMAND_DONE] = "done",
	[COMMAND_FAILED] = "failed",
	[COMMAND_EXPIRED] = "expired",
	[COMMAND_CANCELLED] = "cancelled",
};

static const unsigned allowed[N_STATES] = {
	[COMMAND_QUEUED] = TO(SENT) | TO_END,
	[COMMAND_SENT] = TO(QUEUED) | TO(ACKNOWLEDGED) | TO(DONE) | TO(FAILED) | TO_END,
	[COMMAND_ACKNOWLEDGED] = TO(DONE) | TO(FAILED) | TO_END,
	/* the others are final */
};

const char *command_state_name(enum command_state s)
{
	return (size_t)s < N_STATES ? state_words[s] : "unknown";
}

bool command_state_parse(const char *s, enum command_state *ret)
{
	int i = text_index(state_words, N_STATES, s);
	if (i < 0)
		return false;
	*ret = (enum command_state)i;
	return true;
}

bool command_state_final(enum command_state s)
{
	return (size_t)s < N_STATES && allowed[s] == 0;
}

size_t command_type_n(void)
{
	return ARRAY_SIZE(types);
}

const struct command_type *command_type_at(size_t i)
{
	return i < ARRAY_SIZE(types) ? &types[i] : NULL;
}

const struct command_type *command_type_find(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

json_t *command_params_shown(const char *type, const json_t *params)
{
	const struct command_type *t = command_type_find(type);
	return shape_masked(t ? t->params : "", params);
}

bool command_has_secret(const char *type)
{
	const struct command_type *t = command_type_find(type);
	return t && shape_has_secret(t->params);
}

static int unknown_type(const char *type, struct error *err)
{
	char shown[EXCERPT_SIZE], hint[EXCERPT_SIZE];
	struct nearest nearest;
	nearest_init(&nearest, type);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		nearest_add(&nearest, types[i].name, types[i].name);
	return error_set(err, ERR_INVALID, "there is no command \"%s\"%s",
			 text_excerpt(type, shown), nearest_hint(&nearest, hint));
}

int command_check(const char *type, const json_t *params, const struct device *d, struct error *err)
{
	const struct command_type *t = command_type_find(type);
	AUTO_JSON none = json_object();
	char what[64], shown[EXCERPT_SIZE];
	enum channel channel;
	enum kind kind;
	if (!t)
		return unknown_type(type ? type : "", err);
	snprintf(what, sizeof what, "command %s", t->name);
	int r = shape_check(t->params, params ? params : none, what, err);
	if (r)
		return r;
	const char *name = text_excerpt(d->name ? d->name : "", shown);
	if (d->unenrolled_ms)
		return error_set(err, ERR_CONFLICT, "device %lld (%s) is no longer managed",
				 (long long)d->id, name);
	if (!channel_parse(d->channel, &channel) || !kind_parse(d->kind, &kind) ||
	    !(t->channels & 1u << channel) || !(t->kinds & 1u << kind))
		return error_set(err, ERR_CONFLICT,
				 "device %lld (%s) cannot run %s: its kind is %s, its channel %s",
				 (long long)d->id, name, t->name, d->kind ? d->kind : "unknown",
				 d->channel ? d->channel : "unknown");
	return 0;
}

static void stamp(struct command *c, enum command_state next, int64_t now_ms)
{
	if (next == COMMAND_QUEUED)
		c->sent_ms = 0;
	else if (next == COMMAND_SENT)
		c->sent_ms = now_ms;
	else if (next == COMMAND_ACKNOWLEDGED)
		c->acknowledged_ms = now_ms;
	else
		c->finished_ms = now_ms;
}

int command_move(struct command *c, enum command_state next, int64_t now_ms, struct error *err)
{
	enum command_state now;
	if (!command_state_parse(c->state, &now))
		return -EINVAL;
	if (!(allowed[now] & 1u << next))
		return error_set(err, ERR_CONFLICT, "command %lld is %s; it cannot become %s",
				 (long long)c->id, command_state_name(now),
				 command_state_name(next));
	c->state = command_state_name(next);
	c->finished = command_state_final(next);
	stamp(c, next, now_ms);
	return 0;
}

bool command_due_expiry(const struct command *c, int64_t now_ms)
{
	return !c->finished && c->expires_ms != 0 && c->expires_ms <= now_ms;
}
