/* SPDX-License-Identifier: Apache-2.0
 *
 * sd_notify(3) without the library: one datagram to the socket that systemd names.
 */
#pragma once

/* "READY=1", "STOPPING=1". Nothing happens when nobody wants to know. */
void notify_systemd(const char *state);
