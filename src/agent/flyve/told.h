/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server has told this device over MQTT, in the words of the Flyve protocol, both dialects; pure.
 *
 *     [/]<root>/Command/…                 subscribe, queries, orders (ours only)
 *     [/]<root>/<group>                   D1: {"<group>":[{"<key>":"<value>","taskId":"7"}, {"<key>":"<default>"}]}
 *     [/]<root>/Policy/<key>/Task/<id>    D2: {"<key>":"<value>","taskId":7}; empty: no longer
 *
 * A root is the device's own or one of the fleets that Command/Subscribe named, whose list is the full set. What
 * is not understood is ignored, as is an entry without a task: it says a default, which is what this
 * machine does anyway when nothing is desired.
 *
 * Owner: embedded in the link.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

#define TOLD_PAYLOAD_MAX  (1u << 20)
#define TOLD_MESSAGES_MAX 4096
#define TOLD_FLEETS_MAX   64
#define TOLD_TOPIC_MAX    512

struct told {
	char root[TOLD_TOPIC_MAX]; /* ours, without a slash in front or at the end */
	json_t *fleets;            /* roots as they were given; an array */
	json_t *messages;          /* topic without a slash in front -> object */
};

enum told_kind {
	TOLD_NOTHING,
	TOLD_POLICIES, /* what is desired may be another */
	TOLD_FLEETS,   /* the list of fleets is another: subscribe anew */
	TOLD_COMMAND,
};
struct told_news {
	enum told_kind kind;
	const char *type; /* of a command, in the model's words; static */
	int64_t id;       /* the command's; 0: the message names none (queries) */
	int64_t issued_s; /* UTC; 0: not said */
	bool query;       /* answered by a status of its own, not by one of the task */
};

void told_init(struct told *t, const char *root);
void told_fini(struct told *t);
/* Nothing is known any more: before the retained messages come again. */
void told_forget(struct told *t);
/* ERR_INVALID: the message is for us and makes no sense; nothing has changed. */
int told_take(struct told *t, const char *topic, struct span payload, struct told_news *ret,
	      struct error *err) WARN_UNUSED;

/* What all of it comes to, owned. *ret_settings: name -> {"value","level"}, as everywhere in the agent.
 * *ret_tasks: [{"id": n, "grouped": b, "setting": name or null, "item": element of a list or absent,
 * "overridden": b or absent, "wrong": sentence or absent}], in the order in which they were applied. */
void told_desired(const struct told *t, json_t **ret_settings, json_t **ret_tasks);
