/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading libpwquality's configuration; pwquality.h says in which order. Bounds and defaults are those
 * of libpwquality 1.4.5.
 */
#include "agent/providers/password/pwquality.h"
#include "agent/providers/place.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <strings.h>

#define ETC        "/etc/security/pwquality.conf"
#define USR        "/usr/lib/security/pwquality.conf"
#define FILE_MAX   (256 * 1024)
#define LINE_BYTES 1022 /* longer ones break the library's reading */
#define MINLEN_MIN 6

static const struct {
	const char *name;
	int value; /* by default */
} options[PWQ_N] = {
	[PWQ_MINLEN] = { "minlen", 8 },       [PWQ_DCREDIT] = { "dcredit", 0 },
	[PWQ_UCREDIT] = { "ucredit", 0 },     [PWQ_LCREDIT] = { "lcredit", 0 },
	[PWQ_OCREDIT] = { "ocredit", 0 },     [PWQ_MINCLASS] = { "minclass", 0 },
	[PWQ_ENFORCING] = { "enforcing", 1 },
};

static const struct {
	const char *name;
	bool is_int;
} others[] = { /* known to the library, of no matter here */
	       { "difok", true },
	       { "maxrepeat", true },
	       { "maxclassrepeat", true },
	       { "maxsequence", true },
	       { "gecoscheck", true },
	       { "dictcheck", true },
	       { "usercheck", true },
	       { "usersubstr", true },
	       { "badwords", false },
	       { "dictpath", false },
	       { "retry", true },
	       { "enforce_for_root", false },
	       { "local_users_only", false }
};

const char *pwq_option_name(enum pwq_option o)
{
	return options[o].name;
}

static bool parse_int(const char *s, int *ret)
{
	char *end;
	errno = 0;
	long v = strtol(s, &end, 10);
	if (errno != 0 || *s == '\0' || *end != '\0' || v >= INT_MAX || v <= INT_MIN)
		return false;
	*ret = (int)v;
	return true;
}

/* false: the library would not understand it. */
static bool set_option(struct pwquality *q, const char *name, const char *value, const char *source)
{
	int v;
	for (int i = 0; i < PWQ_N; i++) {
		if (strcasecmp(name, options[i].name) != 0)
			continue;
		if (!parse_int(value, &v))
			return false;
		q->value[i] = i == PWQ_MINLEN && v < MINLEN_MIN ? MINLEN_MIN : v;
		snprintf(q->source[i], sizeof q->source[i], "%s", source);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcasecmp(name, others[i].name) == 0)
			return !others[i].is_int || parse_int(value, &v);
	return false;
}

static bool read_line(struct pwquality *q, char *line, const char *source)
{
	line[strcspn(line, "#")] = '\0';
	size_t n = strlen(line);
	while (n > 0 && isspace((unsigned char)line[n - 1]))
		line[--n] = '\0';
	char *name = line + strspn(line, " \t\r\v\f");
	if (!*name)
		return true;
	char *value = name + strcspn(name, " \t\r\v\f=");
	bool equals = *value == '=';
	if (*value)
		*value++ = '\0';
	for (; isspace((unsigned char)*value) || (*value == '=' && !equals); value++)
		equals = equals || *value == '=';
	return set_option(q, name, value, source);
}

static int read_file(const struct provider_env *env, const char *path, struct pwquality *q)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, FILE_MAX);
	int r = place_read(env->root, path, &text);
	if (r < 0)
		return r;
	struct span rest = buf_span(&text), part;
	char line[LINE_BYTES + 1];
	while (rest.n > 0) {
		if (!span_get_until(&rest, '\n', &part)) {
			part = rest;
			rest.n = 0;
		}
		snprintf(line, sizeof line, "%.*s", (int)part.n, (const char *)part.p);
		if (part.n > LINE_BYTES || !read_line(q, line, path)) {
			snprintf(q->broken, sizeof q->broken, "%s", path);
			return 0;
		}
	}
	return 0;
}

/* ---- which files ---- */

static bool is_conf(const char *name)
{
	size_t n = strlen(name);
	return n > 5 && strcmp(name + n - 5, ".conf") == 0;
}

/* Adds name -> path for the drop-ins of a folder, over what is there already. */
static void add_drop_ins(const struct provider_env *env, const char *folder, json_t *paths)
{
	AUTO_JSON names = NULL;
	json_t *item;
	size_t i;
	if (place_list(env->root, folder, &names) < 0)
		return;
	json_array_foreach (names, i, item) {
		const char *name = json_string_value(item);
		if (is_conf(name))
			json_object_set_new(paths, name, json_sprintf("%s/%s", folder, name));
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_drop_ins(const struct provider_env *env, const char *until, struct pwquality *q)
{
	AUTO_JSON paths = json_object();
	const char *name;
	json_t *path;
	size_t n = 0;
	add_drop_ins(env, USR ".d", paths);
	add_drop_ins(env, ETC ".d", paths);
	const char **names = calloc(json_object_size(paths) + 1, sizeof *names);
	if (!names)
		return -ENOMEM;
	json_object_foreach (paths, name, path)
		names[n++] = name;
	qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n && !q->broken[0]; i++) {
		if (until && strcmp(names[i], until) >= 0)
			break;
		const char *file = json_string_value(json_object_get(paths, names[i]));
		int r = file ? read_file(env, file, q) : 0;
		(void)r; /* the library passes over what it cannot open */
	}
	free(names);
	return 0;
}

static int read_main(const struct provider_env *env, struct pwquality *q)
{
	int r = read_file(env, ETC, q);
	if (r == -ENOENT)
		r = read_file(env, USR, q);
	return r == -ENOENT ? 0 : r;
}

/* ---- the PAM stack ---- */

static void read_arguments(struct pwquality *q, char *arguments, const char *source)
{
	for (char *at = arguments; *at;) {
		at += strspn(at, " \t");
		size_t n = strcspn(at, " \t");
		char *next = at + n + (at[n] != '\0');
		at[n] = '\0';
		char *value = strchr(at, '=');
		if (value) {
			*value++ = '\0';
			bool known = set_option(q, at, value, source);
			(void)known; /* pam_pwquality has arguments of its own */
		}
		at = next;
	}
}

static bool find_module(struct pwquality *q, struct span text, const char *source)
{
	struct span part;
	char line[1024];
	while (text.n > 0) {
		if (!span_get_until(&text, '\n', &part)) {
			part = text;
			text.n = 0;
		}
		snprintf(line, sizeof line, "%.*s", (int)part.n, (const char *)part.p);
		line[strcspn(line, "#")] = '\0';
		char *module = strstr(line, "pam_pwquality.so");
		if (!module)
			continue;
		read_arguments(q, module + strlen("pam_pwquality.so"), source);
		return true;
	}
	return false;
}

static void read_pam(const struct provider_env *env, struct pwquality *q)
{
	static const char *const stacks[] = { "/etc/pam.d/common-password", /* Debian */
					      "/etc/pam.d/system-auth",     /* Fedora, Arch */
					      "/etc/pam.d/passwd" };
	for (size_t i = 0; i < ARRAY_SIZE(stacks) && q->pam != PWQ_IN_STACK; i++) {
		CLEANUP(buf_fini) struct buf text;
		buf_init(&text, FILE_MAX);
		if (place_read(env->root, stacks[i], &text) < 0)
			continue;
		q->pam = find_module(q, buf_span(&text), stacks[i]) ? PWQ_IN_STACK
								    : PWQ_NOT_IN_STACK;
	}
}

int pwquality_read(const struct provider_env *env, const char *until, struct pwquality *ret)
{
	memset(ret, 0, sizeof *ret);
	for (int i = 0; i < PWQ_N; i++)
		ret->value[i] = options[i].value;
	int r = read_drop_ins(env, until, ret);
	if (r < 0 || until)
		return r;
	r = ret->broken[0] ? 0 : read_main(env, ret);
	if (r == 0)
		read_pam(env, ret);
	return r;
}
