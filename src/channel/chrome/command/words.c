/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of commands, their payloads and what their results mean; see words.h.
 */
#include "channel/chrome/command/words.h"

#include "base/buf.h"
#include "base/utf8.h"
#include <string.h>

#define IS(kind)    (1u << KIND_##kind)
#define OLD_MS      (INT64_C(9) * 60 * 1000) /* a minute before clients drop it */
#define PAYLOAD_MAX (64 << 10)               /* bytes of a result that are kept */
#define LISTED_MAX  8                        /* profiles named in a sentence */

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static const char *json_in(struct arena *a, json_t *steals)
{
	CLEANUP(free_charp) char *text = json_text(steals);
	json_decref(steals);
	return arena_strdup(a, text);
}

/* ---- payloads ---- */

static int echo_payload(const json_t *params, const struct command_context *x, struct arena *a,
			const char **ret, struct error *err)
{
	*ret = arena_strdup(a, text_of(params, "payload"));
	return 0;
}

static int volume_payload(const json_t *params, const struct command_context *x, struct arena *a,
			  const char **ret, struct error *err)
{
	*ret = json_in(a, json_pack("{s:O}", "volume", json_object_get(params, "volume")));
	return 0;
}

static int screenshot_payload(const json_t *params, const struct command_context *x,
			      struct arena *a, const char **ret, struct error *err)
{
	const char *url = text_of(params, "file_upload_url");
	if (!*url)
		url = x->upload_url;
	if (!*url)
		return error_set(
			err, ERR_CONFLICT,
			"The device does not say under which name it reaches this server, so "
			"there is no address to upload to: give file_upload_url.");
	*ret = json_in(a, json_pack("{s:s}", "fileUploadUrl", url));
	return 0;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/'), *backslash = strrchr(path, '\\');
	const char *last = slash > backslash ? slash : backslash;
	return last ? last + 1 : path;
}

static bool is_called(const json_t *profile, const char *name)
{
	return strcmp(text_of(profile, "id"), name) == 0 ||
	       strcmp(text_of(profile, "profile_id"), name) == 0 ||
	       strcmp(text_of(profile, "name"), name) == 0 ||
	       strcmp(last_part(text_of(profile, "id")), name) == 0;
}

static int no_such_profile(const json_t *profiles, struct arena *a, struct error *err)
{
	const char *list = "";
	size_t i;
	json_t *p;
	json_array_foreach (profiles, i, p)
		if (i < LISTED_MAX)
			list = arena_printf(a, "%s%s%.200s", list, i ? ", " : "", text_of(p, "id"));
	return error_set(err, ERR_CONFLICT,
			 "profile_path must be one of the browser's profiles: %s", list);
}

/* The path of the profile meant: by path, its last part, name or id; without a word, the only one. A
 * whole path is believed even when no report has named it. */
static int find_profile(const char *meant, const json_t *profiles, struct arena *a,
			const char **ret, struct error *err)
{
	size_t i;
	json_t *p;
	json_array_foreach (profiles, i, p) {
		if (!*meant || !is_called(p, meant))
			continue;
		*ret = text_of(p, "id");
		return 0;
	}
	bool path = *meant == '/' || (strlen(meant) > 2 && meant[1] == ':');
	*ret = path ? meant : text_of(json_array_get(profiles, 0), "id");
	if (path || (!*meant && json_array_size(profiles) == 1))
		return 0;
	if (json_array_size(profiles) > 0)
		return no_such_profile(profiles, a, err);
	return error_set(
		err, ERR_CONFLICT,
		"No report has named the browser's profiles yet: give profile_path as a whole "
		"path, or set chrome.CloudReportingEnabled.");
}

static int clear_payload(const json_t *params, const struct command_context *x, struct arena *a,
			 const char **ret, struct error *err)
{
	const json_t *cache = json_object_get(params, "clear_cache");
	const json_t *cookies = json_object_get(params, "clear_cookies");
	const char *path = "";
	int r = find_profile(text_of(params, "profile_path"), x->profiles, a, &path, err);
	if (r)
		return r;
	bool both = !cache && !cookies;
	*ret = json_in(a, json_pack("{s:s, s:b, s:b}", "profile_path", path, "clear_cache",
				    both || json_is_true(cache), "clear_cookies",
				    both || json_is_true(cookies)));
	return 0;
}

/* ---- reasons ---- */

static const char *explain_clear(const json_t *payload, struct arena *a)
{
	static const char *const types[] = { "the cache", "the cookies" };
	const json_t *failed = json_object_get(payload, "failed_data_types");
	const char *list = "";
	size_t i;
	json_t *t;
	json_array_foreach (failed, i, t) {
		json_int_t n = json_integer_value(t);
		if (i >= LISTED_MAX)
			break;
		list = arena_printf(a, "%s%s%s", list, *list ? " and " : "",
				    n >= 0 && n < (json_int_t)ARRAY_SIZE(types) ? types[n]
										: "other data");
	}
	return *list ? arena_printf(a, "The browser could not delete %s.", list) : NULL;
}

static const char *explain_screenshot(const json_t *payload, struct arena *a)
{
	static const char *const reasons[] = {
		[1] = "Somebody is using the device, or it is not in a kiosk session: no picture is "
		      "taken then.",
		[2] = "The device could not take a picture.",
		[3] = "The device could not log in to upload the picture.",
		[4] = "The server did not take the picture.",
		[5] = "The device could not upload the picture.",
		[6] = "The device does not understand the address to upload to.",
	};
	const json_t *code = json_object_get(payload, "result");
	json_int_t n = json_integer_value(code);
	return json_is_integer(code) && n > 0 && n < (json_int_t)ARRAY_SIZE(reasons) ? reasons[n]
										     : NULL;
}

/* ---- the table ---- */

const struct command_word command_words[] = {
	{ "clear_browsing_data", DM__REMOTE_COMMAND__TYPE__BROWSER_CLEAR_BROWSING_DATA, IS(BROWSER),
	  clear_payload, explain_clear },
	{ "echo", DM__REMOTE_COMMAND__TYPE__COMMAND_ECHO_TEST, IS(CHROMEOS), echo_payload, NULL },
	{ "inventory", DM__REMOTE_COMMAND__TYPE__DEVICE_FETCH_STATUS, IS(CHROMEOS), NULL, NULL },
	{ "locate", DM__REMOTE_COMMAND__TYPE__QUERY_GEOLOCATION, IS(CHROMEOS), NULL, NULL },
	{ "powerwash", DM__REMOTE_COMMAND__TYPE__DEVICE_REMOTE_POWERWASH, IS(CHROMEOS), NULL,
	  NULL },
	{ "reboot", DM__REMOTE_COMMAND__TYPE__DEVICE_REBOOT, IS(CHROMEOS), NULL, NULL },
	{ "screenshot", DM__REMOTE_COMMAND__TYPE__DEVICE_SCREENSHOT, IS(CHROMEOS),
	  screenshot_payload, explain_screenshot },
	{ "set_volume", DM__REMOTE_COMMAND__TYPE__DEVICE_SET_VOLUME, IS(CHROMEOS), volume_payload,
	  NULL },
	{ "wipe_users", DM__REMOTE_COMMAND__TYPE__DEVICE_WIPE_USERS, IS(CHROMEOS), NULL, NULL },
	{ NULL, DM__REMOTE_COMMAND__TYPE__DEVICE_REBOOT, 0, NULL, NULL },
};

const struct command_word *command_word_find(const char *name, enum kind kind)
{
	for (const struct command_word *w = command_words; w->name; w++)
		if (strcmp(w->name, name) == 0)
			return w->kinds & 1u << kind ? w : NULL;
	return NULL;
}

int64_t command_age(const struct command *c, int64_t now_ms)
{
	int64_t age = now_ms - c->created_ms;
	if (age >= OLD_MS)
		age = c->sent_ms ? now_ms - c->sent_ms : 0;
	return age > 0 ? age : 0;
}

/* ---- results ---- */

/* The payload as an object: what it is, or {"payload": text} of what is none. NULL: there is none. */
static json_t *payload_json(const char *text)
{
	struct span s = span_str(text ? text : "");
	json_t *payload = NULL;
	if (s.n == 0 || s.n > PAYLOAD_MAX)
		return NULL;
	if (json_parse(s, &payload, NULL) == 0 && json_is_object(payload))
		return payload;
	json_decref(payload);
	return utf8_valid(s) ? json_pack("{s:s}", "payload", text) : NULL;
}

void command_outcome(const struct command_word *w, const Dm__RemoteCommandResult *r,
		     struct arena *a, struct command_outcome *ret)
{
	const char *why = NULL;
	*ret = (struct command_outcome){ .message = "", .result = payload_json(r->payload) };
	if (r->result == DM__REMOTE_COMMAND_RESULT__RESULT_TYPE__RESULT_SUCCESS) {
		ret->state = COMMAND_DONE;
		return;
	}
	ret->state = COMMAND_FAILED;
	if (r->result == DM__REMOTE_COMMAND_RESULT__RESULT_TYPE__RESULT_IGNORED)
		ret->message =
			"The device ignored it: it does not know the command, cannot read its "
			"parameters, or finds it too old.";
	else if (w && w->explain && ret->result)
		why = w->explain(ret->result, a);
	if (!*ret->message)
		ret->message = why ? why : "The device could not do it.";
}
