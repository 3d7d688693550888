/* SPDX-License-Identifier: Apache-2.0
 *
 * entry: a .desktop file as the container's applications are told from it (Desktop Entry Specification 1.5, with garcon's
 * ways where hosts can tell). Pure; what it returns lives in the arena.
 *
 * Only the first group "Desktop Entry" counts. Later keys replace earlier ones, lists grow. A bool is true when it is exactly
 * "true". Escapes are \s \t \r \n; any other character after a backslash stands for itself. What is longer than the bounds
 * below is cut there: no host shows it.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>

#define ENTRY_FILE_MAX    (10u << 20)
#define ENTRY_LOCALES_MAX 256  /* of one key */
#define ENTRY_LIST_MAX    1024 /* members */

enum entry_type { ENTRY_NONE, ENTRY_APPLICATION, ENTRY_LINK, ENTRY_DIRECTORY };

struct entry_list { /* zeroed: empty */
	char **items;
	size_t n, cap;
};

struct entry_locale { /* a key's value in one language */
	char *locale; /* "" is everybody's */
	char *value;  /* of a string */
	struct entry_list list;
};

struct entry_text { /* zeroed: not there */
	struct entry_locale *items;
	size_t n, cap;
};

struct entry {
	enum entry_type type;
	bool no_display, hidden, terminal, startup_notify;
	char *icon, *exec, *try_exec, *path, *startup_wm_class; /* "" when not there */
	struct entry_text name, comment, keywords;              /* keywords: lists */
	struct entry_list mime_types, categories, only_show_in, not_show_in;
};

/* 0, or ERR_INVALID with what is missing. */
int entry_parse(struct span text, struct arena *a, struct entry *ret,
		struct error *err) WARN_UNUSED;
/* Would a desktop show it? TryExec is not looked at: that is a question to the file system. */
bool entry_is_shown(const struct entry *e);
const char *entry_name(const struct entry *e); /* without a locale */

/* ---- files and ids ---- */

#define ENTRY_ID_SIZE     256
#define ENTRY_SUFFIX      ".desktop"
#define ENTRY_HYPHENS_MAX 10 /* of an id, for which all combinations are tried */

/* "kde/okular.desktop" below applications/ is "kde-okular"; false when it is no such file's name, or too long. */
bool entry_id(const char *relative, char id[ENTRY_ID_SIZE]);
/* The i-th file below applications/ that could have that id: each hyphen may have been a slash, and slashes come first. false:
 * there are no more, or the id is none. */
bool entry_candidate(const char *id, unsigned i, char path[ENTRY_ID_SIZE + sizeof ENTRY_SUFFIX]);

/* ---- starting it ---- */

#define ENTRY_ARGS_MAX 4096

/* The words of Exec with its codes replaced, NULL-ended. 'file' is where the entry lies. ERR_INVALID: Exec is none; ERR_TOO_LARGE. */
int entry_argv(const struct entry *e, const char *file, char *const files[], size_t n_files,
	       struct arena *a, char ***ret, struct error *err) WARN_UNUSED;
