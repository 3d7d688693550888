/* SPDX-License-Identifier: Apache-2.0
 *
 * See link.h. What a body holds is a row of 'bodies', so that writing and reading cannot differ.
 */
#include "broker/link.h"

#include "broker/rights.h"

#include "base/err.h"
#include <assert.h>

#define HEAD_SIZE 4

enum field { /* bits, in the order in which they stand in a body */
	     F_NUMBER = 1u << 0,
	     F_FLAGS = 1u << 1,
	     F_HASH = 1u << 2,
	     F_USER = 1u << 3,
	     F_ROOT = 1u << 4,
	     F_FLEETS = 1u << 5,
	     F_STATS = 1u << 6,
};

static const unsigned bodies[] = {
	[LINK_SERVER] = F_HASH | F_USER,
	[LINK_BEGIN] = 0,
	[LINK_ACCOUNT] = F_NUMBER | F_FLAGS | F_HASH | F_USER | F_ROOT | F_FLEETS,
	[LINK_REMOVE] = F_NUMBER,
	[LINK_END] = 0,
	[LINK_SYNC] = F_NUMBER,
	[LINK_READY] = 0,
	[LINK_SYNCED] = F_NUMBER,
	[LINK_PRESENCE] = F_NUMBER | F_FLAGS,
	[LINK_STATS] = F_STATS,
	[LINK_ADMIT] = 0,
};

/* ---- writing ---- */

static void add_be(struct buf *out, uint64_t v, int n)
{
	while (n-- > 0)
		buf_add_char(out, (char)(v >> (8 * n)));
}

static void add_text(struct buf *out, struct span s)
{
	add_be(out, s.n, 2);
	buf_add(out, s.p, s.n);
}

static size_t body_size(unsigned fields, const struct link_message *m)
{
	return (fields & F_NUMBER ? 8 : 0) + (fields & F_FLAGS ? 1 : 0) +
	       (fields & F_HASH ? SHA256_SIZE : 0) + (fields & F_USER ? 2 + m->user.n : 0) +
	       (fields & F_ROOT ? 2 + m->root.n : 0) + (fields & F_FLEETS ? 2 + m->fleets.n : 0) +
	       (fields & F_STATS ? 8 * LINK_STATS_N : 0);
}

void link_add(struct buf *out, const struct link_message *m)
{
	unsigned fields = bodies[m->type];
	size_t size = body_size(fields, m);
	assert(size <= LINK_BODY_MAX);
	assert(!(fields & F_HASH) || m->hash.n == SHA256_SIZE);
	buf_add_char(out, (char)m->type);
	add_be(out, size, 3);
	if (fields & F_NUMBER)
		add_be(out, m->number, 8);
	if (fields & F_FLAGS)
		add_be(out, m->flags, 1);
	if (fields & F_HASH)
		buf_add(out, m->hash.p, m->hash.n);
	if (fields & F_USER)
		add_text(out, m->user);
	if (fields & F_ROOT)
		add_text(out, m->root);
	if (fields & F_FLEETS)
		add_text(out, m->fleets);
	for (size_t i = 0; fields & F_STATS && i < LINK_STATS_N; i++)
		add_be(out, m->stats[i], 8);
}

/* ---- reading ---- */

static bool get_be64(struct span *s, uint64_t *ret)
{
	uint32_t high, low;
	if (!span_get_be32(s, &high) || !span_get_be32(s, &low))
		return false;
	*ret = (uint64_t)high << 32 | low;
	return true;
}

static bool get_text(struct span *s, struct span *ret)
{
	uint16_t n;
	return span_get_be16(s, &n) && span_get_bytes(s, n, ret);
}

static bool get_user(struct span *s, struct span *ret)
{
	return get_text(s, ret) && ret->n >= 1 && ret->n <= LINK_USER_MAX &&
	       !memchr(ret->p, '\0', ret->n);
}

static bool get_root(struct span *s, struct span *ret)
{
	return get_text(s, ret) && rights_root_valid(*ret);
}

/* Roots with a NUL behind each, and one more. */
static bool get_fleets(struct span *s, struct span *ret)
{
	struct span all, one;
	size_t n = 0;
	if (!get_text(s, ret))
		return false;
	all = *ret;
	while (span_get_until(&all, '\0', &one) && one.n > 0)
		if (!rights_root_valid(one) || ++n > RIGHTS_FLEETS_MAX)
			return false;
	return ret->n > 0 && all.n == 0 && ret->p[ret->n - 1] == '\0' &&
	       (ret->n == 1 || ret->p[ret->n - 2] == '\0');
}

static bool get_flags(struct span *s, unsigned *ret)
{
	uint8_t flags;
	bool ok = span_get_u8(s, &flags);
	*ret = ok ? flags : 0;
	return ok;
}

static bool read_body(unsigned fields, struct span body, struct link_message *m)
{
	bool ok = (!(fields & F_NUMBER) || get_be64(&body, &m->number)) &&
		  (!(fields & F_FLAGS) || get_flags(&body, &m->flags)) &&
		  (!(fields & F_HASH) || span_get_bytes(&body, SHA256_SIZE, &m->hash)) &&
		  (!(fields & F_USER) || get_user(&body, &m->user)) &&
		  (!(fields & F_ROOT) || get_root(&body, &m->root)) &&
		  (!(fields & F_FLEETS) || get_fleets(&body, &m->fleets));
	for (size_t i = 0; ok && fields & F_STATS && i < LINK_STATS_N; i++)
		ok = get_be64(&body, &m->stats[i]);
	bool reserved = m->type == LINK_ACCOUNT && ok && m->user.p[0] == '$';
	return ok && !reserved && body.n == 0;
}

/* One frame off the front. false: there is none yet, *in is untouched, or *ret_bad. */
static bool get_frame(struct span *in, struct link_message *m, bool *ret_bad)
{
	struct span s = *in, body;
	uint8_t type;
	uint32_t size;
	if (!span_get_u8(&s, &type) || !span_get_be24(&s, &size))
		return false;
	*ret_bad = type == 0 || type >= ARRAY_SIZE(bodies) || size > LINK_BODY_MAX;
	if (*ret_bad || !span_get_bytes(&s, size, &body))
		return false;
	*m = (struct link_message){ .type = (enum link_type)type };
	*ret_bad = !read_body(bodies[type], body, m);
	if (!*ret_bad)
		*in = s;
	return !*ret_bad;
}

void link_reader_init(struct link_reader *r)
{
	buf_init(&r->partial, HEAD_SIZE + LINK_BODY_MAX);
}

void link_reader_fini(struct link_reader *r)
{
	buf_fini(&r->partial);
}

/* Bytes still missing from the frame that 'partial' begins: of its head, or of its body. */
static size_t missing(const struct buf *partial)
{
	struct span s = buf_span(partial);
	uint8_t type;
	uint32_t size;
	if (!span_get_u8(&s, &type) || !span_get_be24(&s, &size))
		return HEAD_SIZE - partial->n;
	return size - s.n;
}

/* Completes the frame that an earlier call began, as far as 'in' goes. */
static bool complete(struct link_reader *r, struct span *in, bool *ret_bad, struct link_message *m)
{
	while (r->partial.n > 0 && in->n > 0) {
		struct span piece;
		size_t n = missing(&r->partial);
		(void)span_get_bytes(in, n < in->n ? n : in->n, &piece);
		buf_add(&r->partial, piece.p, piece.n);
		struct span whole = buf_span(&r->partial);
		if (get_frame(&whole, m, ret_bad))
			return true;
		if (*ret_bad)
			return false;
	}
	return false;
}

int link_feed(struct link_reader *r, struct span in, link_fn *fn, void *user)
{
	struct link_message m;
	bool bad = false;
	if (complete(r, &in, &bad, &m)) {
		fn(user, &m);
		buf_reset(&r->partial);
	}
	while (!bad && r->partial.n == 0 && get_frame(&in, &m, &bad))
		fn(user, &m);
	if (bad)
		return ERR_INVALID;
	buf_add(&r->partial, in.p, in.n); /* less than a frame, so it fits */
	return 0;
}
