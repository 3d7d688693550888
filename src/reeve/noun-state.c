/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve plan, apply, export: the desired state as files.
 */
#include "reeve/cli.h"
#include "reeve/documents.h"
#include "reeve/nouns.h"
#include "reeve/text.h"

#define EXIT_PENDING 2 /* of plan: changes are pending (commands.md) */

static const struct op_word {
	const char *op, *sign;
	enum color color;
} op_words[] = {
	{ "add", "+", COLOR_GREEN },
	{ "change", "~", COLOR_YELLOW },
	{ "delete", "-", COLOR_RED },
};

static const struct op_word *op_word(const json_t *change)
{
	const char *op = json_string_value(json_object_get(change, "op"));
	for (size_t i = 0; op && i < ARRAY_SIZE(op_words); i++)
		if (strcmp(op, op_words[i].op) == 0)
			return &op_words[i];
	return &op_words[1];
}

static bool is_there(const json_t *v)
{
	return v && !json_is_null(v);
}

static const char *text_of(const json_t *change, const char *key)
{
	const char *text = json_string_value(json_object_get(change, key));
	return text ? text : "";
}

/* "fleet default/Sales", "device 12", "organization acme" */
static void add_place(struct buf *out, const json_t *change)
{
	const json_t *device = json_object_get(change, "device"),
		     *fleet = json_object_get(change, "fleet");
	if (is_there(device)) {
		buf_add_str(out, "device ");
		value_add(out, device);
	} else if (is_there(fleet)) {
		buf_add_str(out, "fleet ");
		value_add(out, fleet);
	} else {
		buf_addf(out, "organization %s", text_of(change, "organization"));
	}
}

/* The setting or key; nothing when the place itself comes or goes. */
static void add_what(struct buf *out, const json_t *change)
{
	const char *kind = text_of(change, "kind"), *name = text_of(change, "name");
	bool itself =
		strcmp(kind, "fleet") == 0 || strcmp(name, text_of(change, "organization")) == 0;
	buf_add_str(out, itself ? "" : name);
}

static void add_values(struct buf *out, const json_t *change)
{
	const json_t *before = json_object_get(change, "before"),
		     *after = json_object_get(change, "after");
	CLEANUP(free_charp) char *old = json_text(before);
	CLEANUP(free_charp) char *new = json_text(after);
	buf_add_str(out, is_there(before) ? old : "");
	buf_add_str(out, is_there(before) && is_there(after) ? " → " : "");
	buf_add_str(out, is_there(after) ? new : "");
}

static void add_change(struct table *t, const json_t *change)
{
	void (*const parts[])(struct buf *, const json_t *) = { add_place, add_what, add_values };
	const struct op_word *op = op_word(change);
	table_cell(t, op->sign, op->color);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		CLEANUP(buf_fini) struct buf text;
		buf_init(&text, 64u << 10);
		parts[i](&text, change);
		table_cell(t, buf_str(&text), i == 1 ? op->color : COLOR_NONE);
	}
}

struct counts {
	int64_t add, change, delete;
};

static int read_counts(const json_t *plan, struct counts *ret, struct error *err)
{
	int r = json_read_int(plan, "add", true, &ret->add, err);
	if (r == 0)
		r = json_read_int(plan, "change", true, &ret->change, err);
	return r ? r : json_read_int(plan, "delete", true, &ret->delete, err);
}

static int print_changes(struct cli *c, const json_t *plan, const struct counts *n, bool applied)
{
	struct table t;
	size_t i;
	json_t *change;
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 64u << 20);
	table_init(&t);
	for (int k = 0; k < 4; k++)
		table_column(&t, NULL, k == 3 ? COLUMN_ELASTIC : COLUMN_TEXT);
	json_array_foreach (json_object_get(plan, "changes"), i, change)
		add_change(&t, change);
	table_render(&t, c->out.width, 0, c->out.color, &out);
	table_fini(&t);
	if (n->add + n->change + n->delete == 0)
		buf_add_str(&out, applied ? "Nothing to do: everything is as the files say.\n"
					  : "No changes: everything is as the files say.\n");
	else
		buf_addf(&out,
			 applied ? "Applied: %lld added, %lld changed, %lld deleted.\n"
				 : "Plan: %lld to add, %lld to change, %lld to delete.\n",
			 (long long)n->add, (long long)n->change, (long long)n->delete);
	return output_write(&c->out, &out);
}

/* Each mistake on a line, with the file that it is in. */
static void print_mistakes(const json_t *mistakes, const struct documents *d)
{
	size_t i;
	json_t *m;
	json_array_foreach ((json_t *)mistakes, i, m) {
		int64_t number = json_integer_value(json_object_get(m, "document"));
		const char *origin = json_string_value(
			json_array_get(d->origins, number > 0 ? (size_t)number - 1 : SIZE_MAX));
		CLEANUP(buf_fini) struct buf line, clean;
		buf_init(&line, 64u << 10);
		buf_init(&clean, 64u << 10);
		buf_addf(&line, "%s: %s%s%s: %s", origin ? origin : "a document",
			 text_of(m, "path"), *text_of(m, "path") && *text_of(m, "key") ? " " : "",
			 text_of(m, "key"), text_of(m, "detail"));
		text_add_clean(&clean, buf_str(&line));
		fprintf(stderr, "%s\n", buf_str(&clean));
	}
}

static int send_documents(struct cli *c, const char *pattern, const struct documents *d,
			  json_t **ret, struct error *err)
{
	struct client *client;
	struct url u;
	int r = cli_client(c, &client, err);
	if (r != 0)
		return r;
	json_t *body = json_pack("{s:O}", "documents", d->all);
	if (opt.prune)
		json_object_set_new(body, "prune", json_true());
	url_init(&u, pattern);
	r = cli_send(c, "POST", &u, body, ret, err);
	url_fini(&u);
	if (r > 0)
		print_mistakes(client_mistakes(client), d);
	return r;
}

static int run(struct cli *c, const char *pattern, bool applied, struct error *err)
{
	AUTO_JSON answer = NULL;
	CLEANUP(documents_fini) struct documents d;
	struct counts n = { 0 };
	int r = documents_read(c->args, c->n_args, &d, err);
	if (r == 0)
		r = send_documents(c, pattern, &d, &answer, err);
	if (r == 0)
		r = read_counts(answer, &n, err);
	if (r != 0)
		return r;
	if (!applied && n.add + n.change + n.delete > 0)
		c->exit_code = EXIT_PENDING;
	if (c->out.format != FORMAT_TABLE)
		return output_object(&c->out, NULL, answer);
	return print_changes(c, answer, &n, applied);
}

static int plan(struct cli *c, struct error *err)
{
	int r = run(c, "/plan", false, err);
	return r == ERR_INVALID ? ERR_INTERNAL : r; /* exit code 2 means that changes are pending */
}

static int apply(struct cli *c, struct error *err)
{
	return run(c, "/apply", true, err);
}

static int export(struct cli *c, struct error *err)
{
	AUTO_JSON answer = NULL;
	json_t *documents = NULL;
	struct url u;
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 256u << 20);
	url_init(&u, "/export");
	int r = cli_get(c, &u, &answer, err);
	url_fini(&u);
	if (r == 0)
		r = json_read_array(answer, "documents", true, &documents, err);
	if (r != 0)
		return r;
	if (c->out.format == FORMAT_JSON)
		return output_object(&c->out, NULL, documents);
	if (c->out.format == FORMAT_CSV)
		return error_set(err, ERR_INVALID,
				 "export has no table form; use -o yaml or -o json");
	documents_add(&out, documents);
	return output_write(&c->out, &out);
}

static const struct option options[] = {
	{ 0, "prune", OPTION_FLAG, NULL, "delete what the files do not name", &opt.prune, NULL },
	OPTIONS_END,
};

static const char about_files[] =
	"The files are YAML (or JSON), several documents each if need be; \"-\" is standard input. "
	"\"reeve export\" shows what a document looks like. What no file names stays as it is, but the settings of a "
	"fleet or device that is named are complete: one that is missing there is unset.";

static const struct command plan_commands[] = {
	{ NULL, "FILE…", options, "POST /plan", "settings:read", plan,
	  "Show what applying the files would change", about_files },
	{ .doc = NULL },
};
static const struct command apply_commands[] = {
	{ NULL, "FILE…", options, "POST /apply", "settings:write", apply,
	  "Make the desired state what the files say, all or nothing", about_files },
	{ .doc = NULL },
};
static const struct command export_commands[] = {
	{ NULL, NULL, NULL, "GET /export", "settings:read", export,
	  "Print the desired state as YAML that apply takes", NULL },
	{ .doc = NULL },
};

const struct noun noun_plan = { "plan", "Show what files of desired state would change",
				plan_commands,
				"  reeve plan fleet.yaml && echo nothing pending\n" };
const struct noun noun_apply = {
	"apply", "Apply files of desired state", apply_commands,
	"  reeve apply fleet.yaml\n"
	"  reeve export | sed s/old.example/new.example/ | reeve apply -\n"
};
const struct noun noun_export = { "export", "Print the desired state as YAML", export_commands,
				  "  reeve export > fleet.yaml\n" };
