/* SPDX-License-Identifier: Apache-2.0
 *
 * One line of /etc/login.defs; login-defs.h has the contract.
 */
#include "agent/providers/password/login-defs.h"
#include "agent/providers/place.h"
#include <ctype.h>
#include <errno.h>

#define PATH      "/etc/login.defs"
#define KEY       "PASS_MIN_LEN"
#define NOTE      "login_defs"
#define FILE_MAX  (1024 * 1024)
#define LINE_SIZE 256

/* The value of the active line, -1 when this is another line. */
static int64_t value_of(struct span line)
{
	char text[LINE_SIZE];
	if (line.n >= sizeof text)
		return -1;
	memcpy(text, line.p, line.n);
	text[line.n] = '\0';
	const char *at = text + strspn(text, " \t");
	if (strncmp(at, KEY, strlen(KEY)) != 0 || !isspace((unsigned char)at[strlen(KEY)]))
		return -1;
	long v = strtol(at + strlen(KEY), NULL, 10);
	return v < 0 ? 0 : v;
}

static bool next_line(struct span *rest, struct span *ret)
{
	if (rest->n == 0)
		return false;
	if (!span_get_until(rest, '\n', ret)) {
		*ret = *rest;
		rest->n = 0;
	}
	return true;
}

/* The active line into 'ret' and its value; the last one counts. */
static int64_t find(struct span text, char ret[LINE_SIZE])
{
	struct span line;
	int64_t found = -1;
	while (next_line(&text, &line)) {
		int64_t v = value_of(line);
		if (v < 0)
			continue;
		found = v;
		memcpy(ret, line.p, line.n);
		ret[line.n] = '\0';
	}
	return found;
}

/* Every line that reads 'from' becomes 'to'. */
static int replace(struct provider_env *env, struct span text, const char *from, const char *to)
{
	CLEANUP(buf_fini) struct buf out;
	struct span line, rest = text;
	struct stat st;
	buf_init(&out, FILE_MAX + LINE_SIZE);
	int r = place_stat(env->root, PATH, &st);
	if (r < 0)
		return r;
	while (next_line(&rest, &line)) {
		bool ended = line.p + line.n < text.p + text.n;
		if (span_eq_str(line, from))
			buf_add_str(&out, to);
		else
			buf_add(&out, line.p, line.n);
		if (ended)
			buf_add_char(&out, '\n');
	}
	if (out.failed)
		return -ENOMEM;
	return place_write(env->root, PATH, buf_span(&out), st.st_mode & 07777);
}

static int put_back(struct provider_env *env, struct span text)
{
	char line[LINE_SIZE];
	const json_t *note = json_object_get(env->state, NOTE);
	const char *was = json_string_value(json_object_get(note, "was"));
	const char *wrote = json_string_value(json_object_get(note, "wrote"));
	int r = 0;
	if (!note)
		return 0;
	if (was && wrote && find(text, line) >= 0 && strcmp(line, wrote) == 0)
		r = replace(env, text, wrote, was);
	if (r < 0)
		return r;
	json_object_del(env->state, NOTE);
	return env->save(env);
}

/* Never below what it was before us; a value of ours comes down again with the setting. */
static int raise_to(struct provider_env *env, struct span text, int64_t min_length)
{
	char line[LINE_SIZE], fresh[LINE_SIZE];
	const json_t *note = json_object_get(env->state, NOTE);
	const char *was = json_string_value(json_object_get(note, "was"));
	const char *wrote = json_string_value(json_object_get(note, "wrote"));
	int64_t now = find(text, line);
	int64_t least = was ? value_of(span_str(was)) : now;
	int64_t target = min_length > least ? min_length : least;
	bool ours = wrote && strcmp(line, wrote) == 0;
	if (now < 0 || now == target || (now > target && !ours))
		return 0;
	snprintf(fresh, sizeof fresh, KEY "\t%lld", (long long)target);
	json_t *next = json_pack("{s:s, s:s}", "was", was ? was : line, "wrote", fresh);
	if (!next)
		return -EILSEQ; /* the line is not UTF-8: leave it */
	AUTO_JSON before = note ? json_incref((json_t *)note) : NULL;
	json_object_set_new(env->state, NOTE, next);
	int r = env->save(env);
	if (r == 0)
		return replace(env, text, line, fresh);
	if (before)
		json_object_set(env->state, NOTE, before);
	else
		json_object_del(env->state, NOTE);
	return r;
}

int login_defs_set(struct provider_env *env, int64_t min_length)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, FILE_MAX);
	int r = place_read(env->root, PATH, &text);
	if (r < 0 && r != -ENOENT)
		return r;
	return min_length > 0 ? raise_to(env, buf_span(&text), min_length)
			      : put_back(env, buf_span(&text));
}
