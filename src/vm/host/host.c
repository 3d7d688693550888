/* SPDX-License-Identifier: Apache-2.0
 *
 * The host's parts and their life, see host.h.
 */
#include "vm/host/host.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/utf8.h"
#include "vm/host/garcon.h"
#include "vm/host/listener.h"
#include "vm/host/menu.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTICE_TEXT_MAX 500 /* characters */

/* ---- ports ---- */

static void after_call(const struct grpc_peer *peer, const struct grpc_method *m,
		       enum grpc_code code, int64_t duration_ms, void *user)
{
	log_limited(code == GRPC_OK ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "call",
		    F_STR("method", m ? m->path : "?"), F_STR("code", grpc_code_name(code)),
		    F_STR("peer", peer->text), F_INT("ms", duration_ms));
}

static struct port *new_port(struct host *h, uint32_t cid, const char *token)
{
	static const struct grpc_method *const tables[] = {
		listener_methods,      listener_open_methods, listener_notice_methods,
		listener_disk_methods, startup_methods,       NULL
	};
	struct port *port = calloc(1, sizeof *port);
	if (!port)
		abort();
	const struct grpc_server_options o = {
		.tables = tables, .after = after_call, .user = port, .token = token
	};
	*port = (struct port){ .host = h, .next = h->ports, .cid = cid };
	port->server = grpc_server_new(h->loop, &o);
	h->ports = port;
	return port;
}

static int listen_at(struct port *port, const char *address, struct endpoint *ret_bound,
		     struct error *err)
{
	char text[ENDPOINT_TEXT_SIZE];
	struct endpoint bound;
	int r = grpc_server_listen(port->server, address, 0600, &bound, err);
	if (r)
		return r;
	log_info("listening", F_STR("address", endpoint_format(&bound, text)),
		 F_INT("cid", port->cid));
	if (ret_bound)
		*ret_bound = bound;
	return 0;
}

int port_open(struct host *h, const struct port_spec *spec, struct port **ret,
	      struct endpoint *ret_bound, struct error *err)
{
	struct port *port = new_port(h, spec->cid, spec->token);
	int r = listen_at(port, spec->address, ret_bound, err);
	if (r)
		port_close(h, port);
	else
		*ret = port;
	return r;
}

/* It has stopped, or is closed before that: a machine's, that ended meanwhile. */
static void port_ended(struct port *port)
{
	struct host *h = port->host;
	if (!port->stopping)
		return;
	port->stopping = false;
	if (--h->stopping.n_ports == 0)
		h->stopping.fn(h->stopping.user);
}

void port_close(struct host *h, struct port *port)
{
	struct port **at = &h->ports;
	while (*at != port)
		at = &(*at)->next;
	*at = port->next;
	grpc_server_free(port->server);
	port_ended(port);
	free(port);
}

static int open_main_port(struct host *h, struct error *err)
{
	static const struct option_list standard = { .items = { "vsock:8889", "vsock:7777" },
						     .n = 2 };
	const struct option_list *list = h->options.listen.n ? &h->options.listen : &standard;
	struct port *port = new_port(h, 0, NULL);
	int r = 0;
	for (int i = 0; i < list->n && r == 0; i++) {
		struct endpoint bound;
		char text[ENDPOINT_TEXT_SIZE];
		r = listen_at(port, list->items[i], &bound, err);
		if (r == 0)
			buf_addf(&h->addresses, " %s", endpoint_format(&bound, text));
	}
	return r;
}

/* ---- tokens ---- */

/* The file's first line is the token; it is made, 0600, when it is not there. */
static int read_token(const char *path, char token[TOKEN_SIZE], struct error *err)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 256);
	int r = file_read(path, &text);
	if (r == -ENOENT) {
		token[0] = '\0';
		return 0;
	}
	if (r < 0)
		return error_set(err, ERR_INVALID, "%s: %s", path, strerror(-r));
	snprintf(token, TOKEN_SIZE, "%.*s", (int)strcspn(buf_str(&text), "\n"), buf_str(&text));
	if (!registry_token_ok(token))
		return error_set(err, ERR_INVALID,
				 "%s: the first line is not a token, a UUID in lower case", path);
	return 0;
}

static void token_path(const struct host *h, const struct vm *vm, const char *name, struct buf *out)
{
	const struct container_config *c = host_config_container(&h->config, vm->name, name);
	if (c && c->token_file)
		buf_add_str(out, c->token_file);
	else
		buf_addf(out, "%s/tokens/%s/%s", h->options.state, vm->name, name);
}

static int write_token(const char *path, const char *token, struct error *err)
{
	CLEANUP(buf_fini) struct buf folder, text;
	buf_init(&folder, 4096);
	buf_init(&text, 256);
	buf_addf(&folder, "%.*s", (int)(strrchr(path, '/') ? strrchr(path, '/') - path : 1), path);
	buf_addf(&text, "%s\n", token);
	int r = dir_make(buf_str(&folder), 0700);
	if (r == 0)
		r = file_write_atomic(path, buf_span(&text), 0600);
	return r < 0 ? error_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(-r)) : 0;
}

int host_add_container(struct host *h, struct vm *vm, const char *name, struct container **ret,
		       struct error *err)
{
	CLEANUP(buf_fini) struct buf path;
	char token[TOKEN_SIZE];
	buf_init(&path, 4096);
	if (!registry_name_ok(name)) /* before it is part of a path */
		return registry_container_add(h->registry, vm, name, NULL, ret, err);
	token_path(h, vm, name, &path);
	int r = read_token(buf_str(&path), token, err);
	if (r == 0)
		r = registry_container_add(h->registry, vm, name, token[0] ? token : NULL, ret,
					   err);
	if (r == 0 && !token[0]) {
		r = write_token(buf_str(&path), (*ret)->token, err);
		if (r)
			registry_container_remove(h->registry, *ret);
	}
	return r;
}

int host_load_containers(struct host *h, struct vm *vm, struct error *err)
{
	CLEANUP(buf_fini) struct buf path;
	const struct dirent *d;
	struct container *c;
	int r = 0;
	buf_init(&path, 4096);
	buf_addf(&path, "%s/tokens/%s", h->options.state, vm->name);
	DIR *dir = opendir(buf_str(&path));
	while (dir && r == 0 && (d = readdir(dir)))
		if (registry_name_ok(d->d_name) && !registry_container(vm, d->d_name))
			r = host_add_container(h, vm, d->d_name, &c, err);
	if (dir)
		closedir(dir);
	return r;
}

void host_forget_container(struct host *h, struct container *c)
{
	CLEANUP(buf_fini) struct buf path;
	buf_init(&path, 4096);
	token_path(h, c->vm, c->name, &path);
	int r = file_remove(buf_str(&path));
	if (r < 0)
		log_warn("a token's file stays", F_STR("file", buf_str(&path)),
			 F_STR("error", strerror(-r)));
	registry_container_remove(h->registry, c);
}

/* ---- what is configured ---- */

static int add_vm(struct host *h, const struct vm_config *c, struct error *err)
{
	struct port *port;
	struct vm *vm;
	struct container *container;
	int r = registry_vm_add(h->registry, c->name, c->cid, &vm, err);
	if (r)
		return r;
	if (c->disk && !(vm->disk = strdup(c->disk)))
		abort();
	for (size_t i = 0; i < c->n_containers && r == 0; i++)
		r = host_add_container(h, vm, c->containers[i].name, &container, err);
	if (r == 0)
		r = host_load_containers(h, vm, err);
	if (r == 0 && c->listen)
		r = port_open(h, &(struct port_spec){ .address = c->listen, .cid = c->cid }, &port,
			      NULL, err);
	return r;
}

static int add_vms(struct host *h, struct error *err)
{
	int r = 0;
	for (size_t i = 0; i < h->config.n_vms && r == 0; i++)
		r = add_vm(h, &h->config.vms[i], err);
	return r;
}

const struct translation *host_translation(const struct host *h, const struct container *c)
{
	static const struct translation none = { .address = NULL };
	const struct container_config *config =
		host_config_container(&h->config, c->vm->name, c->name);
	return config ? &config->translation : &none;
}

/* ---- what happens ---- */

/* Desktops read markup in a notification's text, links and pictures too; and people read one line or two. */
static void plain_words(const char *text, struct buf *out)
{
	struct span s = span_str(text);
	uint32_t c;
	for (int n = 0; n < NOTICE_TEXT_MAX && span_get_utf8_lossy(&s, &c); n++)
		if (c == '<')
			buf_add_str(out, "‹");
		else
			utf8_add(out, utf8_is_control(c) ? ' ' : c);
}

void host_notify(struct host *h, const struct container *c, const char *title, const char *text)
{
	CLEANUP(buf_fini) struct buf plain;
	char whole[160];
	buf_init(&plain, NOTICE_TEXT_MAX * 4);
	if (!window_take(&c->vm->notices, clock_mono_ms())) {
		log_limited(LOG_LEVEL_INFO, "a notification is left out", F_STR("vm", c->vm->name),
			    F_STR("container", c->name), F_STR("title", title));
		return;
	}
	plain_words(text, &plain);
	snprintf(whole, sizeof whole, "%s: %s", c->name, title);
	const struct hook_event event = { .vm = c->vm->name,
					  .container = c->name,
					  .words = { { "title", whole },
						     { "text", buf_str(&plain) } } };
	hook_fire(&h->hooks, HOOK_NOTIFY, &event);
}

static void on_change(void *user, enum registry_change change, struct vm *vm, struct container *c)
{
	struct host *h = user;
	(void)vm;
	if (change == CONTAINER_APPLICATIONS && h->menu)
		menu_update(h->menu, c);
	if (change == CONTAINER_REMOVED ||
	    (change == CONTAINER_CHANGED && c->state != CONTAINER_UP)) {
		inhibitors_end(h, c);
		garcon_close(c);
	}
}

/* ---- life ---- */

static int open_state(struct host *h, struct error *err)
{
	int r = dir_make(h->options.state, 0700);
	return r < 0 ? error_set(err, ERR_UNAVAILABLE, "%s: %s", h->options.state, strerror(-r))
		     : 0;
}

static int open_menu(struct host *h, struct error *err)
{
	if (!h->options.data_home)
		return 0;
	int r = menu_open(h, h->options.data_home, &h->menu);
	return r < 0 ? error_set(err, ERR_UNAVAILABLE, "%s: no menu: %s", h->options.data_home,
				 strerror(-r))
		     : 0;
}

int host_open(struct host *h, const struct host_options *o, struct error *err)
{
	*h = (struct host){ .options = *o };
	int r = loop_new(&h->loop);
	if (r)
		return r;
	buf_init(&h->addresses, 64 * ENDPOINT_TEXT_SIZE);
	h->registry = registry_new();
	registry_watch(h->registry, on_change, h);
	window_init(&h->opens, OPEN_WINDOW_MS, OPEN_MAX, clock_mono_ms());
	r = host_config_load(&h->config, o->config, err);
	if (r == 0)
		r = hooks_init(&h->hooks, h->loop, o->launcher, h->config.hooks, err);
	if (r == 0)
		r = open_state(h, err);
	if (r == 0)
		r = open_menu(h, err);
	if (r == 0)
		r = add_vms(h, err);
	return r ? r : open_main_port(h, err);
}

static void on_port_stopped(void *user)
{
	port_ended(user);
}

void host_stop(struct host *h, int64_t timeout_ms, void (*stopped)(void *), void *user)
{
	h->stopping.fn = stopped;
	h->stopping.user = user;
	for (struct port *p = h->ports; p; p = p->next) {
		h->stopping.n_ports++;
		p->stopping = true;
		grpc_server_stop(p->server, timeout_ms, on_port_stopped, p);
	}
}

static void close_garcons(struct host *h)
{
	for (struct vm *vm = registry_vms(h->registry); vm; vm = vm->next)
		for (struct container *c = vm->containers; c; c = c->next) {
			inhibitors_end(h, c);
			garcon_close(c);
		}
}

void host_close(struct host *h)
{
	if (!h->loop)
		return;
	while (h->ports)
		port_close(h, h->ports);
	close_garcons(h);
	hooks_fini(&h->hooks);
	menu_close(h->menu);
	registry_free(h->registry);
	host_config_fini(&h->config);
	buf_fini(&h->addresses);
	loop_free(h->loop);
}
