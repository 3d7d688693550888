/* SPDX-License-Identifier: Apache-2.0
 *
 * load: one thread, many connections, each with one request under way: the next is sent when the
 * answer to the last one has come. Devices take turns in an order that visits all of them and is
 * not that of their ids.
 */
#pragma once

#include "base/err.h"
#include "reeve-bench/pool.h"
#include <netinet/in.h>

struct load_options {
	struct sockaddr_in address;
	struct load_target target;
	const struct load_kind *kind;
	struct pool *pool;
	size_t n_connections;
	int64_t n_requests;  /* end after so many; 0: no limit */
	int64_t duration_ms; /* or after this time; 0: no limit */
};

struct load_result { /* load_result_fini() */
	int64_t n_ok, n_errors;
	double seconds;
	uint32_t *latency_us; /* of those that were ok, sorted; owned */
	size_t n_latency, cap_latency;
	char first_error[200]; /* "" or what was wrong with the first bad answer */
};

int load_run(const struct load_options *o, struct load_result *ret, struct error *err) WARN_UNUSED;
void load_result_fini(struct load_result *r);
/* In ms; of [0, 1]. 0 when nothing was ok. */
double load_quantile_ms(const struct load_result *r, double q);
