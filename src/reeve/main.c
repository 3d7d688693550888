/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve: the administrator's command line. Everything is in the library beside this file.
 */
#include "reeve/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
