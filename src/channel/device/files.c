/* SPDX-License-Identifier: Apache-2.0
 *
 * Deployables: a device may read the description and the content of those that a setting in force for it
 * names, and of no others. The bytes are DIR/files/<sha256>.
 */
#include "channel/device/handlers.h"

#include <errno.h>
#include <fcntl.h>

/* Elements of the lists of deployables name them as "file" or "app". */
static bool element_names(const json_t *element, int64_t id)
{
	static const char *const keys[] = { "file", "app" };
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const json_t *v = json_object_get(element, keys[i]);
		if (json_is_integer(v) && json_integer_value(v) == id)
			return true;
	}
	return false;
}

static bool names(const struct desired *d, int64_t id)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct desired_setting *s = &d->items[i];
		const json_t *element;
		size_t k;
		if (s->type->kind != SETTING_OBJECTS || !catalogue_applies(s->type, d->channel))
			continue;
		json_array_foreach (s->value, k, element)
			if (element_names(element, id))
				return true;
	}
	return false;
}

static int find(struct http_request *req, struct file *ret, struct error *err)
{
	struct store_conn *c = store_reader(server_of(req)->store);
	const struct device *d = device_of(req);
	struct desired desired;
	int64_t id = 0;
	int r = http_path_id(req, "id", &id, err);
	if (r)
		return r;
	desired_init(&desired, CHANNEL_DEVICE);
	r = store_desired(c, d, &desired);
	bool named = r == 0 && names(&desired, id);
	desired_fini(&desired);
	if (r == 0 && named)
		r = store_file_get(c, id, http_arena(req), ret, err);
	if (r < 0)
		return r;
	if (!named || r > 0 || ret->org_id != d->org_id)
		return error_set(err, ERR_NOT_FOUND,
				 "No setting in force for this device names file %lld.",
				 (long long)id);
	return 0;
}

void device_api_file_content(struct http_request *req)
{
	const struct config *c = server_of(req)->config;
	struct file f;
	struct error err;
	int r = find(req, &f, &err);
	if (r != 0) {
		http_reply_result(req, r, &err);
		return;
	}
	int fd = open(arena_printf(http_arena(req), "%s/files/%s", c->data, f.sha256),
		      O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		http_reply_result(req, -errno, NULL);
	else
		http_reply_file(req, fd, f.content_type, f.sha256);
}

void device_api_file_description(struct http_request *req)
{
	struct file f;
	struct error err;
	int r = find(req, &f, &err);
	if (r != 0) {
		http_reply_result(req, r, &err);
		return;
	}
	http_reply_json(req, 200,
			json_pack("{s:I, s:s, s:s, s:I, s:s, s:I, s:s, s:s, s:s}", "id",
				  (json_int_t)f.id, "kind", f.kind, "name", f.name, "version",
				  (json_int_t)f.version, "sha256", f.sha256, "size",
				  (json_int_t)f.size, "content_type", f.content_type, "package",
				  f.package, "package_version", f.package_version));
}
