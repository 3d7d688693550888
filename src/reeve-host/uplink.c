/* SPDX-License-Identifier: Apache-2.0
 *
 * The link to the server, see uplink.h. Whatever changes, everything of that machine is said anew: the fleet finds out what is
 * different.
 */
#include "reeve-host/uplink.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "program.h"
#include "vm/host/garcon.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_MS           60000 /* at the disks */
#define LAUNCH_TIMEOUT_MS 20000
#define FILES_MAX         1000
#define TOKEN_MAX         1024
#define KEY_SIZE          (2 * NAME_SIZE + 1)

/* ---- what there is ---- */

static const char *vm_word(enum vm_state s)
{
	return s == VM_READY ? "running" : vm_state_name(s);
}

static const char *container_word(enum container_state s)
{
	static const char *const words[] = { [CONTAINER_PENDING] = "pending",
					     [CONTAINER_UP] = "running",
					     [CONTAINER_DOWN] = "stopped" };
	return words[s];
}

static void add_number(json_t *attributes, const char *name, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	json_object_set_new(attributes, name, json_string(text));
}

/* What it takes here, in steps of a mebibyte: it changes all the time. */
static void add_disk(json_t *attributes, const char *path)
{
	struct stat st;
	if (!path || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	add_number(attributes, "disk.size", (uint64_t)st.st_size);
	add_number(attributes, "disk.used", (uint64_t)st.st_blocks * 512 >> 20 << 20);
}

static void put_vm(struct uplink *l, const struct vm *vm)
{
	AUTO_JSON attributes = json_pack("{s:s}", "vm.state", vm_word(vm->state));
	if (vm->why[0])
		json_object_set_new(attributes, "vm.why", json_string(vm->why));
	add_disk(attributes, vm->disk);
	const struct fleet_child c = { .key = vm->name, .kind = "vm", .attributes = attributes };
	if (!fleet_child_put(l->fleet, &c))
		log_limited(LOG_LEVEL_WARN, "more machines than a server is told of",
			    F_STR("machine", vm->name));
}

static const char *name_of(const VmTools__Container__Application *app)
{
	for (size_t i = 0; app->name && i < app->name->n_values; i++)
		if (app->name->values[i]->locale[0] == '\0')
			return app->name->values[i]->value;
	return app->desktop_file_id;
}

static json_t *applications_of(const struct container *c)
{
	json_t *list = json_array();
	for (size_t i = 0; c->applications && i < c->applications->n_application; i++) {
		const VmTools__Container__Application *app = c->applications->application[i];
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s}", "id", app->desktop_file_id,
						"name", name_of(app), "package", app->package_id));
	}
	return list;
}

static const char *key_of(const struct container *c, char text[KEY_SIZE])
{
	snprintf(text, KEY_SIZE, "%s/%s", c->vm->name, c->name);
	return text;
}

static void put_container(struct uplink *l, const struct container *c)
{
	char key[KEY_SIZE];
	AUTO_JSON attributes = json_pack("{s:s}", "container.state", container_word(c->state));
	AUTO_JSON inventory = json_pack("{s:o}", "applications", applications_of(c));
	if (c->free_bytes)
		add_number(attributes, "disk.free", c->free_bytes);
	const struct fleet_child n = { .key = key_of(c, key),
				       .kind = "container",
				       .parent_key = c->vm->name,
				       .attributes = attributes,
				       .inventory = inventory };
	if (!fleet_child_put(l->fleet, &n))
		log_limited(LOG_LEVEL_WARN, "more machines than a server is told of",
			    F_STR("machine", key));
}

static void put_all(struct uplink *l)
{
	for (const struct vm *vm = registry_vms(l->host->registry); vm; vm = vm->next) {
		put_vm(l, vm);
		for (const struct container *c = vm->containers; c; c = c->next)
			put_container(l, c);
	}
}

static void on_change(void *user, enum registry_change change, struct vm *vm,
		      struct container *container)
{
	struct uplink *l = user;
	char key[KEY_SIZE];
	if (!l->fleet)
		return;
	switch (change) {
	case VM_ADDED:
	case VM_CHANGED:
		put_vm(l, vm);
		break;
	case VM_REMOVED:
		fleet_child_gone(l->fleet, vm->name);
		break;
	case CONTAINER_ADDED:
	case CONTAINER_CHANGED:
	case CONTAINER_APPLICATIONS:
	case CONTAINER_LOW_DISK:
		put_container(l, container);
		break;
	case CONTAINER_REMOVED:
		fleet_child_gone(l->fleet, key_of(container, key));
		break;
	}
}

static void on_timer(void *user)
{
	struct uplink *l = user;
	put_all(l);
	timer_start(loop_timers(l->host->loop), &l->timer, loop_now_ms(l->host->loop) + LOOK_MS);
}

/* ---- commands ---- */

struct order { /* heap; a command under way, freed with its answer */
	struct uplink *uplink;
	int64_t id;
};

static void finish(void *user, bool done, const char *message, json_t *steals_result)
{
	struct order *o = user;
	if (o->uplink->fleet)
		fleet_command_done(o->uplink->fleet, o->id, done, message, steals_result);
	else
		json_decref(steals_result);
	free(o);
}

static struct order *order_new(struct uplink *l, int64_t id)
{
	struct order *o = calloc(1, sizeof *o);
	if (!o)
		abort();
	*o = (struct order){ l, id };
	return o;
}

static void on_launched(const struct grpc_result *result, void *user)
{
	const VmTools__Container__LaunchApplicationResponse *response = result->response;
	if (!response)
		finish(user, false, result->status.message, NULL);
	else
		finish(user, response->success, response->failure_reason, NULL);
}

static void launch_application(struct uplink *l, struct container *c, const struct fleet_command *n)
{
	VmTools__Container__LaunchApplicationRequest request =
		VM_TOOLS__CONTAINER__LAUNCH_APPLICATION_REQUEST__INIT;
	const json_t *files = json_object_get(n->params, "files");
	const char *id = json_string_value(json_object_get(n->params, "desktop_file_id"));
	size_t n_files = json_array_size(files);
	struct order *o = order_new(l, n->id);
	char **names = calloc(n_files + 1, sizeof *names);
	if (!names)
		abort();
	for (size_t i = 0; i < n_files; i++)
		names[i] = (char *)(uintptr_t)json_string_value(json_array_get(files, i));
	request.desktop_file_id = (char *)(uintptr_t)id;
	request.files = names;
	request.n_files = n_files;
	if (!id || n_files > FILES_MAX)
		finish(o, false, "desktop_file_id or files are not good", NULL);
	else if (!garcon_call(c, &garcon_launch, &request, LAUNCH_TIMEOUT_MS, on_launched, o))
		finish(o, false, "the container cannot be reached", NULL);
	free(names);
}

static void fail(struct uplink *l, const struct fleet_command *n, const char *why)
{
	fleet_command_done(l->fleet, n->id, false, why, NULL);
}

static void container_command(struct uplink *l, const char *vm_name, const char *name,
			      const struct fleet_command *n)
{
	struct vm *vm = registry_vm(l->host->registry, vm_name);
	struct container *c = vm ? registry_container(vm, name) : NULL;
	if (!c)
		fail(l, n, "there is no such container any more");
	else if (strcmp(n->type, "launch_application") != 0)
		fail(l, n, "a container can be asked to start its applications only");
	else
		launch_application(l, c, n);
}

static void vm_command(struct uplink *l, const struct fleet_command *n)
{
	struct vm *vm = registry_vm(l->host->registry, n->key);
	struct order *o;
	if (!vm) {
		fail(l, n, "there is no such machine any more");
		return;
	}
	o = order_new(l, n->id);
	if (!l->machine_command ||
	    !l->machine_command(l->machine_user, vm, n->type, n->params, finish, o))
		finish(o, false, "reeve-host did not start this machine", NULL);
}

static void on_command(void *user, const struct fleet_command *n)
{
	char vm_name[KEY_SIZE];
	const char *slash = strchr(n->key, '/');
	if (!slash) {
		vm_command(user, n);
		return;
	}
	snprintf(vm_name, sizeof vm_name, "%.*s", (int)(slash - n->key), n->key);
	container_command(user, vm_name, slash + 1, n);
}

/* ---- life ---- */

/* The token that was given, or the first line of its file; "": none. */
static int read_token(struct buf *out, struct error *err)
{
	const char *path = arguments.enrollment_token_file;
	if (arguments.enrollment_token)
		buf_add_str(out, arguments.enrollment_token);
	int r = path && !arguments.enrollment_token ? file_read(path, out) : 0;
	if (r < 0)
		return error_set(err, ERR_INVALID, "%s: %s", path, strerror(-r));
	buf_add_char(out, '\0');
	out->p[strcspn(out->p, "\r\n")] = '\0';
	return 0;
}

int uplink_open(struct uplink *l, struct host *h, struct error *err)
{
	CLEANUP(buf_fini) struct buf token;
	buf_init(&token, TOKEN_MAX);
	l->host = h;
	l->timer = (struct timer){ .fn = on_timer, .user = l };
	if (!arguments.server)
		return 0;
	int r = read_token(&token, err);
	if (r)
		return r;
	const struct fleet_options o = { .loop = h->loop,
					 .state_dir = h->options.state,
					 .server = arguments.server,
					 .enrollment_token = token.p[0] ? token.p : NULL,
					 .ca = arguments.ca,
					 .insecure_http = arguments.insecure_http,
					 .on_command = on_command,
					 .user = l };
	r = fleet_open(&o, &l->fleet, err);
	secret_erase(token.p, token.n);
	if (r)
		return r;
	registry_watch(h->registry, on_change, l);
	put_all(l);
	fleet_children_complete(l->fleet);
	timer_start(loop_timers(h->loop), &l->timer, loop_now_ms(h->loop) + LOOK_MS);
	return 0;
}

void uplink_close(struct uplink *l)
{
	if (!l->fleet)
		return;
	timer_stop(loop_timers(l->host->loop), &l->timer);
	fleet_close(TAKE(l->fleet));
}
