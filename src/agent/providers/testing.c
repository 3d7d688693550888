/* SPDX-License-Identifier: Apache-2.0
 *
 * The scratch root of tests; testing.h has the manual.
 */
#include "agent/providers/testing.h"
#include "base/crypto.h"
#include "base/file.h"
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_MAX (1 << 20)

static struct scratch *scratch_of(struct provider_env *env)
{
	return env->user;
}

/* ---- the environment ---- */

static int fake_save(struct provider_env *env)
{
	struct scratch *s = scratch_of(env);
	if (s->fail_saves > 0) {
		s->fail_saves--;
		return -EIO;
	}
	json_decref(s->saved);
	s->saved = json_deep_copy(env->state);
	s->n_saves++;
	return 0;
}

static int fake_run(struct provider_env *env, const char *const *argv, int64_t timeout_ms,
		    struct buf *out)
{
	struct scratch *s = scratch_of(env);
	CLEANUP(buf_fini) struct buf line;
	assert_true(timeout_ms > 0);
	buf_init(&line, TEXT_MAX);
	for (int i = 0; argv[i]; i++)
		buf_addf(&line, "%s%s", i ? " " : "", argv[i]);
	json_array_append_new(s->runs, json_string(buf_str(&line)));
	return s->on_run ? s->on_run(s, argv, out) : 0;
}

static int fake_fetch(struct provider_env *env, int64_t file_id, const char *path,
		      json_t **ret_description, struct error *err)
{
	struct scratch *s = scratch_of(env);
	uint8_t digest[SHA256_SIZE];
	char hash[2 * SHA256_SIZE + 1];
	const struct deployable *d = s->deployables;
	s->n_fetches++;
	if (s->fail_fetches > 0) {
		s->fail_fetches--;
		return error_set(err, ERR_UNAVAILABLE, "the server does not answer");
	}
	while (d && d->id && d->id != file_id)
		d++;
	if (!d || !d->id)
		return error_set(err, ERR_NOT_FOUND, "there is no file %d", (int)file_id);
	sha256(span_str(d->content), digest);
	hex_encode((struct span){ digest, sizeof digest }, hash);
	int r = file_write_atomic(path, span_str(d->content), 0600);
	if (r < 0)
		return r;
	*ret_description = json_pack("{s:I, s:s, s:s, s:s, s:I, s:s?, s:s?}", "id",
				     (json_int_t)d->id, "name", d->name, "version", "1", "sha256",
				     hash, "size", (json_int_t)strlen(d->content), "package",
				     d->package, "package_version", d->package_version);
	return 0;
}

void scratch_init(struct scratch *s)
{
	*s = (struct scratch){
		.env = { .state = json_object(),
			 .save = fake_save,
			 .run = fake_run,
			 .fetch = fake_fetch },
		.saved = json_object(),
		.runs = json_array(),
	};
	snprintf(s->root, sizeof s->root, "/tmp/reeve-test-XXXXXX");
	assert_non_null(mkdtemp(s->root));
	s->env.root = s->root;
	s->env.user = s;
	scratch_folder(s, "/var/lib/reeve-agent");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void scratch_fini(struct scratch *s)
{
	nftw(s->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	json_decref(s->env.state);
	json_decref(s->saved);
	json_decref(s->runs);
}

void scratch_crash(struct scratch *s)
{
	json_decref(s->env.state);
	s->env.state = json_deep_copy(s->saved);
	s->fail_saves = 0;
}

/* ---- the tree ---- */

static const char *real_path(struct scratch *s, const char *path)
{
	static char text[PATH_MAX];
	snprintf(text, sizeof text, "%s%s", s->root, path);
	return text;
}

static void make_parents(struct scratch *s, const char *path)
{
	char folder[PATH_MAX];
	snprintf(folder, sizeof folder, "%s", real_path(s, path));
	*strrchr(folder, '/') = '\0';
	assert_int_equal(dir_make(folder, 0755), 0);
}

void scratch_folder(struct scratch *s, const char *path)
{
	assert_int_equal(dir_make(real_path(s, path), 0755), 0);
}

void scratch_file(struct scratch *s, const char *path, const char *content)
{
	make_parents(s, path);
	assert_int_equal(file_write_atomic(real_path(s, path), span_str(content), 0644), 0);
}

void scratch_link(struct scratch *s, const char *path, const char *target)
{
	make_parents(s, path);
	assert_int_equal(symlink(target, real_path(s, path)), 0);
}

void scratch_remove(struct scratch *s, const char *path)
{
	assert_int_equal(nftw(real_path(s, path), remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

const char *scratch_text(struct scratch *s, const char *path)
{
	static char text[TEXT_MAX + 1];
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, TEXT_MAX);
	if (file_read(real_path(s, path), &b) < 0)
		return NULL;
	memcpy(text, buf_str(&b), b.n + 1);
	return text;
}

void assert_text(struct scratch *s, const char *path, const char *content)
{
	const char *text = scratch_text(s, path);
	if (!text)
		fail_msg("%s is not there", path);
	assert_string_equal(text, content);
}

static struct {
	json_t *ret;
	const char *root;
	bool exact;
} snapshot; /* nftw() has no argument of the caller's */

static void describe(struct buf *out, const char *path, const struct stat *st)
{
	CLEANUP(buf_fini) struct buf content;
	char target[PATH_MAX];
	buf_init(&content, TEXT_MAX);
	buf_addf(out, "%o %d:%d ", st->st_mode, (int)st->st_uid, (int)st->st_gid);
	ssize_t n = S_ISLNK(st->st_mode) ? readlink(path, target, sizeof target - 1) : 0;
	if (n > 0)
		buf_add(out, target, (size_t)n);
	if (S_ISREG(st->st_mode) && file_read(path, &content) == 0)
		base64_add(out, buf_span(&content));
	if (snapshot.exact)
		buf_addf(out, " inode %llu mtime %lld.%09ld", (unsigned long long)st->st_ino,
			 (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

static int snapshot_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	CLEANUP(buf_fini) struct buf text;
	const char *below = path + strlen(snapshot.root);
	buf_init(&text, 2 * TEXT_MAX);
	if (strncmp(below, "/var/lib/reeve-agent", 20) == 0)
		return 0;
	describe(&text, path, st);
	json_object_set_new(snapshot.ret, below, json_string(buf_str(&text)));
	return 0;
}

json_t *scratch_snapshot(struct scratch *s, bool exact)
{
	snapshot.ret = json_object();
	snapshot.root = s->root;
	snapshot.exact = exact;
	assert_int_equal(nftw(s->root, snapshot_one, 16, FTW_PHYS), 0);
	return snapshot.ret;
}

void assert_same_json(const json_t *a, const json_t *b)
{
	if (json_equal(a, b))
		return;
	char *text_a = json_dumps(a, JSON_SORT_KEYS | JSON_INDENT(1) | JSON_ENCODE_ANY);
	char *text_b = json_dumps(b, JSON_SORT_KEYS | JSON_INDENT(1) | JSON_ENCODE_ANY);
	print_error("%s\n--- is not ---\n%s\n", text_a, text_b);
	free(text_a);
	free(text_b);
	fail();
}

void assert_same_tree(struct scratch *s, json_t *steals_before, bool exact)
{
	AUTO_JSON before = steals_before;
	AUTO_JSON now = scratch_snapshot(s, exact);
	assert_same_json(now, before);
}

/* ---- providers ---- */

static json_t *json_of(const char *text)
{
	CLEANUP(free_charp) char *copy = strdup(text);
	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	json_t *j = json_loads(copy, JSON_DECODE_ANY, NULL);
	if (!j)
		fail_msg("not JSON: %s", text);
	return j;
}

json_t *wanted_json(const char *settings)
{
	json_t *j = json_of(settings);
	const char *name;
	json_t *v;
	void *next;
	json_object_foreach_safe (j, next, name, v)
		if (!json_object_get(v, "value"))
			json_object_set_new(j, name, json_pack("{s:O}", "value", v));
	return j;
}

json_t *scratch_observe(struct scratch *s, const struct provider *p, const char *settings)
{
	AUTO_JSON wanted = wanted_json(settings);
	json_t *ret = json_object();
	json_t *before = scratch_snapshot(s, true);
	AUTO_JSON state = json_deep_copy(s->env.state);
	int n_saves = s->n_saves;
	assert_int_equal(p->observe(&s->env, wanted, ret), 0);
	assert_same_tree(s, before, true); /* observe() changes nothing, ever */
	assert_same_json(s->env.state, state);
	assert_int_equal(s->n_saves, n_saves);
	return ret;
}

json_t *scratch_enforce(struct scratch *s, const struct provider *p, const char *settings)
{
	AUTO_JSON desired = wanted_json(settings);
	json_t *ret = json_object();
	assert_int_equal(p->enforce(&s->env, desired, ret), 0);
	return ret;
}

void scratch_restore(struct scratch *s, const struct provider *p)
{
	assert_int_equal(p->restore(&s->env), 0);
}

void assert_result(const json_t *ret, const char *setting, const char *value, const char *state,
		   const char *message)
{
	const json_t *result = json_object_get(ret, setting);
	if (!result)
		fail_msg("no result for %s", setting);
	AUTO_JSON expected = json_of(value);
	assert_same_json(json_object_get(result, "value"), expected);
	const char *said = json_string_value(json_object_get(result, "message"));
	const char *found = json_string_value(json_object_get(result, "state"));
	if (strcmp(found, state) != 0)
		fail_msg("%s is %s (%s), not %s", setting, found, said, state);
	if (message && !strstr(said, message))
		fail_msg("%s says \"%s\", not \"%s\"", setting, said, message);
}

void check_enforce(struct scratch *s, const struct provider *p, const char *settings,
		   const char *setting, const char *value, const char *state)
{
	AUTO_JSON ret = scratch_enforce(s, p, settings);
	assert_result(ret, setting, value, state, NULL);
}

void check_observe(struct scratch *s, const struct provider *p, const char *settings,
		   const char *setting, const char *value, const char *state)
{
	AUTO_JSON ret = scratch_observe(s, p, settings);
	assert_result(ret, setting, value, state, NULL);
}

bool scratch_ran(const struct scratch *s, const char *part)
{
	size_t i;
	json_t *line;
	json_array_foreach (s->runs, i, line)
		if (strstr(json_string_value(line), part))
			return true;
	return false;
}
