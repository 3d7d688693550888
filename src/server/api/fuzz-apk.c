/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reading of an Android package's binary manifest.
 */
#include "server/api/apk.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { 0 };
	struct apk apk;
	if (apk_read_manifest((struct span){ data, size }, &apk, &err) == 0 &&
	    (!*apk.package || !*apk.version_code))
		abort();
	return 0;
}
