/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of man pages, see man.h.
 */
#include "base/man.h"

#include <stdlib.h>
#include <string.h>

void man_text(struct buf *out, const char *s)
{
	bool line_start = out->n == 0 || out->p[out->n - 1] == '\n';
	for (; *s; s++) {
		if (line_start && (*s == '.' || *s == '\''))
			buf_add_str(out, "\\&");
		if (*s == '\\')
			buf_add_str(out, "\\e");
		else if (*s == '-')
			buf_add_str(out, "\\-");
		else if (strncmp(s, "…", strlen("…")) == 0) {
			buf_add_str(out, "...");
			s += strlen("…") - 1;
		} else
			buf_add_char(out, *s);
		line_start = *s == '\n';
	}
}

void man_paragraphs(struct buf *out, const char *text)
{
	buf_add_str(out, ".PP\n");
	for (; *text; text++) { /* an empty line begins a paragraph */
		size_t n = strcspn(text, "\n");
		CLEANUP(free_charp) char *line = strndup(text, n);
		if (!line)
			abort();
		if (n > 0)
			man_text(out, line);
		buf_add_str(out, n > 0 ? "\n" : ".PP\n");
		text += n;
		if (!*text)
			break;
	}
}

void man_options(struct buf *out, const struct option *rows)
{
	for (const struct option *o = rows; o && o->name; o++) {
		buf_add_str(out, ".TP\n");
		if (o->letter)
			buf_addf(out, "\\fB\\-%c\\fR, ", o->letter);
		buf_add_str(out, "\\fB\\-\\-");
		man_text(out, o->name);
		buf_add_str(out, "\\fR");
		if (o->type != OPTION_FLAG)
			buf_addf(out, " \\fI%s\\fR", o->value);
		buf_add_char(out, '\n');
		man_text(out, o->help);
		if (o->env)
			buf_addf(out, " (environment: %s)", o->env);
		buf_add_str(out, o->type == OPTION_LIST ? "; may be given again.\n" : ".\n");
	}
}

void man_head(struct buf *out, const char *title, int section, const char *name, const char *doc)
{
	buf_addf(out,
		 ".\\\" Made from the program's tables; do not edit.\n"
		 ".TH %s %d \"\" \"Reeve " REEVE_VERSION "\" \"Reeve manual\"\n.SH NAME\n",
		 title, section);
	man_text(out, name);
	buf_add_str(out, " \\- ");
	man_text(out, doc);
	buf_add_char(out, '\n');
}
