/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed answers that are still fresh, and what was last said to and by a device.
 *
 * An answer is kept with everything that it was made of. It may be given again while the signature is fresh
 * and nothing of that has changed: at no cost while the server's generation is the same; after another change
 * somewhere (nearly every one concerns other devices) by making the unsigned bytes again and comparing them.
 * An answer that is not fresh any more still has its payload, which is all that costs besides the signature.
 *
 * Immutable once put, except for 'generation'; reference counted. A fixed number of slots and a limit of bytes:
 * older ones give way, nothing is ever refused. Any thread.
 */
#pragma once

#include "channel/chrome/handlers.h"
#include "channel/chrome/policy/policy-data.h"
#include <stdatomic.h>

struct answer_item {
	struct policy_value value;
	struct span data, signature; /* PolicyData as sent; signature empty: unsigned */
};

struct answer { /* everything in its arena */
	struct arena arena;
	_Atomic uint64_t generation; /* at which it was right, the last time somebody looked */
	int64_t device_id;
	int64_t enrolled_ms, version, epoch; /* what the payloads were made of */
	struct policy_facts facts;
	const struct chrome_key *key; /* NULL: unsigned */
	int64_t made_ms, stamp_ms;
	uint32_t serial;
	int32_t error_code; /* 0, or there are no items and this is why */
	const char *error_message;
	struct answer_item *items;
	size_t n;
	_Atomic uint32_t n_refs;
};

struct answer *answer_new(void); /* one reference */
void answer_unref(struct answer *a);
static inline void answer_unrefp(struct answer **a)
{
	answer_unref(*a);
}

uint32_t answers_serial(struct chrome_answers *k);                     /* > 0; the next one */
struct answer *answers_get(struct chrome_answers *k, struct span key); /* a reference, or NULL */
/* Keeps a reference of its own. */
void answers_put(struct chrome_answers *k, struct span key, struct answer *a);

/* ---- devices: forgotten at will (a slot for many), then the store knows ---- */

struct device_note {
	int64_t named_ms;  /* the timestamp that the device named last and that was dealt with; 0 */
	int64_t issued_ms; /* the latest timestamp given to it; 0 */
};
struct device_note answers_note(struct chrome_answers *k, int64_t device_id);
void answers_note_named(struct chrome_answers *k, int64_t device_id, int64_t named_ms);
void answers_note_issued(struct chrome_answers *k, int64_t device_id, int64_t issued_ms);
