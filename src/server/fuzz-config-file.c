/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the configuration file's reader.
 */
#include "server/config-row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int ignore(void *user, const struct config_row *row, const char *text, size_t line,
		  struct error *err)
{
	union config_value v;
	return config_value_parse(row, text, &v, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err;
	(void)!config_file_parse("fuzz", (struct span){ data, size }, ignore, NULL, &err);
	return 0;
}
