/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests only: a host of machines that do not exist. Each line of stdin is a JSON object,
 *
 *   {"put": {"key", "kind", "name", "parent", "os_version", "attributes", "inventory"}}
 *   {"gone": KEY}   {"complete": true}   {"status": true}
 *   {"done": ID, "message": TEXT, "result": {…}}   {"failed": ID, "message": TEXT}
 *
 * and each command for a machine is one on stdout: {"command": ID, "key", "type", "params"}. The end of stdin
 * ends it.
 *
 *   fleet-testhost STATE_DIR SERVER [ENROLLMENT_TOKEN]
 */
#include "base/buf.h"
#include "vm/fleet/fleet.h"
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LINE_MAX (1u << 20)

static struct loop *loop;
static struct fleet *fleet;
static struct buf input;

static void say(json_t *steals)
{
	char *text = json_text(steals);
	printf("%s\n", text);
	fflush(stdout);
	free(text);
	json_decref(steals);
}

static void on_command(void *user, const struct fleet_command *c)
{
	say(json_pack("{s:I, s:s, s:s, s:O}", "command", (json_int_t)c->id, "key", c->key, "type",
		      c->type, "params", c->params));
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void put(const json_t *o)
{
	const struct fleet_child c = { .key = text_of(o, "key"),
				       .kind = text_of(o, "kind"),
				       .name = text_of(o, "name"),
				       .parent_key = text_of(o, "parent"),
				       .os_version = text_of(o, "os_version"),
				       .attributes = json_object_get(o, "attributes"),
				       .inventory = json_object_get(o, "inventory") };
	if (!fleet_child_put(fleet, &c))
		say(json_pack("{s:s}", "no_room", c.key));
}

static void status(void)
{
	struct fleet_status s;
	fleet_status(fleet, &s);
	say(json_pack("{s:b, s:I, s:b, s:s, s:i}", "enrolled", s.enrolled, "device",
		      (json_int_t)s.device_id, "unenrolled", s.unenrolled, "trouble", s.trouble,
		      "children", (int)s.n_children));
}

static void obey(struct span line)
{
	AUTO_JSON j = NULL;
	struct error err;
	if (json_parse(line, &j, &err) != 0)
		return;
	json_int_t done = json_integer_value(json_object_get(j, "done"));
	json_int_t failed = json_integer_value(json_object_get(j, "failed"));
	if (json_object_get(j, "put"))
		put(json_object_get(j, "put"));
	else if (text_of(j, "gone"))
		fleet_child_gone(fleet, text_of(j, "gone"));
	else if (json_object_get(j, "complete"))
		fleet_children_complete(fleet);
	else if (done || failed)
		fleet_command_done(fleet, done ? done : failed, done != 0, text_of(j, "message"),
				   json_incref(json_object_get(j, "result")));
	else
		status();
}

static void on_input(void *user, uint32_t events)
{
	char chunk[65536];
	ssize_t n = read(0, chunk, sizeof chunk);
	if (n <= 0) {
		loop_quit(loop);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (chunk[i] != '\n') {
			buf_add_char(&input, chunk[i]);
			continue;
		}
		obey(buf_span(&input));
		buf_reset(&input);
	}
}

int main(int argc, char **argv)
{
	struct loop_io io = { .fd = 0, .fn = on_input };
	struct error err = { 0 };
	if (argc < 3 || loop_new(&loop) < 0)
		return 2;
	const struct fleet_options o = { .loop = loop,
					 .state_dir = argv[1],
					 .server = argv[2],
					 .enrollment_token = argc > 3 ? argv[3] : NULL,
					 .name = "testhost",
					 .on_command = on_command };
	if (fleet_open(&o, &fleet, &err) != 0) {
		fprintf(stderr, "fleet-testhost: %s\n", err.message);
		return 1;
	}
	buf_init(&input, LINE_MAX);
	int r = loop_add(loop, &io, EPOLLIN);
	if (r == 0)
		r = loop_run(loop);
	fleet_close(fleet);
	buf_fini(&input);
	loop_free(loop);
	return r < 0;
}
