/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging runs by id: a heap of runs, ordered by the next id of each. A run is read a piece at a
 * time, a small one first: a page often needs a few ids of each of many runs. A run that goes on
 * giving is read in larger ones.
 */
#include "store/sqlite/plan.h"

#include <errno.h>

#define IDS_TOTAL 65536 /* that many in memory at once */
#define IDS_FIRST 8
#define IDS_MAX   512
_Static_assert(IDS_TOTAL / RUNS_MAX >= IDS_FIRST, "a piece has room for the first ids");

struct stream {
	const struct run *run;
	int64_t *ids; /* the piece */
	size_t n, at;
	size_t piece;  /* how many to ask for next */
	bool finished; /* nothing behind the piece */
};

struct merge {
	struct sqlite_conn *conn;
	size_t piece_max;
	struct stream **heap; /* smallest next id first */
	size_t n;
	int64_t last; /* given last: runs may overlap */
};

static int bind_value(sqlite3_stmt *stmt, int at, const struct run_value *v)
{
	return v->text ? sqlite3_bind_text(stmt, at, v->text, -1, SQLITE_STATIC)
		       : sqlite3_bind_int64(stmt, at, v->number);
}

static int read_piece(struct merge *m, struct stream *s, int64_t after_id)
{
	AUTO_STATEMENT st = NULL;
	int r = statement_fixed(m->conn, s->run->sql, &st);
	if (r)
		return r;
	int rc = SQLITE_OK;
	for (size_t i = 0; i < ARRAY_SIZE(s->run->values) && rc == SQLITE_OK; i++)
		rc = bind_value(st->stmt, (int)i + 1, &s->run->values[i]);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(st->stmt, 4, after_id);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(st->stmt, 5, (int64_t)s->piece);
	s->n = s->at = 0;
	while (rc == SQLITE_OK && s->n < s->piece) {
		int step = sqlite3_step(st->stmt);
		if (step != SQLITE_ROW) {
			s->finished = true;
			rc = step == SQLITE_DONE ? SQLITE_OK : step;
			break;
		}
		s->ids[s->n++] = sqlite3_column_int64(st->stmt, 0);
	}
	s->piece = s->piece * 2 < m->piece_max ? s->piece * 2 : m->piece_max;
	return sqlite_result(rc);
}

static int64_t head(const struct stream *s)
{
	return s->ids[s->at];
}

static void sift_down(struct merge *m, size_t i)
{
	for (;;) {
		size_t least = i, left = 2 * i + 1, right = left + 1;
		if (left < m->n && head(m->heap[left]) < head(m->heap[least]))
			least = left;
		if (right < m->n && head(m->heap[right]) < head(m->heap[least]))
			least = right;
		if (least == i)
			return;
		struct stream *s = m->heap[i];
		m->heap[i] = m->heap[least];
		m->heap[least] = s;
		i = least;
	}
}

int merge_new(struct sqlite_conn *c, const struct plan *p, int64_t after_id, struct merge **ret)
{
	struct merge *m = arena_new(p->arena, struct merge);
	m->conn = c;
	m->last = after_id;
	m->piece_max = IDS_TOTAL / (p->n ? p->n : 1);
	if (m->piece_max > IDS_MAX)
		m->piece_max = IDS_MAX;
	m->heap = arena_new_n(p->arena, struct stream *, p->n);
	for (size_t i = 0; i < p->n; i++) {
		struct stream *s = arena_new(p->arena, struct stream);
		s->run = &p->runs[i];
		s->piece = IDS_FIRST;
		s->ids = arena_new_n(p->arena, int64_t, m->piece_max);
		int r = read_piece(m, s, after_id);
		if (r)
			return r;
		if (s->n > 0)
			m->heap[m->n++] = s;
	}
	for (size_t i = m->n / 2; i-- > 0;)
		sift_down(m, i);
	*ret = m;
	return 0;
}

static int advance_first(struct merge *m)
{
	struct stream *s = m->heap[0];
	int64_t id = head(s);
	s->at++;
	if (s->at == s->n && !s->finished) {
		int r = read_piece(m, s, id);
		if (r)
			return r;
	}
	if (s->at == s->n)
		m->heap[0] = m->heap[--m->n];
	sift_down(m, 0);
	return 0;
}

int merge_next(struct merge *m, int64_t *ret_id)
{
	while (m->n > 0) {
		int64_t id = head(m->heap[0]);
		int r = advance_first(m);
		if (r)
			return r;
		if (id <= m->last)
			continue;
		*ret_id = m->last = id;
		return 0;
	}
	return ROW_NOT_FOUND;
}
