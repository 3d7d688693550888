/* SPDX-License-Identifier: Apache-2.0
 *
 * Desired state in files: what `reeve plan` and `apply` read.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

struct documents {
	json_t *all;     /* array of objects */
	json_t *origins; /* array of strings: where each comes from, "FILE", or "FILE, document N" */
	size_t n_before; /* while reading: documents of earlier files */
};

/* All documents of the files, in order; "-" is standard input. JSON is YAML too; a document that is a list
 * stands for its items. ERR_INVALID: "FILE:LINE: what is wrong". documents_fini() is the caller's, whatever
 * comes back. */
int documents_read(char *const *files, int n_files, struct documents *ret,
		   struct error *err) WARN_UNUSED;
void documents_fini(struct documents *d);
/* As YAML, "---" before each. */
struct buf;
void documents_add(struct buf *out, const json_t *documents);
