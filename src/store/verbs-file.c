/* SPDX-License-Identifier: Apache-2.0
 *
 * Signing keys and files: what the store knows of them; the bytes are in the data folder.
 *
 * A file's content can be replaced under the same id. Devices find out by version only, so whatever
 * deploys the file is stepped as if the setting had been set again.
 */
#include "store/verbs.h"

#include "base/crypto.h"
#include <errno.h>
#include <inttypes.h>

/* ---- signing keys ---- */

int store_signing_key_list(struct store_conn *c, int64_t org_id, struct arena *a,
			   struct signing_key **ret, size_t *ret_n)
{
	struct scan s = { .table = TABLE_signing_key,
			  .index = INDEX_OF(signing_key, by_version),
			  .n_equal = 1,
			  .key = &(struct signing_key){ .org_id = org_id } };
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}

/* ROW_NOT_FOUND: none yet. */
static int newest_key(struct store_conn *c, int64_t org_id, const char *purpose, struct arena *a,
		      struct signing_key *ret)
{
	struct scan s = { .table = TABLE_signing_key,
			  .index = INDEX_OF(signing_key, by_version),
			  .n_equal = 2,
			  .key = &(struct signing_key){ .org_id = org_id, .purpose = purpose },
			  .descending = true,
			  .limit = 1 };
	void *rows = NULL;
	size_t n = 0;
	int r = list_rows(c, &s, a, &rows, &n);
	if (r == 0 && n == 0)
		return ROW_NOT_FOUND;
	if (r == 0)
		*ret = *(struct signing_key *)rows;
	return r;
}

int store_signing_key_current(struct store_conn *c, int64_t org_id, const char *purpose,
			      struct arena *a, struct signing_key *ret, struct error *err)
{
	int r = newest_key(c, org_id, purpose, a, ret);
	if (r == ROW_NOT_FOUND || (r == 0 && ret->retired_ms))
		return error_set(err, ERR_NOT_FOUND, "there is no %.40s key yet", purpose);
	return r;
}

int store_signing_key_add(struct store_conn *tx, const struct change *by, struct signing_key *k,
			  struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct signing_key old = { 0 };
	arena_init(&a);
	int r = check_name("a key's purpose", k->purpose, err);
	if (r == 0)
		r = newest_key(tx, k->org_id, k->purpose, &a, &old);
	bool first = r == ROW_NOT_FOUND;
	if (r == 0 && old.retired_ms == 0) {
		old.retired_ms = by->now_ms;
		r = row_update(tx, TABLE_signing_key, COLUMN_BIT(signing_key, retired_ms), &old);
	}
	if (r && !first)
		return r;
	k->id = 0;
	k->version = first ? 1 : old.version + 1;
	k->created_ms = by->now_ms;
	k->retired_ms = 0;
	r = row_insert(tx, TABLE_signing_key, k);
	if (r)
		return r;
	return event_add(
		tx, by,
		&(struct event_new){ .type = EVENT_KEY_ROTATED,
				     .org_id = k->org_id,
				     .object = k->purpose,
				     .before = first ? NULL : record_json(TABLE_signing_key, &old),
				     .after = record_json(TABLE_signing_key, k) });
}

/* ---- who deploys a file ---- */

static const struct {
	const char *setting, *field;
} deployments[] = {
	{ "files.deploy", "file" },
	{ "apps.deploy", "app" },
};

static bool names_file(const struct setting *s, const char *field, int64_t file_id)
{
	AUTO_JSON list = NULL;
	size_t i;
	json_t *item;
	if (json_parse(span_str(s->value_json), &list, NULL) != 0)
		return false;
	json_array_foreach (list, i, item)
		if (json_integer_value(json_object_get(item, field)) == file_id)
			return true;
	return false;
}

struct deployer_search {
	const char *field;
	int64_t file_id;
	struct arena *arena;
	struct setting *rows;
	size_t n, cap;
};

static int add_deployer(void *user, const void *record)
{
	struct deployer_search *x = user;
	const struct setting *s = record;
	if (!names_file(s, x->field, x->file_id))
		return 0;
	if (x->n == x->cap) {
		size_t cap = x->cap ? x->cap * 2 : 8;
		struct setting *rows = arena_new_n(x->arena, struct setting, cap);
		if (x->n)
			memcpy(rows, x->rows, x->n * sizeof *rows);
		x->rows = rows;
		x->cap = cap;
	}
	record_copy(TABLE_setting, s, x->arena, &x->rows[x->n++]);
	return 0;
}

/* The settings that deploy the file, in the arena. */
static int find_deployers(struct store_conn *c, int64_t file_id, struct arena *a,
			  struct setting **ret, size_t *ret_n)
{
	struct deployer_search x = { .file_id = file_id, .arena = a };
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(deployments) && r == 0; i++) {
		struct scan s = { .table = TABLE_setting,
				  .index = INDEX_OF(setting, by_name),
				  .n_equal = 1,
				  .key = &(struct setting){ .scope = "",
							    .name = deployments[i].setting } };
		x.field = deployments[i].field;
		r = row_scan(c, &s, add_deployer, &x);
	}
	*ret = x.rows;
	*ret_n = x.n;
	return r;
}

static enum scope scope_of(const struct setting *s)
{
	return strcmp(s->scope, scope_name(SCOPE_FLEET)) == 0 ? SCOPE_FLEET : SCOPE_DEVICE;
}

static int set_again(struct store_conn *tx, const struct change *by, int64_t file_id,
		     struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct setting *rows;
	size_t n;
	arena_init(&a);
	int r = find_deployers(tx, file_id, &a, &rows, &n);
	for (size_t i = 0; i < n && r == 0; i++) {
		AUTO_JSON value = NULL;
		bool changed;
		r = json_parse(span_str(rows[i].value_json), &value, err);
		if (r == 0)
			r = store_setting_set(tx, by, scope_of(&rows[i]), rows[i].scope_id,
					      rows[i].name, rows[i].level, value, true, &changed,
					      err);
	}
	return r;
}

/* ---- files ---- */

static int file_event(struct store_conn *tx, const struct change *by, enum event_type type,
		      const struct file *before, const struct file *after)
{
	const struct file *f = after ? after : before;
	return event_add(
		tx, by,
		&(struct event_new){ .type = type,
				     .org_id = f->org_id,
				     .object = f->name,
				     .before = before ? record_json(TABLE_file, before) : NULL,
				     .after = after ? record_json(TABLE_file, after) : NULL });
}

static int check_file(const struct file *f, struct error *err)
{
	int r = check_name("a file", f->name, err);
	if (r == 0 &&
	    (f->kind == NULL || (strcmp(f->kind, "file") != 0 && strcmp(f->kind, "app") != 0 &&
				 strcmp(f->kind, STORE_FILE_UPLOAD) != 0)))
		return error_set(err, ERR_INVALID, "a file's kind is file, app or upload");
	if (r == 0 && (f->sha256 == NULL || strlen(f->sha256) != 2 * SHA256_SIZE))
		return error_set(err, ERR_INVALID, "a file's hash has %d digits", 2 * SHA256_SIZE);
	return r;
}

int store_file_put(struct store_conn *tx, const struct change *by, struct file *f,
		   struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct file before;
	arena_init(&a);
	int r = check_file(f, err);
	if (r)
		return r;
	r = row_find(tx, TABLE_file, INDEX_OF(file, by_name), f, &a, &before);
	bool is_new = r == ROW_NOT_FOUND;
	if (r && !is_new)
		return r;
	f->id = is_new ? 0 : before.id;
	f->version = is_new ? 1 : before.version + 1;
	f->created_ms = by->now_ms;
	f->actor = by->actor;
	r = is_new ? row_insert(tx, TABLE_file, f) : row_put(tx, TABLE_file, f);
	if (r == 0)
		r = file_event(tx, by, EVENT_FILE_CREATED, is_new ? NULL : &before, f);
	if (r == 0 && !is_new)
		r = set_again(tx, by, f->id, err);
	return r;
}

int store_file_get(struct store_conn *c, int64_t id, struct arena *a, struct file *ret,
		   struct error *err)
{
	return found(row_get(c, TABLE_file, &(struct file){ .id = id }, a, ret), "file", id, err);
}

int store_file_find(struct store_conn *c, int64_t org_id, const char *kind, const char *name,
		    struct arena *a, struct file *ret, struct error *err)
{
	int r = row_find(c, TABLE_file, INDEX_OF(file, by_name),
			 &(struct file){ .org_id = org_id, .kind = kind, .name = name }, a, ret);
	if (r == ROW_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "there is no %s \"%.100s\"", kind, name);
	return r;
}

int store_file_list(struct store_conn *c, int64_t org_id, const char *kind, struct arena *a,
		    struct file **ret, size_t *ret_n)
{
	struct scan s = { .table = TABLE_file,
			  .index = INDEX_OF(file, by_name),
			  .n_equal = kind && *kind ? 2 : 1,
			  .key = &(struct file){ .org_id = org_id, .kind = kind } };
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}

static int check_not_deployed(struct store_conn *tx, const struct file *f, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct setting *rows;
	size_t n;
	arena_init(&a);
	int r = find_deployers(tx, f->id, &a, &rows, &n);
	if (r || n == 0)
		return r;
	return error_set(err, ERR_CONFLICT, "%s \"%s\" is deployed by %s of %s %" PRId64, f->kind,
			 f->name, rows[0].name, rows[0].scope, rows[0].scope_id);
}

static int stop_at_first(void *user, const void *record)
{
	(void)record;
	*(bool *)user = true;
	return ROW_STOP;
}

int store_file_used(struct store_conn *c, const char *sha256, bool *ret)
{
	struct scan s = { .table = TABLE_file,
			  .index = INDEX_OF(file, by_sha256),
			  .n_equal = 1,
			  .key = &(struct file){ .sha256 = sha256 },
			  .limit = 1 };
	*ret = false;
	return row_scan(c, &s, stop_at_first, ret);
}

int store_file_delete(struct store_conn *tx, const struct change *by, int64_t id, bool *ret_last,
		      struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct file f;
	int64_t n_same = 0;
	arena_init(&a);
	int r = store_file_get(tx, id, &a, &f, err);
	if (r == 0)
		r = check_not_deployed(tx, &f, err);
	if (r == 0)
		r = row_delete(tx, TABLE_file, &f);
	if (r)
		return r;
	struct scan s = { .table = TABLE_file,
			  .index = INDEX_OF(file, by_sha256),
			  .n_equal = 1,
			  .key = &f,
			  .limit = 1 };
	r = count_rows(tx, &s, &n_same);
	*ret_last = n_same == 0;
	return r ? r : file_event(tx, by, EVENT_FILE_DELETED, &f, NULL);
}

/* ---- what devices sent ---- */

void store_upload_name(int64_t command_id, int n, char out[STORE_UPLOAD_NAME_SIZE])
{
	snprintf(out, STORE_UPLOAD_NAME_SIZE, "command-%" PRId64 "-%d", command_id, n);
}

static int delete_uploads_of(struct store_conn *tx, const struct command *c, struct arena *a)
{
	char name[STORE_UPLOAD_NAME_SIZE];
	int r = 0;
	for (int n = 0; n < STORE_UPLOADS_MAX && r == 0; n++) {
		struct file f = { .org_id = c->org_id, .kind = STORE_FILE_UPLOAD, .name = name };
		store_upload_name(c->id, n, name);
		r = row_find(tx, TABLE_file, INDEX_OF(file, by_name), &f, a, &f);
		if (r == ROW_NOT_FOUND)
			return 0; /* they are numbered without gaps */
		if (r == 0)
			r = row_delete(tx, TABLE_file, &f);
	}
	return r;
}

int delete_uploads(struct store_conn *tx, const struct device *d)
{
	CLEANUP(arena_fini) struct arena a;
	struct scan s = { .table = TABLE_command,
			  .index = INDEX_OF(command, by_device),
			  .n_equal = 1,
			  .key = &(struct command){ .device_id = d->id } };
	void *rows = NULL;
	size_t n = 0;
	arena_init(&a);
	int r = list_rows(tx, &s, &a, &rows, &n);
	const struct command *all = rows;
	for (size_t i = 0; i < n && r == 0; i++)
		r = delete_uploads_of(tx, &all[i], &a);
	return r;
}
