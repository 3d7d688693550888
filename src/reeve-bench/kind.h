/* SPDX-License-Identifier: Apache-2.0
 *
 * A kind of load: what a simulated device sends and how it knows that the answer is right. A row of
 * kinds.c; the devices come into being by the kind that 'needs' names.
 */
#pragma once

#include "base/buf.h"
#include "reeve-bench/answer.h"

struct sim_device { /* embedded in the pool; text, "" while unknown */
	char id[40];
	char token[48];
};

struct load_target {      /* constant while a load runs */
	const char *host; /* for the Host header */
	const char *enrollment_token;
};

struct load_kind {
	const char *name, *doc;
	const char *needs; /* the kind that makes its devices; NULL: this one does */
	/* Appends one whole request. */
	void (*request)(const struct sim_device *d, const struct load_target *t, struct buf *out);
	/* false: not what it should be. Makers fill in the device. */
	bool (*answer)(struct sim_device *d, const struct answer *a);
};

const struct load_kind *load_kind_at(size_t i); /* NULL: there is none */
const struct load_kind *load_kind_find(const char *name);

/* A request with a JSON body (NULL: none) and a bearer token ("": none). */
void request_add(struct buf *out, const struct load_target *t, const char *method, const char *path,
		 const char *token, const char *body);

extern const struct load_kind device_enroll, device_desired, device_report;
extern const struct load_kind mdmcore_enroll, mdmcore_policy, mdmcore_report;
