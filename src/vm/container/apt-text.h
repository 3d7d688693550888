/* SPDX-License-Identifier: Apache-2.0
 *
 * apt-text: what apt and dpkg print, a line at a time, and what may be named to them. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum apt_status { APT_OTHER, APT_DOWNLOADING, APT_INSTALLING, APT_ERROR };

/* "pmstatus:vim:42.5:Unpacking vim" (APT::Status-Fd), "E: Unable to …". *ret_text points into the line: the last field. */
enum apt_status apt_status_parse(const char *line, unsigned *ret_percent, const char **ret_text);
/* "vim;2:9.0-1;amd64;" → "vim:amd64=2:9.0-1" for apt-get; false: no package has such a name, or there is no room. */
bool apt_name_of_id(const char *package_id, char *out, size_t size);
bool apt_name_ok(const char *name); /* of a package */
/* The package in "vim-common, vim: /usr/share/…" (dpkg-query -S): the first; false when there is none. */
bool apt_owner_parse(const char *line, char *out, size_t size);
