/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings that put things onto a device, and those that take the same things away: applications by the name
 * of their package, files by their path. Pure; who looks whether two of them contradict each other is
 * store/verbs-deploy.c.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "model/records.h"

/* Media types of what phones install, when the uploader gave none. */
#define DEPLOY_TYPE_APK "application/vnd.android.package-archive"
#define DEPLOY_TYPE_UPK "application/x-upk"

struct deploy_pair {
	const char *deploy, *remove; /* names of the two settings */
	const char *field;           /* of an element of 'deploy': the id of the deployable */
};
/* The pair that the setting is one half of, or NULL. */
const struct deploy_pair *deploy_pair_of(const char *setting);

/* Where a file lies in the end, in the arena: a destination that ends with '/' is a folder, else the path. */
const char *deploy_path(const char *destination, const char *name, struct arena *a);
/* A path without doubled slashes and without one at the end: what two spellings of it have in common. */
const char *deploy_path_plain(const char *path, struct arena *a);

/* What an element of the pair's deploy setting puts there, as the remove setting would call it; NULL: nothing
 * that could be told (no package name, no destination). In the arena. */
const char *deploy_thing(const struct deploy_pair *p, const json_t *element, const struct file *f,
			 struct arena *a);
/* The same of an element of the remove setting. */
const char *deploy_removed(const struct deploy_pair *p, const json_t *element, struct arena *a);
