/* SPDX-License-Identifier: Apache-2.0
 *
 * How long lists and counts take with many devices.
 *
 *     bench-store-queries [FOLDER [DEVICES]]
 *
 * Makes a fleet tree of 50 and the devices in it (a hundredth VMs; nine tenths reported, of those a
 * few do not comply and one fleet is stale), then times each question on a warm and on a new
 * connection.
 */
#include "base/clock.h"
#include "store/store.h"

#include <unistd.h>

enum { N_FLEETS = 50, PIECE = 10000 };

struct maker {
	struct store_write write;
	int64_t org_id, fleets[N_FLEETS];
	int64_t from, to, n_devices;
};

static int64_t mono_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static int set(struct store_conn *tx, int64_t fleet_id, const char *name, struct error *err)
{
	const struct change by = { "bench", clock_utc_ms() };
	AUTO_JSON value = json_true();
	bool changed;
	return store_setting_set(tx, &by, SCOPE_FLEET, fleet_id, name, "mandatory", value, false,
				 &changed, err);
}

static int make_tree(struct store_conn *tx, struct store_write *w)
{
	struct maker *m = CONTAINER_OF(w, struct maker, write);
	const struct change by = { "bench", clock_utc_ms() };
	struct organization o;
	const struct fleet_tree *tree;
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	int r = store_organization_create(tx, &by, "bench", "", &a, &o, &w->err);
	if (r == 0)
		r = store_fleets(tx, o.id, &tree);
	if (r)
		return r;
	m->org_id = o.id;
	m->fleets[0] = fleet_tree_root(tree)->id;
	for (int i = 1; i < N_FLEETS && r == 0; i++) {
		struct fleet f;
		r = store_fleet_create(tx, &by, o.id, m->fleets[i / 4], arena_printf(&a, "f%d", i),
				       &a, &f, &w->err);
		m->fleets[i] = f.id;
	}
	return r ? r : set(tx, m->fleets[0], "camera.disabled", &w->err);
}

static int make_device(struct store_conn *tx, struct maker *m, int64_t i, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	const struct change by = { "bench", clock_utc_ms() };
	struct device d;
	enum verdict v;
	int64_t version;
	arena_init(&a);
	AUTO_JSON observed = json_pack("{s:{s:b,s:s}}", "camera.disabled", "value", i % 5000 != 7,
				       "state", "applied");
	struct enrollment e = { .org_id = m->org_id,
				.fleet_id = m->fleets[i * N_FLEETS / m->n_devices],
				.kind = i % 100 ? KIND_LINUX : KIND_VM,
				.channel = i % 100 ? CHANNEL_DEVICE : CHANNEL_VM,
				.name = arena_printf(&a, "machine-%08d", (int)i),
				.serial = arena_printf(&a, "PF%08X", (unsigned)i * 2654435761u),
				.model = "ThinkPad X1 Carbon",
				.os_version = "Debian GNU/Linux 12" };
	int r = store_device_enroll(tx, &by, &e, &a, &d, err);
	if (r == 0 && i % 10)
		r = store_report(tx, d.id, 1, observed, "", by.now_ms, &v, &version, err);
	return r;
}

static int make_devices(struct store_conn *tx, struct store_write *w)
{
	struct maker *m = CONTAINER_OF(w, struct maker, write);
	int r = 0;
	for (int64_t i = m->from; i < m->to && r == 0; i++)
		r = make_device(tx, m, i, &w->err);
	return r;
}

static int make_stale(struct store_conn *tx, struct store_write *w)
{
	struct maker *m = CONTAINER_OF(w, struct maker, write);
	return set(tx, m->fleets[N_FLEETS - 1], "wifi.disabled", &w->err);
}

static void run(struct store *s, struct maker *m,
		int (*apply)(struct store_conn *tx, struct store_write *w))
{
	m->write = (struct store_write){ .apply = apply };
	if (store_write_wait(s, &m->write) != 0) {
		fprintf(stderr, "%s\n", m->write.err.message);
		exit(1);
	}
}

static int count_device(void *user, const struct device *d, enum verdict v, int64_t version)
{
	++*(int64_t *)user;
	return 0;
}

static void question(struct store *s, int64_t org_id, const char *text, int64_t after_id)
{
	CLEANUP(arena_fini) struct arena a;
	struct store_conn *c = store_reader(s);
	const struct fleet_tree *tree;
	const struct filter *f;
	struct error err;
	int64_t n_page = 0, n_all = 0;
	arena_init(&a);
	if (store_fleets(c, org_id, &tree) != 0 ||
	    filter_parse(text, tree, clock_utc_ms(), &a, &f, &err) != 0)
		return;
	int64_t start = mono_us();
	int r = store_device_list(c, org_id, f, after_id, 100, count_device, &n_page);
	int64_t listed = mono_us();
	if (r == 0)
		r = store_device_count(c, org_id, f, &n_all);
	printf("%-40s after %7d: %3d in %8.2f ms; %7d counted in %8.2f ms%s\n", text, (int)after_id,
	       (int)n_page, (double)(listed - start) / 1000, (int)n_all,
	       (double)(mono_us() - listed) / 1000, r ? " FAILED" : "");
}

int main(int argc, char **argv)
{
	static const char *const questions[] = {
		"",
		"id=5000",
		"serial=PF00000000",
		"fleet=f20",
		"within=f2",
		"kind=vm",
		"channel=device",
		"verdict=UNKNOWN",
		"verdict=STALE",
		"verdict=NON_COMPLIANT",
		"verdict=COMPLIANT",
		"verdict!=COMPLIANT",
		"verdict!=COMPLIANT and kind=vm",
		"kind=linux and last_seen<7d",
		"name~0099",
	};
	struct maker m = { .n_devices = argc > 2 ? strtol(argv[2], NULL, 10) : 1000000 };
	char path[300];
	struct error err = { 0 };
	struct store *s;
	snprintf(path, sizeof path, "%s/bench-%d.sqlite", argc > 1 ? argv[1] : "/tmp",
		 (int)getpid());
	if (store_open(&(struct store_options){ .backend = "sqlite", .path = path }, &s, &err) !=
	    0) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	int64_t start = clock_mono_ms();
	run(s, &m, make_tree);
	for (m.from = 0; m.from < m.n_devices; m.from = m.to) {
		m.to = m.from + PIECE < m.n_devices ? m.from + PIECE : m.n_devices;
		run(s, &m, make_devices);
	}
	run(s, &m, make_stale);
	printf("%d devices made in %.1f s\n", (int)m.n_devices,
	       (double)(clock_mono_ms() - start) / 1000);
	for (int warm = 0; warm < 2; warm++)
		for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
			question(s, m.org_id, questions[i], warm ? m.n_devices / 2 : 0);
	store_close(s);
	start = clock_mono_ms();
	if (store_open(&(struct store_options){ .backend = "sqlite", .path = path }, &s, &err) != 0)
		return 1;
	printf("opened again in %d ms\n", (int)(clock_mono_ms() - start));
	store_close(s);
	if (argc <= 3)
		unlink(path);
	return 0;
}
