/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings in Flyve's words: the catalogue's column `flyve` makes entries, entries make messages. No I/O.
 *
 * An entry is what the protocol says of one setting, or of one element of a list, without its task:
 *     {"disableCamera":"true"}    {"deployApp":"org.example","id":"5","version":"3",…}
 * A task (struct flyve_task, a row of the store) is an entry that a fleet or a device was told; its id is
 * the protocol's taskId, and a changed entry is another task. Tasks make
 *     D1   <root>/<group>                      {"<group>":[tasks…, defaults of what is not set…]}
 *     D2   <root>/Policy/<symbol>/Task/<id>    {"<symbol>":…,"taskId":…}
 * D2 has no defaults, and its agents keep what they were told last: there a setting that was unset is
 * said once more with its default ("neutral"), so that it is really undone.
 */
#pragma once

#include "base/arena.h"
#include "channel/flyve/topic.h"
#include "model/desired.h"
#include "model/flyve-word.h"

#define FLYVE_TASK_BASE INT64_C(1000000000) /* taskId = base + row: apart from ids of commands */

/* Where the description of a deployable comes from: 0, positive (there is none), negative. */
typedef int flyve_file_fn(void *user, int64_t file_id, struct file *ret);

struct flyve_said {          /* all in the arena */
	const char *setting; /* name in the catalogue */
	const char *item;    /* of lists: which element; else "" */
	const char *entry;   /* JSON text */
	const char
		*removal; /* JSON text of the entry that undoes it when it leaves the list; or "" */
};
/* What the settings say, in order of their names. Elements whose deployable is not there, has no
 * package name, or is what another setting removes, are left out and counted. */
int flyve_say(const struct desired *d, flyve_file_fn *find, void *user, struct arena *a,
	      struct flyve_said **ret, size_t *ret_n, size_t *ret_n_left_out) WARN_UNUSED;
/* The entry of the setting's default, or NULL: it has none (lists, launcher). In the arena. */
const char *flyve_default_entry(const struct setting_type *t, struct arena *a);
/* launcher.apps is said together with launcher.enabled: the setting whose tasks speak for 'setting'. */
const char *flyve_task_setting(const char *setting);

/* ---- groups (D1) ---- */

size_t flyve_group_n(void);
const char *flyve_group_at(size_t i);
/* Every fleet has these from the start; the others once something of them was set. */
bool flyve_group_is_base(const char *group);
bool flyve_group_has(const char *group, const struct flyve_task *t);

/* The message of a group: applied entries in order of their ids, then defaults. In the arena. */
const char *flyve_group_message(const char *group, const struct flyve_task *tasks, size_t n,
				struct arena *a);

/* ---- tasks (D2) ---- */

struct flyve_message {
	const char *topic, *payload;
};
/* false: the row cannot be read (it is ours, so that is a defect). */
bool flyve_task_message(const char *root, const struct flyve_task *t, struct arena *a,
			struct flyve_message *ret);
