/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows and metrics, see quota.h.
 */
#include "vm/host/quota.h"
#include <string.h>

void window_init(struct window *w, int64_t length_ms, uint32_t n_max, int64_t now_ms)
{
	*w = (struct window){ .length_ms = length_ms, .n_max = n_max, .start_ms = now_ms };
}

bool window_take(struct window *w, int64_t now_ms)
{
	if (now_ms - w->start_ms > w->length_ms) {
		w->start_ms = now_ms;
		w->n = 0;
	}
	if (w->n <= w->n_max) /* beyond it the number says nothing more, and cannot overflow */
		w->n++;
	return w->n <= w->n_max;
}

bool metrics_ok(const VmTools__Container__ReportMetricsRequest *request)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	if (request->n_metric > METRICS_MAX)
		return false;
	for (size_t i = 0; i < request->n_metric; i++) {
		const char *name = request->metric[i]->name;
		size_t n = strlen(name);
		if (n == 0 || n > 64 || strspn(name, allowed) != n)
			return false;
	}
	return true;
}
