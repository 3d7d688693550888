/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans: what must change so that the state is what the documents say.
 *
 * A document (docs and the OpenAPI schema "Document" say the same):
 *
 *   {"organization": "default", "domain": "", "config": {key: value},
 *    "fleets":  [{"path": "default/Sales", "settings": {name: value | {"value": …, "level": …}}}],
 *    "devices": [{"id": 12, "name": "host7", "settings": {…}}]}
 *
 * What is not named stays, with two exceptions: 'settings' of a fleet or device that is named is
 * complete, and with 'prune' so is every list that is there (config, fleets, devices' settings).
 *
 * Planning is pure: it reads through a struct plan_source and writes nothing, so the same code
 * plans for people, against a test's tree, and inside the transaction that applies it. All mistakes
 * of all documents are collected, each with its document, path and key.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "model/fleet-tree.h"
#include "store/store.h"

struct plan_source { /* the state; results live as long as the plan's arena or the source */
	void *user;
	/* "": the request's own. ERR_NOT_FOUND: it would be new; others refuse it. */
	int (*organization)(void *user, const char *name, struct organization *ret,
			    struct error *err);
	int (*fleets)(void *user, int64_t org_id, const struct fleet_tree **ret);
	int (*settings)(void *user, enum scope scope, int64_t id, struct setting **ret,
			size_t *ret_n);
	int (*device)(void *user, int64_t id, struct device *ret, struct error *err);
	/* The organization's next device beyond 'after_id' with settings of its own; 0: no more. */
	int (*device_next)(void *user, int64_t org_id, int64_t after_id, int64_t *ret_id);
	/* May the configuration key have this value? */
	int (*check_config)(const char *key, const json_t *value, struct error *err);
};

enum plan_op { PLAN_ADD, PLAN_CHANGE, PLAN_DELETE, PLAN_OP_N };
enum plan_kind { PLAN_ORGANIZATION, PLAN_CONFIG, PLAN_FLEET, PLAN_SETTING };

struct plan_fleet {              /* in the plan's arena */
	struct plan_fleet *next; /* of the organization, in no order */
	struct plan_org *org;
	struct plan_fleet *parent; /* NULL: the root */
	const char *name, *path;
	int64_t id; /* 0: not made yet */
	size_t depth;
	bool listed; /* a document names it */
	bool kept;   /* or one below it: pruning keeps it */
};

struct plan_org {
	struct plan_org *next;
	const char *name;
	int64_t id;         /* 0: not made yet */
	const char *domain; /* as it is */
	json_t *config;     /* as it is; owned by the plan */
	struct plan_fleet *root, *fleets;
	struct map *by_path;                                          /* plan_fleet */
	bool domain_named, config_named, fleets_named, devices_named; /* by some document */
};

struct plan_change {
	enum plan_op op;
	enum plan_kind kind;
	struct plan_org *org;
	struct plan_fleet *fleet; /* of a fleet's change, or whose setting it is; or NULL */
	int64_t device_id;        /* whose setting it is; or 0 */
	const char *name;       /* setting; configuration key or "domain"; organization or fleet */
	json_t *before, *after; /* owned by the plan; as documents write it; NULL: nothing */
	size_t order;           /* as they were found */
};

#define PLAN_ERRORS_MAX    100
#define PLAN_DOCUMENTS_MAX 1000

struct plan { /* plan_init() … plan_fini(); everything else is in the arena */
	struct arena *arena;
	struct plan_org *orgs;
	struct map *devices; /* ids that documents name */
	struct plan_change *changes;
	size_t n, cap, n_of[PLAN_OP_N];
	json_t *errors; /* [{"document", "path", "key", "detail"}] */
	size_t n_errors;
};

void plan_init(struct plan *p, struct arena *a);
void plan_fini(struct plan *p);
/* 0, with mistakes in p->errors when there are any (the changes then mean nothing); or negative. */
int plan_make(struct plan *p, const struct plan_source *source, const json_t *documents,
	      bool prune) WARN_UNUSED;
json_t *plan_to_json(const struct plan *p);

/* In one transaction; the plan was made in it. Order: organizations, fleets from the top, settings,
 * then what is deleted, from the bottom. */
int plan_apply(struct plan *p, struct store_conn *tx, const struct change *by,
	       struct error *err) WARN_UNUSED;

/* ---- parts ---- */

/* A setting as documents write it: bare, or {"value", "level"} where that says more. Owned. */
json_t *document_setting(json_t *value, const char *level);
/* Takes it apart again; 'ret_value' is borrowed. ERR_INVALID: a bad level. */
int document_setting_read(const json_t *entry, json_t **ret_value, const char **ret_level,
			  struct error *err) WARN_UNUSED;
