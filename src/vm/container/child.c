/* SPDX-License-Identifier: Apache-2.0
 *
 * What programs print, as lines, see child.h.
 */
#include "vm/container/child.h"
#include "base/buf.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>

struct child {           /* heap; ends with its program */
	struct buf text; /* a line so far */
	struct buf said; /* … when it is whole, as UTF-8 */
	void (*line)(void *user, char *line);
	void (*done)(void *user, int status);
	void *user;
};

static void end_line(struct child *c)
{
	struct span left = buf_span(&c->text);
	uint32_t point;
	while (c->said.n + 4 <= CHILD_LINE_MAX && span_get_utf8_lossy(&left, &point))
		utf8_add(&c->said, point);
	buf_reset(&c->text);
	if (c->said.n > 0)
		c->line(c->user, c->said.p);
	buf_reset(&c->said);
}

static void on_output(void *user, struct span bytes)
{
	struct child *c = user;
	for (size_t i = 0; i < bytes.n; i++)
		if (bytes.p[i] == '\n' || bytes.p[i] == '\r')
			end_line(c);
		else if (c->text.n < CHILD_LINE_MAX && bytes.p[i] != '\0')
			buf_add_char(&c->text, (char)bytes.p[i]);
}

static void child_free(struct child *c)
{
	buf_fini(&c->text);
	buf_fini(&c->said);
	free(c);
}

static void on_done(void *user, const struct program_end *end)
{
	struct child *c = user;
	end_line(c); /* one without an end */
	c->done(c->user, end->status);
	child_free(c);
}

void child_line_copy(char *out, size_t size, const char *line)
{
	size_t n = strlen(line);
	if (n >= size)
		for (n = size - 1; n > 0 && (line[n] & 0xc0) == 0x80;)
			n--;
	memcpy(out, line, n);
	out[n] = '\0';
}

int child_start(struct programs *all, const struct child_start *what, struct error *err)
{
	struct child *c = calloc(1, sizeof *c);
	const struct program_spec spec = { .argv = what->argv,
					   .output = on_output,
					   .errors = true,
					   .done = on_done,
					   .user = c,
					   .timeout_ms = what->timeout_ms };
	if (!c)
		abort();
	*c = (struct child){ .line = what->line, .done = what->done, .user = what->user };
	buf_init(&c->text, CHILD_LINE_MAX);
	buf_init(&c->said, CHILD_LINE_MAX);
	int r = program_start(all, &spec, NULL, err);
	if (r)
		child_free(c);
	return r;
}
