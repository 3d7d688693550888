/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration of reeved: every setting is a row of config.def. Precedence: flag > environment >
 * YAML file > default. Read-only once made; SIGHUP makes a new one.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#define CONFIG_DOMAIN_MAX   253 /* bytes */
#define CONFIG_IDENTITY_MAX 320

#define CONFIG_STR(field)      const char *field;
#define CONFIG_BOOL(field)     bool field;
#define CONFIG_INT(field)      int64_t field;
#define CONFIG_DURATION(field) int64_t field; /* milliseconds */
#define CONFIG_PERCENT(field)  int64_t field;
#define CONFIG_SIZE(field)     int64_t field; /* bytes */

struct config {
#define CONFIG(key, type, field, flag, env, dflt, per_org, reload, doc) CONFIG_##type(field)
#include "server/config.def"
#undef CONFIG
	/* what the command line asked for besides serving */
	bool check, dump, help, version, reset_admin_token;
	struct arena *owned; /* the strings */
};

/* Of a command line, the environment and the file that --config or REEVE_CONFIG names.
 * ERR_INVALID: "FILE:LINE: key: what is wrong", or with the flag's or variable's name in front.
 * With help or version nothing else is looked at. */
int config_load(int argc, char *const *argv, struct config **ret, struct error *err) WARN_UNUSED;
void config_free(struct config *c);
/* On SIGHUP: what may not change while the server runs is taken from the old one. Returns the key
 * of the first setting that differs nevertheless (it needs a restart), or NULL. */
const char *config_keep_fixed(struct config *fresh, const struct config *old);

struct buf;
/* The configuration as YAML that loads to the same, but for passwords inside of addresses. */
void config_dump(const struct config *c, struct buf *out);
void config_help(struct buf *out); /* the options, for --help */
void config_man(struct buf *out);  /* the same for reeved(8) */

/* ---- keys whose row says "per organization" (organization.config_json) ---- */

/* The organization's own value, or the server's: BOOL a boolean, STR a string, the others an integer
 * (milliseconds, percent, bytes). Owned by the caller; NULL: no such key. */
json_t *config_for_org(const struct config *c, const char *config_json, const char *key);
/* ERR_INVALID: no such key, or a value that its type does not take ("15m", 15, "20%", true). */
int config_check_org(const char *key, const json_t *value, struct error *err) WARN_UNUSED;
