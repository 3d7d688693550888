/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs one provider on a folder, by hand or from a scenario; not installed.
 *
 *   provider-try PROVIDER ROOT observe|enforce|restore ['{"setting": value, …}']
 *
 * Prints the results as JSON. The provider's state is kept in ROOT/var/lib/reeve-agent/try-PROVIDER.json,
 * so enforce and restore may be different runs. Programs are not run but printed on stderr, and nothing
 * can be fetched: for that, use reeve-agent itself with --root.
 */
#include "agent/provider.h"
#include "agent/providers/place.h"
#include <errno.h>

#define STATE_MAX (16 * 1024 * 1024)

static char state_path[256];

static int save(struct provider_env *env)
{
	CLEANUP(free_charp) char *text = json_text(env->state);
	return place_write(env->root, state_path, span_str(text), 0600);
}

static int run(struct provider_env *env, const char *const *argv, int64_t timeout_ms,
	       struct buf *out)
{
	fprintf(stderr, "not run:");
	for (; *argv; argv++)
		fprintf(stderr, " %s", *argv);
	fprintf(stderr, "\n");
	return 0;
}

static int fetch(struct provider_env *env, int64_t file_id, const char *path,
		 json_t **ret_description, struct error *err)
{
	return error_set(err, ERR_UNAVAILABLE, "provider-try has no server to fetch from");
}

static const struct provider *find(const char *name)
{
	for (const struct provider *const *p = providers; *p; p++)
		if (strcmp((*p)->name, name) == 0)
			return *p;
	return NULL;
}

static json_t *load_state(const char *root)
{
	CLEANUP(buf_fini) struct buf text;
	struct error err;
	json_t *ret = NULL;
	buf_init(&text, STATE_MAX);
	if (place_read(root, state_path, &text) < 0 || json_parse(buf_span(&text), &ret, &err))
		return json_object();
	return ret;
}

/* {"name": value} as {"name": {"value": value}}; what has that shape already stays. */
static json_t *desired_of(const char *text, struct error *err)
{
	json_t *ret = NULL, *value;
	const char *name;
	void *next;
	if (json_parse(span_str(text), &ret, err))
		return NULL;
	json_object_foreach_safe (ret, next, name, value)
		if (!json_object_get(value, "value"))
			json_object_set_new(ret, name, json_pack("{s:O}", "value", value));
	return ret;
}

static int act(const struct provider *p, struct provider_env *env, const char *verb,
	       const json_t *desired, json_t *ret)
{
	if (strcmp(verb, "observe") == 0)
		return p->observe(env, desired, ret);
	if (strcmp(verb, "enforce") == 0)
		return p->enforce(env, desired, ret);
	return strcmp(verb, "restore") == 0 ? p->restore(env) : -EINVAL;
}

int main(int argc, char **argv)
{
	struct error err = { 0 };
	AUTO_JSON ret = json_object();
	const struct provider *p = argc >= 4 ? find(argv[1]) : NULL;
	AUTO_JSON desired = desired_of(argc > 4 ? argv[4] : "{}", &err);
	if (!p || !desired) {
		fprintf(stderr,
			"usage: provider-try PROVIDER ROOT observe|enforce|restore [JSON]\n%s\n",
			err.message);
		return 2;
	}
	snprintf(state_path, sizeof state_path, "/var/lib/reeve-agent/try-%s.json", p->name);
	struct provider_env env = { .root = argv[2],
				    .state = load_state(argv[2]),
				    .save = save,
				    .run = run,
				    .fetch = fetch };
	int r = act(p, &env, argv[3], desired, ret);
	json_decref(env.state);
	if (r < 0) {
		fprintf(stderr, "%s\n", strerror(-r));
		return 1;
	}
	json_dumpf(ret, stdout, JSON_INDENT(2));
	printf("\n");
	return 0;
}
