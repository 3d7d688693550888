/* SPDX-License-Identifier: Apache-2.0
 *
 * POST PluginFlyvemdmAgent: an invitation becomes a device.
 *
 * Every refusal says why, in the protocol's words and order.
 *
 * An agent whose answer was lost asks again, in its session or from the beginning in another one. That makes no
 * second device and costs no further use:
 *     in the session that enrolled it   the same serial and uuid are the same device
 *     in another one                    so is who came with this invitation, within a day, as long as the device
 *                                       has not been seen since: after that an invitation that is used up is
 *                                       worth nothing, whoever has kept its link
 * Another device in the same session costs another use.
 */
#include "channel/flyve/receive.h"
#include "channel/flyve/rest.h"
#include "channel/flyve/sync.h"

#include "base/clock.h"
#include "base/crypto.h"
#include <inttypes.h>
#include <string.h>
#include <strings.h>

struct enrolling { /* in the request's arena; the inventory is freed with the answer */
	struct flyve_session session;
	struct flyve_enrollment in;
	const char *reason; /* why the input is refused; NULL: it is not */
	uint8_t invitation_hash[SHA256_SIZE];
	int64_t id;
};

#define AGAIN_MS INT64_C(86400000)

static int refuse(struct op *op, const char *reason)
{
	return error_set(&op->err, ERR_INVALID, "%s", reason);
}

static int check_invitation(struct op *op, const struct enrollment_token *t, bool again)
{
	const struct enrolling *x = op->arg;
	if (t->revoked_ms || (t->uses_max && t->uses >= t->uses_max && !again))
		return refuse(op, "Invitation is not pending");
	if (t->expires_ms && t->expires_ms <= op->by.now_ms)
		return refuse(op, "Invitation token expired");
	if (*t->email && strcasecmp(t->email, x->in.email) != 0)
		return refuse(op, "wrong email address");
	return 0;
}

static int keep_inventory(struct store_conn *tx, struct op *op, int64_t device_id)
{
	struct enrolling *x = op->arg;
	const char *section;
	json_t *body;
	json_object_foreach (x->in.inventory.sections, section, body) {
		CLEANUP(free_charp) char *text = json_text(body);
		struct error ignored;
		int r = store_inventory_put(tx, device_id, section, text, op->by.now_ms, &ignored);
		if (r < 0)
			return r;
	}
	return 0;
}

static int keep_person(struct store_conn *tx, struct op *op, int64_t device_id)
{
	const struct flyve_enrollment *in = &((struct enrolling *)op->arg)->in;
	const struct {
		const char *name, *value;
	} all[] = { { "email", in->email },
		    { "first_name", in->first_name },
		    { "last_name", in->last_name },
		    { "phone", in->phone },
		    { "mdm_type", in->type },
		    { "system_permission", in->has_system_permission ? "true" : "false" } };
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(all) && r >= 0; i++) {
		struct error ignored;
		r = store_attribute_set(tx, device_id, all[i].name, all[i].value, op->by.now_ms,
					&ignored);
	}
	return r > 0 ? 0 : r;
}

static struct flyve_newcomer newcomer(const struct flyve_enrollment *in)
{
	const struct flyve_inventory *v = &in->inventory;
	return (struct flyve_newcomer){
		.e = { .kind = KIND_ANDROID,
		       .name = *v->name     ? v->name
			       : *in->email ? in->email
					    : in->serial,
		       .serial = *in->serial ? in->serial : v->serial,
		       .model = v->model,
		       .os_version = v->os_version,
		       .agent_version = in->version },
		.uuid = *in->uuid ? in->uuid : v->uuid,
		.dialect = in->dialect,
	};
}

static int use_invitation(struct store_conn *tx, struct op *op, struct enrollment_token *ret)
{
	struct enrolling *x = op->arg;
	int r = store_enrollment_token_use(tx, "flyve",
					   (struct span){ x->invitation_hash, SHA256_SIZE },
					   op->by.now_ms, op->arena, ret, &op->err);
	return r > 0 ? refuse(op, "Invitation is not pending") : r;
}

/* ---- the same again ---- */

static bool is_this(const struct flyve_newcomer *n, const struct device *d,
		    const struct flyve_agent *agent)
{
	return d->unenrolled_ms == 0 && strcmp(d->serial, n->e.serial) == 0 &&
	       strcmp(agent->uuid, n->uuid) == 0;
}

static int find_of_session(struct store_conn *tx, const struct op *op,
			   const struct flyve_newcomer *n, int64_t *ret_id)
{
	const struct enrolling *x = op->arg;
	struct flyve_agent agent;
	struct device d;
	struct error ignored;
	if (!x->session.device_id)
		return 0;
	int r = store_device_get(tx, x->session.device_id, op->arena, &d, &ignored);
	if (r == 0)
		r = flyve_agent_of(tx, d.id, op->arena, &agent);
	if (r == 0 && is_this(n, &d, &agent))
		*ret_id = d.id;
	return r > 0 ? 0 : r;
}

static int find_of_invitation(struct store_conn *tx, const struct op *op,
			      const struct enrollment_token *t, const struct flyve_newcomer *n,
			      int64_t *ret_id)
{
	struct device *list = NULL;
	size_t n_list = 0;
	if (!*n->e.serial || (flyve_serial_is_placeholder(n->e.serial) && !*n->uuid))
		return 0; /* two devices may say that */
	int r = store_flyve_device_list(tx, t->org_id, n->e.serial, op->arena, &list, &n_list);
	for (size_t i = 0; i < n_list && r == 0; i++) {
		const struct device *d = &list[i];
		struct flyve_agent agent;
		bool fresh = d->last_seen_ms <= d->enrolled_ms &&
			     op->by.now_ms - d->enrolled_ms < AGAIN_MS;
		r = flyve_agent_of(tx, d->id, op->arena, &agent);
		if (r == 0 && fresh && agent.invitation_id == t->id && is_this(n, d, &agent))
			*ret_id = d->id;
	}
	return r;
}

/* ---- the write ---- */

/* The protocol looks at this before anything else. */
static int check_room(struct store_conn *tx, struct op *op, const struct flyve_newcomer *n)
{
	const struct enrolling *x = op->arg;
	struct enrollment_token t;
	if (x->session.device_id)
		return 0;
	int r = store_enrollment_token_get(tx, x->session.enrollment_token_id, op->arena, &t,
					   &op->err);
	return r ? r : flyve_check_room(tx, t.org_id, n, op->server, op->arena, &op->err);
}

static int apply(struct store_conn *tx, struct op *op)
{
	struct enrolling *x = op->arg;
	struct enrollment_token t;
	struct device d;
	struct flyve_newcomer n = newcomer(&x->in);
	int r = check_room(tx, op, &n);
	if (r)
		return r;
	r = store_flyve_invitation_by_token(tx, (struct span){ x->invitation_hash, SHA256_SIZE },
					    op->arena, &t, &op->err);
	if (r > 0 || (r == 0 && t.id != x->session.enrollment_token_id))
		return refuse(op, "Invitation token invalid");
	if (r == 0 && x->reason)
		r = refuse(op, x->reason);
	if (r)
		return r;
	r = find_of_session(tx, op, &n, &n.known_id);
	if (r == 0 && !n.known_id)
		r = find_of_invitation(tx, op, &t, &n, &n.known_id);
	if (r == 0)
		r = check_invitation(op, &t, n.known_id != 0);
	if (r == 0 && !n.known_id)
		r = use_invitation(tx, op, &t);
	if (r)
		return r;
	op->by.actor = arena_printf(op->arena, "enrollment_token:%" PRId64, t.id);
	r = flyve_enroll(tx, &op->by, &t, &n, op->server, op->arena, &d, &op->err);
	if (r == 0)
		r = keep_inventory(tx, op, d.id);
	if (r == 0)
		r = keep_person(tx, op, d.id);
	if (r)
		return r;
	x->id = d.id;
	struct flyve_session s = x->session;
	s.device_id = d.id;
	return store_flyve_session_put(tx, &s);
}

static void render(struct op *op, int r, const struct error *err)
{
	struct enrolling *x = op->arg;
	flyve_inventory_fini(&x->in.inventory);
	if (r > 0 && err_http_status((enum err)r) < 500)
		flyve_rest_error(op->req, 400, "ERROR_GLPI_ADD", err->message);
	else if (r)
		flyve_rest_result(op->req, r, err);
	else
		http_reply_json(op->req, 201,
				json_pack("{s:I, s:s}", "id", (json_int_t)x->id, "message", ""));
}

void flyve_rest_enroll(struct http_request *req)
{
	struct enrolling *x = arena_new(http_arena(req), struct enrolling);
	json_t *input = NULL;
	if (!flyve_rest_session(req, &x->session) || !flyve_rest_input(req, &input))
		return;
	if (!x->session.enrollment_token_id) {
		flyve_rest_error(req, 401, "ERROR_RIGHT_MISSING",
				 "only an invitation may enroll a device");
		return;
	}
	if (flyve_enrollment_read(input, http_arena(req), &x->in, &x->reason) &&
	    !server_of(req)->broker)
		x->reason = "MQTT service is not available";
	sha256(span_str(x->in.invitation_token), x->invitation_hash);
	struct op *op = op_new(req, apply, x);
	op->render = render;
	op_submit(op);
}
