/* SPDX-License-Identifier: Apache-2.0
 *
 * hook: what the events of containers do on this machine, as programs that an administrator can replace (hook.def).
 */
#pragma once

#include "base/json.h"
#include "vm/program/program.h"

enum hook {
#define HOOK(name, ...) HOOK_##name,
#include "vm/host/hook.def"
#undef HOOK
	HOOK_N
};

#define HOOKS_AT_ONCE 64
#define HOOKS_OF_ONE  24 /* of them for one container, or a machine itself */

struct hooks {
	struct programs programs;
	const char *self;    /* our own program */
	char **argv[HOOK_N]; /* of the configuration; NULL: the default */
};

struct hook_word {
	const char *name, *value;
};

struct hook_event { /* what the placeholders stand for; borrowed */
	const char *vm,
		*container; /* the latter, or else the former, is known again by where it is */
	struct hook_word words[5]; /* ends with a NULL name */
	struct hook_list {
		char *const *items;
		size_t n;
	} params, enter;   /* {params}, {enter} */
	struct span input; /* what is too long for an argument: its standard input */
};

/* 'json': the configuration's "hooks", or NULL. ERR_INVALID naming the hook and what is wrong. */
int hooks_init(struct hooks *h, struct loop *loop, const char *self, const json_t *json,
	       struct error *err) WARN_UNUSED;
void hooks_fini(struct hooks *h);
const char *hook_name(enum hook hook);
const char *
hook_words(enum hook hook); /* what its event says, beside vm and container: "title text" */
bool hook_has(const struct hooks *h, enum hook hook); /* there is a program for it */
/* As program_start(), with the output kept for done() where it is the answer; ERR_UNAVAILABLE also when there is none, or too
 * many run. */
int hook_run(struct hooks *h, enum hook hook, const struct hook_event *event,
	     void (*done)(void *user, const struct program_end *end), void *user,
	     struct program **ret, struct error *err) WARN_UNUSED;
/* Nobody waits: what goes wrong is logged. */
void hook_fire(struct hooks *h, enum hook hook, const struct hook_event *event);
/* Pure: the arguments of a hook for an event. Heap, NULL-ended; NULL: there is no program. */
char **hook_argv(const struct hooks *h, enum hook hook, const struct hook_event *event);
void hook_argv_free(char **argv);
