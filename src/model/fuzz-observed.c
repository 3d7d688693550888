/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a report's observed object: refused, or judged against all that Flyve can be told.
 */
#include "model/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct desired d;
	AUTO_JSON observed = NULL;
	if (json_parse((struct span){ data, size }, &observed, NULL) != 0 ||
	    observed_check(observed, NULL) != 0)
		return 0;
	desired_init(&d, CHANNEL_FLYVE);
	for (size_t i = 0; i < catalogue_n(); i++) {
		const struct setting_type *t = catalogue_at(i);
		const struct setting row = { .name = t->name, .value_json = t->default_json };
		if (t->default_json && desired_add(&d, &row, 1) != 0)
			abort();
	}
	AUTO_JSON why = json_object();
	(void)verdict_satisfied(&d, observed, why);
	desired_fini(&d);
	return 0;
}
