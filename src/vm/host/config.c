/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration of reeve-host, see config.h.
 */
#include "vm/host/config.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/yaml.h"
#include "net/grpc/endpoint.h"
#include "vm/host/registry.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_SIZE  (256 * 1024)
#define VMS_MAX        256
#define CONTAINERS_MAX 256
#define ENTER_MAX      32

static void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n + 1, size);
	if (!p)
		abort();
	return p;
}

/* ---- words ---- */

static int read_name(const json_t *o, const char *what, char name[64], struct error *err)
{
	const char *text = NULL;
	int r = json_read_str(o, "name", true, &text, err);
	if (r)
		return r;
	if (!registry_name_ok(text))
		return error_set(err, ERR_INVALID, "name: “%.80s” is no name of a %s", text, what);
	snprintf(name, 64, "%s", text);
	return 0;
}

/* Absolute, and without a slash at its end. */
static bool is_folder(const char *path)
{
	size_t n = strlen(path);
	return path[0] == '/' && (n == 1 || path[n - 1] != '/');
}

static int read_path(const json_t *o, struct path_row *ret, struct error *err)
{
	static const char *const keys[] = { "inside", "outside", NULL };
	int r = json_is_object(o)
			? json_only_keys(o, keys, err)
			: error_set(err, ERR_INVALID, "paths: inside and outside are expected");
	if (r == 0)
		r = json_read_str(o, "inside", true, &ret->inside, err);
	if (r == 0)
		r = json_read_str(o, "outside", true, &ret->outside, err);
	if (r == 0 && (!is_folder(ret->inside) || !is_folder(ret->outside)))
		r = error_set(err, ERR_INVALID,
			      "paths: inside and outside are absolute and do not end with a slash");
	return r;
}

static int read_paths(const json_t *o, struct translation *t, struct error *err)
{
	json_t *list = NULL;
	int r = json_read_array(o, "paths", false, &list, err);
	if (r == 0 && json_array_size(list) > PATHS_MAX)
		r = error_set(err, ERR_INVALID, "paths: at most %d", PATHS_MAX);
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
		r = read_path(json_array_get(list, i), &t->paths[t->n_paths++], err);
	return r;
}

static int read_enter(const json_t *o, struct container_config *c, struct error *err)
{
	json_t *list = NULL;
	int r = json_read_array(o, "enter", false, &list, err);
	if (r || !list)
		return r;
	if (json_array_size(list) > ENTER_MAX)
		return error_set(err, ERR_INVALID, "enter: at most %d words", ENTER_MAX);
	c->enter = xcalloc(json_array_size(list), sizeof *c->enter);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));
		if (!word)
			return error_set(err, ERR_INVALID, "enter: word %zu is not text", i + 1);
		c->enter[c->n_enter++] = (char *)(uintptr_t)word;
	}
	return 0;
}

static int read_container(const json_t *o, struct container_config *c, struct error *err)
{
	static const char *const keys[] = {
		"name", "token_file", "address", "enter", "paths", NULL
	};
	int r = json_is_object(o) ? json_only_keys(o, keys, err)
				  : error_set(err, ERR_INVALID, "a container has a name at least");
	if (r == 0)
		r = read_name(o, "container", c->name, err);
	if (r == 0)
		r = json_read_str(o, "token_file", false, &c->token_file, err);
	if (r == 0)
		r = json_read_str(o, "address", false, &c->translation.address, err);
	if (r == 0)
		r = read_paths(o, &c->translation, err);
	return r ? r : read_enter(o, c, err);
}

/* An address with {port} where the number goes. */
static int check_garcon(const char *text, struct error *err)
{
	if (!text || strstr(text, "{port}"))
		return 0;
	return error_set(err, ERR_INVALID, "garcon: “%.80s” has no {port}", text);
}

static int check_listen(const char *text, struct error *err)
{
	struct endpoint e;
	int r = text ? endpoint_parse(text, &e, err) : 0;
	if (r == 0 && text && e.transport == TRANSPORT_VSOCK)
		r = error_set(err, ERR_INVALID, "listen: over vsock a machine is known by its CID");
	return r;
}

static int read_containers(const json_t *o, struct vm_config *vm, struct error *err)
{
	json_t *list = NULL;
	int r = json_read_array(o, "containers", false, &list, err);
	if (r == 0 && json_array_size(list) > CONTAINERS_MAX)
		r = error_set(err, ERR_INVALID, "containers: at most %d", CONTAINERS_MAX);
	if (r || !list)
		return r;
	vm->containers = xcalloc(json_array_size(list), sizeof *vm->containers);
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
		r = read_container(json_array_get(list, i), &vm->containers[vm->n_containers++],
				   err);
	return r;
}

static int read_vm(const json_t *o, struct vm_config *vm, struct error *err)
{
	static const char *const keys[] = { "name", "cid",        "listen", "garcon",
					    "disk", "containers", NULL };
	int64_t cid = 0;
	int r = json_is_object(o)
			? json_only_keys(o, keys, err)
			: error_set(err, ERR_INVALID, "a machine has a name and a cid at least");
	if (r == 0)
		r = read_name(o, "virtual machine", vm->name, err);
	if (r == 0)
		r = json_read_int(o, "cid", true, &cid, err);
	if (r == 0 && (cid < 3 || cid >= UINT32_MAX))
		r = error_set(err, ERR_INVALID, "cid: 3 to %u is expected", UINT32_MAX - 1);
	vm->cid = (uint32_t)cid;
	if (r == 0)
		r = json_read_str(o, "listen", false, &vm->listen, err);
	if (r == 0)
		r = check_listen(vm->listen, err);
	if (r == 0)
		r = json_read_str(o, "garcon", false, &vm->garcon, err);
	if (r == 0)
		r = check_garcon(vm->garcon, err);
	if (r == 0)
		r = json_read_str(o, "disk", false, &vm->disk, err);
	return r ? r : read_containers(o, vm, err);
}

static int read_file(struct host_config *c, struct error *err)
{
	static const char *const keys[] = { "vms", "hooks", NULL };
	const json_t *o = json_array_get(c->file, 0);
	json_t *list = NULL;
	if (!o || json_is_null(o))
		return 0;
	int r = json_is_object(o) ? json_only_keys(o, keys, err)
				  : error_set(err, ERR_INVALID, "vms: and hooks: are expected");
	if (r == 0)
		r = json_read_array(o, "vms", false, &list, err);
	if (r == 0 && json_array_size(list) > VMS_MAX)
		r = error_set(err, ERR_INVALID, "vms: at most %d", VMS_MAX);
	c->hooks = json_object_get(o, "hooks");
	c->vms = xcalloc(json_array_size(list), sizeof *c->vms);
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
		r = read_vm(json_array_get(list, i), &c->vms[c->n_vms++], err);
		if (r > 0) {
			const struct error inner = *err;
			r = error_set(err, inner.code, "vms: number %zu: %s", i + 1, inner.message);
		}
	}
	return r;
}

int host_config_load(struct host_config *c, const char *path, struct error *err)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, FILE_MAX_SIZE);
	*c = (struct host_config){ .n_vms = 0 };
	if (!path)
		return 0;
	int r = file_read(path, &text);
	if (r < 0)
		return error_set(err, r == -ENOENT ? ERR_NOT_FOUND : ERR_INVALID, "%s: %s", path,
				 strerror(-r));
	r = yaml_parse(path, buf_span(&text), &c->file, err);
	if (r)
		return r;
	r = read_file(c, err);
	if (r > 0) {
		const struct error inner = *err;
		r = error_set(err, inner.code, "%s: %s", path, inner.message);
	}
	return r;
}

void host_config_fini(struct host_config *c)
{
	for (size_t i = 0; i < c->n_vms; i++) {
		for (size_t k = 0; k < c->vms[i].n_containers; k++)
			free(c->vms[i].containers[k].enter);
		free(c->vms[i].containers);
	}
	free(c->vms);
	json_decref(c->file);
	*c = (struct host_config){ .n_vms = 0 };
}

const struct vm_config *host_config_vm(const struct host_config *c, const char *vm)
{
	for (size_t i = 0; i < c->n_vms; i++)
		if (strcmp(c->vms[i].name, vm) == 0)
			return &c->vms[i];
	return NULL;
}

const struct container_config *host_config_container(const struct host_config *c, const char *vm,
						     const char *container)
{
	const struct vm_config *v = host_config_vm(c, vm);
	for (size_t i = 0; v && i < v->n_containers; i++)
		if (strcmp(v->containers[i].name, container) == 0)
			return &v->containers[i];
	return NULL;
}
