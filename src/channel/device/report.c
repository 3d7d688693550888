/* SPDX-License-Identifier: Apache-2.0
 *
 * The report: what the device observed, setting by setting. The server judges it; the answer with the
 * verdict goes out when the report is on disk.
 */
#include "channel/device/handlers.h"

#include "server/next-poll.h"

struct report_in { /* in the request's arena */
	int64_t applied_version;
	json_t *observed; /* borrowed from the body */
};

static int apply(struct store_conn *tx, struct op *op)
{
	struct report_in *x = op->arg;
	enum verdict verdict;
	int64_t version = 0;
	int r = store_report(tx, device_of(op->req)->id, x->applied_version, x->observed, "",
			     op->by.now_ms, &verdict, &version, &op->err);
	if (r)
		return r;
	op->status = 200;
	op->body = json_pack("{s:s, s:I, s:I}", "verdict", verdict_name(verdict), "version",
			     (json_int_t)version, "next_poll_s", (json_int_t)next_poll_of(op->req));
	return 0;
}

static int read_body(const json_t *body, struct report_in *x, struct error *err)
{
	int r = json_read_int(body, "applied_version", true, &x->applied_version, err);
	if (r == 0 && x->applied_version < 0)
		r = error_set(err, ERR_INVALID, "applied_version: less than 0.");
	if (r == 0)
		r = json_read_object(body, "settings", true, &x->observed, err);
	return r == 0 ? observed_check(x->observed, err) : r;
}

void device_api_report(struct http_request *req)
{
	struct report_in *x = arena_new(http_arena(req), struct report_in);
	struct error err;
	json_t *body = NULL;
	if (!device_api_body(req, &body))
		return;
	int r = read_body(body, x, &err);
	if (r != 0)
		http_reply_result(req, r, &err);
	else
		op_submit(op_new(req, apply, x));
}
