/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve completion: scripts for shells, made from the table of commands.
 */
#include "reeve/cli.h"
#include "reeve/nouns.h"

/* ---- bash ---- */

/* A value's completions by its name in the help. */
static const struct {
	const char *value, *words; /* words NULL: file names */
} values[] = {
	{ "FILE", NULL },
	{ "PATH", NULL },
	{ "FORMAT", "table json yaml csv" },
	{ "LEVEL", "mandatory recommended" },
	{ "KIND", "agent chrome flyve" },
	{ "STATE", "queued sent acknowledged done failed expired cancelled" },
};

static int value_index(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(values); i++)
		if (strcmp(values[i].value, name) == 0)
			return (int)i;
	return -1;
}

static void add_option_words(struct buf *out, const struct option *rows)
{
	for (const struct option *o = rows; o && o->name; o++)
		buf_addf(out, " --%s", o->name);
}

/* Every option with a value, as a case of the word before: so that the value is not taken for a
 * noun, and completes as what it is. */
static void add_bash_values(struct buf *out, const struct option *rows)
{
	for (const struct option *o = rows; o && o->name; o++) {
		if (o->type == OPTION_FLAG)
			continue;
		int v = value_index(o->value);
		buf_addf(out, "\t--%s", o->name);
		if (o->letter)
			buf_addf(out, "|-%c", o->letter);
		if (v >= 0 && values[v].words)
			buf_addf(out, ") COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return ;;\n",
				 values[v].words);
		else
			buf_addf(out, ") %sreturn ;;\n",
				 v >= 0 ? "COMPREPLY=($(compgen -f -- \"$cur\")); " : "");
	}
}

/* Each option once, although many commands share one. */
static bool seen_before(const struct noun *const *noun, const struct command *command,
			const struct option *o)
{
	for (const struct noun *const *n = nouns; *n; n++)
		for (const struct command *c = (*n)->commands; c->doc; c++) {
			if (*n == *noun && c == command)
				return false;
			for (const struct option *p = c->options; p && p->name; p++)
				if (strcmp(p->name, o->name) == 0)
					return true;
		}
	return false;
}

static void add_all_bash_values(struct buf *out)
{
	add_bash_values(out, options_everywhere);
	for (const struct noun *const *n = nouns; *n; n++)
		for (const struct command *c = (*n)->commands; c->doc; c++)
			for (const struct option *o = c->options; o && o->name; o++) {
				const struct option one[] = { *o, { .name = NULL } };
				if (!seen_before(n, c, o))
					add_bash_values(out, one);
			}
}

static void add_value_names(struct buf *out, const char *separator)
{
	const char *between = "";
	for (const struct option *o = options_everywhere; o->name; o++)
		if (o->type != OPTION_FLAG) {
			buf_addf(out, "%s--%s", between, o->name);
			if (o->letter)
				buf_addf(out, "%s-%c", separator, o->letter);
			between = separator;
		}
	for (const struct noun *const *n = nouns; *n; n++)
		for (const struct command *c = (*n)->commands; c->doc; c++)
			for (const struct option *o = c->options; o && o->name; o++)
				if (o->type != OPTION_FLAG && !seen_before(n, c, o))
					buf_addf(out, "%s--%s", separator, o->name);
}

static void add_verbs(struct buf *out, const struct noun *n)
{
	for (const struct command *c = n->commands; c->doc; c++)
		if (c->verb)
			buf_addf(out, "%s%s", c == n->commands ? "" : " ", c->verb);
}

static bool takes_file(const struct command *c)
{
	return c->args && (strstr(c->args, "FILE") || strstr(c->args, "PATH"));
}

static void add_bash_noun(struct buf *out, const struct noun *n)
{
	if (n->commands[0].verb) {
		buf_addf(out, "\t\"%s \") words=\"", n->name);
		add_verbs(out, n);
		buf_add_str(out, "\" ;;\n");
	}
	for (const struct command *c = n->commands; c->doc; c++) {
		buf_addf(out, "\t\"%s %s\"%s) options=\"", n->name, c->verb ? c->verb : "",
			 c->verb ? "" : "*");
		add_option_words(out, c->options);
		buf_addf(out, "\"%s ;;\n", takes_file(c) ? " files=1" : "");
	}
}

static void add_bash(struct buf *out)
{
	buf_add_str(out, "# bash completion of reeve; made by \"reeve completion bash\"\n"
			 "_reeve() {\n"
			 "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
			 "\tlocal noun= verb= words= options= files= i\n"
			 "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
			 "\t\tcase ${COMP_WORDS[i]} in\n\t\t");
	add_value_names(out, "|");
	buf_add_str(out, ") ((i++)) ;;\n\t\t-*) ;;\n"
			 "\t\t*) if [[ -z $noun ]]; then noun=${COMP_WORDS[i]}; "
			 "elif [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; fi ;;\n"
			 "\t\tesac\n\tdone\n\tcase $prev in\n");
	add_all_bash_values(out);
	buf_add_str(out, "\tesac\n\tcase \"$noun $verb\" in\n\t\" \") words=\"");
	for (const struct noun *const *n = nouns; *n; n++)
		buf_addf(out, "%s%s", n == nouns ? "" : " ", (*n)->name);
	buf_add_str(out, "\" ;;\n");
	for (const struct noun *const *n = nouns; *n; n++)
		add_bash_noun(out, *n);
	buf_add_str(out, "\tesac\n\tif [[ $cur == -* ]]; then words=\"$options");
	add_option_words(out, options_everywhere);
	buf_add_str(out, "\"; files=; fi\n"
			 "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
			 "\tif [[ -n $files ]]; then COMPREPLY+=($(compgen -f -- \"$cur\")); fi\n"
			 "}\ncomplete -o filenames -F _reeve reeve\n");
}

/* ---- zsh ---- */

/* Text between single quotes that zsh's _arguments and _describe read: no quotes, colons, brackets. */
static void add_zsh_text(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\'')
			buf_add_str(out, "'\\''");
		else if (strchr(":[]\\", *s))
			buf_addf(out, "\\%c", *s);
		else
			buf_add_char(out, *s);
	}
}

static void add_zsh_options(struct buf *out, const struct option *rows)
{
	for (const struct option *o = rows; o && o->name; o++) {
		int v = value_index(o->value);
		buf_addf(out, " \\\n\t\t'%s--%s[", o->type == OPTION_LIST ? "*" : "", o->name);
		add_zsh_text(out, o->help);
		buf_add_char(out, ']');
		if (o->type != OPTION_FLAG) {
			buf_addf(out, ":%s:", o->value);
			if (v >= 0 && values[v].words)
				buf_addf(out, "(%s)", values[v].words);
			else
				buf_add_str(out, v >= 0 ? "_files" : " ");
		}
		buf_add_char(out, '\'');
	}
}

static void add_zsh_command(struct buf *out, const struct noun *n, const struct command *c)
{
	buf_addf(out, "\t'%s %s'%s) _arguments", n->name, c->verb ? c->verb : "",
		 c->verb ? "" : "*");
	add_zsh_options(out, c->options);
	add_zsh_options(out, options_everywhere);
	buf_addf(out, " \\\n\t\t'*:argument:%s' ;;\n", takes_file(c) ? "_files" : " ");
}

static void add_zsh_noun(struct buf *out, const struct noun *n)
{
	if (n->commands[0].verb) {
		buf_addf(out, "\t'%s ') _values verb", n->name);
		for (const struct command *c = n->commands; c->doc; c++) {
			buf_addf(out, " '%s[", c->verb);
			add_zsh_text(out, c->doc);
			buf_add_str(out, "]'");
		}
		buf_add_str(out, " ;;\n");
	}
	for (const struct command *c = n->commands; c->doc; c++)
		add_zsh_command(out, n, c);
}

static void add_zsh(struct buf *out)
{
	buf_add_str(out, "#compdef reeve\n# made by \"reeve completion zsh\"\n"
			 "_reeve() {\n\tlocal noun= verb= i\n"
			 "\tfor ((i = 2; i < CURRENT; i++)); do\n\t\tcase ${words[i]} in\n\t\t");
	add_value_names(out, "|");
	buf_add_str(out, ") ((i++)) ;;\n\t\t-*) ;;\n"
			 "\t\t*) if [[ -z $noun ]]; then noun=${words[i]}; "
			 "elif [[ -z $verb ]]; then verb=${words[i]}; fi ;;\n"
			 "\t\tesac\n\tdone\n\tcase \"$noun $verb\" in\n\t' ') _values noun");
	for (const struct noun *const *n = nouns; *n; n++) {
		buf_addf(out, " '%s[", (*n)->name);
		add_zsh_text(out, (*n)->doc);
		buf_add_str(out, "]'");
	}
	buf_add_str(out, " ;;\n");
	for (const struct noun *const *n = nouns; *n; n++)
		add_zsh_noun(out, *n);
	buf_add_str(
		out,
		"\tesac\n}\n"
		"# sourced, or the first call of an autoloaded function\n"
		"if [[ ${funcstack[1]} = _reeve ]]; then _reeve; else compdef _reeve reeve; fi\n");
}

/* ---- fish ---- */

static void add_fish_text(struct buf *out, const char *s)
{
	buf_add_char(out, '\'');
	for (; *s; s++)
		buf_addf(out, *s == '\'' || *s == '\\' ? "\\%c" : "%c", *s);
	buf_add_char(out, '\'');
}

static void add_fish_options(struct buf *out, const char *condition, const struct option *rows)
{
	for (const struct option *o = rows; o && o->name; o++) {
		int v = value_index(o->value);
		buf_addf(out, "complete -c reeve%s -l %s", condition, o->name);
		if (o->letter)
			buf_addf(out, " -s %c", o->letter);
		if (o->type != OPTION_FLAG && v >= 0 && !values[v].words)
			buf_add_str(out, " -rF");
		else if (o->type != OPTION_FLAG && v >= 0)
			buf_addf(out, " -xa '%s'", values[v].words);
		else if (o->type != OPTION_FLAG)
			buf_add_str(out, " -x");
		buf_add_str(out, " -d ");
		add_fish_text(out, o->help);
		buf_add_char(out, '\n');
	}
}

static void add_fish_noun(struct buf *out, const struct noun *n)
{
	buf_addf(out, "complete -c reeve -n __fish_use_subcommand -a %s -d ", n->name);
	add_fish_text(out, n->doc);
	buf_add_char(out, '\n');
	for (const struct command *c = n->commands; c->doc; c++) {
		CLEANUP(buf_fini) struct buf condition;
		buf_init(&condition, 1000);
		if (c->verb) {
			buf_addf(out,
				 "complete -c reeve -n '__fish_seen_subcommand_from %s; and not "
				 "__fish_seen_subcommand_from ",
				 n->name);
			add_verbs(out, n);
			buf_addf(out, "' -a %s -d ", c->verb);
			add_fish_text(out, c->doc);
			buf_add_char(out, '\n');
		}
		buf_addf(&condition, " -n '__fish_seen_subcommand_from %s", n->name);
		if (c->verb)
			buf_addf(&condition, "; and __fish_seen_subcommand_from %s", c->verb);
		buf_add_str(&condition, "'");
		add_fish_options(out, buf_str(&condition), c->options);
		if (takes_file(c))
			buf_addf(out, "complete -c reeve%s -F\n", buf_str(&condition));
	}
}

static void add_fish(struct buf *out)
{
	buf_add_str(out, "# fish completion of reeve; made by \"reeve completion fish\"\n"
			 "complete -c reeve -f\n");
	add_fish_options(out, "", options_everywhere);
	for (const struct noun *const *n = nouns; *n; n++)
		add_fish_noun(out, *n);
}

/* ---- the command ---- */

static const struct {
	const char *name;
	void (*add)(struct buf *out);
} shells[] = { { "bash", add_bash }, { "zsh", add_zsh }, { "fish", add_fish } };

static int run(struct cli *c, struct error *err)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1u << 20);
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
		if (strcmp(c->args[0], shells[i].name) == 0) {
			shells[i].add(&out);
			return output_write(&c->out, &out);
		}
	return error_set(err, ERR_INVALID, "\"%.40s\" is none of bash, zsh, fish", c->args[0]);
}

static const struct command commands[] = {
	{ NULL, "SHELL", NULL, NULL, NULL, run, "Print a completion script for bash, zsh or fish",
	  "For bash: reeve completion bash > /etc/bash_completion.d/reeve" },
	{ .doc = NULL },
};

const struct noun noun_completion = {
	"completion",
	"Completion for bash, zsh and fish",
	commands,
	"  source <(reeve completion bash)\n",
};
