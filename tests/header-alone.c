/* SPDX-License-Identifier: Apache-2.0 */
#include HEADER
typedef int header_compiles_alone; /* an empty file would not be C */
