/* SPDX-License-Identifier: Apache-2.0
 *
 * Words to command: see parse.h.
 */
#include "reeve/parse.h"
#include "base/buf.h"
#include <ctype.h>

#define ROWS_MAX 48

/* ---- which command? ---- */

static bool row_matches(const struct option *o, const char *name, size_t n)
{
	return strncmp(o->name, name, n) == 0;
}

/* Does some row of the table, by its name, prefix or letter, take a value? */
static bool table_takes_value(const struct option *rows, const char *word)
{
	bool is_long = word[1] == '-';
	for (const struct option *o = rows; o && o->name; o++) {
		if (o->type == OPTION_FLAG)
			continue;
		if (is_long ? row_matches(o, word + 2, strlen(word + 2)) : o->letter == word[1])
			return true;
	}
	return false;
}

/* "--limit" or "-o", with the value in the next word? Looked up in every table there is. */
static bool takes_next_word(const char *word)
{
	if (word[0] != '-' || !word[1] || strchr(word, '=') || strcmp(word, "--") == 0)
		return false;
	if (word[1] != '-' && word[2]) /* "-ojson" */
		return false;
	if (table_takes_value(options_everywhere, word))
		return true;
	for (const struct noun *const *n = nouns; *n; n++)
		for (const struct command *c = (*n)->commands; c->doc; c++)
			if (table_takes_value(c->options, word))
				return true;
	return false;
}

/* The first two words that are neither options nor their values. */
static void find_first_words(int argc, char **argv, const char *first[2])
{
	int n = 0;
	bool ended = false;
	first[0] = first[1] = NULL;
	for (int i = 1; i < argc && n < 2; i++) {
		if (ended || argv[i][0] != '-')
			first[n++] = argv[i];
		else if (strcmp(argv[i], "--") == 0)
			ended = true;
		else if (takes_next_word(argv[i]))
			i++;
	}
}

static int unknown_noun(const char *word, struct error *err)
{
	const char *nearest = NULL;
	size_t best = strlen(word) / 2 + 1;
	for (const struct noun *const *n = nouns; *n; n++) {
		size_t d = options_distance(word, (*n)->name);
		if (d < best) {
			best = d;
			nearest = (*n)->name;
		}
	}
	if (nearest)
		return error_set(err, ERR_INVALID, "there is no \"%.60s\"; did you mean \"%s\"?",
				 word, nearest);
	return error_set(err, ERR_INVALID, "there is no \"%.60s\"", word);
}

static int unknown_verb(const struct noun *noun, const char *word, struct error *err)
{
	CLEANUP(buf_fini) struct buf verbs;
	buf_init(&verbs, 300);
	for (const struct command *c = noun->commands; c->doc; c++)
		buf_addf(&verbs, "%s%s", verbs.n ? ", " : "", c->verb);
	if (!word)
		return error_set(err, ERR_INVALID, "%s what? One of: %s", noun->name,
				 buf_str(&verbs));
	return error_set(err, ERR_INVALID, "%s cannot \"%.60s\"; one of: %s", noun->name, word,
			 buf_str(&verbs));
}

static int find_command(const char *const first[2], struct parsed *p, struct error *err)
{
	if (!first[0])
		return 0;
	p->noun = p->help_noun = noun_find(first[0]);
	if (!p->noun)
		return unknown_noun(first[0], err);
	if (!p->noun->commands[0].verb) {
		p->command = p->help_command = p->noun->commands;
		return 0;
	}
	if (!first[1])
		return 0;
	p->command = p->help_command = command_find(p->noun, first[1]);
	return p->command ? 0 : unknown_verb(p->noun, first[1], err);
}

/* ---- its options and arguments ---- */

static int parse_options(int argc, char **argv, const struct command *c, int *ret_n,
			 struct error *err)
{
	struct option rows[ROWS_MAX] = { { .name = NULL } };
	const struct option *tables[] = { options_everywhere, c ? c->options : NULL };
	size_t n = 0;
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct option *o = tables[t]; o && o->name && n + 1 < ROWS_MAX; o++)
			rows[n++] = *o;
	return options_parse(rows, argc, argv, ret_n, err);
}

/* A lower-case word of 'args' must be there as it is. */
static int check_words(const struct parsed *p, struct error *err)
{
	for (int i = 0; i < p->n_args; i++) {
		char name[40];
		if (command_arg_name(p->command->args, i, name, sizeof name) &&
		    islower((unsigned char)name[0]) && strcmp(name, p->args[i]) != 0)
			return error_set(err, ERR_INVALID, "\"%.60s\" should be \"%s\"", p->args[i],
					 name);
	}
	return 0;
}

static int check_args(const struct parsed *p, struct error *err)
{
	int min, max;
	char name[40] = "";
	command_arg_bounds(p->command->args, &min, &max);
	if (p->n_args < min) {
		(void)command_arg_name(p->command->args, p->n_args, name, sizeof name);
		return error_set(err, ERR_INVALID, "%s is missing", name);
	}
	if (max >= 0 && p->n_args > max)
		return error_set(err, ERR_INVALID, "\"%.60s\" is one argument too many",
				 p->args[max]);
	return check_words(p, err);
}

int parse_words(int argc, char **argv, struct parsed *ret, struct error *err)
{
	const char *first[2];
	int n;
	*ret = (struct parsed){ 0 };
	find_first_words(argc, argv, first);
	int r = find_command(first, ret, err);
	if (r != 0)
		return r;
	r = parse_options(argc, argv, ret->command, &n, err);
	if (r != 0 && ret->noun && !ret->command) /* an option of the verb that is not there yet */
		return unknown_verb(ret->noun, NULL, err);
	if (r != 0 || opt.help || opt.version || !ret->noun)
		return r;
	if (!ret->command)
		return unknown_verb(ret->noun, NULL, err);
	int skip = ret->command->verb ? 2 : 1;
	ret->args = argv + 1 + skip;
	ret->n_args = n - skip;
	return check_args(ret, err);
}
