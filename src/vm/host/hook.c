/* SPDX-License-Identifier: Apache-2.0
 *
 * Hooks, see hook.h.
 */
#include "vm/host/hook.h"
#include "base/buf.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGS_MAX     64
#define PARAMS_MAX   1024
#define ARGUMENT_MAX (128 * 1024) /* the kernel's own bound of one */

static const struct row {
	const char *name;
	int64_t limit_ms;
	bool answers;      /* what it prints is wanted */
	const char *words; /* beside vm and container */
	const char *argv[ARGS_MAX];
} rows[] = {
#define HOOK(name, word, limit_ms, answers, words, ...)                                            \
	{ word, limit_ms, answers, words, { __VA_ARGS__ } },
#include "vm/host/hook.def"
#undef HOOK
};

const char *hook_name(enum hook hook)
{
	return rows[hook].name;
}

const char *hook_words(enum hook hook)
{
	return rows[hook].words;
}

/* ---- the configuration ---- */

static bool is_word(const char *words, const char *word, size_t n)
{
	for (const char *p = words; *p; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");
		if (len == n && memcmp(p, word, n) == 0)
			return true;
		p += len;
	}
	return false;
}

/* Every {word} of 'text' is one that the event says. */
static int check_words(const struct row *row, const char *text, struct error *err)
{
	for (const char *p = text; (p = strchr(p, '{'));) {
		size_t n = strspn(++p, "abcdefghijklmnopqrstuvwxyz");
		if (n == 0 || p[n] != '}')
			continue;
		if (!is_word(row->words, p, n) && !is_word("vm container self", p, n))
			return error_set(
				err, ERR_INVALID,
				"hooks: %s: {%.*s} is none of its words: vm container self %s",
				row->name, (int)n, p, row->words);
	}
	return 0;
}

static char *copy(const char *text)
{
	char *s = strdup(text);
	if (!s)
		abort();
	return s;
}

static int read_argv(const struct row *row, const json_t *list, char ***ret, struct error *err)
{
	size_t n = json_array_size(list);
	if (!json_is_array(list) || n >= ARGS_MAX)
		return error_set(
			err, ERR_INVALID,
			"hooks: %s: a list of at most %d words is expected: a program and its arguments",
			row->name, ARGS_MAX - 1);
	char **argv = calloc(n + 1, sizeof *argv);
	if (!argv)
		abort();
	*ret = argv; /* also when what follows is wrong */
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (!text)
			return error_set(err, ERR_INVALID, "hooks: %s: word %zu is not text",
					 row->name, i + 1);
		int r = check_words(row, text, err);
		if (r)
			return r;
		argv[i] = copy(text);
	}
	return 0;
}

static int find_row(const char *name, enum hook *ret, struct error *err)
{
	for (size_t i = 0; i < HOOK_N; i++)
		if (strcmp(rows[i].name, name) == 0) {
			*ret = (enum hook)i;
			return 0;
		}
	return error_set(err, ERR_INVALID, "hooks: “%.60s” is no hook", name);
}

int hooks_init(struct hooks *h, struct loop *loop, const char *self, const json_t *json,
	       struct error *err)
{
	const char *name;
	json_t *list;
	*h = (struct hooks){ .programs = { .loop = loop }, .self = self };
	if (json && !json_is_object(json))
		return error_set(err, ERR_INVALID, "hooks: names and lists are expected");
	json_object_foreach ((json_t *)(uintptr_t)json, name, list) {
		enum hook hook = 0;
		int r = find_row(name, &hook, err);
		if (r == 0)
			r = read_argv(&rows[hook], list, &h->argv[hook], err);
		if (r)
			return r;
	}
	return 0;
}

void hook_argv_free(char **argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free(argv);
}

void hooks_fini(struct hooks *h)
{
	programs_end(&h->programs);
	for (size_t i = 0; i < HOOK_N; i++)
		hook_argv_free(h->argv[i]);
	*h = (struct hooks){ .programs = { .loop = NULL } };
}

/* ---- arguments ---- */

static const char *const *words_of(const struct hooks *h, enum hook hook)
{
	return h->argv[hook] ? (const char *const *)h->argv[hook] : rows[hook].argv;
}

bool hook_has(const struct hooks *h, enum hook hook)
{
	return words_of(h, hook)[0];
}

static const char *value_of(const struct hooks *h, const struct hook_event *e, const char *word,
			    size_t n)
{
	if (n == 4 && memcmp(word, "self", 4) == 0)
		return h->self;
	if (n == 2 && memcmp(word, "vm", 2) == 0)
		return e->vm ? e->vm : "";
	if (n == 9 && memcmp(word, "container", 9) == 0)
		return e->container ? e->container : "";
	for (const struct hook_word *w = e->words; w->name; w++)
		if (strlen(w->name) == n && memcmp(w->name, word, n) == 0)
			return w->value;
	return NULL;
}

/* One pass: what a value says is never looked at for words again. */
static char *fill(const struct hooks *h, const char *text, const struct hook_event *e)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, ARGUMENT_MAX);
	for (const char *p = text; *p;) {
		size_t n = *p == '{' ? strspn(p + 1, "abcdefghijklmnopqrstuvwxyz") : 0;
		const char *value = n > 0 && p[n + 1] == '}' ? value_of(h, e, p + 1, n) : NULL;
		if (value) {
			buf_add_str(&out, value);
			p += n + 2;
		} else {
			buf_add_char(&out, *p++);
		}
	}
	return out.failed ? NULL : copy(buf_str(&out));
}

/* The list that stands for the whole argument, or NULL. */
static const struct hook_list *list_of(const char *text, const struct hook_event *e)
{
	if (strcmp(text, "{params}") == 0)
		return &e->params;
	return strcmp(text, "{enter}") == 0 ? &e->enter : NULL;
}

char **hook_argv(const struct hooks *h, enum hook hook, const struct hook_event *event)
{
	const char *const *words = words_of(h, hook);
	size_t n = 0;
	if (!words[0] || event->params.n > PARAMS_MAX || event->enter.n > PARAMS_MAX)
		return NULL;
	char **argv =
		calloc(ARGS_MAX + ARGS_MAX * (event->params.n + event->enter.n) + 1, sizeof *argv);
	if (!argv)
		abort();
	for (size_t i = 0; words[i]; i++) {
		const struct hook_list *list = list_of(words[i], event);
		for (size_t k = 0; list && k < list->n; k++)
			argv[n++] = copy(list->items[k]);
		if (!list && !(argv[n++] = fill(h, words[i], event))) {
			hook_argv_free(argv);
			return NULL;
		}
	}
	return argv;
}

/* ---- running ---- */

static const void *owner_of(const struct hook_event *event)
{
	return event->container ? event->container : event->vm;
}

static int start(struct hooks *h, enum hook hook, const struct hook_event *event,
		 void (*done)(void *, const struct program_end *), void *user, struct program **ret,
		 struct error *err)
{
	char vm[80], container[80];
	char *env[] = { vm, container, NULL };
	char **argv = hook_argv(h, hook, event);
	if (!argv)
		return error_set(err, ERR_UNAVAILABLE,
				 "%s: no program is configured for it, or a word is too long",
				 rows[hook].name);
	snprintf(vm, sizeof vm, "REEVE_VM=%s", event->vm ? event->vm : "");
	snprintf(container, sizeof container, "REEVE_CONTAINER=%s",
		 event->container ? event->container : "");
	const struct program_spec spec = { .argv = argv,
					   .env = env,
					   .input = event->input,
					   .keep = rows[hook].answers,
					   .done = done,
					   .user = user,
					   .timeout_ms = rows[hook].limit_ms,
					   .owner = owner_of(event) };
	int r = program_start(&h->programs, &spec, ret, err);
	hook_argv_free(argv);
	return r;
}

int hook_run(struct hooks *h, enum hook hook, const struct hook_event *event,
	     void (*done)(void *, const struct program_end *), void *user, struct program **ret,
	     struct error *err)
{
	if (h->programs.n >= HOOKS_AT_ONCE)
		return error_set(err, ERR_UNAVAILABLE, "%s: %d programs run already",
				 rows[hook].name, HOOKS_AT_ONCE);
	if (programs_of(&h->programs, owner_of(event)) >= HOOKS_OF_ONE)
		return error_set(err, ERR_UNAVAILABLE, "%s: %d programs run for it already",
				 rows[hook].name, HOOKS_OF_ONE);
	return start(h, hook, event, done, user, ret, err);
}

static void on_fired(void *user, const struct program_end *end)
{
	const struct row *row = user;
	if (end->status != 0)
		log_limited(LOG_LEVEL_WARN,
			    end->timed_out ? "a hook took too long" : "a hook failed",
			    F_STR("hook", row->name), F_INT("status", end->status));
}

void hook_fire(struct hooks *h, enum hook hook, const struct hook_event *event)
{
	struct error err;
	void *row = (void *)(uintptr_t)&rows[hook];
	if (!hook_has(h, hook))
		return;
	int r = hook_run(h, hook, event, on_fired, row, NULL, &err);
	if (r)
		log_limited(LOG_LEVEL_WARN, "a hook was not started",
			    F_STR("hook", rows[hook].name),
			    F_STR("error", r > 0 ? err.message : strerror(-r)));
}
