/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of the program: the command, its arguments, where it prints, whom it asks.
 *
 * A command's function returns 0, a positive error with its sentence, or a negative errno; cli_main() says it on
 * stderr and makes the exit code of it.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "reeve/client.h"
#include "reeve/command.h"
#include "reeve/output.h"

struct cli {
	const struct command *command;
	char **args; /* behind noun and verb */
	int n_args;
	struct output out;
	struct arena arena;
	struct client *client; /* made by the first request */
	int exit_code;         /* of a command that worked: 0, or what plan and check say */
};

int cli_main(int argc, char **argv);

/* ---- addresses ---- */

struct url {
	struct buf text;
	bool has_query;
};
/* Each "{}" takes the next argument, percent-encoded. /api/v1 is put in front, and org= behind when --org
 * is given. */
void url_init(struct url *u, const char *pattern, ...);
/* The same without org=: for what belongs to the whole server. */
void url_init_server(struct url *u, const char *pattern, ...);
void url_fini(struct url *u);
void url_param(struct url *u, const char *name, const char *value); /* NULL: left out */
void url_param_int(struct url *u, const char *name, int64_t value);

/* ---- asking ---- */

int cli_client(struct cli *c, struct client **ret, struct error *err) WARN_UNUSED;
/* 'body' is taken over (NULL: none). 'ret' owned, or NULL when no answer is wanted. */
int cli_send(struct cli *c, const char *method, struct url *u, json_t *body, json_t **ret,
	     struct error *err) WARN_UNUSED;
int cli_get(struct cli *c, struct url *u, json_t **ret, struct error *err) WARN_UNUSED;
/* The body of a good answer, whatever it is. */
int cli_fetch(struct cli *c, struct url *u, int fd, struct error *err) WARN_UNUSED;
/* The same into a file (0600) that is there wholly or not at all. */
int cli_download(struct cli *c, struct url *u, const char *path, struct error *err) WARN_UNUSED;
/* Every page of a list (at most 'limit' items, 0: all) to fn(); it returns 0 to go on. */
typedef int cli_page_fn(struct cli *c, const json_t *items, void *user);
int cli_pages(struct cli *c, struct url *u, int64_t limit, cli_page_fn *fn, void *user,
	      struct error *err) WARN_UNUSED;
/* The list printed, at most opt.limit items. */
int cli_list(struct cli *c, struct url *u, const struct view *view, struct error *err) WARN_UNUSED;
/* The thing at the address, printed. */
int cli_show(struct cli *c, struct url *u, const struct view *view, struct error *err) WARN_UNUSED;
/* The id of the one thing that 'ref' names: an id itself, or the "name" of exactly one item of the list. */
int cli_find_id(struct cli *c, struct url *list, const char *what, const char *ref,
		const char **ret_id, struct error *err) WARN_UNUSED;

/* A device by its id, or by the name that no other managed one has: *ref becomes the id. */
int cli_device(struct cli *c, const char **ref, struct error *err) WARN_UNUSED;

/* ---- words ---- */

/* VALUE of the command line: JSON, or a bare word, which is a string. Owned. */
int value_parse(const char *text, json_t **ret, struct error *err) WARN_UNUSED;
/* "k=v" items into an object; the values as above. */
int values_parse(const struct option_list *items, json_t **ret, struct error *err) WARN_UNUSED;
/* Puts a string in, when there is one. */
void body_str(json_t *body, const char *key, const char *value);
/* "24h" of --expires, when given. */
void body_expires(json_t *body);
