/* SPDX-License-Identifier: Apache-2.0
 *
 * What a device said, see receive.h.
 */
#include "channel/flyve/receive.h"

#include "channel/flyve/order.h"
#include "channel/flyve/policy.h"
#include "channel/flyve/report.h"
#include "channel/flyve/sync.h"

#include "base/clock.h"
#include <inttypes.h>
#include <string.h>

#define OPEN_MAX      1000
#define SUBSCRIBED_MS 2000 /* after that long a connection has subscribed */

/* ---- reading ---- */

static int keep_task(void *user, const struct flyve_task_status *s)
{
	struct flyve_news *n = user;
	struct flyve_task_status *t;
	if (!n->tasks)
		n->tasks = arena_new_n(&n->arena, struct flyve_task_status, FLYVE_TASKS_MAX);
	t = &n->tasks[n->n_tasks++];
	*t = *s;
	t->text = arena_strdup(&n->arena, s->text);
	t->message = arena_strdup(&n->arena, s->message);
	return 0;
}

int flyve_news_read(const struct flyve_topic *t, struct span payload, struct flyve_news *ret,
		    struct error *err)
{
	*ret = (struct flyve_news){ .status = t->status };
	arena_init(&ret->arena);
	switch (t->status) {
	case FLYVE_STATUS_ONLINE:
		return flyve_read_online(payload, &ret->online, err);
	case FLYVE_STATUS_GEOLOCATION:
		return flyve_read_position(payload, &ret->position, err);
	case FLYVE_STATUS_INVENTORY:
		return flyve_inventory_read(payload, &ret->inventory, err);
	case FLYVE_STATUS_UNENROLL:
		return flyve_read_unenroll(payload, err);
	case FLYVE_STATUS_VERSION:
		return flyve_read_version(payload, ret->version, err);
	case FLYVE_STATUS_TASK:
		return flyve_read_tasks(payload, keep_task, ret, &ret->n_unreadable, err);
	case FLYVE_STATUS_TASK_ID:
		return flyve_read_task(payload, t->task_id, keep_task, ret, err);
	case FLYVE_STATUS_PING: /* any payload is a sign of life */
	case FLYVE_STATUS_INSTALL:
		return 0;
	}
	return error_set(err, ERR_INVALID, "not a status");
}

void flyve_news_fini(struct flyve_news *n)
{
	flyve_inventory_fini(&n->inventory);
	arena_fini(&n->arena);
}

/* ---- applying ---- */

struct applying {
	struct store_conn *tx;
	struct flyve_news *news;
	struct flyve_heard *heard;
	struct arena *arena;
	struct device device;
	struct flyve_agent agent;
};

static int finish(struct applying *x, int64_t command_id, enum command_state state,
		  const char *message, const json_t *result)
{
	struct error ignored;
	int r = store_command_result(x->tx, x->device.id, command_id, state, message, result,
				     x->news->at_ms, &ignored);
	if (r == 0)
		r = flyve_order_over(x->tx, &x->device, command_id, x->news->at_ms, x->arena);
	x->heard->sync |= r == 0;
	return r > 0 ? 0 : r; /* it is finished already, or another device's */
}

static int answer_those(struct applying *x, const char *type, enum command_state now,
			enum command_state state, const char *message, const json_t *result)
{
	struct command *list = NULL;
	size_t n = 0;
	int r = store_command_list(x->tx, x->device.org_id, x->device.id, command_state_name(now),
				   0, OPEN_MAX, x->arena, &list, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		if (strcmp(list[i].type, type) == 0)
			r = finish(x, list[i].id, state, message, result);
	return r;
}

/* Every command of the type that was handed out and waits for its answer. */
static int answer(struct applying *x, const char *type, enum command_state state,
		  const char *message, const json_t *result)
{
	int r = answer_those(x, type, COMMAND_SENT, state, message, result);
	return r ? r : answer_those(x, type, COMMAND_ACKNOWLEDGED, state, message, result);
}

static int set_attribute(struct applying *x, const char *name, const char *value)
{
	struct error ignored;
	int r = store_attribute_set(x->tx, x->device.id, name, value, x->news->at_ms, &ignored);
	return r > 0 ? 0 : r; /* no room: not worth losing the rest */
}

static int apply_position(struct applying *x)
{
	const struct flyve_position *p = &x->news->position;
	char at[CLOCK_TEXT_SIZE];
	if (p->state == FLYVE_POSITION_NOT_YET)
		return 0;
	if (p->state == FLYVE_POSITION_OFF)
		return answer(x, "locate", COMMAND_FAILED,
			      "positioning is switched off or not ready", NULL);
	clock_format(p->at_ms ? p->at_ms : x->news->at_ms, at);
	int r = set_attribute(x, "latitude", arena_printf(x->arena, "%.7g", p->latitude));
	if (r == 0)
		r = set_attribute(x, "longitude", arena_printf(x->arena, "%.7g", p->longitude));
	if (r == 0)
		r = set_attribute(x, "position_time", at);
	AUTO_JSON result = json_pack("{s:f, s:f, s:s}", "latitude", p->latitude, "longitude",
				     p->longitude, "time", at);
	return r ? r : answer(x, "locate", COMMAND_DONE, "", result);
}

static int apply_inventory(struct applying *x)
{
	const struct flyve_inventory *v = &x->news->inventory;
	struct error ignored;
	const char *section;
	json_t *body;
	int r = 0;
	json_object_foreach (v->sections, section, body) {
		CLEANUP(free_charp) char *text = json_text(body);
		r = store_inventory_put(x->tx, x->device.id, section, text, x->news->at_ms,
					&ignored);
		if (r < 0)
			return r;
	}
	r = store_device_facts(x->tx, x->device.id, *v->model ? v->model : NULL,
			       *v->os_version ? v->os_version : NULL, NULL, NULL, &ignored);
	return r < 0 ? r : answer(x, "inventory", COMMAND_DONE, "", NULL);
}

static int apply_unenroll(struct applying *x)
{
	struct error ignored;
	const struct change by = { arena_printf(x->arena, "device:%" PRId64, x->device.id),
				   x->news->at_ms };
	int r = answer(x, "unenroll", COMMAND_DONE, "", NULL);
	if (r == 0)
		r = store_device_unenroll(x->tx, &by, x->device.id, &ignored);
	x->heard->left = x->heard->sync = true;
	return r > 0 ? 0 : r;
}

/* An order that the agent knows by its id. */
static int apply_order(struct applying *x, const struct flyve_task_status *s)
{
	static const enum command_state states[] = {
		[TASK_PENDING] = COMMAND_ACKNOWLEDGED, [TASK_RECEIVED] = COMMAND_ACKNOWLEDGED,
		[TASK_RUNNING] = COMMAND_ACKNOWLEDGED, [TASK_DONE] = COMMAND_DONE,
		[TASK_FAILED] = COMMAND_FAILED,        [TASK_CANCELLED] = COMMAND_FAILED,
	};
	struct command c;
	struct error ignored;
	int r = store_command_get(x->tx, s->task_id, x->arena, &c, &ignored);
	if (r < 0)
		return r;
	if (r > 0 || c.device_id != x->device.id) {
		x->news->n_bad++;
		return 0;
	}
	if (!x->agent.confirms) {
		x->agent.confirms = true;
		r = store_flyve_agent_put(x->tx, &x->agent);
	}
	if (r == 0 && strcmp(c.type, "unenroll") == 0 && s->state == TASK_DONE)
		return apply_unenroll(x);
	const char *message = s->state == TASK_DONE ? s->message
			      : *s->message         ? s->message
						    : s->text;
	return r ? r : finish(x, c.id, states[s->state], message, NULL);
}

static int apply_tasks(struct applying *x)
{
	struct flyve_news *n = x->news;
	bool any = false;
	int r = 0;
	for (size_t i = 0; i < n->n_tasks && r == 0; i++) {
		bool known = false;
		if (n->tasks[i].task_id < FLYVE_TASK_BASE) {
			r = apply_order(x, &n->tasks[i]);
			continue;
		}
		r = flyve_task_heard(x->tx, &x->device, &x->agent, &n->tasks[i], n->at_ms, x->arena,
				     &known);
		n->n_bad += !known;
		any |= known;
	}
	if (r || !any)
		return r;
	return flyve_report(x->tx, &x->device, &x->agent, n->settled, n->at_ms, x->arena);
}

static int apply_content(struct applying *x)
{
	struct error ignored;
	int r = 0;
	switch (x->news->status) {
	case FLYVE_STATUS_PING:
		return answer(x, "ping", COMMAND_DONE, "", NULL);
	case FLYVE_STATUS_GEOLOCATION:
		return apply_position(x);
	case FLYVE_STATUS_INVENTORY:
		return apply_inventory(x);
	case FLYVE_STATUS_UNENROLL:
		return apply_unenroll(x);
	case FLYVE_STATUS_ONLINE:
		return flyve_presence(x->tx, x->device.id, x->news->online, x->news->at_ms);
	case FLYVE_STATUS_TASK:
	case FLYVE_STATUS_TASK_ID:
		return apply_tasks(x);
	case FLYVE_STATUS_VERSION:
		r = store_device_facts(x->tx, x->device.id, NULL, NULL, x->news->version, NULL,
				       &ignored);
		return r > 0 ? 0 : r;
	case FLYVE_STATUS_INSTALL:
		break;
	}
	return 0;
}

/* Orders that nobody confirms are done when the device is seen after they reached it. */
static int apply_evidence(struct applying *x)
{
	struct retained *rows;
	size_t n = 0;
	int r = store_retained_list(x->tx, 0, x->device.id, x->arena, &rows, &n);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct command c;
		struct error ignored;
		if (!rows[i].command_id || !rows[i].published || x->agent.confirms)
			continue;
		r = store_command_get(x->tx, rows[i].command_id, x->arena, &c, &ignored);
		const struct flyve_order *o = r == 0 ? flyve_order_find(c.type) : NULL;
		if (o && o->done == FLYVE_DONE_BY_SIGHT)
			r = finish(x, c.id, COMMAND_DONE, "delivered", NULL);
		else if (r > 0)
			r = 0;
	}
	return r ? r
		 : flyve_report_if_behind(x->tx, &x->device, &x->agent, x->news->settled,
					  x->news->at_ms, x->arena, &x->heard->behind);
}

static int find_device(struct applying *x)
{
	struct error ignored;
	int r = store_device_get(x->tx, x->news->device_id, x->arena, &x->device, &ignored);
	if (r == 0 && x->device.unenrolled_ms)
		return ERR_GONE;
	return r ? r : flyve_agent_of(x->tx, x->device.id, x->arena, &x->agent);
}

/* Since when the device is known to be connected, in milliseconds before now; -1: it is not. */
static int connected_for(struct applying *x, int64_t *ret_ms)
{
	struct attribute *list = NULL;
	size_t n = 0;
	int r = store_attribute_list(x->tx, x->device.id, x->arena, &list, &n);
	*ret_ms = -1;
	for (size_t i = 0; i < n && r == 0; i++)
		if (strcmp(list[i].name, "online") == 0 && strcmp(list[i].value, "true") == 0)
			*ret_ms = x->news->at_ms - list[i].changed_ms;
	return r;
}

/* To be asked before the content changes what is known. */
static int is_evidence(struct applying *x, bool *ret)
{
	const struct flyve_news *n = x->news;
	bool there =
		n->status != FLYVE_STATUS_ONLINE || (n->online && x->agent.dialect == FLYVE_D2);
	int64_t ms = 0;
	*ret = n->proves && there;
	if (!n->reachable || !there)
		return 0;
	int r = connected_for(x, &ms);
	*ret |= r == 0 && ms >= SUBSCRIBED_MS;
	return r;
}

int flyve_news_apply(struct store_conn *tx, struct flyve_news *n, struct flyve_heard *ret)
{
	CLEANUP(arena_fini) struct arena a;
	struct applying x = { .tx = tx, .news = n, .heard = ret, .arena = &a };
	arena_init(&a);
	n->n_bad = n->n_unreadable; /* it may run again */
	*ret = (struct flyve_heard){ 0 };
	int r = find_device(&x);
	if (r == 0)
		r = is_evidence(&x, &ret->evidence);
	if (r)
		return r > 0 ? 0 : r;
	/* first: an order that it confirms is not taken for delivered only */
	r = apply_content(&x);
	if (r == 0 && ret->evidence && !ret->left)
		r = find_device(&x); /* as the content left it */
	if (r == 0 && ret->evidence && !ret->left)
		r = apply_evidence(&x);
	return r > 0 ? 0 : r;
}

int flyve_presence(struct store_conn *tx, int64_t device_id, bool online, int64_t at_ms)
{
	struct error ignored;
	int r = store_attribute_set(tx, device_id, "online", online ? "true" : "false", at_ms,
				    &ignored);
	return r > 0 ? 0 : r;
}
