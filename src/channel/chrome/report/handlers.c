/* SPDX-License-Identifier: Apache-2.0
 *
 * The requests that report: status, chrome_desktop_report, policy_validation_report, and those that are only
 * kept. Each is one op; the facts are made on the worker before it is submitted, and the report is never
 * refused for a part of it: the part's answer has the error.
 */
#include "channel/chrome/report/judge.h"
#include "channel/chrome/report/reports.h"
#include "channel/chrome/report/validation.h"

#include "base/log.h"

/* The empty answer of the request's type, if it has one. */
static void answer_empty(struct chrome_op *x)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(
		&dm__device_management_response__descriptor, x->r->type->answer);
	if (!f || f->type != PROTOBUF_C_TYPE_MESSAGE || f->label == PROTOBUF_C_LABEL_REPEATED)
		return;
	const ProtobufCMessageDescriptor *d = f->descriptor;
	ProtobufCMessage *m = arena_alloc(x->op.arena, d->sizeof_message);
	protobuf_c_message_init(d, m);
	*(ProtobufCMessage **)((char *)&x->answer + f->offset) = m;
}

/* ---- status: up to three parts ---- */

#define STATUS_PARTS 3

struct part {
	const char *kind;             /* of the raw report */
	const ProtobufCMessage *body; /* NULL: not in the request */
	struct facts facts;
};

struct status {
	struct part parts[STATUS_PARTS]; /* device, session, child */
	Dm__SessionStatusReportRequest session_kept;
	Dm__DeviceStatusReportResponse device;
	Dm__SessionStatusReportResponse session;
	Dm__ChildStatusReportResponse child;
};

static void read_status(struct chrome_request *r, struct status *s)
{
	const Dm__DeviceManagementRequest *m = r->body;
	*s = (struct status){ .parts = { { .kind = "status" },
					 { .kind = "session_status" },
					 { .kind = "child_status" } } };
	for (size_t i = 0; i < STATUS_PARTS; i++)
		facts_init(&s->parts[i].facts, r->arena, r->now_ms);
	if (m->device_status_report_request) {
		s->parts[0].body = &m->device_status_report_request->base;
		facts_of_device_status(&s->parts[0].facts, m->device_status_report_request);
	}
	if (m->session_status_report_request) {
		s->session_kept = *m->session_status_report_request;
		s->session_kept.user_dm_token = NULL; /* a secret: not even among the raw ones */
		s->parts[1].body = &s->session_kept.base;
		facts_of_session_status(&s->parts[1].facts, m->session_status_report_request);
	}
	if (m->child_status_report_request)
		s->parts[2].body = &m->child_status_report_request->base;
}

#define ANSWER_PART(answer, init, facts)                                                           \
	do {                                                                                       \
		init(&(answer));                                                                   \
		if ((facts)->problem.code != ERR_NONE) {                                           \
			(answer).has_error_code = true;                                            \
			(answer).error_code = err_http_status((facts)->problem.code);              \
			(answer).error_message = (facts)->problem.message;                         \
		}                                                                                  \
	} while (0)

static void answer_status(struct chrome_op *x, struct status *s)
{
	if (s->parts[0].body) {
		ANSWER_PART(s->device, dm__device_status_report_response__init, &s->parts[0].facts);
		x->answer.device_status_report_response = &s->device;
	}
	if (s->parts[1].body) {
		ANSWER_PART(s->session, dm__session_status_report_response__init,
			    &s->parts[1].facts);
		x->answer.session_status_report_response = &s->session;
	}
	if (s->parts[2].body) {
		ANSWER_PART(s->child, dm__child_status_report_response__init, &s->parts[2].facts);
		x->answer.child_status_report_response = &s->child;
	}
}

static int apply_status(struct store_conn *tx, struct op *op)
{
	struct chrome_op *x = (struct chrome_op *)op;
	struct status *s = op->arg;
	struct device d;
	int r = chrome_device_again(tx, x, &d);
	for (size_t i = 0; i < STATUS_PARTS && r == 0; i++) {
		struct part *p = &s->parts[i];
		if (!p->body)
			continue;
		r = raw_write(tx, d.id, p->kind, p->body, &p->facts);
		if (r == 0)
			r = facts_write(tx, d.id, &p->facts);
	}
	if (r == 0)
		answer_status(x, s);
	return r;
}

static void end_status(struct op *op, int r)
{
	struct status *s = op->arg;
	(void)r;
	for (size_t i = 0; i < STATUS_PARTS; i++)
		facts_fini(&s->parts[i].facts);
}

void chrome_status(struct chrome_request *r)
{
	struct status *s = arena_new(r->arena, struct status);
	read_status(r, s);
	struct chrome_op *x = chrome_op(r, apply_status, s);
	x->op.ended = end_status;
	chrome_submit(x);
}

/* ---- chrome_desktop_report ---- */

static int apply_desktop(struct store_conn *tx, struct op *op)
{
	struct chrome_op *x = (struct chrome_op *)op;
	const Dm__ChromeDesktopReportRequest *m = x->r->body->chrome_desktop_report_request;
	struct facts *f = op->arg;
	struct device d;
	int r = chrome_device_again(tx, x, &d);
	if (r == 0)
		r = raw_write(tx, d.id, "desktop", &m->base, f);
	if (r == 0)
		r = facts_write(tx, d.id, f);
	if (r == 0 && m->browser_report)
		r = judge_report(tx, &d, m->browser_report, f->now_ms, &op->err);
	if (r)
		return r;
	answer_empty(x);
	return 0;
}

static void end_facts(struct op *op, int r)
{
	struct facts *f = op->arg;
	if (r == 0 && f->problem.code != ERR_NONE) /* this answer has no place for it */
		log_limited(LOG_LEVEL_INFO, "a report was not understood in every part",
			    F_STR("problem", f->problem.message));
	facts_fini(f);
}

void chrome_desktop_report(struct chrome_request *r)
{
	struct facts *f = arena_new(r->arena, struct facts);
	facts_init(f, r->arena, r->now_ms);
	facts_of_desktop(f, r->body->chrome_desktop_report_request);
	struct chrome_op *x = chrome_op(r, apply_desktop, f);
	x->op.ended = end_facts;
	chrome_submit(x);
}

/* ---- policy_validation_report ---- */

#define FAULTS_MAX 100

/* {"chrome.X": sentence} of the settings that the client names. */
static json_t *faults_of(const Dm__PolicyValidationReportRequest *m, struct arena *a)
{
	json_t *faults = json_object();
	for (size_t i = 0; i < m->n_policy_value_validation_issues && i < FAULTS_MAX; i++) {
		const Dm__PolicyValueValidationIssue *v = m->policy_value_validation_issues[i];
		const char *policy = v->policy_name ? v->policy_name : "";
		const struct setting_type *t =
			catalogue_find(arena_printf(a, "chrome.%.100s", policy));
		if (!t ||
		    v->severity != DM__POLICY_VALUE_VALIDATION_ISSUE__SEVERITY__SEVERITY_ERROR)
			continue;
		json_object_set_new(
			faults, t->name,
			json_string(clean_text(a, v->debug_message ? v->debug_message : "", 500)));
	}
	return faults;
}

/* Only a policy of the device or browser itself is what its desired state became. */
static bool is_main_type(const char *type)
{
	static const char *const types[] = { "google/chrome/machine-level-user",
					     "google/chrome/user",
					     "google/chromeos/device",
					     "google/chromeos/user",
					     "google/android/user",
					     "google/ios/user" };
	for (size_t i = 0; type && i < ARRAY_SIZE(types); i++)
		if (strncmp(type, types[i], strlen(types[i])) == 0)
			return true;
	return false;
}

static int judge_validation(struct store_conn *tx, struct chrome_op *x, const struct device *d)
{
	const Dm__PolicyValidationReportRequest *m = x->r->body->policy_validation_report_request;
	int64_t version = 0, timestamp_ms = 0, now_ms = x->r->now_ms;
	int result = (int)m->validation_result_type;
	if (!is_main_type(m->policy_type) || !m->policy_token ||
	    !chrome_policy_token_parse(m->policy_token, &version, &timestamp_ms))
		return 0;
	int r = 0;
	if (validation_refused(result))
		r = judge_refusal(tx, d, version, validation_reason(result), now_ms, &x->op.err);
	AUTO_JSON faults = faults_of(m, x->r->arena);
	if (r == 0 && json_object_size(faults) > 0 && version >= d->applied_version)
		r = judge_faults(tx, d, faults, now_ms, &x->op.err);
	return r;
}

static int apply_validation(struct store_conn *tx, struct op *op)
{
	struct chrome_op *x = (struct chrome_op *)op;
	struct facts *f = op->arg;
	struct device d;
	int r = chrome_device_again(tx, x, &d);
	if (r == 0)
		r = facts_write(tx, d.id, f);
	if (r == 0)
		r = judge_validation(tx, x, &d);
	if (r)
		return r;
	answer_empty(x);
	return 0;
}

void chrome_validation_report(struct chrome_request *r)
{
	const Dm__PolicyValidationReportRequest *m = r->body->policy_validation_report_request;
	struct facts *f = arena_new(r->arena, struct facts);
	facts_init(f, r->arena, r->now_ms);
	facts_put(f, "policy_validation", "last", validation_json(m, &f->budget));
	log_limited(LOG_LEVEL_WARN, "a client did not take a policy", F_INT("device", r->device.id),
		    F_STR("type", m->policy_type), F_INT("result", m->validation_result_type),
		    F_STR("why", validation_reason((int)m->validation_result_type)));
	struct chrome_op *x = chrome_op(r, apply_validation, f);
	x->op.ended = end_facts;
	chrome_submit(x);
}

/* ---- kept as they come ---- */

/* A submessage of a request, by its field's number; NULL: not there. */
static const ProtobufCMessage *body_of(const struct chrome_request *r)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field(r->body->base.descriptor, r->type->body);
	if (!f || f->type != PROTOBUF_C_TYPE_MESSAGE || f->label == PROTOBUF_C_LABEL_REPEATED)
		return NULL;
	return *(ProtobufCMessage *const *)((const char *)r->body + f->offset);
}

static int apply_raw(struct store_conn *tx, struct op *op)
{
	struct chrome_op *x = (struct chrome_op *)op;
	const ProtobufCMessage *body = body_of(x->r);
	struct device d;
	int r = chrome_device_again(tx, x, &d);
	if (r == 0 && body)
		r = raw_write(tx, d.id, x->r->type->name, body, op->arg);
	if (r == 0)
		answer_empty(x);
	return r;
}

void chrome_raw_report(struct chrome_request *r)
{
	struct facts *f = arena_new(r->arena, struct facts);
	facts_init(f, r->arena, r->now_ms);
	struct chrome_op *x = chrome_op(r, apply_raw, f);
	x->op.ended = end_facts;
	chrome_submit(x);
}
