/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of verbs share: looking up with a sentence for the person, lists, events.
 *
 * A verb's shape: read, refuse with a sentence, write the rows, append the event. Nothing is undone
 * by a verb itself: what a refused operation wrote is rolled back by the writer.
 */
#pragma once

#include "store/conn.h"
#include "store/store.h"

#define NAME_BYTES_MAX 256

/* ROW_NOT_FOUND becomes ERR_NOT_FOUND "there is no WHAT ID". */
int found(int r, const char *what, int64_t id, struct error *err);
/* 0, or ERR_PRECONDITION. */
int check_revision(const char *what, int64_t id, int64_t revision, int64_t if_revision,
		   struct error *err);
/* 1 … NAME_BYTES_MAX bytes, no control characters. */
int check_name(const char *what, const char *name, struct error *err);

/* Every row of the scan, copied into the arena: an array of the table's records. */
int list_rows(struct store_conn *c, const struct scan *s, struct arena *a, void **ret,
	      size_t *ret_n) WARN_UNUSED;
int count_rows(struct store_conn *c, const struct scan *s, int64_t *ret) WARN_UNUSED;

struct event_new {
	enum event_type type;
	int64_t org_id, fleet_id, device_id;
	const char *object;
	json_t *before, *after; /* owned by the call; NULL: none */
};
int event_add(struct store_conn *tx, const struct change *by,
	      const struct event_new *n) WARN_UNUSED;
/* The record for people: no secrets, no blobs; *_json columns as JSON. */
json_t *record_json(enum table_id t, const void *record);
/* The event of a changed record: what differs, before and after. */
int event_add_change(struct store_conn *tx, const struct change *by, const struct event_new *n,
		     enum table_id t, const void *before, const void *after) WARN_UNUSED;
/* Whether anything differs that record_json() would show. */
bool differs(enum table_id t, const void *before, const void *after);
/* "12", in the arena. */
const char *id_text(struct arena *a, int64_t id);

/* Settings. */
const char *scope_name(enum scope s);
/* The exact verdict. Inside row_read_begin(). */
struct judgement {
	enum verdict verdict;
	int64_t version;
};
int judge(struct store_conn *c, const struct device *d, struct judgement *ret) WARN_UNUSED;

/* Devices that hang below this one, hosts before their children; in the arena. */
int list_below(struct store_conn *c, int64_t id, struct arena *a, struct device **ret,
	       size_t *ret_n) WARN_UNUSED;
/* The external id becomes the device's own id: of those whose protocol has none. */
int give_number(struct store_conn *tx, struct arena *a, struct device *d) WARN_UNUSED;

/* Rows of what the device uploaded for its commands; the contents are swept later. */
int delete_uploads(struct store_conn *tx, const struct device *d) WARN_UNUSED;

/* Commands not finished yet: cancelled, with the reason as message. */
int cancel_commands(struct store_conn *tx, const struct change *by, const struct device *d,
		    const char *reason) WARN_UNUSED;
/* Those on their way start again: sent ones are queued, acknowledged ones cancelled. */
int requeue_commands(struct store_conn *tx, const struct change *by,
		     const struct device *d) WARN_UNUSED;
