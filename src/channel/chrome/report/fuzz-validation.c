/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports of policies that were refused.
 */
#include "channel/chrome/report/validation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct budget b = BUDGET_OF_A_REPORT;
	Dm__PolicyValidationReportRequest *m =
		dm__policy_validation_report_request__unpack(NULL, size, data);
	if (!m)
		return 0;
	json_decref(validation_json(m, &b));
	(void)validation_refused((int)m->validation_result_type);
	dm__policy_validation_report_request__free_unpacked(m, NULL);
	return 0;
}
