/* SPDX-License-Identifier: Apache-2.0
 *
 * Machines and containers, see registry.h. There are few of either: lists are walked.
 */
#include "vm/host/registry.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/span.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCHERS_MAX 8

struct registry {
	struct vm *vms;
	struct watcher {
		void (*fn)(void *, enum registry_change, struct vm *, struct container *);
		void *user;
	} watchers[WATCHERS_MAX];
	size_t n_watchers;
};

static const char *const vm_states[] = {
	[VM_STARTING] = "starting", [VM_READY] = "ready",     [VM_STOPPING] = "stopping",
	[VM_STOPPED] = "stopped",   [VM_CRASHED] = "crashed",
};

static const char *const container_states[] = {
	[CONTAINER_PENDING] = "pending",
	[CONTAINER_UP] = "up",
	[CONTAINER_DOWN] = "down",
};

const char *vm_state_name(enum vm_state state)
{
	return vm_states[state];
}

const char *container_state_name(enum container_state state)
{
	return container_states[state];
}

static void *xcalloc(size_t size)
{
	void *p = calloc(1, size);
	if (!p)
		abort();
	return p;
}

static void tell(const struct registry *r, enum registry_change change, struct vm *vm,
		 struct container *c)
{
	for (size_t i = 0; i < r->n_watchers; i++)
		r->watchers[i].fn(r->watchers[i].user, change, vm, c);
}

struct registry *registry_new(void)
{
	return xcalloc(sizeof(struct registry));
}

static void forget_lists(struct container *c)
{
	if (c->applications)
		vm_tools__container__update_application_list_request__free_unpacked(c->applications,
										    NULL);
	if (c->mime_types)
		vm_tools__container__update_mime_types_request__free_unpacked(c->mime_types, NULL);
	c->applications = NULL;
	c->mime_types = NULL;
}

static void container_free(struct container *c)
{
	forget_lists(c);
	secret_erase(c->token, sizeof c->token);
	free(c);
}

static void vm_free(struct vm *vm)
{
	for (struct container *c = vm->containers, *next; c; c = next) {
		next = c->next;
		container_free(c);
	}
	secret_erase(vm->token, sizeof vm->token);
	free(vm->disk);
	free(vm);
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	for (struct vm *vm = r->vms, *next; vm; vm = next) {
		next = vm->next;
		vm_free(vm);
	}
	free(r);
}

void registry_watch(struct registry *r,
		    void (*fn)(void *, enum registry_change, struct vm *, struct container *),
		    void *user)
{
	if (r->n_watchers == WATCHERS_MAX)
		abort();
	r->watchers[r->n_watchers++] = (struct watcher){ fn, user };
}

/* ---- names and tokens ---- */

bool registry_name_ok(const char *name)
{
	static const char first[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t n = strlen(name);
	return n > 0 && n < NAME_SIZE && strchr(first, name[0]) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       n;
}

static int check_name(const char *what, const char *name, struct error *err)
{
	if (registry_name_ok(name))
		return 0;
	return error_set(
		err, ERR_INVALID,
		"“%.80s” is no name of a %s: 1 to %d of A-Z a-z 0-9 . _ -, beginning with a letter or digit",
		name, what, NAME_SIZE - 1);
}

bool registry_token_ok(const char *token)
{
	size_t i;
	for (i = 0; token[i] && i < TOKEN_SIZE; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? token[i] != '-' : !strchr("0123456789abcdef", token[i]))
			return false;
	}
	return i == TOKEN_SIZE - 1;
}

/* RFC 9562, version 4. */
static void new_token(char text[TOKEN_SIZE])
{
	uint8_t b[16];
	char hex[33];
	rand_bytes(b, sizeof b);
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	hex_encode((struct span){ b, sizeof b }, hex);
	snprintf(text, TOKEN_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		 hex + 20);
}

static bool same_token(const char *ours, const char *theirs)
{
	return ours[0] != '\0' && ct_equal(span_str(ours), span_str(theirs));
}

/* ---- machines ---- */

struct vm *registry_vms(const struct registry *r)
{
	return r->vms;
}

struct vm *registry_vm(const struct registry *r, const char *name)
{
	for (struct vm *vm = r->vms; vm; vm = vm->next)
		if (strcmp(vm->name, name) == 0)
			return vm;
	return NULL;
}

struct vm *registry_vm_by_cid(const struct registry *r, uint32_t cid)
{
	for (struct vm *vm = r->vms; vm && cid != 0; vm = vm->next)
		if (vm->cid == cid)
			return vm;
	return NULL;
}

int registry_vm_add(struct registry *r, const char *name, uint32_t cid, struct vm **ret,
		    struct error *err)
{
	struct vm **end = &r->vms;
	int e = check_name("virtual machine", name, err);
	if (e)
		return e;
	if (cid == 0)
		return error_set(err, ERR_INVALID, "%s: a CID is at least 1", name);
	for (; *end; end = &(*end)->next)
		if (strcmp((*end)->name, name) == 0 || (*end)->cid == cid)
			return error_set(err, ERR_CONFLICT,
					 "%s: the virtual machine %s has this %s already", name,
					 (*end)->name, (*end)->cid == cid ? "CID" : "name");
	struct vm *vm = *end = xcalloc(sizeof *vm);
	snprintf(vm->name, sizeof vm->name, "%s", name);
	vm->cid = cid;
	vm->since_ms = clock_utc_ms();
	window_init(&vm->metrics, METRICS_WINDOW_MS, METRICS_CALLS_MAX, clock_mono_ms());
	window_init(&vm->lists, LIST_WINDOW_MS, LIST_MAX, clock_mono_ms());
	window_init(&vm->notices, NOTICE_WINDOW_MS, NOTICE_MAX, clock_mono_ms());
	tell(r, VM_ADDED, vm, NULL);
	*ret = vm;
	return 0;
}

void registry_vm_remove(struct registry *r, struct vm *vm)
{
	struct vm **at = &r->vms;
	while (vm->containers)
		registry_container_remove(r, vm->containers);
	tell(r, VM_REMOVED, vm, NULL);
	while (*at != vm)
		at = &(*at)->next;
	*at = vm->next;
	vm_free(vm);
}

static bool has_ended(enum vm_state state)
{
	return state == VM_STOPPED || state == VM_CRASHED;
}

void registry_vm_set(struct registry *r, struct vm *vm, enum vm_state state, const char *why)
{
	if (vm->state == state && strcmp(vm->why, why ? why : "") == 0)
		return;
	if (vm->state != state)
		vm->since_ms = clock_utc_ms();
	vm->state = state;
	snprintf(vm->why, sizeof vm->why, "%s", why ? why : "");
	for (struct container *c = vm->containers; c && has_ended(state); c = c->next)
		if (c->state == CONTAINER_UP)
			registry_container_set(r, c, CONTAINER_DOWN);
	tell(r, VM_CHANGED, vm, NULL);
}

bool registry_vm_ready(struct registry *r, uint32_t cid)
{
	struct vm *vm = registry_vm_by_cid(r, cid);
	if (!vm || vm->state != VM_STARTING)
		return false;
	registry_vm_set(r, vm, VM_READY, NULL);
	return true;
}

/* ---- containers ---- */

struct container *registry_container(const struct vm *vm, const char *name)
{
	for (struct container *c = vm->containers; c; c = c->next)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static int check_token(const struct vm *vm, const char *name, const char *token, struct error *err)
{
	if (!registry_token_ok(token))
		return error_set(err, ERR_INVALID, "%s: the token is not a UUID in lower case",
				 name);
	for (const struct container *c = vm->containers; c; c = c->next)
		if (same_token(c->token, token))
			return error_set(err, ERR_CONFLICT,
					 "%s: the container %s has this token already", name,
					 c->name);
	return 0;
}

int registry_container_add(struct registry *r, struct vm *vm, const char *name, const char *token,
			   struct container **ret, struct error *err)
{
	struct container **end = &vm->containers;
	int e = check_name("container", name, err);
	if (e == 0 && registry_container(vm, name))
		e = error_set(err, ERR_CONFLICT, "%s has a container %s already", vm->name, name);
	if (e == 0 && token)
		e = check_token(vm, name, token, err);
	if (e)
		return e;
	while (*end)
		end = &(*end)->next;
	struct container *c = *end = xcalloc(sizeof *c);
	c->vm = vm;
	snprintf(c->name, sizeof c->name, "%s", name);
	if (token)
		snprintf(c->token, sizeof c->token, "%s", token);
	else
		new_token(c->token);
	tell(r, CONTAINER_ADDED, vm, c);
	*ret = c;
	return 0;
}

void registry_container_remove(struct registry *r, struct container *c)
{
	struct container **at = &c->vm->containers;
	if (c->state == CONTAINER_UP)
		registry_container_set(r, c, CONTAINER_DOWN);
	tell(r, CONTAINER_REMOVED, c->vm, c);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	container_free(c);
}

static struct vm *machine_of(const struct registry *r, uint32_t cid, const char *token)
{
	if (cid != 0)
		return registry_vm_by_cid(r, cid);
	for (struct vm *vm = r->vms; vm; vm = vm->next)
		if (same_token(vm->token, token))
			return vm;
	return NULL;
}

struct container *registry_by_token(const struct registry *r, uint32_t cid, const char *token)
{
	const struct vm *vm = registry_token_ok(token) ? machine_of(r, cid, token) : NULL;
	for (struct container *c = vm ? vm->containers : NULL; c; c = c->next)
		if (same_token(c->token, token))
			return c;
	return NULL;
}

void registry_container_set(struct registry *r, struct container *c, enum container_state state)
{
	bool same = c->state == state;
	c->state = state;
	if (state != CONTAINER_UP) {
		c->n_pending = 0;
		c->free_bytes = 0;
		registry_applications(r, c, NULL);
		forget_lists(c);
	}
	if (!same)
		tell(r, CONTAINER_CHANGED, c->vm, c);
}

/* ---- what a container told ---- */

/* A copy that is ours, by way of the wire. */
static void *copy_message(const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	CLEANUP(free_charp) char *bytes = malloc(n + 1);
	if (!bytes)
		abort();
	protobuf_c_message_pack(m, (uint8_t *)bytes);
	void *copy = protobuf_c_message_unpack(m->descriptor, NULL, n, (const uint8_t *)bytes);
	if (!copy)
		abort();
	return copy;
}

void registry_applications(struct registry *r, struct container *c,
			   const VmTools__Container__UpdateApplicationListRequest *list)
{
	VmTools__Container__UpdateApplicationListRequest *before = c->applications;
	if (!before && !list)
		return;
	c->applications = list ? copy_message(&list->base) : NULL;
	if (before)
		vm_tools__container__update_application_list_request__free_unpacked(before, NULL);
	tell(r, CONTAINER_APPLICATIONS, c->vm, c);
}

void registry_mime_types(struct container *c,
			 const VmTools__Container__UpdateMimeTypesRequest *types)
{
	if (c->mime_types)
		vm_tools__container__update_mime_types_request__free_unpacked(c->mime_types, NULL);
	c->mime_types = copy_message(&types->base);
}

void registry_low_disk(struct registry *r, struct container *c, uint64_t free_bytes)
{
	c->free_bytes = free_bytes;
	tell(r, CONTAINER_LOW_DISK, c->vm, c);
}
