/* SPDX-License-Identifier: Apache-2.0
 *
 * quota: how often containers may make the host do something, and what a metric may look like. Pure: takes `now`.
 */
#pragma once

#include "vm/proto/container_host.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

/* A fixed window. It begins at the first look at the clock or when a call comes after its end, not with each call; refused
 * calls count too. */
struct window {
	int64_t length_ms, start_ms;
	uint32_t n_max, n;
};

#define OPEN_WINDOW_MS    15000 /* OpenUrl and OpenTerminal of everybody together (vm-tools.md §3.3) */
#define OPEN_MAX          10
#define METRICS_WINDOW_MS 60000 /* ReportMetrics of a machine */
#define METRICS_CALLS_MAX 40
#define METRICS_MAX       32
#define LIST_WINDOW_MS    30000 /* lists of applications of a machine, until they are in the menu */
#define LIST_MAX          15
#define NOTICE_WINDOW_MS  60000 /* what a person is told of a machine */
#define NOTICE_MAX        30

void window_init(struct window *w, int64_t length_ms, uint32_t n_max, int64_t now_ms);
bool window_take(struct window *w, int64_t now_ms); /* false: too many */

/* Few enough, and every name 1 to 64 of A-Z a-z 0-9 . - */
bool metrics_ok(const VmTools__Container__ReportMetricsRequest *request);
