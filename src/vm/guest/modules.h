/* SPDX-License-Identifier: Apache-2.0
 *
 * modules: the kernel modules that an init loads before anything else, from a list of files: one path a line, each after
 * what it needs. There is no modprobe in a small image, and nobody who would answer the kernel's events.
 */
#pragma once

/* What cannot be loaded is said and left out; a list that is not there is no mistake. */
void modules_load(const char *list);
