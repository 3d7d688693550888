/* SPDX-License-Identifier: Apache-2.0
 *
 * What is to be done next, and what a restart changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vm/fleet/book.h"

static struct book b;

static int begin(void **state)
{
	book_init(&b);
	return 0;
}

static int end(void **state)
{
	book_fini(&b);
	return 0;
}

static struct book_child *put(const char *key, const char *kind, const char *parent,
			      const char *state)
{
	AUTO_JSON attributes = state ? json_pack("{s:s}", "vm.state", state) : NULL;
	return book_put(&b, &(struct fleet_child){ .key = key,
						   .kind = kind,
						   .parent_key = parent,
						   .attributes = attributes });
}

/* As the server's answer does it. */
static void enrolled(const char *key, int64_t id)
{
	struct book_child *c = book_find(&b, key);
	assert_non_null(c);
	c->id = id;
	c->token = strdup("token");
	c->version = 1;
}

static void settle(const char *key)
{
	struct book_child *c = book_find(&b, key);
	json_decref(c->sent);
	c->sent = json_deep_copy(c->attributes);
	c->reported = c->version;
	c->inventory_due = false;
}

/* "STEP key" */
static const char *next(void)
{
	static const char *const words[] = {
		[STEP_NONE] = "none",
		[STEP_ENROLL] = "enroll",
		[STEP_GONE] = "gone",
		[STEP_PUT] = "put",
		[STEP_LEAVE] = "leave",
		[STEP_RESULT] = "result",
		[STEP_ATTRIBUTES] = "attributes",
		[STEP_INVENTORY] = "inventory",
		[STEP_TAKE] = "take",
		[STEP_REPORT] = "report",
		[STEP_SEEN] = "seen",
	};
	static char text[300];
	struct book_todo t = book_next(&b, true, 1000);
	snprintf(text, sizeof text, "%s%s%s", words[t.step], t.child ? " " : "",
		 t.child ? t.child->key : "");
	return text;
}

static void test_order(void **state)
{
	put("box", "container", "web", NULL);
	put("web", "vm", NULL, "running");
	assert_string_equal(next(), "enroll");
	book_enrolled(&b, "https://a", 1, "t");
	assert_string_equal(next(), "put web"); /* what it runs in is first */
	enrolled("web", 2);
	assert_string_equal(next(), "put box");
	enrolled("box", 3);
	b.host.version = 1;
	assert_string_equal(next(), "report ");
	b.host.reported = 1;
	assert_string_equal(next(), "report box");
	settle("box");
	assert_string_equal(next(), "attributes web");
	settle("web");
	assert_string_equal(next(), "seen web");
	book_find(&b, "web")->seen_at = 5000;
	assert_string_equal(next(), "none");
	assert_int_equal(book_next(&b, true, 1000).wake_at, 5000);
	const struct book_row row = { 3, 1, 1, "box", true };
	book_row(&b, &row);
	assert_string_equal(next(), "take box");
	assert_true(book_take(&b, "box", 9, "launch", NULL));
	book_find(&b, "box")->commands = 0;
	assert_string_equal(next(), "none");
	book_finish(book_command(&b, 9), true, "", NULL);
	assert_string_equal(next(), "result box");
	book_over(&b, 9);
	assert_string_equal(next(), "none");
	book_gone(&b, "web"); /* and the box in it */
	assert_int_equal(b.n, 0);
	assert_int_equal(b.n_gone, 2);
	put("web", "vm", NULL, NULL);
	assert_string_equal(next(), "gone"); /* before the new one of that name */
	b.n_gone = 0;
	assert_true(book_take(&b, "", 10, "unenroll", NULL));
	book_finish(book_command(&b, 10), true, "", NULL);
	b.leaving = true;
	assert_string_equal(next(), "result "); /* it says so before */
	book_over(&b, 10);
	assert_string_equal(next(), "leave ");
}

static void test_differences_only(void **state)
{
	book_enrolled(&b, "https://a", 1, "t");
	b.host.reported = b.host.version = 1;
	put("web", "vm", NULL, "running");
	enrolled("web", 2);
	settle("web");
	book_find(&b, "web")->seen_at = INT64_MAX;
	put("web", "vm", NULL, "running");
	assert_string_equal(next(), "none");
	struct book_child *c = put("web", "vm", NULL, NULL);
	assert_string_equal(next(), "attributes web");
	AUTO_JSON delta = book_attributes_delta(c);
	char *text = json_text(delta);
	assert_string_equal(text, "{\"vm.state\":\"\"}");
	free(text);
	AUTO_JSON inventory = json_pack("{s:[s]}", "applications", "gimp");
	const struct fleet_child n = { .key = "web", .kind = "vm", .inventory = inventory };
	settle("web");
	book_put(&b, &n);
	assert_string_equal(next(), "inventory web");
	settle("web");
	book_put(&b, &n);
	assert_string_equal(next(), "none");
	/* another kind of machine enrolls anew */
	put("web", "container", NULL, NULL);
	assert_string_equal(next(), "put web");
}

static void test_what_a_machine_says_is_cleaned(void **state)
{
	AUTO_JSON given = json_pack("{s:s, s:i, s:s}", "a", "x\ny\033[31m", "n", 1, "e", "");
	struct book_child *c = book_put(
		&b, &(struct fleet_child){
			    .key = "k", .kind = "vm", .name = "\x01n", .attributes = given });
	assert_string_equal(json_string_value(json_object_get(c->attributes, "a")), "x y [31m");
	assert_int_equal(json_object_size(c->attributes), 1);
	assert_string_equal(json_string_value(json_object_get(c->facts, "name")), " n");
	assert_null(book_put(&b, &(struct fleet_child){ .key = "\xff", .kind = "vm" }));
	assert_null(book_put(&b, &(struct fleet_child){ .key = "", .kind = "vm" }));
	char key[BOOK_KEY_SIZE + 1];
	memset(key, 'k', sizeof key - 1);
	key[sizeof key - 1] = '\0';
	assert_null(book_put(&b, &(struct fleet_child){ .key = key, .kind = "vm" }));
	for (int i = 0; i < FLEET_CHILDREN_MAX + 5; i++) {
		snprintf(key, sizeof key, "m%d", i);
		(void)put(key, "vm", NULL, NULL);
	}
	assert_int_equal(b.n, FLEET_CHILDREN_MAX);
}

static void test_list(void **state)
{
	book_enrolled(&b, "https://a", 1, "t");
	put("web", "vm", NULL, NULL);
	enrolled("web", 2);
	settle("web");
	const struct book_row rows[] = { { 0, 3, 0, "", true },
					 { 2, 1, 0, "web", false },
					 { 9, 1, 0, "unknown", true } };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		book_row(&b, &rows[i]);
	assert_int_equal(b.host.version, 3);
	assert_true(book_find(&b, "web")->refused);
	assert_int_equal(b.n_gone, 0); /* who knows what is put later */
	book_complete(&b);
	book_row(&b, &rows[2]);
	assert_int_equal(b.n_gone, 1);
	b.host.reported = 3;
	b.n_gone = 0;
	put("web", "vm", NULL, "running");
	assert_string_equal(next(), "none"); /* unenrolled: nothing is sent */
}

static void test_restart(void **state)
{
	struct error err;
	book_enrolled(&b, "https://a", 1, "secret");
	put("web", "vm", NULL, "running");
	put("old", "vm", NULL, NULL);
	enrolled("web", 2);
	enrolled("old", 4);
	settle("web");
	book_gone_id(&b, 77);
	assert_true(book_take(&b, "web", 5, "launch", NULL));
	assert_true(book_take(&b, "web", 6, "launch", NULL));
	assert_true(book_take(&b, "web", 7, "launch", NULL));
	assert_false(book_take(&b, "web", 7, "launch", NULL));
	book_finish(book_command(&b, 6), true, "fine", json_pack("{s:i}", "code", 0));
	book_over(&b, 7);
	AUTO_JSON saved = book_to_json(&b);
	book_fini(&b);
	book_init(&b);
	assert_int_equal(book_from_json(&b, saved, &err), 0);
	assert_false(book_command(&b, 5)->done); /* nobody knows whether it was run */
	assert_true(book_command(&b, 6)->done);
	assert_string_equal(book_command(&b, 6)->message, "fine");
	assert_false(book_take(&b, "web", 7, "launch", NULL)); /* run before */
	assert_int_equal(book_command(&b, 7)->state, BOOK_FINISHED);
	assert_string_equal(b.host.token, "secret");
	assert_int_equal(b.gone[0], 77);
	put("web", "vm", NULL, "running");
	assert_int_equal(book_find(&b, "web")->id, 2); /* the same: it does not enroll again */
	book_complete(&b);
	assert_null(book_find(&b, "old"));
	assert_int_equal(b.gone[1], 4);
	AUTO_JSON bad = json_pack("{s:s}", "server", "x");
	struct book other;
	book_init(&other);
	assert_int_equal(book_from_json(&other, bad, &err), ERR_INVALID);
	book_fini(&other);
}

static void test_bounded(void **state)
{
	for (int i = 1; i <= FLEET_COMMANDS_MAX + 3; i++)
		assert_int_equal(book_take(&b, "", i, "ping", NULL), i <= FLEET_COMMANDS_MAX);
	assert_false(book_room(&b));
	for (int i = 1; i <= BOOK_GONE_MAX + 3; i++)
		book_gone_id(&b, i);
	assert_int_equal(b.n_gone, BOOK_GONE_MAX);
	for (int i = 1; i <= 2 * BOOK_REMEMBERED; i++) {
		book_over(&b, i);
		(void)book_take(&b, "", i + FLEET_COMMANDS_MAX, "ping", NULL);
	}
	assert_int_equal(b.n_ran, BOOK_REMEMBERED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, begin, end),
		cmocka_unit_test_setup_teardown(test_differences_only, begin, end),
		cmocka_unit_test_setup_teardown(test_what_a_machine_says_is_cleaned, begin, end),
		cmocka_unit_test_setup_teardown(test_list, begin, end),
		cmocka_unit_test_setup_teardown(test_restart, begin, end),
		cmocka_unit_test_setup_teardown(test_bounded, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
