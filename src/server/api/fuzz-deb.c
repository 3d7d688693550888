/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api/deb.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = { data, size };
	struct error err = { 0 };
	struct deb deb;
	if (deb_read_bytes(bytes, &deb, &err) == 0 && (!*deb.package || !*deb.version))
		abort();
	if (deb_read_control(bytes, &deb, &err) == 0 && (!*deb.package || !*deb.version))
		abort();
	return 0;
}
