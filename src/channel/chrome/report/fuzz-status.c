/* SPDX-License-Identifier: Apache-2.0
 *
 * Status reports: the input is the device's part and, read again, the session's.
 */
#include "channel/chrome/report/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct facts f;
	arena_init(&a);
	facts_init(&f, &a, INT64_C(1800000000000));
	Dm__DeviceStatusReportRequest *device =
		dm__device_status_report_request__unpack(NULL, size, data);
	Dm__SessionStatusReportRequest *session =
		dm__session_status_report_request__unpack(NULL, size, data);
	if (device)
		facts_of_device_status(&f, device);
	if (session)
		facts_of_session_status(&f, session);
	dm__device_status_report_request__free_unpacked(device, NULL);
	dm__session_status_report_request__free_unpacked(session, NULL);
	facts_fini(&f);
	arena_fini(&a);
	return 0;
}
