/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/fake-state.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Plans the documents, carries the plan out, and plans again: there must be nothing left. */
static void plan_twice(struct fake *f, const json_t *documents, bool prune)
{
	const struct plan_source source = fake_source(f);
	for (int i = 0; i < 2; i++) {
		struct plan p;
		plan_init(&p, &f->arena);
		int r = plan_make(&p, &source, documents, prune);
		json_decref(plan_to_json(&p));
		bool good = r == 0 && p.n_errors == 0 && !f->full;
		if (r != 0 || (i == 1 && good && p.n > 0))
			abort();
		if (good)
			fake_apply(f, &p);
		plan_fini(&p);
		if (!good)
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err;
	json_t *documents;
	if (size == 0 || json_parse((struct span){ data + 1, size - 1 }, &documents, &err) != 0)
		return 0;
	struct fake *f = malloc(sizeof *f);
	fake_init(f);
	plan_twice(f, documents, data[0] == 'p');
	fake_fini(f);
	free(f);
	json_decref(documents);
	return 0;
}
