/* SPDX-License-Identifier: Apache-2.0
 *
 * Deployables: GET PluginFlyvemdmFile/{id} and PluginFlyvemdmPackage/{id}. With Accept: application/octet-stream
 * (or alt=media) the content, with ranges; else its description. A device may have what a setting in
 * force for it names, and nothing else.
 */
#include "channel/flyve/rest.h"

#include "base/clock.h"
#include "base/log.h"
#include "model/deploy.h"
#include "server/blobs.h"
#include <string.h>
#include <strings.h>

struct wanted { /* what a setting says of the deployable */
	int64_t id;
	bool named;
	const char *destination; /* files: where it goes; or "" */
};

static void look(struct wanted *w, const json_t *list, const char *key)
{
	const json_t *element;
	size_t i;
	json_array_foreach (list, i, element) {
		if (json_integer_value(json_object_get(element, key)) != w->id)
			continue;
		const char *destination =
			json_string_value(json_object_get(element, "destination"));
		w->named = true;
		w->destination = destination ? destination : "";
	}
}

/* Agents put a file where the message says, under the name that its record has. */
static const char *name_for(const struct file *f, const char *destination)
{
	const char *slash = strrchr(destination, '/');
	return slash && slash[1] ? slash + 1 : f->name;
}

static int find(struct http_request *req, const struct device *d, const char *key, struct file *ret,
		struct error *err)
{
	struct store_conn *c = store_reader(server_of(req)->store);
	struct arena *a = http_arena(req);
	CLEANUP(desired_fini) struct desired desired = { 0 };
	struct wanted w = { .destination = "" };
	bool app = strcmp(key, "app") == 0;
	int r = http_path_id(req, "id", &w.id, err);
	if (r == 0)
		r = store_desired(c, d, &desired);
	if (r)
		return r;
	const struct desired_setting *s =
		desired_get(&desired, app ? "apps.deploy" : "files.deploy");
	if (s)
		look(&w, s->value, key);
	if (w.named)
		r = store_file_get(c, w.id, a, ret, err);
	if (r < 0)
		return r;
	if (!w.named || r > 0 || ret->org_id != d->org_id)
		return error_set(err, ERR_NOT_FOUND, "no setting of this device deploys it");
	ret->name = arena_strdup(a, app ? ret->name : name_for(ret, w.destination));
	return 0;
}

static bool wants_content(struct http_request *req)
{
	const char *accept = http_header(req, "Accept"), *alt = http_query(req, "alt");
	return (alt && strcmp(alt, "media") == 0) ||
	       (accept && strstr(accept, "application/octet-stream"));
}

static void send_content(struct http_request *req, const struct file *f)
{
	int fd = blobs_open(server_of(req)->blobs, f->sha256);
	if (fd < 0) {
		log_error("the content of a file is missing", F_INT("file", f->id),
			  F_STR("sha256", f->sha256));
		flyve_rest_result(req, fd, NULL);
		return;
	}
	http_reply_header(req, "Content-Disposition", "attachment");
	http_reply_file(req, fd, "application/octet-stream",
			arena_printf(http_arena(req), "\"%s\"", f->sha256));
}

/* Agents tell a package's kind by the end of its name. */
static const char *package_name(const struct file *f, struct arena *a)
{
	static const struct {
		const char *type, *suffix;
	} kinds[] = { { DEPLOY_TYPE_APK, ".apk" }, { DEPLOY_TYPE_UPK, ".upk" } };
	size_t n = strlen(f->name);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(f->content_type, kinds[i].type) == 0 &&
		    (n < 4 || strcasecmp(f->name + n - 4, kinds[i].suffix) != 0))
			return arena_printf(a, "%s%s", f->name, kinds[i].suffix);
	return f->name;
}

static json_t *description(const struct file *f, bool app, struct arena *a)
{
	char date[CLOCK_TEXT_SIZE];
	json_t *o = json_pack("{s:I, s:s, s:s, s:I, s:I, s:s, s:s, s:s}", "id", (json_int_t)f->id,
			      "name", f->name, "source", f->name, "version", (json_int_t)f->version,
			      "filesize", (json_int_t)f->size, "mime_type", f->content_type,
			      "sha256", f->sha256, "date", clock_format(f->created_ms, date));
	if (app) {
		json_object_set_new(o, "package_name", json_string(f->package));
		json_object_set_new(o, "version_code", json_string(f->package_version));
		json_object_set_new(o, "filename", json_string(package_name(f, a)));
		json_object_set_new(o, "dl_filename", json_string(package_name(f, a)));
	}
	return o;
}

static void serve(struct http_request *req, const char *key)
{
	struct device d;
	struct file f;
	struct error err;
	if (!flyve_rest_device(req, &d))
		return;
	int r = find(req, &d, key, &f, &err);
	if (r)
		flyve_rest_result(req, r, &err);
	else if (wants_content(req))
		send_content(req, &f);
	else
		http_reply_json(req, 200,
				description(&f, strcmp(key, "app") == 0, http_arena(req)));
}

void flyve_rest_file(struct http_request *req)
{
	serve(req, "file");
}

void flyve_rest_package(struct http_request *req)
{
	serve(req, "app");
}
