/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reading of FusionInventory's XML.
 */
#include "channel/flyve/inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flyve_inventory v;
	struct error err;
	if (flyve_inventory_read((struct span){ data, size }, &v, &err) == 0)
		flyve_inventory_fini(&v);
	return 0;
}
