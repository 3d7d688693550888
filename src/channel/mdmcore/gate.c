/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom MDMCore's routes serve. An organization that has the protocol off is not there for them, and
 * neither are its devices, nor devices of other channels, nor those that were unenrolled: all are
 * 404, which makes an agent enroll again.
 */
#include "channel/mdmcore/handlers.h"

#include "server/org-config.h"

int mdmcore_org(struct http_request *req, int64_t *ret, struct error *err)
{
	struct server *s = server_of(req);
	*ret = org_config_mdmcore(s->org_configs, s->store, s->config);
	if (*ret != 0)
		return 0;
	return error_set(err, ERR_NOT_FOUND, "MDMCore's routes are off (mdmcore.open_enrollment).");
}

static int unknown(const char *id, struct error *err)
{
	return error_set(err, ERR_NOT_FOUND, "There is no device \"%.64s\".", id);
}

int mdmcore_device(struct http_request *req, const char *id, struct device *ret, struct error *err)
{
	struct server *s = server_of(req);
	struct org_config c;
	if (!*id || strlen(id) > ID_MAX)
		return unknown(id, err);
	int r = store_device_by_external(store_reader(s->store), CHANNEL_MDMCORE, id,
					 http_arena(req), ret, err);
	if (r < 0)
		return r;
	if (r > 0 || ret->unenrolled_ms != 0 ||
	    !org_config_get(s->org_configs, s->store, s->config, ret->org_id, &c) ||
	    !c.mdmcore_open_enrollment)
		return unknown(id, err);
	return 0;
}

int mdmcore_device_again(struct store_conn *tx, struct op *op, int64_t id, struct device *ret)
{
	int r = store_device_get(tx, id, op->arena, ret, &op->err);
	if (r == 0 && ret->unenrolled_ms != 0)
		return unknown(ret->external_id, &op->err);
	return r;
}

struct op *mdmcore_op(struct http_request *req, int (*apply)(struct store_conn *tx, struct op *op),
		      void *arg)
{
	struct op *op = op_new(req, apply, arg);
	op->by.actor = arena_printf(op->arena, "mdmcore:%s", http_peer(req));
	return op;
}

bool mdmcore_body(struct http_request *req, json_t **ret)
{
	struct error err;
	int r = http_body_json(req, ret, &err);
	if (r == 0 && !json_is_object(*ret))
		r = error_set(&err, ERR_INVALID, "The body must be a JSON object.");
	if (r != 0)
		http_reply_result(req, r, &err);
	return r == 0;
}
