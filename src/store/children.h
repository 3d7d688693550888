/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs of machines that another device speaks for: virtual machines and containers of a host. As store.h
 * says: 0, negative, or a positive enum err; records live in the arena.
 *
 * A child is a device of channel vm whose parent_id leads up to its host. The host calls it by a key of its
 * own; the pair is the record's external_id ("12:web"), so the same key of the same host is the same record,
 * however often it is asked for. What is gone for good gives its key back, and the record stays as others of
 * devices that left do.
 *
 * Leaving goes down the tree, in the same transaction: whose host is unenrolled or deleted is, too. So does
 * moving, for what is in the fleet that the host leaves: children that were moved by themselves stay.
 */
#pragma once

#include "store/store.h"

#define CHILD_KEY_MAX   200 /* bytes */
#define CHILD_DEPTH_MAX 3   /* host, virtual machine, container */

struct child_enrollment {
	const struct device *host; /* who asks; current */
	const char *key;           /* 1 … CHILD_KEY_MAX bytes, no control characters */
	const char
		*parent_key; /* child of the same host that this one runs in; "": the host itself */
	struct enrollment e; /* kind, texts and token_hash; the rest is filled here */
	int64_t max;         /* children of a host; as many that are gone are kept */
};
/* A new record, or the known one anew. ERR_CONFLICT: too many, too deep, the key is another kind's, or the
 * parent cannot have children. ERR_GONE: an administrator unenrolled it since the host enrolled. */
int store_child_enroll(struct store_conn *tx, const struct change *by, struct child_enrollment *n,
		       struct arena *a, struct device *ret, struct error *err) WARN_UNUSED;

struct child {
	struct device d;
	int64_t version;        /* of its desired state */
	const char *key;        /* in the arena */
	const char *parent_key; /* ""; in the arena */
};
/* Those that have a key of this host, ascending by id; unenrolled ones, too. */
int store_child_list(struct store_conn *c, const struct device *host, struct arena *a,
		     struct child **ret, size_t *ret_n) WARN_UNUSED;
/* The machine does not exist any more, nor does what runs in it: unenrolled, and their keys are free. Again:
 * nothing happens. ERR_NOT_FOUND: it is not below this host. */
int store_child_gone(struct store_conn *tx, const struct change *by, int64_t host_id, int64_t id,
		     struct error *err) WARN_UNUSED;
/* The ids above a device, nearest first; at most CHILD_DEPTH_MAX - 1. */
int store_device_above(struct store_conn *c, int64_t id, int64_t ret[CHILD_DEPTH_MAX - 1],
		       size_t *ret_n) WARN_UNUSED;
