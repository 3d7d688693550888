/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reading of an MDMCore report, and what is shown of it.
 */
#include "channel/mdmcore/handlers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mdmcore_report r;
	struct error err;
	AUTO_JSON body = NULL;
	if (json_parse((struct span){ data, size }, &body, &err) == 0 && json_is_object(body) &&
	    mdmcore_read_report(body, &r, &err) == 0)
		json_decref(mdmcore_report_json(&r));
	return 0;
}
