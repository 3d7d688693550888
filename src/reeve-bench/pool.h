/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated devices, and a file that keeps them between runs ("ID TOKEN" a line; "-" is "").
 */
#pragma once

#include "base/err.h"
#include "reeve-bench/kind.h"

struct pool {
	struct sim_device *devices; /* owned */
	size_t n;
};

void pool_init(struct pool *p, size_t n);
void pool_fini(struct pool *p);
/* Replaces what is there by the file's devices, at most 'max'. ERR_NOT_FOUND: there is no file. */
int pool_load(struct pool *p, const char *path, size_t max, struct error *err) WARN_UNUSED;
int pool_save(const struct pool *p, const char *path, struct error *err) WARN_UNUSED;
