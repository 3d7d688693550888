/* SPDX-License-Identifier: Apache-2.0
 *
 * The crash points' empty form, alone in its file so that a test can link another.
 */
#include "store/conn.h"

void store_point(const char *name)
{
	(void)name;
}
