/* SPDX-License-Identifier: Apache-2.0
 *
 * systemd's notification protocol (sd_notify(3)): a datagram to the socket named by NOTIFY_SOCKET.
 * Without that variable nothing happens.
 */
#pragma once

/* E.g. "READY=1" or "STATUS=…". */
void notify_send(const char *text);
