/* SPDX-License-Identifier: Apache-2.0
 *
 * API token files; see credentials.h. The token is erased from memory when it is no longer needed.
 */
#include "reeve/credentials.h"
#include "base/crypto.h"
#include "base/file.h"
#include <errno.h>

#define TOKEN_MAX 4096

static void erase(char *s)
{
	if (s)
		secret_erase(s, strlen(s));
	free(s);
}

void credentials_fini(struct credentials *c)
{
	erase(c->token);
	free(c->path);
}

/* The one line of the file, as it may stand in a header: visible ASCII only. */
static bool take_token(const struct buf *file, char **ret)
{
	static const char blanks[] = " \t\r\n";
	const char *s = buf_str(file) + strspn(buf_str(file), blanks);
	size_t n = strcspn(s, blanks);
	if (n == 0 || s[n + strspn(s + n, blanks)] != '\0' || strlen(buf_str(file)) != file->n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] <= 0x20 || s[i] >= 0x7f)
			return false;
	*ret = strndup(s, n);
	return *ret != NULL;
}

/* 0; -errno of reading; ERR_UNAUTHENTICATED: it holds something else. */
static int read_token(const char *path, struct credentials *ret, struct error *err)
{
	struct buf file;
	buf_init(&file, TOKEN_MAX);
	int r = file_read(path, &file);
	if (r == -EFBIG || (r == 0 && !take_token(&file, &ret->token)))
		r = error_set(err, ERR_UNAUTHENTICATED,
			      "%s does not hold an API token (one line of text)", path);
	if (r == 0)
		ret->path = strdup(path);
	if (file.p)
		secret_erase(file.p, file.n);
	buf_fini(&file);
	return r;
}

static int try_default(const char *path, struct credentials *ret, struct error *err)
{
	int r = read_token(path, ret, err);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR && !ret->explain[0])
		snprintf(ret->explain, sizeof ret->explain, "cannot read the API token in %s: %s",
			 path, strerror(-r));
	return r;
}

int credentials_find(const char *named_file, struct credentials *ret, struct error *err)
{
	*ret = (struct credentials){ 0 };
	if (named_file) {
		int r = read_token(named_file, ret, err);
		if (r < 0)
			return error_set(err, ERR_UNAUTHENTICATED,
					 "cannot read the token file %s: %s", named_file,
					 strerror(-r));
		return r;
	}
	const char *home = getenv("HOME");
	CLEANUP(free_charp) char *own = NULL;
	if (asprintf(&own, "%s/.config/reeve/token", home && *home ? home : "") < 0)
		return -ENOMEM;
	const char *const places[] = { "var/admin.token", own, "/var/lib/reeve/admin.token" };
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		int r = try_default(places[i], ret, err);
		if (r >= 0)
			return r;
	}
	if (!ret->explain[0])
		snprintf(ret->explain, sizeof ret->explain,
			 "there is no API token in var/admin.token, ~/.config/reeve/token or "
			 "/var/lib/reeve/admin.token; name its file with --token-file or "
			 "REEVE_TOKEN_FILE");
	return 0;
}
