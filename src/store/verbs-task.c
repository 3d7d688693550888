/* SPDX-License-Identifier: Apache-2.0
 *
 * Tasks: one row a device, setting and element of a list. Their states are model/task.h's business.
 */
#include "store/verbs.h"

int store_task_put(struct store_conn *tx, struct task *t, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d;
	struct task old;
	arena_init(&a);
	int r = store_device_get(tx, t->device_id, &a, &d, err);
	if (r == 0)
		r = check_name("a setting", t->setting, err);
	if (r)
		return r;
	r = row_find(tx, TABLE_task, INDEX_OF(task, by_device), t, &a, &old);
	if (r == 0)
		t->id = old.id;
	else if (r == ROW_NOT_FOUND)
		t->id = 0;
	else
		return r;
	return t->id ? row_put(tx, TABLE_task, t) : row_insert(tx, TABLE_task, t);
}

int store_task_list(struct store_conn *c, int64_t device_id, struct arena *a, struct task **ret,
		    size_t *ret_n)
{
	struct scan s = { .table = TABLE_task,
			  .index = INDEX_OF(task, by_device),
			  .n_equal = 1,
			  .key = &(struct task){ .device_id = device_id } };
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}
