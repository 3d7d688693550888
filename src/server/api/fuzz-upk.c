/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reading of a .upk's manifest.
 */
#include "server/api/upk.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { 0 };
	char name[UPK_NAME_SIZE];
	if (upk_read_manifest((struct span){ data, size }, name, &err) == 0 && !*name)
		abort();
	return 0;
}
