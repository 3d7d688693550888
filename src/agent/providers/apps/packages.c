/* SPDX-License-Identifier: Apache-2.0
 *
 * Running apt-get and dpkg; apps.h has the contract. Names and versions have been checked before they
 * get here, so that none can be taken for an option.
 */
#include "agent/providers/apps/apps.h"
#include "agent/providers/dpkg.h"
#include "agent/providers/place.h"

#define RUN_MS     (20 * 60 * 1000)
#define OUTPUT_MAX (64 * 1024)
/* Waits for another apt or dpkg that is at work, rather than failing. */
#define LOCK    "-o", "DPkg::Lock::Timeout=120"
#define CONFOLD "-o", "Dpkg::Options::=--force-confold"

static bool has_apt(const struct provider_env *env)
{
	return place_exists(env->root, "/usr/bin/apt-get");
}

/* The end of what a program said: there is the reason. */
static const char *last_words(const struct buf *out)
{
	const char *s = buf_str(out);
	return out->n > 250 ? s + out->n - 250 : s;
}

static int run(struct provider_env *env, const char *const *argv, struct error *err)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, OUTPUT_MAX);
	int r = env->run(env, argv, RUN_MS, &out);
	if (r < 0)
		return error_set(err, ERR_UNAVAILABLE, "%s: %s", argv[0], strerror(-r));
	if (r > 0)
		return error_set(err, ERR_CONFLICT, "%s ended with %d: %s", argv[0], r,
				 last_words(&out));
	return 0;
}

int packages_install_file(struct provider_env *env, const char *path, struct error *err)
{
	const char *const apt[] = { "apt-get",     "install",
				    "--yes",       "--no-install-recommends",
				    "--no-remove", "--allow-downgrades",
				    LOCK,          CONFOLD,
				    path,          NULL };
	const char *const dpkg[] = { "dpkg", "--install", "--force-confold", path, NULL };
	return run(env, has_apt(env) ? apt : dpkg, err);
}

int packages_install(struct provider_env *env, const char *package, const char *version,
		     struct error *err)
{
	char text[2 * DPKG_VERSION_SIZE];
	snprintf(text, sizeof text, "%s%s%s", package, version ? "=" : "", version ? version : "");
	const char *const argv[] = { "apt-get",     "install",
				     "--yes",       "--no-install-recommends",
				     "--no-remove", "--allow-downgrades",
				     LOCK,          CONFOLD,
				     text,          NULL };
	return run(env, argv, err);
}

int packages_remove(struct provider_env *env, const char *package, struct error *err)
{
	const char *const apt[] = { "apt-get", "remove", "--yes", LOCK, package, NULL };
	const char *const dpkg[] = { "dpkg", "--remove", package, NULL };
	return run(env, has_apt(env) ? apt : dpkg, err);
}
