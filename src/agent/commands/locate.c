/* SPDX-License-Identifier: Apache-2.0
 *
 * Where is this machine? Asked of GeoClue by its own program (README.md says why), which prints blocks of
 * "Latitude:    52.370216°" lines, a better one after each, until its time is over.
 */
#include "agent/commands/commands.h"
#include "agent/providers/place.h"
#include <math.h>

#define PROGRAM    "/usr/libexec/geoclue-2.0/demos/where-am-i"
#define SECONDS    "30"
#define RUN_MS     45000
#define OUTPUT_MAX 65536

struct position {
	double latitude, longitude, accuracy_m;
};

/* The number of the last line that begins so; NAN: there is none. */
static double last_number(const char *text, const char *label)
{
	double ret = NAN;
	for (const char *at = text; (at = strstr(at, label)); at += strlen(label)) {
		char *end;
		double v = strtod(at + strlen(label), &end);
		if ((at == text || at[-1] == '\n') && end != at + strlen(label))
			ret = v;
	}
	return ret;
}

static bool parse(const char *text, struct position *ret)
{
	ret->latitude = last_number(text, "Latitude:");
	ret->longitude = last_number(text, "Longitude:");
	ret->accuracy_m = last_number(text, "Accuracy:");
	return fabs(ret->latitude) <= 90 && fabs(ret->longitude) <= 180 && ret->accuracy_m >= 0 &&
	       isfinite(ret->accuracy_m);
}

static int unavailable(const char *text, struct error *err)
{
	const char *why = strstr(text, "Failed to");
	return error_set(err, ERR_UNAVAILABLE, "unavailable: %.300s",
			 why ? why : "GeoClue knows no position");
}

static int run(struct provider_env *env, const json_t *params, json_t **ret_result,
	       struct error *err)
{
	static const char *const argv[] = { PROGRAM, "--timeout=" SECONDS, NULL };
	CLEANUP(buf_fini) struct buf out;
	struct position p;
	buf_init(&out, OUTPUT_MAX);
	if (!place_exists(env->root, PROGRAM))
		return error_set(err, ERR_UNAVAILABLE,
				 "unavailable: " PROGRAM " (package geoclue-2-demo) is not there");
	int r = env->run(env, argv, RUN_MS, &out);
	if (r < 0)
		return error_set(err, ERR_UNAVAILABLE, "unavailable: %s", strerror(-r));
	if (!parse(buf_str(&out), &p))
		return unavailable(buf_str(&out), err);
	*ret_result = json_pack("{s:f, s:f, s:f}", "latitude", p.latitude, "longitude", p.longitude,
				"accuracy_m", p.accuracy_m);
	return 0;
}

const struct agent_command command_locate = { "locate", run };
