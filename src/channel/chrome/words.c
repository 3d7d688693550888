/* SPDX-License-Identifier: Apache-2.0
 *
 * Query and headers of a request into words that the handlers can trust: what is required is there, the
 * device's id is printable and short. Order does not matter, unknown parameters are not looked at.
 *
 * "devicetype" is 1, 2 or 3 and "apptype" Chrome or Android, as the protocol's comment says; clients send 2
 * and Chrome. The user's token is in "oauth_token"; the comment calls it "oauth".
 */
#include "base/utf8.h"
#include "channel/chrome/endpoint.h"
#include "server/auth.h"

#include <string.h>
#include <strings.h>

#define OAUTH_TOKEN_MAX 4096

static const struct {
	const char *name, *parameter; /* "NAME PARAMETERvalue" */
	enum chrome_scheme scheme;
} schemes[] = {
	{ "GoogleDMToken", "token=", CHROME_SCHEME_DEVICE },
	{ "GoogleEnrollmentToken", "token=", CHROME_SCHEME_ENROLLMENT },
	{ "GoogleLogin", "auth=", CHROME_SCHEME_OAUTH },
	{ "OAuth", "", CHROME_SCHEME_OAUTH },
};

static bool is_printable(const char *s)
{
	for (; *s; s++)
		if (*s < 0x21 || *s > 0x7e)
			return false;
	return true;
}

static bool is_token(const char *s, size_t max)
{
	return strlen(s) <= max && is_printable(s);
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static const char *skip_blanks(const char *s)
{
	while (*s == ' ')
		s++;
	return s;
}

/* What follows "NAME PARAMETER", or NULL when it is something else. */
static const char *after_scheme(const char *text, const char *name, const char *parameter)
{
	size_t n = strlen(name), n_parameter = strlen(parameter);
	if (strncasecmp(text, name, n) != 0 || text[n] != ' ')
		return NULL;
	text = skip_blanks(text + n);
	return strncasecmp(text, parameter, n_parameter) == 0 ? text + n_parameter : NULL;
}

static void read_authorization(const char *text, struct chrome_request *r)
{
	r->token = "";
	r->scheme = CHROME_SCHEME_NONE;
	text = skip_blanks(or_empty(text));
	if (!*text)
		return;
	r->scheme = CHROME_SCHEME_OTHER;
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		const char *value = after_scheme(text, schemes[i].name, schemes[i].parameter);
		bool oauth = schemes[i].scheme == CHROME_SCHEME_OAUTH;
		if (!value || !*value || !is_token(value, oauth ? OAUTH_TOKEN_MAX : AUTH_TOKEN_MAX))
			continue;
		r->scheme = schemes[i].scheme;
		r->token = value;
	}
}

/* The query's token, else the header's. */
static int read_oauth(const struct chrome_words *w, struct chrome_request *r, struct error *err)
{
	const char *token = w->oauth_token && *w->oauth_token ? w->oauth_token : or_empty(w->oauth);
	if (!*token && r->scheme == CHROME_SCHEME_OAUTH)
		token = r->token;
	if (!is_token(token, OAUTH_TOKEN_MAX))
		return error_set(err, ERR_INVALID, "oauth_token: not a token.");
	r->oauth_token = token;
	return 0;
}

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; word && i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static int check_required(const struct chrome_words *w, struct error *err)
{
	static const char *const device_types[] = { "1", "2", "3" };
	static const char *const app_types[] = { "Chrome", "Android" };
	const char *id = or_empty(w->device_id);
	if (!is_one_of(w->device_type, device_types, ARRAY_SIZE(device_types)))
		return error_set(err, ERR_INVALID, "devicetype: missing, or not 1, 2 or 3.");
	if (!is_one_of(w->app_type, app_types, ARRAY_SIZE(app_types)))
		return error_set(err, ERR_INVALID, "apptype: missing, or not Chrome.");
	if (!*id || strlen(id) > CHROME_DEVICE_ID_MAX || !is_printable(id))
		return error_set(err, ERR_INVALID,
				 "deviceid: missing, or not 1 to %d printable characters.",
				 CHROME_DEVICE_ID_MAX);
	return 0;
}

static bool is_true(const char *s)
{
	return s && strcmp(s, "true") == 0;
}

int chrome_words_read(const struct chrome_words *w, struct chrome_request *r, struct error *err)
{
	const char *request = or_empty(w->request);
	r->device_id = or_empty(w->device_id);
	r->agent = or_empty(w->agent);
	r->platform = or_empty(w->platform);
	r->profile_id = or_empty(w->profile_id);
	r->critical = is_true(w->critical);
	r->retry = is_true(w->retry);
	r->oauth_token = r->email = "";
	read_authorization(w->authorization, r);
	r->type = chrome_type_find(request);
	if (!r->type)
		return error_set(err, ERR_INVALID,
				 "request: missing, or a type that is not known.");
	int res = check_required(w, err);
	return res ? res : read_oauth(w, r, err);
}

int chrome_words_authorized(const struct chrome_request *r, struct error *err)
{
	bool device = r->scheme == CHROME_SCHEME_DEVICE, oauth = *r->oauth_token;
	switch (r->type->auth) {
	case CHROME_AUTH_NONE:
		return 0;
	case CHROME_AUTH_ENROLLMENT:
		if (r->scheme == CHROME_SCHEME_ENROLLMENT)
			return 0;
		return error_set(err, ERR_UNAUTHENTICATED,
				 "An enrollment token (Authorization: GoogleEnrollmentToken "
				 "token=…) is needed.");
	case CHROME_AUTH_OAUTH:
		if (oauth)
			return 0;
		return error_set(err, ERR_UNAUTHENTICATED,
				 "A user's token (oauth_token=…) is needed.");
	case CHROME_AUTH_DEVICE:
		if (device)
			return 0;
		return error_set(
			err, ERR_UNAUTHENTICATED,
			"A device token (Authorization: GoogleDMToken token=…) is needed.");
	case CHROME_AUTH_DEVICE_OR_OAUTH:
		if (device || oauth)
			return 0;
		return error_set(err, ERR_UNAUTHENTICATED,
				 "A device's or a user's token is needed.");
	}
	return error_set(err, ERR_UNAUTHENTICATED, "A token is needed.");
}

const char *chrome_text(struct arena *a, const char *text, size_t max)
{
	struct span s = span_str(or_empty(text));
	struct buf out;
	uint32_t c;
	buf_init(&out, max + 8);
	while (out.n < max && span_get_utf8_lossy(&s, &c)) {
		size_t n = out.n;
		utf8_add(&out, utf8_is_control(c) ? UTF8_REPLACEMENT : c);
		if (out.n > max) { /* never half a character */
			out.n = n;
			break;
		}
	}
	char *copy = arena_strndup(a, out.p ? out.p : "", out.n);
	buf_fini(&out);
	return copy;
}
