/* SPDX-License-Identifier: Apache-2.0
 *
 * Serves the table of embedded files. Everything is revalidated by ETag, so a new server never
 * runs with an old page; the content security policy allows our own files only.
 */
#include "server/console/console.h"

static const struct console_asset *asset_find(const char *name)
{
	for (const struct console_asset *a = console_assets; a->name; a++)
		if (strcmp(a->name, name) == 0)
			return a;
	return NULL;
}

static void on_asset(struct http_request *req)
{
	const char *name = http_path_param(req, "file");
	const struct console_asset *a = asset_find(*name ? name : "index.html");
	if (!a) {
		struct error err;
		error_set(&err, ERR_NOT_FOUND, "the console has no file \"%s\"", name);
		http_reply_error(req, &err);
		return;
	}
	http_reply_header(req, "ETag", a->etag);
	http_reply_header(req, "Cache-Control", "no-cache");
	http_reply_header(req, "Referrer-Policy", "no-referrer");
	http_reply_header(req, "X-Frame-Options", "DENY");
	http_reply_header(req, "Content-Security-Policy",
			  "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
			  "base-uri 'none'; form-action 'self'");
	if (http_has_etag(req, a->etag))
		http_reply_empty(req, 304);
	else
		http_reply_static(req, 200, a->content_type, a->body, NULL, NULL);
}

static void on_redirect(struct http_request *req)
{
	http_reply_header(req, "Location", "/console/");
	http_reply_empty(req, 308);
}

const struct http_route console_routes[] = {
	{ .method = "GET",
	  .pattern = "/console",
	  .handler = on_redirect,
	  .name = "console_redirect",
	  .doc = "To /console/",
	  .statuses = "308" },
	{ .method = "GET",
	  .pattern = "/console/{file*}",
	  .handler = on_asset,
	  .name = "console_file",
	  .doc = "The console: a file of it, or its page",
	  .statuses = "200 304" },
	{ 0 },
};
