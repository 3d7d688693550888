/* SPDX-License-Identifier: Apache-2.0
 *
 * Conformance: deployments against removals, both ways, up and down the tree.
 */
#include "store/test-store.h"

#include <string.h>

struct world {
	struct fixture *f;
	struct store_conn *tx;
	int64_t sales, berlin, device; /* default / Sales / Berlin / pc */
	int64_t app, app2, file;
};

static int64_t put_file(struct world *w, const char *kind, const char *name, const char *package)
{
	struct file file = { .org_id = w->f->org_id,
			     .kind = kind,
			     .name = name,
			     .sha256 = "0123456789abcdef0123456789abcdef"
				       "0123456789abcdef0123456789abcdef",
			     .content_type = "application/octet-stream",
			     .package = package,
			     .package_version = "1" };
	assert_ok(store_file_put(w->tx, &w->f->by, &file, &w->f->err));
	return file.id;
}

static struct world world_new(struct fixture *f)
{
	struct world w = { .f = f };
	fixture_organization(f);
	w.tx = tx_begin(f);
	w.sales = make_fleet(f, w.tx, f->root_id, "Sales");
	w.berlin = make_fleet(f, w.tx, w.sales, "Berlin");
	w.device = make_device(f, w.tx, w.berlin, "pc");
	w.app = put_file(&w, "app", "x", "org.x");
	w.app2 = put_file(&w, "app", "x-2", "org.x");
	w.file = put_file(&w, "file", "motd", "");
	return w;
}

enum where { ROOT, SALES, BERLIN, DEVICE };

static enum scope scope_at(enum where p)
{
	return p == DEVICE ? SCOPE_DEVICE : SCOPE_FLEET;
}

static int64_t id_at(const struct world *w, enum where p)
{
	const int64_t ids[] = { w->f->root_id, w->sales, w->berlin, w->device };
	return ids[p];
}

static void put(struct world *w, enum where p, const char *name, const char *value)
{
	set(w->f, w->tx, scope_at(p), id_at(w, p), name, value);
}

static int conflict(struct world *w, enum where p, const char *name)
{
	return store_setting_conflict(w->tx, scope_at(p), id_at(w, p), name, &w->f->err);
}

static void take_back(struct world *w, enum where p, const char *name)
{
	assert_ok(
		store_setting_unset(w->tx, &w->f->by, scope_at(p), id_at(w, p), name, &w->f->err));
}

static const char *deploy_app(const struct world *w)
{
	return arena_printf(&w->f->arena, "[{\"app\":%lld}]", (long long)w->app);
}

/* Wherever the two stand to each other on one chain, and whichever is set last. */
static void test_both_ways(struct fixture *f)
{
	static const enum where places[] = { ROOT, SALES, BERLIN, DEVICE };
	struct world w = world_new(f);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		for (size_t k = 0; k < ARRAY_SIZE(places); k++) {
			put(&w, places[i], "apps.deploy", deploy_app(&w));
			assert_ok(conflict(&w, places[i], "apps.deploy"));
			put(&w, places[k], "apps.remove", "[\"org.y\", \"org.x\"]");
			assert_err(CONFLICT, conflict(&w, places[k], "apps.remove"));
			assert_non_null(strstr(f->err.message, "apps.deploy"));
			assert_non_null(strstr(f->err.message, "apps.remove"));
			assert_non_null(strstr(f->err.message, "org.x"));
			assert_err(CONFLICT, conflict(&w, places[i], "apps.deploy"));
			put(&w, places[k], "apps.remove", "[\"org.y\"]");
			assert_ok(conflict(&w, places[k], "apps.remove"));
			assert_ok(conflict(&w, places[i], "apps.deploy"));
			take_back(&w, places[i], "apps.deploy");
			take_back(&w, places[k], "apps.remove");
		}
	assert_ok(tx_end(f, 0));
}

/* What is not in force together does not contradict. */
static void test_nearest_wins(struct fixture *f)
{
	struct world w = world_new(f);
	int64_t other = make_fleet(f, w.tx, f->root_id, "Support");
	put(&w, SALES, "apps.deploy", deploy_app(&w));
	set(f, w.tx, SCOPE_FLEET, other, "apps.remove", "[\"org.x\"]");
	assert_ok(store_setting_conflict(w.tx, SCOPE_FLEET, other, "apps.remove", &f->err));
	assert_ok(conflict(&w, SALES, "apps.deploy"));
	put(&w, ROOT, "apps.remove", "[\"org.x\"]");
	put(&w, SALES, "apps.remove", "[]");
	assert_ok(conflict(&w, SALES, "apps.deploy")); /* Sales removes nothing … */
	put(&w, BERLIN, "apps.deploy", "[]");
	put(&w, DEVICE, "apps.remove", "[\"org.x\"]");
	assert_ok(conflict(&w, SALES, "apps.deploy")); /* … and Berlin deploys nothing */
	take_back(&w, BERLIN, "apps.deploy");
	assert_err(CONFLICT, conflict(&w, SALES, "apps.deploy"));
	assert_ok(store_device_unenroll(w.tx, &f->by, w.device, &f->err));
	assert_ok(conflict(&w, SALES, "apps.deploy"));
	assert_ok(conflict(&w, BERLIN, "apps.deploy")); /* not set */
	assert_ok(conflict(&w, ROOT, "camera.disabled"));
	assert_ok(store_setting_conflict(w.tx, SCOPE_FLEET, 99, "apps.deploy", &f->err));
	assert_ok(tx_end(f, 0));
}

static void test_files(struct fixture *f)
{
	static const struct {
		const char *destination, *removed;
		bool conflict;
	} cases[] = {
		{ "/etc/motd", "/etc/motd", true },     { "/etc/", "/etc/motd", true },
		{ "/etc//", "/etc/motd/", true },       { "/etc/", "/etc/", false },
		{ "%SDCARD%/", "%SDCARD%/motd", true }, { "/etc/motd", "/etc/motd2", false },
		{ "/etc/other", "/etc/motd", false },
	};
	struct world w = world_new(f);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put(&w, SALES, "files.deploy",
		    arena_printf(&f->arena, "[{\"file\":%lld,\"destination\":\"%s\"}]",
				 (long long)w.file, cases[i].destination));
		put(&w, BERLIN, "files.remove",
		    arena_printf(&f->arena, "[\"%s\"]", cases[i].removed));
		int want = cases[i].conflict ? ERR_CONFLICT : 0;
		assert_int_equal(conflict(&w, SALES, "files.deploy"), want);
		assert_int_equal(conflict(&w, BERLIN, "files.remove"), want);
		take_back(&w, SALES, "files.deploy");
		take_back(&w, BERLIN, "files.remove");
	}
	assert_ok(tx_end(f, 0));
}

static void test_twice(struct fixture *f)
{
	struct world w = world_new(f);
	const char *file = arena_printf(&f->arena, "{\"file\":%lld,\"destination\":\"/etc/\"}",
					(long long)w.file);
	put(&w, SALES, "apps.deploy",
	    arena_printf(&f->arena, "[{\"app\":%lld},{\"app\":%lld}]", (long long)w.app,
			 (long long)w.app2));
	assert_ok(conflict(&w, SALES, "apps.deploy")); /* two versions: the newer one wins */
	put(&w, SALES, "apps.deploy",
	    arena_printf(&f->arena, "[{\"app\":%lld},{\"app\":%lld,\"remove_on_delete\":true}]",
			 (long long)w.app, (long long)w.app));
	assert_err(CONFLICT, conflict(&w, SALES, "apps.deploy"));
	put(&w, SALES, "files.deploy", arena_printf(&f->arena, "[%s,%s]", file, file));
	assert_err(CONFLICT, conflict(&w, SALES, "files.deploy"));
	put(&w, SALES, "apps.remove", "[\"a\",\"b\",\"a\"]");
	assert_err(CONFLICT, conflict(&w, SALES, "apps.remove"));
	assert_ok(tx_end(f, 0));
}

/* What is not there, or cannot be told, contradicts nothing. */
static void test_unknown_files(struct fixture *f)
{
	struct world w = world_new(f);
	put(&w, SALES, "apps.deploy", "[{\"app\":999}]");
	put(&w, SALES, "apps.remove", "[\"org.x\", \"\"]");
	assert_ok(conflict(&w, SALES, "apps.deploy"));
	assert_ok(conflict(&w, SALES, "apps.remove"));
	assert_ok(tx_end(f, 0));
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_both_ways), TEST(test_nearest_wins),  TEST(test_files),
		TEST(test_twice),     TEST(test_unknown_files),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
