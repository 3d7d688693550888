/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading answers, see answer.h.
 */
#include "reeve-bench/answer.h"

#include <string.h>
#include <strings.h>

#define BODY_MAX (16u << 20)

/* The next line without its end; false: it is not whole yet. */
static bool take_line(struct span *in, struct span *ret)
{
	const uint8_t *end = in->n ? memchr(in->p, '\n', in->n) : NULL;
	if (!end)
		return false;
	size_t n = (size_t)(end - in->p);
	*ret = (struct span){ in->p, n > 0 && in->p[n - 1] == '\r' ? n - 1 : n };
	in->p += n + 1;
	in->n -= n + 1;
	return true;
}

/* The value of a header line of that name. */
static bool header(struct span line, const char *name, struct span *ret)
{
	size_t n = strlen(name);
	if (line.n <= n || line.p[n] != ':' || strncasecmp((const char *)line.p, name, n) != 0)
		return false;
	*ret = (struct span){ line.p + n + 1, line.n - n - 1 };
	while (ret->n > 0 && *ret->p == ' ') {
		ret->p++;
		ret->n--;
	}
	return true;
}

static bool number(struct span text, size_t max, size_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		*ret = *ret * 10 + (size_t)(text.p[i] - '0');
		if (*ret > max)
			return false;
	}
	return text.n > 0;
}

static bool read_status(struct span line, int *ret)
{
	size_t status;
	if (line.n < 12 || memcmp(line.p, "HTTP/1.", 7) != 0 || line.p[8] != ' ')
		return false;
	if (!number((struct span){ line.p + 9, 3 }, 599, &status))
		return false;
	*ret = (int)status;
	return true;
}

enum answer_state answer_read(struct span in, struct answer *ret, size_t *ret_n)
{
	struct span rest = in, line, value;
	size_t n_body = 0;
	*ret = (struct answer){ 0 };
	if (!take_line(&rest, &line))
		return ANSWER_MORE;
	if (!read_status(line, &ret->status))
		return ANSWER_BAD;
	for (;;) {
		if (!take_line(&rest, &line))
			return ANSWER_MORE;
		if (line.n == 0)
			break;
		if (header(line, "Content-Length", &value) && !number(value, BODY_MAX, &n_body))
			return ANSWER_BAD;
		if (header(line, "Transfer-Encoding", &value))
			return ANSWER_BAD;
		if (header(line, "Connection", &value))
			ret->closes =
				value.n == 5 && strncasecmp((const char *)value.p, "close", 5) == 0;
	}
	if (ret->status == 204 || ret->status == 304)
		n_body = 0;
	if (rest.n < n_body)
		return ANSWER_MORE;
	ret->body = (struct span){ rest.p, n_body };
	*ret_n = in.n - rest.n + n_body;
	return ANSWER_WHOLE;
}
