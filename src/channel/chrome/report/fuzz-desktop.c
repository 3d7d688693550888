/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports of browsers, as facts and as observed values. (Depth is wire.c's business: inputs are short.)
 */
#include "channel/chrome/report/facts.h"
#include "channel/chrome/report/observed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct desired desired;
	struct arena a;
	struct facts f;
	Dm__ChromeDesktopReportRequest *m =
		size > 4096 ? NULL : dm__chrome_desktop_report_request__unpack(NULL, size, data);
	if (!m)
		return 0;
	arena_init(&a);
	desired_init(&desired, CHANNEL_CHROME);
	facts_init(&f, &a, INT64_C(1800000000000));
	facts_of_desktop(&f, m);
	if (m->browser_report)
		json_decref(observed_of_browser(m->browser_report, &desired, &a));
	facts_fini(&f);
	desired_fini(&desired);
	arena_fini(&a);
	dm__chrome_desktop_report_request__free_unpacked(m, NULL);
	return 0;
}
