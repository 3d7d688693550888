/* SPDX-License-Identifier: Apache-2.0
 *
 * Included before every source file: functions that are always a mistake here are compile errors.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef alloca /* macros in the C library */
#undef strdupa
#undef sprintf /* clang with _FORTIFY_SOURCE */
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok strtok_r
#pragma GCC poison atoi atol atoll atof localtime gmtime ctime asctime mktemp tmpnam alloca strdupa
